# SPDX-License-Identifier: MIT
"""Who may ask, and how much may be sent: allow, deny, and bodies, by site and route."""

import json
import socket

import pytest
from lib.curl import VERSIONS, ask
from lib.raw import Raw

URL = "https://a.test/"


@pytest.mark.parametrize("version", VERSIONS)
def test_allow_and_deny(door, service, version):
    one = service()
    d = door(names=["a.test"], sites={"a.test": {
        "to": one.url, "allow": ["127.0.0.0/29", "::1"], "deny": ["127.0.0.3"]}})
    for source, status in (("127.0.0.1", 200), ("127.0.0.2", 200), ("127.0.0.3", 403),
                           ("127.0.0.9", 403)):
        answer = ask(d, URL, version, source=source)
        assert answer.status == status, source
        record = d.wait_log("access", client=source)[0]
        assert (record["reason"], record["site"]) == ("ok" if status == 200 else "denied", "a.test")
    assert len(one.requests) == 2
    assert d.metric("requests_total", reason="denied", code=403) == 2


def test_deny_alone(door, service):
    d = door(names=["a.test"], sites={"a.test": {"to": service().url, "deny": ["127.0.0.2"]}})
    assert ask(d, URL).status == 200
    assert ask(d, URL, source="127.0.0.2").status == 403


def test_route_says_otherwise(door, service):
    one = service()
    d = door(names=["a.test"], sites={"a.test": {"allow": ["127.0.0.2"], "routes": {
        "/": one.url, "/open": {"to": one.url, "allow": "all"},
        "/admin": {"to": one.url, "allow": ["127.0.0.3"]}}}})
    for path, allowed in (("", "127.0.0.2"), ("admin", "127.0.0.3")):
        for source in ("127.0.0.1", "127.0.0.2", "127.0.0.3"):
            assert ask(d, URL + path, source=source).status == (200 if source == allowed else 403)
    assert ask(d, URL + "open").status == 200
    assert ask(d, URL + "%61dmin/x", source="127.0.0.2").status == 403


def test_redirecting_site_asks_too(door):
    d = door(names=["a.test", "old.test"], sites={
        "a.test": "http://127.0.0.1:1", "old.test": {
            "redirect": "https://a.test", "allow": ["127.0.0.2"]}})
    for url in ("https://old.test/", "http://old.test/"):
        assert ask(d, url).status == 403
        answer = ask(d, url + "x", source="127.0.0.2")
        assert (answer.status, answer.get("location")) == (301, "https://a.test/x")


def test_port_80_redirects_before_it_asks(door, service):
    d = door(names=["a.test", "b.test"], sites={
        "a.test": {"to": service().url, "allow": ["127.0.0.2"]},
        "b.test": {"to": service().url, "allow": ["127.0.0.2"], "http": "serve"}})
    assert ask(d, "http://a.test/").status == 301
    assert ask(d, "http://b.test/").status == 403
    assert ask(d, "http://b.test/", source="127.0.0.2").status == 200


def test_client_of_a_balancer(door, service):
    """The address that counts is the one of the PROXY header, and IPv4 in IPv6 is IPv4."""
    d = door(sites={"a.test": {"to": service().url, "http": "serve", "allow": ["203.0.113.0/24"]}},
             extra={"proxy_protocol": {"trust": ["127.0.0.0/8"]}})
    for header, status in (("PROXY TCP4 203.0.113.7 192.0.2.1 1 2\r\n", 200),
                           ("PROXY TCP6 ::ffff:203.0.113.7 ::1 1 2\r\n", 200),
                           ("PROXY TCP4 198.51.100.7 192.0.2.1 1 2\r\n", 403), ("", 403)):
        with Raw(d.connect()) as raw:
            raw.send(header + "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
            assert raw.response()[0] == status, header


def test_unix_socket_is_nobody(door, service, tmp_path):
    path = tmp_path / "http.sock"
    d = door(sites={"a.test": {"to": service().url, "http": "serve", "allow": "all"},
                    "b.test": {"to": service().url, "http": "serve", "allow": ["127.0.0.0/8"]}},
             extra={"listen": {"http": f"unix:{path}"}})
    for host, status in (("a.test", 200), ("b.test", 403)):
        with Raw(socket.socket(socket.AF_UNIX)) as raw:
            raw.socket.connect(str(path))
            raw.send(f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n")
            assert raw.response()[0] == status
    assert d.wait_log("access", site="b.test")[0]["reason"] == "client_unknown"
    assert d.log("clients_masked") == []


def test_reload_changes_who_may_ask(door, service):
    one = service()
    site = {"to": one.url, "allow": ["127.0.0.2"]}
    d = door(names=["a.test"], sites={"a.test": site})
    with Raw(d.connect_tls("a.test")) as raw:
        request = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n"
        assert raw.send(request).response()[0] == 403
        d.configure({"a.test": {**site, "allow": ["127.0.0.1"]}})
        d.reload()
        assert raw.send(request).response()[0] == 200


def test_refusal_in_the_form_asked_for(door):
    d = door(names=["a.test"], sites={"a.test": {"to": "http://127.0.0.1:1", "deny": ["127.0.0.0/8"]}})
    answer = ask(d, URL, "-H", "Accept: application/json")
    page = json.loads(answer.body)
    assert (page["status"], page["reason"]) == (403, "denied")
    assert answer.get("x-request-id") == page["request_id"]


def test_refused_body_is_not_waited_for(door):
    d = door(names=["a.test"], sites={"a.test": {"to": "http://127.0.0.1:1", "deny": ["127.0.0.0/8"]}})
    with Raw(d.connect_tls("a.test")) as raw:
        raw.send("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1000000\r\n\r\n")
        status, fields, _ = raw.response()
        assert (status, fields["connection"]) == (403, "close")


# ---- bodies ----

@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("chunked", [False, True])
def test_body_limit_of_a_route(door, service, version, chunked):
    one = service()
    d = door(names=["a.test"], sites={"a.test": {"limits": {"body": "1k"}, "routes": {
        "/": one.url, "/up": {"to": one.url, "limits": {"body": "10k"}}}}})
    options = [version]
    if chunked and version == "--http1.1":
        options += ["-H", "Transfer-Encoding: chunked"]
    elif chunked:
        options += ["-H", "Content-Length:"]
    for path, size, status in (("", 1024, 200), ("", 1025, 413), ("up", 10240, 200),
                               ("up", 10241, 413)):
        # curl 7.88 drops an answer in HTTP/2 that comes before its body is out: the log tells.
        d.curl(*options, "--data-binary", "x" * size, "-H", "Expect:", f"{URL}{path}?{size}")
        d.wait_log("access", status=status, path="/" + path)
    assert d.metric("requests_total", reason="body_too_large") == 2


def test_body_above_the_limit_never_arrives_whole(door, service):
    one = service()
    d = door(names=["a.test"], sites={"a.test": {"to": one.url, "limits": {"body": "1k"}}})
    with Raw(d.connect_tls("a.test")) as raw:
        raw.send("POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n"
                 "400\r\n" + "x" * 1024 + "\r\n")
        raw.send("1\r\ny\r\n0\r\n\r\n")
        status, fields, _ = raw.response()
        assert (status, fields["connection"]) == (413, "close")
        assert raw.is_closed()
