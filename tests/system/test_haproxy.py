# SPDX-License-Identifier: MIT
"""Debian's haproxy as the balancer in front: it sends the PROXY protocol, checks the door's health
with and without it, and tells each client's address."""

import json
import socket

import pytest
from lib.program import Program
from lib.raw import Raw
from lib.wait import until

CLIENT = "127.0.0.77"
CHECK = "check inter 100ms fastinter 50ms"
REQUEST = """option httpchk
    http-check send meth GET uri /health ver HTTP/1.1 hdr Host a.test"""
# How a server line speaks to the door, and whose address arrives then.
SERVERS = {
    "v1": ("send-proxy", CLIENT),
    "v2": ("send-proxy-v2", CLIENT),
    "v2 with tlvs": ("send-proxy-v2 proxy-v2-options unique-id,crc32c,authority", CLIENT),
    "none": ("", "127.0.0.1"),
}
CHECKS = {
    "connect": ("", f"{CHECK}"),
    "connect, with a header": ("", f"{CHECK} check-send-proxy"),
    "request": (REQUEST, CHECK),
    "request, with a header": (REQUEST, f"{CHECK} check-send-proxy"),
}
TLS_CHECK = f"{CHECK} check-ssl verify none check-sni a.test"


class Haproxy(Program):
    """One frontend; `server` is the rest of the server's line, `option` lines of its backend."""

    def __init__(self, port, server, option=""):
        super().__init__()
        self.target, self.server, self.option = port, server, option

    def configure(self):
        config = self.folder / "haproxy.cfg"
        self.admin = self.folder / "admin.sock"
        config.write_text(f"""
global
    stats socket {self.admin} level admin
defaults
    mode tcp
    timeout connect 10s
    timeout client 30s
    timeout server 30s
    unique-id-format %pid
listen door
    bind 127.0.0.1:{self.ports[0]}
    {self.option}
    server door 127.0.0.1:{self.target} {self.server}
""")
        return ["/usr/sbin/haproxy", "-db", "-f", config], {}

    def status(self):
        """(status, last check) of the server."""
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(str(self.admin))
            sock.sendall(b"show stat\n")
            text = b""
            while data := sock.recv(65536):
                text += data
        names, *rows = (line.split(",") for line in text.decode().split("\n") if line)
        for row in rows:
            values = dict(zip(names, row))
            if values["svname"] == "door":
                return values["status"], values["check_status"].lstrip("* ")
        raise AssertionError(text)

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.ports[0]), timeout=30,
                                        source_address=(CLIENT, 0))


@pytest.fixture
def haproxy():
    running = []

    def make(*arguments):
        running.append(Haproxy(*arguments))
        return running[-1].start()

    yield make
    for one in running:
        one.close()


@pytest.fixture
def site(door, service):
    return door(names=["a.test"], workers=1, sites={"a.test": {"to": service().url, "http": "serve"}},
                extra={"proxy_protocol": {"trust": ["127.0.0.1"]}})


@pytest.mark.parametrize("how", SERVERS)
@pytest.mark.parametrize("port", ["http", "https"])
def test_client_behind_haproxy(site, haproxy, how, port):
    server, client = SERVERS[how]
    balancer = haproxy(getattr(site, port).number, server)
    sock = balancer.connect()
    if port == "https":
        sock = site.tls_context().wrap_socket(sock, server_hostname="a.test")
    with Raw(sock) as raw:
        for _ in range(2):
            raw.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
            fields = dict(json.loads(raw.response()[2])["headers"])
            assert fields["x-forwarded-for"] == client
    assert site.wait_log("access", 2)[0]["client"] == client


def healthy(balancer, wanted):
    until(lambda: balancer.admin.exists(), "the stats socket is there")  # it comes by renaming
    until(lambda: balancer.status() == ("UP", wanted), f"the server is up by {wanted}")


def complaints(door):
    return [r for r in door.log() if r.get("level") in ("error", "warn")
            and r["event"] != "config_warning"]


@pytest.mark.parametrize("what", CHECKS)
def test_health_checks_on_the_plain_port(site, haproxy, what):
    option, server = CHECKS[what]
    balancer = haproxy(site.http.number, server, option)
    healthy(balancer, "L7OK" if option else "L4OK")
    if option or "check-send-proxy" in server:  # else it resets before the door sees anything
        until(lambda: site.metric("connections_closed_total") >= 3, "it was checked several times")
    assert site.metric("connections_closed_total", reason="proxy_header_bad") == 0
    assert complaints(site) == []


@pytest.mark.parametrize("header", ["", "check-send-proxy", "check-send-proxy send-proxy-v2"])
def test_health_checks_by_handshake(site, haproxy, header):
    balancer = haproxy(site.https.number, f"{TLS_CHECK} {header}")
    healthy(balancer, "L6OK")
    until(lambda: site.metric("connections_closed_total") >= 3, "it was checked several times")
    assert site.metric("connections_closed_total", reason="proxy_header_bad") == 0
    assert complaints(site) == []
