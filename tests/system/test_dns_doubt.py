# SPDX-License-Identifier: MIT
"""The DNS is a hint: what it no longer speaks of serves on while it takes connections."""

import time

import pytest
from lib.service import Service
from lib.wait import until

from test_dns import Tasks, answers, serves

SECONDS = 4.0  # of each kind of doubt: several proofs of each address


def door_of(door, dns, tasks):
    dns.set("web", a=tasks.ips)
    d = door(names=["a.test"], dns=dns, sites={"a.test": f"http://web:{tasks.port}"})
    until(lambda: answers(d) == set(tasks.ips), "all serve")
    return d


def endpoints(d, tasks):
    return d.metric("service_endpoints", service=f"web:{tasks.port}")


def empty(dns):
    dns.set("web")


def test_no_answer_takes_away_what_serves(door, dns):
    with Tasks(2) as tasks:
        d = door_of(door, dns, tasks)
        for doubt in (dns.nxdomain, dns.servfail, dns.refuse, dns.silent, lambda _: empty(dns)):
            doubt("web")
            proofs = d.metric("endpoint_proofs_total")
            end = time.monotonic() + SECONDS
            served = set()
            while time.monotonic() < end or d.metric("endpoint_proofs_total") < proofs + 4:
                status, _, body = d.get("a.test")
                assert status == 200
                served.add(body.decode())
            assert served == set(tasks.ips)
            assert endpoints(d, tasks) == 2
        assert d.state()["services"][0]["state"] == "remembered"
        assert d.metric("endpoints_dropped_total") == 0


@pytest.mark.parametrize("kind", ["A", "AAAA"])
def test_each_family_is_doubted_by_itself(door, dns, kind):
    with Tasks(1) as tasks:
        six = Service(handler=Tasks.answer("six"), ip="127.0.0.9", port=tasks.port)
        both = {"a": tasks.ips, "aaaa": ["::ffff:127.0.0.9"]}
        try:
            dns.set("web", **both)
            d = door(names=["a.test"], dns=dns, sites={"a.test": f"http://web:{tasks.port}"})
            until(lambda: answers(d) == {tasks.ips[0], "six"}, "both serve")
            for doubt in (dns.nxdomain, dns.servfail, dns.refuse, dns.silent):
                doubt("web", kind)
                dns.wait_for("web", kind, more=2)
                until(lambda: serves(d, {tasks.ips[0], "six"}), "both serve on")
                assert endpoints(d, tasks) == 2
                dns.answer("web", kind)
            # An empty answer beside a positive one is no doubt: there is none of that family.
            dns.set("web", **{k: v for k, v in both.items() if k != kind.lower()})
            rest = {"six"} if kind == "A" else set(tasks.ips)
            until(lambda: endpoints(d, tasks) == 1 and answers(d) == rest, "it goes")
        finally:
            six.close()


def test_what_is_remembered_and_dead_goes(door, dns):
    with Tasks(2) as tasks:
        d = door_of(door, dns, tasks)
        dns.nxdomain("web")
        d.wait_log("endpoints_remembered")
        tasks.services[0].close()
        while endpoints(d, tasks) == 2:  # nobody notices meanwhile
            assert d.get("a.test")[0] == 200
        gone = d.wait_log("endpoint_gone")[0]
        assert gone["endpoint"] == f"{tasks.ips[0]}:{tasks.port}"
        assert answers(d) == {tasks.ips[1]}
        # The DNS is back with another set, which counts at once.
        other = Service(handler=Tasks.answer("127.0.0.77"), ip="127.0.0.77", port=tasks.port)
        try:
            dns.set("web", a=[other.ip])
            until(lambda: answers(d) == {other.ip}, "only what it says")
            assert endpoints(d, tasks) == 1
        finally:
            other.close()


def test_a_positive_answer_beats_a_living_address(door, dns):
    with Tasks(2) as tasks:
        d = door_of(door, dns, tasks)
        dns.set("web", a=tasks.ips[:1])
        until(lambda: answers(d) == {tasks.ips[0]}, "believed at once")
        assert d.metric("endpoint_proofs_total") == 0


def test_nothing_is_proved_while_the_dns_speaks(door, dns):
    with Tasks(1) as tasks:
        d = door_of(door, dns, tasks)
        dns.wait_for("web", more=10)
        assert d.metric("endpoint_proofs_total") == 0
        dns.nxdomain("web")
        until(lambda: d.metric("endpoint_proofs_total") > 0, "proved")
        dns.answer("web")
        until(lambda: d.state()["services"][0]["state"] == "resolved", "it speaks again")
        proofs = d.metric("endpoint_proofs_total")
        begin = time.monotonic()
        until(lambda: time.monotonic() - begin > 2.5, "time for one more")
        assert d.metric("endpoint_proofs_total") == proofs
