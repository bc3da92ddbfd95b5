# SPDX-License-Identifier: MIT
"""Whose an address is, as the PTR tells it: names, pin, reuse; and addresses from outside."""

import ipaddress
import signal

import pytest

from lib.dns_server import DnsServer
from lib.wait import until

from test_dns import Tasks, answers, serves

ID = "abcdefghij0123456789klmno"


@pytest.fixture
def docker():
    """The address that says that the door is inside Docker."""
    with DnsServer(ip="127.0.0.11") as dns:
        yield dns


def tasks_of(dns, ips, *services):
    """The PTR records of as many tasks."""
    for slot, (ip, service) in enumerate(zip(ips, services), 1):
        dns.set_ptr(ip, f"{service}.{slot}.{ID}.net1")


def door_of(door, dns, tasks, wait="5s", **site):
    to = f"http://web:{tasks.port}"
    return door(names=["a.test"], dns=dns, sites={"a.test": {"to": to, **site} if site else to},
                extra={"hold": {"wait": wait}})


def explain(d):
    return d.run("explain", "https://a.test/", "-c", d.config).stdout


def status(d):
    return d.run("status", "-c", d.config).stdout


def states(d):
    found = d.state()["services"][0]["endpoint_states"]
    return {x["address"].split(":")[0]: (x["state"], x.get("task")) for x in found}


def test_a_task_is_named(door, docker):
    with Tasks(2) as tasks:
        docker.set("tasks.web", a=tasks.ips)
        tasks_of(docker, tasks.ips, "web", "web")
        d = door_of(door, docker, tasks)
        want = {ip: ("listed", f"web.{i}") for i, ip in enumerate(tasks.ips, 1)}
        until(lambda: states(d) == want, "named in /state")
        at = f"{tasks.ips[0]}:{tasks.port}"
        name = f"web:{tasks.port}"
        until(lambda: d.metric("endpoint_task", service=name, endpoint=at, task="web.1") == 1,
              "named in /metrics")

        def logged_of_second():
            assert d.get("a.test")[0] == 200
            return d.log("access") and [x for x in d.log("access") if x.get("task") == "web.2"]
        logged = until(logged_of_second, "named in the access log")[0]
        assert logged["endpoint"] == f"{tasks.ips[1]}:{tasks.port}"
        docker.nxdomain("tasks.web")
        until(lambda: {x[0] for x in states(d).values()} == {"remembered"}, "remembered")
        assert d.metric("endpoints_remembered") == 2
        assert not d.log("two_services_one_name")


def test_an_address_is_asked_about_once_for_all_its_ports(door, docker):
    with Tasks(1) as one, Tasks(1) as two:
        docker.set("tasks.web", a=one.ips)
        docker.set("tasks.other", a=one.ips)
        tasks_of(docker, one.ips, "web")
        d = door(names=["a.test", "b.test", "c.test"], dns=docker, sites={
            "a.test": f"http://web:{one.port}", "b.test": f"http://web:{two.port}",
            "c.test": f"http://other:{one.port}"})

        def names():
            return [e.get("task") for s in d.state()["services"] for e in s["endpoint_states"]]
        until(lambda: names() == ["web.1"] * 3, "named everywhere")
        assert docker.asked(ipaddress.ip_address(one.ips[0]).reverse_pointer, "PTR") == 1


def test_a_listed_address_that_becomes_another_tasks(door, docker):
    with Tasks(1) as tasks:
        docker.set("tasks.web", a=tasks.ips)
        tasks_of(docker, tasks.ips, "web")
        d = door_of(door, docker, tasks)
        name = {"service": f"web:{tasks.port}", "endpoint": f"{tasks.ips[0]}:{tasks.port}"}
        until(lambda: d.metric("endpoint_task", **name, task="web.1") == 1, "named")
        docker.set_ptr(tasks.ips[0], f"web.7.{ID}.net1")
        docker.nxdomain("tasks.web")  # what is remembered is looked at closely
        until(lambda: states(d)[tasks.ips[0]][1] == "web.7", "named anew")
        until(lambda: d.metric("endpoint_task", **name, task="web.7") == 1, "in metrics too")
        assert not d.metric("endpoint_task", **name, task="web.1")
        assert answers(d) == set(tasks.ips)  # of the same service


def test_a_remembered_address_of_another_service_goes(door, docker):
    with Tasks(2) as tasks:
        docker.set("tasks.web", a=tasks.ips)
        tasks_of(docker, tasks.ips, "web", "web")
        d = door_of(door, docker, tasks)
        until(lambda: all(x[1] for x in states(d).values()) and len(states(d)) == 2, "named")
        tasks_of(docker, tasks.ips, "other")  # the first address belongs to somebody else
        docker.nxdomain("tasks.web")
        said = d.wait_log("endpoint_reassigned")[0]
        assert said["endpoint"] == f"{tasks.ips[0]}:{tasks.port}"
        assert (said["was"], said["is"]) == ("web.1", "other.1")
        until(lambda: answers(d) == {tasks.ips[1]}, "only the other one")
        assert d.metric("endpoints_reassigned_total") == 1
        assert d.metric("endpoints_gone_total") == 1


def test_two_services_with_one_name_are_said_once(door, docker):
    with Tasks(3) as tasks:
        docker.set("tasks.web", a=tasks.ips)
        tasks_of(docker, tasks.ips, "web", "web", "evil")
        d = door_of(door, docker, tasks)
        said = d.wait_log("two_services_one_name")
        assert '"web"' in said[0]["message"] and '"evil"' in said[0]["message"]
        docker.set("tasks.web", a=tasks.ips[:2])
        until(lambda: len(states(d)) == 2, "away")
        docker.set("tasks.web", a=tasks.ips)
        until(lambda: len(states(d)) == 3 and all(x[1] for x in states(d).values()), "back")
        assert d.metric("service_name_conflicts_total") == 1
        assert "web.1 and evil.3 answer to this name: pin keeps to one" in status(d)
        # Both may be meant: `pin` would say. Each request draws its endpoints.
        until(lambda: serves(d, set(tasks.ips)), "all serve")


def test_pin_keeps_to_one_service(door, docker):
    with Tasks(3) as tasks:
        docker.set("tasks.web", a=tasks.ips)
        tasks_of(docker, tasks.ips[:2], "web", "evil")  # nobody knows whose the third is
        d = door_of(door, docker, tasks, pin="web")
        until(lambda: answers(d) == {tasks.ips[0]}, "the pinned one alone")
        d.wait_log("endpoint_not_pinned")
        assert d.metric("endpoints_refused_total", cause="pin") >= 1
        assert len(states(d)) == 3
        assert "2 of 3 addresses are not used" in status(d)
        tasks_of(docker, tasks.ips, "web", "evil", "web")
        until(lambda: answers(d) == {tasks.ips[0], tasks.ips[2]}, "found out later")


def test_pin_without_any_name_serves_nobody(door, docker):
    with Tasks(1) as tasks:
        docker.set("tasks.web", a=tasks.ips)
        d = door_of(door, docker, tasks, wait="0s", pin="web")
        d.wait_log("endpoint_not_pinned")
        until(lambda: d.state()["services"][0]["reason"] == "not_pinned", "told")
        until(lambda: b"not_pinned" in d.get("a.test")[2], "and by the workers")
        assert d.wait_log("access", reason="not_pinned")[0]["status"] == 503
        [service] = d.state()["services"]
        assert service["reason"] == service["endpoint_states"][0]["unused"] == "not_pinned"
        said = explain(d)
        assert "listed, not used: not_pinned" in said and "503, reason not_pinned" in said
        assert "not_pinned" in status(d)


def test_an_address_from_outside_is_refused(door, docker):
    with Tasks(1) as tasks:
        docker.set("tasks.web", a=tasks.ips)
        d = door_of(door, docker, tasks)
        until(lambda: answers(d) == set(tasks.ips), "serves")
        # The service has no task any more for the DNS, and the outside has a word for it.
        docker.set("tasks.web", a=["198.51.100.7"])
        docker.set("web", a=["198.51.100.8"])
        d.wait_log("endpoint_external")
        until(lambda: states(d)[tasks.ips[0]][0] == "remembered", "a doubt, no more")
        assert answers(d) == set(tasks.ips)
        assert d.metric("endpoints_refused_total", cause="external") >= 1


def test_nothing_but_answers_from_outside(door, docker):
    with Tasks(1) as tasks:
        d = door_of(door, docker, tasks, wait="0s")
        assert d.get("a.test")[0] == 503
        d.wait_log("access", reason="no_endpoint")
        docker.set("web", a=["198.51.100.8"])
        d.wait_log("endpoint_external")
        until(lambda: d.state()["services"][0]["reason"] == "external_answer", "told")
        until(lambda: b"external_answer" in d.get("a.test")[2], "and by the workers")
        assert d.wait_log("access", reason="external_answer")[0]["status"] == 503
        said = explain(d)
        assert "503, reason external_answer" in said and "external: true" in said
        assert "external_answer" in status(d)
        docker.set("tasks.web", a=tasks.ips)
        until(lambda: answers(d, count=1) == set(tasks.ips), "and then it has a task")
        assert "reason" not in d.state()["services"][0]


def test_external_takes_what_is_outside(door, docker):
    docker.set("api.example", a=["198.51.100.7"])
    to = {"to": "http://api.example:1", "external": True}
    d = door(names=["a.test"], dns=docker, sites={"a.test": to})
    until(lambda: states(d) == {"198.51.100.7": ("listed", None)}, "taken")


def test_pin_comes_with_a_reload(door, docker):
    with Tasks(2) as tasks:
        docker.set("tasks.web", a=tasks.ips)
        tasks_of(docker, tasks.ips, "node", "evil")  # near to the word "none", and another
        d = door_of(door, docker, tasks)
        until(lambda: answers(d) == set(tasks.ips), "both")
        d.configure({"a.test": {"to": f"http://web:{tasks.port}", "pin": "node"}})
        d.signal(signal.SIGHUP)
        until(lambda: answers(d) == {tasks.ips[0]}, "the pinned one alone")
        d.configure({"a.test": f"http://web:{tasks.port}"})
        d.signal(signal.SIGHUP)
        until(lambda: answers(d) == set(tasks.ips), "both again")
