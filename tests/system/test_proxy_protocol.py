# SPDX-License-Identifier: MIT
"""PROXY protocol, versions 1 and 2: from trusted sources, optional there, never from others."""

import json
import struct

import pytest
from lib.raw import Raw

V1 = b"PROXY TCP4 203.0.113.7 192.0.2.1 51234 443\r\n"
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
V2 = SIGNATURE + b"\x21\x11" + struct.pack(">H", 12 + 7) + bytes(
    [203, 0, 113, 7, 192, 0, 2, 1]) + struct.pack(">HH", 51234, 443) + b"\x04\x00\x04abcd"
V2_LOCAL = SIGNATURE + b"\x20\x00\x00\x00"
TRUST = {"proxy_protocol": {"trust": ["127.0.0.0/8"]}}


def client_of(body):
    return dict(json.loads(body)["headers"])["x-forwarded-for"]


@pytest.mark.parametrize("header,client", [(V1, "203.0.113.7"), (V2, "203.0.113.7"),
                                           (V2_LOCAL, "127.0.0.1"), (b"", "127.0.0.1"),
                                           (b"PROXY UNKNOWN\r\n", "127.0.0.1")])
@pytest.mark.parametrize("piece", [1, 5, 4096])
def test_header_before_tls_and_plain(door, service, header, client, piece):
    d = door(names=["a.test"], sites={"a.test": {"to": service().url, "http": "serve"}},
             extra=TRUST)
    for port in ("http", "https"):
        sock = d.connect(port)
        for i in range(0, len(header), piece):
            sock.sendall(header[i:i + piece])
        if port == "https":
            sock = d.tls_context().wrap_socket(sock, server_hostname="a.test")
        with Raw(sock) as raw:
            raw.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
            assert client_of(raw.response()[2]) == client
    assert d.wait_log("access", 2)[0]["client"] == client


def test_not_looked_for_from_others(door, service):
    one = service()
    d = door(names=["a.test"], sites={"a.test": {"to": one.url, "http": "serve"}},
             extra={"proxy_protocol": {"trust": ["10.0.0.0/8"]}})
    with Raw(d.connect()) as raw:
        raw.send(V1 + b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
        assert raw.rest().startswith(b"HTTP/1.1 400")
    assert one.requests == []


@pytest.mark.parametrize("junk", [b"PROXY nonsense\r\n", b"PROXY TCP4 1.2.3.4 1.2.3.4 99999 1\r\n",
                                  SIGNATURE + b"\x31\x11\x00\x00", b"PROXY " + b"A" * 5000])
def test_broken_header_ends_it(door, service, junk):
    d = door(sites={"a.test": service().url}, extra=TRUST)
    with Raw(d.connect()) as raw:
        raw.send(junk)
        assert raw.rest() == b""
    assert d.metric("connections_closed_total", reason="proxy_header_bad") == 1


def test_late_header_has_its_deadline(door):
    d = door(sites={"a.test": "http://127.0.0.1:1"},
             extra={**TRUST, "timeouts": {"header": "300ms"}})
    with Raw(d.connect("https")) as raw:
        raw.send(b"PROXY TCP4")
        assert raw.is_closed()
    assert d.metric("connections_closed_total", reason="proxy_header_timeout") == 1


def test_balancer_health_check(door):
    d = door(sites={"a.test": "http://127.0.0.1:1"}, extra=TRUST)
    for port in ("http", "https"):
        d.connect(port).close()
    assert d.log("error") == []
