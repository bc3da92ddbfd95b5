# SPDX-License-Identifier: MIT
"""A recording HTTP/1.1 service: keeps every byte that came, byte for byte, beside the requests that
were complete, and answers as a test says for a path."""

import contextlib
import socket
import threading

from .listen import listen
from .raw import Raw
from .wait import until


class Request:
    """One request, as far as it has come. A handler reads the body by read_body() and answers on
    `raw`; what it returns true for is the last request of the connection."""

    def __init__(self, raw, head, recorder):
        self.raw = raw
        self.head = head
        self.recorder = recorder
        lines = head.decode("latin-1").split("\r\n")
        self.method, self.path, self.version = lines[0].split(" ")
        self.fields = [tuple(part.strip() for part in line.split(":", 1)) for line in lines[1:]
                       if line]
        self.body = b""  # as far as read_body() has read it
        self.is_complete = False
        self.trailers = []

    def values(self, name):
        return [v for n, v in self.fields if n.lower() == name]

    def value(self, name):
        values = self.values(name)
        assert len(values) < 2, f"{name}: {values}"
        return values[0] if values else None

    def read_chunks(self):
        """Yields the pieces of the body as they come, without keeping them; then keeps the request
        as complete."""
        raw, length = self.raw, self.value("content-length")
        if self.value("transfer-encoding") == "chunked":
            assert length is None
            while size := int(raw.until("\r\n"), 16):
                yield raw.exactly(size)
                raw.until("\r\n")
            while (line := raw.until("\r\n").decode("latin-1").strip()):
                self.trailers.append(tuple(part.strip() for part in line.split(":", 1)))
        else:
            left = int(length or 0)
            while left:
                piece = raw.exactly(1)
                more = min(len(raw.bytes), left - 1)
                piece += raw.exactly(more)
                left -= len(piece)
                yield piece
        self.is_complete = True
        self.recorder.requests.append(self)

    def read_body(self):
        for piece in self.read_chunks():
            self.body += piece
        return self.body

    def reply(self, status=200, body=b"", *fields):
        body = body if isinstance(body, bytes) else body.encode("latin-1")
        lines = [f"{n}: {v}\r\n" for n, v in fields]
        if status >= 200 and status not in (204, 304):
            lines.append(f"Content-Length: {len(body)}\r\n")
        head = f"HTTP/1.1 {status} Some Reason\r\n{''.join(lines)}\r\n".encode("latin-1")
        self.raw.send(head + (b"" if self.method == "HEAD" else body))


def echo(request):
    """The usual answer: what the body was."""
    request.reply(200, request.read_body(), ("X-Served", "yes"))


class Recorder:
    """Listens on 127.0.0.1 from the constructor on. `on(path, act)` sets what answers a path
    (without its query)."""

    def __init__(self):
        self.socket = listen(backlog=1024)
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        self.links = []  # Raw of each connection
        self.heads = []  # heads of requests, whether their bodies came or not
        self.requests = []  # complete ones
        self.handlers = {}
        threading.Thread(target=self._run, daemon=True).start()

    def on(self, path, act):
        self.handlers[path] = act

    def _run(self):
        with contextlib.suppress(OSError):
            while True:
                link, _ = self.socket.accept()
                threading.Thread(target=self._serve, args=(Raw(link),), daemon=True).start()

    def _serve(self, raw):
        self.links.append(raw)
        with raw, contextlib.suppress(AssertionError, OSError, ValueError):
            while True:
                head = raw.until("\r\n\r\n")
                self.heads.append(head)
                request = Request(raw, head, self)
                act = self.handlers.get(request.path.split("?")[0], echo)
                if act(request) is True:
                    return
                if not request.is_complete:
                    return

    def complete(self, path):
        """The complete requests of a path, so far."""
        return [r for r in list(self.requests) if r.path == path]

    def wait_for(self, path, count=1):
        until(lambda: len(self.complete(path)) >= count, f"{count} requests for {path}")
        return self.complete(path)[-1]

    def has_seen(self, text):
        """Whether a head holds these bytes."""
        text = text if isinstance(text, bytes) else text.encode("latin-1")
        return any(text in head for head in list(self.heads))

    def close(self):
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        for raw in self.links:
            with contextlib.suppress(OSError):
                raw.socket.shutdown(socket.SHUT_RDWR)
