# SPDX-License-Identifier: MIT
"""WebSocket through the door, over HTTP/1.1 and HTTP/2: every byte as it came, both ways at once,
through reloads and while the door stops, and how it ends."""

import os
import signal
import socket
import struct
import threading

import pytest
from lib.message import parse_response
from lib.raw import Raw
from lib.tunnel import UPGRADE, H1Tunnel, H2Tunnel, frame, switch
from lib.wait import until

MIB = 1 << 20
KINDS = {"HTTP/1.1": H1Tunnel, "HTTP/2": H2Tunnel}


def site(door, service, **more):
    extra = more.pop("extra", None)
    return door(names=["a.test"], workers=1, extra=extra,
                sites={"a.test": {"to": service.url, "http": "serve", **more}})


def echo(raw):
    switch(raw)
    while data := raw.bytes or raw.socket.recv(65536):
        raw.bytes = b""
        raw.send(data)


@pytest.mark.parametrize("kind", KINDS)
def test_ten_megabytes_both_ways_at_once(door, script, kind):
    """Neither side waits for the other: both send all they have while they read."""
    up, down = os.urandom(10 * MIB), os.urandom(10 * MIB)
    got = []

    def act(raw):
        switch(raw)
        sending = threading.Thread(target=raw.send, args=(down,), daemon=True)
        sending.start()
        got.append(raw.exactly(len(up)))
        sending.join(60)
        raw.send(b"!")
        raw.rest()
    d = site(door, script(act))
    with KINDS[kind](d) as tunnel:
        assert tunnel.swap(up, len(down)) == down
        assert tunnel.exactly(1) == b"!"
        assert got == [up]


MASK = b"\x01\xfe\x7f\x80"
FRAMES = [
    frame(9, b"ping", mask=MASK), frame(10, b"unasked pong", mask=MASK), frame(9, b"", mask=MASK),
    frame(1, "h\u00e9llo".encode(), fin=False, mask=MASK), frame(9, b"between", mask=MASK),
    frame(0, b" w", fin=False, mask=MASK), frame(0, b"orld", mask=MASK),
    frame(2, bytes(range(256)) * 300, mask=MASK),
    b"\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00",  # compressed by an extension
    frame(3, b"of a kind to come"), b"\xff\xff",  # nothing that the door would judge
    frame(8, struct.pack(">H", 1001) + b"going away", mask=MASK),
]


@pytest.mark.parametrize("kind", KINDS)
def test_frames_are_not_touched(door, script, kind):
    got = []

    def act(raw):
        switch(raw)
        for one in FRAMES:
            got.append(raw.exactly(len(one)))
            raw.send(one)
        raw.rest()
    d = site(door, script(act))
    with KINDS[kind](d) as tunnel:
        for one in FRAMES:  # each comes back before the next goes: nothing waits for more
            tunnel.send(one)
            assert tunnel.exactly(len(one)) == one
    assert got == FRAMES


def test_handshake_is_negotiated_by_the_ends(door, script):
    asked = ("Sec-WebSocket-Protocol: chat, superchat\r\nSec-WebSocket-Protocol: x\r\n"
             "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits, y\r\n"
             "Origin: https://a.test\r\nCookie: a=1\r\n")
    answer = (b"Sec-WebSocket-Protocol: superchat\r\nSec-WebSocket-Extensions: permessage-deflate; "
              b"server_no_context_takeover\r\nSet-Cookie: b=2\r\n")
    heads = []

    def act(raw):
        heads.append(switch(raw, answer))
        raw.send(b"at once")
        raw.rest()
    d = site(door, script(act))
    with H1Tunnel(d, fields=asked) as tunnel:
        assert tunnel.exactly(7) == b"at once"
        for line in answer.split(b"\r\n"):
            assert line in tunnel.head
        assert b"\r\nConnection: upgrade\r\nUpgrade: websocket\r\n" in tunnel.head
        assert b"Content-Length" not in tunnel.head and b"Transfer-Encoding" not in tunnel.head
    for line in (asked + UPGRADE).encode().split(b"\r\n"):
        if not line.startswith((b"GET", b"Connection")):
            assert line in heads[0], line
    assert b"\r\nConnection: upgrade\r\nUpgrade: websocket\r\n" in heads[0]


@pytest.mark.parametrize("status,reason", [(403, "Forbidden"), (401, "Unauthorized"),
                                           (426, "Upgrade Required"), (503, "Later"), (200, "OK")])
def test_service_refuses(door, script, status, reason):
    """The answer is one like any other, and the connection can be used again."""
    def act(raw):
        while True:
            raw.until("\r\n\r\n")
            raw.send(f"HTTP/1.1 {status} {reason}\r\nSec-WebSocket-Version: 13\r\n"
                     "Content-Length: 2\r\n\r\nno")
    d = site(door, script(act))
    with Raw(d.connect_tls("a.test")) as raw:
        for _ in range(2):
            raw.send(UPGRADE + "\r\n")
            answer = raw.message(parse_response)
            assert (answer.status, answer.reason, answer.body) == (status, reason.encode(), b"no")
            assert answer.values(b"sec-websocket-version") == [b"13"]


def test_client_ends_first(door, script):
    got = []

    def act(raw):
        switch(raw)
        got.append(raw.rest())
        raw.send(b"goodbye")
    d = site(door, script(act))
    with H1Tunnel(d, tls=False) as tunnel:
        tunnel.send(b"last words")
        tunnel.end()
        assert tunnel.rest() == b"goodbye" and got == [b"last words"]
    assert d.wait_log("access", reason="tunnel_done")[0]["status"] == 101


def test_service_ends_first(door, script):
    got = []

    def act(raw):
        switch(raw)
        raw.send(b"goodbye")
        raw.socket.shutdown(socket.SHUT_WR)
        got.append(raw.rest())
    d = site(door, script(act))
    with H1Tunnel(d, tls=False) as tunnel:
        assert tunnel.rest() == b"goodbye"
        tunnel.send(b"still here")
        tunnel.end()
        until(lambda: got, "the end at the service")
    assert got == [b"still here"]


@pytest.mark.parametrize("first", ["client", "service"])
def test_what_was_sent_before_the_ends_arrives(door, script, first):
    """Both sides have ended, the client is gone, and the service has read nothing yet: it gets
    everything all the same."""
    blob = os.urandom(32 * MIB)  # much more than the kernels keep
    go, ended, got = threading.Event(), threading.Event(), []

    def act(raw):
        switch(raw)
        if first == "service":
            raw.socket.shutdown(socket.SHUT_WR)
        ended.set()
        assert go.wait(60)
        if first == "client":
            raw.socket.shutdown(socket.SHUT_WR)
        pieces = [raw.bytes]
        while data := raw.socket.recv(1 << 20):
            pieces.append(data)
        got.append(b"".join(pieces))
    d = site(door, script(act))
    with H1Tunnel(d, tls=False) as tunnel:
        assert ended.wait(30)
        sending = threading.Thread(target=lambda: (tunnel.send(blob), tunnel.end()), daemon=True)
        sending.start()
        if first == "service":
            assert tunnel.rest() == b""
        go.set()
        sending.join(60)
        if first == "client":
            assert tunnel.rest() == b""
    until(lambda: got, "the end at the service")
    assert len(got[0]) == len(blob) and got == [blob]


def reset(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


@pytest.mark.parametrize("kind", KINDS)
def test_service_breaks_off(door, script, kind):
    def act(raw):
        switch(raw)
        raw.exactly(3)
        reset(raw.socket)
    d = site(door, script(act))
    with KINDS[kind](d) as tunnel:
        tunnel.send(b"die")
        if kind == "HTTP/1.1":
            assert tunnel.rest() == b""
    d.wait_log("access", reason="tunnel_done")


def test_client_breaks_off(door, script):
    ends = []
    d = site(door, script(lambda raw: [switch(raw), raw.exactly(3), ends.append(raw.rest())]))
    tunnel = H1Tunnel(d, tls=False)
    tunnel.send(b"die")
    reset(tunnel.socket)
    until(lambda: ends, "the end at the service")
    d.wait_log("access", reason="tunnel_done")


@pytest.mark.parametrize("kind", KINDS)
def test_idle_tunnels_end_busy_ones_do_not(door, script, kind):
    s = script(echo)
    d = site(door, s, timeouts={"tunnel": "2s"})
    with KINDS[kind](d) as busy:
        done = threading.Event()

        def talk():
            while not done.is_set():
                assert busy.swap(b"tick", 4) == b"tick"
        talking = threading.Thread(target=talk, daemon=True)
        talking.start()
        with KINDS[kind](d):
            d.wait_log("access", reason="tunnel_idle")
        done.set()
        talking.join(30)
        assert busy.swap(b"still", 5) == b"still"


@pytest.mark.parametrize("kind", KINDS)
def test_survives_reloads_while_messages_flow(door, script, service, kind):
    """A tunnel keeps the configuration that it began with, and that one goes with it."""
    s = script(echo)
    d = site(door, s)
    with KINDS[kind](d) as tunnel:
        stop, problems, count = threading.Event(), [], 0

        def talk():
            nonlocal count
            while not stop.is_set():
                message = os.urandom(20_000)
                if tunnel.swap(message, len(message)) != message:
                    problems.append(count)
                count += 1
        talking = threading.Thread(target=talk, daemon=True)
        talking.start()
        for i in range(3):
            before = count
            d.configure({"a.test": service(name=f"new{i}").url, "b.test": "http://127.0.0.1:1"},
                        limits={"header": f"{16 + i}k"})
            d.reload()
            assert f"new{i}".encode() in d.get("a.test")[2]
            until(lambda now=before: count > now + 20, "messages go on")
        stop.set()
        talking.join(60)
        assert problems == []
        gone = {r["generation"] for r in d.log("generation_gone")}
        assert 1 not in gone
    until(lambda: 1 in {r["generation"] for r in d.log("generation_gone")},
          "its configuration goes with it")


def test_goes_on_while_the_door_stops(door, script):
    s = script(echo)
    d = site(door, s, extra={"drain": {"timeout": "20s"}})
    with H1Tunnel(d) as tunnel:
        assert tunnel.swap(b"before", 6) == b"before"
        d.signal(signal.SIGTERM)
        until(lambda: d.admin("/readyz")[0] == 503, "it is stopping")
        for _ in range(20):
            assert tunnel.swap(b"while", 5) == b"while"
        tunnel.close()
        assert d.wait(20) == 0  # long before the deadline: nothing is left


def test_is_cut_at_the_drain_deadline(door, script):
    s = script(echo)
    d = site(door, s, extra={"drain": {"timeout": "500ms"}})
    with H1Tunnel(d) as tunnel:
        assert tunnel.swap(b"before", 6) == b"before"
        d.signal(signal.SIGTERM)
        assert d.wait(20) == 0
        assert tunnel.rest() == b""
    assert d.wait_log("access", reason="drain_deadline")[0]["path"] == "/ws"
