# SPDX-License-Identifier: MIT
"""Streams flow at once: every piece arrives before its sender sends the next one. Measured by a
handshake between the two ends, never by time."""

import threading

import pytest
from lib.message import parse_request
from lib.raw import Raw

STEPS = 40


class Ends:
    """The handshake: who gets a piece says so to who sent it."""

    def __init__(self):
        self.arrived = threading.Semaphore(0)

    def wait(self):
        assert self.arrived.acquire(timeout=30), "the piece is held back"


def piece(i):
    return f"data: {i}\n\n".encode()


DOWN = {
    "until the end": ("", lambda data: data, b""),
    "chunked": ("Transfer-Encoding: chunked\r\n", lambda data: b"%x\r\n%s\r\n" % (len(data), data),
                b"0\r\n\r\n"),
    "with a length": (f"Content-Length: {sum(len(piece(i)) for i in range(STEPS))}\r\n",
                      lambda data: data, b""),
}


@pytest.mark.parametrize("kind", DOWN)
@pytest.mark.parametrize("tls", [True, False])
@pytest.mark.parametrize("version", ["1.1", "1.0"])
def test_events_arrive_one_by_one(door, script, kind, tls, version):
    field, frame, end = DOWN[kind]
    ends = Ends()

    def act(raw):
        raw.message(parse_request)
        raw.send(f"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n{field}\r\n")
        for i in range(STEPS):
            raw.send(frame(piece(i)))
            ends.wait()
        raw.send(end)
    s = script(act)
    d = door(names=["a.test"], sites={"a.test": {"to": s.url, "http": "serve"}})
    with Raw(d.connect_tls("a.test") if tls else d.connect()) as raw:
        raw.send(f"GET /events HTTP/{version}\r\nHost: a.test\r\n\r\n")
        raw.until("\r\n\r\n")
        for i in range(STEPS):
            raw.until(piece(i))
            ends.arrived.release()


UP = {
    "chunked": ("Transfer-Encoding: chunked\r\n", DOWN["chunked"][1], b"0\r\n\r\n"),
    "with a length": DOWN["with a length"],
}


@pytest.mark.parametrize("kind", UP)
def test_an_upload_arrives_piece_by_piece(door, script, kind):
    field, frame, end = UP[kind]
    ends = Ends()

    def act(raw):
        raw.until("\r\n\r\n")
        for i in range(STEPS):
            raw.until(piece(i))
            ends.arrived.release()
        raw.until(end)
        raw.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    s = script(act)
    d = door(names=["a.test"], sites={"a.test": s.url})
    with Raw(d.connect_tls("a.test")) as raw:
        raw.send(f"POST /up HTTP/1.1\r\nHost: a.test\r\n{field}\r\n")
        for i in range(STEPS):
            raw.send(frame(piece(i)))
            ends.wait()
        raw.send(end)
        assert raw.response()[0] == 200


def test_both_ways_at_once(door, script):
    """A service that answers while it reads: each piece comes back before the next is sent."""
    def act(raw):
        raw.until("\r\n\r\n")
        raw.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while (size := int(raw.until("\r\n"), 16)) > 0:
            data = raw.exactly(size)
            raw.until("\r\n")
            raw.send(b"%x\r\n%s\r\n" % (size, data))
        raw.until("\r\n")
        raw.send("0\r\n\r\n")
    s = script(act)
    d = door(names=["a.test"], sites={"a.test": s.url})
    with Raw(d.connect_tls("a.test")) as raw:
        raw.send("POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n")
        raw.until("\r\n\r\n")
        for i in range(STEPS):
            raw.send(b"%x\r\n%s\r\n" % (len(piece(i)), piece(i)))
            raw.until(piece(i))
        raw.send("0\r\n\r\n")
        raw.until("0\r\n\r\n")
