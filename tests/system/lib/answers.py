# SPDX-License-Identifier: MIT
"""The client's end of a connection, where every byte must belong to one answer."""

import contextlib
import ssl

from .message import parse_response


class Answers:
    """Sends bytes in pieces; reads answers strictly, one after the other."""

    def __init__(self, sock):
        self.socket = sock
        self.pending = b""
        self.ended = False
        self.error = None  # how it ended, if not in good order

    def send(self, data, piece):
        """In pieces; a door that has refused it already need not take the rest."""
        with contextlib.suppress(OSError):
            for at in range(0, len(data), piece):
                self.socket.sendall(data[at:at + piece])

    def more(self):
        try:
            data = self.socket.recv(65536)
        except (ConnectionError, ssl.SSLError) as error:
            data = b""
            self.error = error
        self.pending += data
        self.ended = not data

    def answer(self, method, switches=False):
        """The next final response, or None at the end of the connection."""
        while True:
            found = parse_response(self.pending, method, self.ended)
            if found is not None:
                message, used = found
                self.pending = self.pending[used:]
                if message.status >= 200 or (switches and message.status == 101):
                    return message
            elif self.ended:
                assert self.pending == b"", f"half an answer: {self.pending!r}"
                return None
            else:
                self.more()

    def half(self, method):
        """What came of an answer that the connection's end cut off; asserts that it was cut."""
        while not self.ended:
            self.more()
        half = self.pending
        while half.startswith(b"HTTP/1.1 1") and b"\r\n\r\n" in half:
            half = half.partition(b"\r\n\r\n")[2]
        whole = parse_response(half, method, False)
        assert whole is None, f"a whole answer in place of a cut one: {half!r}"
        return half

    def is_over(self):
        """Waits for the end of the connection; False if bytes come before it."""
        while not self.ended and not self.pending:
            self.more()
        return not self.pending
