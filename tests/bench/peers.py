# SPDX-License-Identifier: MIT
"""The proxies that are measured, on equal terms: one worker on one processor, the same certificate,
TLS 1.3 with AES-128-GCM and X25519 (which the load asks for), kept connections to the service, no
access log, X-Forwarded-For and -Proto set."""

import json
import os
import pathlib
import resource
import signal
import socket
import subprocess
import time

HERE = pathlib.Path(__file__).resolve().parent
PATIENCE = 60


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def wait_open(port, process, name, ip="127.0.0.1", patience=PATIENCE):
    """Until the port takes connections; a process that ended says why."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        if process.poll() is not None:
            raise SystemExit(f"{name} ended with {process.returncode}; see its output.log")
        try:
            socket.create_connection((ip, port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.01)
    raise SystemExit(f"{name} did not open port {port} in {patience} s")


class Peer:
    """A proxy that runs: `port` speaks HTTPS (the relay's plain TCP).

    certs     a folder of files with chain and key each
    sites     site: its file there; else a.test with the folder's only one
    """

    name = ""

    def __init__(self, folder, tools, origin, certs, core, sites=None):
        self.folder = pathlib.Path(folder) / self.name
        self.folder.mkdir(parents=True, exist_ok=True)
        self.tools, self.origin, self.certs, self.core = tools, origin, certs, core
        self.sites = sites or {"a.test": certs / "a.pem"}
        self.port = free_port()
        self.process = None
        self.patience = PATIENCE

    def command(self):
        raise NotImplementedError

    def fill(self, template, **values):
        """A configuration of the tree with its @NAMES@ replaced."""
        path = self.folder / template
        path.write_text(self.filled((HERE / template).read_text(), **values))
        return path

    def filled(self, text, **values):
        files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        for key, value in {"PORT": self.port, "FILES": files, "CONNECTIONS": files // 2 + 4000,
                           "ORIGIN": self.origin, "FOLDER": self.folder,
                           "CERTS": self.certs, **values}.items():
            text = text.replace(f"@{key}@", str(value))
        return text

    def start(self, wait=True):
        log = open(self.folder / "output.log", "ab")
        self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=log,
                                        stderr=log,
                                        preexec_fn=self.prepare)
        log.close()
        if wait:
            wait_open(self.port, self.process, self.name, patience=self.patience)
        return self

    def prepare(self):
        """In the process to be: its processor, and every descriptor that it may have."""
        if self.core is not None:
            os.sched_setaffinity(0, {self.core})
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

    @property
    def pid(self):
        return self.process.pid

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def reload(self):
        """Asks for the files to be read again."""
        self.process.send_signal(signal.SIGHUP)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()


class Hivedoor(Peer):
    name = "hivedoor"

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.to = f"http://127.0.0.1:{self.origin}"
        self.more = {}

    def configuration(self):
        """As JSON, which is YAML."""
        return {
            "version": 1, "workers": 1,
            "listen": {"http": "off", "https": f"127.0.0.1:{self.port}",
                       "admin": f"unix:{self.folder}/admin.sock"},
            "certificates": [str(self.certs)],
            "sites": {site: self.to for site in self.sites},
            "log": {"access": "off", "level": "warn"},
            # As the others have it. Auto is half of the files, for as many links to services.
            "timeouts": {"handshake": "60s", "header": "60s"},
            "limits": {"connections": resource.getrlimit(resource.RLIMIT_NOFILE)[1] // 2 + 4000},
            **self.more,
        }

    def write(self):
        path = self.folder / "hivedoor.yml"
        hidden = self.folder / "new.yml"
        hidden.write_text(json.dumps(self.configuration(), indent=1))
        hidden.rename(path)
        return path

    def command(self):
        return [self.tools["hivedoor"], "run", "-c", self.write()]

    def admin(self, path):
        """What the admin address says."""
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(30)
            sock.connect(f"{self.folder}/admin.sock")
            sock.sendall(f"GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
            return b"".join(iter(lambda: sock.recv(65536), b"")).partition(b"\r\n\r\n")[2].decode()

    def metric(self, name, label=""):
        """Sum of its samples that carry this label."""
        return sum(float(line.rsplit(" ", 1)[1]) for line in self.admin("/metrics").splitlines()
                   if line.startswith((f"hivedoor_{name} ", f"hivedoor_{name}{{")) and label in line)

    def workers(self):
        return [one["pid"] for one in json.loads(self.admin("/state"))["processes"]
                if one["role"] == "worker" and one["pid"] > 0]

    def start(self, wait=True):
        super().start(wait)
        until = time.monotonic() + self.patience
        while wait and not self.has_started():
            if time.monotonic() > until:
                raise SystemExit(f"the workers of {self.name} did not start")
            time.sleep(0.01)
        return self

    def has_started(self):
        try:
            return len(self.workers()) == self.configuration()["workers"]
        except OSError:  # the admin address comes last
            return False


class Nginx(Peer):
    name = "nginx"

    def command(self):
        one = (HERE / "nginx_site.conf").read_text()
        servers = [self.filled(one, SITE=site, FILE=file,
                               LISTEN="" if i else "reuseport backlog=16384")
                   for i, (site, file) in enumerate(self.sites.items())]
        return ["nginx", "-p", self.folder, "-e", self.folder / "error.log", "-c",
                self.fill("nginx.conf", SERVERS="".join(servers))]


class Haproxy(Peer):
    name = "haproxy"

    def command(self):
        return ["haproxy", "-W", "-db", "-f", self.fill("haproxy.cfg")]

    def reload(self):
        self.process.send_signal(signal.SIGUSR2)


class Relay(Peer):
    """No TLS, no HTTP: what the kernel alone costs."""

    name = "relay"

    def command(self):
        return [self.tools["relay"], str(self.port), str(self.origin)]


ALL = (Hivedoor, Nginx, Haproxy, Relay)
