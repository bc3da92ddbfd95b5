# SPDX-License-Identifier: MIT
"""Service names: resolved once a refresh, whatever the TTL, and never a reason not to start."""

import time

from lib.service import Service
from lib.wait import until


def answers(d, name="a.test", count=12):
    return {d.get(name)[2].decode() for _ in range(count)}


def serves(d, want):
    """Whether all of `want` were drawn; nobody else may be."""
    drawn = answers(d)
    assert drawn <= want
    return drawn == want


class Tasks:
    """Services of one name on several loopback addresses and one port."""

    def __init__(self, count):
        self.services = []
        first = Service(handler=self.answer("127.0.0.2"), ip="127.0.0.2")
        self.port = first.port
        self.services.append(first)
        for i in range(3, 2 + count):
            ip = f"127.0.0.{i}"
            self.services.append(Service(handler=self.answer(ip), ip=ip, port=self.port))
        self.ips = [s.ip for s in self.services]

    @staticmethod
    def answer(ip):
        return lambda request: request.reply(200, ip)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for service in self.services:
            service.close()


def test_set_follows_dns_and_ignores_ttl(door, dns):
    with Tasks(3) as tasks:
        dns.set("web", a=tasks.ips[:1])
        d = door(names=["a.test"], dns=dns, sites={"a.test": f"http://web:{tasks.port}"})
        assert answers(d) == {tasks.ips[0]}
        dns.set("web", a=tasks.ips)
        until(lambda: answers(d) == set(tasks.ips), "new tasks get traffic")
        dns.set("web", a=tasks.ips[1:])
        until(lambda: tasks.ips[0] not in answers(d), "a removed one gets none")
        assert d.metric("service_endpoints", service=f"web:{tasks.port}") == 2


def test_start_never_waits_and_the_rest_serves(door, dns, service):
    dns.silent("silent")
    dns.servfail("broken")
    d = door(names=["a.test", "b.test", "c.test", "d.test"], dns=dns,
             extra={"hold": {"wait": "0s"}}, sites={
        "a.test": service().url, "b.test": "http://silent:1", "c.test": "http://broken:1",
        "d.test": "http://unknown:1"})
    assert d.get("a.test")[0] == 200
    for name in ("b.test", "c.test", "d.test"):
        status, headers, _ = d.get(name)
        assert status == 503 and int(headers["Retry-After"]) > 0
    d.wait_log("access", 3, reason="no_endpoint")


def test_a_name_that_comes_later(door, dns):
    with Tasks(1) as tasks:
        d = door(names=["a.test"], dns=dns, sites={"a.test": f"http://later:{tasks.port}"},
                 extra={"hold": {"wait": "0s"}})
        assert d.get("a.test")[0] == 503
        dns.set("later", a=tasks.ips)
        until(lambda: d.get("a.test")[0] == 200, "it is found")


def test_doubt_is_not_death(door, dns):
    with Tasks(2) as tasks:
        dns.set("web", a=tasks.ips)
        d = door(names=["a.test"], dns=dns, sites={"a.test": f"http://web:{tasks.port}"})
        for doubt in (dns.servfail, dns.nxdomain, dns.silent):
            doubt("web")
            before = dns.asked("web")
            until(lambda: dns.asked("web") > before + 2, "asked in vain")
            assert answers(d, count=4) <= set(tasks.ips)


def test_ipv6_and_both(door, dns):
    with Tasks(1) as tasks:
        six = Service(handler=lambda r: r.reply(200, "six"), ip="127.0.0.9", port=tasks.port)
        try:
            dns.set("web", a=tasks.ips, aaaa=["::ffff:127.0.0.9"])
            d = door(names=["a.test"], dns=dns, sites={"a.test": f"http://web:{tasks.port}"})
            until(lambda: len(answers(d)) == 2 or None, "both families are used")
        finally:
            six.close()


def test_one_dead_address_costs_no_request(door, dns):
    with Tasks(2) as tasks:
        dns.set("web", a=tasks.ips + ["127.0.0.99"])  # nobody listens there: refused
        d = door(names=["a.test"], dns=dns, sites={"a.test": f"http://web:{tasks.port}"})
        assert answers(d, count=40) == set(tasks.ips)


def test_large_sets_and_truncation(door, dns):
    with Tasks(1) as tasks:
        many = [f"127.0.{i // 250 + 1}.{i % 250 + 1}" for i in range(119)]
        dns.set("web", a=tasks.ips + many)
        dns.truncate("web")  # whole over TCP
        d = door(names=["a.test"], dns=dns, sites={"a.test": f"http://web:{tasks.port}"})
        until(lambda: d.metric("service_endpoints", service=f"web:{tasks.port}") == 120, "all of it")
        dns.set("web", a=many[:25])
        dns.truncate("web", over="both")  # never a whole answer
        until(lambda: d.metric("dns_failures_total") > 0, "asked in vain")
        assert d.metric("service_endpoints", service=f"web:{tasks.port}") == 120


def test_what_is_cut_off_is_never_used(door, dns):
    """TC over UDP, and no answer over TCP: as good as none."""
    with Tasks(1) as tasks:
        dns.set("web", a=tasks.ips)
        d = door(names=["a.test"], dns=dns, sites={"a.test": f"http://web:{tasks.port}"})
        assert answers(d) == set(tasks.ips)
        dns.cut_tcp()
        dns.truncate("web")
        dns.set("web", a=[f"127.0.{i // 250 + 1}.{i % 250 + 1}" for i in range(300)])
        failures = d.metric("dns_failures_total")
        until(lambda: d.metric("dns_failures_total") > failures + 1, "asked in vain")
        assert any(q.transport == "tcp" for q in dns.log)
        until(lambda: d.state()["services"][0]["state"] == "remembered", "a doubt")
        assert d.state()["services"][0]["endpoints"] == [f"{tasks.ips[0]}:{tasks.port}"]
        assert answers(d) == set(tasks.ips)
        dns.cut_tcp(False)
        until(lambda: len(d.state()["services"][0]["endpoints"]) == 300, "whole, and used")


def test_one_question_an_interval_whatever_the_traffic(door, dns):
    with Tasks(1) as tasks:
        dns.set("web", a=tasks.ips)
        d = door(names=["a.test"], dns=dns, sites={"a.test": f"http://web:{tasks.port}"})
        begin = time.monotonic()
        count = dns.asked("web")
        for _ in range(200):
            d.get("a.test")
        took = time.monotonic() - begin
        # A and AAAA every 200 ms, and some to spare
        assert dns.asked("web") - count <= (took / 0.2 + 2) * 2 + 4


def test_a_name_is_asked_once_for_all_its_ports(door, dns):
    with Tasks(1) as one, Tasks(1) as two:
        for name in ("web", "alone"):
            dns.set(name, a=one.ips)
        d = door(names=["a.test", "b.test", "c.test"], dns=dns, sites={
            "a.test": f"http://web:{one.port}", "b.test": f"http://web:{two.port}",
            "c.test": f"http://alone:{one.port}"})
        for name in ("a.test", "b.test"):
            until(lambda name=name: d.get(name)[0] == 200, "found")
        for kind in ("A", "AAAA"):
            before = dns.asked("web", kind), dns.asked("alone", kind)
            dns.wait_for("alone", kind, more=10)
            more = dns.asked("web", kind) - before[0], dns.asked("alone", kind) - before[1]
            assert abs(more[0] - more[1]) <= 2, more
        # Each follows the name, and goes on without the other.
        dns.set("web", a=["127.0.0.9"])
        for port in (one.port, two.port):
            until(lambda port=port: f"127.0.0.9:{port}" in str(d.state()["services"]), "followed")
        d.configure({"b.test": f"http://web:{two.port}"})
        d.reload()
        dns.set("web", a=two.ips)
        until(lambda: d.get("b.test")[0] == 200, "still asked about")


def test_dns_gone_altogether(door, dns):
    with Tasks(2) as tasks:
        dns.set("web", a=tasks.ips)
        d = door(names=["a.test"], dns=dns, sites={"a.test": f"http://web:{tasks.port}"})
        assert answers(d, count=4) <= set(tasks.ips)
        failures = d.metric("dns_failures_total")
        dns.stop()
        until(lambda: d.metric("dns_failures_total") > failures + 2, "asked in vain")
        assert answers(d, count=8) <= set(tasks.ips)  # the last addresses serve on
        d.reload("unchanged")
        assert answers(d, count=4) <= set(tasks.ips)
