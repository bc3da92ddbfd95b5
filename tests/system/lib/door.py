# SPDX-License-Identifier: MIT
"""A running daemon: started with a configuration, asked, signalled, stopped."""

import http.client
import json
import os
import pathlib
import re
import signal
import socket
import ssl
import subprocess

from .wait import until

STOP_TIMEOUT = 40
SANITIZER = re.compile(r"AddressSanitizer|LeakSanitizer|runtime error:|UndefinedBehavior")


class HeldPort:
    """A port nobody else gets: bound with SO_REUSEADDR and SO_REUSEPORT and never listening, so that
    the door, which binds with both too, is the only one that accepts on it."""

    def __init__(self, ip="127.0.0.1"):
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self.socket.bind((ip, 0))
        self.number = self.socket.getsockname()[1]

    def close(self):
        self.socket.close()


class _UnixHttp(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=30)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Door:
    """
    sites     mapping for `sites:`, written as JSON (which is YAML)
    extra     mapping of further top-level keys
    names     DNS names to have one certificate for, written to `certs`; None: no certificate
    dns       a DnsServer to ask
    start     False: only write the configuration
    """

    def __init__(self, binary, folder, authority, sites=None, extra=None, names=None, dns=None,
                 workers=2, start=True, environment=None, preexec=None):
        self.binary = binary
        self.folder = pathlib.Path(folder)
        self.folder.mkdir()
        self.authority = authority
        self.certs = self.folder / "certs"
        self.certs.mkdir()
        self.config = self.folder / "hivedoor.yml"
        self.admin_path = self.folder / "admin.sock"
        self.log_path = self.folder / "stdout.log"
        self.error_path = self.folder / "stderr.log"
        self.http = HeldPort()
        self.https = HeldPort()
        self.environment = environment or {}
        self.preexec = preexec
        self.process = None
        self.workers = workers
        self.dns = dns
        self.serial = authority.write(self.certs, names) if names else None
        self.settings = {}
        self.configure(sites or {}, **(extra or {}))
        if start:
            self.start()

    # ---- configuration ----

    def configure(self, sites, **extra):
        """Writes the configuration (by renaming, as editors do); does not ask for a reload."""
        self.settings = {
            "version": 1,
            "workers": self.workers,
            "listen": {"http": f"127.0.0.1:{self.http.number}",
                       "https": f"127.0.0.1:{self.https.number}",
                       "admin": f"unix:{self.admin_path}"},
            "certificates": [str(self.certs)],
            "sites": sites,
            "log": {"access": "json", "level": "debug"},
        }
        if self.dns is not None:
            self.settings["dns"] = {"refresh": "200ms", "servers": [self.dns.address]}
        for key, value in extra.items():
            if isinstance(value, dict) and isinstance(self.settings.get(key), dict):
                self.settings[key] = {**self.settings[key], **value}
            else:
                self.settings[key] = value
        self.write(json.dumps(self.settings, indent=1))

    def write(self, text):
        temporary = self.config.with_suffix(".new")
        temporary.write_text(text)
        temporary.rename(self.config)

    # ---- life ----

    def start(self, wait=True):
        environment = {**os.environ, **self.environment}
        with open(self.log_path, "ab") as out, open(self.error_path, "ab") as err:
            self.process = subprocess.Popen(
                [self.binary, "run", "-c", str(self.config)], stdout=out, stderr=err,
                stdin=subprocess.DEVNULL, env=environment, preexec_fn=self.preexec)
        if wait:
            until(lambda: self.is_ready() or self._fail_if_ended(), "the door is ready")
        return self

    def _fail_if_ended(self):
        if self.process.poll() is not None:
            raise AssertionError(f"the door ended with {self.process.returncode}:\n"
                                 + self.errors() + self.log_path.read_text()[-4000:])
        return False

    def is_ready(self):
        try:
            return self.admin("/readyz")[0] == 200
        except OSError:
            return False

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, timeout=STOP_TIMEOUT):
        return self.process.wait(timeout)

    def stop(self, expect=0):
        """SIGTERM and the end; the exit status must be `expect`."""
        if self.process is not None and self.process.poll() is None:
            self.signal(signal.SIGTERM)
        status = self.wait()
        assert status == expect, f"exit status {status}\n{self.errors()}"

    def close(self):
        """End of the test: whatever is left is ended, and the door must have behaved."""
        try:
            if self.process is not None and self.process.poll() is None:
                self.signal(signal.SIGTERM)
                self.signal(signal.SIGTERM)  # the second one means now
                try:
                    self.wait()
                except subprocess.TimeoutExpired:
                    self.process.kill()
                    self.process.wait()
                    raise AssertionError("the door did not stop") from None
        finally:
            self.http.close()
            self.https.close()
        assert not SANITIZER.search(self.errors()), self.errors()

    # ---- asking ----

    def errors(self):
        return self.error_path.read_text(errors="replace") if self.error_path.exists() else ""

    def log(self, event=None):
        """The records so far, as dictionaries; only those of one event if named."""
        records = []
        text = self.log_path.read_text(errors="replace")
        for line in text[:text.rfind("\n") + 1].splitlines():  # the last may be half written yet
            if line.startswith("{"):
                record = json.loads(line)
                if event is None or record.get("event") == event:
                    records.append(record)
        return records

    def wait_log(self, event, count=1, **fields):
        """Waits for `count` records of this event whose fields have these values."""
        def found():
            records = [r for r in self.log(event)
                       if all(r.get(k) == v for k, v in fields.items())]
            return records if len(records) >= count else None
        return until(found, f"{count} log records {event} {fields}")

    def admin(self, path, method="GET"):
        """(status, body text) from the admin address."""
        connection = _UnixHttp(self.admin_path)
        try:
            connection.request(method, path)
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    def state(self):
        return json.loads(self.admin("/state")[1])

    def metric(self, name, **labels):
        """Sum of the samples of a metric (without its prefix) that carry these labels."""
        total = 0.0
        for line in self.admin("/metrics")[1].splitlines():
            match = re.match(r"hivedoor_(\w+)(?:\{(.*)\})? (\S+)$", line)
            if match and match[1] == name and all(
                    f'{k}="{v}"' in (match[2] or "") for k, v in labels.items()):
                total += float(match[3])
        return total

    def run(self, *arguments, **options):
        """A hivedoor command; gives the CompletedProcess with text."""
        return subprocess.run([self.binary, *map(str, arguments)], capture_output=True, text=True,
                              timeout=60, **options)

    def pids(self, role):
        """Pids of the running processes of a role, in the order of their index."""
        processes = [p for p in self.state()["processes"] if p["role"] == role and p["pid"] > 0]
        return [p["pid"] for p in sorted(processes, key=lambda p: p.get("index", 0))]

    def reload(self, outcome="ok"):
        """SIGHUP, and waits until it is done with this outcome. "ok" may also be "unchanged": the
        door watches its files, and may have taken them a moment before the signal came."""
        before = sum(r["cause"] == "signal" for r in self.log("reload_done"))
        self.signal(signal.SIGHUP)
        record = self.wait_log("reload_done", before + 1, cause="signal")[-1]
        assert record["outcome"] in {outcome, "unchanged" if outcome == "ok" else outcome}, record

    # ---- clients ----

    def connect(self, port="http"):
        """A plain TCP connection to one of the ports."""
        return socket.create_connection(("127.0.0.1", getattr(self, port).number), timeout=30)

    def tls_context(self):
        context = ssl.create_default_context(cafile=str(self.authority.ca))
        context.set_alpn_protocols(["http/1.1"])
        return context

    def connect_tls(self, name, context=None, session=None, ragged=True):
        """`ragged`: a TCP end without the end of TLS is an end, as most clients take it."""
        context = context or self.tls_context()
        return context.wrap_socket(self.connect("https"), server_hostname=name, session=session,
                                   suppress_ragged_eofs=ragged)

    def https_connection(self, name, timeout=30):
        """An http.client connection to a site, verified with the authority's certificate."""
        connection = http.client.HTTPSConnection(name, self.https.number, timeout=timeout,
                                                 context=self.tls_context())
        address = ("127.0.0.1", self.https.number)
        connection._create_connection = lambda _, *a: socket.create_connection(address, *a)
        return connection

    def get(self, name, path="/", method="GET", body=None, headers=None, tls=True):
        """One request on a connection of its own: (status, headers, body bytes)."""
        if tls:
            connection = self.https_connection(name)
        else:
            connection = http.client.HTTPConnection("127.0.0.1", self.http.number, timeout=30)
            headers = {"Host": name, **(headers or {})}
        try:
            connection.request(method, path, body=body, headers=headers or {})
            response = connection.getresponse()
            return response.status, response.headers, response.read()
        finally:
            connection.close()

    def curl(self, *arguments, name="a.test"):
        """Debian's curl with the authority trusted and every name led to the door."""
        command = ["curl", "-sS", "--max-time", "60", "--cacert", str(self.authority.ca),
                   "--connect-to", f"{name}:443:127.0.0.1:{self.https.number}",
                   "--connect-to", f"{name}:80:127.0.0.1:{self.http.number}", *map(str, arguments)]
        return subprocess.run(command, capture_output=True, timeout=90)
