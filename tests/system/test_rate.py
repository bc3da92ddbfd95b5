# SPDX-License-Identifier: MIT
"""Requests a period, for each client and site, counted by all workers together."""

import pytest
from lib.curl import VERSIONS, ask
from lib.raw import Raw
from lib.wait import until

URL = "https://a.test/"
THREE = {"requests": "1/h", "burst": 3}
REQUEST = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n"


@pytest.mark.parametrize("version", VERSIONS)
def test_burst_then_429(door, service, version):
    one = service()
    d = door(names=["a.test"], sites={"a.test": {"to": one.url, "rate": THREE}}, workers=2)
    answers = [ask(d, URL, version) for _ in range(6)]  # a connection each: both workers
    assert [a.status for a in answers] == [200, 200, 200, 429, 429, 429]
    assert 3590 <= int(answers[-1].get("retry-after")) <= 3600
    assert len(one.requests) == 3
    assert d.metric("requests_total", reason="rate_limited", code=429) == 3
    assert d.wait_log("access", 3, reason="rate_limited")


def test_whose_bucket(door, service):
    d = door(names=["a.test", "b.test"], sites={
        "a.test": {"rate": THREE, "routes": {
            "/": service().url, "/same": service().url,
            "/login": {"to": service().url, "rate": {"requests": "2/h", "burst": 1}},
            "/free": {"to": service().url, "rate": "off"}}},
        "b.test": {"to": service().url, "rate": THREE}})
    for path, count in (("", 2), ("same", 1)):  # routes of a site share what is the site's
        for _ in range(count):
            assert ask(d, URL + path).status == 200
    for path in ("", "same"):
        assert ask(d, URL + path).status == 429
    assert [ask(d, URL + "login").status for _ in range(2)] == [200, 429]
    assert [ask(d, URL + "free").status for _ in range(5)] == [200] * 5
    assert ask(d, URL, source="127.0.0.2").status == 200
    assert ask(d, "https://b.test/").status == 200


def test_tokens_come_back(door, service):
    d = door(names=["a.test"], sites={"a.test": {
        "to": service().url, "rate": {"requests": "5/s", "burst": 1}}})
    with Raw(d.connect_tls("a.test")) as raw:
        assert raw.send(REQUEST).response()[0] == 200
        got = [raw.send(REQUEST).response() for _ in range(3)]
        assert 429 in [status for status, _, _ in got]
        assert all(f.get("retry-after") == "1" for status, f, _ in got if status == 429)
        until(lambda: raw.send(REQUEST).response()[0] == 200, "a token")


def test_reload_does_not_refill(door, service):
    one = service()
    d = door(names=["a.test"], sites={"a.test": {"to": one.url, "rate": THREE}})
    for _ in range(3):
        assert ask(d, URL).status == 200
    d.configure({"a.test": {"to": one.url, "rate": THREE, "timeouts": {"response": "9s"}}})
    d.reload()
    assert ask(d, URL).status == 429
    d.configure({"a.test": {"to": one.url, "rate": {"requests": "1/h", "burst": 4}}})
    d.reload()
    assert ask(d, URL).status == 200  # another rate is another bucket


def test_redirecting_site_and_port_80(door):
    d = door(names=["a.test", "old.test"], sites={
        "a.test": {"to": "http://127.0.0.1:1", "rate": THREE},
        "old.test": {"redirect": "https://a.test", "rate": {"requests": "1/h", "burst": 1}}})
    assert [ask(d, "http://old.test/").status for _ in range(2)] == [301, 429]
    assert [ask(d, "http://a.test/").status for _ in range(5)] == [301] * 5


def test_refused_clients_use_up_nothing(door, service):
    d = door(names=["a.test"], sites={"a.test": {
        "to": service().url, "rate": {"requests": "1/h", "burst": 1}, "deny": ["127.0.0.2"]}})
    assert [ask(d, URL, source="127.0.0.2").status for _ in range(3)] == [403] * 3
    assert ask(d, URL).status == 200


def test_workers_keep_to_the_sum(door, service):
    """300 requests on many connections within a rate of an hour: the burst and no more."""
    d = door(names=["a.test"], workers=3, sites={"a.test": {
        "to": service().url, "rate": {"requests": "10/h", "burst": 40}, "http": "serve"}})
    passed = 0
    for _ in range(30):
        with Raw(d.connect()) as raw:
            raw.send(REQUEST * 10)
            passed += [raw.response()[0] for _ in range(10)].count(200)
    assert passed == 40
