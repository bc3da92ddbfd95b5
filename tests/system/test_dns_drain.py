# SPDX-License-Identifier: MIT
"""What a positive answer takes away goes at once, but for what runs; and how often the DNS is asked
while connections fail."""

import concurrent.futures
import socket
import struct
import threading
import time

import pytest
from h2.events import StreamEnded
from lib.h2_service import H2Service
from lib.script import Script
from lib.service import Service
from lib.wait import until

from test_dns import Tasks, answers


class Gate:
    """Requests for /slow are held until it opens."""

    def __init__(self):
        self.open = threading.Event()
        self.entered = threading.Event()
        self.held = None

    def http1(self, request):
        if request.path == "/slow":
            self.entered.set()
            self.open.wait(30)
        request.reply(200, "old")

    def http2(self, connection, event):
        if not isinstance(event, StreamEnded):
            return
        if connection.headers[event.stream_id][":path"] == "/slow":
            self.held = (connection, event.stream_id)  # and the connection goes on
            self.entered.set()
            return
        connection.answer(event.stream_id, b"old")


def links(d, state):
    return d.metric("upstream_links", state=state)


def test_idle_links_go_and_what_runs_ends_well(door, dns):
    gate = Gate()
    old = Service(handler=gate.http1, ip="127.0.0.2")
    new = Service(handler=Tasks.answer("new"), ip="127.0.0.3", port=old.port)
    pool = concurrent.futures.ThreadPoolExecutor(1)
    try:
        dns.set("web", a=[old.ip])
        d = door(names=["a.test"], dns=dns, workers=1,
                 sites={"a.test": f"http://web:{old.port}"})
        until(lambda: d.get("a.test")[2] == b"old", "found")
        running = pool.submit(d.get, "a.test", "/slow")
        assert gate.entered.wait(10)
        assert d.get("a.test")[2] == b"old"  # leaves a link that is idle beside it
        until(lambda: links(d, "idle") >= 1, "one is idle")
        dns.set("web", a=[new.ip])
        until(lambda: links(d, "idle") == 0, "closed at once")
        assert links(d, "busy") == 1 and not running.done()
        assert answers(d) == {"new"}
        gate.open.set()
        status, _, body = running.result(10)
        assert (status, body) == (200, b"old")
    finally:
        gate.open.set()
        pool.shutdown()
        old.close()
        new.close()


def test_a_shared_connection_ends_with_its_last_request(door, dns):
    gate = Gate()
    pool = concurrent.futures.ThreadPoolExecutor(1)
    with H2Service(gate.http2) as old:
        port = old.port
        try:
            dns.set("web", a=["127.0.0.1"])
            d = door(names=["a.test"], dns=dns, workers=1,
                     sites={"a.test": f"h2c://web:{port}"}, extra={"hold": {"wait": "0s"}})
            until(lambda: d.get("a.test")[2] == b"old", "found")
            running = pool.submit(d.get, "a.test", "/slow")
            assert gate.entered.wait(10)
            dns.set("web", a=["127.0.0.3"])  # nobody listens there
            until(lambda: d.get("a.test")[0] == 502, "nothing new goes to the old address")
            assert not running.done()
            connection, stream = gate.held
            connection.answer(stream, b"old")
            connection.flush()
            status, _, body = running.result(10)
            assert (status, body) == (200, b"old")
            until(lambda: links(d, "idle") + links(d, "busy") == 0, "and then it is closed")
        finally:
            pool.shutdown()


def test_failing_connects_make_no_storm_of_questions(door, dns):
    with Tasks(1) as tasks:
        port = tasks.port
    dns.set("web", a=tasks.ips)  # nobody listens there any more
    d = door(names=["a.test"], dns=dns, sites={"a.test": f"http://web:{port}"},
             extra={"hold": {"wait": "0s"}})
    until(lambda: d.get("a.test")[0] == 502, "known, and refuses")
    begin, count = time.monotonic(), dns.asked("web")
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        statuses = set(pool.map(lambda _: d.get("a.test")[0], range(1000)))
    took = time.monotonic() - begin
    assert statuses == {502}
    # Two questions a round: one round every 200 ms, one a second for the failures, three at once.
    rounds = took / 0.2 + took + 3 + 2
    assert dns.asked("web") - count <= 2 * rounds + 2


def test_many_failing_names_under_traffic_make_no_storm(door, dns):
    count = 200
    kinds = (dns.servfail, dns.nxdomain, dns.refuse)
    for i in range(count):
        kinds[i % len(kinds)](f"n{i}")
    d = door(names=["a.test"], dns=dns, extra={"hold": {"wait": "0s"}},
             sites={"a.test": {"routes": {f"/{i}": f"http://n{i}:1" for i in range(count)}}})
    until(lambda: d.get("a.test", f"/{count - 1}")[0] == 503, "known to be absent")
    begin = time.monotonic()
    before = [dns.asked(f"n{i}") for i in range(count)]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        statuses = set(pool.map(lambda i: d.get("a.test", f"/{i % count}")[0], range(5 * count)))
    asked = [dns.asked(f"n{i}") - n for i, n in enumerate(before)]
    took = time.monotonic() - begin
    assert statuses == {503}
    # Two questions a round, each asked twice where the server fails. Rounds: a few by doubling from
    # 200 ms to two seconds and more, three in a hurry at once, and one a second after that.
    for i, n in enumerate(asked):
        tries = 1 if kinds[i % len(kinds)] == dns.nxdomain else 2
        assert n <= 2 * tries * (4 + took / 2 + 3 + took + 1), (i, n, took)
    dns.set("n0", a=["127.0.0.2"])
    until(lambda: "n0:1" in [s["name"] for s in d.state()["services"] if s["state"] == "resolved"],
          "the back-off has an end")


def test_a_failing_connect_asks_at_once(door, dns):
    with Tasks(2) as tasks:
        dns.set("web", a=tasks.ips[:1])
        d = door(names=["a.test"], dns=dns, sites={"a.test": f"http://web:{tasks.port}"},
                 extra={"dns": {"refresh": "1h"}})
        until(lambda: d.get("a.test")[0] == 200, "found")
        tasks.services[0].close()
        dns.set("web", a=tasks.ips[1:])
        until(lambda: d.get("a.test")[2] == tasks.ips[1].encode(), "the news of it are asked for")


def test_a_reset_on_a_reused_link_asks_at_once(door, dns):
    def reset_the_second(link):
        link.until(b"\r\n\r\n")
        link.send(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none")
        link.until(b"\r\n\r\n")
        link.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    service = Script(reset_the_second)
    try:
        dns.set("web", a=["127.0.0.1"])
        d = door(names=["a.test"], dns=dns, workers=1,
                 sites={"a.test": f"http://web:{service.port}"}, extra={"dns": {"refresh": "1h"}})
        until(lambda: d.get("a.test")[2] == b"one", "found")
        asked = dns.asked("web")
        assert d.get("a.test")[2] == b"one"  # sent again, on another connection
        assert service.connections == 2
        until(lambda: dns.asked("web") > asked, "the news of it are asked for")
    finally:
        service.close()


@pytest.mark.parametrize("count", [130, 1000])
def test_a_large_set_is_whole(door, dns, count):
    with Tasks(1) as tasks:
        many = [f"127.1.{i // 250 + 1}.{i % 250 + 1}" for i in range(count - 1)]
        dns.set("web", a=tasks.ips + many)
        d = door(names=["a.test"], dns=dns, sites={"a.test": f"http://web:{tasks.port}"})
        name = f"web:{tasks.port}"
        until(lambda: d.metric("service_endpoints", service=name) == count, "all of it")
        assert {q.edns for q in dns.log if q.name == "web"} == {4096}
        assert any(q.transport == "tcp" for q in dns.log) == (count == 1000)
        # One more than the bound: as good as no answer.
        dns.set("web", a=[f"127.2.{i // 250 + 1}.{i % 250 + 1}" for i in range(1025)])
        until(lambda: d.metric("dns_failures_total") > 0, "too much of it")
        assert d.metric("service_endpoints", service=name) == count
