# SPDX-License-Identifier: MIT
"""A service behind the door: says who it is and what it was asked, and can be slow on request.

GET /            {"service", "task", "host", "path", "forwarded_for", "proto"}
GET /slow?S      one line at once, the rest after S seconds
"""
import json
import os
import signal
import socket
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # a body must not wait for the ACK of its head

    def do_GET(self):
        path, _, query = self.path.partition("?")
        if path == "/slow":
            self.slow(float(query))
        else:
            self.answer()

    def answer(self):
        body = json.dumps({
            "service": os.environ["SERVICE"], "task": socket.gethostname(), "path": self.path,
            "host": self.headers["Host"], "proto": self.headers["X-Forwarded-Proto"],
            "forwarded_for": self.headers["X-Forwarded-For"],
        }).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def slow(self, seconds):
        self.send_response(200)
        self.send_header("Content-Length", "12")
        self.end_headers()
        self.wfile.write(b"begin\n")
        time.sleep(seconds)
        self.wfile.write(b"ended\n")

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    request_queue_size = 1024  # a short one stalls connects for a second


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # the first process has no default
    Server(("", 5000), Handler).serve_forever()
