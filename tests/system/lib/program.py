# SPDX-License-Identifier: MIT
"""Debian's servers as peers: run in the foreground, without privileges, in a folder of their own,
on free ports of 127.0.0.1, and ended with the test."""

import os
import pathlib
import shutil
import socket
import ssl
import subprocess
import tempfile
import urllib.request

from .wait import until

TRIES = 8
STOP_TIMEOUT = 20
APACHE_MODULES = ["mpm_event", "authz_core"]


def free_port():
    """A port that was free a moment ago: whoever uses it must be able to try another one."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def is_open(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
        return True
    except OSError:
        return False


class Program:
    """
    A server that is started by configure(), which writes what it needs into self.folder for
    self.ports and gives the command. Somebody else may take a port before it does: it ends then,
    and another one is tried.
    """

    port_count = 1

    def __init__(self):
        # Not below pytest's folder, which nobody but its owner may enter.
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="hivedoor-peer-"))
        self.folder.chmod(0o755)
        self.log_path = self.folder / "output.log"
        self.process = None
        self.ports = []

    def configure(self):
        raise NotImplementedError

    def start(self):
        for _ in range(TRIES):
            self.ports = [free_port() for _ in range(self.port_count)]
            command, environment = self.configure()
            self._hand_over()
            with open(self.log_path, "ab") as log:
                self.process = subprocess.Popen(
                    list(map(str, command)), cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log,
                    stderr=log, env={**os.environ, **environment}, **self._identity())
            until(lambda: self._has_ended() or all(map(is_open, self.ports)),
                  f"{command[0]} listens or ends")
            if not self._has_ended():
                return self
        raise AssertionError(f"{command[0]} does not start:\n{self.log()}")

    def _has_ended(self):
        return self.process.poll() is not None

    def _identity(self):
        """Root's tests drop root for it, as these servers refuse or avoid serving as root."""
        if os.getuid() != 0:
            return {}
        return {"user": "nobody", "group": "nogroup", "extra_groups": []}

    def _hand_over(self):
        if os.getuid() == 0:
            for path in [self.folder, *self.folder.rglob("*")]:
                shutil.chown(path, "nobody", "nogroup")

    @property
    def port(self):
        return self.ports[0]

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def log(self):
        return "\n".join(path.read_text(errors="replace")[-4000:]
                         for path in sorted(self.folder.glob("*.log")))

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(STOP_TIMEOUT)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def close(self):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.close()
            raise

    def __exit__(self, *_):
        self.close()


class Apache(Program):
    """Apache httpd that serves the files below self.root, and nothing else.

    `subfolder` is what of self.root is the web root: certbot and lego write below
    .well-known/acme-challenge, lecli writes into the web root itself."""

    def __init__(self, subfolder="."):
        super().__init__()
        self.root = self.folder / "files"
        self.web_root = (self.root / subfolder).resolve()
        self.web_root.mkdir(parents=True)

    def configure(self):
        config = self.folder / "apache.conf"
        modules = "\n".join(f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so"
                            for name in APACHE_MODULES)
        config.write_text(f"""{modules}
ServerRoot {self.folder}
ServerName support
Listen 127.0.0.1:{self.port}
PidFile {self.folder}/apache.pid
DefaultRuntimeDir {self.folder}
ErrorLog {self.folder}/error.log
LogFormat "%r %>s" short
CustomLog {self.folder}/access.log short
DocumentRoot {self.web_root}
<Directory {self.root}>
    Require all granted
</Directory>
""")
        return ["/usr/sbin/apache2", "-DFOREGROUND", "-f", config], {"LC_ALL": "C"}

    def accesses(self):
        """Lines "METHOD PATH VERSION STATUS", in the order they came."""
        path = self.folder / "access.log"
        return path.read_text().splitlines() if path.exists() else []


class Nginx(Program):
    """nginx; `server` is the inside of its `server` block, {root} in it the folder self.root."""

    def __init__(self, server=""):
        super().__init__()
        self.server = server
        self.root = self.folder / "files"
        self.root.mkdir()

    def configure(self):
        config = self.folder / "nginx.conf"
        (self.folder / "tmp").mkdir(exist_ok=True)
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        folders = "\n    ".join(f"{kind}_temp_path {self.folder}/tmp/{kind};" for kind in kinds)
        config.write_text(f"""daemon off;
pid {self.folder}/nginx.pid;
error_log {self.folder}/error.log;
worker_processes 1;
events {{ worker_connections 256; }}
http {{
    {folders}
    log_format short '$connection $request_method $uri $status';
    access_log {self.folder}/access.log short;
    keepalive_requests 100000;
    server {{
        listen 127.0.0.1:{self.port};
        root {self.root};
        {self.server.replace("{root}", str(self.root))}
    }}
}}
""")
        return ["/usr/sbin/nginx", "-e", self.folder / "error.log", "-p", self.folder,
                "-c", config], {}

    def accesses(self):
        """(connection, method, path, status) of the requests so far."""
        path = self.folder / "access.log"
        lines = path.read_text().splitlines() if path.exists() else []
        return [tuple(line.split(" ")) for line in lines]


class Pebble(Program):
    """
    A certificate authority that speaks ACME.

    authority      makes the certificate of its own HTTPS port; clients trust authority.ca
    http_port      where it asks for challenges, instead of port 80
    dns            the DnsServer it asks
    """

    port_count = 2

    def __init__(self, authority, http_port, dns):
        super().__init__()
        self.authority = authority
        self.http_port = http_port
        self.dns = dns

    def configure(self):
        self.authority.write(self.folder, ["localhost"], chain="own.pem", key="own.key")
        config = self.folder / "pebble.json"
        config.write_text(f"""{{"pebble": {{
  "listenAddress": "127.0.0.1:{self.ports[0]}",
  "managementListenAddress": "127.0.0.1:{self.ports[1]}",
  "certificate": "{self.folder}/own.pem",
  "privateKey": "{self.folder}/own.key",
  "httpPort": {self.http_port},
  "tlsPort": {self.http_port},
  "ocspResponderURL": "",
  "externalAccountBindingRequired": false,
  "retryAfter": {{"authz": 1, "order": 1}}
}}}}
""")
        # No made-up delays and refusals: they try the client, not the door.
        return (["pebble", "-config", config, "-dnsserver", self.dns.address],
                {"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0", "PEBBLE_AUTHZREUSE": "0"})

    @property
    def directory(self):
        return f"https://localhost:{self.ports[0]}/dir"

    def root(self):
        """PEM text of the root that its certificates lead to."""
        context = ssl.create_default_context(cafile=str(self.authority.ca))
        url = f"https://localhost:{self.ports[1]}/roots/0"
        with urllib.request.urlopen(url, context=context, timeout=30) as answer:
            return answer.read().decode()
