# SPDX-License-Identifier: MIT
"""A service that answers `/case/ID` with the bytes of a case, whole or in pieces, and every other
request with a mark of its own; what reaches a link that must not be used again is remembered."""

import contextlib
import socket
import struct
import threading

from .listen import listen
from .message import Malformed, parse_request


class Player:
    """Listens on 127.0.0.1 from the constructor on; `cases` by id."""

    def __init__(self, cases):
        self.cases = cases
        self.piece = 1 << 20
        self.used_again = []  # ids of cases behind which a link was used
        self.links = set()
        self.socket = listen()
        self.url = "http://127.0.0.1:%d" % self.socket.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()

    def forget(self):
        self.used_again.clear()

    def say(self, data):
        """Sends bytes that nobody asked for on every link; how many links there are."""
        links = list(self.links)
        for link in links:
            with contextlib.suppress(OSError):  # it may just be ending
                link.sendall(data)
        return len(links)

    def _accept(self):
        while True:
            try:
                link, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(link,), daemon=True).start()

    def _serve(self, link):
        self.links.add(link)
        try:
            self._read(link)
        finally:
            self.links.discard(link)

    def _read(self, link):
        with contextlib.closing(link), contextlib.suppress(OSError, Malformed):
            pending, spoilt = b"", None
            while data := link.recv(65536):
                pending += data
                while (found := parse_request(pending)) is not None:
                    message, used = found
                    pending = pending[used:]
                    if spoilt is not None:
                        self.used_again.append(spoilt)
                    spoilt = self._answer(link, message)
                    if spoilt == "":
                        return

    def _answer(self, link, message):
        """The id of a case behind which the link must not be used, None, or "" to close it."""
        path, _, name = message.target.rpartition(b"/")
        if path != b"/case":
            body = b"answer to " + message.target
            link.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
            return None
        case = self.cases[name.decode()]
        for at in range(0, len(case.raw), self.piece):
            link.sendall(case.raw[at:at + self.piece])
        if case.then == "reset":
            link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if case.then != "":
            return ""
        return None if case.h1[0].is_forwarded else case.id
