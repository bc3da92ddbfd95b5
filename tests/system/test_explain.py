# SPDX-License-Identifier: MIT
"""`hivedoor explain URL`: what is said is what a request then gets."""

import http.client

import pytest
from lib.wait import until

SITES = {
    "a.test": {"routes": {"/": "http://web:1", "/api": {"to": "http://127.0.0.1:1", "strip": True}},
               "aliases": ["www.a.test"]},
    "gone.test": "http://gone:1",
    "hasty.test": {"to": "http://gone:1", "hold": {"wait": "0s"},
                   "max_requests": {"endpoint": 7, "queue": 9}},
    "queue.test": {"to": "http://web:1", "hold": {"wait": "2s"}, "max_requests": 3},
    "old.test": {"redirect": "https://a.test", "code": "308"},
    "plain.test": {"to": "http://127.0.0.1:1", "http": "off"},
    "bare.test": "http://127.0.0.1:1",
    "*.many.test": "http://{1}_web:1",
}


@pytest.fixture
def explained(door, dns):
    dns.set("web", a=["127.0.0.3"])
    d = door(names=["a.test", "www.a.test", "gone.test", "hasty.test", "queue.test", "old.test", "plain.test", "*.many.test"],
             dns=dns, sites=SITES)
    until(lambda: any(s.get("endpoints") for s in d.state()["services"]), "web is known")
    return d


def lines(d, url):
    """What is said, by the first word of each line."""
    got = d.run("explain", url, "-c", d.config)
    assert got.returncode == 0 and got.stderr == "", got.stderr
    return {line[:12].strip(): line[13:] for line in got.stdout.splitlines()}


def test_a_route_and_its_endpoints(explained):
    said = lines(explained, "https://www.a.test/x?q=1")
    assert said["site"].startswith("a.test, by an alias")
    assert said["route"] == "/ to http://web:1" and said["asked as"] == "/x?q=1"
    assert said["service"] == "web:1, resolved"
    assert said["endpoint"].startswith("127.0.0.3:1, 0 requests sent")
    assert "which names this host" in said["certificate"]
    assert said["answer"] == "what the service answers"


def test_what_waits_for_its_turn(explained):
    said = lines(explained, "https://queue.test/")
    assert said["at most"] == "3 requests at an endpoint, 1000 wait for their turn"
    assert said["waits"] == "2000 ms for an endpoint"
    said = lines(explained, "https://hasty.test/")
    assert said["at most"] == "7 requests at an endpoint, 0 wait for their turn"
    assert "waits" not in said


def test_a_prefix_that_is_stripped(explained):
    said = lines(explained, "a.test/api/users")
    assert said["route"].startswith("/api to") and said["asked as"] == "/users"


@pytest.mark.parametrize("url, status, reason", [
    ("https://gone.test/", 503, "hold_timeout"),
    ("https://hasty.test/", 503, "no_endpoint"),
    ("https://a.test/../..", 400, "bad_target"),
    ("http://plain.test/", 404, "site_off"),
    ("http://nobody.test/", 404, "no_site"),
])
def test_what_is_said_is_what_happens(explained, url, status, reason):
    scheme, rest = url.split("://")
    host, path = rest.split("/", 1)
    if scheme == "https":
        connection = explained.https_connection(host)
    else:
        connection = http.client.HTTPConnection("127.0.0.1", explained.http.number, timeout=30)
    connection.request("GET", "/" + path, headers={"Host": host})
    assert connection.getresponse().status == status
    connection.close()
    record = explained.wait_log("access")[-1]
    assert record["reason"] == reason
    answer = lines(explained, url)["answer"]
    assert answer.startswith(f"{status}, reason {reason}:"), answer


def test_redirects_and_wildcards(explained):
    assert lines(explained, "https://old.test/x?y")["answer"] == "308 to https://a.test/x?y"
    assert lines(explained, "http://a.test/x")["answer"] == "301 to https://a.test/x"
    said = lines(explained, "https://pr1.many.test/")
    assert said["site"].startswith("*.many.test, by its wildcard")
    assert said["service"].startswith("tasks.pr1_web:1,")
    assert "by its wildcard" in said["certificate"]


def test_a_name_without_certificate(explained):
    said = lines(explained, "https://bare.test/")
    assert said["certificate"] == "none covers bare.test"
    assert "unrecognized_name" in said["answer"] and "site" not in said


@pytest.mark.parametrize("url", ["", "https://", "http://a b/", "x" * 3000, "-c"])
def test_what_is_no_url(explained, url):
    got = explained.run("explain", url, "-c", explained.config)
    assert got.returncode in (1, 2) and got.stdout == "" and got.stderr != ""


def test_hostile_bytes_stay_in_the_url(explained):
    got = explained.run("explain", "https://a.test/x HTTP/1.1\r\nX: y\r\n\r\n", "-c",
                        explained.config)
    assert got.returncode == 1 and got.stdout == ""
    assert "400, reason bad_target" in lines(explained, "https://a.test/%zz")["answer"]
    assert "400, reason bad_host" in lines(explained, "https://a_b..test/")["answer"]
