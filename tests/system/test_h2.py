# SPDX-License-Identifier: MIT
"""HTTP/2 to clients, seen with ordinary clients: curl and python3-h2."""

import base64
import hashlib
import json
import os
import socket
import threading

import h2.connection
import h2.events
import h2.settings
import pytest
from lib.h2_service import H2Service

MIB = 1 << 20
WEBSOCKET = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 section 1.3
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
        self.bytes = b""
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
        self.bytes += data
        while len(self.bytes) >= 9 and self.goaway is None:
            size = 9 + int.from_bytes(self.bytes[:3], "big")
            if len(self.bytes) < size:
                break
            frame, self.bytes = self.bytes[:size], self.bytes[size:]
            for event in self.h2.receive_data(frame):
                self.take(event)
        self.send()

    def take(self, event):
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
            self.goaway = event  # behind it python3-h2 takes nothing more

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



def test_settings_are_the_configuration(door, service, client):
    d = door(names=["a.test"], sites={"a.test": {"to": service().url}}, extra={
        "http2": {"streams": 7, "window": "64k", "frame": "32k", "table": "8k", "requests": 3},
        "limits": {"header": "8k"}})
    c = client(d)
    assert c.answer(c.request())[0] == b"200"
    theirs = c.h2.remote_settings
    assert (theirs.max_concurrent_streams, theirs.initial_window_size, theirs.max_frame_size,
            theirs.header_table_size, theirs.max_header_list_size) == (7, 65536, 32768, 8192, 8192)
    assert c.answer(c.request())[0] == b"200"
    c.request()  # the last
    c.until(lambda: c.goaway is not None)
    assert c.goaway.error_code == 0


def test_off(door, service):
    d = door(names=["a.test"], sites={"a.test": {"to": service().url}},
             extra={"http2": {"enabled": False}})
    done = d.curl("--http2", "-w", FORM, "https://a.test/")
    assert done.stdout.endswith(b"1.1 200"), done


def test_never_without_tls(door, service):
    """Prior knowledge (RFC 9113 section 3.3) is refused as any other version that HTTP/1 has not."""
    d = door(names=["a.test"], sites={"a.test": {"to": service().url, "http": "serve"}})
    with d.connect() as plain:
        plain.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        assert plain.recv(65536).startswith(b"HTTP/1.1 505 ")


def test_a_reload_leaves_streams_alone(door, service, client):
    gate = threading.Event()

    def handler(request):
        gate.wait(30)
        request.reply(200, request.path)
    d = site(door, service(handler=handler))
    c = client(d)
    first = c.request("/first")
    d.configure({"a.test": {"to": d.settings["sites"]["a.test"]["to"]}}, http2={"streams": 5})
    d.reload()
    second = c.request("/second")
    gate.set()
    assert c.answer(first) == (b"200", b"/first")
    assert c.answer(second) == (b"200", b"/second")


# ---- WebSocket (RFC 8441): to the service it is an upgrade as in HTTP/1.1


class Switcher:
    """A service that answers an upgrade as told, then sends back what it gets until it ends."""

    def __init__(self, answer):
        self.answer = answer
        self.head = b""
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        link, _ = self.socket.accept()
        with link:
            while not self.head.endswith(b"\r\n\r\n"):
                self.head += link.recv(1)
            link.sendall(self.answer(self.head))
            while data := link.recv(65536):
                link.sendall(data)

    def close(self):
        self.socket.close()


def accept(head, suffix=WEBSOCKET):
    key = [line.split(b": ")[1] for line in head.split(b"\r\n")
           if line.lower().startswith(b"sec-websocket-key: ")][0]
    digest = base64.b64encode(hashlib.sha1(key + suffix).digest())
    return (b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Accept: " + digest + b"\r\n\r\n")


@pytest.fixture
def switcher():
    made = []

    def make(answer):
        made.append(Switcher(answer))
        return made[-1]

    yield make
    for one in made:
        one.close()


def connect(c, protocol="websocket", **options):
    c.h2.config.validate_outbound_headers = False
    return c.request("/ws", "CONNECT", [(":protocol", protocol), ("sec-websocket-version", "13"),
                                        ("sec-websocket-protocol", "chat")], False, **options)


def test_websocket(door, switcher, client):
    s = switcher(accept)
    d = site(door, s)
    c = client(d)
    c.until(lambda: c.h2.remote_settings.enable_connect_protocol)
    stream = connect(c)
    c.until(lambda: stream in c.heads)
    head = c.heads[stream]
    assert head[b":status"] == b"200" and head[b"sec-websocket-protocol"] == b"chat"
    assert b"sec-websocket-accept" not in head and b"upgrade" not in head
    assert s.head.startswith(b"GET /ws HTTP/1.1\r\n")
    assert b"connection: upgrade\r\nupgrade: websocket\r\n" in s.head.lower()
    other = c.request("/ws", "HEAD", end=True)  # the tunnel is one stream among others
    blob, sent = os.urandom(MIB), 0
    while len(c.bodies.get(stream, b"")) < len(blob):
        room = min(c.h2.local_flow_control_window(stream), c.h2.max_outbound_frame_size,
                   len(blob) - sent)
        if room > 0:
            c.h2.send_data(stream, blob[sent:sent + room])
            sent += room
            c.send()
        else:
            c.step()
    assert c.bodies[stream] == blob
    c.h2.end_stream(stream)  # half a close goes through, and comes back
    c.send()
    c.until(lambda: stream in c.ended)
    assert other not in c.resets
    record = d.wait_log("access", path="/ws", reason="tunnel_done")[0]
    assert (record["status"], record["bytes_in"], record["bytes_out"]) == (101, MIB, MIB)


def test_websocket_to_http2(door, client):
    """Extended CONNECT on both sides."""
    def handle(connection, event):
        if isinstance(event, h2.events.RequestReceived):
            connection.h2.send_headers(event.stream_id, [(":status", "200"),
                                                         ("sec-websocket-protocol", "chat")])
        elif isinstance(event, h2.events.DataReceived):
            connection.send(event.stream_id, event.data, end=False)
        elif isinstance(event, h2.events.StreamEnded):
            connection.h2.end_stream(event.stream_id)

    enabled = {h2.settings.SettingCodes.ENABLE_CONNECT_PROTOCOL: 1}
    with H2Service(handle, enabled) as service:
        d = site(door, service)
        c = client(d)
        c.until(lambda: c.h2.remote_settings.enable_connect_protocol)
        stream = connect(c)
        c.until(lambda: stream in c.heads)
        assert c.heads[stream][b":status"] == b"200"
        assert c.heads[stream][b"sec-websocket-protocol"] == b"chat"
        c.h2.send_data(stream, b"both ways")
        c.send()
        c.until(lambda: c.bodies.get(stream) == b"both ways")
        c.h2.end_stream(stream)
        c.send()
        c.until(lambda: stream in c.ended)
        record = d.wait_log("access", path="/ws", reason="tunnel_done")[0]
        assert record["service_protocol"] == "HTTP/2"


@pytest.mark.parametrize("answer, status", [
    (lambda head: accept(head, b"another"), b"502"),
    (lambda head: b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno", b"502"),
    (lambda head: b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno", b"403")])
def test_websocket_refused(door, switcher, client, answer, status):
    d = site(door, switcher(answer))
    c = client(d)
    assert c.answer(connect(c))[0] == status


def test_other_protocols_are_not_known(door, service, client):
    d = site(door, service())
    c = client(d)
    assert c.answer(connect(c, "connect-udp"))[0] == b"501"
    assert d.wait_log("access", protocol="HTTP/2")[0]["reason"] == "connect_protocol"
