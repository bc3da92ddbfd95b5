# SPDX-License-Identifier: MIT
"""HTTP/2 frames and HPACK by hand (RFC 9113 section 6, RFC 7541): whatever can be said, right or
wrong. Nothing here checks anything."""

import struct

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

(DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE,
 CONTINUATION) = range(10)
TYPES = ("DATA", "HEADERS", "PRIORITY", "RST_STREAM", "SETTINGS", "PUSH_PROMISE", "PING", "GOAWAY",
         "WINDOW_UPDATE", "CONTINUATION")
UNKNOWN = 0xBB  # a type that nobody has defined

END_STREAM, ACK, END_HEADERS, PADDED, PRIORITY_FLAG = 1, 1, 4, 8, 0x20

(NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR, SETTINGS_TIMEOUT, STREAM_CLOSED,
 FRAME_SIZE_ERROR, REFUSED_STREAM, CANCEL, COMPRESSION_ERROR, CONNECT_ERROR, ENHANCE_YOUR_CALM,
 INADEQUATE_SECURITY, HTTP_1_1_REQUIRED) = range(14)

(HEADER_TABLE_SIZE, ENABLE_PUSH, MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE,
 MAX_HEADER_LIST_SIZE) = range(1, 7)
ENABLE_CONNECT_PROTOCOL = 8

MAX_WINDOW = 2**31 - 1


def frame(kind, flags=0, stream=0, payload=b"", length=None):
    """One frame; `length` announces another length than the payload has, a `stream` above 2^31 has
    the reserved bit."""
    size = len(payload) if length is None else length
    return struct.pack(">BHBBL", size >> 16, size & 0xFFFF, kind, flags, stream) + payload


def _padded(payload, pad, flags):
    if pad is None:
        return payload, flags
    return bytes([pad]) + payload + b"\0" * pad, flags | PADDED


def data(stream, payload=b"", end=False, pad=None, flags=0):
    payload, flags = _padded(payload, pad, flags | (END_STREAM if end else 0))
    return frame(DATA, flags, stream, payload)


def priority_fields(on=0, weight=15, exclusive=False):
    return struct.pack(">LB", on | (exclusive << 31), weight)


def headers(stream, block, end=True, end_headers=True, pad=None, priority=None, flags=0):
    """`block`: field block bytes; `priority`: what priority_fields() gives, or any bytes."""
    flags |= (END_STREAM if end else 0) | (END_HEADERS if end_headers else 0)
    if priority is not None:
        block, flags = priority + block, flags | PRIORITY_FLAG
    block, flags = _padded(block, pad, flags)
    return frame(HEADERS, flags, stream, block)


def continuation(stream, block, end_headers=True, flags=0):
    return frame(CONTINUATION, flags | (END_HEADERS if end_headers else 0), stream, block)


def priority(stream, on=0, weight=15, exclusive=False):
    return frame(PRIORITY, 0, stream, priority_fields(on, weight, exclusive))


def rst_stream(stream, code=CANCEL):
    return frame(RST_STREAM, 0, stream, struct.pack(">L", code))


def settings(*pairs, ack=False, stream=0):
    payload = b"".join(struct.pack(">HL", key, value) for key, value in pairs)
    return frame(SETTINGS, ACK if ack else 0, stream, payload)


def push_promise(stream, promised, block):
    return frame(PUSH_PROMISE, END_HEADERS, stream, struct.pack(">L", promised) + block)


def ping(payload=b"01234567", ack=False, stream=0):
    return frame(PING, ACK if ack else 0, stream, payload)


def goaway(last=0, code=NO_ERROR, debug=b"", stream=0):
    return frame(GOAWAY, 0, stream, struct.pack(">LL", last, code) + debug)


def window_update(stream, increment):
    return frame(WINDOW_UPDATE, 0, stream, struct.pack(">L", increment))


# ---- HPACK ----

def integer(value, bits, first=0):
    """RFC 7541 section 5.1: in the low `bits` of an octet whose others are `first`."""
    limit = (1 << bits) - 1
    if value < limit:
        return bytes([first | value])
    out = bytearray([first | limit])
    value -= limit
    while value >= 128:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def string(text, huffman=False):
    """`huffman`: `text` is encoded already."""
    return integer(len(text), 7, 0x80 if huffman else 0) + text


def _bytes(text):
    return text if isinstance(text, bytes) else text.encode("latin-1")


def literal(name, value, first=0x00):
    """A literal field with a literal name; first: 0x00 not indexed, 0x10 never, 0x40 indexed."""
    return bytes([first]) + string(_bytes(name)) + string(_bytes(value))


def indexed(index):
    return integer(index, 7, 0x80)


def size_update(size):
    return integer(size, 5, 0x20)


def block(*fields):
    """A field block that depends on no table and leaves none behind."""
    return b"".join(literal(name, value) for name, value in fields)


def request(path="/", *extra, method="GET", authority="a.test", scheme="https"):
    """The fields of a request, in order."""
    return [(":method", method), (":scheme", scheme), (":authority", authority), (":path", path),
            *extra]
