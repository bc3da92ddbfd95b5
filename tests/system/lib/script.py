# SPDX-License-Identifier: MIT
"""A service that does exactly what a test says on each connection, byte by byte."""

import socket
import threading

from .listen import listen
from .raw import Raw


class Script:
    """Listens on 127.0.0.1 from the constructor on; `act` gets each connection as a Raw, in a thread
    of its own, and may be changed between two connections."""

    def __init__(self, act=None):
        self.socket = listen(backlog=64)
        self.port = self.socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.act = act
        self.connections = 0
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                link, _ = self.socket.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self.serve, args=(link,), daemon=True).start()

    def serve(self, link):
        with Raw(link) as raw:
            try:
                self.act(raw)
            except (AssertionError, OSError):
                pass  # the door closed: the test looks at what it got

    def close(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
