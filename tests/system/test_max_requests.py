# SPDX-License-Identifier: MIT
"""At most so many requests at one endpoint, whatever the number of workers; the rest take turns."""

import concurrent.futures
import contextlib
import os
import signal
import threading

import pytest
from lib.curl import ask as curl
from lib.raw import Raw
from lib.service import Service
from lib.wait import until

GET = "GET {} HTTP/1.1\r\nHost: a.test\r\n\r\n"


class Gate:
    """A service's handler that lets nobody go before it is told to, and counts who is inside."""

    def __init__(self):
        self.lock = threading.Condition()
        self.inside = []
        self.most = 0
        self.passes = 0

    def __call__(self, request):
        with self.lock:
            self.inside.append(request.path)
            self.most = max(self.most, len(self.inside))
            self.lock.notify_all()
            self.lock.wait_for(lambda: self.passes > 0, timeout=60)
            self.passes -= 1
            self.inside.remove(request.path)
        request.reply(200, request.path)

    def let(self, count):
        with self.lock:
            self.passes += count
            self.lock.notify_all()

    def has(self, count):
        until(lambda: len(self.inside) == count, f"{count} are inside")


@pytest.fixture
def pool():
    with concurrent.futures.ThreadPoolExecutor(64) as threads:
        yield threads


@pytest.fixture
def gate():
    one = Gate()
    yield one
    one.let(10_000)


@pytest.fixture
def bound_site(door, service, gate):
    """bound_site(max_requests, ...): a door with one service behind the gate."""
    def make(bound, workers=1, wait="30s", **options):
        sites = {"a.test": {"to": service(handler=gate).url, "http": "serve",
                            "max_requests": bound}}
        return door(workers=workers, sites=sites, extra={"hold": {"wait": wait}}, **options)
    return make


def ask(d, path="/"):
    return d.get("a.test", path, tls=False)


def queued(d):
    return d.metric("queued_requests")


def wait_in_turn(d, pool, paths, before=0):
    """Requests that come one after the other."""
    waiting = []
    for path in paths:
        waiting.append(pool.submit(ask, d, path))
        until(lambda: queued(d) == before + len(waiting), "it waits")
    return waiting


def test_in_the_order_in_which_they_came(bound_site, gate, pool):
    d = bound_site(2)
    first = [pool.submit(ask, d, f"/first{n}") for n in range(2)]
    gate.has(2)
    waiting = wait_in_turn(d, pool, [f"/{n}" for n in range(6)])
    for n in range(6):
        gate.let(1)
        until(lambda: f"/{n}" in gate.inside, f"{n} is the next")
        until(lambda: queued(d) == 5 - n, "the others wait")
    gate.let(2)
    assert [w.result()[0] for w in first + waiting] == [200] * 8
    assert gate.most == 2
    assert d.metric("queued_requests_total") == 6
    records = d.wait_log("access", 8, status=200)
    assert sum("queued_ms" in r for r in records) == 6 and not any("held" in r for r in records)


@pytest.mark.parametrize("bound", [3, 1])
def test_over_all_workers(bound_site, gate, pool, bound):
    """Every request a connection of its own, so that all workers get some."""
    d = bound_site(bound, workers=3)
    answers = [pool.submit(ask, d, f"/{n}") for n in range(40)]
    gate.has(bound)
    until(lambda: queued(d) == 40 - bound, "the others wait")
    assert len({r["pid"] for r in d.state()["processes"] if r["role"] == "worker"}) == 3
    gate.let(40)
    assert [a.result()[0] for a in answers] == [200] * 40
    assert gate.most == bound
    assert queued(d) == 0


def test_another_worker_s_end_is_seen(bound_site, gate, pool):
    """What waits in one worker goes on when what is in flight in others ends."""
    d = bound_site(1, workers=4)
    with contextlib.ExitStack() as stack:
        raws = [stack.enter_context(Raw(d.connect())) for _ in range(12)]
        for n, raw in enumerate(raws):
            raw.send(GET.format(f"/{n}"))
        until(lambda: queued(d) == 11, "all but one wait")
        for _ in range(12):
            gate.let(1)
            until(lambda: gate.passes == 0, "one more is through")
        assert [raw.response()[0] for raw in raws] == [200] * 12
    assert gate.most == 1


def test_no_more_than_may_wait(bound_site, gate, pool):
    d = bound_site({"endpoint": 1, "queue": 3}, workers=2)
    first = pool.submit(ask, d)
    gate.has(1)
    waiting = wait_in_turn(d, pool, ["/a", "/b", "/c"])
    status, headers, body = ask(d)
    assert status == 503 and int(headers["Retry-After"]) > 0 and b"queue_full" in body
    until(lambda: d.metric("requests_total", reason="queue_full") == 1, "it is counted")
    gate.let(4)
    assert [w.result()[0] for w in [first, *waiting]] == [200] * 4


def test_waited_in_vain(bound_site, gate, pool):
    d = bound_site(1, wait="300ms")
    first = pool.submit(ask, d)
    gate.has(1)
    status, headers, body = ask(d)
    assert status == 503 and int(headers["Retry-After"]) > 0 and b"queue_timeout" in body
    record = d.wait_log("access", reason="queue_timeout")[0]
    assert record["queued_ms"] > 0 and "held" not in record
    assert d.metric("queue_timeouts_total") == 1
    gate.let(2)
    assert first.result()[0] == 200 and ask(d)[0] == 200


def test_nobody_waits_where_hold_is_off(bound_site, gate, pool):
    d = bound_site(1, wait="0s")
    first = pool.submit(ask, d)
    gate.has(1)
    assert ask(d)[0] == 503
    d.wait_log("access", reason="queue_full")
    gate.let(1)
    assert first.result()[0] == 200


def test_a_client_that_leaves_gives_its_place_away(bound_site, gate, pool):
    d = bound_site({"endpoint": 1, "queue": 2})
    first = pool.submit(ask, d)
    gate.has(1)
    with Raw(d.connect()) as raw:
        raw.send(GET.format("/left"))
        until(lambda: queued(d) == 1, "it waits")
        second = wait_in_turn(d, pool, ["/second"], before=1)
    until(lambda: queued(d) == 1, "it has left")
    third = wait_in_turn(d, pool, ["/third"], before=1)
    gate.let(3)
    assert [w.result()[0] for w in [first, *second, *third]] == [200] * 3
    assert gate.most == 1 and d.metric("upstream_active") == 0


def test_one_in_flight_that_leaves_lets_the_next_one_go(bound_site, gate, pool):
    d = bound_site(1)
    with Raw(d.connect()) as raw:
        raw.send(GET.format("/left"))
        gate.has(1)
        waiting = wait_in_turn(d, pool, ["/next"])
    until(lambda: "/next" in gate.inside, "the place is free")
    gate.let(2)
    assert waiting[0].result()[0] == 200


def test_a_worker_that_dies_leaves_no_counts(bound_site, gate, pool):
    """What was in flight with it is not any more; who waits in the other worker goes on."""
    d = bound_site(1, workers=2)
    with contextlib.ExitStack() as stack:
        raw = stack.enter_context(Raw(d.connect()))
        raw.send(GET.format("/first"))
        gate.has(1)
        raws = [stack.enter_context(Raw(d.connect())) for _ in range(8)]
        for one in raws:
            one.send(GET.format("/later"))
        until(lambda: queued(d) == 8, "the others wait")
        workers = d.pids("worker")
        active = {p: d.metric("upstream_active") for p in workers}
        assert set(active.values()) == {1}
        for pid in workers:
            os.kill(pid, signal.SIGKILL)
        until(lambda: len(set(d.pids("worker")) - set(workers)) == 2, "both are new")
        gate.let(1000)
    until(lambda: ask(d)[0] == 200, "new ones have their turn")
    answers = [pool.submit(ask, d) for _ in range(10)]
    assert [a.result()[0] for a in answers] == [200] * 10
    assert queued(d) == 0


def test_each_endpoint_for_itself(door, dns, gate, pool):
    """All endpoints fill up before anybody waits, also where a hash says where to go."""
    with contextlib.ExitStack() as stack:
        first = Service("one", ip="127.0.3.1", handler=gate)
        stack.callback(first.close)
        for ip in ("127.0.3.2", "127.0.3.3"):
            stack.callback(Service(ip, ip=ip, port=first.port, handler=gate).close)
        dns.set("app", a=["127.0.3.1", "127.0.3.2", "127.0.3.3"])
        url = f"http://app:{first.port}"
        d = door(dns=dns, workers=2, extra={"hold": {"wait": "30s"}}, sites={"a.test": {
            "http": "serve", "max_requests": 2,
            "routes": {"/": url, "/hash": {"to": url, "balance": "hash"}}}})
        gate.let(1)
        until(lambda: ask(d)[0] == 200, "the service is known")
        answers = [pool.submit(ask, d, "/hash") for _ in range(6)]
        gate.has(6)
        per_endpoint = [d.metric("upstream_active", endpoint=f"127.0.3.{n}:{first.port}")
                        for n in (1, 2, 3)]
        assert per_endpoint == [2, 2, 2]
        answers += wait_in_turn(d, pool, ["/", "/hash"])
        gate.let(8)
        assert [a.result()[0] for a in answers] == [200] * 8
        gate.let(1000)


def test_a_tunnel_counts_until_it_ends(door, script, pool):
    def act(raw):
        head = raw.until(b"\r\n\r\n")
        if b"Upgrade" in head:
            raw.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
                     "Upgrade: echo\r\n\r\n")
            raw.rest()
        else:
            raw.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    d = door(workers=1, extra={"hold": {"wait": "30s"}}, sites={"a.test": {
        "to": script(act).url, "http": "serve", "max_requests": 1}})
    with Raw(d.connect()) as raw:
        raw.send("GET / HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
        raw.until(b"101 Switching")
        waiting = wait_in_turn(d, pool, ["/"])
    assert waiting[0].result()[0] == 200


def test_routes_have_numbers_of_their_own(door, service, gate, pool):
    """A route's number is its own; what is in flight is everybody's."""
    url = service(handler=gate).url
    d = door(workers=1, extra={"hold": {"wait": "30s"}}, sites={"a.test": {
        "http": "serve", "max_requests": 1,
        "routes": {"/": url, "/more": {"to": url, "max_requests": 3},
                   "/free": {"to": url, "max_requests": "off"}}}})
    answers = [pool.submit(ask, d, "/more") for _ in range(3)]
    gate.has(3)
    answers += wait_in_turn(d, pool, ["/"])
    answers += [pool.submit(ask, d, "/free")]
    gate.has(4)
    gate.let(5)
    assert [a.result()[0] for a in answers] == [200] * 5


def test_over_http2(door, gate, pool, service):
    """Streams of one connection are requests like others."""
    d = door(names=["a.test"], workers=2, extra={"hold": {"wait": "30s"}}, sites={
        "a.test": {"to": service(handler=gate).url, "max_requests": 2}})
    urls = [f"https://a.test/{n}" for n in range(8)]
    answer = pool.submit(d.curl, "--http2", "--parallel", "-w", "%{http_version} %{http_code}\n",
                         *[a for url in urls for a in ("-o", "/dev/null", url)])
    gate.has(2)
    until(lambda: queued(d) == 6, "the others wait")
    gate.let(8)
    assert answer.result().stdout.split(b"\n")[:8] == [b"2 200"] * 8
    assert gate.most == 2


def test_the_service_goes_while_they_wait(door, dns, service, gate, pool):
    """Its only task ends: those that waited for their turn wait for a task."""
    one = service(handler=gate)
    dns.set("app", a=["127.0.0.1"])
    d = door(workers=1, dns=dns, extra={"hold": {"wait": "30s"}}, sites={"a.test": {
        "to": f"http://app:{one.port}", "http": "serve", "max_requests": 2}})
    answers = [pool.submit(ask, d, f"/{n}") for n in range(2)]
    gate.has(2)
    answers += wait_in_turn(d, pool, [f"/later{n}" for n in range(6)])
    one.close()
    gate.let(2)
    until(lambda: d.metric("held_requests") > 0, "there is no task")
    service(port=one.port)
    later = [a.result()[0] for a in answers[2:]]
    assert later == [200] * 6
    assert d.metric("retries_total", cause="connect") < 100  # nobody tries in a circle
    assert queued(d) == 0 and d.metric("held_requests") == 0


def test_addresses_that_come_are_room_for_more(door, dns, service, gate, pool):
    one = service(handler=gate)
    service(handler=gate, ip="127.0.0.2", port=one.port)
    dns.set("app", a=["127.0.0.1"])
    d = door(workers=2, dns=dns, extra={"hold": {"wait": "30s"}}, sites={"a.test": {
        "to": f"http://app:{one.port}", "http": "serve", "max_requests": 1}})
    answers = [pool.submit(ask, d)]
    gate.has(1)
    answers += wait_in_turn(d, pool, ["/second", "/third"])
    dns.set("app", a=["127.0.0.1", "127.0.0.2"])
    gate.has(2)
    until(lambda: queued(d) == 1, "one has its turn")
    gate.let(3)
    assert [a.result()[0] for a in answers] == [200] * 3


def test_no_worker_starves(bound_site, gate, pool):
    """One worker is kept busy by many clients; a request that comes to another one has its turn
    too, long before all of these are through."""
    d = bound_site({"endpoint": 2, "queue": 100_000}, workers=2)
    stop = threading.Event()
    done = []

    def busy():
        with Raw(d.connect()) as raw:  # one connection stays in its worker
            while not stop.is_set():
                raw.send(GET.format("/busy"))
                assert raw.response()[0] == 200
                done.append(1)

    running = [pool.submit(busy) for _ in range(12)]
    gate.let(1_000_000)
    until(lambda: len(done) > 50, "they are at it")
    for _ in range(8):
        assert ask(d, "/one")[0] == 200
    stop.set()
    for one in running:
        one.result()
    assert gate.most <= 2


def test_curl_sees_it_too(bound_site, gate):
    d = bound_site(1, names=["a.test"])
    gate.let(5)
    assert [curl(d, "https://a.test/").status for _ in range(5)] == [200] * 5
    assert d.metric("queued_requests_total") == 0
