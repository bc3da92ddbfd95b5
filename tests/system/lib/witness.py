# SPDX-License-Identifier: MIT
"""A service that keeps every byte it gets and answers each request with a mark of its own, so that
a test can say what arrived, how often, and whose answer went to whom."""

import contextlib
import dataclasses
import selectors
import socket
import threading

from .listen import listen
from .message import Malformed, Message, parse_request


@dataclasses.dataclass
class Record:
    """What came on one connection: whole requests, and what stood behind them."""

    requests: list
    rest: bytes


class _Link:
    def __init__(self, sock):
        self.socket = sock
        self.pending = b""


def mark_of(message: Message):
    """The body of the answer to a request."""
    return b"answer to " + message.method + b" " + message.target


class Witness:
    """Listens on 127.0.0.1 from the constructor on. One thread, so that `take` sees everything that
    was sent before it was called."""

    def __init__(self):
        self.socket = listen()
        self.port = self.socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.socket, selectors.EVENT_READ)
        self.wake_read, self.wake_write = socket.socketpair()
        self.selector.register(self.wake_read, selectors.EVENT_READ)
        self.taken = threading.Semaphore(0)
        self.requests, self.leftovers = [], []
        self.links = set()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def take(self):
        """Everything since the last call: (requests in order, bytes that are none)."""
        self.wake_write.send(b"t")
        self.taken.acquire()
        requests, self.requests = self.requests, []
        rest = self.leftovers + [link.pending for link in self.links if link.pending]
        self.leftovers = []
        for link in self.links:
            link.pending = b""
        return requests, rest

    def forget(self):
        self.take()

    def is_asked(self):
        """Whether part of a request has come that is not whole."""
        return any(link.pending for link in list(self.links))

    def close(self):
        self.wake_write.send(b"q")
        self.thread.join()
        self.socket.close()
        self.wake_read.close()
        self.wake_write.close()

    # ---- its thread ----

    def _run(self):
        with contextlib.closing(self.selector):
            while self._round():
                pass
        for link in list(self.links):
            link.socket.close()

    def _round(self):
        commands = b""
        while ready := self.selector.select(0 if commands else None):
            for key, _ in ready:
                if key.fileobj is self.wake_read:
                    commands += self.wake_read.recv(100)
                elif key.fileobj is self.socket:
                    link = _Link(self.socket.accept()[0])
                    self.links.add(link)
                    self.selector.register(link.socket, selectors.EVENT_READ, link)
                else:
                    self._read(key.data)
        self.taken.release(commands.count(b"t")) if b"t" in commands else None
        return b"q" not in commands

    def _read(self, link):
        try:
            data = link.socket.recv(1 << 18)
        except OSError:
            data = b""
        link.pending += data
        alive = bool(data) and self._answer(link)
        if not alive:
            if link.pending:
                self.leftovers.append(link.pending)
            self.selector.unregister(link.socket)
            self.links.discard(link)
            link.socket.close()

    def _answer(self, link):
        """Answers what is whole; False when the connection is beyond hope."""
        try:
            while (found := parse_request(link.pending)) is not None:
                message, used = found
                link.pending = link.pending[used:]
                self.requests.append(message)
                body = mark_of(message)
                head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body)
                link.socket.sendall(head + (b"" if message.method == b"HEAD" else body))
        except (Malformed, OSError):
            return False
        return True
