# SPDX-License-Identifier: MIT
"""WebSocket's byte streams through the door, over HTTP/1.1 and over HTTP/2 (RFC 8441), and the
service's side of both, which is RFC 6455's upgrade. Frames are the test's business."""

import asyncio
import base64
import contextlib
import hashlib
import select
import socket
import ssl
import threading
import time

import h2.config
import h2.connection
import h2.events
import h2.settings
import websockets

from .raw import Raw

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
UPGRADE = ("GET /ws HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
           "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + KEY.decode() + "\r\n")
PATIENCE = 60
NOT_NOW = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


def accept_of(key):
    return base64.b64encode(hashlib.sha1(key + GUID, usedforsecurity=False).digest())


def switch(raw, fields=b""):
    """The service's side of the handshake; gives the request's head."""
    head = raw.until("\r\n\r\n")
    names = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:] if line)
    key = next(v for k, v in names.items() if k.lower() == b"sec-websocket-key")
    raw.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
             b"Sec-WebSocket-Accept: " + accept_of(key) + b"\r\n" + fields + b"\r\n")
    return head


def frame(opcode, payload=b"", fin=True, mask=None):
    """One frame of RFC 6455 section 5.2; clients mask theirs with four bytes."""
    size = len(payload)
    masked = 0x80 if mask else 0
    if size < 126:
        head = bytes([fin << 7 | opcode, masked | size])
    elif size < 1 << 16:
        head = bytes([fin << 7 | opcode, masked | 126]) + size.to_bytes(2, "big")
    else:
        head = bytes([fin << 7 | opcode, masked | 127]) + size.to_bytes(8, "big")
    if not mask:
        return head + payload
    return head + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(payload))


class H1Tunnel(Raw):
    """Over HTTP/1.1: `tls` or not (then a side may be closed alone)."""

    def __init__(self, door, tls=True, fields=""):
        super().__init__(door.connect_tls("a.test") if tls else door.connect())
        self.socket.settimeout(PATIENCE)
        self.send(UPGRADE + fields + "\r\n")
        self.head = self.until("\r\n\r\n")
        assert self.head.startswith(b"HTTP/1.1 101 "), self.head

    def swap(self, outgoing, count):
        """Sends all of `outgoing` while `count` bytes come; gives those. In one thread: OpenSSL's
        connections are not for two."""
        outgoing, got, end = memoryview(outgoing), [self.bytes], time.monotonic() + PATIENCE
        left, self.bytes = count - len(self.bytes), b""
        self.socket.setblocking(False)
        while len(outgoing) or left > 0:
            assert time.monotonic() < end, f"{len(outgoing)} bytes not sent, {left} not come"
            moved = False
            with contextlib.suppress(*NOT_NOW):
                while outgoing:
                    outgoing = outgoing[self.socket.send(outgoing[:65536]):]
                    moved = True
            with contextlib.suppress(*NOT_NOW):
                data = self.socket.recv(65536)
                assert data, f"closed, {left} bytes have not come"
                got.append(data)
                left -= len(data)
                moved = True
            if not moved:
                select.select([self.socket], [self.socket] if outgoing else [], [], 1)
        self.socket.settimeout(PATIENCE)
        got = b"".join(got)
        got, self.bytes = got[:count], got[count:]
        return got

    def end(self):
        self.socket.shutdown(socket.SHUT_WR)


class H2Tunnel:
    """Over HTTP/2, by python3-h2."""

    def __init__(self, door):
        context = ssl.create_default_context(cafile=str(door.authority.ca))
        context.set_alpn_protocols(["h2"])
        self.socket = door.connect_tls("a.test", context)
        assert self.socket.selected_alpn_protocol() == "h2"
        self.socket.settimeout(PATIENCE)
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
        self.h2.initiate_connection()
        self.bytes, self.ended, self.status = b"", False, None
        self._flush()
        while self.h2.remote_settings.enable_connect_protocol != 1:
            self._receive()
        self.stream = self.h2.get_next_available_stream_id()
        self.h2.send_headers(self.stream, [
            (":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "https"),
            (":path", "/ws"), (":authority", "a.test"), ("sec-websocket-version", "13")])
        self._flush()
        while self.status is None:
            self._receive()
        assert self.status == "200"

    def _flush(self):
        self.socket.sendall(self.h2.data_to_send())

    def _receive(self):
        data = self.socket.recv(65536)
        assert data, "the door closed"
        for event in self.h2.receive_data(data):
            if isinstance(event, h2.events.ResponseReceived):
                self.status = dict(event.headers)[":status"]
            elif isinstance(event, h2.events.DataReceived):
                self.bytes += event.data
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, h2.events.StreamEnded):
                self.ended = True
        self._flush()

    def _can_read(self):
        return self.socket.pending() or select.select([self.socket], [], [], 0)[0]

    def swap(self, outgoing, count):
        """As H1Tunnel's."""
        outgoing = memoryview(outgoing)
        while len(outgoing) or len(self.bytes) < count:
            room = min(len(outgoing), self.h2.local_flow_control_window(self.stream),
                       self.h2.max_outbound_frame_size)
            if room > 0:
                self.h2.send_data(self.stream, bytes(outgoing[:room]))
                outgoing = outgoing[room:]
                self._flush()
            if room == 0 or self._can_read():
                self._receive()
        got, self.bytes = self.bytes[:count], self.bytes[count:]
        return got

    def send(self, data):
        self.swap(data, 0)

    def exactly(self, count):
        return self.swap(b"", count)

    def end(self):
        self.h2.end_stream(self.stream)
        self._flush()

    def rest(self):
        while not self.ended:
            self._receive()
        got, self.bytes = self.bytes, b""
        return got

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class EchoServer:
    """python3-websockets in a thread of its own: every message comes back, `close` closes.
    One with `subprotocols` is for clients that ask for some: newer versions refuse all others."""

    def __init__(self, subprotocols=None):
        self.subprotocols = subprotocols
        self.loop = asyncio.new_event_loop()
        self.ready = threading.Event()
        self.closed = []  # close codes seen
        self.thread = threading.Thread(target=self.loop.run_until_complete, args=(self.main(),),
                                       daemon=True)
        self.thread.start()
        assert self.ready.wait(30)

    async def main(self):
        self.over = asyncio.Event()
        async with websockets.serve(self.echo, "127.0.0.1", 0, max_size=None,
                                    subprotocols=self.subprotocols) as server:
            self.url = "http://127.0.0.1:%d" % server.sockets[0].getsockname()[1]
            self.ready.set()
            await self.over.wait()

    async def echo(self, peer, _path=None):
        try:
            async for message in peer:
                if message == "close":
                    await peer.close(4001, "as asked")
                await peer.send(message)
        except websockets.ConnectionClosed:
            pass
        self.closed.append(peer.close_code)

    def close(self):
        self.loop.call_soon_threadsafe(self.over.set)
        self.thread.join(30)
        self.loop.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
