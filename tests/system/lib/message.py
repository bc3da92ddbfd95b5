# SPDX-License-Identifier: MIT
"""HTTP/1.1 messages read by the letter of RFC 9112, independent of the daemon's own parser: whatever
the daemon sends on either side must be read here without doubt."""

import dataclasses
import re

TCHAR = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]"
FIELD = re.compile(rb"(" + TCHAR + rb"+):[ \t]*((?:[\x21-\x7e\x80-\xff](?:[ \t\x21-\x7e\x80-\xff]*"
                   rb"[\x21-\x7e\x80-\xff])?)?)[ \t]*")
REQUEST_LINE = re.compile(rb"(" + TCHAR + rb"+) ([\x21-\x7e]+) HTTP/1\.1")
STATUS_LINE = re.compile(rb"HTTP/1\.1 ([1-5][0-9][0-9]) ([ \t\x21-\x7e\x80-\xff]*)")
CHUNK_HEAD = re.compile(rb"([0-9a-fA-F]{1,16})\r\n")
FRAME = (b"content-length", b"transfer-encoding")


class Malformed(Exception):
    """Bytes that are no message, or one that could be read in two ways."""


@dataclasses.dataclass
class Message:
    method: bytes = b""
    target: bytes = b""
    status: int = 0
    reason: bytes = b""
    fields: list = dataclasses.field(default_factory=list)  # [(name as it came, value)]
    body: bytes = b""
    trailers: list = dataclasses.field(default_factory=list)
    to_close: bool = False  # the body goes on until the connection ends

    def values(self, name):
        return [v for n, v in self.fields if n.lower() == name]

    def lists(self, name, token):
        return any(token == part.strip().lower() for v in self.values(name)
                   for part in v.split(b","))

    def end_to_end(self):
        """The fields without those that only say where the body ends."""
        return [(n, v) for n, v in self.fields if n.lower() not in FRAME]


def trailers_of(message):
    return [name + b": " + value for name, value in message.trailers]


def _fields(lines):
    fields = []
    for line in lines:
        found = FIELD.fullmatch(line)
        if not found:
            raise Malformed(line)
        fields.append((found[1], found[2]))
    return fields


def _head(data):
    """(start line, fields, bytes used), or None while it is not whole."""
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return None
    start, *lines = data[:end].split(b"\r\n")
    return start, _fields(lines), end + 4


def _framing(message):
    """("none"|"length"|"chunked", length)."""
    lengths = message.values(b"content-length")
    codings = message.values(b"transfer-encoding")
    if len(lengths) + len(codings) > 1:
        raise Malformed(message.fields)
    if codings:
        if codings[0] != b"chunked":
            raise Malformed(codings)
        return "chunked", 0
    if lengths:
        if not lengths[0].isdigit():
            raise Malformed(lengths)
        return "length", int(lengths[0])
    return "none", 0


def _chunks(data):
    """(body, trailers, bytes used), or None while it is not whole."""
    body, at = b"", 0
    while True:
        if b"\r\n" not in data[at:at + 18]:
            if len(data) - at >= 18:
                raise Malformed(data[at:])
            return None
        head = CHUNK_HEAD.match(data, at)
        if not head:
            raise Malformed(data[at:])
        size, at = int(head[1], 16), head.end()
        if size == 0:
            break
        if len(data) < at + size + 2:
            return None
        if data[at + size:at + size + 2] != b"\r\n":
            raise Malformed(data[at:])
        body, at = body + data[at:at + size], at + size + 2
    if data[at:at + 2] == b"\r\n":
        return body, [], at + 2
    end = data.find(b"\r\n\r\n", at)
    return None if end < 0 else (body, _fields(data[at:end].split(b"\r\n")), end + 4)


def _body(message, data, used):
    """Reads the body behind `used` bytes of head; None while it is not whole."""
    kind, length = _framing(message)
    if kind == "chunked":
        found = _chunks(data[used:])
        if found is None:
            return None
        message.body, message.trailers, size = found
        return message, used + size
    if len(data) < used + length:
        return None
    message.body = data[used:used + length]
    return message, used + length


def parse_request(data):
    """(Message, bytes used), or None while it is not whole; Malformed."""
    head = _head(data)
    if head is None:
        return None
    line, fields, used = head
    found = REQUEST_LINE.fullmatch(line)
    if not found:
        raise Malformed(line)
    message = Message(method=found[1], target=found[2], fields=fields)
    if len(message.values(b"host")) != 1:
        raise Malformed(fields)
    return _body(message, data, used)


def parse_response(data, method=b"GET", ended=False):
    """Likewise, for the answer to a request of this method; `ended`: no byte will come any more."""
    head = _head(data)
    if head is None:
        return None
    line, fields, used = head
    found = STATUS_LINE.fullmatch(line)
    if not found:
        raise Malformed(line)
    message = Message(status=int(found[1]), reason=found[2], fields=fields)
    kind, _ = _framing(message)
    if message.status < 200 or message.status == 204:
        if kind != "none":
            raise Malformed(fields)
        return message, used
    if method == b"HEAD" or message.status == 304:
        return message, used
    if kind == "none":
        message.to_close = True
        message.body = data[used:]
        return (message, len(data)) if ended else None
    return _body(message, data, used)
