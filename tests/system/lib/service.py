# SPDX-License-Identifier: MIT
"""A service behind the door: a small threaded HTTP/1.1 server that a test controls.

By default it answers every request with a JSON description of what it got. `handler` may be a
function of the request handler (see http.server) that answers instead."""

import contextlib
import http.server
import json
import socket
import socketserver
import threading


class _Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 128
    allow_reuse_address = True

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.open = set()

    def process_request(self, request, client_address):
        self.open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request):
        self.open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request, client_address):
        pass  # connections that the door closes are no news


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # a body must not wait for the ACK of its head

    def log_message(self, *_):
        pass

    def read_body(self):
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            body = b""
            while True:
                size = int(self.rfile.readline().split(b";")[0], 16)
                body += self.rfile.read(size)
                self.rfile.readline()
                if size == 0:
                    return body
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def reply(self, status, body=b"", headers=()):
        if isinstance(body, str):
            body = body.encode()
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def any_method(self):
        service = self.server.service
        with service.lock:
            service.requests.append(f"{self.command} {self.path}")
        if service.handler is not None:
            service.handler(self)
            return
        body = self.read_body()
        self.reply(200, json.dumps({
            "service": service.name, "method": self.command, "path": self.path,
            "headers": [[k.lower(), v] for k, v in self.headers.items()],
            "body": body.decode("latin-1")}), [("Content-Type", "application/json")])

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_OPTIONS = do_PATCH = any_method


class Service:
    """Listens on 127.0.0.1 (or `ip`) and a free port from the constructor on."""

    def __init__(self, name="service", handler=None, ip="127.0.0.1", port=0):
        self.name = name
        self.handler = handler
        self.requests = []  # "GET /path", in the order they came
        self.lock = threading.Lock()
        self.server = _Server((ip, port), _Handler)
        self.server.service = self
        self.ip, self.port = self.server.server_address[:2]
        self.url = f"http://{ip}:{self.port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    def close(self):
        if self.server is not None:
            self.server.shutdown()
            self.server.server_close()
            self.thread.join()
            for connection in list(self.server.open):  # kept ones too, as a task's end does
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            self.server = None
