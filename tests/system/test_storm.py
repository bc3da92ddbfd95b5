# SPDX-License-Identifier: MIT
"""Thousands of clients that come at once: open connections are served first, nobody is refused."""

import contextlib
import os
import signal
import socket
import ssl

from lib.raw import Raw
from lib.wait import until

CLIENTS = 400


class Comer:
    """A client that has sent its ClientHello, and waits."""

    def __init__(self, d):
        self.sock = d.connect("https")
        self.coming, self.going = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = d.tls_context().wrap_bio(self.coming, self.going, server_hostname="a.test")
        with contextlib.suppress(ssl.SSLWantReadError):
            self.tls.do_handshake()
        self.sock.sendall(self.going.read())

    def shake(self):
        """The rest of the handshake."""
        while True:
            try:
                self.tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                self.coming.write(self.sock.recv(16384))
        self.sock.sendall(self.going.read())

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.sock.close()


@contextlib.contextmanager
def stopped(pid):
    """While a process stands still, what comes to it waits."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def ask(raw):
    raw.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")


def test_open_connection_goes_before_those_that_come(door, service):
    seen = []

    def answer(handler):
        seen.append(d.metric("handshakes_waiting"))
        handler.reply(200, "ok")

    d = door(names=["a.test"], sites={"a.test": service(handler=answer).url}, extra={"workers": 1})
    raw = Raw(d.connect_tls("a.test"))
    ask(raw)
    assert raw.response()[0] == 200
    assert seen == [0]

    with stopped(d.pids("worker")[0]):
        comers = [Comer(d) for _ in range(CLIENTS)]
        ask(raw)
    assert raw.response()[0] == 200
    assert seen[1] > 0  # its request was with the service while most of those before it waited

    for comer in comers:
        comer.shake()
    until(lambda: d.metric("tls_handshakes_total", kind="full") == CLIENTS + 1, "all are served")
    assert d.metric("connections_refused_total") == 0
    assert d.metric("handshakes_waiting") == 0
    for comer in comers:
        comer.sock.close()
    raw.close()


def test_those_that_gave_up_are_not_served(door, service):
    d = door(names=["a.test"], sites={"a.test": service().url}, extra={"workers": 1})
    with stopped(d.pids("worker")[0]):
        gone = [Comer(d) for _ in range(20)]
        for comer in gone:
            comer.reset()
        here = Comer(d)
    here.shake()
    until(lambda: d.metric("tls_handshakes_total", kind="full") == 1, "the one that waited")
    until(lambda: d.metric("connections", state="handshake") == 0, "the others are forgotten")
    here.sock.close()
