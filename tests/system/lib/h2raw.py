# SPDX-License-Identifier: MIT
"""A raw HTTP/2 client: sends any bytes, reads frame by frame, and holds the server to what RFC 9113
lets a server send. Whatever it reads it checks; whatever it sends it does not."""

import collections
import contextlib
import select
import socket
import ssl
import struct
import time

import hpack

from . import h2frames as h2
from .tls_errors import forget_tls_errors

PATIENCE = 20.0
WINDOW = 65535
FIXED_LENGTHS = {h2.PRIORITY: 5, h2.RST_STREAM: 4, h2.PING: 8, h2.WINDOW_UPDATE: 4}
CONNECTION_TYPES = (h2.SETTINGS, h2.PING, h2.GOAWAY)
HOP_BY_HOP = {"connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"}

Frame = collections.namedtuple("Frame", "kind flags stream payload")


def alpn_context(ca, protocols=("h2",)):
    context = ssl.create_default_context(cafile=str(ca))
    context.set_alpn_protocols(list(protocols))
    return context


class Stream:
    """What has come on a stream so far."""

    def __init__(self, number, window, method="GET"):
        self.number = number
        self.method = method
        self.interim = []  # (status, [(name, value)])
        self.status = None
        self.fields = []
        self.body = bytearray()
        self.trailers = None
        self.ended = False
        self.reset = None  # the code of RST_STREAM
        self.given_up = False  # we have reset it
        self.window = window  # what the server may still send
        self.room = 0  # what we may still send

    @property
    def over(self):
        return self.ended or self.reset is not None

    def field(self, name):
        """The values of a field, joined by ", "; None if there is none."""
        values = [v for n, v in self.fields if n == name]
        return ", ".join(values) if values else None

    def __repr__(self):
        return (f"<stream {self.number}: status {self.status}, {len(self.body)} bytes, "
                f"ended {self.ended}, reset {self.reset}>")


class Client:
    """
    sock       a connected stream socket (TLS or not)
    settings   pairs to send in our first SETTINGS; None: send nothing at all by itself
    auto       answers SETTINGS and PING, and opens windows as bytes come
    """

    def __init__(self, sock, settings=(), auto=True, patience=PATIENCE):
        self.socket = sock
        self.patience = patience
        self.socket.settimeout(patience)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.address = "%s:%d" % sock.getsockname()
        self.auto = auto
        self.bytes = b""
        self.closed = False  # the server has closed, or reset, the connection
        self.was_reset = False
        self.kinds = []  # (kind, flags, stream, length) of every frame that came
        self.settings = None  # the server's, all in one; None: none came yet
        self.settings_acks = 0
        self.pings = []  # payloads of PING ACKs
        self.goaways = []  # (last stream, code, debug data)
        self.streams = {}
        self.next_stream = 1
        self.window = WINDOW  # what the server may send on the connection
        self.room = WINDOW  # what we may send
        self.our_settings = {h2.INITIAL_WINDOW_SIZE: WINDOW, h2.MAX_FRAME_SIZE: 16384,
                             h2.HEADER_TABLE_SIZE: 4096}
        self.decoder = hpack.Decoder(max_header_list_size=1 << 24)
        self.decoder.max_allowed_table_size = 4096
        self.field_block = None  # (stream, flags, bytes) while CONTINUATIONs are due
        if settings is not None:
            self.send(h2.PREFACE)
            self.send_settings(*settings)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    # ---- sending ----

    def send(self, *pieces):
        """Sends bytes as they are; what a server that has closed does not take is lost in silence:
        what counts is what it answered."""
        if self.closed:
            return self
        try:
            self.socket.sendall(b"".join(pieces))
        except (ssl.SSLError, ConnectionError):
            forget_tls_errors()
        return self

    def send_settings(self, *pairs):
        self.our_settings.update(pairs)
        if h2.HEADER_TABLE_SIZE in dict(pairs):
            self.decoder.max_allowed_table_size = max(4096, dict(pairs)[h2.HEADER_TABLE_SIZE])
        return self.send(h2.settings(*pairs))

    def open(self, number=None, method="GET"):
        """The record of a stream that the caller opens by itself; the next free number if None."""
        if number is None:
            number = self.next_stream
        self.next_stream = max(self.next_stream, number + 2)
        stream = Stream(number, self.our_settings[h2.INITIAL_WINDOW_SIZE], method)
        stream.room = (self.settings or {}).get(h2.INITIAL_WINDOW_SIZE, WINDOW)
        self.streams[number] = stream
        return stream

    def request(self, fields, body=None, end=True, trailers=None):
        """Sends a request, whose body must fit into the windows; gives its Stream. With end=False
        the stream stays open."""
        stream = self.open(method=dict(fields).get(":method", ""))
        last = body is None and trailers is None and end
        self.send(h2.headers(stream.number, h2.block(*fields), end=last))
        if body is not None:
            self.send_data(stream, body, end=end and trailers is None)
        if trailers is not None:
            self.send(h2.headers(stream.number, h2.block(*trailers), end=end))
        return stream

    def get(self, path="/", *extra, **options):
        """A GET and its whole answer."""
        return self.finish(self.request(h2.request(path, *extra, **options)))

    def send_data(self, stream, body, end=True, size=16384):
        """Sends DATA as the windows allow, reading what comes meanwhile."""
        view, offset = memoryview(body), 0
        while offset < len(view) and not (self.closed or stream.over):
            self.read_until(lambda: min(self.room, stream.room) > 0 or stream.over,
                            "room in the windows")
            count = min(size, self.room, stream.room, len(view) - offset)
            if count <= 0:
                break
            last = end and offset + count == len(view)
            self.send(h2.data(stream.number, bytes(view[offset:offset + count]), end=last))
            self.room -= count
            stream.room -= count
            offset += count
        if len(view) == 0 and end:
            self.send(h2.data(stream.number, b"", end=True))
        return offset

    def reset(self, stream, code=h2.CANCEL):
        stream.given_up = True
        self.send(h2.rst_stream(stream.number, code))

    # ---- reading ----

    def _receive(self):
        """More bytes, or False at the end."""
        if self.closed:
            return False
        try:
            more = self.socket.recv(262144)
        except TimeoutError:
            raise AssertionError(f"nothing came; so far: {self.describe()}") from None
        except ssl.SSLError as error:
            forget_tls_errors()
            assert "alert" not in str(error).lower(), f"a TLS alert: {error}"
            more, self.was_reset = b"", True
        except ConnectionError:
            more, self.was_reset = b"", True
        self.bytes += more
        if not more:
            self.closed = True
            self.close()  # a server may wait for it before it counts the connection as gone
        return not self.closed

    def read_frame(self):
        """The next frame, or None where the server has closed; checked and taken into account."""
        while len(self.bytes) < 9:
            if not self._receive():
                assert self.was_reset or not self.bytes, f"cut inside a frame: {self.bytes!r}"
                return None
        high, low, kind, flags, stream = struct.unpack(">BHBBL", self.bytes[:9])
        size = high << 16 | low
        assert size <= self.our_settings[h2.MAX_FRAME_SIZE], f"a frame of {size} bytes"
        while len(self.bytes) < 9 + size:
            if not self._receive():
                assert self.was_reset, "cut inside a frame"
                return None
        got = Frame(kind, flags, stream, self.bytes[9:9 + size])
        self.bytes = self.bytes[9 + size:]
        self._take(got)
        return got

    def read_until(self, condition, what):
        """Reads frames until the condition holds or the server has closed; gives the condition."""
        end = time.monotonic() + self.patience
        while not condition() and not self.closed:
            assert time.monotonic() < end, f"never came: {what}; so far: {self.describe()}"
            self.read_frame()
        return condition()

    def read_waiting(self, seconds=0.0, enough=lambda: False):
        """Reads what is there or comes, until `enough`, or so many seconds of silence."""
        while not self.closed and not enough():
            pending = getattr(self.socket, "pending", lambda: 0)()
            if len(self.bytes) < 9 and not pending:
                if not select.select([self.socket], [], [], seconds)[0]:
                    return
            self.read_frame()

    def describe(self):
        names = [f"{h2.TYPES[k] if k < 10 else k}({f:#x},{s},{n})" for k, f, s, n in self.kinds[-12:]]
        return f"{' '.join(names)} {self.goaways} {list(self.streams.values())[-4:]}"

    # ---- what came ----

    def _take(self, got):
        kind, flags, number, payload = got
        self.kinds.append((kind, flags, number, len(payload)))
        assert number < 1 << 31, "the reserved bit is set"
        assert kind <= h2.CONTINUATION, f"a frame of type {kind}"
        assert kind != h2.PUSH_PROMISE, "a push"
        assert len(payload) == FIXED_LENGTHS.get(kind, len(payload)), f"length of {got}"
        assert self.settings is not None or kind == h2.SETTINGS, f"not SETTINGS first: {got}"
        if self.field_block is not None:
            assert kind == h2.CONTINUATION and number == self.field_block[0], f"inside: {got}"
        if kind in CONNECTION_TYPES:
            assert number == 0, f"on a stream: {got}"
        elif kind != h2.WINDOW_UPDATE:
            assert number in self.streams, f"on a stream that is not open: {got}"
        {h2.SETTINGS: self._take_settings, h2.PING: self._take_ping, h2.GOAWAY: self._take_goaway,
         h2.WINDOW_UPDATE: self._take_window, h2.DATA: self._take_data,
         h2.HEADERS: self._take_headers, h2.CONTINUATION: self._take_continuation,
         h2.RST_STREAM: self._take_reset, h2.PRIORITY: lambda got: None}[kind](got)

    def _take_settings(self, got):
        if got.flags & h2.ACK:
            assert not got.payload, "an ACK with a payload"
            self.settings_acks += 1
            return
        assert len(got.payload) % 6 == 0
        before = (self.settings or {}).get(h2.INITIAL_WINDOW_SIZE, WINDOW)
        self.settings = self.settings or {}
        for key, value in struct.iter_unpack(">HL", got.payload):
            assert key != h2.ENABLE_PUSH or value == 0
            assert key != h2.INITIAL_WINDOW_SIZE or value <= h2.MAX_WINDOW
            assert key != h2.MAX_FRAME_SIZE or 16384 <= value < 1 << 24
            assert key != h2.ENABLE_CONNECT_PROTOCOL or value in (0, 1)
            self.settings[key] = value
        for stream in self.streams.values():
            stream.room += self.settings.get(h2.INITIAL_WINDOW_SIZE, WINDOW) - before
        if self.auto:
            self.send(h2.settings(ack=True))

    def _take_ping(self, got):
        if got.flags & h2.ACK:
            self.pings.append(got.payload)
        elif self.auto:
            self.send(h2.ping(got.payload, ack=True))

    def _take_goaway(self, got):
        assert len(got.payload) >= 8
        last, code = struct.unpack(">LL", got.payload[:8])
        if self.goaways:
            assert last <= self.goaways[-1][0], "the last stream of a GOAWAY grew"
        self.goaways.append((last, code, got.payload[8:]))

    def _take_window(self, got):
        increment = struct.unpack(">L", got.payload)[0]
        assert 0 < increment < 1 << 31, f"an increment of {increment}"
        if got.stream == 0:
            self.room += increment
            assert self.room <= h2.MAX_WINDOW
        elif got.stream in self.streams:
            self.streams[got.stream].room += increment
            assert self.streams[got.stream].room <= h2.MAX_WINDOW

    def _unpad(self, got):
        if not got.flags & h2.PADDED:
            return got.payload
        assert got.payload[0] < len(got.payload), "more padding than frame"
        return got.payload[1:len(got.payload) - got.payload[0]]

    def _take_data(self, got):
        stream = self.streams[got.stream]
        assert not stream.over, f"DATA on a closed stream: {stream}"
        assert stream.status is not None, "DATA before HEADERS"
        assert stream.trailers is None, "DATA behind trailers"
        self.window -= len(got.payload)
        stream.window -= len(got.payload)
        assert self.window >= 0 or not got.payload, "more than the connection's window"
        assert stream.window >= 0 or not got.payload, "more than the stream's window"
        content = self._unpad(got)
        if stream.method == "HEAD" or stream.status in (204, 304):
            assert not content, f"a body behind {stream.status} to {stream.method}"
        stream.body += content
        stream.ended = bool(got.flags & h2.END_STREAM)
        if self.auto and got.payload:
            self.open_window(0, len(got.payload))
            if not stream.ended and not stream.given_up:
                self.open_window(stream.number, len(got.payload))

    def open_window(self, number, count):
        """Lets the server send `count` more bytes on a stream, or (0) on the connection."""
        if number == 0:
            self.window += count
        else:
            self.streams[number].window += count
        self.send(h2.window_update(number, count))

    def _take_headers(self, got):
        assert got.stream in self.streams, f"an unasked answer: {got}"
        content = self._unpad(got)
        if got.flags & h2.PRIORITY_FLAG:
            content = content[5:]
        self.field_block = (got.stream, got.flags, content)
        if got.flags & h2.END_HEADERS:
            self._take_block()

    def _take_continuation(self, got):
        assert self.field_block is not None, "CONTINUATION of nothing"
        number, flags, content = self.field_block
        self.field_block = (number, flags, content + got.payload)
        if got.flags & h2.END_HEADERS:
            self._take_block()

    def _take_block(self):
        number, flags, content = self.field_block
        self.field_block = None
        stream = self.streams[number]
        assert not stream.over, f"HEADERS on a closed stream: {stream}"
        fields = [(n.decode("latin-1"), v.decode("latin-1"))
                  for n, v, *_ in self.decoder.decode(content, raw=True)]
        ended = bool(flags & h2.END_STREAM)
        for name, value in fields:
            assert name == name.lower() and name not in HOP_BY_HOP, f"field {name}"
            assert not set("\r\n\0") & set(value) and value == value.strip(" \t"), (name, value)
        if stream.status is not None:
            assert ended, "trailers that do not end the stream"
            assert not any(n.startswith(":") for n, _ in fields), "pseudo-fields in trailers"
            stream.trailers = fields
        else:
            assert [n for n, _ in fields if n.startswith(":")] == [":status"], fields
            assert fields[0][0] == ":status", "a pseudo-field behind others"
            status = int(fields[0][1])
            assert 100 <= status < 600 and status != 101
            if status < 200:
                assert not ended, "an interim answer that ends the stream"
                stream.interim.append((status, fields[1:]))
            else:
                stream.status, stream.fields = status, fields[1:]
        stream.ended = ended

    def _take_reset(self, got):
        stream = self.streams[got.stream]
        assert stream.reset is None, "reset twice"
        stream.reset = struct.unpack(">L", got.payload)[0]

    # ---- expectations ----

    def finish(self, stream, status=200):
        """Waits for the end of a good answer; gives the stream."""
        self.read_until(lambda: stream.over, f"the end of {stream}")
        assert stream.ended and stream.reset is None, self.describe()
        assert status is None or stream.status == status, stream
        return stream

    def expect_alive(self):
        """The connection serves: everything sent so far was processed without an error."""
        mark = b"%8d" % (len(self.kinds) % 10**8)
        self.send(h2.ping(mark))
        assert self.read_until(lambda: mark in self.pings, "PING ACK"), self.describe()
        assert not self.goaways, self.goaways
        return self

    def expect_connection_error(self, *codes):
        """GOAWAY with one of these codes, then the end of the connection."""
        self.read_until(lambda: self.closed, f"the end, with GOAWAY {codes}")
        assert self.goaways, f"closed without GOAWAY: {self.describe()}"
        assert self.goaways[-1][1] in codes, f"GOAWAY {self.goaways} instead of {codes}"
        return self.goaways[-1]

    def expect_closed(self):
        """The server ends the connection, with or without a word."""
        self.read_until(lambda: self.closed, "the end of the connection")

    def expect_stream_error(self, stream, *codes):
        """RST_STREAM with one of these codes; or the whole connection's end for it, which RFC 9113
        section 5.4.1 leaves to the server."""
        self.read_until(lambda: stream.reset is not None or self.has_failed(), f"RST_STREAM {codes}")
        if stream.reset is None:
            self.expect_connection_error(*codes)
            return
        assert stream.reset in codes, f"RST_STREAM {stream.reset} instead of {codes}"
        self.expect_alive()

    def has_failed(self):
        return any(code != h2.NO_ERROR for _, code, _ in self.goaways)

    def expect_malformed(self, stream, *statuses):
        """A malformed request (section 8.1.1): an answer in one of these statuses (400 unless they
        are named), or a stream or connection error PROTOCOL_ERROR."""
        self.read_until(lambda: stream.over or self.has_failed(), "a refusal")
        if stream.ended:
            assert stream.status in (statuses or (400,)), stream
            self.read_until(lambda: True, "")
            self.expect_alive()
        else:
            self.expect_stream_error(stream, h2.PROTOCOL_ERROR)


class Flood:
    """Sends for as long as the server takes it, and reads nothing: what a client that only attacks
    does. `sent` counts what was taken."""

    def __init__(self, client):
        self.client = client
        self.sent = 0

    def end(self):
        """Reads to the server's end of the connection, unlooked at: whether it came."""
        with contextlib.suppress(ssl.SSLError, ConnectionError):
            while not self.client.closed:
                try:
                    if not self.client.socket.recv(1 << 18):
                        return True
                except TimeoutError:
                    return False
        forget_tls_errors()
        return True

    def run(self, piece, limit, stall=2.0):
        """Up to `limit` bytes of repeated pieces; ends early where the server closed, or took
        nothing for `stall` seconds. `piece` may be a function of the bytes sent so far."""
        sock = self.client.socket
        sock.setblocking(False)
        try:
            while self.sent < limit:
                left = memoryview(piece(self.sent) if callable(piece) else piece)
                while left:
                    try:
                        count = sock.send(left)
                        left, self.sent = left[count:], self.sent + count
                    except (BlockingIOError, ssl.SSLWantWriteError):
                        if not select.select([], [sock], [], stall)[1]:
                            return self
                    except ssl.SSLWantReadError:
                        return self
        except (ssl.SSLError, ConnectionError):
            forget_tls_errors()
        finally:
            with contextlib.suppress(OSError):
                sock.settimeout(self.client.patience)
        return self
