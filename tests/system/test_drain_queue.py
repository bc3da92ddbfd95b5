# SPDX-License-Identifier: MIT
"""The end of the door: whoever has shaken hands with it is answered, whatever moment it was; nobody
is reset in the accept queue."""
import errno
import selectors
import signal
import socket
import threading

import pytest

from lib.raw import Raw
from lib.wait import until

ROUNDS = 6
AT_ONCE = 24  # connections that are always under way
REQUEST = b"GET /x HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n"
REFUSED = "refused"  # before a hand was shaken


class Attempt:
    """One connection: shakes hands, asks, reads to the end. `outcome` None while it runs."""

    def __init__(self, port):
        self.socket = socket.socket()
        self.socket.setblocking(False)
        self.met, self.outcome, self.got = False, None, b""
        said = self.socket.connect_ex(("127.0.0.1", port))
        if said not in (0, errno.EINPROGRESS):
            self.finish(REFUSED)

    def finish(self, outcome):
        self.outcome = outcome
        self.socket.close()

    def on_ready(self):
        try:
            if not self.met:
                said = self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                if said:
                    self.finish(REFUSED)
                    return
                self.met = True
                self.socket.sendall(REQUEST)
            else:
                piece = self.socket.recv(65536)
                self.got += piece
                if not piece:
                    whole = self.got.startswith(b"HTTP/1.1 301 ") and b"\r\n\r\n" in self.got
                    self.finish("answered" if whole else f"cut: {self.got!r}")
        except OSError as error:
            self.finish(f"lost: {error!r} after {self.got!r}")


class Crowd:
    """Connects again and again; `outcomes` of those that have ended."""

    def __init__(self, port):
        self.port, self.outcomes = port, []
        self.running, self.selector = set(), selectors.DefaultSelector()

    def step(self, again=True):
        while again and len(self.running) < AT_ONCE:
            attempt = Attempt(self.port)
            if attempt.outcome:
                self.outcomes.append(attempt.outcome)
                return
            self.running.add(attempt)
            self.selector.register(attempt.socket, selectors.EVENT_WRITE, attempt)
        for key, _ in self.selector.select(0.01):
            attempt, asked = key.data, key.data.met
            if attempt.met:
                self.selector.unregister(attempt.socket)
            attempt.on_ready()
            if attempt.outcome:
                if not asked:
                    self.selector.unregister(key.fd)
                self.running.discard(attempt)
                self.outcomes.append(attempt.outcome)
            elif asked:
                self.selector.register(attempt.socket, selectors.EVENT_READ, attempt)
            else:
                self.selector.modify(attempt.socket, selectors.EVENT_READ, attempt)

    def end(self):
        """What has met the door comes to its end; the others are nobody's."""
        until(lambda: self.step(again=False) or not any(a.met for a in self.running),
              "every connection has ended")
        for attempt in self.running:
            attempt.finish("never met")
        self.selector.close()

    def lost(self):
        return [o for o in self.outcomes if o not in ("answered", REFUSED, "never met")]


def answered(crowd):
    return crowd.outcomes.count("answered")


@pytest.mark.parametrize("workers", [1, 2])
def test_whoever_waits_in_the_accept_queue_is_answered(door, service, workers):
    d = door(names=["a.test"], sites={"a.test": service().url}, workers=workers)
    for number in range(ROUNDS):
        if number:
            d.start()
        crowd = Crowd(d.http.number)
        until(lambda: crowd.step() or answered(crowd) > 50, "the door answers")
        d.signal(signal.SIGTERM)
        until(lambda: crowd.step() or d.process.poll() is not None, "the door has ended")
        crowd.end()
        assert d.wait() == 0
        assert not crowd.lost()


def test_who_has_met_the_door_and_not_asked_yet_is_answered(door, service):
    d = door(names=["a.test"], sites={"a.test": service().url},
             extra={"drain": {"timeout": "30s"}}, workers=1)
    with Raw(d.connect_tls("a.test")) as fresh:
        d.signal(signal.SIGTERM)
        until(lambda: d.admin("/readyz")[0] == 503, "draining")
        fresh.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
        assert fresh.response()[0] == 200
    assert d.wait() == 0


def test_who_came_during_the_drain_has_its_time_too(door, script):
    """The last one of before ends, and one that came later still runs: it is not cut."""
    gates = {b"/old": threading.Event(), b"/late": threading.Event()}
    asked = []

    def act(raw):
        path = raw.until("\r\n\r\n").split()[1]
        asked.append(path)
        gates[path].wait()
        raw.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\ndone")

    d = door(names=["a.test"], sites={"a.test": script(act).url},
             extra={"drain": {"timeout": "30s"}}, workers=1)
    with Raw(d.connect_tls("a.test")) as old:
        old.send("GET /old HTTP/1.1\r\nHost: a.test\r\n\r\n")
        until(lambda: asked == [b"/old"], "the service was asked")
        d.signal(signal.SIGTERM)
        until(lambda: d.admin("/readyz")[0] == 503, "draining")
        with Raw(d.connect_tls("a.test")) as late:
            late.send("GET /late HTTP/1.1\r\nHost: a.test\r\n\r\n")
            until(lambda: asked == [b"/old", b"/late"], "the service was asked")
            gates[b"/old"].set()
            assert old.response()[0] == 200
            old.close()
            until(lambda: not answers(d.http.number), "nobody new is taken")
            gates[b"/late"].set()
            assert late.response()[0] == 200
    assert d.wait() == 0


def answers(port):
    try:
        with socket.create_connection(("127.0.0.1", port), 0.2):
            return True
    except OSError:
        return False
