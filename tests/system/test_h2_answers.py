# SPDX-License-Identifier: MIT
"""HTTP/2: answers of HTTP/1.1 services as a client sees them, trailers both ways, interim answers,
and what becomes of a broken one (RFC 9113 section 8.1). The client checks every field block."""

import ssl
import threading

import pytest
from lib import h2frames as hf
from lib.h2raw import Client
from lib.wait import until

POST = hf.request("/", method="POST")


def raw_answer(*pieces, close=False):
    """A handler that sends bytes as they are."""
    def act(request):
        request.read_body()
        for piece in pieces:
            request.raw.send(piece)
        return close
    return act


def ask(h2, act, method="GET", **options):
    """One request to a path that `act` answers; gives the client and the stream, not yet read."""
    path = h2.path()
    h2.recorder.on(path, act)
    client = h2.connect()
    return client, client.request(hf.request(path, method=method), **options)


# ---- lengths ----

@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("status", [200, 204, 304, 404, 500, 599])
def test_statuses(h2, method, status):
    client, stream = ask(h2, lambda r: (r.read_body(), r.reply(status, "text", ("ETag", '"x"'))),
                         method)
    client.finish(stream, status)
    assert stream.field("etag") == '"x"'
    assert bytes(stream.body) == (b"" if method == "HEAD" or status in (204, 304) else b"text")
    client.get("/")


@pytest.mark.parametrize("pieces,close,body", [
    ((b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", b"he", b"llo"), False, b"hello"),
    ((b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"2\r\nhe\r\n",
      b"3;x=y\r\nllo\r\n", b"0\r\n\r\n"), False, b"hello"),
    ((b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",), False, b""),
    ((b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", b"he", b"llo"), True, b"hello"),
    ((b"HTTP/1.0 200 OK\r\n\r\nhello",), True, b"hello"),
    ((b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",), False, b""),
], ids=["length", "chunked", "chunked-empty", "until-close", "http-1.0", "length-0"])
def test_bodies(h2, pieces, close, body):
    client, stream = ask(h2, raw_answer(*pieces, close=close))
    client.finish(stream)
    assert stream.body == body and stream.trailers is None


def test_known_lengths_end_with_the_head(h2):
    """END_STREAM comes with HEADERS where nothing follows."""
    for act, method in ((lambda r: (r.read_body(), r.reply(200, "")), "GET"),
                        (lambda r: (r.read_body(), r.reply(200, "text")), "HEAD"),
                        (lambda r: (r.read_body(), r.reply(204)), "GET"),
                        (lambda r: (r.read_body(), r.reply(304)), "GET")):
        client, stream = ask(h2, act, method)
        client.finish(stream, None)
        assert not [k for k in client.kinds if k[0] == hf.DATA]


def test_length_of_a_head_request_stays(h2):
    client, stream = ask(h2, lambda r: (r.read_body(), r.reply(200, "12345")), "HEAD")
    client.finish(stream)
    assert stream.field("content-length") == "5"


# ---- fields ----

def test_fields_of_answers(h2):
    """8.2: lower case, none of the connection's (8.2.2), several of a name stay several."""
    head = (b"HTTP/1.1 200 Fine\r\nSet-Cookie: a=1\r\nSET-COOKIE: b=2\r\nX-Mixed-CASE: Value\r\n"
            b"Connection: keep-alive, X-Named\r\nKeep-Alive: timeout=5\r\nX-Named: 1\r\n"
            b"Proxy-Connection: keep-alive\r\nX-Empty:\r\nDate: Tue, 24 Nov 2026 10:00:00 GMT\r\n"
            b"X-Latin: \xe4\r\nContent-Length: 0\r\n\r\n")
    client, stream = ask(h2, raw_answer(head))
    client.finish(stream)
    names = [n for n, _ in stream.fields]
    assert [v for n, v in stream.fields if n == "set-cookie"] == ["a=1", "b=2"]
    assert stream.field("x-mixed-case") == "Value" and stream.field("x-empty") == ""
    assert stream.field("date") == "Tue, 24 Nov 2026 10:00:00 GMT"
    assert stream.field("x-latin") == "\xe4" and "x-named" not in names


def test_an_answer_of_60_kb_of_fields(h2):
    """4.2, 6.10: more than one frame holds: CONTINUATION, with nothing between (the client looks)."""
    client, stream = ask(h2, lambda r: (r.read_body(), r.reply(200, "ok", *[
        (f"X-{i}", "v" * 1000) for i in range(55)])))
    client.finish(stream)
    assert len([n for n, v in stream.fields if len(v) == 1000]) == 55
    assert [k for k in client.kinds if k[0] == hf.CONTINUATION]


# ---- interim answers ----

def test_early_hints_are_relayed(h2):
    hint = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n"
    client, stream = ask(h2, raw_answer(hint, hint, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"))
    client.finish(stream)
    assert stream.interim == [(103, [("link", "</a.css>")])] * 2 and stream.body == b"ok"


def test_early_hints_come_early(h2):
    gate = threading.Event()

    def act(request):
        request.read_body()
        request.raw.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n")
        gate.wait(30)
        request.reply(200, "ok")
    client, stream = ask(h2, act)
    client.read_until(lambda: stream.interim, "the hint before the answer")
    assert stream.status is None
    gate.set()
    client.finish(stream)


def test_expect_100_continue(h2):
    """The service says when the body may come."""
    gate = threading.Event()

    def act(request):
        assert request.value("expect") == "100-continue"
        gate.wait(30)
        request.raw.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.reply(200, request.read_body())
    path = h2.path()
    h2.recorder.on(path, act)
    client = h2.connect()
    stream = client.request(hf.request(path, ("expect", "100-continue"), ("content-length", "5"),
                                       method="POST"), end=False)
    gate.set()
    client.read_until(lambda: stream.interim, "100")
    assert [status for status, _ in stream.interim] == [100]
    client.send_data(stream, b"hello")
    client.finish(stream)
    assert stream.body == b"hello"


def test_expect_of_a_silent_service(h2):
    """A service that knows no 100 waits for the body: after a second the door asks for it."""
    path = h2.path()
    h2.recorder.on(path, lambda request: request.reply(200, request.read_body()))
    client = h2.connect()
    stream = client.request(hf.request(path, ("expect", "100-continue"), ("content-length", "5"),
                                       method="POST"), end=False)
    client.read_until(lambda: stream.interim, "100")
    client.send_data(stream, b"hello")
    client.finish(stream)
    assert stream.body == b"hello"


def test_expect_refused_without_the_body(h2):
    """The final answer comes instead of 100, and the connection lives on."""
    path = h2.path()

    def act(request):
        request.raw.send(b"HTTP/1.1 417 No\r\nContent-Length: 2\r\n\r\nno")
        assert request.raw.rest() == b""
        return True
    h2.recorder.on(path, act)
    client = h2.connect()
    stream = client.request(hf.request(path, ("expect", "100-continue"), ("content-length", "5"),
                                       method="POST"), end=False)
    client.read_until(lambda: stream.ended, "the answer")
    assert (stream.status, stream.body, stream.interim) == (417, b"no", [])
    client.expect_alive()
    client.get("/")


# ---- trailers ----

@pytest.mark.parametrize("body", [b"hello", None])
def test_trailers_of_requests(h2, body):
    path = h2.path()
    client = h2.connect()
    stream = client.request(hf.request(path, ("te", "trailers"), method="POST"), body,
                            trailers=[("x-sum", "abc"), ("x-two", "1"), ("x-two", "2")])
    client.finish(stream)
    got = h2.recorder.wait_for(path)
    assert got.body == (body or b"")
    assert [(n.lower(), v) for n, v in got.trailers] == [("x-sum", "abc"), ("x-two", "1"),
                                                         ("x-two", "2")]


def test_trailers_of_requests_in_pieces(h2):
    path = h2.path()
    client = h2.connect()
    stream = client.request(hf.request(path, method="POST"), b"hello", end=False)
    trailers = hf.block(("x-sum", "abc"))
    client.send(hf.headers(1, trailers[:3], end_headers=False), hf.continuation(1, trailers[3:]))
    client.finish(stream)
    assert [(n.lower(), v) for n, v in h2.recorder.wait_for(path).trailers] == [("x-sum", "abc")]


@pytest.mark.parametrize("name", ["content-length", "host", "authorization", "cookie"])
def test_trailers_that_may_not_be_there_do_not_pass(h2, name):
    """RFC 9110 section 6.5.1: what frames, routes or authenticates is of no use in trailers."""
    path = h2.path()
    client = h2.connect()
    stream = client.request(hf.request(path, method="POST"), b"hello",
                            trailers=[(name, "5"), ("x-sum", "abc")])
    client.read_until(lambda: stream.over, "the end")
    if stream.ended and stream.status == 200:
        got = h2.recorder.wait_for(path)
        assert name not in [n.lower() for n, _ in got.trailers] and got.body == b"hello"


def test_trailers_of_answers(h2):
    client, stream = ask(h2, raw_answer(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n5\r\nhello\r\n",
        b"0\r\nX-Sum: abc\r\nX-Other: 1\r\n\r\n"))
    client.finish(stream)
    assert stream.body == b"hello" and dict(stream.trailers) == {"x-sum": "abc", "x-other": "1"}


# ---- early answers and broken ones ----

def test_an_answer_before_the_body_is_complete(h2):
    """8.1: the whole answer, then RST_STREAM(NO_ERROR): the client stops and keeps it."""
    def act(request):
        request.raw.send(b"HTTP/1.1 403 No\r\nContent-Length: 3\r\nConnection: close\r\n\r\nno!")
        return True
    client, stream = ask(h2, act, "POST", end=False)
    client.send(hf.data(1, b"x" * 1000))
    client.read_until(lambda: stream.reset is not None, "RST_STREAM behind the answer")
    assert stream.ended and (stream.status, stream.body) == (403, b"no!")
    assert stream.reset == hf.NO_ERROR
    client.send(hf.data(1, b"x" * 1000), hf.data(1, b"", end=True))  # was under way
    client.expect_alive()
    client.get("/")


def test_a_body_larger_than_the_limit(h2_site):
    h2 = h2_site(site={"limits": {"body": "1k"}})
    client = h2.connect()
    for fields, body in ((hf.request("/", ("content-length", "5000"), method="POST"), b"x"),
                         (hf.request("/", method="POST"), b"x" * 5000)):
        stream = client.request(fields, body, end=False)
        client.read_until(lambda s=stream: s.reset is not None, "RST_STREAM behind the answer")
        assert (stream.ended, stream.status, stream.reset) == (True, 413, hf.NO_ERROR)
    client.get("/")


CUT = [
    ("length", (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello",)),
    ("length-no-byte", (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n",)),
    ("chunked", (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",)),
    ("inside-a-chunk", (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n50\r\nhello",)),
    ("before-the-last-chunks-end",
     (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",)),
    ("inside-trailers",
     (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: ",)),
    ("malformed-chunk",
     (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n",)),
]


@pytest.mark.parametrize("pieces", [c[1] for c in CUT], ids=[c[0] for c in CUT])
def test_an_answer_that_is_cut_never_looks_whole(h2, pieces):
    """RST_STREAM, not END_STREAM: and the connection serves on."""
    client, stream = ask(h2, raw_answer(*pieces, close=True))
    client.read_until(lambda: stream.over, "the end")
    assert not stream.ended and stream.reset not in (None, hf.NO_ERROR), stream
    assert stream.status in (200, None) and b"hello".startswith(bytes(stream.body))
    client.get("/")


@pytest.mark.parametrize("pieces,status", [
    ((), 502), ((b"NO HTTP\r\n\r\n",), 502), ((b"HTTP/1.1 200 OK\r\nX\r\n\r\n",), 502),
    ((b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",), 502),
    ((b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",), 502),
    ((b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n",), 502),
], ids=["nothing", "garbage", "bad-field", "switch-unasked", "two-lengths", "interim-only"])
def test_a_broken_answer_is_502(h2, pieces, status):
    client, stream = ask(h2, raw_answer(*pieces, close=True), "POST")
    client.finish(stream, status)
    client.get("/")


def test_more_than_its_length_is_never_passed_on(h2):
    """What comes behind an answer is nobody's: neither this stream's nor the next one's."""
    client, stream = ask(h2, raw_answer(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 "
                                        b"200 OK\r\nContent-Length: 6\r\n\r\nstolen"))
    client.finish(stream)
    assert stream.body == b"ok"
    assert client.get(h2.path()).body == b""


# ---- how it is sent ----

class Records:
    """A TLS client socket that counts the records that come."""

    def __init__(self, sock, context, name):
        self.plain = sock
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_hostname=name)
        self.wire = b""
        self.sizes = []  # of application data records
        self._while_wanting(self.tls.do_handshake)

    def _while_wanting(self, act):
        while True:
            try:
                result = act()
                self.plain.sendall(self.outgoing.read())
                return result
            except ssl.SSLWantReadError:
                self.plain.sendall(self.outgoing.read())
                data = self.plain.recv(65536)
                self._count(data)
                self.incoming.write(data) if data else self.incoming.write_eof()

    def _count(self, data):
        self.wire += data
        while len(self.wire) >= 5 and len(self.wire) >= 5 + int.from_bytes(self.wire[3:5], "big"):
            size = int.from_bytes(self.wire[3:5], "big")
            if self.wire[0] == 23:
                self.sizes.append(size)
            self.wire = self.wire[5 + size:]

    def sendall(self, data):
        self._while_wanting(lambda: self.tls.write(data) if data else None)

    def recv(self, size):
        return self._while_wanting(lambda: self.tls.read(size))

    def settimeout(self, seconds):
        self.plain.settimeout(seconds)

    def setsockopt(self, *arguments):
        self.plain.setsockopt(*arguments)

    def getsockname(self):
        return self.plain.getsockname()

    def close(self):
        self.plain.close()


def test_frames_of_one_turn_go_out_together(h2):
    """Twenty answers that are ready at once are a record or two, and so are the frames of one."""
    sock = Records(h2.door.connect("https"), h2.context(), "a.test")
    with Client(sock) as client:
        client.expect_alive()
        before = len(sock.sizes)
        streams = [client.open() for _ in range(20)]
        client.send(*[hf.headers(s.number, hf.block(*hf.request("/", authority="c.test")))
                      for s in streams])
        for stream in streams:
            client.finish(stream, 421)
        assert len(sock.sizes) - before <= 4, sock.sizes[before:]
        before = len(sock.sizes)
        client.finish(client.request(POST, b"x" * 1000))
        assert len(sock.sizes) - before <= 4, sock.sizes[before:]


def test_access_lines_say_http2(h2):
    client, stream = ask(h2, lambda r: (r.read_body(), r.reply(200, "four")))
    client.finish(stream)
    path = next(reversed(h2.recorder.handlers))
    record = h2.door.wait_log("access", path=path)[0]
    assert record["protocol"] == "HTTP/2" and record["status"] == 200
    assert record["bytes_out"] >= 4 and record["host"] == "a.test"
    until(lambda: h2.door.metric("exchanges") == 0, "no exchange is left")
