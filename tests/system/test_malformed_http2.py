# SPDX-License-Identifier: MIT
"""The tables of malformed traffic as HTTP/2 can say them: requests of a hostile client that may not
become two when they go on as HTTP/1, answers of a hostile service to a client of HTTP/2, and what
HTTP/1 says to a service of HTTP/2."""

import contextlib

import pytest
from corpus import table
from lib import h2frames as h2
from lib.answers import Answers
from lib.corpus_rig import PlayerRig, Rig, in_http2, shown
from lib.h2_player import H2Player
from lib.h2_witness import H2Witness
from lib.h2raw import Client, alpn_context

REQUESTS = [case for case in table.load("requests") if case.h2]
# Upgrades are another thing there (RFC 8441).
UPGRADED = [case for case in table.load("requests") if case.h1 and case.then == ""
            and not any(b"\r\nUpgrade: " in (o.expected or b"") for o in case.h1)]
ANSWERS = [case for case in table.load("responses") if case.h2]
RESPONSES = [case for case in ANSWERS if case.h2_fields is None]
FROM_HTTP2 = [case for case in ANSWERS if case.h2_fields is not None]
ASKS = {"GET": [], "HEAD": [], "POST": [], "TRAILERS": [("te", "trailers")]}
FRAME = 16384  # the most a frame may hold


def connect(door):
    client = Client(door.connect_tls("a.test", alpn_context(door.authority.ca)))
    client.read_until(lambda: client.settings is not None, "SETTINGS")
    return client


def send(client, fields, body):
    """Sends it as it is, in as many frames as it takes; gives the stream."""
    stream = client.open(method=dict(fields).get(b":method", b"").decode("latin-1"))
    block = h2.block(*fields)
    pieces = [block[at:at + FRAME] for at in range(0, len(block), FRAME)]
    frames = [h2.headers(stream.number, pieces[0], end=not body, end_headers=len(pieces) == 1)]
    frames += [h2.continuation(stream.number, piece, end_headers=piece is pieces[-1])
               for piece in pieces[1:]]
    # At once with a short body: an answer to the head alone must not come in between.
    at_once = body[:FRAME]
    if body:
        frames.append(h2.data(stream.number, at_once, end=at_once == body))
        stream.room -= len(at_once)
        client.room -= len(at_once)
    client.send(*frames)
    if at_once != body:
        client.send_data(stream, body[FRAME:])
    client.read_until(lambda: stream.over or client.has_failed(), "an answer")
    return stream


def check_answer(client, stream, outcome):
    """Returns whether the connection goes on."""
    if outcome.verdict == "reset":
        if stream.reset is None:
            assert client.has_failed(), stream
            return False
        assert stream.status is None and stream.reset == h2.PROTOCOL_ERROR, stream
        return True
    assert stream.ended, stream
    if outcome.is_forwarded:
        method, target, _ = outcome.expected.split(b" ", 2)
        expected = b"" if method == b"HEAD" else b"answer to " + method + b" " + target
        assert (stream.status, bytes(stream.body)) == (200, expected)
    else:
        assert str(stream.status) == outcome.verdict, stream
    return True


@pytest.fixture(scope="module")
def rig(binary, authority, tmp_path_factory):
    one = Rig(binary, tmp_path_factory.mktemp("requests") / "door", authority)
    yield one
    one.close()


def play(rig, case):
    after = rig.next_path()
    with connect(rig.door) as client:
        goes_on = check_answer(client, send(client, *case.h2_message()), case.h2)
        if goes_on:
            stream = client.get(after.decode())
            assert bytes(stream.body) == b"answer to GET " + after
    reasons = [case.h2.reason] if case.h2.reason != "-" else []
    reasons += ["ok"] if goes_on else []
    assert rig.log.reasons(len(reasons)) == reasons
    rig.check_arrived([case.h2], True, after, http2=True)


@pytest.mark.parametrize("case", REQUESTS, ids=lambda c: c.id)
def test_request(rig, case):
    try:
        play(rig, case)
    except BaseException:
        rig.clean()
        raise


# ---- to a service of HTTP/2 ----


@pytest.fixture(scope="module")
def upgraded(binary, authority, tmp_path_factory):
    one = Rig(binary, tmp_path_factory.mktemp("upgraded") / "door", authority, witness=H2Witness)
    yield one
    one.close()


def without_trailer(block):
    """Trailers can follow any body there, so their announcement may stay."""
    line, fields, body = in_http2(block)
    return line, [field for field in fields if field[0] != b"trailer"], body


def play_upgraded(rig, case):
    """Read to the end of the connection or of the answers; how each looks is known from HTTP/1."""
    with contextlib.closing(rig.connect(False)) as sock:
        client = Answers(sock)
        client.send(case.raw, max(len(case.raw), 1))
        for outcome in case.h1:
            answer = client.answer((outcome.expected or b"GET ").split(b" ")[0])
            assert answer is not None and (answer.status == 200) == outcome.is_forwarded, (answer, rig.service.leftovers)
    assert rig.log.reasons(len(case.h1)) == [o.reason for o in case.h1]
    requests, rest = rig.service.take()
    forwarded = [o for o in case.h1 if o.is_forwarded]
    assert [without_trailer(shown(r, False)) for r in requests] == [
        without_trailer(o.expected) for o in forwarded]
    assert [[(n.lower(), v) for n, v in r.trailers] for r in requests] == [
        [tuple(t.split(b": ", 1)) for t in map(bytes.lower, o.trailers)] for o in forwarded]
    assert rest == []


@pytest.mark.parametrize("case", UPGRADED, ids=lambda c: c.id)
def test_request_to_http2(upgraded, case):
    """What HTTP/1 says and HTTP/2 forbids stays behind: the service's library judges every frame."""
    try:
        play_upgraded(upgraded, case)
    except BaseException:
        upgraded.clean()
        raise


# ---- answers ----


@pytest.fixture(scope="module")
def answers(binary, authority, tmp_path_factory):
    one = PlayerRig(binary, tmp_path_factory.mktemp("responses") / "door", authority, RESPONSES)
    yield one
    one.close()


def ask(client, case):
    method = case.asks if case.asks in ("HEAD", "POST") else "GET"
    stream = client.request(h2.request(f"/case/{case.id}", *ASKS[case.asks], method=method),
                            b"abc" if method == "POST" else None)
    client.read_until(lambda: stream.over, "an answer")
    return stream


def expected_of(outcome):
    """(status, fields, body) as HTTP/2 says them."""
    head, _, body = outcome.expected.partition(b"\r\n\r\n")
    line, *fields = head.decode("latin-1").split("\r\n")
    fields = [tuple(field.split(": ", 1)) for field in fields]
    return int(line.split(" ")[1]), [(n.lower(), v) for n, v in fields], body


def check_stream(stream, outcome):
    if outcome.verdict == "cut":
        assert stream.reset is not None and not stream.ended, stream
        if stream.status is not None and outcome.expected:
            assert expected_of(outcome)[2].startswith(bytes(stream.body)) or not stream.body
        return
    assert stream.ended and stream.reset is None, stream
    if not outcome.is_forwarded:
        assert str(stream.status) == outcome.verdict and stream.field("x-request-id"), stream
        return
    fields = [(n, v) for n, v in stream.fields if n != "content-length"]
    assert (stream.status, fields, bytes(stream.body)) == expected_of(outcome)
    trailers = [f"{n}: {v}".encode("latin-1") for n, v in stream.trailers or []]
    assert trailers == [t.partition(b": ")[0].lower() + b": " + t.partition(b": ")[2]
                        for t in outcome.trailers]


def check_next(rig, client):
    path = rig.next_path()
    assert bytes(client.get(path.decode()).body) == b"answer to " + path


def play_answer(rig, case, piece):
    rig.service.piece = piece
    with connect(rig.door) as client:
        check_stream(ask(client, case), case.h2)
        check_next(rig, client)
    assert rig.log.reasons(2) == [case.h2.reason, "ok"]
    assert rig.service.used_again == []


@pytest.mark.parametrize("case", RESPONSES, ids=lambda c: c.id)
def test_response(answers, case):
    try:
        play_answer(answers, case, max(len(case.raw), 1))
        play_answer(answers, case, max(len(case.raw) // 100, 1))
    except BaseException:
        answers.clean()
        raise


@pytest.fixture(scope="module")
def answers2(binary, authority, tmp_path_factory):
    one = PlayerRig(binary, tmp_path_factory.mktemp("answers") / "door", authority, FROM_HTTP2,
                    H2Player)
    yield one
    one.close()


@pytest.mark.parametrize("case", FROM_HTTP2, ids=lambda c: c.id)
def test_response_from_http2(answers2, case):
    try:
        for piece in (1 << 20, 7) if case.then != "together" else (1 << 20,):
            play_answer(answers2, case, piece)
    except BaseException:
        answers2.clean()
        raise
