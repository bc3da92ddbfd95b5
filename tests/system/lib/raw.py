# SPDX-License-Identifier: MIT
"""Raw HTTP/1 over a socket: bytes out, bytes in, nothing interpreted that a test did not ask for."""

import select
import ssl

BLOCKED = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Raw:
    def __init__(self, sock):
        self.socket = sock
        self.bytes = b""

    def send(self, data):
        self.socket.sendall(data if isinstance(data, bytes) else data.encode("latin-1"))
        return self

    def until(self, mark):
        """Reads until `mark` has come; returns everything up to and with it."""
        mark = mark if isinstance(mark, bytes) else mark.encode("latin-1")
        while mark not in self.bytes:
            data = self.socket.recv(65536)
            if not data:
                raise AssertionError(f"closed before {mark!r}: {self.bytes!r}")
            self.bytes += data
        end = self.bytes.index(mark) + len(mark)
        taken, self.bytes = self.bytes[:end], self.bytes[end:]
        return taken

    def exactly(self, count):
        while len(self.bytes) < count:
            data = self.socket.recv(65536)
            if not data:
                raise AssertionError(f"closed after {len(self.bytes)} of {count} bytes")
            self.bytes += data
        taken, self.bytes = self.bytes[:count], self.bytes[count:]
        return taken

    def exchange(self, data, count):
        """Sends `data` and reads `count` bytes, whichever goes first, in one thread: a TLS
        connection of OpenSSL may not be used by two at a time."""
        timeout, left = self.socket.gettimeout(), memoryview(data)
        self.socket.setblocking(False)
        try:
            while left or len(self.bytes) < count:
                moved = 0
                try:
                    moved = self.socket.send(left[:65536]) if left else 0
                    left = left[moved:]
                except BLOCKED:
                    pass
                try:
                    received = self.socket.recv(65536) if len(self.bytes) < count else b"-"
                    if not received:
                        raise AssertionError(f"closed after {len(self.bytes)} of {count} bytes")
                    if len(self.bytes) < count:
                        self.bytes += received
                        moved += len(received)
                except BLOCKED:
                    pass
                if not moved:
                    select.select([self.socket], [self.socket] if left else [], [], timeout)
        finally:
            self.socket.settimeout(timeout)
        return self.exactly(count)

    def message(self, parse, *how):
        """One whole message, read by a function of lib.message."""
        while (found := parse(self.bytes, *how)) is None:
            data = self.socket.recv(65536)
            if not data:
                raise AssertionError(f"closed inside a message: {self.bytes!r}")
            self.bytes += data
        message, used = found
        self.bytes = self.bytes[used:]
        return message

    def rest(self):
        """Everything until the other side closes (a reset counts as closed)."""
        try:
            while data := self.socket.recv(65536):
                self.bytes += data
        except ConnectionError:
            pass
        taken, self.bytes = self.bytes, b""
        return taken

    def response(self, head=False):
        """One response: (status, {lower-case name: value}, body); bodies by length or chunked."""
        lines = self.until("\r\n\r\n").decode("latin-1").split("\r\n")
        status = int(lines[0].split(" ")[1])
        fields = {}
        for line in lines[1:]:
            if line:
                name, value = line.split(":", 1)
                fields[name.lower()] = value.strip()
        if head or status in (204, 304) or status < 200:
            return status, fields, b""
        if fields.get("transfer-encoding") == "chunked":
            body = b""
            while size := int(self.until("\r\n"), 16):
                body += self.exactly(size)
                self.until("\r\n")
            self.until("\r\n")
            return status, fields, body
        if "content-length" in fields:
            return status, fields, self.exactly(int(fields["content-length"]))
        return status, fields, self.rest()

    def is_closed(self):
        """Waits for the other side's end; False if bytes come instead."""
        try:
            return self.socket.recv(1) == b"" and self.bytes == b""
        except ConnectionError:
            return True

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
