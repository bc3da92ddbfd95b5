# SPDX-License-Identifier: MIT
"""Requests whose connection dies before the answer: what is sent again, what never is."""

import threading

import pytest

BODY = bytes(range(256)) * 200  # 51,200 bytes: below the default of limits.replay


class Flaky:
    """Reads whole requests and drops the first `deaths` of them without a word; echoes the rest."""

    def __init__(self, deaths):
        self.deaths = deaths
        self.lock = threading.Lock()
        self.bodies = []  # of all requests, in order

    def __call__(self, request):
        body = request.read_body()
        with self.lock:
            self.bodies.append(body)
            dies = len(self.bodies) <= self.deaths
        if dies:
            request.close_connection = True
        else:
            request.reply(200, body)


@pytest.fixture
def flaky_site(door, service):
    """flaky_site(deaths): (door, Flaky)."""
    def make(deaths, **extra):
        flaky = Flaky(deaths)
        d = door(workers=1, extra=extra,
                 sites={"a.test": {"to": service(handler=flaky).url, "http": "serve"}})
        return d, flaky
    return make


def ask(d, method="GET", body=None):
    status, headers, answer = d.get("a.test", method=method, body=body, tls=False)
    return status, answer


def test_idempotent_ones_are_sent_again(flaky_site):
    d, flaky = flaky_site(3)
    assert ask(d) == (200, b"")
    assert len(flaky.bodies) == 4
    record = d.wait_log("access", status=200)[0]
    assert record["retries"] == 3 and record["retry_cause"] == "upstream_closed"
    assert d.metric("retries_total") == d.metric("retries_total", cause="closed") == 3


def test_not_for_ever(flaky_site):
    d, flaky = flaky_site(100)
    assert ask(d)[0] == 502
    assert len(flaky.bodies) == 4
    assert d.wait_log("access", reason="upstream_closed")[0]["retries"] == 3


def test_a_body_is_kept_and_sent_again(flaky_site):
    d, flaky = flaky_site(1)
    assert ask(d, "PUT", BODY) == (200, BODY)
    assert flaky.bodies == [BODY, BODY]


def test_a_body_too_long_to_be_kept(flaky_site):
    d, flaky = flaky_site(1, limits={"replay": "50k"})
    longer = BODY + b"x"
    assert ask(d, "PUT", longer)[0] == 502
    assert flaky.bodies == [longer]
    assert ask(d, "PUT", longer) == (200, longer)


@pytest.mark.parametrize("body", [b"", b"once"])
def test_a_post_that_may_have_been_acted_on(flaky_site, body):
    """RFC 9110 section 9.2.2: never twice."""
    d, flaky = flaky_site(1)
    assert ask(d, "POST", body)[0] == 502
    assert flaky.bodies == [body]
    assert "retries" not in d.wait_log("access", reason="upstream_closed")[0]
    assert d.metric("retries_total") == 0


def test_a_kept_connection_that_dies(door, script):
    """It takes the second request and dies: a new one is opened."""
    def act(raw):
        raw.until(b"\r\n\r\n")
        raw.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        raw.until(b"\r\n\r\n")

    s = script(act)
    d = door(workers=1, sites={"a.test": {"to": s.url, "http": "serve"}})
    assert [ask(d) for _ in range(2)] == [(200, b"ok")] * 2
    assert s.connections == 2
    assert d.wait_log("access", retries=1, status=200)


def test_elsewhere_if_there_is_an_elsewhere(door, dns, service):
    dead = Flaky(100)
    port = service(handler=dead).port
    alive = service(handler=Flaky(0), ip="127.0.0.2", port=port)
    dns.set("web", a=["127.0.0.1", "127.0.0.2"])
    d = door(workers=1, dns=dns, sites={"a.test": {"to": f"http://web:{port}", "http": "serve"}})
    assert [ask(d)[0] for _ in range(10)] == [200] * 10
    assert len(alive.requests) == 10
    assert d.metric("retries_total") == len(dead.bodies)


def test_the_budget_ends(flaky_site):
    """A service that dies under every request gets few of them again."""
    d, flaky = flaky_site(10_000)
    count = 30
    assert {ask(d)[0] for _ in range(count)} == {502}
    assert len(flaky.bodies) <= count + 10 + count // 5
    assert d.metric("retries_total") == len(flaky.bodies) - count
    assert d.metric("retries_refused_total") > 0
