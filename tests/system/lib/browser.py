# SPDX-License-Identifier: MIT
"""Debian's Chromium without a window, driven by the DevTools protocol over a pipe: one JSON object
a message, a NUL byte behind each. It has a home of its own and asks nothing but what it is told."""

import base64
import fcntl
import json
import os
import pathlib
import queue
import shutil
import subprocess
import tempfile
import threading

PATIENCE = 120  # a first start on a busy machine takes its time
FLAGS = [
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic",
    "--no-first-run", "--no-default-browser-check", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-extensions", "--disable-breakpad",
    "--disable-default-apps", "--no-proxy-server", "--no-pings", "--metrics-recording-only",
    "--password-store=basic", "--window-size=900,1000", "--remote-debugging-pipe",
    "--disable-features=Translate,OptimizationHints,MediaRouter,DialMediaRouteProvider",
]


class Browser:
    """`trusted`: PEM file of an authority to trust as a user would, in the NSS database."""

    def __init__(self, trusted=None):
        # Its socket's path must be short, shorter than what pytest's folders give.
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="hivedoor-"))
        self.database = self.folder / ".pki/nssdb"
        self.database.mkdir(parents=True)
        self._certutil("-N", "--empty-password")
        if trusted is not None:
            self._certutil("-A", "-t", "C,,", "-n", "hivedoor", "-i", str(trusted))
        self.answers = {}
        self.events = []
        self.messages = queue.Queue()
        self.count = 0
        self.session = None
        self._start()
        try:
            self._open_tab()
        except BaseException:
            self.close()
            raise

    def _open_tab(self):
        page = self.command("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.command("Target.attachToTarget", targetId=page,
                                    flatten=True)["sessionId"]
        self.command("Page.enable")
        self.command("Network.enable")

    def _certutil(self, *arguments):
        subprocess.run(["certutil", "-d", f"sql:{self.database}", *arguments], check=True,
                       capture_output=True, timeout=60)

    def _start(self):
        its_in, self.to = os.pipe()
        self.out, its_out = os.pipe()
        # Above 4, so that neither is overwritten while they become 3 and 4.
        parked = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 20) for fd in (its_in, its_out)]

        def in_child():
            os.dup2(parked[0], 3)
            os.dup2(parked[1], 4)

        environment = {"HOME": str(self.folder), "PATH": os.environ["PATH"], "LANG": "C.UTF-8",
                       "XDG_RUNTIME_DIR": str(self.folder), "TMPDIR": str(self.folder)}
        self.log = open(self.folder / "chromium.log", "wb")
        self.process = subprocess.Popen(
            ["chromium", *FLAGS, f"--user-data-dir={self.folder / 'profile'}", "about:blank"],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, env=environment,
            close_fds=False, preexec_fn=in_child, start_new_session=True)
        for fd in (its_in, its_out, *parked):
            os.close(fd)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        pending = b""
        while data := os.read(self.out, 1 << 20):
            *whole, pending = (pending + data).split(b"\0")
            for message in whole:
                self.messages.put(json.loads(message))
        self.messages.put(None)

    def _next(self):
        try:
            message = self.messages.get(timeout=PATIENCE)
        except queue.Empty:
            raise AssertionError("the browser says nothing\n" + self.said()) from None
        if message is None:
            raise AssertionError("the browser ended\n" + self.said())
        return message

    def said(self):
        return (self.folder / "chromium.log").read_text(errors="replace")[-4000:]

    def command(self, method, **parameters):
        """The answer's result; events that come before it are kept."""
        self.count += 1
        message = {"id": self.count, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self.count:
                assert "error" not in answer, (method, answer["error"])
                return answer["result"]
            self.events.append(answer)

    # ---- what a test asks ----

    def open(self, url):
        """Goes there; None once it has loaded, or the network's error text."""
        self.events.clear()
        error = self.command("Page.navigate", url=url).get("errorText")
        while not error and not self._has("Page.loadEventFired"):
            self.events.append(self._next())
        return error

    def _has(self, method):
        return any(e.get("method") == method for e in self.events)

    def responses(self):
        """The responses of the page so far, as the protocol describes them."""
        return [e["params"]["response"] for e in self.events
                if e.get("method") == "Network.responseReceived"]

    def evaluate(self, expression):
        """Its value; that of a promise once it is kept."""
        return self.command("Runtime.evaluate", expression=expression, awaitPromise=True,
                            returnByValue=True)["result"].get("value")

    def text(self):
        """What the page says, read without any script of its own or of ours."""
        root = self.command("DOM.getDocument", depth=-1)["root"]
        words = []

        def walk(node):
            if node["nodeName"] in ("SCRIPT", "STYLE", "NOSCRIPT"):
                return
            words.append(node["nodeValue"])
            for child in node.get("children", ()):
                walk(child)
        walk(root)
        return " ".join(w.strip() for w in words if w.strip())

    def prefer(self, scheme):
        """ "light" or "dark"."""
        self.command("Emulation.setEmulatedMedia",
                     features=[{"name": "prefers-color-scheme", "value": scheme}])

    def screenshot(self, path):
        picture = self.command("Page.captureScreenshot", format="png")["data"]
        path = pathlib.Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(picture))

    def close(self):
        os.close(self.to)  # the end of the pipe ends it
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.reader.join(30)
        os.close(self.out)
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)
