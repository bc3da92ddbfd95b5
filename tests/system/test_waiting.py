# SPDX-License-Identifier: MIT
"""Requests that wait for their service, and what happens meanwhile: reloads, a stop, bodies that
nobody reads, clients that leave; and services that speak HTTP/2."""

import concurrent.futures
import contextlib
import select
import socket

import pytest
from h2.errors import ErrorCodes
from h2.events import StreamEnded
from lib import h2frames as hf
from lib.h2_service import H2Service
from lib.h2raw import Client, alpn_context
from lib.raw import Raw
from lib.wait import until

GET = "GET {} HTTP/1.1\r\nHost: a.test\r\n\r\n"
WAIT = {"hold": {"wait": "30s"}}
MIB = 1 << 20


@pytest.fixture
def pool():
    with concurrent.futures.ThreadPoolExecutor(32) as threads:
        yield threads


def held(d):
    return d.metric("held_requests")


def ask(d, path="/", **options):
    return d.get("a.test", path, tls=False, **options)


def site(to, generation=1, **rules):
    return {"a.test": {"to": to, "http": "serve", **rules,
                       "headers": {"response": {"set": {"X-Generation": str(generation)}}}}}


def hold_one(d, pool, path="/", count=1, **options):
    waiting = pool.submit(ask, d, path, **options)
    until(lambda: held(d) == count, f"{count} wait")
    return waiting


# ---- while they wait ----

def test_a_reload_meanwhile(door, dns, service, pool):
    """Each is answered as the configuration says with which it came."""
    one = service()
    to = f"http://web:{one.port}"
    d = door(workers=1, dns=dns, sites=site(to), extra=WAIT)
    before = hold_one(d, pool, "/before")
    d.configure(site(to, 2), **WAIT)
    d.reload()
    after = hold_one(d, pool, "/after", 2)
    dns.set("web", a=["127.0.0.1"])
    for waiting, generation in ((before, "1"), (after, "2")):
        status, headers, _ = waiting.result()
        assert (status, headers["X-Generation"]) == (200, generation)


def test_a_reload_without_their_service(door, dns, service, pool):
    """Nobody looks for it any more, so its requests wait in vain; those of others are served."""
    other = service()
    d = door(workers=1, dns=dns, sites=site("http://web:1"), extra={"hold": {"wait": "3s"}})
    before = hold_one(d, pool, "/before")
    d.configure(site(f"http://new:{other.port}", 2), **WAIT)
    d.reload()
    after = pool.submit(ask, d, "/after")
    dns.set("new", a=["127.0.0.1"])
    assert after.result()[0] == 200
    status, headers, body = before.result()
    assert (status, headers["X-Generation"]) == (503, "1") and b"hold_timeout" in body


def test_a_reload_while_they_wait_for_their_turn(door, script, pool):
    """The number that a request came with is the one it waits for."""
    def act(raw):
        path = raw.until(b"\r\n\r\n").split(b" ")[1]
        if path == b"/first":
            first.append(raw)
            raw.rest()
        else:
            raw.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    first = []
    to = script(act).url
    d = door(workers=1, sites=site(to, max_requests=1), extra=WAIT)
    with Raw(d.connect()) as raw:
        raw.send(GET.format("/first"))
        until(lambda: first, "it is in flight")
        waiting = pool.submit(ask, d, "/waits")
        until(lambda: d.metric("queued_requests") == 1, "it waits")
        d.configure(site(to, 2), **WAIT)
        d.reload()
        assert ask(d)[1]["X-Generation"] == "2"
        until(lambda: d.metric("queued_requests") == 1, "it looked, and still waits")
    status, headers, _ = waiting.result()
    assert (status, headers["X-Generation"]) == (200, "1")


def test_a_stop_meanwhile(door, dns, service, pool):
    """What can still be served within drain.timeout is."""
    one = service()
    d = door(workers=1, dns=dns, sites=site(f"http://web:{one.port}"),
             extra={**WAIT, "drain": {"timeout": "20s"}})
    waiting = [hold_one(d, pool, f"/{n}", n + 1) for n in range(3)]
    d.signal(15)
    until(lambda: d.admin("/readyz")[0] == 503, "it stops")
    assert held(d) == 3
    dns.set("web", a=["127.0.0.1"])
    answers = [w.result() for w in waiting]
    assert [(status, headers["Connection"]) for status, headers, _ in answers] == [
        (200, "close")] * 3
    assert d.wait() == 0


def test_a_stop_while_they_wait_for_their_turn(door, script):
    def act(raw):
        raw.until(b"\r\n\r\n")
        raw.rest()

    d = door(workers=1, sites=site(script(act).url, max_requests=1),
             extra={**WAIT, "drain": {"timeout": "500ms"}})
    with Raw(d.connect()) as one, Raw(d.connect()) as other:
        one.send(GET.format("/one"))
        other.send(GET.format("/other"))
        until(lambda: d.metric("queued_requests") == 1, "one waits")
        d.stop()
    assert [r["reason"] for r in d.log("access")] == ["drain_deadline"] * 2


def test_a_client_that_leaves_gives_its_place_away(door, dns, service, pool):
    one = service()
    d = door(workers=1, dns=dns, sites=site(f"http://web:{one.port}"),
             extra={"hold": {"wait": "30s", "requests": 1}})
    with Raw(d.connect()) as raw:
        raw.send(GET.format("/left"))
        until(lambda: held(d) == 1, "it waits")
        assert b"hold_full" in ask(d)[2]
    until(lambda: held(d) == 0, "it has left")
    waiting = hold_one(d, pool)
    dns.set("web", a=["127.0.0.1"])
    assert waiting.result()[0] == 200
    assert one.requests == ["GET /"]


def test_in_the_order_in_which_they_came(door, dns, service, pool):
    """One request at a time shows it: those that waited for a task take turns in the same order."""
    one = service()
    d = door(workers=1, dns=dns, sites=site(f"http://web:{one.port}", max_requests=1), extra=WAIT)
    waiting = [hold_one(d, pool, f"/{n}", n + 1) for n in range(12)]
    dns.set("web", a=["127.0.0.1"])
    assert [w.result()[0] for w in waiting] == [200] * 12
    assert one.requests == [f"GET /{n}" for n in range(12)]


def test_a_site_and_a_route_of_their_own(door, dns, service, pool):
    one = service()
    to = f"http://web:{one.port}"
    d = door(workers=1, dns=dns, extra={"hold": {"wait": "0s"}}, sites={
        "a.test": {"http": "serve", "hold": {"wait": "30s"}, "routes": {
            "/": to, "/hasty": {"to": to, "hold": {"wait": "0s"}},
            "/few": {"to": to, "hold": {"requests": 1}}}},
        "b.test": {"to": to, "http": "serve"}})
    until(lambda: d.get("b.test", tls=False)[0] == 503, "nobody knows it")
    waiting = hold_one(d, pool)
    assert b"no_endpoint" in ask(d, "/hasty")[2]
    assert b"no_endpoint" in d.get("b.test", tls=False)[2]
    assert b"hold_full" in ask(d, "/few")[2]
    dns.set("web", a=["127.0.0.1"])
    assert waiting.result()[0] == 200
    record = d.wait_log("access", path="/", status=200)[0]
    assert record["held"] is True and 0 < record["held_ms"] <= record["ms"]


def test_waited_in_vain_is_counted(door, dns):
    d = door(workers=1, dns=dns, sites=site("http://web:1"), extra={"hold": {"wait": "300ms"}})
    status, headers, body = ask(d)
    assert status == 503 and int(headers["Retry-After"]) > 0 and b"hold_timeout" in body
    record = d.wait_log("access", reason="hold_timeout")[0]
    assert record["held_ms"] > 0
    assert d.metric("hold_timeouts_total") == 1


# ---- bodies ----

def push(sock, data):
    """Sends until nobody takes any more."""
    sock.setblocking(False)
    sent = 0
    while sent < len(data) and select.select([], [sock], [], 0.5)[1]:
        with contextlib.suppress(BlockingIOError):
            sent += sock.send(data[sent:sent + 65536])
    sock.setblocking(True)
    return sent


def test_a_body_is_left_where_it_is(door, dns, service):
    """It stays in the kernel's buffers, and comes whole."""
    one = service(handler=lambda r: r.reply(200, str(len(r.read_body()))))
    d = door(workers=1, dns=dns, sites=site(f"http://web:{one.port}"), extra=WAIT)
    with Raw(d.connect()) as raw:
        raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
        raw.send(f"PUT / HTTP/1.1\r\nHost: a.test\r\nContent-Length: {32 * MIB}\r\n\r\n")
        until(lambda: held(d) == 1, "it waits")
        body = bytes(32 * MIB)
        sent = push(raw.socket, body)
        assert sent < 8 * MIB
        assert held(d) == 1
        dns.set("web", a=["127.0.0.1"])
        raw.socket.sendall(body[sent:])
        assert raw.response()[2] == str(len(body)).encode()


def test_a_body_over_http2_is_left_too(door, dns, service):
    """No more than the stream's window comes, and no window is opened for it."""
    one = service(handler=lambda r: r.reply(200, str(len(r.read_body()))))
    d = door(names=["a.test"], workers=1, dns=dns, sites=site(f"http://web:{one.port}"),
             extra={**WAIT, "http2": {"window": "64k"}})
    with Client(d.connect_tls("a.test", alpn_context(d.authority.ca))) as client:
        client.read_until(lambda: client.settings is not None, "SETTINGS")
        stream = client.request(hf.request("/", method="POST"), end=False)
        until(lambda: held(d) == 1, "it waits")
        room = stream.room
        client.send_data(stream, b"x" * room, end=False)
        client.read_waiting(0.5)
        assert stream.room == 0 and held(d) == 1
        dns.set("web", a=["127.0.0.1"])
        client.send_data(stream, b"y" * 100_000)
        client.finish(stream)
        assert stream.body == str(room + 100_000).encode()


# ---- addresses that are no use ----

@pytest.fixture
def silent():
    """silent(ip, port): an address that answers no SYN: its accept queue is full."""
    with contextlib.ExitStack() as stack:
        def make(ip, port):
            listening = stack.enter_context(socket.socket())
            listening.bind((ip, port))
            listening.listen(0)
            while True:
                one = stack.enter_context(socket.socket())
                one.settimeout(0.3)
                try:
                    one.connect((ip, port))
                except TimeoutError:
                    return
        yield make


def test_an_address_that_drops_what_comes(door, dns, service, silent, pool):
    """The next one is tried after timeouts.attempt: nobody fails, and nobody goes there again soon.
    """
    alive = service(ip="127.0.4.1")
    silent("127.0.4.2", alive.port)
    dns.set("web", a=["127.0.4.1", "127.0.4.2"])
    d = door(workers=1, dns=dns, sites=site(f"http://web:{alive.port}"))
    answers = [pool.submit(ask, d, f"/{n}") for n in range(60)]
    assert [a.result()[0] for a in answers] == [200] * 60
    assert d.metric("upstream_failures_total", reason="connect_timeout") >= 1
    retried = d.metric("retries_total", cause="connect")
    assert retried >= 1
    records = d.wait_log("access", 60, status=200)
    late = [r for r in records if r.get("reconnects")]
    assert sum(r["reconnects"] for r in late) == retried
    assert all(r["endpoint"].startswith("127.0.4.1") for r in late)


def test_nothing_but_addresses_that_drop_what_comes(door, dns, service, silent, pool):
    """They count as no endpoint: what comes waits, and goes on with the first that is one."""
    alive = service(ip="127.0.4.1")
    silent("127.0.4.2", alive.port)
    silent("127.0.4.3", alive.port)
    dns.set("web", a=["127.0.4.2", "127.0.4.3"])
    d = door(workers=1, dns=dns, sites=site(f"http://web:{alive.port}"), extra=WAIT)
    answers = [pool.submit(ask, d, f"/{n}") for n in range(10)]
    until(lambda: held(d) >= 9, "they wait")
    dns.set("web", a=["127.0.4.1", "127.0.4.2", "127.0.4.3"])
    assert [a.result()[0] for a in answers] == [200] * 10


# ---- services of HTTP/2 ----

def echo(connection, event):
    if isinstance(event, StreamEnded):
        connection.answer(event.stream_id, connection.bodies[event.stream_id] or b"-")


def test_a_service_of_http2_that_starts_again(door, pool):
    """Clients of both versions wait for it, and share its new connection."""
    with H2Service(echo) as first:
        port = first.port
        d = door(names=["a.test"], workers=1, sites=site(f"h2c://127.0.0.1:{port}"), extra=WAIT)
        assert ask(d, method="POST", body=b"one")[2] == b"one"
    until(lambda: not d.metric("upstream_links"), "its connection has ended")
    waiting = [pool.submit(ask, d, method="POST", body=b"x" * 100_000) for _ in range(4)]
    waiting += [pool.submit(d.curl, "--http2", "-w", " %{http_version} %{http_code}",
                            "--data-binary", "two", "https://a.test/") for _ in range(4)]
    until(lambda: held(d) >= 7, "they wait")
    with H2Service(echo, port=port) as again:
        assert [w.result()[::2] for w in waiting[:4]] == [(200, b"x" * 100_000)] * 4
        assert [w.result().stdout for w in waiting[4:]] == [b"two 2 200"] * 4
        assert again.count <= 2


def test_turns_at_a_service_of_http2(door, pool):
    """Streams of one connection are bounded as connections are."""
    waiting = []

    def handle(connection, event):
        if isinstance(event, StreamEnded):
            waiting.append((connection, event.stream_id))
            seen.append(len(waiting))

    seen = []
    with H2Service(handle) as h2:
        d = door(workers=2, sites=site(h2.url, max_requests=2), extra=WAIT)
        answers = [pool.submit(ask, d) for _ in range(8)]
        for left in range(8, 0, -1):
            until(lambda: len(waiting) == min(left, 2), "as many as may are there")
            until(lambda: d.metric("queued_requests") == max(left - 2, 0), "the others wait")
            connection, stream = waiting.pop(0)
            connection.answer(stream, b"-")
            connection.flush()
        assert [a.result()[0] for a in answers] == [200] * 8
        assert max(seen) == 2


@pytest.mark.parametrize("cause", ["refused", "closed"])
def test_the_budget_of_a_service_of_http2(door, cause):
    """It takes nothing: each request is sent a few times, until too many were, and all are counted
    by what went wrong."""
    def handle(connection, event):
        if not isinstance(event, StreamEnded):
            return
        if cause == "refused":
            connection.h2.reset_stream(event.stream_id, ErrorCodes.REFUSED_STREAM)
        else:
            connection.sock.shutdown(socket.SHUT_RDWR)

    count = 30
    with H2Service(handle) as h2:
        d = door(names=["a.test"], workers=1, sites=site(h2.url), extra={"hold": {"wait": "0s"}})
        statuses = {ask(d)[0] for _ in range(count)}
        assert statuses <= {502, 503}
        sent = len(h2.seen(StreamEnded))
        assert d.metric("retries_total", cause=cause) == d.metric("retries_total")
        assert d.metric("retries_total") == sent - count <= 10 + count // 5
        assert d.metric("retries_refused_total") > 0
        record = d.wait_log("access", retries=3)[0]
        assert record["retry_cause"] == f"upstream_{cause}"
