# SPDX-License-Identifier: MIT
"""Services that speak HTTP/2: what goes on to them, whatever the client speaks, and what they do
that no good service does."""

import contextlib
import threading

import pytest
from h2.errors import ErrorCodes
from h2.events import RequestReceived, StreamEnded, StreamReset
from h2.settings import SettingCodes
from lib.h2_service import H2Service
from lib.tls_service import TlsNginx
from lib.wait import until

BIG = bytes(n * 7 % 253 for n in range(10 << 20))


def echo(connection, event):
    if isinstance(event, StreamEnded):
        body = connection.bodies[event.stream_id]
        headers = connection.headers[event.stream_id]
        connection.answer(event.stream_id, body, [
            ("x-path", headers[":path"]), ("x-authority", headers[":authority"]),
            ("x-scheme", headers[":scheme"]), ("x-te", headers.get("te", "-")),
            ("x-length", headers.get("content-length", "-"))])


@pytest.fixture
def h2_site(door):
    """Makes (door, service): h2_site(handle, settings=...)."""
    stack = contextlib.ExitStack()

    def make(handle, settings=None, **options):
        service = stack.enter_context(H2Service(handle, settings))
        return door(names=["a.test"], workers=1, sites={"a.test": service.url}, **options), service

    with stack:
        yield make


def last(d, count=1):
    return d.wait_log("access", count)[-1]


def test_http1_client(h2_site):
    d, service = h2_site(echo)
    status, headers, body = d.get("a.test", "/p?q", method="POST", body=b"hello")
    assert (status, body) == (200, b"hello")
    assert (headers["x-path"], headers["x-authority"]) == (
        "/p?q", f"a.test:{d.https.number}")
    assert (headers["x-scheme"], headers["x-te"], headers["x-length"]) == ("http", "-", "5")
    record = last(d)
    assert (record["protocol"], record["service_protocol"]) == ("HTTP/1.1", "HTTP/2")
    # A body without length, and great ones both ways.
    status, headers, body = d.get("a.test", method="PUT", body=iter([b"a" * 1000] * 10))
    assert (status, body, headers["x-length"]) == (200, b"a" * 10_000, "-")
    assert d.get("a.test", method="POST", body=BIG)[2] == BIG
    assert d.metric("upstream_links_opened_total") == 1


def test_http2_client(h2_site):
    d, service = h2_site(echo)
    done = d.curl("--http2", "-H", "TE: trailers", "--data-binary", "hello", "-D", "-",
                  "https://a.test/x")
    assert b"HTTP/2 200" in done.stdout and done.stdout.endswith(b"hello"), done
    assert b"x-te: trailers" in done.stdout


def test_trailers_and_interim_answers(h2_site):
    def handle(connection, event):
        if isinstance(event, StreamEnded):
            connection.h2.send_headers(event.stream_id, [(":status", "103"), ("link", "</x>")])
            connection.answer(event.stream_id, b"body", trailers=[("x-sum", "42")])

    d, _ = h2_site(handle)
    with d.connect_tls("a.test") as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: a.test\r\nTE: trailers\r\nConnection: TE, close"
                     b"\r\n\r\n")
        got = b"".join(iter(lambda: sock.recv(65536), b""))
    assert b"HTTP/1.1 103" in got and b"</x>" in got
    assert b"body" in got and b"x-sum: 42" in got


@pytest.mark.parametrize("how", ["goaway", "reset"])
def test_what_was_not_looked_at_is_sent_again(h2_site, how):
    """RFC 9113 section 8.7: a POST too, with its body."""
    def handle(connection, event):
        if connection.number > 1:
            echo(connection, event)
        elif isinstance(event, StreamEnded) and how == "goaway":
            connection.h2.close_connection(last_stream_id=0)
        elif isinstance(event, StreamEnded):
            connection.h2.reset_stream(event.stream_id, ErrorCodes.REFUSED_STREAM)

    d, service = h2_site(handle)
    status, _, body = d.get("a.test", method="POST", body=b"x" * 30_000)
    assert (status, body) == (200, b"x" * 30_000)
    record = last(d)
    assert record["retries"] == 1 and record["bytes_in"] == 30_000
    assert service.count == 2


def test_refused_again_and_again(h2_site):
    def handle(connection, event):
        if isinstance(event, RequestReceived):
            connection.h2.reset_stream(event.stream_id, ErrorCodes.REFUSED_STREAM)

    d, service = h2_site(handle)
    status, headers, _ = d.get("a.test")
    assert status == 503 and "Retry-After" in headers
    assert last(d)["reason"] == "upstream_refused"
    assert len(service.seen(RequestReceived)) == 4


def test_a_reset_post_is_not_repeated(h2_site):
    def handle(connection, event):
        if isinstance(event, StreamEnded):
            connection.h2.reset_stream(event.stream_id, ErrorCodes.INTERNAL_ERROR)

    d, service = h2_site(handle)
    assert d.get("a.test", method="POST", body=b"once")[0] == 502
    assert last(d)["reason"] == "upstream_stream_reset"
    assert len(service.seen(RequestReceived)) == 1
    # The link is as good as before.
    assert d.get("a.test")[0] == 502
    assert d.metric("upstream_links_opened_total") == 1


def test_an_early_answer(h2_site):
    """RFC 9113 section 8.1: END_STREAM, then RST_STREAM(NO_ERROR): the rest is not wanted."""
    def handle(connection, event):
        if isinstance(event, RequestReceived):
            connection.answer(event.stream_id, b"too much", status=413)
            connection.raw(b"\0\0\4\3\0" + event.stream_id.to_bytes(4, "big") + bytes(4))

    d, _ = h2_site(handle)
    # By hand: curl of Debian 12 takes RST_STREAM(NO_ERROR) for an error.
    with d.connect_tls("a.test") as sock:
        sock.sendall(b"POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1000000\r\n\r\n"
                     + b"x" * 1000)
        got = b""
        while b"too much" not in got:
            piece = sock.recv(65536)
            assert piece, got
            got += piece
    assert got.startswith(b"HTTP/1.1 413 ")
    assert last(d)["reason"] == "ok"


def test_a_client_that_leaves(h2_site):
    started = threading.Event()

    def handle(connection, event):
        if isinstance(event, RequestReceived):
            connection.h2.send_headers(event.stream_id, [(":status", "200")])
            connection.h2.send_data(event.stream_id, b"begin")
            started.set()

    d, service = h2_site(handle)
    with d.connect_tls("a.test") as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
        assert started.wait(30)
        until(lambda: b"begin" in sock.recv(65536), "the answer has begun")
    reset = until(lambda: service.seen(StreamReset), "the service hears of it")[0]
    assert reset.error_code == ErrorCodes.CANCEL
    assert last(d)["reason"] == "client_abort"


def test_killed_inside_an_answer(h2_site):
    def handle(connection, event):
        if isinstance(event, RequestReceived):
            connection.h2.send_headers(event.stream_id, [(":status", "200")])
            connection.h2.send_data(event.stream_id, b"begin")
            connection.flush()
            connection.sock.close()

    d, _ = h2_site(handle)
    done = d.curl("https://a.test/")
    assert done.returncode != 0
    assert last(d)["reason"] == "upstream_cut"


def test_broken_services(h2_site):
    def handle(connection, event):
        if isinstance(event, RequestReceived):
            path = connection.headers[event.stream_id][":path"]
            if path == "/push":
                connection.raw(b"\0\0\5\5\4" + event.stream_id.to_bytes(4, "big")
                               + b"\0\0\0\2\x88")
            elif path == "/length":
                connection.answer(event.stream_id, b"1234", [("content-length", "5")])
            elif path == "/status":
                connection.answer(event.stream_id, b"", status=99)
            elif path == "/connection":
                connection.answer(event.stream_id, b"x", [("connection", "close")])
            elif path == "/big":
                connection.answer(event.stream_id, b"", [(f"x-{n}", "y" * 800) for n in range(99)])

    d, _ = h2_site(handle)
    for count, (path, status, reason) in enumerate([
            ("/push", 502, "upstream_h2_protocol"), ("/status", 502, "upstream_bad_head"),
            ("/connection", 502, "upstream_bad_head"), ("/big", 502, "upstream_header_too_large")]):
        assert d.get("a.test", path)[0] == status
        assert last(d, count + 1)["reason"] == reason
    done = d.curl("https://a.test/length")
    assert done.returncode != 0, "a cut must be seen"
    assert last(d, 5)["reason"] == "upstream_bad_framing"


def test_not_http2(door, service):
    plain = service()
    d = door(names=["a.test"], workers=1, sites={"a.test": plain.url.replace("http:", "h2c:")})
    assert d.get("a.test")[0] == 502
    assert last(d)["reason"] == "upstream_not_h2"


def websocket_request(d, sock):
    sock.sendall(b"GET /ws HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                 b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
    head = b""
    while b"\r\n\r\n" not in head:
        head += sock.recv(4096)
    return head


def test_websocket_by_extended_connect(h2_site):
    """RFC 8441: HTTP/1.1's upgrade becomes a stream, and the answer a 101 again."""
    def handle(connection, event):
        if isinstance(event, RequestReceived):
            connection.answer_open = True
            connection.h2.send_headers(event.stream_id, [(":status", "200")])
        elif type(event).__name__ == "DataReceived":
            connection.send(event.stream_id, event.data.upper(), end=False)
        elif isinstance(event, StreamEnded):
            connection.h2.end_stream(event.stream_id)

    d, service = h2_site(handle, {SettingCodes.ENABLE_CONNECT_PROTOCOL: 1})
    with d.connect_tls("a.test") as sock:
        head = websocket_request(d, sock)
        assert head.startswith(b"HTTP/1.1 101 ")
        assert b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head  # RFC 6455 section 1.3
        for _ in range(3):
            sock.sendall(b"bytes")
            assert sock.recv(100) == b"BYTES"
    headers = dict(service.seen(RequestReceived)[0].headers)
    assert (headers[":method"], headers[":protocol"]) == ("CONNECT", "websocket")
    assert headers[":path"] == "/ws" and "sec-websocket-key" not in headers
    assert last(d)["reason"] == "tunnel_done"


def test_websocket_to_a_service_without(h2_site):
    d, _ = h2_site(echo)
    with d.connect_tls("a.test") as sock:
        assert websocket_request(d, sock).startswith(b"HTTP/1.1 502 ")
    assert last(d)["reason"] == "upstream_no_upgrade"


def test_nginx_by_alpn(door, authority):
    with TlsNginx(authority, http2=True, inside="keepalive_requests 20;") as nginx:
        (nginx.root / "data").write_bytes(BIG)
        d = door(names=["a.test"], workers=1, sites={"a.test": {
            "to": nginx.url, "verify": {"ca": str(authority.ca), "name": "service.test"}}})
        # nginx says GOAWAY after 20 requests each: nobody notices.
        for n in range(50):
            status, _, body = d.get("a.test", "/echo", method="POST", body=b"x" * n)
            assert (status, body) == (200, b"HTTP/2.0 a.test service.test " + body[-1:]), n
        assert d.get("a.test", "/data")[2] == BIG
        assert 3 <= d.metric("upstream_links_opened_total") <= 4
        assert {r["service_protocol"] for r in d.log("access")} == {"HTTP/2"}
