# SPDX-License-Identifier: MIT
"""Writes the cases as first inputs of the fuzz targets: seeds.py FOLDER makes FOLDER/<target>/<case>.

The bytes in front are what each target takes as its own: see the head of tests/fuzz/fuzz_*.c."""

import pathlib
import struct
import sys
import zlib

import table

SIZE_MAX = 16 * 1024  # long inputs make a target slow, and it finds its own way to them

# fuzz_h1_server.c and fuzz_h1_client.c
GIVE_EOF_SERVER, GIVE_EOF_CLIENT = 4, 8
ASKS = {"HEAD": 1, "UPGRADE": 2, "POST": 4}
STATUSES = [100, 101, 103, 200, 204, 205, 301, 304, 404, 500]  # fuzz_framing.c


def any_byte(case):
    """The same for a case in every run; 0 would be the manner that needs no second one."""
    return 1 + zlib.crc32(case.id.encode()) % 255


def body_of(case):
    head, _, body = case.raw.partition(b"\r\n\r\n")
    return body if b"chunked" in head.lower() else b""


def fields_of(case):
    head = case.raw.partition(b"\r\n\r\n")[0]
    return head.partition(b"\r\n")[2]


def target_of(case):
    """(target, host) as the request says them, in either version."""
    if case.h2_fields is not None:
        fields = dict(case.h2_fields)
        return fields.get(b":path", b""), fields.get(b":authority", fields.get(b"host", b""))
    words = case.raw.partition(b"\r\n")[0].split(b" ")
    host = next((line.partition(b":")[2].strip() for line in fields_of(case).split(b"\r\n")
                 if line.lower().startswith(b"host:")), b"")
    return words[1] if len(words) > 1 else b"", host


def field_list(fields):
    """As fuzz_h2_fields.c takes it; what does not fit into its lengths is cut."""
    return b"".join(bytes([len(n[:255]), len(v[:255])]) + n[:255] + v[:255] for n, v in fields)


def frame(kind, flags, stream, payload):
    return struct.pack(">BHBBL", len(payload) >> 16, len(payload) & 0xffff, kind, flags,
                       stream) + payload


def hpack(fields):
    """Literals without index (RFC 7541 section 6.2.2); names and values are cut at 126 bytes."""
    return b"".join(b"\0" + bytes([len(n[:126])]) + n[:126] + bytes([len(v[:126])]) + v[:126]
                    for n, v in fields)


GOOD = frame(1, 5, 3, hpack([(b":method", b"GET"), (b":scheme", b"https"),
                             (b":authority", b"a.test"), (b":path", b"/")]))


def frames(case):
    """The request in HTTP/2, cut into two frames of each kind, and a good one behind it."""
    fields, body = case.h2_message()
    block, half = hpack(fields), len(body) // 2
    wire = frame(1, 0 if body else 1, 1, block[:9]) + frame(9, 4, 1, block[9:])
    if body:
        wire += frame(0, 0, 1, body[:half]) + frame(0, 1, 1, body[half:])
    return wire + GOOD


def of_request(case):
    if case.h2 is not None:
        fields, body = case.h2_message()
        yield "h2_fields", bytes([0 if body else 4]) + field_list(fields)
        yield "h2_server", bytes([any_byte(case) & 27, any_byte(case)]) + frames(case)
    target, host = target_of(case)
    options = 2 if case.raw.startswith(b"OPTIONS") else 0
    yield "target", bytes([options]) + target + b"\n" + host
    if not case.raw:
        return
    old = 1 if b" HTTP/1.0\r\n" in case.raw else 0
    flags = any_byte(case) & 27 | (GIVE_EOF_SERVER if case.then == "end" else 0)
    yield "h1_request", case.raw
    yield "h1_server", bytes([flags, any_byte(case)]) + case.raw
    yield "framing", bytes([old, 3]) + fields_of(case)
    if body := body_of(case):
        yield "h1_chunk", bytes([any_byte(case) % 64]) + body


def answer_frames(case):
    """A service's answer to the first of two requests, and a good one to the second."""
    body, trailers = case.h2_body, case.h2_trailers
    wire = frame(1, 4 if body or trailers else 5, 1, hpack(case.h2_fields))
    if body:
        wire += frame(0, 0 if trailers else 1, 1, body)
    if trailers:
        wire += frame(1, 5, 1, hpack(trailers))
    if case.then == "reset":
        wire += frame(3, 0, 1, b"\0\0\0\x02")
    return wire + frame(1, 5, 3, hpack([(b":status", b"200")]))


def of_answer_list(case):
    yield "h2_fields", b"\x01" + field_list(case.h2_fields)
    if case.h2_trailers:
        yield "h2_fields", b"\x02" + field_list(case.h2_trailers)
    yield "h2_client", bytes([ASKS.get(case.asks, 0), any_byte(case)]) + answer_frames(case)


def of_response(case):
    if case.h2_fields is not None:
        yield from of_answer_list(case)
        return
    status = case.raw[9:12]
    index = STATUSES.index(int(status)) if status.isdigit() and int(status) in STATUSES else 3
    asks = ASKS.get(case.asks, 0)
    flags = asks | (GIVE_EOF_CLIENT if case.then == "end" else 0)
    if case.h2 is not None and status.isdigit():
        fields = [(n.lower(), v.strip()) for n, _, v in
                  (line.partition(b":") for line in fields_of(case).split(b"\r\n"))]
        yield "h2_fields", b"\x01" + field_list([(b":status", status), *fields])
    yield "h1_response", bytes([asks & 3]) + case.raw
    yield "h1_client", bytes([flags, any_byte(case)]) + case.raw
    yield "framing", bytes([(asks & 3) << 1, index]) + fields_of(case)
    if body := body_of(case):
        yield "h1_chunk", bytes([any_byte(case) % 64]) + body


def write(folder):
    for kind, seeds_of in (("requests", of_request), ("responses", of_response)):
        for case in table.load(kind):
            for target, seed in seeds_of(case):
                if len(seed) <= SIZE_MAX:
                    path = folder / target / case.id
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(seed)


if __name__ == "__main__":
    write(pathlib.Path(sys.argv[1]))
