# SPDX-License-Identifier: MIT
"""Every response of tests/corpus/responses, as a hostile or broken service sends it: the client gets
one whole and well-formed answer, an error, or a cut; and the next request gets its own answer."""

import contextlib

import pytest
from corpus import table
from lib.answers import Answers
from lib.corpus_rig import PlayerRig
from lib.h2_player import H2Player
from lib.message import trailers_of
from lib.wait import until

ALL = table.load("responses")
CASES = [case for case in ALL if case.h2_fields is None]
FROM_HTTP2 = [case for case in ALL if case.h2_fields is not None]
PIECEWISE_MAX = 2000  # longer ones are cut into larger pieces
ASKS = {
    "GET": (b"GET", b"HTTP/1.1", b""),
    "HEAD": (b"HEAD", b"HTTP/1.1", b""),
    "POST": (b"POST", b"HTTP/1.1", b"Content-Length: 3\r\n"),
    "TRAILERS": (b"GET", b"HTTP/1.1", b"Connection: TE\r\nTE: trailers\r\n"),
    "OLD": (b"GET", b"HTTP/1.0", b"Connection: keep-alive\r\n"),
    "UPGRADE": (b"GET", b"HTTP/1.1", b"Connection: upgrade\r\nUpgrade: echo\r\n"),
}


@pytest.fixture(scope="module")
def rig(binary, authority, tmp_path_factory):
    one = PlayerRig(binary, tmp_path_factory.mktemp("responses") / "door", authority, CASES)
    yield one
    one.close()


@pytest.fixture(scope="module")
def rig2(binary, authority, tmp_path_factory):
    one = PlayerRig(binary, tmp_path_factory.mktemp("answers") / "door", authority, FROM_HTTP2,
                    H2Player)
    yield one
    one.close()


def ask(client, case):
    method, version, more = ASKS[case.asks]
    body = b"abc" if case.asks == "POST" else b""
    client.send(b"%s /case/%s %s\r\nHost: a.test\r\n%s\r\n%s" %
                (method, case.id.encode(), version, more, body), 4096)
    return method


def shown(message):
    """What stands in a "<" block, made of an answer."""
    lines = [b"HTTP/1.1 %d %s" % (message.status, message.reason)]
    lines += [n + b": " + v for n, v in message.end_to_end() if n.lower() != b"connection"]
    return b"\r\n".join(lines) + b"\r\n\r\n" + message.body


def check_answer(case, client, method):
    """Reads the answer; returns whether the connection must have ended."""
    outcome = case.h1[0]
    if outcome.verdict == "cut":
        half = client.half(method)
        head = (outcome.expected or b"").partition(b"\r\n\r\n")[0]
        # A head that was not sent yet when the answer broke off is not sent any more.
        assert half == b"" or half.startswith(head), (case.id, half)
        if half and b"\r\nTransfer-Encoding: chunked" not in half and b"\r\nContent-Length" not in half:
            # Nothing in the answer tells that it is not whole: the connection's end must.
            assert client.error is not None, f"{case.id}: looks whole: {half!r}"
        return True
    answer = client.answer(method, case.asks == "UPGRADE")
    assert answer is not None, f"{case.id}: closed without an answer"
    if outcome.is_forwarded:
        assert shown(answer) == outcome.expected, case.id
        assert trailers_of(answer) == outcome.trailers, case.id
    else:
        assert str(answer.status) == outcome.verdict, (case.id, answer)
        assert answer.values(b"x-request-id") != [], (case.id, answer)
    return outcome.closes


def check_next(rig, client, case):
    path = rig.next_path()
    version = b"HTTP/1.0\r\nConnection: keep-alive" if case.asks == "OLD" else b"HTTP/1.1"
    client.send(b"GET %s %s\r\nHost: a.test\r\n\r\n" % (path, version), 4096)
    answer = client.answer(b"GET")
    assert answer is not None and answer.body == b"answer to " + path, (case.id, answer)
    assert client.pending == b"", case.id


def play(rig, case, tls, piece):
    rig.service.piece = piece
    with contextlib.closing(rig.connect(tls)) as sock:
        client = Answers(sock)
        method = ask(client, case)
        if check_answer(case, client, method):
            assert client.is_over() or case.h1[0].verdict == "cut", (case.id, client.pending)
        else:
            check_next(rig, client, case)
    with contextlib.closing(rig.connect(False)) as sock:
        check_next(rig, Answers(sock), case)
    reasons = [case.h1[0].reason, "ok"] + ([] if case.h1[0].closes else ["ok"])
    assert rig.log.reasons(len(reasons)) == reasons, case.id
    assert rig.service.used_again == [], case.id


@pytest.mark.parametrize("case", [c for c in CASES if c.h1], ids=lambda c: c.id)
def test_http1(rig, case):
    try:
        for tls in (False, True):
            play(rig, case, tls, max(len(case.raw), 1))
            play(rig, case, tls, 1 if len(case.raw) <= PIECEWISE_MAX else len(case.raw) // 100)
    except BaseException:
        rig.clean()
        raise


@pytest.mark.parametrize("case", FROM_HTTP2, ids=lambda c: c.id)
def test_http1_from_http2(rig2, case):
    """A service of HTTP/2 answers a client of HTTP/1."""
    try:
        for piece in (1 << 20, 7) if case.then != "together" else (1 << 20,):
            play(rig2, case, False, piece)
    except BaseException:
        rig2.clean()
        raise


UNASKED = [
    b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\npoisoned",
    b"HTTP/1.1 408 Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"H",
    b"\r\n",
]


@pytest.mark.parametrize("unasked", UNASKED)
def test_an_answer_to_nobody_goes_to_nobody(rig, unasked):
    """A service speaks on an idle link: the link is thrown away, and whoever comes next is served on
    another one (response queue poisoning, RFC 9112 section 9.2)."""
    until(lambda: len(rig.service.links) <= 1, "the links of other cases are gone")
    with contextlib.closing(rig.connect(True)) as sock:
        client = Answers(sock)
        for _ in range(10):
            check_next(rig, client, CASES[0])
            assert rig.service.say(unasked) >= 1
            check_next(rig, client, CASES[0])
    assert set(rig.log.reasons(20)) == {"ok"}


@pytest.mark.parametrize("framing,rest", [
    (b"Content-Length: 47\r\n", b"GET /smuggled HTTP/1.1\r\nHost: a.test\r\nX: abcde"),
    (b"Transfer-Encoding: chunked\r\n", b"5\r\nhello\r\n0\r\n\r\n"),
    (b"Transfer-Encoding: chunked\r\n", b"GET /smuggled HTTP/1.1\r\nHost: a.test\r\n\r\n"),
])
def test_what_comes_behind_an_early_answer(door, script, framing, rest):
    """A service answers before it has read the request; what was left of the body is no request on
    either side."""
    asked = []

    def answer(raw):
        while True:
            asked.append(raw.until("\r\n\r\n"))
            raw.send("HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno")

    service = script(answer)
    d = door(workers=1, sites={"a.test": {"to": service.url, "http": "serve"}})
    with contextlib.closing(d.connect()) as sock:
        client = Answers(sock)
        client.send(b"POST /x HTTP/1.1\r\nHost: a.test\r\n" + framing + b"\r\n", 4096)
        answer = client.answer(b"POST")
        assert (answer.status, answer.body) == (403, b"no")
        client.send(rest, 7)
        client.send(b"GET /next HTTP/1.1\r\nHost: a.test\r\n\r\n", 4096)
        answer = client.answer(b"GET")  # or none: the connection may end instead
        assert answer is None or (answer.status, answer.body) == (403, b"no")
        assert client.is_over() if answer is None else client.pending == b""
    d.get("a.test", "/last", tls=False)
    lines = [head.split(b"\r\n")[0] for head in asked]
    assert lines[0].startswith(b"POST /x") and lines[-1].startswith(b"GET /last")
    assert not any(b"smuggled" in line for line in lines), lines
