# SPDX-License-Identifier: MIT
"""How long a service with ports in host mode is away while Swarm replaces its task, as clients see
it, and where that time goes."""
import socket
import ssl
import tarfile
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from changes import update
from shell import run, wait_for
from stack import NETWORK

FLOOR, FLOOR_PORT = "floor", 8090
EVERY = 0.02  # seconds between two clients


class Floor:
    """The least that a door could be (services/floor.c), deployed as the door is."""

    def __init__(self, engine):
        self.engine = engine
        with tempfile.TemporaryDirectory(prefix="hivedoor-floor-", dir="/var/tmp") as scratch:
            program, archive = Path(scratch) / "floor", Path(scratch) / "floor.tar"
            run("gcc", "-static", "-O2", "-o", program,
                Path(__file__).parent / "services" / "floor.c")
            with tarfile.open(archive, "w") as tar:
                tar.add(program, arcname="floor")
            with open(archive, "rb") as tree:
                image = engine.docker("import", "-", "hivedoor-floor:test", stdin=tree).strip()
        engine.docker("service", "create", "--detach", "--name", FLOOR, "--mode", "global",
                      "--publish", f"mode=host,published={FLOOR_PORT},target={FLOOR_PORT}",
                      "--stop-grace-period", "10s", "--no-resolve-image", "--network", NETWORK,
                      "--entrypoint", f"/floor {FLOOR_PORT}", image)

    def remove(self):
        self.engine.docker("service", "rm", FLOOR, check=False)


class Clients:
    """A new one every 20 ms, whatever becomes of the others; `answered` has the times of answers."""

    def __init__(self, ask):
        self.ask, self.answered, self.refused = ask, [], 0
        self.ended = threading.Event()
        self.pool = ThreadPoolExecutor(80)
        self.thread = threading.Thread(target=self._pace)
        self.thread.start()

    def _pace(self):
        while not self.ended.wait(EVERY):
            self.pool.submit(self._one)

    def _one(self):
        try:
            self.ask()
        except (OSError, AssertionError):
            self.refused += 1
        else:
            self.answered.append(time.monotonic())

    def stop(self):
        self.ended.set()
        self.thread.join()
        self.pool.shutdown()


def asker(address, port, context=None, site="a.test"):
    """Asks once over a new connection; an answer of any status will do."""
    def ask():
        with socket.create_connection((address, port), 1) as raw:
            link = context.wrap_socket(raw, server_hostname=site) if context else raw
            with link:
                link.sendall(f"GET / HTTP/1.1\r\nHost: {site}\r\nConnection: close\r\n\r\n".encode())
                assert link.recv(4096).startswith(b"HTTP/1.1 ")
    return ask


def trusting(authority):
    return ssl.create_default_context(cafile=str(authority))


def measure(engine, events, service, ask):
    """One update of a service under clients; gives the parts of the gap in seconds."""
    begin, clients = time.monotonic(), Clients(ask)

    def successor():
        return next((life for life in events.of(service) if life.start > begin), None)

    try:
        wait_for("clients are answered", lambda: len(clients.answered) > 20, 30)
        update(engine, service)
        new = wait_for("the successor has started", successor, 30)
        wait_for("it answers", lambda: sum(t > new.start for t in clients.answered) > 20, 30)
    finally:
        clients.stop()
    old = events.ended(service, begin)[-1]
    answered = sorted(clients.answered)
    gap = max(later - earlier for earlier, later in zip(answered, answered[1:]))
    first = min(t for t in answered if t > new.start)
    return {"no answer for": gap, "SIGTERM to end": old.end - old.term,
            "end to start (the engine's)": new.start - old.end,
            "start to first answer": first - new.start}
