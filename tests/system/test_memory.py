# SPDX-License-Identifier: MIT
"""`limits.memory`: what all clients together can make a door hold, and what it does about it."""

import contextlib
import http.client
import socket
import threading

import pytest
from lib.raw import Raw
from lib.wait import until

MIB = 1 << 20
FLOODS = 80
BODY = 64 * MIB


@pytest.fixture
def service():
    """A service of floods, and of one answer that waits for `go`; gives its URL and `go`."""
    listening = socket.create_server(("127.0.0.1", 0), backlog=FLOODS + 8)
    go = threading.Event()

    def answer(raw):
        while True:
            head = raw.until("\r\n\r\n")
            if b" /flood " in head:
                raw.send(f"HTTP/1.1 200 OK\r\nContent-Length: {BODY}\r\n\r\n")
                for _ in range(BODY // MIB):
                    raw.send(b"x" * MIB)
            if b" /late " in head:
                go.wait(60)
            raw.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    def serve(link):
        with Raw(link) as raw, contextlib.suppress(AssertionError, OSError):
            answer(raw)

    def run():
        with contextlib.suppress(OSError):
            while True:
                link, _ = listening.accept()
                threading.Thread(target=serve, args=(link,), daemon=True).start()
    threading.Thread(target=run, daemon=True).start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}", go
    go.set()
    listening.shutdown(socket.SHUT_RDWR)
    listening.close()


def connect(d):
    return Raw(d.connect_tls("a.test"))


def ask(raw, path):
    raw.send(f"GET {path} HTTP/1.1\r\nHost: a.test\r\n\r\n")


def is_served(d):
    try:
        return d.get("a.test")[0] == 200
    except (OSError, http.client.HTTPException):
        return False


def held(d):
    """What the one worker holds; a request makes it look."""
    assert is_served(d)
    return d.metric("memory_held_bytes")


def test_above_the_limit_nothing_new_begins(door, service):
    url, go = service
    sites = {"a.test": url}
    d = door(names=["a.test"], sites=sites, extra={"workers": 1})
    before = held(d)
    floods = [connect(d) for _ in range(FLOODS)]
    for raw in floods:
        ask(raw, "/flood")
    until(lambda: held(d) > before + 12 * MIB and held(d) > 17 * MIB, "clients that do not read")
    limit = max(16 * MIB, int(held(d)) - 4 * MIB)

    idle = connect(d)
    ask(idle, "/")
    assert idle.response()[0] == 200
    busy = connect(d)
    ask(busy, "/late")
    ask(busy, "/")
    until(lambda: d.metric("exchanges", state="relay") == FLOODS + 1, "the late request waits")
    d.configure(sites, limits={"memory": str(limit)})
    d.reload()

    until(lambda: not is_served(d), "new connections are refused")
    assert idle.is_closed()
    assert d.metric("connections_closed_total", reason="memory_limit") >= 1
    assert d.metric("connections_refused_total") >= 1
    go.set()
    assert busy.response()[0] == 200  # what had begun is served to its end
    status, headers, _ = busy.response()
    assert status == 503 and int(headers["retry-after"]) > 0
    assert d.wait_log("access", reason="memory_limit", path="/")

    for raw in floods:
        raw.close()
    d.configure(sites, limits={"memory": "auto"})
    d.reload()
    until(lambda: is_served(d), "served again")
    busy.close()
    idle.close()
