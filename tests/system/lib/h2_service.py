# SPDX-License-Identifier: MIT
"""A service that speaks HTTP/2 without TLS, by python3-h2, for what real ones do not do on demand."""

import contextlib
import socket
import threading

import h2.config
import h2.connection
import h2.events
import h2.settings

from .listen import listen


class H2Connection:
    """One connection of the door's, in a thread: `handle(connection, event)` gets every event."""

    def __init__(self, service, sock, number):
        self.service = service
        self.sock = sock
        self.number = number
        self.bodies = {}
        self.headers = {}
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(
            client_side=False, header_encoding="utf-8", validate_inbound_headers=True,
            validate_outbound_headers=False, normalize_outbound_headers=False))
        self.h2.local_settings = h2.settings.Settings(client=False, initial_values={
            h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS: 100,
            **service.settings})

    def flush(self):
        data = self.h2.data_to_send()
        if data:
            self.sock.sendall(data)

    def run(self):
        self.h2.initiate_connection()
        self.flush()
        while True:
            data = self.sock.recv(65536)
            if not data:
                return
            for event in self.h2.receive_data(data):
                self.take(event)
            self.flush()

    def take(self, event):
        if isinstance(event, h2.events.RequestReceived):
            self.headers[event.stream_id] = dict(event.headers)
            self.bodies[event.stream_id] = b""
        elif isinstance(event, h2.events.DataReceived):
            self.bodies[event.stream_id] += event.data
            self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        with self.service.lock:
            self.service.events.append((self.number, event))
        self.service.handle(self, event)

    def answer(self, stream, body=b"", headers=(), status=200, trailers=None):
        self.h2.send_headers(stream, [(":status", str(status)), *headers],
                             end_stream=not body and not trailers)
        self.send(stream, body, end=not trailers)
        if trailers:
            self.h2.send_headers(stream, trailers, end_stream=True)

    def send(self, stream, body, end=True):
        """As far as the window goes, then whatever the peer says makes room."""
        while body:
            room = min(self.h2.local_flow_control_window(stream), self.h2.max_outbound_frame_size)
            if room > 0:
                piece, body = body[:room], body[room:]
                self.h2.send_data(stream, piece, end_stream=end and not body)
            else:
                self.flush()
                for event in self.h2.receive_data(self.sock.recv(65536)):
                    self.take(event)

    def raw(self, data):
        self.flush()
        self.sock.sendall(data)


class H2Service:
    def __init__(self, handle, settings=None, port=0):
        self.handle = handle
        self.settings = settings or {}
        self.lock = threading.Lock()
        self.events = []  # (number of the connection, event)
        self.count = 0
        self.connections = []
        self.socket = listen(port=port)
        self.port = self.socket.getsockname()[1]
        self.url = f"h2c://127.0.0.1:{self.port}"
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()

    def _accept(self):
        while True:
            try:
                sock, _ = self.socket.accept()
            except OSError:
                return
            self.count += 1
            sock.settimeout(60)
            self.connections.append(sock)
            threading.Thread(target=self._serve, args=(sock, self.count), daemon=True).start()

    def _serve(self, sock, number):
        with contextlib.suppress(OSError, h2.exceptions.ProtocolError), sock:
            H2Connection(self, sock, number).run()

    def seen(self, kind):
        """The events of this class so far."""
        with self.lock:
            return [event for _, event in self.events if isinstance(event, kind)]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for sock in [self.socket, *self.connections]:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self.thread.join()
