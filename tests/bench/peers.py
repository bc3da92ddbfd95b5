# SPDX-License-Identifier: MIT
"""The proxies that are measured, on equal terms: one worker on one processor, the same certificate,
TLS 1.3 with AES-128-GCM and X25519 (which the load asks for), kept connections to the service, no
access log, X-Forwarded-For and -Proto set."""

import os
import pathlib
import resource
import socket
import ssl
import subprocess
import time

HERE = pathlib.Path(__file__).resolve().parent
PATIENCE = 60


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def wait_open(port, process, name):
    """Until the port takes connections; a process that ended says why."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if process.poll() is not None:
            raise SystemExit(f"{name} ended with {process.returncode}; see its output.log")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.01)
    raise SystemExit(f"{name} did not open port {port} in {PATIENCE} s")


def serves(port, name):
    """Whether a handshake for this name works now."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as sock:
            with context.wrap_socket(sock, server_hostname=name):
                return True
    except OSError:
        return False


class Peer:
    """A proxy that runs: `port` speaks HTTPS (the relay's plain TCP)."""

    name = ""

    def __init__(self, folder, tools, origin, certs, core):
        self.folder = pathlib.Path(folder) / self.name
        self.folder.mkdir(parents=True, exist_ok=True)
        self.tools, self.origin, self.certs, self.core = tools, origin, certs, core
        self.port = free_port()
        self.process = None

    def command(self):
        raise NotImplementedError

    def fill(self, template, **values):
        """A configuration of the tree with its @NAMES@ replaced."""
        text = (HERE / template).read_text()
        files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        for key, value in {"PORT": self.port, "FILES": files, "CONNECTIONS": files // 2 - 100,
                           "ORIGIN": self.origin, "FOLDER": self.folder,
                           "CERTS": self.certs, **values}.items():
            text = text.replace(f"@{key}@", str(value))
        path = self.folder / template
        path.write_text(text)
        return path

    def start(self, wait=True):
        log = open(self.folder / "output.log", "ab")
        self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=log,
                                        stderr=log,
                                        preexec_fn=self.prepare)
        log.close()
        if wait:
            wait_open(self.port, self.process, self.name)
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

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()


class Hivedoor(Peer):
    name = "hivedoor"

    def command(self):
        return [self.tools["hivedoor"], "run", "-c", self.fill("hivedoor.yml")]


class Nginx(Peer):
    name = "nginx"

    def command(self):
        return ["nginx", "-p", self.folder, "-e", self.folder / "error.log", "-c",
                self.fill("nginx.conf")]


class Haproxy(Peer):
    name = "haproxy"

    def command(self):
        both = self.folder / "both.pem"
        both.write_text((self.certs / "chain.pem").read_text() +
                        (self.certs / "key.pem").read_text())
        return ["haproxy", "-W", "-db", "-f", self.fill("haproxy.cfg", BOTH=both)]


class Relay(Peer):
    """No TLS, no HTTP: what the kernel alone costs."""

    name = "relay"

    def command(self):
        return [self.tools["relay"], str(self.port), str(self.origin)]


ALL = (Hivedoor, Nginx, Haproxy, Relay)
