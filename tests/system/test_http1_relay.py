# SPDX-License-Identifier: MIT
"""HTTP/1.1 byte by byte: what a client sends and what its service gets, what the service answers and
what the client gets. Only the fields that say who the client is are looked past."""

import re

import pytest
from lib.door import Door
from lib.message import parse_request, parse_response
from lib.raw import Raw
from lib.script import Script

OURS = re.compile(rb"X-Forwarded-(For|Proto|Host): [^\r]*\r\n")
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"


class Rig:
    """One door for the whole file; the service does what a test asks for and closes."""

    def __init__(self, binary, folder, authority):
        self.service = Script()
        self.door = Door(binary, folder, authority, workers=1, names=["a.test"], sites={
            "a.test": {"to": self.service.url, "http": "serve"}})

    def forward(self, sent):
        """What the service gets of these bytes, without our own fields."""
        got = []

        def act(raw):
            before = bytearray()

            def parse(data):
                before[:] = data
                return parse_request(data)
            raw.message(parse)
            got.append(bytes(before))
            raw.send(OK)
        self.service.act = act
        with Raw(self.door.connect()) as raw:
            raw.send(sent)
            answer = raw.message(parse_response)
        assert answer.status == 200, answer
        assert len(got) == 1
        return OURS.sub(b"", got[0])

    def answer(self, request, answer, count):
        """The first `count` bytes that the client gets (all of them, if it is None)."""
        def act(raw):
            raw.message(parse_request)
            raw.send(answer)
        self.service.act = act
        with Raw(self.door.connect()) as raw:
            raw.send(request)
            return raw.rest() if count is None else raw.exactly(count)


@pytest.fixture(scope="module")
def rig(binary, authority, tmp_path_factory):
    one = Rig(binary, tmp_path_factory.mktemp("relay") / "door", authority)
    yield one
    one.service.close()
    one.door.close()


# ---- requests ----

TARGETS = [
    "/", "/?", "/a?", "/a??", "/?a=1&b", "//", "//a//b/", "/a/", "/a/.", "/a/./b/../c", "/a/b/..",
    "/a%2Fb", "/a%2fb", "/%61%62", "/%7Ea~", "/a%20b", "/a%25b", "/a%5cb", "/a;p=1;q/b;r", "/;",
    "/a/%2e%2e/b", "/a/%2E./b", "/a:b@c", "/a,b'(c)*!$&+=", "/a|b{c}^`[d]", "/a?b?c",
    "/a?../../x", "/?a=%zz&b=100%", "/?a=b/c%2f..%2f", "/?x=[1]|{2}\\", "/" + "a" * 8000,
    "/?" + "b" * 8000,
]


@pytest.mark.parametrize("target", TARGETS, ids=[t[:24] for t in TARGETS])
def test_target_goes_on_byte_for_byte(rig, target):
    head = f"GET {target} HTTP/1.1\r\nHost: a.test\r\n\r\n".encode()
    assert rig.forward(head) == head


HOST = "Host: a.test\r\n"
REQUESTS = {
    "fields stay in order, none joined":
        ("GET / HTTP/1.1\r\nB: 1\r\n" + HOST + "a: 2\r\nb: 3\r\nA: 4\r\n\r\n", None),
    "bytes of values, empty ones too":
        ("GET / HTTP/1.1\r\n" + HOST + "A: \xe4\xff \t x\r\nB: \r\nC: a,,b;\"c\r\n\r\n", None),
    "white space around a value goes":
        ("GET / HTTP/1.1\r\n" + HOST + "A: \t x \t\r\nB:y\r\n\r\n",
         "GET / HTTP/1.1\r\n" + HOST + "A: x\r\nB: y\r\n\r\n"),
    "a cookie as large as a header may be":
        ("GET / HTTP/1.1\r\n" + HOST + "Cookie: " + "c=" + "d" * 60000 + "\r\n\r\n", None),
    "many fields":
        ("GET / HTTP/1.1\r\n" + HOST + "".join(f"X-{i}: {i}\r\n" for i in range(199)) + "\r\n",
         None),
    "via, date and the like are not ours":
        ("GET / HTTP/1.1\r\n" + HOST + "Via: 1.0 x\r\nDate: y\r\nServer: z\r\nMax-Forwards: 5\r\n"
         "Accept-Encoding: gzip\r\nUser-Agent: \r\nReferer: http://b/\r\n\r\n", None),
    "any method":
        ("M-SEARCH / HTTP/1.1\r\n" + HOST + "\r\n", None),
    "names of Connection go with it":
        ("GET / HTTP/1.1\r\n" + HOST + "Connection: keep-alive, x-a ,,Y\r\nKeep-Alive: 9\r\n"
         "X-A: 1\r\nY: 2\r\nZ: 3\r\n\r\n", "GET / HTTP/1.1\r\n" + HOST + "Z: 3\r\n\r\n"),
    "fields of the connection":
        ("GET / HTTP/1.1\r\n" + HOST + "TE: gzip\r\nProxy-Connection: x\r\nUpgrade: y\r\n"
         "HTTP2-Settings: z\r\nTrailer: T\r\n\r\n", "GET / HTTP/1.1\r\n" + HOST + "\r\n"),
    "te trailers":
        ("GET / HTTP/1.1\r\n" + HOST + "TE: trailers, gzip;q=0.5\r\nConnection: TE\r\n\r\n",
         "GET / HTTP/1.1\r\n" + HOST + "TE: trailers\r\nConnection: te\r\n\r\n"),
    "several protocols, never h2c":
        ("GET / HTTP/1.1\r\n" + HOST + "Connection: Upgrade\r\nUpgrade: a/1, h2c\r\nUpgrade: b\r\n"
         "\r\n", "GET / HTTP/1.1\r\n" + HOST + "Connection: upgrade\r\nUpgrade: a/1, b\r\n\r\n"),
    "an upgrade and trailers":
        ("GET / HTTP/1.1\r\n" + HOST + "Connection: Upgrade, TE\r\nUpgrade: a\r\nTE: trailers\r\n"
         "\r\n", "GET / HTTP/1.1\r\n" + HOST + "TE: trailers\r\nConnection: te, upgrade\r\n"
                 "Upgrade: a\r\n\r\n"),
    "an upgrade with a body is none":
        ("POST / HTTP/1.1\r\n" + HOST + "Connection: Upgrade\r\nUpgrade: a\r\nContent-Length: 1\r\n"
         "\r\nx", "POST / HTTP/1.1\r\n" + HOST + "Content-Length: 1\r\n\r\nx"),
    "an upgrade of HTTP/1.0 is none":
        ("GET / HTTP/1.0\r\n" + HOST + "Connection: Upgrade\r\nUpgrade: a\r\n\r\n",
         "GET / HTTP/1.1\r\n" + HOST + "\r\n"),
    "a body with its length":
        ("PUT / HTTP/1.1\r\n" + HOST + "Content-Length: 0005\r\n\r\nhello",
         "PUT / HTTP/1.1\r\n" + HOST + "Content-Length: 5\r\n\r\nhello"),
    "methods that say that they have no body":
        ("POST / HTTP/1.1\r\n" + HOST + "\r\n",
         "POST / HTTP/1.1\r\n" + HOST + "Content-Length: 0\r\n\r\n"),
    "a body of a GET":
        ("GET / HTTP/1.1\r\n" + HOST + "Content-Length: 2\r\n\r\nhi", None),
    "extensions of chunks go":
        ("PUT / HTTP/1.1\r\n" + HOST + "Transfer-Encoding: chunked\r\n\r\n"
         "2;a=b;c=\"d\"\r\nhi\r\n0;e\r\n\r\n",
         "PUT / HTTP/1.1\r\n" + HOST + "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"),
    "the coding in any case":
        ("PUT / HTTP/1.1\r\n" + HOST + "transfer-encoding: \tCHUNKED \r\n\r\n0002\r\nhi\r\n000\r\n"
         "\r\n", "PUT / HTTP/1.1\r\n" + HOST + "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n"
                 "\r\n"),
    "trailers":
        ("PUT / HTTP/1.1\r\n" + HOST + "Trailer: T, U\r\nTransfer-Encoding: chunked\r\n\r\n"
         "2\r\nhi\r\n0\r\nT:  1\r\nU: \r\nt: 2\r\n\r\n",
         "PUT / HTTP/1.1\r\n" + HOST + "Trailer: T, U\r\nTransfer-Encoding: chunked\r\n\r\n"
         "2\r\nhi\r\n0\r\nT: 1\r\nU: \r\nt: 2\r\n\r\n"),
    "trailers that must not come late":
        ("PUT / HTTP/1.1\r\n" + HOST + "Connection: X-A\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"
         "Content-Length: 5\r\nHost: evil\r\nTransfer-Encoding: x\r\nAuthorization: b\r\nX-A: 1\r\n"
         "Cookie: c\r\nX-Forwarded-For: 6.6.6.6\r\nx_forwarded_for: 6.6.6.6\r\nT: 1\r\n"
         "Connection: T\r\nTrailer: T\r\nIf-Match: d\r\nContent-Type: e\r\n\r\n",
         "PUT / HTTP/1.1\r\n" + HOST + "Transfer-Encoding: chunked\r\n\r\n0\r\nT: 1\r\n\r\n"),
    "absolute form replaces Host":
        ("GET http://A.test/x?y HTTP/1.1\r\nHost: other.test\r\nB: c\r\n\r\n",
         "GET /x?y HTTP/1.1\r\nB: c\r\nHost: A.test\r\n\r\n"),
    "absolute form that agrees":
        ("GET HTTP://a.test HTTP/1.1\r\n" + HOST + "B: c\r\n\r\n",
         "GET / HTTP/1.1\r\n" + HOST + "B: c\r\n\r\n"),
    "absolute form with a query alone":
        ("GET http://a.test?q HTTP/1.1\r\n" + HOST + "\r\n",
         "GET /?q HTTP/1.1\r\n" + HOST + "\r\n"),
    "of the service as a whole":
        ("OPTIONS * HTTP/1.1\r\n" + HOST + "\r\n", None),
    "of the service as a whole, and no farther than some":
        ("OPTIONS * HTTP/1.1\r\n" + HOST + "Max-Forwards: 3\r\n\r\n",
         "OPTIONS * HTTP/1.1\r\n" + HOST + "Max-Forwards: 2\r\n\r\n"),
    "likewise, in absolute form":
        ("OPTIONS http://a.test HTTP/1.1\r\n" + HOST + "\r\n",
         "OPTIONS * HTTP/1.1\r\n" + HOST + "\r\n"),
    "a host is one in any spelling":
        ("GET / HTTP/1.1\r\nHost: A.TeSt.:8080\r\n\r\n", None),
    "an expectation of HTTP/1.0 means nothing":
        ("PUT / HTTP/1.0\r\n" + HOST + "Expect: 100-continue\r\nContent-Length: 2\r\n\r\nhi",
         "PUT / HTTP/1.1\r\n" + HOST + "Content-Length: 2\r\n\r\nhi"),
    "an empty line before":
        ("\r\n\r\nGET / HTTP/1.1\r\n" + HOST + "\r\n", "GET / HTTP/1.1\r\n" + HOST + "\r\n"),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_request_as_the_service_gets_it(rig, name):
    sent, got = (part and part.encode("latin-1") for part in REQUESTS[name])
    assert rig.forward(sent) == (sent if got is None else got)


# ---- answers ----

GET = "GET / HTTP/1.1\r\n" + HOST + "\r\n"
GET_TE = "GET / HTTP/1.1\r\n" + HOST + "TE: trailers\r\n\r\n"
GET_10 = "GET / HTTP/1.0\r\n" + HOST + "\r\n"
KEEP_10 = "GET / HTTP/1.0\r\n" + HOST + "Connection: keep-alive\r\n\r\n"
HEAD = "HEAD / HTTP/1.1\r\n" + HOST + "\r\n"
UPGRADE = "GET / HTTP/1.1\r\n" + HOST + "Connection: Upgrade\r\nUpgrade: a\r\n\r\n"
V = "HTTP/1.1 "
CLOSE = "Connection: close\r\n"  # of the service: its connection, not the client's
CHUNKED = "Transfer-Encoding: chunked\r\n"
EMPTY = "Content-Length: 0\r\n"

ANSWERS = {
    "fields stay in order, none joined":
        (GET, V + "200 OK\r\nSet-Cookie: a=1\r\nB: c\r\nset-cookie: d=2; Path=/\r\nB: e\r\n"
         + EMPTY + CLOSE + "\r\n",
         V + "200 OK\r\nSet-Cookie: a=1\r\nB: c\r\nset-cookie: d=2; Path=/\r\nB: e\r\n" + EMPTY
         + "\r\n"),
    "date, via and server are not ours":
        (GET, V + "200 OK\r\nDate: x\r\nVia: y\r\nServer: z\r\nAge: 1\r\n" + EMPTY + CLOSE + "\r\n",
         V + "200 OK\r\nDate: x\r\nVia: y\r\nServer: z\r\nAge: 1\r\n" + EMPTY + "\r\n"),
    "bytes of values, a reason of any kind":
        (GET, V + "299 \xe4 b\tc\r\nA: \xff \r\nB:\r\n" + EMPTY + CLOSE + "\r\n",
         V + "299 \xe4 b\tc\r\nA: \xff\r\nB: \r\n" + EMPTY + "\r\n"),
    "no reason":
        (GET, V + "200\r\n" + EMPTY + CLOSE + "\r\n", V + "200 \r\n" + EMPTY + "\r\n"),
    "199 fields":
        (GET, V + "200 OK\r\n" + "".join(f"X-{i}: {i}\r\n" for i in range(198)) + EMPTY + "\r\n",
         V + "200 OK\r\n" + "".join(f"X-{i}: {i}\r\n" for i in range(198)) + EMPTY + "\r\n"),
    "fields of the connection":
        (GET, V + "200 OK\r\nKeep-Alive: 5\r\nX-A: 1\r\nUpgrade: b\r\nProxy-Connection: c\r\n"
         "Connection: close, x-a\r\n" + EMPTY + "\r\n", V + "200 OK\r\n" + EMPTY + "\r\n"),
    "a redirect":
        (GET, V + "302 Found\r\nLocation: http://10.0.0.1:5000/x\r\n" + EMPTY + CLOSE + "\r\n",
         V + "302 Found\r\nLocation: http://10.0.0.1:5000/x\r\n" + EMPTY + "\r\n"),
    "without a length, until the end":
        (GET, V + "200 OK\r\n\r\nhello", V + "200 OK\r\n" + CHUNKED + "\r\n5\r\nhello\r\n0\r\n\r\n"),
    "of HTTP/1.0":
        (GET, "HTTP/1.0 200 OK\r\n\r\nhello",
         V + "200 OK\r\n" + CHUNKED + "\r\n5\r\nhello\r\n0\r\n\r\n"),
    "of HTTP/1.0, with a length":
        (GET, "HTTP/1.0 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\nhello",
         V + "200 OK\r\nContent-Length: 5\r\n\r\nhello"),
    "extensions of chunks go":
        (GET, V + "200 OK\r\n" + CHUNKED + CLOSE + "\r\n5;a=b\r\nhello\r\n0;c\r\n\r\n",
         V + "200 OK\r\n" + CHUNKED + "\r\n5\r\nhello\r\n0\r\n\r\n"),
    "trailers":
        (GET_TE, V + "200 OK\r\nTrailer: T\r\n" + CHUNKED + CLOSE + "\r\n0\r\nT: 1\r\nHost: x\r\n"
         "Content-Length: 3\r\nSet-Cookie: a\r\nU:\r\n\r\n",
         V + "200 OK\r\nTrailer: T\r\n" + CHUNKED + "\r\n0\r\nT: 1\r\nU: \r\n\r\n"),
    "trailers that Connection names":
        (GET_TE, V + "200 OK\r\n" + CHUNKED + "Connection: close, T\r\n\r\n0\r\nT: 1\r\nU: 2\r\n\r\n",
         V + "200 OK\r\n" + CHUNKED + "\r\n0\r\nU: 2\r\n\r\n"),
    "trailers that the client does not want":
        (GET, V + "200 OK\r\nTrailer: T\r\n" + CHUNKED + CLOSE + "\r\n0\r\nT: 1\r\n\r\n",
         V + "200 OK\r\n" + CHUNKED + "\r\n0\r\n\r\n"),
    "204":
        (GET, V + "204 No Content\r\nA: b\r\n" + EMPTY + CLOSE + "\r\n",
         V + "204 No Content\r\nA: b\r\n\r\n"),
    "205":
        (GET, V + "205 Reset Content\r\n" + EMPTY + CLOSE + "\r\n",
         V + "205 Reset Content\r\n" + EMPTY + "\r\n"),
    "304 with and without a length":
        (GET, V + "304 Not Modified\r\nETag: a\r\nContent-Length: 99\r\n" + CLOSE + "\r\n",
         V + "304 Not Modified\r\nETag: a\r\nContent-Length: 99\r\n\r\n"),
    "304 without":
        (GET, V + "304 Not Modified\r\n" + CLOSE + "\r\n", V + "304 Not Modified\r\n\r\n"),
    "to HEAD, with a length":
        (HEAD, V + "200 OK\r\nContent-Length: 99\r\n" + CLOSE + "\r\n",
         V + "200 OK\r\nContent-Length: 99\r\n\r\n"),
    "to HEAD, without":
        (HEAD, V + "200 OK\r\nA: b\r\n" + CLOSE + "\r\n", V + "200 OK\r\nA: b\r\n\r\n"),
    "to HEAD, chunked":
        (HEAD, V + "200 OK\r\n" + CHUNKED + CLOSE + "\r\n", V + "200 OK\r\n\r\n"),
    "interim ones":
        (GET, V + "102 Processing\r\n\r\n" + V + "103 Early Hints\r\nLink: </a>; rel=preload\r\n"
         "Link: </b>\r\nConnection: x\r\nX: 1\r\n\r\n" + V + "100 Go\r\n\r\n" + V + "199 Odd\r\n\r\n"
         + V + "200 OK\r\n" + EMPTY + CLOSE + "\r\n",
         V + "102 Processing\r\n\r\n" + V + "103 Early Hints\r\nLink: </a>; rel=preload\r\n"
         "Link: </b>\r\n\r\n" + V + "100 Go\r\n\r\n" + V + "199 Odd\r\n\r\n" + V + "200 OK\r\n"
         + EMPTY + "\r\n"),
    "an upgrade is refused":
        (UPGRADE, V + "400 No\r\nContent-Length: 2\r\n" + CLOSE + "\r\nno",
         V + "400 No\r\nContent-Length: 2\r\n\r\nno"),
    "an upgrade is passed over":
        (UPGRADE, V + "200 OK\r\nUpgrade: a\r\nContent-Length: 2\r\n" + CLOSE + "\r\nok",
         V + "200 OK\r\nContent-Length: 2\r\n\r\nok"),
    "an upgrade is required":
        (GET, V + "426 Upgrade Required\r\nUpgrade: a/1, b\r\nConnection: close, upgrade\r\n"
         + EMPTY + "\r\n",
         V + "426 Upgrade Required\r\n" + EMPTY + "Connection: upgrade\r\nUpgrade: a/1, b\r\n\r\n"),
    # what comes until the connection ends
    "HTTP/1.0: closed":
        (GET_10, V + "200 OK\r\nContent-Length: 2\r\n\r\nok",
         [V + "200 OK\r\nContent-Length: 2\r\n" + CLOSE + "\r\nok"]),
    "HTTP/1.0: no interim ones":
        (GET_10, V + "100 Go\r\n\r\n" + V + "103 Early Hints\r\n\r\n" + V + "200 OK\r\n" + EMPTY
         + "\r\n", [V + "200 OK\r\n" + EMPTY + CLOSE + "\r\n"]),
    "HTTP/1.0: chunks become bytes, trailers nothing":
        (KEEP_10, V + "200 OK\r\nTrailer: T\r\n" + CHUNKED + CLOSE + "\r\n2\r\nok\r\n0\r\nT: 1\r\n\r\n",
         [V + "200 OK\r\n" + CLOSE + "\r\nok"]),
    "HTTP/1.0: without a length":
        (KEEP_10, V + "200 OK\r\n\r\nok", [V + "200 OK\r\n" + CLOSE + "\r\nok"]),
    "HTTP/1.0: kept alive":
        (KEEP_10, V + "200 OK\r\nContent-Length: 2\r\n" + CLOSE + "\r\nok",
         V + "200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nok"),
    "the client closes":
        ("GET / HTTP/1.1\r\n" + HOST + "Connection: Close\r\n\r\n",
         V + "200 OK\r\n" + EMPTY + "\r\n", [V + "200 OK\r\n" + EMPTY + CLOSE + "\r\n"]),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_answer_as_the_client_gets_it(rig, name):
    request, answer, wanted = ANSWERS[name]
    ends = isinstance(wanted, list)
    wanted = (wanted[0] if ends else wanted).encode("latin-1")
    got = rig.answer(request, answer, None if ends else len(wanted))
    assert got == wanted


def test_a_request_that_may_go_no_farther_is_answered_here(rig):
    """Max-Forwards: 0, RFC 9110 section 7.6.2."""
    rig.service.act = lambda raw: raw.send(OK)
    before = rig.service.connections
    with Raw(rig.door.connect()) as raw:
        for method, status in (("OPTIONS", 200), ("TRACE", 405)):
            raw.send(f"{method} / HTTP/1.1\r\n{HOST}Max-Forwards: 0\r\n\r\n")
            assert raw.message(parse_response).status == status
    assert rig.service.connections == before


@pytest.mark.parametrize("answer", [
    V + "200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 103 Early Hints\r\n\r\n",
    V + "200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
    V + "200 OK\r\n" + CHUNKED + "\r\n2\r\nok\r\n0\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n",
])
def test_what_comes_behind_an_answer_is_nobodys(rig, answer):
    rig.service.act = lambda raw: [raw.message(parse_request), raw.send(answer), raw.is_closed()]
    with Raw(rig.door.connect()) as raw:
        for _ in range(3):
            raw.send(GET)
            got = raw.message(parse_response)
            assert (got.status, got.body, raw.bytes) == (200, b"ok", b"")


def test_interim_answers_are_bounded(rig):
    def flood(raw):
        raw.message(parse_request)
        while True:
            raw.send(V + "103 Early Hints\r\nLink: </a>\r\n\r\n")
    rig.service.act = flood
    with Raw(rig.door.connect()) as raw:
        raw.send(GET)
        heads = [raw.message(parse_response)]
        while heads[-1].status == 103:
            heads.append(raw.message(parse_response))
        assert heads[-1].status == 502 and len(heads) == 33
    rig.door.wait_log("access", reason="upstream_bad_head")
