# SPDX-License-Identifier: MIT
"""Checks of endpoints: one that fails them gets no request while another is well, and is back once
it passes. What a check may be told does no harm: it is bounded, and made once for the whole door."""

import collections
import contextlib
import json
import os
import signal
import socket
import threading

import pytest
from lib.curl import ask
from lib.h2_service import H2Service
from lib.service import Service
from lib.tls_service import TlsNginx
from lib.wait import until

URL = "https://a.test/"
ADDRESSES = ("127.0.2.1", "127.0.2.2")
QUICK = {"path": "/healthz", "interval": "100ms", "timeout": "10s", "fall": 2, "rise": 2}


class Task(Service):
    """What it says to a check is `health`: a status, or a function of the handler."""

    def __init__(self, name, ip, port=0):
        self.health = 200
        self.checks = []  # the Host field of each
        super().__init__(name, self.answer, ip=ip, port=port)

    def answer(self, handler):
        if handler.path != "/healthz":
            handler.reply(200, json.dumps({"service": self.name}))
            return
        self.checks.append(handler.headers["Host"])
        if callable(self.health):
            self.health(handler)
        else:
            handler.reply(self.health, b"", [("Location", "/nowhere")] * (self.health == 302))


@pytest.fixture
def tasks(dns):
    with contextlib.ExitStack() as stack:
        one = Task("one", ADDRESSES[0])
        stack.callback(one.close)
        two = Task("two", ADDRESSES[1], one.port)
        stack.callback(two.close)
        dns.set("app", a=list(ADDRESSES))
        yield one, two


def site(tasks, **health):
    return {"to": f"http://app:{tasks[0].port}", "balance": "round_robin",
            "health": {**QUICK, **health}}


def ready(d):
    until(lambda: ask(d, URL).status == 200, "the service is known")


def who(d, count=8):
    """Which tasks answer so many requests; every one is answered."""
    answers = [ask(d, URL) for _ in range(count)]
    assert [a.status for a in answers] == [200] * count
    return collections.Counter(json.loads(a.body)["service"] for a in answers)


def is_both(d):
    return set(who(d)) == {"one", "two"}


def endpoint(d, ip):
    """What /state says of it."""
    service, = d.state()["services"]
    return next(e for e in service["endpoint_states"] if e["address"].startswith(f"{ip}:"))


class Traffic:
    """Asks without a pause, until it is left; nothing may fail meanwhile."""

    def __init__(self, d):
        self.d = d
        self.statuses = collections.Counter()
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        while not self.over.is_set():
            self.statuses[ask(self.d, URL).status] += 1

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()
        assert set(self.statuses) == {200}


def test_out_and_in_again_under_traffic(door, dns, tasks):
    one, two = tasks
    d = door(names=["a.test"], dns=dns, workers=2, sites={"a.test": site(tasks)})
    ready(d)
    with Traffic(d):
        until(lambda: one.checks and two.checks, "both are checked")
        assert set(one.checks + two.checks) == {f"app:{one.port}"}
        assert d.log("endpoint_down") == []
        two.health = 503
        record, = d.wait_log("endpoint_down")
        assert (record["endpoint"], record["reason"], record["status"], record["path"],
                record["well"], record["of"]) == (
            f"{two.ip}:{two.port}", "check_status", 503, "/healthz", 1, 2)
        until(lambda: set(who(d)) == {"one"}, "only the other one is asked")
        told = endpoint(d, two.ip)
        assert (told["state"], told["reason"], told["status"]) == ("down", "check_status", 503)
        assert told["since"] and "reason" not in endpoint(d, one.ip)
        assert d.metric("endpoints_failing") == 1 and d.metric("endpoints_taken_out_total") == 1
        two.health = 200
        record, = d.wait_log("endpoint_up")
        assert record["endpoint"] == f"{two.ip}:{two.port}"
        until(lambda: is_both(d), "both are asked again")
    assert endpoint(d, two.ip)["state"] == "listed"
    assert d.metric("endpoints_failing") == 0
    assert d.metric("health_checks_total", outcome="good") > 0
    assert len(d.log("endpoint_down")) == len(d.log("endpoint_up")) == 1  # said once


def test_connection_alone(door, dns, tasks):
    """Without a path nothing is sent; a closed port is found out without a request."""
    one, two = tasks
    check = {k: v for k, v in QUICK.items() if k != "path"}
    d = door(names=["a.test"], dns=dns, sites={"a.test": {**site(tasks), "health": check}})
    ready(d)
    until(lambda: d.metric("health_checks_total", outcome="good") > 4, "both are checked")
    assert one.checks == two.checks == []
    two.close()
    record, = d.wait_log("endpoint_down")
    assert record["endpoint"] == f"{two.ip}:{two.port}" and record["reason"] == "connect_refused"
    until(lambda: set(who(d)) == {"one"}, "only the other one is asked")
    again = Task("two", two.ip, two.port)
    try:
        d.wait_log("endpoint_up")
        until(lambda: is_both(d), "both are asked again")
    finally:
        again.close()


def test_all_down_is_as_if_none_were_checked(door, dns, tasks):
    one, two = tasks
    one.health = two.health = 500
    d = door(names=["a.test"], dns=dns, sites={"a.test": site(tasks)})
    ready(d)
    with Traffic(d):
        assert {r["well"] for r in d.wait_log("endpoint_down", 2)} == {1, 0}
        until(lambda: is_both(d), "both are asked")
        assert {endpoint(d, ip)["state"] for ip in ADDRESSES} == {"down"}
        one.health = 204
        d.wait_log("endpoint_up")
        until(lambda: set(who(d)) == {"one"}, "the one that is well")


def close_at_once(handler):
    handler.close_connection = True


def garbage(handler):
    handler.wfile.write(b"HTTP/1.1 200 OK\nno line ends as it should\n\n")
    handler.close_connection = True


def endless_head(handler):
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    with contextlib.suppress(OSError):
        while True:
            handler.wfile.write(b"X-Fill: " + b"x" * 1000 + b"\r\n")


def endless_body(handler):
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    with contextlib.suppress(OSError):
        while True:
            handler.wfile.write(b"400\r\n" + b"x" * 1024 + b"\r\n")


def interim(handler):
    handler.wfile.write(b"HTTP/1.1 103 Early Hints\r\n\r\n")
    handler.reply(204)


@pytest.mark.parametrize(("answer", "reason"), [
    (404, "check_status"), (500, "check_status"), (close_at_once, "upstream_closed"),
    (garbage, "upstream_bad_head"), (endless_head, "upstream_header_too_large")])
def test_bad_answers(door, dns, tasks, answer, reason):
    tasks[1].health = answer
    d = door(names=["a.test"], dns=dns, sites={"a.test": site(tasks)})
    record, = d.wait_log("endpoint_down")
    assert record["reason"] == reason and record["endpoint"].startswith(ADDRESSES[1])


@pytest.mark.parametrize("answer", [204, 302, endless_body, interim])
def test_good_answers(door, dns, tasks, answer):
    tasks[1].health = answer
    d = door(names=["a.test"], dns=dns, sites={"a.test": site(tasks)})
    until(lambda: len(tasks[1].checks) > 4, "it is checked")
    assert d.log("endpoint_down") == [] and "GET /nowhere" not in tasks[1].requests


def test_slow_check_times_out(door, dns, tasks):
    """One under way for each endpoint, whatever the interval; running requests go on."""
    gate = threading.Event()
    tasks[1].health = lambda _: gate.wait(60)
    d = door(names=["a.test"], dns=dns, sites={"a.test": site(tasks, timeout="300ms")})
    try:
        record, = d.wait_log("endpoint_down")
        assert record["reason"] == "upstream_timeout"
    finally:
        gate.set()


def test_once_for_all_sites_and_workers(door, dns, tasks):
    """The same check of the same service is one; with another path an endpoint must pass both."""
    one, two = tasks
    other = {"to": f"http://app:{one.port}", "health": {**QUICK, "path": "/other"}}
    d = door(names=["a.test", "b.test", "c.test"], dns=dns, workers=2, sites={
        "a.test": site(tasks), "b.test": site(tasks), "c.test": other})
    ready(d)
    until(lambda: len(two.checks) > 10, "it is checked")
    paths = collections.Counter(r for r in two.requests if r != "GET /")
    assert paths["GET /healthz"] < 1.5 * paths["GET /other"] + 5  # twice as many if each asked
    two.health = 500
    d.wait_log("endpoint_down")
    until(lambda: set(who(d)) == {"one"}, "one of its checks fails")


def test_reload_keeps_results(door, dns, tasks):
    one, two = tasks
    two.health = 500
    sites = {"a.test": site(tasks)}
    d = door(names=["a.test"], dns=dns, sites=sites)
    ready(d)
    d.wait_log("endpoint_down")
    until(lambda: set(who(d)) == {"one"}, "only the other one is asked")
    d.configure({**sites, "b.test": "http://app:1"})
    d.reload()
    assert set(who(d, 20)) == {"one"}
    # Without the check, all are used; the new one begins from nothing.
    plain = {k: v for k, v in sites["a.test"].items() if k != "health"}
    d.configure({"a.test": plain})
    d.reload()
    until(lambda: is_both(d), "nothing is checked")
    assert d.metric("endpoints_failing") == 0
    d.configure(sites)
    d.reload()
    d.wait_log("endpoint_down", 2)


def test_new_worker_knows(door, dns, tasks):
    tasks[1].health = 500
    d = door(names=["a.test"], dns=dns, workers=1, sites={"a.test": site(tasks)})
    ready(d)
    d.wait_log("endpoint_down")
    until(lambda: set(who(d)) == {"one"}, "only the other one is asked")
    before, = d.pids("worker")
    os.kill(before, signal.SIGKILL)
    until(lambda: d.pids("worker") not in ([], [before]) and d.admin("/readyz")[0] == 200,
          "another worker serves")
    assert set(who(d, 20)) == {"one"}


def test_http2_service(door, dns):
    """With h2c:// the check speaks HTTP/2, with the greeting alone or a request."""
    def handle(connection, event):
        if type(event).__name__ == "StreamEnded":
            path = connection.headers[event.stream_id][":path"]
            paths.append(path)
            connection.answer(event.stream_id, b"", [], 200 if path != "/bad" else 500)

    paths = []
    with H2Service(handle) as service:
        dns.set("app", a=["127.0.0.1"])
        to = f"h2c://app:{service.port}"
        bad = {**QUICK, "path": "/bad"}
        greeting = {k: v for k, v in QUICK.items() if k != "path"}
        d = door(names=["a.test"], dns=dns, sites={"a.test": {"routes": {
            "/": {"to": to, "health": QUICK}, "/b": {"to": to, "health": bad},
            "/c": {"to": to, "health": greeting}}}})
        record, = d.wait_log("endpoint_down")
        assert (record["path"], record["status"]) == ("/bad", 500)
        until(lambda: paths.count("/healthz") > 3, "the good one is asked on")


def test_http1_service_called_h2c(door, dns, tasks):
    d = door(names=["a.test"], dns=dns, sites={"a.test": {
        "to": f"h2c://app:{tasks[0].port}", "health": QUICK}})
    record = d.wait_log("endpoint_down", 2)[0]
    assert record["reason"] == "h2_protocol"


@pytest.mark.parametrize("http2", [False, True])
def test_tls_service(door, dns, authority, http2):
    """Of a service behind TLS no certificate is looked at by the check: its requests do."""
    with TlsNginx(authority, names=["elsewhere.test"], http2=http2) as service:
        port = service.url.rsplit(":", 1)[1]
        dns.set("app", a=["127.0.0.1"])
        d = door(names=["a.test"], dns=dns, sites={"a.test": {
            "to": f"https://app:{port}", "verify": {"ca": str(authority.ca)},
            "health": {**QUICK, "path": "/echo"}}})
        until(lambda: d.metric("health_checks_total", outcome="good") > 3, "it is checked")
        assert d.log("endpoint_down") == []
        assert d.metric("health_checks_total", outcome="bad") == 0


def test_plain_port_behind_https(door, dns, tasks):
    d = door(names=["a.test"], dns=dns, sites={"a.test": {
        "to": f"https://app:{tasks[0].port}", "verify": "off", "health": QUICK}})
    assert d.wait_log("endpoint_down")[0]["reason"] == "upstream_tls"


def test_many_are_spread_and_bounded(door, dns):
    """A hundred silent endpoints: never more at once than 32, and requests go on."""
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(contextlib.closing(socket.create_server(("127.0.3.1", 0))))
        port = first.getsockname()[1]
        ips = [f"127.0.3.{n}" for n in range(1, 101)]
        for ip in ips[1:]:
            stack.enter_context(contextlib.closing(socket.create_server((ip, port))))
        dns.set("app", a=ips)
        d = door(names=["a.test"], dns=dns, sites={"a.test": {
            "to": f"http://app:{port}",
            "health": {**QUICK, "interval": "500ms", "timeout": "400ms"}}})
        keeper, = d.pids("keeper")
        most = 0

        def enough():
            nonlocal most
            with open(f"/proc/{keeper}/net/tcp", encoding="ascii") as table:
                rows = [line.split() for line in table][1:]
            most = max(most, sum(r[2].endswith(f":{port:04X}") and r[3] == "01" for r in rows))
            return d.metric("health_checks_total", outcome="bad") > 300
        until(enough, "each was checked several times")
        assert 0 < most <= 32 + 16  # and those whose end is on its way


def test_ejection_as_configured(door, dns, tasks):
    """Two bad answers are enough here; where they are off none are."""
    def bad(handler):
        handler.reply(503 if handler.server.service is tasks[1] else 200,
                      json.dumps({"service": handler.server.service.name}))

    for task in tasks:
        task.handler = bad
    to = {"to": f"http://app:{tasks[0].port}", "balance": "round_robin"}
    d = door(names=["a.test", "b.test"], dns=dns, workers=1, sites={
        "a.test": {**to, "eject": {"errors": 2, "first": "1h", "longest": "1h"}},
        "b.test": {**to, "eject": {"errors": "off"}}})
    until(lambda: ask(d, URL).status in {200, 503}, "the service is known")
    for _ in range(30):
        ask(d, "https://b.test/")
    assert d.metric("upstream_ejections_total") == 0
    until(lambda: ask(d, URL).status == 503 or d.metric("upstream_ejections_total") == 1,
          "it answers badly")
    until(lambda: d.metric("upstream_ejections_total", reason="bad_answers") == 1 or
          (ask(d, URL) and False), "it is ejected")
    assert set(who(d, 20)) == {"one"}
    told = endpoint(d, tasks[1].ip)
    assert (told["state"], told["reason"], told["workers"]) == ("ejected", "bad_answers", 1)
    assert told["since"]
