# SPDX-License-Identifier: MIT
"""HTTP/2: WebSocket by extended CONNECT (RFC 8441), to services that speak HTTP/1.1's upgrade."""

import base64
import hashlib
import os
import signal
import threading

import pytest
from lib import h2frames as hf
from lib.wait import until

MIB = 1 << 20
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def extended(path="/", *extra, protocol="websocket"):
    """The fields of an extended CONNECT."""
    return [(":method", "CONNECT"), (":protocol", protocol), (":scheme", "https"), (":path", path),
            (":authority", "a.test"), ("sec-websocket-version", "13"), *extra]


def table(cases):
    return [pytest.param(*case[1:], id=case[0]) for case in cases]


def accept(request, *fields, key=None, status=b"101 Switching Protocols"):
    """Sends the 101 that RFC 6455 section 4.2.2 asks for; with the answer to another key if one
    is given."""
    key = key or request.value("sec-websocket-key").encode()
    answer = base64.b64encode(hashlib.sha1(key + GUID).digest())
    request.raw.send(b"HTTP/1.1 " + status + b"\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                     b"Sec-WebSocket-Accept: " + answer + b"\r\n" + b"".join(fields) + b"\r\n")


def echo(request):
    accept(request)
    while data := request.raw.bytes or request.raw.socket.recv(65536):
        request.raw.bytes = b""
        request.raw.send(data)
    return True


@pytest.fixture
def tunnel(h2):
    """Opens a tunnel to what `act` does on a path of its own: gives (client, stream, path)."""
    def make(act=echo, client=None, *extra):
        path = h2.path()
        h2.recorder.on(path, act)
        client = client or h2.connect()
        stream = client.request(extended(path, *extra), end=False)
        return client, stream, path
    return make


def opened(client, stream):
    client.read_until(lambda: stream.status is not None or stream.over, "the answer")
    assert stream.status == 200 and not stream.over, stream
    return stream


# ---- what the service sees, and the client ----

def test_handshake(h2, tunnel):
    """Section 5: an upgrade request of RFC 6455 to the service, a 200 to the client, without the
    fields of the other version."""
    heads = {}

    def act(request):
        heads["got"] = request
        accept(request, b"Sec-WebSocket-Protocol: chat\r\nX-Served: yes\r\n")
        request.raw.socket.recv(1)
        return True
    client, stream, path = tunnel(act, None, ("sec-websocket-protocol", "chat, talk"),
                                  ("origin", "https://a.test"), ("cookie", "a=1"))
    opened(client, stream)
    got = heads["got"]
    assert (got.method, got.path, got.version) == ("GET", path, "HTTP/1.1")
    assert got.value("upgrade").lower() == "websocket" and got.value("connection").lower() == "upgrade"
    assert len(base64.b64decode(got.value("sec-websocket-key"), validate=True)) == 16
    assert got.value("sec-websocket-version") == "13" and got.value("host") == "a.test"
    assert got.value("sec-websocket-protocol") == "chat, talk" and got.value("cookie") == "a=1"
    assert got.value("content-length") is None and got.value("transfer-encoding") is None
    names = [n for n, _ in stream.fields]
    assert stream.field("sec-websocket-protocol") == "chat" and stream.field("x-served") == "yes"
    assert "sec-websocket-accept" not in names and "content-length" not in names


def test_keys_differ(h2, tunnel):
    keys = []

    def act(request):
        keys.append(request.value("sec-websocket-key"))
        return echo(request)
    client, stream, _ = tunnel(act)
    opened(client, stream)
    opened(client, tunnel(act, client)[1])
    assert len(set(keys)) == 2


def test_bytes_both_ways(tunnel):
    client, stream, _ = tunnel()
    opened(client, stream)
    for piece in (b"hello", b"\x00\xff\r\n", b"x" * 16384):
        before = len(stream.body)
        client.send_data(stream, piece, end=False)
        client.read_until(lambda n=before + len(piece): len(stream.body) == n, "the echo")
        assert stream.body[before:] == piece
    client.expect_alive()


def test_ten_megabytes_both_ways(tunnel):
    client, stream, _ = tunnel()
    opened(client, stream)
    blob = os.urandom(MIB)
    for _ in range(10):
        stream.body.clear()
        client.send_data(stream, blob, end=False)
        client.read_until(lambda: len(stream.body) == len(blob), "the echo")
        assert bytes(stream.body) == blob


def test_many_tunnels_and_requests_on_one_connection(tunnel):
    client = None
    streams = []
    for _ in range(10):
        client, stream, _ = tunnel(echo, client)
        streams.append(opened(client, stream))
    for i, stream in enumerate(streams):
        client.send_data(stream, b"%d" % i, end=False)
    for i, stream in enumerate(streams):
        client.read_until(lambda s=stream: s.body, "the echo")
        assert stream.body == b"%d" % i
    client.get("/")


def test_a_tunnel_that_is_not_read_stalls_no_other(h2, tunnel):
    def flood(request):
        accept(request)
        for _ in range(64):
            request.raw.send(b"x" * 65536)
        return True
    client = h2.connect()
    client.auto = False
    client, bad, _ = tunnel(flood, client)
    opened(client, bad)
    client.read_until(lambda: bad.window == 0, "the window is used up")
    client.auto = True
    client.open_window(0, 65535)
    _, good, _ = tunnel(echo, client)
    opened(client, good)
    client.send_data(good, b"y" * 100_000, end=False)
    client.read_until(lambda: len(good.body) == 100_000, "the echo")
    assert len(bad.body) == 65535


# ---- how tunnels end ----

def test_end_of_the_client_is_half_a_close(tunnel):
    """Section 5.1: END_STREAM is a FIN, and so the other way round."""
    got = {}

    def act(request):
        accept(request)
        got["all"] = request.raw.rest()
        request.raw.send(b"goodbye")
        return True
    client, stream, _ = tunnel(act)
    opened(client, stream)
    client.send_data(stream, b"last words")
    client.finish(stream)
    assert got["all"] == b"last words" and stream.body == b"goodbye"


def test_end_of_the_service_is_half_a_close(tunnel):
    got = {}

    def act(request):
        accept(request)
        request.raw.send(b"goodbye")
        request.raw.socket.shutdown(1)
        got["all"] = request.raw.rest()
        return True
    client, stream, _ = tunnel(act)
    opened(client, stream)
    client.finish(stream)
    assert stream.body == b"goodbye"
    client.send(hf.data(1, b"still here"), hf.data(1, b"", end=True))
    until(lambda: "all" in got, "the end at the service")
    assert got["all"] == b"still here"
    client.expect_alive()


def test_reset_by_the_client_ends_the_service(tunnel):
    """Section 5.1: RST_STREAM is a RST or the end of the TCP connection."""
    gone = threading.Event()

    def act(request):
        accept(request)
        if request.raw.is_closed():
            gone.set()
        return True
    client, stream, _ = tunnel(act)
    opened(client, stream)
    client.reset(stream)
    assert gone.wait(20), "the service goes on"
    client.expect_alive()
    client.get("/")


def test_reset_by_the_service(tunnel):
    """A connection that breaks is RST_STREAM, or at least the end, and harms no other stream."""
    def act(request):
        accept(request)
        request.raw.until("die")
        request.raw.socket.setsockopt(1, 13, b"\1\0\0\0\0\0\0\0")  # SO_LINGER 0: a RST
        return True
    client, stream, _ = tunnel(act)
    opened(client, stream)
    client.send_data(stream, b"die", end=False)
    client.read_until(lambda: stream.over, "the end")
    client.get("/")


def test_idle_tunnels_end(h2_site):
    h2 = h2_site(site={"timeouts": {"tunnel": "300ms"}})
    h2.recorder.on("/ws", echo)
    client = h2.connect()
    stream = opened(client, client.request(extended("/ws"), end=False))
    client.read_until(lambda: stream.over, "the end")
    h2.door.wait_log("access", reason="tunnel_idle", path="/ws")
    client.get("/")


# ---- refused ones ----

@pytest.mark.parametrize("status", [200, 204, 400, 403, 404, 426, 503])
def test_a_service_that_does_not_switch(tunnel, status):
    """An answer that is none of a WebSocket's is an answer, but never a 2xx: that would open the
    tunnel (section 4)."""
    def act(request):
        request.read_body()
        request.reply(status, "no")
    client, stream, _ = tunnel(act)
    client.read_until(lambda: stream.over, "the end")
    if status < 300:
        assert stream.status == 502 or stream.reset is not None, stream
    else:
        assert stream.ended and (stream.status, stream.body) == (status, b"no")
    client.expect_alive()
    client.get("/")


@pytest.mark.parametrize("act", table([
    ("6455-4.1-accept-of-another-key", lambda r: accept(r, key=b"x" * 24)),
    ("6455-4.1-no-accept", lambda r: r.raw.send(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")),
    ("9110-7.8-no-upgrade", lambda r: r.raw.send("HTTP/1.1 101 Switching Protocols\r\n\r\n")),
    ("9110-7.8-another-protocol", lambda r: r.raw.send(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: irc\r\n\r\n")),
]))
def test_a_bad_switch_opens_no_tunnel(tunnel, act):
    client, stream, _ = tunnel(lambda r: (act(r), r.raw.rest()) and True)
    client.read_until(lambda: stream.over, "the end")
    assert stream.status == 502 or stream.status is None and stream.reset is not None, stream
    client.get("/")


def test_data_before_the_answer_goes_on_with_it_only(tunnel):
    """What a client sends ahead is the tunnel's, never a request's body or a request."""
    seen = {}

    def act(request):
        seen["early"] = bytes(request.raw.bytes)
        return echo(request)
    client, stream, _ = tunnel(act)
    client.send_data(stream, b"GET /smuggled HTTP/1.1\r\nHost: a.test\r\n\r\n", end=False)
    opened(client, stream)
    client.read_until(lambda: b"smuggled" in stream.body, "the echo")
    assert seen["early"] == b""


def test_data_before_a_refusal_never_goes_on(h2, tunnel):
    client, stream, _ = tunnel(lambda r: (r.read_body(), r.reply(403, "no")) and False)
    client.send_data(stream, b"GET /smuggled HTTP/1.1\r\nHost: a.test\r\n\r\n", end=False)
    client.read_until(lambda: stream.over, "the end")
    assert stream.status == 403
    h2.expect_served()
    assert not h2.recorder.has_seen("/smuggled")


MALFORMED = [
    (f"8441-4-without-{name[1:]}", lambda path, name=name: [f for f in extended(path)
                                                            if f[0] != name])
    for name in (":scheme", ":path", ":authority")
] + [
    ("8441-4-two-protocols", lambda path: [(":protocol", "websocket"), *extended(path)]),
    ("8441-4-protocol-behind-fields", lambda path: [
        *[f for f in extended(path) if f[0] != ":protocol"], (":protocol", "websocket")]),
    ("8441-4-protocol-empty", lambda path: extended(path, protocol="")),
    ("8441-4-protocol-no-token", lambda path: extended(path, protocol="web socket")),
    ("8441-4-protocol-with-crlf", lambda path: extended(path, protocol="x\r\ny: z")),
    ("9113-8.2.2-connection", lambda path: extended(path, ("connection", "upgrade"))),
    ("9113-8.2.2-upgrade", lambda path: extended(path, ("upgrade", "websocket"))),
    ("9113-8.2.2-transfer-encoding", lambda path: extended(path, ("transfer-encoding", "chunked"))),
    ("8441-4-protocol-of-get", lambda path: [(":method", "GET"), *extended(path)[1:]]),
    ("9113-8.3.1-path-empty", lambda path: [(n, "" if n == ":path" else v)
                                            for n, v in extended(path)] + [("x-path", path)]),
    ("9113-8.3.1-path-without-slash", lambda path: extended(path[1:])),
    ("9113-8.3.1-authority-is-not-host", lambda path: extended(path, ("host", "b.test"))),
    ("9113-8.3.1-authority-with-userinfo",
     lambda path: [(n, "x@a.test" if n == ":authority" else v) for n, v in extended(path)]),
]


@pytest.mark.parametrize("fields", table(MALFORMED))
def test_malformed(h2, fields):
    client = h2.connect()
    path = h2.path()
    stream = client.request(fields(path), end=False)
    client.expect_malformed(stream)
    h2.expect_unseen(path)


@pytest.mark.parametrize("protocol", ["connect-udp", "webtransport", "x"])
def test_other_protocols_are_refused(h2, protocol):
    """Section 4, RFC 9220: what is not supported is answered so, and does not go on."""
    client = h2.connect()
    path = h2.path()
    stream = client.request(extended(path, protocol=protocol), end=False)
    client.read_until(lambda: stream.over or client.has_failed(), "a refusal")
    assert stream.status in (400, 405, 501) or stream.reset == hf.PROTOCOL_ERROR, stream
    h2.expect_unseen(path)


def test_a_tunnel_that_ends_at_once(h2):
    """END_STREAM with the CONNECT: legal, and good for nothing."""
    h2.recorder.on("/at-once", echo)
    client = h2.connect()
    stream = client.request(extended("/at-once"))
    client.read_until(lambda: stream.over or client.has_failed(), "the end")
    assert not client.has_failed()
    h2.expect_served()


def test_tunnels_survive_a_reload(h2_site):
    h2 = h2_site()
    h2.recorder.on("/ws", echo)
    client = h2.connect()
    stream = opened(client, client.request(extended("/ws"), end=False))
    h2.door.configure({"a.test": h2.recorder.url, "d.test": h2.recorder.url})
    h2.door.reload()
    client.send_data(stream, b"after it", end=False)
    client.read_until(lambda: stream.body == b"after it", "the echo")


def test_tunnels_go_on_while_the_door_stops(h2_site):
    """GOAWAY names the tunnel's stream as one that is served; when it ends, nothing is left."""
    h2 = h2_site(extra={"drain": {"timeout": "30s"}})
    h2.recorder.on("/ws", echo)
    client = h2.connect()
    stream = opened(client, client.request(extended("/ws"), end=False))
    h2.door.signal(signal.SIGTERM)
    client.read_until(lambda: client.goaways, "GOAWAY")
    for i in range(1, 11):
        client.send_data(stream, b"while", end=False)
        client.read_until(lambda n=5 * i: len(stream.body) == n, "the echo")
    client.send_data(stream, b"")
    client.finish(stream)
    assert h2.door.wait() == 0  # long before the deadline


def test_upgrade_of_http1_beside_it(h2):
    """The same site's WebSocket over HTTP/1.1 keeps the client's own key."""
    h2.recorder.on("/ws", echo)
    context = h2.context()
    context.set_alpn_protocols(["http/1.1"])
    with h2.door.connect_tls("a.test", context) as sock:
        sock.sendall(b"GET /ws HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: "
                     b"websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                     b"Sec-WebSocket-Version: 13\r\n\r\nhello")
        answer = b""
        while not answer.endswith(b"hello"):
            answer += sock.recv(65536)
    assert b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in answer
