# SPDX-License-Identifier: MIT
"""Requests wait while their service has no endpoint that takes connections, and go on in order."""

import concurrent.futures
import socket

import pytest
from lib.raw import Raw
from lib.wait import until


@pytest.fixture
def pool():
    with concurrent.futures.ThreadPoolExecutor(32) as threads:
        yield threads


@pytest.fixture
def port():
    """A port of 127.0.0.1 that nobody listens on and nobody else gets."""
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


def held(d):
    return d.metric("held_requests")


def site(port):
    return {"a.test": {"to": f"http://web:{port}", "http": "serve"}}


def ask(d, path="/", **options):
    return d.get("a.test", path, tls=False, **options)


def test_a_service_that_comes_late(door, dns, service, pool):
    """No name yet: nothing fails, and as soon as there is one they go on, in their order."""
    d = door(workers=1, dns=dns, sites={}, extra={"hold": {"wait": "30s"}})
    late = service()
    d.configure(site(late.port), hold={"wait": "30s"})
    d.reload()
    waiting = []
    for n in range(8):
        waiting.append(pool.submit(ask, d, f"/{n}"))
        until(lambda: held(d) == len(waiting), "it waits")
    dns.set("web", a=["127.0.0.1"])
    assert [w.result()[0] for w in waiting] == [200] * 8
    assert d.metric("held_requests_total") == 8 and held(d) == 0
    assert len(d.wait_log("access", 8, held=True, status=200)) == 8


def test_a_service_that_starts_again(door, pool, port, service):
    """The only task refuses for a while: GET and POST wait, and nothing is sent twice."""
    one = service(handler=lambda r: r.reply(200, r.read_body()))
    d = door(workers=1, sites={"a.test": {"to": one.url, "http": "serve"}},
             extra={"hold": {"wait": "30s"}})
    assert ask(d)[0] == 200
    one.close()
    waiting = [pool.submit(ask, d, f"/{method}", method=method, body=body)
               for method, body in [("GET", None), ("POST", b"p" * 100_000), ("PUT", b"q")]]
    until(lambda: held(d) == 3, "they wait")
    back = service(handler=lambda r: r.reply(200, r.read_body()), port=one.port)
    assert [w.result()[::2] for w in waiting] == [(200, b""), (200, b"p" * 100_000), (200, b"q")]
    assert sorted(back.requests) == ["GET /GET", "POST /POST", "PUT /PUT"]


def test_a_dead_address_is_no_endpoint(door, dns, service, pool, port):
    """All known addresses refuse; a new one is published, and is taken at once."""
    alive = service(ip="127.0.0.2")
    dns.set("web", a=["127.0.0.1"])
    d = door(workers=1, dns=dns, sites=site(alive.port), extra={"hold": {"wait": "30s"}})
    waiting = [pool.submit(ask, d) for _ in range(3)]
    until(lambda: held(d) >= 2, "they wait")
    dns.set("web", a=["127.0.0.1", "127.0.0.2"])
    assert [w.result()[0] for w in waiting] == [200] * 3


def test_waited_in_vain(door, port):
    d = door(workers=1, sites={"a.test": {"to": f"http://127.0.0.1:{port}", "http": "serve"}},
             extra={"hold": {"wait": "300ms"}})
    status, headers, body = ask(d)
    assert status == 503 and int(headers["Retry-After"]) > 0
    assert b"hold_timeout" in body and b"connect_refused" not in body
    record = d.wait_log("access", reason="hold_timeout")[0]
    assert record["held"] is True and record["detail"] == "connect_refused"
    assert record["endpoint"] == f"127.0.0.1:{port}" and record["ms"] > 299  # of whole milliseconds


def test_switched_off(door, port):
    d = door(workers=1, sites={"a.test": {"to": f"http://127.0.0.1:{port}", "http": "serve"}},
             extra={"hold": {"wait": "0s"}})
    assert ask(d)[0] == 502
    assert "held" not in d.wait_log("access", reason="connect_refused")[0]
    assert d.metric("held_requests_total") == 0


def test_more_than_may_wait(door, dns, service, pool):
    late = service()
    d = door(workers=1, dns=dns, sites=site(late.port),
             extra={"hold": {"wait": "30s", "requests": 3}})
    waiting = [pool.submit(ask, d) for _ in range(3)]
    until(lambda: held(d) == 3, "as many as may wait do")
    status, headers, body = ask(d)
    assert status == 503 and int(headers["Retry-After"]) > 0 and b"hold_full" in body
    d.wait_log("access", reason="hold_full")
    assert d.metric("requests_total", reason="hold_full") == 1
    dns.set("web", a=["127.0.0.1"])
    assert [w.result()[0] for w in waiting] == [200] * 3


def test_a_client_that_leaves(door, dns, service):
    late = service()
    d = door(workers=1, dns=dns, sites=site(late.port), extra={"hold": {"wait": "30s"}})
    with Raw(d.connect()) as raw:
        raw.send("GET /left HTTP/1.1\r\nHost: a.test\r\n\r\n")
        until(lambda: held(d) == 1, "it waits")
    until(lambda: held(d) == 0, "it has left")
    d.wait_log("access", reason="client_abort")
    dns.set("web", a=["127.0.0.1"])
    until(lambda: ask(d)[0] == 200, "others are served")
    assert "GET /left" not in late.requests


def test_over_http2(door, dns, service, pool):
    late = service()
    d = door(names=["a.test"], workers=1, dns=dns, sites=site(late.port),
             extra={"hold": {"wait": "30s"}})
    waiting = [pool.submit(d.curl, "--http2", "-w", "%{http_version} %{http_code}", "-o",
                           "/dev/null", "https://a.test/") for _ in range(3)]
    until(lambda: held(d) == 3, "they wait")
    dns.set("web", a=["127.0.0.1"])
    assert [w.result().stdout for w in waiting] == [b"2 200"] * 3


def test_a_drain_does_not_wait_for_them(door, dns):
    d = door(workers=1, dns=dns, sites=site(1),
             extra={"hold": {"wait": "1h"}, "drain": {"timeout": "500ms"}})
    with Raw(d.connect()) as raw:
        raw.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
        until(lambda: held(d) == 1, "it waits")
        d.stop()
    assert [r["reason"] for r in d.log("access")] == ["drain_deadline"]


def test_a_name_is_asked_for_often_meanwhile(door, dns, service, pool):
    """The refresh may be long: who waits has the name looked up again and again."""
    late = service()
    d = door(workers=1, dns=dns, sites=site(late.port),
             extra={"hold": {"wait": "30s"}, "dns": {"refresh": "1h"}})
    waiting = pool.submit(ask, d)
    until(lambda: held(d) == 1, "it waits")
    asked = d.metric("dns_queries_total")
    until(lambda: d.metric("dns_queries_total") >= asked + 6, "it is asked for")
    dns.set("web", a=["127.0.0.1"])
    assert waiting.result()[0] == 200
