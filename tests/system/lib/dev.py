# SPDX-License-Identifier: MIT
"""A running `hivedoor dev`: its ports held, its data in a folder of the test."""

import os
import pathlib
import signal
import socket
import subprocess

from .door import SANITIZER, STOP_TIMEOUT
from .wait import until


class HeldPorts:
    """One port number of 127.0.0.1 and of [::1] that nobody else gets: see HeldPort."""

    def __init__(self):
        for _ in range(50):
            self.sockets = []
            try:
                self.number = self._hold(socket.AF_INET, ("127.0.0.1", 0))
                if socket.has_dualstack_ipv6():
                    self._hold(socket.AF_INET6, ("::1", self.number))
                return
            except OSError:
                self.close()
        raise OSError("no port is free on both loopback addresses")

    def _hold(self, family, address):
        held = socket.socket(family)
        self.sockets.append(held)
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        held.bind(address)
        return held.getsockname()[1]

    def close(self):
        for held in self.sockets:
            held.close()


class Dev:
    """
    sites      HOST=TARGET arguments
    data       folder for --data; None: what XDG_DATA_HOME or HOME say
    start      False: only hold the ports
    """

    def __init__(self, binary, folder, sites=(), data=None, environment=None, start=True):
        self.binary = binary
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(exist_ok=True)
        self.home = self.folder / "home"
        self.home.mkdir(exist_ok=True)
        self.environment = {**os.environ, "HOME": str(self.home), **(environment or {})}
        if "XDG_DATA_HOME" not in (environment or {}):
            self.environment.pop("XDG_DATA_HOME", None)
        self.http = HeldPorts()
        self.https = HeldPorts()
        self.sites = list(sites)
        self.data = data
        self.out_path = self.folder / "stdout.log"
        self.error_path = self.folder / "stderr.log"
        self.process = None
        if start:
            self.start()

    def command(self, *arguments):
        data = ["--data", str(self.data)] if self.data else []
        return [self.binary, "dev", "--http", str(self.http.number), "--https",
                str(self.https.number), *data, *map(str, arguments)]

    def start(self):
        """In a process group of its own, as a shell starts it; returns when it has greeted."""
        with open(self.out_path, "wb") as out, open(self.error_path, "wb") as err:
            self.process = subprocess.Popen(
                self.command(*self.sites), stdout=out, stderr=err, stdin=subprocess.DEVNULL,
                env=self.environment, cwd=self.folder, start_new_session=True)
        until(lambda: "  Firefox " in self.output() or self._fail_if_ended(), "the greeting")
        return self

    def _fail_if_ended(self):
        if self.process.poll() is not None:
            raise AssertionError(f"it ended with {self.process.returncode}:\n" + self.errors())
        return False

    def output(self):
        return self.out_path.read_text()

    def errors(self):
        return self.error_path.read_text(errors="replace") if self.error_path.exists() else ""

    @property
    def ca(self):
        """The authority's file, as printed."""
        line = next(x for x in self.output().splitlines() if x.startswith("Local authority: "))
        return pathlib.Path(line.removeprefix("Local authority: ").removesuffix(" (new)"))

    def url(self, host="localhost", path="/"):
        return f"https://{host}:{self.https.number}{path}"

    def interrupt(self):
        """Ctrl-C: SIGINT to all of its processes; and the end."""
        os.killpg(self.process.pid, signal.SIGINT)
        assert self.process.wait(STOP_TIMEOUT) == 0, self.errors()

    def close(self):
        try:
            if self.process is not None and self.process.poll() is None:
                self.process.send_signal(signal.SIGTERM)
                self.process.send_signal(signal.SIGTERM)  # the second one means now
                try:
                    self.process.wait(STOP_TIMEOUT)
                except subprocess.TimeoutExpired:
                    self.process.kill()
                    self.process.wait()
                    raise AssertionError("it did not stop") from None
        finally:
            self.http.close()
            self.https.close()
        assert not SANITIZER.search(self.errors()), self.errors()

    # ---- asking ----

    def run(self, *arguments):
        """The same command with these arguments, to its end: CompletedProcess with text."""
        return subprocess.run(self.command(*arguments), capture_output=True, text=True, timeout=60,
                              env=self.environment, cwd=self.folder)

    def curl(self, *arguments, ca=None):
        """Debian's curl, which trusts the local authority and nobody else; names are its own."""
        names = [w for s in ["localhost", *(s.split("=")[0] for s in self.sites
                                           if not s.startswith("-"))]
                 for w in ("--resolve", f"{s.lower()}:{self.https.number}:127.0.0.1")]
        return subprocess.run(["curl", "-sS", "--max-time", "30", "--noproxy", "*", *names,
                               "--cacert", str(ca or self.ca), *map(str, arguments)],
                              capture_output=True, text=True, timeout=60)
