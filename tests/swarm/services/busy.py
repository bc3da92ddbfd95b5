# SPDX-License-Identifier: MIT
"""A service that says who answers. With MANNERS=polite it behaves well in a Swarm and ends only when
nothing is left; else it ends at SIGTERM at once, whatever runs, as most programs do.

GET /            {"task", "address"}
POST /           the same with "digest", the SHA-256 of the body
GET /download?S  a body of known content over S seconds
GET /echo        a WebSocket: frames come back; told to go away at SIGTERM

X-Task in an answer's head is the task, as the engine's events call it.
"""
import base64
import hashlib
import json
import os
import signal
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PIECE = bytes(range(256)) * 16
WEBSOCKET = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 section 1.3
GOING_AWAY = b"\x88\x02\x03\xe9"
leaving = threading.Event()
count, lock = [0], threading.Lock()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # a body must not wait for the ACK of its head

    def handle_one_request(self):
        super().handle_one_request()
        if leaving.is_set():
            self.close_connection = True

    def do_GET(self):
        with Counted():
            path, _, query = self.path.partition("?")
            if path == "/download":
                self.download(float(query))
            elif path == "/echo":
                self.echo()
            else:
                self.answer()

    def do_POST(self):
        with Counted():
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.answer(digest=hashlib.sha256(body).hexdigest())

    def answer(self, **more):
        body = json.dumps({"task": socket.gethostname(),
                           "address": self.connection.getsockname()[0],
                           "forwarded_for": self.headers["X-Forwarded-For"], **more}).encode()
        self.begin(200, "Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def begin(self, status, name, value):
        self.send_response(status)
        self.send_header("X-Task", socket.gethostname())
        self.send_header(name, value)

    def download(self, seconds):
        pieces = int(seconds * 10)
        self.begin(200, "Content-Length", str(pieces * len(PIECE)))
        self.end_headers()
        for _ in range(pieces):
            self.wfile.write(PIECE)
            time.sleep(0.1)

    def echo(self):
        """Frames of up to 125 bytes; enough for the tests' own client."""
        accept = hashlib.sha1((self.headers["Sec-WebSocket-Key"] + WEBSOCKET).encode()).digest()
        self.begin(101, "Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", base64.b64encode(accept).decode())
        self.end_headers()
        self.close_connection = True
        while not leaving.is_set():
            head = self.rfile.read(2)
            if len(head) < 2 or head[0] == 0x88:
                return
            mask = self.rfile.read(4)
            body = self.rfile.read(head[1] & 127)
            plain = bytes(b ^ mask[i % 4] for i, b in enumerate(body))
            self.wfile.write(bytes([head[0], len(plain)]) + plain)
        self.wfile.write(GOING_AWAY)
        while self.rfile.read(1):  # until the client has heard it and closes
            pass

    def log_message(self, *_):
        pass


class Counted:
    def __enter__(self):
        with lock:
            count[0] += 1

    def __exit__(self, *_):
        with lock:
            count[0] -= 1


class Server(ThreadingHTTPServer):
    request_queue_size = 1024  # a short one stalls connects for a second


def leave(server):
    """Takes nobody new, and serves on until nothing runs, as long as the grace period allows."""
    leaving.set()
    server.shutdown()
    server.server_close()
    end = time.monotonic() + 9
    while count[0] and time.monotonic() < end:
        time.sleep(0.05)


def on_term(*_):
    if os.environ.get("MANNERS") != "polite":
        os._exit(128 + signal.SIGTERM)
    ending.start()


if __name__ == "__main__":
    listening = Server(("", 5000), Handler)
    ending = threading.Thread(target=leave, args=(listening,))
    signal.signal(signal.SIGTERM, on_term)
    listening.serve_forever()
    ending.join()
    sys.exit(0)
