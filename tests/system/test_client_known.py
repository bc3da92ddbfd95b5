# SPDX-License-Identifier: MIT
"""What the door knows of its clients: those that come through what hides them are nobody's."""

import json

import pytest
from lib.curl import VERSIONS, ask
from lib.raw import Raw

URL = "https://a.test/"
MASKED = {"masked": ["127.0.0.0/30"]}  # 127.0.0.1 to .3 stand in for Docker's gateway
V1 = "PROXY TCP4 203.0.113.7 192.0.2.1 51234 443\r\n"


def headers_of(body):
    return dict(json.loads(body)["headers"])


@pytest.mark.parametrize("version", VERSIONS)
def test_no_false_address_goes_on(door, service, version):
    d = door(names=["a.test"], sites={"a.test": service().url}, extra=MASKED)
    forged = ["-H", "X-Forwarded-For: 6.6.6.6", "-H", "X-Real-IP: 6.6.6.6"]
    for source, known in (("127.0.0.1", False), ("127.0.0.9", True)):
        got = headers_of(ask(d, URL, version, *forged, source=source).body)
        assert got.get("x-forwarded-for") == (source if known else None)
        assert "x-real-ip" not in got and got["x-forwarded-proto"] == "https"
        record = d.wait_log("access", client=source)[0]
        assert record.get("client_known", True) is known


def test_one_warning_with_the_cure(door, service):
    one = service()
    d = door(names=["a.test"], sites={"a.test": one.url}, extra=MASKED, workers=2)
    for _ in range(20):  # both workers get some
        assert ask(d, URL).status == 200
    assert d.metric("connections_masked_total") == 20
    warning, = d.wait_log("clients_masked")
    assert warning["level"] == "warn" and "127.0.0.1" in warning["message"]
    assert "mode: host" in warning["message"] and "proxy_protocol" in warning["message"]
    d.configure({"a.test": {"to": one.url, "timeouts": {"response": "9s"}}}, **MASKED)
    d.reload()
    assert ask(d, URL).status == 200
    assert len(d.wait_log("clients_masked", 2)) == 2  # a new configuration, said again
    assert ask(d, URL, source="127.0.0.9").status == 200
    assert d.metric("connections_masked_total") == 21


def test_not_masked_says_nothing(door, service):
    d = door(names=["a.test"], sites={"a.test": service().url})
    assert ask(d, URL).status == 200
    assert "client_known" not in d.wait_log("access")[0]
    assert d.log("clients_masked") == [] and d.metric("connections_masked_total") == 0


def test_allow_lists_fail_closed(door, service):
    d = door(names=["a.test", "b.test", "c.test"], extra=MASKED, sites={
        "a.test": {"to": service().url, "allow": ["127.0.0.0/8", "0.0.0.0/0", "::/0"]},
        "b.test": {"to": service().url, "deny": ["127.0.0.0/8"]},
        "c.test": {"to": service().url, "allow": "all"}})
    for name, status, reason in (("a.test", 403, "client_unknown"), ("b.test", 200, "ok"),
                                 ("c.test", 200, "ok")):
        assert ask(d, f"https://{name}/").status == status
        assert d.wait_log("access", site=name)[0]["reason"] == reason
    assert ask(d, URL, source="127.0.0.9").status == 200
    assert ask(d, "https://b.test/", source="127.0.0.9").status == 403


def test_rates_share_one_bucket(door, service):
    d = door(names=["a.test"], extra=MASKED, sites={
        "a.test": {"to": service().url, "rate": {"requests": "1/h", "burst": 3}}})
    got = [ask(d, URL, source=f"127.0.0.{1 + i % 3}").status for i in range(6)]
    assert got == [200, 200, 200, 429, 429, 429]
    assert ask(d, URL, source="127.0.0.9").status == 200


def test_proxy_header_makes_known(door, service):
    """From what hides clients, but trusted: with a header the client is known, without it is not."""
    d = door(sites={"a.test": {"to": service().url, "http": "serve", "allow": ["203.0.113.0/24"]}},
             extra={**MASKED, "proxy_protocol": {"trust": ["127.0.0.0/8"]}})
    for header, status, reason in ((V1, 200, "ok"), ("", 403, "client_unknown"),
                                   ("PROXY UNKNOWN\r\n", 403, "client_unknown")):
        with Raw(d.connect()) as raw:
            raw.send(header + "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
            assert raw.response()[0] == status
        d.wait_log("access", reason=reason)
    assert d.wait_log("access", reason="ok")[0]["client"] == "203.0.113.7"
    assert d.metric("connections_masked_total") == 2


def test_trusted_forwarder_keeps_its_word(door, service):
    """Who may say whom it speaks for is believed, but its own address is still nobody's."""
    d = door(names=["a.test"], sites={"a.test": service().url},
             extra={**MASKED, "forwarded": {"trust": ["127.0.0.0/8"]}})
    got = headers_of(ask(d, URL, "-H", "X-Forwarded-For: 203.0.113.7").body)
    assert got["x-forwarded-for"] == "203.0.113.7"
