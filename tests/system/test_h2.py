# SPDX-License-Identifier: MIT
"""HTTP/2 to clients, seen with ordinary clients: curl and python3-h2."""

import hashlib
import json
import os

import h2.connection
import h2.events
import pytest

MIB = 1 << 20
FORM = "%{http_version} %{http_code}"


class Client:
    """One HTTP/2 connection to a door; collects what each stream got."""

    def __init__(self, door, name="a.test"):
        context = door.tls_context()
        context.set_alpn_protocols(["h2"])
        self.socket = door.connect_tls(name, context)
        assert self.socket.selected_alpn_protocol() == "h2"
        self.name = name
        self.h2 = h2.connection.H2Connection()
        self.h2.initiate_connection()
        self.heads, self.bodies, self.ended, self.resets = {}, {}, set(), {}
        self.goaway = None
        self.closed = False
        self.send()

    def send(self):
        self.socket.sendall(self.h2.data_to_send())

    def request(self, path="/", method="GET", headers=(), end=True):
        stream = self.h2.get_next_available_stream_id()
        self.h2.send_headers(stream, [(":method", method), (":scheme", "https"),
                                      (":authority", self.name), (":path", path), *headers], end)
        self.send()
        return stream

    def step(self):
        data = self.socket.recv(65536)
        if not data:
            self.closed = True
            return
        for event in self.h2.receive_data(data):
            if isinstance(event, h2.events.ResponseReceived):
                self.heads[event.stream_id] = dict(event.headers)
            elif isinstance(event, h2.events.DataReceived):
                self.bodies[event.stream_id] = self.bodies.get(event.stream_id, b"") + event.data
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, h2.events.StreamEnded):
                self.ended.add(event.stream_id)
            elif isinstance(event, h2.events.StreamReset):
                self.resets[event.stream_id] = event.error_code
            elif isinstance(event, h2.events.ConnectionTerminated):
                self.goaway = event
        self.send()

    def until(self, condition):
        while not condition():
            assert not self.closed, "the door closed"
            self.step()

    def answer(self, stream):
        self.until(lambda: stream in self.ended or stream in self.resets)
        return self.heads[stream][b":status"], self.bodies.get(stream, b"")

    def close(self):
        self.socket.close()


@pytest.fixture
def client():
    clients = []

    def make(door, **options):
        clients.append(Client(door, **options))
        return clients[-1]

    yield make
    for one in clients:
        one.close()


def site(door, service, **route):
    return door(names=["a.test"], sites={"a.test": {"to": service.url, **route}})


def test_curl_gets_and_posts(door, service, tmp_path):
    d = site(door, service())
    done = d.curl("--http2", "-w", FORM, "https://a.test/x?y=1")
    assert done.stdout.endswith(b"2 200"), done
    got = json.loads(done.stdout[:-len("2 200")])
    assert (got["method"], got["path"]) == ("GET", "/x?y=1")
    assert ["host", "a.test"] in got["headers"]
    done = d.curl("--http2", "-w", FORM, "-d", "hello", "https://a.test/form")
    assert json.loads(done.stdout[:-len("2 200")])["body"] == "hello"
    record = d.wait_log("access", 2, protocol="HTTP/2")[0]
    assert (record["status"], record["reason"], record["path"]) == (200, "ok", "/x")


def test_head_and_no_content(door, service):
    def handler(request):
        request.reply(204 if request.path == "/none" else 200, b"" if request.path == "/none"
                      else b"x" * 1000)
    d = site(door, service(handler=handler))
    done = d.curl("--http2", "-I", "https://a.test/")
    assert b"HTTP/2 200" in done.stdout and b"content-length: 1000" in done.stdout
    done = d.curl("--http2", "-w", FORM, "https://a.test/none")
    assert done.stdout == b"2 204"


def test_many_streams_at_a_time(door, service, client):
    d = site(door, service())
    c = client(d)
    streams = [c.request(f"/{i}") for i in range(50)]
    for i, stream in enumerate(streams):
        status, body = c.answer(stream)
        assert status == b"200" and json.loads(body)["path"] == f"/{i}"


def test_large_bodies_both_ways(door, service, tmp_path):
    blob = os.urandom(12 * MIB)

    def handler(request):
        body = request.read_body()
        request.reply(200, hashlib.sha256(body).hexdigest() if body else blob)
    d = site(door, service(handler=handler))
    (tmp_path / "up").write_bytes(blob)
    done = d.curl("--http2", "--data-binary", f"@{tmp_path / 'up'}", "https://a.test/")
    assert done.stdout.decode() == hashlib.sha256(blob).hexdigest(), done
    done = d.curl("--http2", "https://a.test/")
    assert hashlib.sha256(done.stdout).digest() == hashlib.sha256(blob).digest()


def test_cookie_crumbs_are_joined(door, service, client):
    d = site(door, service())
    c = client(d)
    _, body = c.answer(c.request(headers=[("cookie", "a=1"), ("x-y", "z"), ("cookie", "b=2")]))
    headers = json.loads(body)["headers"]
    assert [v for k, v in headers if k == "cookie"] == ["a=1; b=2"]


def test_stop_says_goaway(door, service, client):
    d = site(door, service())
    c = client(d)
    assert c.answer(c.request())[0] == b"200"
    d.signal(15)
    c.until(lambda: c.goaway is not None)
    assert c.goaway.error_code == 0
    assert d.wait() == 0


def test_malformed_leaves_a_record(door, service, client):
    d = site(door, service())
    c = client(d)
    c.h2.config.validate_outbound_headers = False
    c.h2.config.normalize_outbound_headers = False
    bad = c.request(headers=[("X-Upper", "1")])
    c.until(lambda: bad in c.resets)
    assert c.resets[bad] == 1  # PROTOCOL_ERROR
    record = d.wait_log("access", protocol="HTTP/2")[0]
    assert (record["status"], record["reason"], record["method"]) == (400, "bad_field", "GET")
    assert d.metric("requests_total", reason="bad_field") == 1
    assert c.answer(c.request())[0] == b"200"


def test_length_and_data_differ(door, service, client):
    d = site(door, service())
    c = client(d)
    stream = c.request(method="POST", headers=[("content-length", "5")], end=False)
    c.h2.send_data(stream, b"four")
    c.socket.sendall(c.h2.data_to_send() + bytes([0, 0, 0, 0, 1, 0, 0, 0, stream]))
    record = d.wait_log("access", protocol="HTTP/2")[0]
    assert (record["status"], record["reason"]) == (400, "bad_framing")
