# SPDX-License-Identifier: MIT
"""Services behind TLS: whose certificate is taken, what is said when it is not, and what of it is
kept for the next request."""

import socket
import threading

import pytest
from lib.certs import Authority
from lib.tls_service import RawTls, TlsNginx
from lib.wait import until

BIG = bytes(i * 11 % 253 for i in range(4_000_000))


@pytest.fixture
def other(tmp_path):
    """An authority that nobody was told of."""
    return Authority(tmp_path / "other", name="other root")


@pytest.fixture
def nginx(authority):
    """Makes nginx services: nginx(names=..., http2=...)."""
    running = []

    def make(maker=authority, **options):
        one = TlsNginx(maker, **options)
        running.append(one)
        (one.root / "data").write_bytes(BIG)
        return one.__enter__()

    yield make
    for one in running:
        one.close()


def site(service, authority, **verify):
    return {"to": service.url, "verify": {"ca": str(authority.ca), **verify}}


def asked(d, path="/echo"):
    """(status, body, the access record)"""
    count = len(d.log("access"))
    status, _, body = d.get("a.test", path)
    return status, body.decode("latin-1"), d.wait_log("access", count + 1)[-1]


def test_the_right_certificate(door, nginx, authority):
    service = nginx(names=["service.test"])
    d = door(names=["a.test"], workers=1, sites={
        "a.test": site(service, authority, name="service.test")})
    status, body, record = asked(d)
    assert (status, body) == (200, "HTTP/1.1 a.test service.test .")
    assert record["service_protocol"] == "HTTP/1.1" and "detail" not in record
    # Kept, and used again.
    assert asked(d)[0] == 200
    until(lambda: len(service.accesses()) == 2, "nginx has logged both")
    assert len({connection for connection, *_ in service.accesses()}) == 1
    status, _, body = d.get("a.test", "/data")
    assert (status, body) == (200, BIG)


def refused(d, reason, detail):
    status, body, record = asked(d)
    assert status == 502 and record["reason"] == reason, record
    assert detail in record["detail"]
    assert record["detail"] not in body and "service.test" not in body, "no internals on the page"
    # No endpoint is passed over for its certificate.
    assert d.metric("upstream_failures_total", reason=reason) >= 1


def test_wrong_authority(door, nginx, authority, other):
    d = door(names=["a.test"], workers=1, sites={
        "a.test": site(nginx(maker=other), authority, name="service.test")})
    refused(d, "upstream_certificate", "unable to get local issuer certificate")


def test_wrong_name(door, nginx, authority):
    service = nginx(names=["elsewhere.test"])
    d = door(names=["a.test"], workers=1, sites={
        "a.test": site(service, authority, name="service.test")})
    refused(d, "upstream_certificate", "hostname mismatch")
    # The host in the URL is the name, unless another is written.
    d.configure({"a.test": site(service, authority)})
    d.reload()
    refused(d, "upstream_certificate", "IP address mismatch")


def test_ended(door, nginx, authority):
    d = door(names=["a.test"], workers=1, sites={
        "a.test": site(nginx(days=-2), authority, name="service.test")})
    refused(d, "upstream_certificate", "certificate has expired")


def test_off(door, nginx, other):
    service = nginx(maker=other, days=-2)
    d = door(names=["a.test"], workers=1,
             sites={"a.test": {"to": service.url, "verify": "off"}})
    assert asked(d)[:2] == (200, "HTTP/1.1 a.test  .")


def test_systems_authorities(door, nginx, authority):
    """Where nothing is written, the system's are asked: a test's own is not among them."""
    service = nginx(names=["localhost"])
    d = door(names=["a.test"], workers=1, sites={"a.test": service.url},
             environment={"SSL_CERT_FILE": str(authority.ca)})
    refused(d, "upstream_certificate", "IP address mismatch")


def test_links_are_not_shared_between_policies(door, nginx, authority):
    service = nginx(names=["service.test"])
    d = door(names=["a.test"], workers=1, sites={"a.test": {"routes": {
        "/": {"to": service.url, "verify": "off"},
        "/echo/checked": site(service, authority, name="service.test"),
        "/echo/strict": site(service, authority, name="other.test")}}})
    assert asked(d, "/echo")[0] == 200
    assert asked(d, "/echo/checked")[0] == 200
    assert asked(d, "/echo/strict")[0] == 502
    assert asked(d, "/echo")[0] == 200
    until(lambda: len(service.accesses()) == 3, "nginx has logged them")
    assert len({connection for connection, *_ in service.accesses()}) == 2


def test_reload_changes_the_authority(door, nginx, authority, other):
    service = nginx(names=["service.test"])
    good = {"a.test": site(service, authority, name="service.test")}
    d = door(names=["a.test"], workers=1, sites=good)
    assert asked(d)[0] == 200
    d.configure({"a.test": site(service, other, name="service.test")})
    d.reload()
    # The kept link was opened under the old authority: it serves no request of the new one.
    refused(d, "upstream_certificate", "unable to get local issuer certificate")
    d.configure(good, limits={"headers": 150})
    d.reload()
    assert asked(d)[0] == 200


def test_sessions_are_resumed(door, nginx, authority):
    service = nginx(names=["service.test"], inside="keepalive_requests 1;")
    d = door(names=["a.test"], workers=1, sites={
        "a.test": site(service, authority, name="service.test")})
    assert asked(d)[1].endswith(".")
    assert asked(d)[1].endswith("r")
    assert asked(d)[1].endswith("r")


def test_not_tls(door, service, authority):
    plain = service()
    d = door(names=["a.test"], workers=1, sites={"a.test": {
        "to": plain.url.replace("http:", "https:"), "verify": {"ca": str(authority.ca)}}})
    status, _, record = asked(d)
    assert (status, record["reason"]) == (502, "upstream_tls")
    assert record["detail"]


def test_no_greeting(door, authority):
    """A service that takes connections and says nothing has half of timeouts.connect for it."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        d = door(names=["a.test"], workers=1, extra={"timeouts": {"connect": "600ms"}}, sites={
            "a.test": {"to": f"https://127.0.0.1:{port}", "verify": {"ca": str(authority.ca)}}})
        status, _, record = asked(d)
        assert (status, record["reason"]) == (504, "connect_timeout")
        assert record["ms"] < 5000


def read_head(connection):
    head = b""
    while b"\r\n\r\n" not in head:
        piece = connection.recv(4096)
        if not piece:
            return b""
        head += piece
    return head


@pytest.mark.parametrize("answer, reason", [
    (b"", "upstream_reset"),
    (b"HTTP/1.1 200 OK\r\nContent-Le", "upstream_reset"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n1234", "upstream_reset"),
    (b"HTTP/1.1 200 OK\r\n\r\nuntil the end", "upstream_reset")])
def test_cut_without_the_end_of_tls(door, authority, tmp_path, answer, reason):
    """A TCP end inside TLS may be somebody else's doing: never taken for the end of an answer."""
    def talk(connection, _):
        read_head(connection)
        connection.sendall(answer)
        socket.socket(fileno=connection.detach()).close()

    with RawTls(authority, tmp_path, talk) as service:
        d = door(names=["a.test"], workers=1, sites={"a.test": {
            "to": f"https://127.0.0.1:{service.port}",
            "verify": {"ca": str(authority.ca), "name": "service.test"}}})
        done = d.curl("https://a.test/")
        assert done.returncode != 0 or b"HTTP" not in done.stdout
        record = d.wait_log("access")[-1]
        assert record["reason"] == reason, record


def test_bytes_before_the_request(door, authority, tmp_path):
    """What comes before a request was sent answers nobody."""
    seen = threading.Event()

    def talk(connection, number):
        if number == 1:
            read_head(connection)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            seen.wait(30)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong")
        else:
            read_head(connection)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nright")
        read_head(connection)

    with RawTls(authority, tmp_path, talk) as service:
        d = door(names=["a.test"], workers=1, sites={"a.test": {
            "to": f"https://127.0.0.1:{service.port}",
            "verify": {"ca": str(authority.ca), "name": "service.test"}}})
        assert asked(d)[1] == "ok"
        assert d.metric("upstream_links", state="idle") == 1
        seen.set()
        until(lambda: d.metric("upstream_links", state="idle") == 0, "the link is closed")
        assert asked(d)[1] == "right"
