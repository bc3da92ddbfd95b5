# SPDX-License-Identifier: MIT
"""PROXY protocol, versions 1 and 2: from trusted sources, optional there, never from others."""

import json
import socket
import ssl
import struct

import pytest
from lib.raw import Raw
from lib.wait import until

V1 = b"PROXY TCP4 203.0.113.7 192.0.2.1 51234 443\r\n"
V1_IPV6 = b"PROXY TCP6 2001:db8::7 2001:db8::1 51234 443\r\n"
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
IPV4 = bytes([203, 0, 113, 7, 192, 0, 2, 1]) + struct.pack(">HH", 51234, 443)
IPV6 = (socket.inet_pton(socket.AF_INET6, "2001:db8::7")
        + socket.inet_pton(socket.AF_INET6, "2001:db8::1") + struct.pack(">HH", 51234, 443))
TLV = b"\x04\x00\x04abcd"
TRUST = {"proxy_protocol": {"trust": ["127.0.0.0/8"]}}
GET = b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n"


def v2(command, family, rest):
    return SIGNATURE + bytes([command, family]) + struct.pack(">H", len(rest)) + rest


V2 = v2(0x21, 0x11, IPV4 + TLV)
HEADERS = {
    "v1": (V1, "203.0.113.7"),
    "v1 ipv6": (V1_IPV6, "2001:db8::7"),
    "v1 unknown": (b"PROXY UNKNOWN\r\n", "127.0.0.1"),
    "v1 unknown, with more": (b"PROXY UNKNOWN ff:: 1 2 3 whatever\r\n", "127.0.0.1"),
    "v2": (V2, "203.0.113.7"),
    "v2 ipv6": (v2(0x21, 0x21, IPV6), "2001:db8::7"),
    "v2 local": (v2(0x20, 0x00, b""), "127.0.0.1"),
    "v2 local, with addresses": (v2(0x20, 0x11, IPV4), "127.0.0.1"),
    "v2 unspecified": (v2(0x21, 0x00, b"xyz"), "127.0.0.1"),
    "v2 unix": (v2(0x21, 0x31, b"/x".ljust(108, b"\0") * 2), "127.0.0.1"),
    "v2 udp": (v2(0x21, 0x12, IPV4), "127.0.0.1"),
    "v2 tlv longer than all": (v2(0x21, 0x11, IPV4 + b"\x04\xff\xffx"), "203.0.113.7"),
    "v2 half a tlv": (v2(0x21, 0x11, IPV4 + b"\x04"), "203.0.113.7"),
    "v2 as long as may be": (v2(0x21, 0x11, IPV4 + b"\x04\x0f\xe1" + b"x" * 4065), "203.0.113.7"),
    "none": (b"", "127.0.0.1"),
}


def client_of(body):
    return dict(json.loads(body)["headers"])["x-forwarded-for"]


class Rig:
    def __init__(self, door, service):
        self.door = door(names=["a.test"], workers=1, extra=TRUST, sites={
            "a.test": {"to": service().url, "http": "serve"}})

    def ask(self, port, pieces):
        """The client that the service is told of, after these pieces and a request."""
        sock = self.door.connect(port)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in pieces:
            sock.sendall(piece)
        if port == "https":
            sock = self.door.tls_context().wrap_socket(sock, server_hostname="a.test")
        with Raw(sock) as raw:
            raw.send(GET)
            return client_of(raw.response()[2])


@pytest.fixture
def rig(door, service):
    return Rig(door, service)


@pytest.mark.parametrize("port", ["http", "https"])
def test_header_before_tls_and_plain(rig, port):
    for name, (header, client) in HEADERS.items():
        for size in (1, 7, 5000):
            pieces = [header[i:i + size] for i in range(0, len(header), size)]
            if len(pieces) > 300:
                continue
            assert rig.ask(port, pieces) == client, (name, size)
    logged = rig.door.wait_log("access", len(HEADERS))
    assert {r["client"] for r in logged} == {client for _, client in HEADERS.values()}


@pytest.mark.parametrize("header", [V1, V2], ids=["v1", "v2"])
def test_header_split_at_every_byte(rig, header):
    for cut in range(1, len(header)):
        assert rig.ask("http", [header[:cut], header[cut:]]) == "203.0.113.7", cut


@pytest.mark.parametrize("header", [V1, V2], ids=["v1", "v2"])
def test_header_and_first_bytes_in_one_segment(rig, header):
    with Raw(rig.door.connect()) as raw:
        raw.send(header + GET + GET)
        assert [client_of(raw.response()[2]) for _ in range(2)] == ["203.0.113.7"] * 2
    with rig.door.connect("https") as sock:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = rig.door.tls_context().wrap_bio(incoming, outgoing, server_hostname="a.test")
        first = header

        def turn(step):
            nonlocal first
            while True:
                try:
                    result = step()
                except ssl.SSLWantReadError:
                    result = None
                if outgoing.pending:
                    sock.sendall(first + outgoing.read())
                    first = b""
                if result is not None:
                    return result
                incoming.write(sock.recv(65536))
        turn(lambda: tls.do_handshake() or True)
        turn(lambda: tls.write(GET))
        answer = b""
        while b'"203.0.113.7"' not in answer:  # the record may come in pieces
            answer += turn(lambda: tls.read(65536))


def test_a_request_may_begin_like_a_header(rig):
    """Every method with a "P", cut behind it: no header, so it is the request that it is."""
    for method in ("PUT", "POST", "PATCH", "PROPFIND", "PROX"):
        with Raw(rig.door.connect()) as raw:
            raw.send(f"{method} / HTTP/1.1\r\nHost: b.test\r\n\r\n"[:3])
            raw.send(f"{method} / HTTP/1.1\r\nHost: b.test\r\n\r\n"[3:])
            assert raw.response()[0] == 404, method


@pytest.mark.parametrize("header", [V1, V2], ids=["v1", "v2"])
def test_not_looked_for_from_others(door, service, header):
    one = service()
    d = door(names=["a.test"], sites={"a.test": {"to": one.url, "http": "serve"}},
             extra={"proxy_protocol": {"trust": ["10.0.0.0/8"]}})
    with Raw(d.connect()) as raw:
        raw.send(header + GET)
        assert raw.rest().startswith(b"HTTP/1.1 400")
    sock = d.connect("https")
    sock.sendall(header)
    with pytest.raises((ssl.SSLError, ConnectionError)):
        d.tls_context().wrap_socket(sock, server_hostname="a.test")
    sock.close()
    assert one.requests == []


BROKEN = [
    b"PROXY nonsense\r\n", b"PROXY TCP4 1.2.3.4 1.2.3.4 99999 1\r\n",
    b"PROXY TCP4 1.2.3.4 1.2.3.4 1 1\n", b"PROXY TCP4 ::1 ::1 1 1\r\n", b"PROXY \r\n",
    b"PROXY " + b"A" * 5000, SIGNATURE + b"\x31\x11\x00\x00", SIGNATURE + b"\x21\x11\x00\x04zzzz",
    SIGNATURE + b"\x22\x11\x00\x00", SIGNATURE + b"\x21\x41\x00\x00",
    v2(0x21, 0x11, IPV4 + b"x" * (4097 - 28)), SIGNATURE + b"\x21\x11\xff\xff",
]


@pytest.mark.parametrize("port", ["http", "https"])
def test_broken_header_ends_it(door, service, port):
    one = service()
    d = door(sites={"a.test": {"to": one.url, "http": "serve"}}, extra=TRUST)
    for junk in BROKEN:
        with Raw(d.connect(port)) as raw:
            raw.send(junk + GET)
            assert raw.rest() == b"", junk
    for half in (V1[:20], V2[:20]):  # ... and one that the balancer gives up
        d.connect(port).sendall(half)
    until(lambda: d.metric("connections_closed_total", reason="proxy_header_bad")
          == len(BROKEN) + 2, "each has its reason")
    assert one.requests == []


@pytest.mark.parametrize("part", [V1[:10], V1[:-1], V2[:5], V2[:-1]])
def test_late_header_has_its_deadline(door, part):
    d = door(sites={"a.test": "http://127.0.0.1:1"},
             extra={**TRUST, "timeouts": {"header": "300ms"}})
    for port in ("http", "https"):
        with Raw(d.connect(port)) as raw:
            raw.send(part)
            assert raw.is_closed()
    until(lambda: d.metric("connections_closed_total", reason="proxy_header_timeout") == 2,
          "both have their reason")


def test_a_silent_connection_is_only_idle(door):
    d = door(sites={"a.test": "http://127.0.0.1:1"},
             extra={**TRUST, "timeouts": {"header": "300ms"}})
    for port in ("http", "https"):
        with Raw(d.connect(port)) as raw:
            assert raw.is_closed()
    until(lambda: d.metric("connections_closed_total", reason="idle_timeout") == 2,
          "both have their reason")
    assert d.metric("connections_closed_total", reason="proxy_header_timeout") == 0


def test_balancer_health_checks(rig):
    """Connect and close, a request without a header, a handshake, a LOCAL header: no error is logged
    and nothing counts as a broken header."""
    d = rig.door
    for port in ("http", "https"):
        for header in (b"", HEADERS["v2 local"][0]):
            sock = d.connect(port)
            sock.sendall(header)
            sock.close()
    with Raw(d.connect()) as raw:
        raw.send("GET / HTTP/1.0\r\n\r\n")  # no Host: the door answers, for no site
        assert raw.rest().startswith(b"HTTP/1.1 404")
    d.connect_tls("a.test").close()
    assert rig.ask("http", []) == rig.ask("https", []) == "127.0.0.1"
    assert d.metric("connections_closed_total", reason="proxy_header_bad") == 0
    assert [r for r in d.log() if r.get("level") in ("error", "warn")
            and r["event"] != "config_warning"] == []
