# SPDX-License-Identifier: MIT
"""The scene that the door was made for: three names in one certificate (lecli's files: request.pem
is the key, swarm.pem the chain), three services behind them, a support server for challenges; the
certificate is renewed in place under load, and nobody notices but new handshakes."""

import contextlib
import http.client
import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from lib.program import Apache
from lib.raw import Raw
from lib.wait import until

NAMES = ["a.test", "b.test", "c.test"]
TOKEN = "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0"
CHALLENGE = f"/.well-known/acme-challenge/{TOKEN}"
ROUNDS = 60  # at least so many by each thread of the load, and until the renewal is over


def configuration(d, services, apache):
    """As the three-site configuration is written by hand."""
    return f"""version: 1
certificates: [{d.certs}]
acme:
  relay: {apache.url}/
listen: {{http: "127.0.0.1:{d.http.number}", https: "127.0.0.1:{d.https.number}",
  admin: "unix:{d.admin_path}"}}
workers: 2
sites:
  a.test: {services[0].url}
  b.test: {services[1].url}
  c.test:
    to: {services[2].url}
    timeouts: {{response: 90s}}
"""


class Load:
    """Requests to all three names over HTTPS, kept and new connections, and over HTTP."""

    def __init__(self, d):
        self.door = d
        self.over = threading.Event()
        self.lock = threading.Lock()
        self.count = 0
        self.failed = []
        self.pool = ThreadPoolExecutor(max_workers=4)
        self.jobs = [self.pool.submit(self.run, one) for one in
                     (self.kept_https(), self.new_https(), self.new_https(), self.kept_http())]

    def run(self, requests):
        """One request at each step: a text that tells what is wrong with it, or nothing."""
        with contextlib.closing(requests):
            done = 0
            while done < ROUNDS or not self.over.is_set():
                try:
                    wrong = next(requests)
                except (OSError, http.client.HTTPException) as error:
                    wrong = repr(error)
                with self.lock:
                    self.count += 1
                    if wrong is not None:
                        self.failed.append(wrong)
                        return
                done += 1

    @staticmethod
    def ask(connection, name, path, expect):
        connection.request("GET", path, headers={"Host": name})
        response = connection.getresponse()
        body = response.read().decode()
        got = (response.status, response.headers.get("Location") or body)
        return None if got == expect else f"{name}{path}: {got}"

    def kept_https(self):
        """Connections that live through all of it: not one may be closed."""
        with contextlib.ExitStack() as stack:
            connections = {name: stack.enter_context(contextlib.closing(
                self.door.https_connection(name))) for name in NAMES}
            for connection in connections.values():
                connection.connect()
                connection.auto_open = 0
            while True:
                for name, connection in connections.items():
                    yield self.ask(connection, name, "/kept", (200, f"{name} /kept"))

    def new_https(self):
        while True:
            for name in NAMES:
                with contextlib.closing(self.door.https_connection(name)) as connection:
                    yield self.ask(connection, name, "/new", (200, f"{name} /new"))

    def kept_http(self):
        with contextlib.closing(http.client.HTTPConnection(
                "127.0.0.1", self.door.http.number, timeout=30)) as connection:
            while True:
                for name in NAMES:
                    yield self.ask(connection, name, "/x?y", (301, f"https://{name}/x?y"))
                    yield self.ask(connection, name, CHALLENGE, (200, "answer"))

    def more(self, count=40):
        before = self.count
        until(lambda: self.count >= before + count or self.failed, "more requests")

    def __enter__(self):
        self.more()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.pool.shutdown()
        for job in self.jobs:
            job.result()


def change(d, by, path, text):
    """Writes a file in place and waits until the door has picked that up."""
    cause = "signal" if by == "SIGHUP" else "files"

    def outcomes():
        return [r["outcome"] for r in d.log("reload_done") if r["cause"] == cause]
    before = len(outcomes())
    path.write_text(text)
    if by == "SIGHUP":
        d.signal(signal.SIGHUP)
    until(lambda: len(outcomes()) > before, f"a reload by {by}")
    assert "failed" not in outcomes()


def serial(d, name):
    with d.connect_tls(name) as tls:
        return tls.getpeercert()["serialNumber"]


def serials(d):
    return {serial(d, name) for name in NAMES}


@pytest.fixture
def scene(door, service):
    """The door, started with the configuration above, and its three services."""
    def named(name):
        return service(handler=lambda r: r.reply(200, f"{name} {r.path}"))
    services = [named(name) for name in NAMES]
    with Apache() as apache:
        (apache.root / TOKEN).write_text("answer")
        d = door(names=NAMES, start=False)
        d.write(configuration(d, services, apache))
        d.start()
        yield d, services


def test_everyday(scene):
    d, _ = scene
    assert serials(d) == {d.serial}
    for name in NAMES:
        status, headers, _ = d.get(name, "/p?q=1", tls=False)
        assert (status, headers["Location"]) == (301, f"https://{name}/p?q=1")
        assert d.get(name, CHALLENGE, tls=False)[::2] == (200, b"answer")
        assert d.get(name, "/p?q=1")[::2] == (200, f"{name} /p?q=1".encode())


def test_time_out_of_one_service(scene, service):
    d, services = scene
    dump = d.run("check", "--dump", "-c", d.config)
    assert dump.returncode == 0, dump.stderr
    responses = {}
    for line in dump.stdout.splitlines():
        if line.startswith("  ") and line.strip().rstrip(":") in NAMES:
            name = line.strip().rstrip(":")
        elif "timeouts: {" in line:
            responses[name] = line.split("response: ")[1].split(",")[0]
    assert responses == {"a.test": "1m", "b.test": "1m", "c.test": "90s"}
    # That it counts is seen with a shorter one: the answer of a service comes when the test says,
    # which is after the same service's other site, with less patience, has had its 504.
    release = threading.Event()

    def slow(request):
        release.wait(60)
        request.reply(200, "late")
    patient = service(handler=slow)
    hasty = f"a.test: {{to: {patient.url}, timeouts: {{response: 200ms}}}}"
    d.write(d.config.read_text().replace(services[2].url, patient.url)
            .replace(f"a.test: {services[0].url}", hasty))
    d.reload()
    with ThreadPoolExecutor(max_workers=1) as pool:
        late = pool.submit(d.get, "c.test")
        until(lambda: "GET /" in patient.requests, "the service is asked")
        assert d.get("a.test")[0] == 504
        assert not late.done()
        release.set()
        status, _, body = late.result()
        assert (status, body) == (200, b"late")


@pytest.mark.parametrize("by", ["SIGHUP", "watching"])
def test_renewal_in_place_under_load(scene, by):
    d, _ = scene
    old = d.serial
    chain, key, new = d.authority.issue(NAMES, days=25)
    with Load(d) as load, Raw(d.connect_tls("a.test")) as before:
        # The chain first: there is no key for it yet, so it is not used.
        change(d, by, d.certs / "swarm.pem", chain)
        load.more()
        assert serials(d) == {old}
        # Then the key. What a signal asked for is there when it is reported.
        change(d, by, d.certs / "request.pem", key)
        if by == "watching":
            until(lambda: serials(d) == {new}, "new handshakes see the new certificate")
        assert serials(d) == {new}
        load.more()
        assert serials(d) == {new}
        # A connection from before has kept its certificate, and is served.
        before.send("GET /before HTTP/1.1\r\nHost: a.test\r\n\r\n")
        assert before.response()[::2] == (200, b"a.test /before")
        assert before.socket.getpeercert()["serialNumber"] == old
    assert load.failed == []
    if by == "watching":
        assert "signal" not in {record["cause"] for record in d.log("reload_done")}
    assert d.metric("requests_total", code="502") == 0
