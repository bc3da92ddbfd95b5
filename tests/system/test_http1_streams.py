# SPDX-License-Identifier: MIT
"""Streams flow at once: every piece arrives before its sender sends the next one. Measured by a
handshake between the two ends, never by time."""

import socket
import ssl
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


BIG = [100_000, 1, 16384, 70_000, 3, 8192, 8191, 131_072, 131_073, 12_000, 2, 40_000, 5]


@pytest.mark.parametrize("tls", [True, False])
def test_small_pieces_behind_large_ones_arrive(door, script, tls):
    """A body that came fast is waited for in large pieces: a small one must not be held back."""
    ends = Ends()

    def act(raw):
        raw.until("\r\n\r\n")
        for size in BIG:
            raw.exactly(size)
            ends.arrived.release()
        raw.exactly(1 << 20)
        raw.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    s = script(act)
    d = door(names=["a.test"], sites={"a.test": {"to": s.url, "http": "serve"}})
    with Raw(d.connect_tls("a.test") if tls else d.connect()) as raw:
        raw.send(f"POST /up HTTP/1.1\r\nHost: a.test\r\n"
                 f"Content-Length: {sum(BIG) + (1 << 20)}\r\n\r\n")
        for size in BIG:
            raw.send(b"x" * size)
            ends.wait()
        raw.send(b"y" * (1 << 20))
        assert raw.response()[0] == 200


class Cut:
    """A TLS client that holds its records in its hands, and sends what it likes of them."""

    def __init__(self, d, name):
        self.into, self.out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.sock = d.connect("https")
        self.tls = d.tls_context().wrap_bio(self.into, self.out, server_hostname=name)
        self.whole(self.tls.do_handshake)

    def whole(self, step):
        """Until `step` has what it needs; all that it says is sent."""
        while True:
            try:
                got = step()
                self.sock.sendall(self.out.read())
                return got
            except ssl.SSLWantReadError:
                self.sock.sendall(self.out.read())
                self.into.write(self.sock.recv(65536))

    def records(self, data):
        self.tls.write(data)
        return self.out.read()


@pytest.fixture
def cut_upload(door, script):
    """A client within an upload of 2 MB whose first 256 kB have arrived; what the service got tells
    by its semaphore, and whether all came."""
    ends = Ends()
    ended = []

    def act(raw):
        raw.until("\r\n\r\n")
        raw.exactly(1 << 18)
        ends.arrived.release()
        try:
            for _ in range(STEPS):
                raw.exactly(16000)
                ends.arrived.release()
        except (AssertionError, OSError):  # closed
            ended.append(True)
            ends.arrived.release()
    s = script(act)
    d = door(names=["a.test"], sites={"a.test": s.url})
    client = Cut(d, "a.test")
    client.sock.sendall(client.records(
        f"POST /up HTTP/1.1\r\nHost: a.test\r\nContent-Length: {1 << 21}\r\n\r\n".encode()
        + b"x" * (1 << 18)))
    ends.wait()
    with client.sock:
        yield client, ends, ended


def test_records_in_halves_go_on_when_they_are_whole(cut_upload):
    client, ends, ended = cut_upload
    for i in range(STEPS):
        record = client.records(b"x" * 16000)
        at = 1 + i * (len(record) - 2) // STEPS
        client.sock.sendall(record[:at])
        client.sock.sendall(record[at:])
        ends.wait()
    assert not ended


def test_half_a_record_and_the_end_is_the_end_at_once(cut_upload):
    client, ends, ended = cut_upload
    record = client.records(b"x" * 16000)
    client.sock.sendall(record[:8000])
    client.sock.shutdown(socket.SHUT_WR)
    ends.wait()
    assert ended


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
