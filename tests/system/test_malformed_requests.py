# SPDX-License-Identifier: MIT
"""Every request of tests/corpus/requests, as a hostile client sends it: what reaches the service is
one unambiguous request or nothing, and each answer belongs to its request."""

import contextlib
import socket
import struct

import pytest
from corpus import table
from lib.answers import Answers
from lib.corpus_rig import Rig
from lib.message import parse_request
from lib.wait import until

CASES = table.load("requests")
PIECEWISE_MAX = 2000  # longer ones are cut into larger pieces


@pytest.fixture(scope="module")
def rig(binary, authority, tmp_path_factory):
    one = Rig(binary, tmp_path_factory.mktemp("requests") / "door", authority)
    yield one
    one.close()


def method_of(outcome):
    return outcome.expected.split(b" ", 1)[0] if outcome.expected else b"GET"


def hard_reset(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def check_answers(case, client):
    """Reads one answer for each outcome; returns whether the connection must have ended."""
    for outcome in case.h1:
        answer = client.answer(method_of(outcome))
        if outcome.verdict == "cut":
            assert answer is None, (case.id, answer)
            return True
        assert answer is not None, f"{case.id}: closed without an answer to {outcome}"
        if outcome.is_forwarded:
            line = outcome.expected.split(b" ", 2)
            expected = b"" if line[0] == b"HEAD" else b"answer to %s %s" % (line[0], line[1])
            assert (answer.status, answer.body) == (200, expected), case.id
        else:
            assert str(answer.status) == outcome.verdict, (case.id, answer)
        if outcome.closes:
            assert answer.lists(b"connection", b"close"), (case.id, answer)
            return True
    return False


def play(rig, case, tls, piece):
    """One case on a connection of its own, and behind it, where it stays open, a good request."""
    after = rig.next_path()
    with contextlib.closing(rig.connect(tls)) as sock:
        client = Answers(sock)
        client.send(case.raw, piece)
        if case.then == "end":
            sock.shutdown(socket.SHUT_WR)
        if case.then == "reset":
            if case.h1[0].reason != "-":  # else the reset may come before the door read anything
                until(rig.service.is_asked, "the request has gone on")
            hard_reset(sock)
            closed = True
        elif closed := check_answers(case, client):
            assert client.is_over(), f"more came: {client.pending!r}"
        else:
            client.send(b"GET %s HTTP/1.1\r\nHost: a.test\r\n\r\n" % after, 4096)
            answer = client.answer(b"GET")
            assert answer is not None and answer.body == b"answer to GET " + after
            assert client.pending == b""
    reasons = [o.reason for o in case.h1 if o.reason != "-"] + ([] if closed else ["ok"])
    assert rig.log.reasons(len(reasons)) == reasons
    rig.check_arrived(case.h1, tls, after)


@pytest.mark.parametrize("case", [c for c in CASES if c.h1 and c.then != "wait"],
                         ids=lambda c: c.id)
def test_http1(rig, case):
    piece = 1 if len(case.raw) <= PIECEWISE_MAX else len(case.raw) // 100
    try:
        for tls in (False, True) if case.then == "" else (False,):
            play(rig, case, tls, max(len(case.raw), 1))
            play(rig, case, tls, piece)
    except BaseException:
        rig.clean()
        raise


def test_http1_late(binary, authority, tmp_path):
    """All of them at the same time, since each waits for its deadline."""
    cases = [c for c in CASES if c.then == "wait"]
    one = Rig(binary, tmp_path / "door", authority, timeouts={"header": "2s", "idle": "2s"})
    with contextlib.closing(one), contextlib.ExitStack() as stack:
        clients = []
        for case in cases:
            for tls in (False, True):
                sock = stack.enter_context(contextlib.closing(one.connect(tls)))
                clients.append((case, Answers(sock)))
                clients[-1][1].send(case.raw, len(case.raw) or 1)
        for case, client in clients:
            assert check_answers(case, client) and client.is_over(), case.id
        reasons = [o.reason for case, _ in clients for o in case.h1 if o.reason != "-"]
        assert sorted(one.log.reasons(len(reasons))) == sorted(reasons)
        requests, rest = one.service.take()
        whole = [o.expected for case, _ in clients for o in case.h1 if o.is_forwarded]
        assert len(requests) == len(whole)
        assert all(parse_request(begun) is None for begun in rest), rest
