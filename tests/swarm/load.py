# SPDX-License-Identifier: MIT
"""A steady load: it asks at fixed times whatever the answers do, and remembers each failure.

`Load(connect)` runs until `stop()`. `connect()` gives a new socket to the door, TLS and all.
A request that fails because a kept connection ended before its first byte is sent once more on a
new one, as RFC 9112 section 9.3.1 lets clients do. An answer of 503 with Retry-After is kept apart:
it is what a client is owed where no task lives. `verdict.py` says what of it must be.
"""
import base64
import hashlib
import json
import os
import queue
import threading
import time
from collections import Counter
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException

THREADS = 160  # requests may wait for seconds while nothing is up
PIECE = bytes(range(256)) * 16
DOWNLOAD = 3  # seconds
RATES = {"get": 20, "post": 5, "download": 1 / 3}  # a second


class Wrong(Exception):
    """An answer came, and it is not the right one."""

    def __init__(self, what, status=0):
        super().__init__(what)
        self.status = status


@dataclass
class Failure:
    """A request that was not answered as it should; times of time.monotonic()."""
    begin: float
    end: float
    kind: str
    what: str
    during: str
    task: str  # that had begun to answer, or ""
    status: int  # of the answer, if one came
    at: float = 0  # seconds since the load began

    def __str__(self):
        return (f"{self.at:8.2f} s {self.kind}, after {self.end - self.begin:.2f} s: {self.what[:90]} "
                f"[{self.during}]")


def task_of(head):
    """The X-Task of a head."""
    fields = (line.partition(b":") for line in head.split(b"\r\n"))
    return next((v.strip().decode() for n, _, v in fields if n.lower() == b"x-task"), "")


class Load:
    def __init__(self, connect, host):
        self.connect, self.host = connect, host
        self.begin = time.monotonic()
        self.sent, self.good = Counter(), Counter()
        self.failures, self.unserved = [], []  # unserved: 503 with Retry-After
        self.first, self.last = {}, {}  # address of a task: time of its answers
        self.clients = set()  # addresses that services were told
        self.slowest = 0.0
        self.during = "nothing"
        self.local = threading.local()  # the task that answers this thread's request
        self.idle, self.lock, self.ended = queue.LifoQueue(), threading.Lock(), threading.Event()
        self.work = queue.Queue()
        self.threads = [threading.Thread(target=self._worker) for _ in range(THREADS)]
        self.threads += [threading.Thread(target=self._pace, args=rate) for rate in RATES.items()]
        self.threads.append(threading.Thread(target=self._websocket))
        for thread in self.threads:
            thread.daemon = True
            thread.start()

    def note(self, what):
        """What the Swarm does now, for the failures' records."""
        self.during = what

    def stop(self):
        self.ended.set()
        for _ in range(THREADS):
            self.work.put(None)
        for thread in self.threads:
            thread.join(30)

    def _pace(self, kind, rate):
        due = time.monotonic()
        while not self.ended.is_set():
            self.work.put((kind, due))
            due += 1 / rate
            self.ended.wait(max(0, due - time.monotonic()))

    def _worker(self):
        while (task := self.work.get()) is not None:
            self._measured(task[0], getattr(self, "_" + task[0]))

    def _measured(self, kind, request):
        begin, during, self.local.task = time.monotonic(), self.during, ""
        with self.lock:
            self.sent[kind] += 1
        try:
            outcome, error = request(), None
        except (OSError, HTTPException, Wrong, ValueError) as raised:
            outcome, error = None, raised
        end = time.monotonic()
        with self.lock:
            if outcome:
                self.good[kind] += 1
                if kind in ("get", "post"):
                    self.slowest = max(self.slowest, end - begin)
                return
            (self.failures if error else self.unserved).append(Failure(
                begin, end, kind, repr(error), f"{during}; {self.during}", self.local.task,
                getattr(error, "status", 0), begin - self.begin))

    def _exchange(self, method, path, body=None, fresh=False):
        """One request; gives (response, its body), on a kept connection where there is one."""
        while True:
            try:
                http = None if fresh else self.idle.get_nowait()
            except queue.Empty:
                http = None
            kept, http = http is not None, http or self._open()
            try:
                http.request(method, path, body=body, headers={"Host": self.host})
                response = http.getresponse()
            except (OSError, HTTPException):
                http.close()
                if not kept:
                    raise
                fresh = True
                continue
            self.local.task = response.getheader("X-Task") or ""
            content = response.read()
            if response.will_close:
                http.close()
            else:
                self.idle.put(http)
            return response, content

    def _open(self):
        http = HTTPConnection(self.host)
        http.sock = self.connect()
        return http

    def _json(self, *request, **options):
        response, content = self._exchange(*request, **options)
        if response.status == 503 and response.getheader("Retry-After"):
            return None
        if response.status != 200:
            raise Wrong(f"{response.status} {content[-200:]!r}", response.status)
        said, now = json.loads(content), time.monotonic()
        with self.lock:
            self.first.setdefault(said["address"], now)
            self.last[said["address"]] = now
            self.clients.add(said["forwarded_for"])
        return said

    def _get(self):
        return self._json("GET", "/", fresh=self.sent["get"] % 3 == 0)

    def _post(self):
        body = os.urandom(20000)
        said = self._json("POST", "/", body)
        if said and said["digest"] != hashlib.sha256(body).hexdigest():
            raise Wrong("the body came otherwise than it was sent")
        return said

    def _download(self):
        response, content = self._exchange("GET", f"/download?{DOWNLOAD}", fresh=True)
        if response.status == 503 and response.getheader("Retry-After"):
            return None
        if response.status != 200 or content != PIECE * (DOWNLOAD * 10):
            raise Wrong(f"{response.status}, {len(content)} bytes")
        return True

    def _websocket(self):
        """One after another: each lives until its task leaves in order."""
        while not self.ended.is_set():
            self._measured("websocket", self._conversation)
            self.ended.wait(0.2)

    def _conversation(self):
        raw = self.connect()
        with raw, raw.makefile("rb") as answers:
            key = base64.b64encode(os.urandom(16)).decode()
            raw.sendall((f"GET /echo HTTP/1.1\r\nHost: {self.host}\r\nUpgrade: websocket\r\n"
                         f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                         f"Sec-WebSocket-Key: {key}\r\n\r\n").encode())
            status = answers.readline()
            head = b"".join(iter(answers.readline, b"\r\n"))
            if b" 503 " in status and b"retry-after" in head.lower():
                return None
            if b" 101 " not in status:
                raise Wrong(status.decode(errors="replace"))
            self.local.task = task_of(head)
            while not self.ended.wait(0.3):
                text = os.urandom(16)
                mask = os.urandom(4)
                masked = bytes(b ^ mask[i % 4] for i, b in enumerate(text))
                raw.sendall(b"\x82\x90" + mask + masked)
                if self._frame(answers, text):
                    return True  # told to go away
        return True

    @staticmethod
    def _frame(answers, text):
        head = answers.read(2)
        if len(head) < 2:
            raise Wrong("the WebSocket ended without a word")
        body = answers.read(head[1])
        if head[0] == 0x88:
            return True
        if body != text:
            raise Wrong("the WebSocket said something else")
        return False
