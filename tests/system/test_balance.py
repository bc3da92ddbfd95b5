# SPDX-License-Identifier: MIT
"""Which endpoint of a service gets a request: by requests in flight, in turn, or by what it holds."""

import collections
import contextlib
import json
import os
import signal
import threading

import pytest
from lib.curl import VERSIONS, ask
from lib.raw import Raw
from lib.service import Service
from lib.wait import until

URL = "https://a.test/"
ADDRESSES = ("127.0.2.1", "127.0.2.2", "127.0.2.3")


@pytest.fixture
def tasks(dns):
    """Three services on three addresses and one port, which the DNS calls `app`."""
    with contextlib.ExitStack() as stack:
        first = Service("one", ip=ADDRESSES[0])
        stack.callback(first.close)
        made = [first]
        for name, ip in zip(("two", "three"), ADDRESSES[1:]):
            made.append(Service(name, ip=ip, port=first.port))
            stack.callback(made[-1].close)
        dns.set("app", a=list(ADDRESSES))
        yield made, dns


def site(made, balance=None):
    rules = {"to": f"http://app:{made[0].port}"}
    if balance is not None:
        rules["balance"] = balance
    return {"a.test": rules}


def who(answer):
    assert answer.status == 200
    return json.loads(answer.body)["service"]


def ready(door):
    until(lambda: ask(door, URL).status == 200, "the service is known")


@pytest.mark.parametrize("version", VERSIONS)
def test_turns_are_even(door, tasks, version):
    made, dns = tasks
    d = door(names=["a.test"], sites=site(made, "round_robin"), dns=dns, workers=1)
    ready(d)
    got = collections.Counter(who(ask(d, URL, version)) for _ in range(12))
    assert got == {"one": 4, "two": 4, "three": 4}


def test_busy_one_is_left_alone_by_all_workers(door, tasks):
    """One endpoint holds on to what it got, from one worker or both. Each worker sees the sum, so
    requests on connections of their own all go elsewhere; afterwards it has its share again."""
    made, dns = tasks
    gate = threading.Event()

    def slow(handler):
        if handler.path == "/slow":
            gate.wait(60)
        handler.reply(200, json.dumps({"service": handler.server.service.name}))

    for one in made:
        one.handler = slow
    url = f"http://app:{made[0].port}"
    d = door(names=["a.test"], dns=dns, workers=2, sites={"a.test": {"routes": {
        "/": url, "/slow": {"to": url, "balance": "hash"}}}})
    ready(d)
    with contextlib.ExitStack() as stack:
        stack.callback(gate.set)
        for _ in range(6):
            raw = stack.enter_context(Raw(d.connect_tls("a.test")))
            raw.send("GET /slow HTTP/1.1\r\nHost: a.test\r\n\r\n")
        until(lambda: sum(one.requests.count("GET /slow") for one in made) == 6, "all wait")
        busy = next(one for one in made if "GET /slow" in one.requests)
        assert busy.requests.count("GET /slow") == 6
        got = collections.Counter(who(ask(d, URL)) for _ in range(40))
        assert len(got) == 2 and busy.name not in got
        gate.set()
        until(lambda: who(ask(d, URL)) == busy.name, "it is one of three again")


@pytest.mark.parametrize("version", VERSIONS)
def test_cookie_keeps_its_endpoint(door, tasks, version):
    made, dns = tasks
    d = door(names=["a.test"], sites=site(made, {"hash": "cookie", "name": "sid"}), dns=dns)
    ready(d)

    def place(n):
        return who(ask(d, URL, version, "-H", f"Cookie: a=b; sid=user{n}"))

    places = {n: place(n) for n in range(24)}
    assert len(set(places.values())) == 3
    assert all(place(n) == where for n, where in places.items())  # by whichever worker
    # What loses its endpoint goes elsewhere; the others stay.
    gone = made[1]
    dns.set("app", a=[ADDRESSES[0], ADDRESSES[2]])
    n = next(n for n, where in places.items() if where == gone.name)
    until(lambda: place(n) != gone.name, "the address has left")
    for n, where in places.items():
        assert (place(n) != where) == (where == gone.name)
    dns.set("app", a=list(ADDRESSES))
    n = next(n for n, where in places.items() if where == gone.name)
    until(lambda: place(n) == gone.name, "the address is back")
    assert all(place(n) == where for n, where in places.items())


def test_header_and_client(door, tasks):
    made, dns = tasks
    port = made[0].port
    d = door(names=["a.test"], dns=dns, workers=2, sites={"a.test": {"routes": {
        "/": {"to": f"http://app:{port}", "balance": {"hash": "header", "name": "x-account"}},
        "/client": {"to": f"http://app:{port}", "balance": "hash"}}}})
    ready(d)

    def by_header(n):
        return who(ask(d, URL, "-H", f"X-Account: {n}"))

    places = {n: by_header(n) for n in range(16)}
    assert len(set(places.values())) > 1
    assert all(by_header(n) == where for n, where in places.items())
    # Without the header: as if nothing were written.
    assert len({who(ask(d, URL)) for _ in range(40)}) == 3

    def by_client(n):
        return who(ask(d, URL + "client", source=f"127.0.3.{n}"))

    places = {n: by_client(n) for n in range(1, 17)}
    assert len(set(places.values())) > 1
    assert all(by_client(n) == where for n, where in places.items())


def test_hidden_clients_are_spread(door, tasks):
    """Where everybody has the gateway's address, nobody's place follows from it."""
    made, dns = tasks
    d = door(names=["a.test"], sites=site(made, "hash"), dns=dns,
             extra={"masked": ["127.0.0.0/8"]})
    ready(d)
    assert len({who(ask(d, URL)) for _ in range(40)}) == 3


def test_dead_worker_counts_no_more(door, tasks):
    """What was in flight from workers that were killed weighs on nobody afterwards."""
    made, dns = tasks
    gate = threading.Event()

    def slow(handler):
        if handler.path == "/slow":
            gate.wait(60)
        with contextlib.suppress(OSError):
            handler.reply(200, json.dumps({"service": handler.server.service.name}))

    for one in made:
        one.handler = slow
    url = f"http://app:{made[0].port}"
    d = door(names=["a.test"], dns=dns, workers=2, sites={"a.test": {"routes": {
        "/": url, "/slow": {"to": url, "balance": "hash"}}}})
    ready(d)
    with contextlib.ExitStack() as stack:
        stack.callback(gate.set)
        for _ in range(6):
            raw = stack.enter_context(Raw(d.connect_tls("a.test")))
            raw.send("GET /slow HTTP/1.1\r\nHost: a.test\r\n\r\n")
        until(lambda: sum(one.requests.count("GET /slow") for one in made) == 6, "all wait")
        busy = next(one for one in made if "GET /slow" in one.requests)
        before = d.pids("worker")
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        until(lambda: len(d.pids("worker")) == 2 and set(before).isdisjoint(d.pids("worker"))
              and d.is_ready(), "new workers")
        until(lambda: who(ask(d, URL)) == busy.name, "the busy one is as good as any")


def test_reload_changes_it(door, tasks):
    made, dns = tasks
    d = door(names=["a.test"], sites=site(made), dns=dns)
    ready(d)
    assert len({who(ask(d, URL)) for _ in range(40)}) == 3
    d.configure(site(made, "hash"))
    d.reload()
    assert len({who(ask(d, URL)) for _ in range(12)}) == 1


def test_bad_answers_eject_and_it_returns(door, tasks):
    made, dns = tasks
    sick = made[0]
    sick.handler = lambda handler: handler.reply(503)
    d = door(names=["a.test"], sites=site(made), dns=dns, workers=1)
    until(lambda: ask(d, URL) and d.metric("upstream_ejected") == 1, "the sick one is passed over")
    at = f"{sick.ip}:{sick.port}"
    assert d.metric("upstream_ejections_total", reason="bad_answers", endpoint=at) >= 1
    assert d.metric("upstream_ejections_total") == d.metric("upstream_ejections_total", endpoint=at)
    shown = d.run("explain", URL, "-c", d.config).stdout
    assert d.metric("upstream_ejected") == 0 or "passed over by 1 workers" in shown, shown
    sick.handler = None
    until(lambda: who(ask(d, URL)) == sick.name, "it is back")


def test_half_of_them_always_stay(door, tasks):
    """All answer 503: at most one of three is passed over, and every request still gets an answer."""
    made, dns = tasks
    for one in made:
        one.handler = lambda handler: handler.reply(503)
    d = door(names=["a.test"], sites=site(made), dns=dns, workers=1)
    until(lambda: ask(d, URL).status == 503 and d.metric("upstream_ejections_total") >= 1, "one")
    for _ in range(20):
        assert ask(d, URL).status == 503
        assert d.metric("upstream_ejected") <= 1
