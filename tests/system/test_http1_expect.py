# SPDX-License-Identifier: MIT
"""Expect: 100-continue between a client, the door and a service (RFC 9110 section 10.1.1)."""

import subprocess
import threading

import pytest
from lib.message import parse_request, parse_response
from lib.raw import Raw
from lib.wait import until

HEAD = "POST /up HTTP/1.1\r\nHost: a.test\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
CHUNKED_HEAD = HEAD.replace("Content-Length: 5", "Transfer-Encoding: chunked")
BODIES = {"length": (HEAD, b"hello"), "chunked": (CHUNKED_HEAD, b"5\r\nhello\r\n0\r\n\r\n")}
GO = "HTTP/1.1 100 Go on\r\nX: y\r\n\r\n"
OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"


def site(door, service, **more):
    return door(workers=1, sites={"a.test": {"to": service.url, "http": "serve", **more}})


@pytest.mark.parametrize("kind", BODIES)
def test_client_waits_for_the_service(door, script, kind):
    head, body = BODIES[kind]
    step = threading.Event()
    got = []

    def act(raw):
        got.append(raw.until("\r\n\r\n"))
        assert step.wait(30)
        raw.send(GO)
        got.append(raw.exactly(len(body)))
        raw.send(OK)
    d = site(door, script(act))
    with Raw(d.connect()) as raw:
        raw.send(head)
        step.set()
        interim = raw.message(parse_response)
        assert (interim.status, interim.reason) == (100, b"Go on")
        raw.send(body)
        assert raw.message(parse_response).body == b"ok"
        assert b"Expect: 100-continue\r\n" in got[0] and got[1] == body


@pytest.mark.parametrize("kind", BODIES)
def test_client_that_does_not_wait(door, script, kind):
    """The body is held back: nothing of it comes before the service has asked for it."""
    head, body = BODIES[kind]
    early = []

    def act(raw):
        raw.until("\r\n\r\n")
        raw.socket.settimeout(0.3)  # well below the second that the door waits
        try:
            early.append(raw.bytes or raw.socket.recv(1))
        except TimeoutError:
            pass
        raw.socket.settimeout(30)
        raw.send(GO)
        early.append(raw.exactly(len(body)))
        raw.send(OK)
    d = site(door, script(act))
    with Raw(d.connect()) as raw:
        raw.send(head.encode() + body)
        assert raw.message(parse_response).status == 100
        assert raw.message(parse_response).body == b"ok"
    assert early == [body]


@pytest.mark.parametrize("kind", BODIES)
def test_silent_service_is_helped(door, script, kind):
    """A service that knows no 100 gets the body after a second; a client that waits is asked for it."""
    head, body = BODIES[kind]
    s = script(lambda raw: [raw.message(parse_request), raw.send(OK)])
    d = site(door, s)
    for waits in (True, False):
        with Raw(d.connect()) as raw:
            raw.send(head if waits else head.encode() + body)
            assert raw.message(parse_response).status == 100
            if waits:
                raw.send(body)
            assert raw.message(parse_response).body == b"ok"


@pytest.mark.parametrize("status", [401, 413, 417, 307, 500])
@pytest.mark.parametrize("waits", [True, False])
def test_service_refuses_without_reading(door, script, status, waits):
    got = []

    def act(raw):
        raw.until("\r\n\r\n")
        raw.send(f"HTTP/1.1 {status} No\r\nContent-Length: 2\r\n\r\nno")
        got.append(raw.rest())
    s = script(act)
    d = site(door, s)
    with Raw(d.connect()) as raw:
        raw.send(HEAD if waits else HEAD + "hello")
        answer = raw.message(parse_response)
        assert (answer.status, answer.body) == (status, b"no")
        assert answer.values(b"connection") == [b"close"]
        assert raw.rest() == b""
    until(lambda: got, "the door closes the link")
    assert got == [b""]  # no byte of the body, and no second request
    assert d.wait_log("access", path="/up")[0]["reason"] == "ok"


def test_service_answers_well_before_the_body(door, script):
    """A good answer may come first; then the body is still wanted."""
    got = []

    def act(raw):
        raw.until("\r\n\r\n")
        raw.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n")
        got.append(raw.exactly(5))
        raw.send("0\r\n\r\n")
    d = site(door, script(act))
    with Raw(d.connect()) as raw:
        raw.send(HEAD)
        raw.until("1\r\na\r\n")
        raw.send("hello")
        raw.until("0\r\n\r\n")
    assert got == [b"hello"]


def test_other_interim_answers_do_not_ask_for_the_body(door, script):
    early = []

    def act(raw):
        raw.until("\r\n\r\n")
        raw.send("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
        raw.socket.settimeout(0.3)
        try:
            early.append(raw.bytes or raw.socket.recv(1))
        except TimeoutError:
            pass
        raw.socket.settimeout(30)
        raw.send(GO)
        raw.exactly(5)
        raw.send(OK)
    d = site(door, script(act))
    with Raw(d.connect()) as raw:
        raw.send(HEAD + "hello")
        assert [raw.message(parse_response).status for _ in range(3)] == [103, 100, 200]
    assert early == []


def test_door_refuses_at_once(door, script):
    s = script(lambda raw: raw.message(parse_request))
    d = site(door, s, limits={"body": "4"})
    table = [(HEAD, 413), (HEAD.replace("a.test", "b.test"), 404),
             (HEAD.replace("100-continue", "200-ok"), 417), (HEAD.replace("POST", "POST/"), 400)]
    for request, status in table:
        with Raw(d.connect()) as raw:
            raw.send(request)
            answer = raw.message(parse_response)
            assert answer.status == status
            assert answer.values(b"connection") == [b"close"]
            assert raw.rest() == b""
    assert s.connections == 0


def test_http_1_0_expects_nothing(door, script):
    got = []

    def act(raw):
        got.append(raw.message(parse_request))
        raw.send(GO + OK)
    d = site(door, script(act))
    with Raw(d.connect()) as raw:
        raw.send(HEAD.replace("HTTP/1.1", "HTTP/1.0") + "hello")
        assert raw.rest().startswith(b"HTTP/1.1 200 OK\r\n")
    assert got[0].values(b"expect") == [] and got[0].body == b"hello"


def test_client_goes_away_while_it_waits(door, script):
    step = threading.Event()
    s = script(lambda raw: [raw.until("\r\n\r\n"), step.set(), raw.rest()])
    d = site(door, s)
    with Raw(d.connect()) as raw:
        raw.send(HEAD)
        assert step.wait(30)
    d.wait_log("access", reason="client_abort")


def test_curl_uploads(door, script, tmp_path):
    """A client of everyday, which waits for 100 before a megabyte."""
    blob = tmp_path / "blob"
    blob.write_bytes(bytes(range(256)) * 8192)
    got = []

    def act(raw):
        raw.until("\r\n\r\n")
        raw.send(GO)
        got.append(raw.exactly(blob.stat().st_size))
        raw.send(OK)
    d = site(door, script(act))
    out = subprocess.run(
        ["curl", "-sS", "--http1.1", "--expect100-timeout", "30", "-T", str(blob),
         "-H", "Expect: 100-continue",
         "--resolve", f"a.test:{d.http.number}:127.0.0.1", f"http://a.test:{d.http.number}/up"],
        capture_output=True, check=True, timeout=60)
    assert out.stdout == b"ok" and got == [blob.read_bytes()]
