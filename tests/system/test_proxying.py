# SPDX-License-Identifier: MIT
"""HTTP/1.1 between a client and a service: heads, bodies, framing, connections, deadlines."""

import hashlib
import json
import os
import threading

import pytest
from lib.raw import Raw
from lib.wait import until

MIB = 1 << 20


def seen(answer):
    return json.loads(answer)


def headers_of(body):
    return [tuple(h) for h in seen(body)["headers"]]


def test_forwarded_fields_are_ours(door, service):
    d = door(names=["a.test"], sites={"a.test": {"to": service().url, "http": "serve"}})
    forged = {"X-Forwarded-For": "6.6.6.6", "X-Forwarded-Proto": "gopher",
              "X-Forwarded-Host": "evil", "X-Real-IP": "6.6.6.6", "Forwarded": "for=6.6.6.6"}
    for tls in (True, False):
        got = headers_of(d.get("a.test", headers=forged, tls=tls)[2])
        assert ("x-forwarded-for", "127.0.0.1") in got
        assert ("x-forwarded-proto", "https" if tls else "http") in got
        assert ("x-forwarded-host", got[0][1] if got[0][0] == "host" else "a.test") in got
        assert not any("6.6.6.6" in v or v in ("gopher", "evil") for _, v in got)


def test_forwarded_fields_of_trusted_clients_stay(door, service):
    d = door(names=["a.test"], sites={"a.test": service().url},
             extra={"forwarded": {"trust": ["127.0.0.0/8"]}})
    got = headers_of(d.get("a.test", headers={"X-Forwarded-For": "6.6.6.6",
                                              "X-Forwarded-Proto": "http"})[2])
    assert ("x-forwarded-for", "6.6.6.6, 127.0.0.1") in got
    assert ("x-forwarded-proto", "http") in got


def test_hop_by_hop_fields_do_not_pass(door, service):
    d = door(names=["a.test"], sites={"a.test": service().url})
    got = dict(headers_of(d.get("a.test", headers={
        "Connection": "X-Secret, Host, X-Forwarded-For, keep-alive", "X-Secret": "1",
        "Keep-Alive": "5", "Proxy-Connection": "x", "TE": "gzip", "X-Kept": "2"})[2]))
    assert "x-secret" not in got and "keep-alive" not in got and "te" not in got
    assert got["x-kept"] == "2" and got["x-forwarded-for"] == "127.0.0.1" and "host" in got


def test_routes_prefix_and_strip(door, service):
    web, api = service(name="web"), service(name="api")
    d = door(names=["a.test"], sites={"a.test": {"routes": {
        "/": web.url, "/api": {"to": api.url, "strip": True}, "/api/raw": api.url}}})
    for path, name, got in (("/", "web", "/"), ("/apix", "web", "/apix"), ("/api", "api", "/"),
                            ("/api/v1?q", "api", "/v1?q"), ("/api/raw/x", "api", "/api/raw/x"),
                            ("/api//x%2fy", "api", "/x%2fy"), ("/%61pi/z", "api", "/z"),
                            ("/?a=100%&b", "web", "/?a=100%&b")):
        answer = seen(d.get("a.test", path)[2])
        assert (answer["service"], answer["path"]) == (name, got), path
    assert d.get("a.test", "/x/../api/w")[0] == 400  # nothing of its own bytes is left to send


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_methods(door, service, method):
    d = door(names=["a.test"], sites={"a.test": service().url})
    body = b"some body" if method in ("POST", "PUT", "PATCH") else None
    status, headers, answer = d.get("a.test", method=method, body=body)
    assert status == 200
    if method == "HEAD":
        assert answer == b"" and int(headers["Content-Length"]) > 0
    else:
        assert seen(answer)["method"] == method
        assert seen(answer)["body"] == (body or b"").decode()


def test_keep_alive_and_pipelining_in_order(door, service):
    one = service()
    d = door(names=["a.test"], workers=1, sites={"a.test": {"to": one.url, "http": "serve"}})
    with Raw(d.connect()) as raw:
        raw.send("".join(f"GET /{i} HTTP/1.1\r\nHost: a.test\r\n\r\n" for i in range(20)))
        for i in range(20):
            assert seen(raw.response()[2])["path"] == f"/{i}"
    assert d.metric("upstream_links_opened_total") == 1
    assert d.metric("upstream_links_reused_total") == 19


def test_http_1_0(door, service):
    d = door(names=["a.test"], sites={"a.test": {"to": service().url, "http": "serve"}})
    with Raw(d.connect()) as raw:
        raw.send("GET /old HTTP/1.0\r\nHost: a.test\r\n\r\n")
        answer = raw.rest()
        assert answer.startswith(b"HTTP/1.1 200") and b"Connection: close" in answer
    with Raw(d.connect()) as raw:
        for _ in range(2):
            raw.send("GET /old HTTP/1.0\r\nHost: a.test\r\nConnection: keep-alive\r\n\r\n")
            status, fields, _ = raw.response()
            assert status == 200 and fields["connection"] == "keep-alive"


def test_bodies_in_chunks_both_ways(door, service):
    def chunks(request):
        body = request.read_body()
        request.send_response(200)
        request.send_header("Transfer-Encoding", "chunked")
        request.end_headers()
        for i in range(0, len(body), 1000):
            piece = body[i:i + 1000]
            request.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        request.wfile.write(b"0\r\n\r\n")
    d = door(names=["a.test"], sites={"a.test": service(handler=chunks).url})
    body = os.urandom(100_000)
    connection = d.https_connection("a.test")
    connection.request("POST", "/", body=iter([body[:5], body[5:70_000], body[70_000:]]),
                       encode_chunked=True, headers={"Transfer-Encoding": "chunked"})
    assert connection.getresponse().read() == body
    connection.close()


def test_http_1_0_client_gets_chunks_as_plain_body(door, script):
    s = script(lambda raw: (raw.until("\r\n\r\n"), raw.send(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")))
    d = door(sites={"a.test": {"to": s.url, "http": "serve"}})
    with Raw(d.connect()) as raw:
        raw.send("GET / HTTP/1.0\r\nHost: a.test\r\n\r\n")
        assert raw.rest().endswith(b"\r\n\r\nabcde")


def memory_kib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


def peak_kib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))


BIG = 1024 * MIB
# A sanitizer build keeps freed memory for a while; that is not what is measured here.
SMALL_QUARANTINE = {"ASAN_OPTIONS": "quarantine_size_mb=1:thread_local_quarantine_size_kb=64"}


def test_gibibyte_down_in_constant_memory(door, service):
    piece = bytes(range(256)) * 4096

    def big(request):
        request.send_response(200)
        request.send_header("Content-Length", str(BIG))
        request.end_headers()
        for _ in range(BIG // len(piece)):
            request.wfile.write(piece)
    d = door(names=["a.test"], workers=1, sites={"a.test": service(handler=big).url},
             environment=SMALL_QUARANTINE)
    assert d.get("a.test", method="HEAD") is not None
    before = memory_kib(d.pids("worker")[0])
    connection = d.https_connection("a.test", timeout=120)
    connection.request("GET", "/")
    response = connection.getresponse()
    total = 0
    while data := response.read(4 * MIB):
        total += len(data)
        assert data[:256] == piece[total % 256:][:256] or len(data) % 256
    assert total == BIG
    connection.close()
    assert peak_kib(d.pids("worker")[0]) - before < 48 * 1024


def test_gibibyte_up_in_constant_memory(door, service):
    got = {}

    def sink(request):
        left = int(request.headers["Content-Length"])
        digest = hashlib.sha1(usedforsecurity=False)
        count = 0
        while left:
            data = request.rfile.read(min(left, 4 * MIB))
            if not data:
                return
            digest.update(data[:64])
            count += len(data)
            left -= len(data)
        got["count"] = count
        request.reply(200, "thanks")
    d = door(names=["a.test"], workers=1, sites={"a.test": service(handler=sink).url},
             environment=SMALL_QUARANTINE)
    before = memory_kib(d.pids("worker")[0])
    piece = b"u" * (4 * MIB)
    connection = d.https_connection("a.test", timeout=120)
    connection.putrequest("POST", "/")
    connection.putheader("Content-Length", str(BIG))
    connection.endheaders()
    for _ in range(BIG // len(piece)):
        connection.send(piece)
    assert connection.getresponse().read() == b"thanks"
    connection.close()
    assert got["count"] == BIG
    assert peak_kib(d.pids("worker")[0]) - before < 48 * 1024


def test_slow_reader_stops_the_service(door, script):
    sent = {"bytes": 0}

    def flood(raw):
        raw.until("\r\n\r\n")
        raw.send(f"HTTP/1.1 200 OK\r\nContent-Length: {256 * MIB}\r\n\r\n")
        raw.socket.settimeout(5)
        try:
            while sent["bytes"] < 256 * MIB:
                raw.send(b"x" * MIB)
                sent["bytes"] += MIB
        except TimeoutError:
            sent["stalled"] = True
    s = script(flood)
    d = door(names=["a.test"], workers=1, sites={"a.test": s.url})
    with Raw(d.connect_tls("a.test")) as raw:
        raw.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
        raw.until("\r\n\r\n")
        until(lambda: sent.get("stalled"), "the service is stopped")
        assert sent["bytes"] < 64 * MIB
        assert d.get("a.test", "/", method="HEAD", tls=False)[0] == 301  # others are served


def test_streaming_is_not_held_back(door, script):
    step = threading.Event()

    def stream(raw):
        raw.until("\r\n\r\n")
        raw.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n")
        step.wait(30)
        raw.send("data: 2\n\n")
    s = script(stream)
    d = door(names=["a.test"], sites={"a.test": s.url})
    with Raw(d.connect_tls("a.test")) as raw:
        raw.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
        raw.until("data: 1\n\n")
        step.set()
        raw.until("data: 2\n\n")
        raw.until("0\r\n\r\n")


def test_early_answer_ends_the_upload(door, script):
    s = script(lambda raw: (raw.until("\r\n\r\n"),
                            raw.send("HTTP/1.1 413 Too Big\r\nContent-Length: 2\r\n\r\nno")))
    d = door(names=["a.test"], sites={"a.test": s.url})
    with Raw(d.connect_tls("a.test")) as raw:
        raw.send(f"POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: {100 * MIB}\r\n\r\nabc")
        status, fields, body = raw.response()
        assert (status, body) == (413, b"no")


@pytest.mark.parametrize("status", [204, 304])
def test_answers_without_body(door, script, status):
    def answer(raw):
        while True:
            raw.until("\r\n\r\n")
            raw.send(f"HTTP/1.1 {status} Nothing\r\nETag: x\r\n\r\n")
    s = script(answer)
    d = door(sites={"a.test": {"to": s.url, "http": "serve"}})
    with Raw(d.connect()) as raw:
        for _ in range(3):
            raw.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
            got, fields, _ = raw.response()
            assert got == status and "transfer-encoding" not in fields


def test_client_abort_closes_the_link(door, script):
    asked, closed = threading.Event(), threading.Event()

    def hang(raw):
        raw.until("\r\n\r\n")
        asked.set()
        if raw.is_closed():
            closed.set()
    s = script(hang)
    d = door(names=["a.test"], sites={"a.test": s.url})
    raw = Raw(d.connect_tls("a.test"))
    raw.send("GET /hang HTTP/1.1\r\nHost: a.test\r\n\r\n")
    assert asked.wait(30)  # a connection alone would be kept for the next request
    raw.close()
    assert closed.wait(30)
    assert d.wait_log("access", reason="client_abort")[0]["path"] == "/hang"


BROKEN = [
    ("closes at once", "", 502, "upstream_closed"),
    ("garbage", "NOT HTTP\r\n\r\n", 502, "upstream_bad_head"),
    ("two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 502,
     "upstream_bad_framing"),
    ("length and chunked", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked"
     "\r\n\r\n0\r\n\r\n", 502, "upstream_bad_framing"),
    ("bare line feeds", "HTTP/1.1 200 OK\nContent-Length: 0\n\n", 502, "upstream_bad_head"),
    ("unasked switch", "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x"
     "\r\n\r\n", 502, "upstream_bad_upgrade"),
    ("endless head", "HTTP/1.1 200 OK\r\nX: " + "a" * 200_000, 502, "upstream_header_too_large"),
]


@pytest.mark.parametrize("what,answer,status,reason", BROKEN, ids=[b[0] for b in BROKEN])
def test_broken_service(door, script, what, answer, status, reason):
    s = script(lambda raw: (raw.until("\r\n\r\n"), raw.send(answer)))
    d = door(names=["a.test"], sites={"a.test": s.url})
    got, headers, body = d.get("a.test", method="POST", body=b"")
    assert got == status, what
    record = d.wait_log("access", reason=reason)[0]
    assert headers["X-Request-Id"] == record["id"] and record["id"].encode() in body
    assert b"127.0.0.1" not in body


def test_vanishing_mid_body_is_a_cut(door, script):
    s = script(lambda raw: (raw.until("\r\n\r\n"), raw.send(
        "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this")))
    chunked = script(lambda raw: (raw.until("\r\n\r\n"), raw.send(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nonly\r\n")))
    d = door(sites={"a.test": {"to": s.url, "http": "serve"},
                    "b.test": {"to": chunked.url, "http": "serve"}})
    for name, part in (("a.test", b"only this"), ("b.test", b"only")):
        with Raw(d.connect()) as raw:
            raw.send(f"GET / HTTP/1.1\r\nHost: {name}\r\n\r\n")
            answer = raw.rest()
            assert part in answer and not answer.endswith(b"0\r\n\r\n")
    d.wait_log("access", 2, reason="upstream_cut")


def test_response_deadline(door, script):
    s = script(lambda raw: (raw.until("\r\n\r\n"), raw.is_closed()))
    d = door(names=["a.test"], sites={
        "a.test": {"to": s.url, "timeouts": {"response": "200ms"}}})
    assert d.get("a.test")[0] == 504
    d.wait_log("access", reason="upstream_timeout")


def test_header_and_idle_deadlines(door, service):
    d = door(names=["a.test"], sites={"a.test": {"to": service().url, "http": "serve"}},
             extra={"timeouts": {"header": "300ms", "idle": "400ms", "handshake": "300ms"}})
    with Raw(d.connect()) as raw:
        raw.send("GET / HTTP/1.1\r\nHos")
        assert raw.rest().startswith(b"HTTP/1.1 408")
    with Raw(d.connect()) as raw:
        raw.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
        raw.response()
        assert raw.is_closed()
    with Raw(d.connect("https")) as raw:
        raw.send(b"\x16\x03\x01")
        assert raw.is_closed()
    until(lambda: d.metric("connections_closed_total", reason="handshake_timeout") == 1, "counted")


def test_stalled_upload_is_408(door, service):
    d = door(sites={"a.test": {"to": service().url, "http": "serve"}},
             extra={"timeouts": {"idle": "300ms"}})
    with Raw(d.connect()) as raw:
        raw.send("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 10\r\n\r\nabc")
        assert raw.rest().startswith(b"HTTP/1.1 408")


def test_limits(door, service):
    d = door(sites={"a.test": {"to": service().url, "http": "serve", "limits": {"body": "1k"}}},
             extra={"limits": {"header": "4k", "headers": 20}})
    table = [
        ("GET /" + "a" * 8000 + " HTTP/1.1\r\nHost: a.test\r\n\r\n", 414),
        ("GET / HTTP/1.1\r\nHost: a.test\r\nX: " + "a" * 8000 + "\r\n\r\n", 431),
        ("GET / HTTP/1.1\r\nHost: a.test\r\n" + "X: 1\r\n" * 30 + "\r\n", 431),
        ("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 2000\r\n\r\n", 413),
        ("POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n800\r\n"
         + "a" * 2048, 413),
    ]
    for request, status in table:
        with Raw(d.connect()) as raw:
            raw.send(request)
            assert raw.rest().startswith(f"HTTP/1.1 {status}".encode()), request[:60]


def test_error_pages_by_accept(door):
    d = door(sites={"a.test": {"to": "http://127.0.0.1:1", "http": "serve"}},
             extra={"hold": {"wait": "0s"}})
    for accept, kind in (("text/html,*/*", "text/html"), ("application/json", "application/json"),
                         ("*/*", "text/plain")):
        status, headers, body = d.get("a.test", headers={"Accept": accept}, tls=False)
        assert status == 502 and headers["Content-Type"].startswith(kind)
        assert headers["X-Request-Id"].encode() in body
        assert b"connect_refused" in body
        if kind == "application/json":
            json.loads(body)


def test_tunnel_and_its_deadline(door, script):
    def tunnel(raw):
        head = raw.until("\r\n\r\n")
        assert b"Upgrade: echo" in head
        raw.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
        while data := raw.socket.recv(65536):
            raw.send(data)
    s = script(tunnel)
    d = door(names=["a.test"], sites={"a.test": {"to": s.url, "timeouts": {"tunnel": "500ms"}}})
    with Raw(d.connect_tls("a.test")) as raw:
        raw.send("GET / HTTP/1.1\r\nHost: a.test\r\nConnection: keep-alive, Upgrade\r\n"
                 "Upgrade: echo\r\n\r\n")
        assert raw.response()[0] == 101
        blob = os.urandom(2 * MIB)
        assert raw.exchange(blob, len(blob)) == blob
        assert raw.is_closed()
    d.wait_log("access", reason="tunnel_idle")


def test_upgrade_refused_by_the_service(door, service):
    d = door(names=["a.test"], sites={"a.test": service().url})
    status, _, body = d.get("a.test", headers={"Connection": "Upgrade", "Upgrade": "websocket"})
    assert status == 200 and dict(headers_of(body))["upgrade"] == "websocket"


def test_absolute_form_replaces_host(door, service):
    d = door(sites={"a.test": {"to": service().url, "http": "serve"}})
    with Raw(d.connect()) as raw:
        raw.send("GET http://a.test/x?y HTTP/1.1\r\nHost: other.test\r\n\r\n")
        answer = seen(raw.response()[2])
        assert answer["path"] == "/x?y" and ["host", "a.test"] in answer["headers"]


REFUSED = [
    "GET / HTTP/1.1\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a.test\r\nHost: a.test\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\nx",
    "GET / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1, 1\r\n\r\nx",
    "GET / HTTP/1.1\r\nHost: a.test\r\nContent-Length: +1\r\n\r\nx",
    "GET / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a.test\r\nX : 1\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a.test\r\nX: 1\r\n folded\r\n\r\n",
    "GET / HTTP/1.1\nHost: a.test\n\n",
    "GET / HTTP/1.1\r\nHost: a.test\r\nX: a\0b\r\n\r\n",
    "GET /a#b HTTP/1.1\r\nHost: a.test\r\n\r\n",
    "GET /../x HTTP/1.1\r\nHost: a.test\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: user@a.test\r\n\r\n",
    "CONNECT a.test:443 HTTP/1.1\r\nHost: a.test\r\n\r\n",
    "GET / HTTP/2.0\r\nHost: a.test\r\n\r\n",
    "\x16\x03\x01\x02\x00\x01\x00\r\n\r\n",
]


@pytest.mark.parametrize("request_text", REFUSED)
def test_ambiguous_requests_never_pass(door, service, request_text):
    one = service()
    d = door(sites={"a.test": {"to": one.url, "http": "serve"}})
    with Raw(d.connect()) as raw:
        raw.send(request_text + "GET /smuggled HTTP/1.1\r\nHost: a.test\r\n\r\n")
        answer = raw.rest() if "Connection" not in request_text else raw.rest()
        status = int(answer[9:12])
        assert 400 <= status < 600
        assert b"HTTP/1.1" not in answer[12:] or b"/smuggled" not in answer
    assert "GET /smuggled" not in one.requests or "CONNECT" in request_text or "/../" in request_text
