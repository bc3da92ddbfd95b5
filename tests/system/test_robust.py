# SPDX-License-Identifier: MIT
"""What bad clients and bad services do to the whole daemon: nothing that lasts."""

import contextlib
import json
import os
import random
import socket
import ssl
import struct
import threading

import pytest
from lib.raw import Raw
from lib.wait import until

MIB = 1 << 20
KEPT = 50
GAUGES = ("connections", "exchanges")


@pytest.fixture
def scripted():
    """Makes services that run a function on each connection: scripted(act) gives its URL."""
    sockets = []

    def make(act):
        listening = socket.create_server(("127.0.0.1", 0), backlog=128)
        sockets.append(listening)

        def serve(link):
            with Raw(link) as raw, contextlib.suppress(AssertionError, OSError):
                act(raw)

        def run():
            with contextlib.suppress(OSError):
                while True:
                    link, _ = listening.accept()
                    threading.Thread(target=serve, args=(link,), daemon=True).start()
        threading.Thread(target=run, daemon=True).start()
        return f"http://127.0.0.1:{listening.getsockname()[1]}"

    yield make
    for one in sockets:
        one.shutdown(socket.SHUT_RDWR)
        one.close()


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def cpu_ticks(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


def switches(pid):
    """How often the process has gone to sleep: a loop that spins does so on every turn."""
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status
                    if line.startswith("voluntary_ctxt_switches"))


def assert_rests(pid, what):
    """The worker sleeps through half a second but for what the daemon itself does."""
    pause = threading.Event()
    for _ in range(20):  # a machine under load may need a while to come to rest
        ticks, sleeps = cpu_ticks(pid), switches(pid)
        pause.wait(0.5)
        ticks, sleeps = cpu_ticks(pid) - ticks, switches(pid) - sleeps
        if ticks <= 2 and sleeps <= 60:
            return
    raise AssertionError(f"{what}: {ticks} ticks and {sleeps} wake-ups in half a second")


def gauges(d):
    return {name: d.metric(name) for name in GAUGES}


def assert_clean(d, pid, before):
    """No connection is left, no descriptor, and the door serves."""
    until(lambda: not any(gauges(d).values()), f"gauges at 0: {gauges(d)}")
    until(lambda: descriptors(pid) <= before, f"descriptors: {descriptors(pid)} > {before}")
    assert d.pids("worker") == [pid], "the worker was replaced"


def reset(sock):
    """Closes with RST."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def door_of(door, url, **options):
    extra = {"timeouts": {"header": "60s"}, **options.pop("extra", {})}
    return door(names=["a.test"], workers=1, extra=extra,
                sites={"a.test": {"to": url, "http": "serve"}}, **options)


def test_idle_connections_cost_no_time(door, service):
    d = door_of(door, service().url)
    pid = d.pids("worker")[0]
    kept = []
    for _ in range(KEPT):
        raw = Raw(d.connect_tls("a.test"))
        raw.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
        assert raw.response()[0] == 200
        kept.append(raw)
    until(lambda: d.metric("connections", state="idle") == KEPT, "all are idle")
    assert_rests(pid, "idle connections")
    for raw in kept:
        raw.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
        assert raw.response()[0] == 200
        raw.close()


UPGRADE = "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"
SWITCH = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"


def connect(d, tls):
    return Raw(d.connect_tls("a.test") if tls else d.connect())


def test_tunnel_half_closed_by_the_client(door, scripted):
    step = threading.Event()
    got = {}

    def tunnel(raw):
        raw.until("\r\n\r\n")
        raw.send(SWITCH)
        got["all"] = raw.rest()
        step.wait(30)
        raw.send("the answer")
    d = door_of(door, scripted(tunnel))
    pid = d.pids("worker")[0]
    before = descriptors(pid)
    with connect(d, tls=False) as raw:
        raw.send(UPGRADE + "sent with the request ")
        raw.until("\r\n\r\n")
        raw.send("and after it")
        raw.socket.shutdown(socket.SHUT_WR)
        until(lambda: "all" in got, "the service saw the end")
        assert got["all"] == b"sent with the request and after it"
        assert_rests(pid, "half a tunnel")
        step.set()
        assert raw.rest() == b"the answer"
    assert_clean(d, pid, before)


@pytest.mark.parametrize("tls", [True, False])
def test_tunnel_half_closed_by_the_service(door, scripted, tls):
    got = {}

    def tunnel(raw):
        raw.until("\r\n\r\n")
        raw.send(SWITCH + "goodbye")
        raw.socket.shutdown(socket.SHUT_WR)
        got["all"] = raw.rest()
    d = door_of(door, scripted(tunnel))
    pid = d.pids("worker")[0]
    before = descriptors(pid)
    with connect(d, tls) as raw:
        raw.send(UPGRADE)
        raw.until("\r\n\r\n")
        raw.until("goodbye")
        assert_rests(pid, "half a tunnel")
        raw.send("still here")
        until(lambda: d.metric("exchanges", state="tunnel") == 1, "the tunnel stands")
    until(lambda: "all" in got, "the service saw the end")
    assert got["all"] == b"still here"
    assert_clean(d, pid, before)


def test_early_bytes_are_a_request_where_the_service_does_not_switch(door, service):
    one = service()
    d = door_of(door, one.url)
    with connect(d, tls=False) as raw:
        raw.send(UPGRADE + "GET /next HTTP/1.1\r\nHost: a.test\r\n\r\n")
        assert [json.loads(raw.response()[2])["path"] for _ in range(2)] == ["/", "/next"]
    with connect(d, tls=False) as raw:
        raw.send(UPGRADE + "\x81\x05no http\r\n\r\n")
        assert raw.response()[0] == 200
        assert raw.response()[0] == 400
        assert raw.is_closed()
    assert one.requests == ["GET /", "GET /next", "GET /"]


@pytest.mark.parametrize("tls", [True, False])
def test_clients_that_never_read(door, scripted, tls):
    def flood(raw):
        raw.until("\r\n\r\n")
        raw.send(f"HTTP/1.1 200 OK\r\nContent-Length: {64 * MIB}\r\n\r\n")
        for _ in range(64):
            raw.send(b"x" * MIB)
    d = door_of(door, scripted(flood), extra={"timeouts": {"idle": "2s"}})
    pid = d.pids("worker")[0]
    before = descriptors(pid)
    clients = []
    for _ in range(10):
        raw = connect(d, tls)
        raw.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
        clients.append(raw)
    assert_rests(pid, "clients that do not read")
    assert len(d.wait_log("access", count=10, reason="send_timeout")) == 10
    assert_clean(d, pid, before)
    for raw in clients:
        raw.close()


@pytest.mark.parametrize("tls", [True, False])
def test_service_that_never_reads(door, scripted, tls):
    over = threading.Event()
    d = door_of(door, scripted(lambda raw: over.wait(60)), extra={"timeouts": {"response": "2s"}})
    pid = d.pids("worker")[0]
    before = descriptors(pid)
    uploads = []
    for _ in range(5):
        raw = connect(d, tls)
        raw.send(f"POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: {64 * MIB}\r\n\r\n")

        def upload(raw=raw):
            with contextlib.suppress(OSError):
                raw.send(b"x" * (64 * MIB))
        threading.Thread(target=upload, daemon=True).start()
        uploads.append(raw)
    assert_rests(pid, "a service that does not read")
    assert len(d.wait_log("access", count=5, reason="upstream_timeout")) == 5
    assert_clean(d, pid, before)
    over.set()
    for raw in uploads:
        raw.close()


def hello(d):
    """The bytes of a ClientHello."""
    out = ssl.MemoryBIO()
    tls = d.tls_context().wrap_bio(ssl.MemoryBIO(), out, server_hostname="a.test")
    with contextlib.suppress(ssl.SSLWantReadError):
        tls.do_handshake()
    return out.read()


def test_resets_in_the_handshake(door, service):
    d = door_of(door, service().url)
    pid = d.pids("worker")[0]
    assert d.get("a.test")[0] == 200
    until(lambda: d.metric("connections") == 0, "the first is gone")
    before = descriptors(pid)
    bytes_of_hello = hello(d)
    draw = random.Random(1)
    for i in range(1000):
        sock = d.connect("https")
        sock.sendall(bytes_of_hello[:draw.randrange(len(bytes_of_hello) + 1)])
        if i % 3 == 0:
            sock.sendall(b"\0")
        if i % 10 == 0:
            sock.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                sock.recv(100)
        reset(sock)
    assert_clean(d, pid, before)
    assert d.get("a.test")[0] == 200
    closed = d.metric("connections_closed_total")
    assert closed >= d.metric("connections_accepted_total") - 1


def test_resets_in_requests_and_answers(door, scripted):
    def slow(raw):
        while True:
            raw.until("\r\n\r\n")
            raw.send(b"HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n" + b"x" * 200000)
    d = door_of(door, scripted(slow))
    pid = d.pids("worker")[0]
    before = descriptors(pid) + 64  # links that are kept
    draw = random.Random(2)
    request = b"POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\nhello"
    for i in range(300):
        raw = connect(d, tls=i % 3 == 0)
        raw.send(request[:draw.randrange(len(request) + 1)])
        if i % 2 == 0:
            raw.send(request * 3)
        if i % 5 == 0:
            raw.socket.settimeout(0.01)
            with contextlib.suppress(OSError):
                raw.socket.recv(1000)
        reset(raw.socket)
    assert_clean(d, pid, before)


@pytest.mark.parametrize("port", ["http", "https"])
def test_garbage(door, service, port):
    one = service()
    d = door_of(door, one.url, extra={"timeouts": {"header": "1s", "handshake": "1s"}})
    pid = d.pids("worker")[0]
    before = descriptors(pid)
    draw = random.Random(3)
    starts = [b"", b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nHost: a.test\r\n", b"\x16\x03\x01",
              b"PROXY TCP4 ", hello(d)[:100], hello(d),
              b"POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n"]
    for i in range(200):
        sock = d.connect(port)
        data = starts[i % len(starts)] + draw.randbytes(draw.randrange(1, 5000))
        with contextlib.suppress(OSError):
            sock.sendall(data)
            if i % 2 == 0:
                sock.shutdown(socket.SHUT_WR)
                sock.settimeout(30)
                while sock.recv(65536):
                    pass
        sock.close()
    assert_clean(d, pid, before + 64)
    assert d.get("a.test", tls=port == "https")[0] == 200


def test_big_pipelines(door, scripted):
    def act(raw):
        while True:
            path = raw.until("\r\n\r\n").split(b" ")[1]
            raw.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(path), path))
    d = door_of(door, scripted(act))
    pid = d.pids("worker")[0]
    count = 2000
    with connect(d, tls=False) as raw:
        text = "".join(f"GET /{i} HTTP/1.1\r\nHost: a.test\r\n\r\n" for i in range(count))
        threading.Thread(target=raw.send, args=(text,), daemon=True).start()
        for i in range(count):
            status, _, body = raw.response()
            assert (status, body) == (200, b"/%d" % i)
        until(lambda: d.metric("connections", state="idle") == 1, "idle at its end")
        assert_rests(pid, "after a pipeline")
    # Answers of our own need no service: one turn must not go on for ever, and all are answered.
    with connect(d, tls=False) as raw:
        text = "GET / HTTP/1.1\r\nHost: no.test\r\n\r\n" * 5000
        threading.Thread(target=raw.send, args=(text,), daemon=True).start()
        for _ in range(5000):
            assert raw.response()[0] == 404


def test_many_small_chunks(door, service):
    d = door_of(door, service().url)
    with connect(d, tls=True) as raw:
        raw.send("POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n")
        raw.send(b"1\r\nx\r\n" * 20000 + b"0\r\n\r\n")
        status, _, body = raw.response()
        assert status == 200 and json.loads(body)["body"] == "x" * 20000


def test_bodies_nobody_wants(door, service):
    d = door_of(door, service().url, extra={"limits": {"body": "1k"}})
    pid = d.pids("worker")[0]
    before = descriptors(pid)
    for i in range(50):
        with connect(d, tls=i % 2 == 0) as raw:
            raw.send("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 100000\r\n\r\n")
            with contextlib.suppress(OSError):
                raw.send(b"x" * 50000)
            status, fields, _ = raw.response()
            assert status == 413 and fields["connection"] == "close"
    assert_clean(d, pid, before)


def test_http_1_0_gets_neither_interim_answers_nor_tunnels(door, scripted):
    heads = []

    def act(raw):
        heads.append(raw.until("\r\n\r\n"))
        raw.send("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
                 "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    d = door_of(door, scripted(act))
    with connect(d, tls=False) as raw:
        raw.send(UPGRADE.replace("HTTP/1.1", "HTTP/1.0"))
        answer = raw.rest()
    assert answer.startswith(b"HTTP/1.1 200") and answer.endswith(b"\r\n\r\nok")
    assert b"pgrade" not in heads[0]


def test_access_line_of_a_long_path(door, service):
    d = door_of(door, service().url)
    for length in (3000, 3700, 3900, 4100, 20000):
        assert d.get("a.test", "/" + "p" * length, tls=False)[0] == 200
    with connect(d, tls=False) as raw:
        raw.send("M" * 3900 + " / HTTP/1.1\r\nHost: a.test\r\n\r\n")
        raw.response()
    for record in d.wait_log("access", count=6):
        assert record["status"] in (200, 400, 501) and record["reason"], record
        assert len(record.get("path", "")) <= 2048


def test_heads_of_the_greatest_limit(door, service):
    d = door_of(door, service(handler=lambda r: r.reply(200, "", [("X-Big", "b" * 60000)])).url,
                extra={"limits": {"header": "1m"}})
    path = "/" + "p" * 1_000_000
    status, headers, _ = d.get("no.test", path, tls=False)
    assert status == 404
    with connect(d, tls=False) as raw:
        raw.send(f"GET / HTTP/1.1\r\nHost: a.test\r\nX-Big: {'b' * 60000}\r\n\r\n")
        status, fields, _ = raw.response()
        assert status == 200 and len(fields["x-big"]) == 60000


def test_drains_with_connections_in_every_state(door, scripted):
    def hang(raw):
        raw.until("\r\n\r\n")
        raw.socket.recv(1)
    d = door_of(door, scripted(hang), extra={"drain": {"timeout": "1s"}})
    clients = [connect(d, tls=False), connect(d, tls=True), Raw(d.connect("https"))]
    half = connect(d, tls=False).send("GET / HT")
    handshake = Raw(d.connect("https")).send(hello(d)[:50])
    running = connect(d, tls=True).send("GET /hang HTTP/1.1\r\nHost: a.test\r\n\r\n")
    until(lambda: d.metric("exchanges", state="relay") == 1, "one is at the service")
    d.stop()
    for raw in [*clients, half, handshake, running]:
        raw.rest()
        raw.close()
    assert d.wait_log("access", reason="drain_deadline")
