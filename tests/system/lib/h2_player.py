# SPDX-License-Identifier: MIT
"""A service of HTTP/2 that answers `/case/ID` with the fields, bytes and trailers of a case, right or
wrong, and every other request with a mark of its own."""

import contextlib
import struct

import hpack

from . import h2frames as h2
from .player import Player


class _Gone(Exception):
    pass


def _exactly(link, count):
    data = b""
    while len(data) < count:
        more = link.recv(count - len(data))
        if not more:
            raise _Gone
        data += more
    return data


def _frames(link):
    """(kind, flags, stream, payload) of what comes."""
    while True:
        high, low, kind, flags, stream = struct.unpack(">BHBBL", _exactly(link, 9))
        yield kind, flags, stream, _exactly(link, high << 16 | low)


class H2Player(Player):
    def __init__(self, cases):
        super().__init__(cases)
        self.url = self.url.replace("http:", "h2c:")

    def _read(self, link):
        with contextlib.closing(link), contextlib.suppress(OSError, _Gone):
            _exactly(link, len(h2.PREFACE))
            link.sendall(h2.settings())
            decoder, asked = hpack.Decoder(), {}
            for kind, flags, stream, payload in _frames(link):
                if kind == h2.SETTINGS and not flags & h2.ACK:
                    link.sendall(h2.settings(ack=True))
                elif kind == h2.PING and not flags & h2.ACK:
                    link.sendall(h2.ping(payload, ack=True))
                elif kind == h2.HEADERS:
                    asked[stream] = dict(decoder.decode(payload, raw=True))[b":path"]
                if kind in (h2.HEADERS, h2.DATA) and flags & h2.END_STREAM:
                    self._say(link, stream, asked.pop(stream))

    def _say(self, link, stream, path):
        before, _, name = path.rpartition(b"/")
        if before != b"/case":
            body = b"answer to " + path
            link.sendall(h2.headers(stream, h2.block((":status", "200")), end=False)
                         + h2.data(stream, body, end=True))
            return
        wire = _answer(self.cases[name.decode()], stream)
        for at in range(0, len(wire), self.piece):
            link.sendall(wire[at:at + self.piece])


def _answer(case, stream):
    """Heads (each ":status" begins one), DATA in two frames, trailers, and what is to happen then."""
    ends = case.then in ("", "together")
    heads = []
    for field in case.h2_fields:
        if field[0] == b":status" and case.interim or not heads:
            heads.append([])
        heads[-1].append(field)
    body, trailers = case.h2_body, case.h2_trailers
    wire = b"".join(h2.headers(stream, h2.block(*head), end=False) for head in heads[:-1])
    wire += h2.headers(stream, h2.block(*heads[-1]), end=ends and not body and not trailers)
    half = len(body) // 2
    if body:
        wire += h2.data(stream, body[:half]) + h2.data(stream, body[half:],
                                                       end=ends and not trailers)
    if trailers:
        wire += h2.headers(stream, h2.block(*trailers), end=ends)
    if case.then == "reset":
        wire += h2.rst_stream(stream, h2.INTERNAL_ERROR)
    return wire
