# SPDX-License-Identifier: MIT
"""Sites for any one label: what the label leads to, and everything that it must not lead to."""

import concurrent.futures
import os
import signal
import socket
import subprocess
import time

import pytest

from lib.dns_server import NXDOMAIN, SILENT, DnsServer
from lib.raw import Raw
from lib.service import Service
from lib.wait import until
from test_faults import is_ready_again

SITE = "*.x.test"
LOOPBACK = {"dns": {"tasks": ["127.0.0.0/8"]}}


class Previews:
    """Services of several names, all on one port, on loopback addresses of their own."""

    def __init__(self, dns):
        self.dns = dns
        self.services = []
        self.port = None
        self.peers = {}

    def add(self, label, publish=True):
        ip = f"127.0.1.{len(self.services) + 1}"

        def answer(request):
            self.peers.setdefault(label, set()).add(request.client_address)
            host = request.headers["Host"].split(":")[0]
            request.reply(200, f"{label} {host} {request.path}")

        one = Service(name=label, handler=answer, ip=ip, port=self.port or 0)
        self.port = one.port
        self.services.append(one)
        if publish:
            self.dns.set(f"tasks.{label}_web", a=[ip])
        return one

    def close(self):
        for one in self.services:
            one.close()

    @property
    def target(self):
        return f"http://{{1}}_web:{self.port}"


@pytest.fixture
def previews(dns):
    made = Previews(dns)
    made.add("pr1")
    yield made
    made.close()


@pytest.fixture
def served(door, dns, previews):
    """A door that serves the previews on both ports."""
    def make(**options):
        extra = {**LOOPBACK, **options.pop("extra", {})}
        sites = {SITE: {"to": previews.target, "http": "serve"}, **options.pop("sites", {})}
        return door(names=[SITE], dns=dns, sites=sites, extra=extra, **options)
    return make


def body(answer):
    assert answer[0] == 200, answer
    return answer[2].decode()


def raw_get(d, host):
    """On port 80, with whatever stands in Host: (status, body)."""
    with d.connect() as s:
        s.sendall(f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode("latin-1"))
        data = b""
        while part := s.recv(65536):
            data += part
    return int(data.split(b" ")[1]), data


def test_a_label_leads_to_its_tasks(served, previews, dns):
    previews.add("pr2")
    d = served()
    assert body(d.get("pr1.x.test", "/a?b=1")) == "pr1 pr1.x.test /a?b=1"
    assert body(d.get("PR2.x.test", tls=False)) == "pr2 PR2.x.test /"
    assert body(d.get("pr1.x.test", tls=False)) == "pr1 pr1.x.test /"
    assert dns.asked("pr1_web") == 0  # as a task's name only
    assert dns.asked("pr1") == 0
    for host, label in (("pr1.x.test", "pr1"), ("pr2.x.test", "pr2")):
        for record in d.wait_log("access", reason="ok", host=host):
            assert record["service"] == f"tasks.{label}_web:{previews.port}"
    state = d.state()
    names = {s["name"]: s for s in state["pattern_services"]}
    assert len(names[f"tasks.pr1_web:{previews.port}"]["endpoints"]) == 1
    assert [s["certificate"] for s in state["sites"]] == [True]


def test_explain_of_a_name_that_a_pattern_makes(served, previews):
    d = served()

    def said(label):
        text = d.run("explain", f"https://{label}.x.test/", "-c", d.config).stdout
        return {line[:13].strip(): line[13:] for line in text.splitlines()}
    assert "asked for when a request comes" in said("pr1")["service"]
    assert body(d.get("pr1.x.test")).startswith("pr1 ")
    assert said("pr1")["service"] == f"tasks.pr1_web:{previews.port}, resolved"
    assert said("pr1")["endpoint"].endswith(f":{previews.port}")
    assert said("pr1")["answer"] == "what the service answers"
    assert d.get("no.x.test")[0] == 503
    assert said("no")["answer"].startswith("503, reason no_endpoint")


def test_patterns_over_http2(served, previews):
    previews.add("pr2")
    d = served()
    for label in ("pr1", "pr2"):
        done = d.curl("--http2", "-w", " %{http_version}", f"https://{label}.x.test/",
                      name=f"{label}.x.test")
        assert done.stdout.decode() == f"{label} {label}.x.test / 2", done.stderr
    done = d.curl("--http2", "-o", "/dev/null", "-w", "%{http_version} %{http_code}",
                  "-H", "Host: a_b.x.test", "https://pr1.x.test/", name="pr1.x.test")
    assert done.stdout.decode() == "2 404", done.stderr
    d.wait_log("access", 2, reason="ok")


def test_status_shows_the_pattern_and_no_names(served, previews):
    d = served()
    assert body(d.get("pr1.x.test")).startswith("pr1 ")
    shown = d.run("status", "-c", d.config).stdout
    row = next(line.split() for line in shown.splitlines() if "pattern" in line.split())
    assert row[:4] == [f"{{1}}_web:{previews.port}", "pattern", "any", "1"]
    assert "pr1_web" not in shown


def test_exact_name_wins_and_one_label_only(served, service):
    exact = service(handler=lambda r: r.reply(200, "exact"))
    d = served(sites={"www.x.test": {"to": exact.url, "http": "serve"}})
    assert body(d.get("www.x.test")) == "exact"
    assert body(d.get("pr1.x.test")).startswith("pr1 ")
    for host in ("x.test", "pr1.pr1.x.test", "a.pr1.x.test", "xpr1.test", "pr1.x.test.test"):
        status, answer = raw_get(d, host)
        assert status == 404 and b"no_site" in answer, host
    d.wait_log("access", 5, reason="no_site")


def test_a_connection_covers_all_of_its_wildcard(served, previews):
    previews.add("pr2")
    d = served(sites={"other.test": "http://127.0.0.1:1"})
    with d.connect_tls("pr1.x.test") as s:
        raw = Raw(s)
        for host, want in (("pr1.x.test", 200), ("pr2.x.test", 200), ("other.test", 421)):
            raw.send(f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n")
            assert raw.response()[0] == want, host


def test_wildcard_site_without_certificate_is_named(door, dns, previews):
    d = door(names=["pr1.x.test"], dns=dns, sites={SITE: previews.target}, extra=LOOPBACK)
    assert [s["certificate"] for s in d.state()["sites"]] == [False]
    assert any(SITE in r.get("text", r.get("msg", str(r))) for r in d.log("config_warning"))
    assert body(d.get("pr1.x.test")).startswith("pr1 ")  # the one name that it covers


BAD_LABELS = [
    "_web", "-a", "a-", "a_b", "pr1_web", "127", "%31", "a%2eb", "tasks", "x" * 64,
    "0x7f000001_", "{1}",
]


def test_labels_that_fit_no_task_are_no_site(served, dns):
    d = served()
    for label in BAD_LABELS[:5]:
        assert raw_get(d, f"{label}.x.test")[0] == 404, label
    for label in BAD_LABELS[6:8] + ["{1}", "a b", "a:b", "a@b", "a/b", "[::1]", "a\xffb"]:
        assert raw_get(d, f"{label}.x.test")[0] == 400, label
    assert raw_get(d, "x" * 60 + ".x.test")[0] == 404  # the label fits, what it makes does not
    assert raw_get(d, "127.x.test")[0] == 503  # 127_web is a name like others
    assert not [q for q in dns.log if q.name not in ("tasks.127_web", "tasks.pr1_web")]


def test_a_bare_label_makes_no_address_and_no_domain(door, dns, previews):
    """Without a fixed part the label is all there is: nothing that the outside would answer."""
    d = door(names=[SITE], dns=dns, extra=LOOPBACK,
             sites={SITE: {"to": f"http://{{1}}:{previews.port}", "http": "serve"}})
    for label in ("localhost", "com", "tasks", "internal", "xn--p1ai", "1", "127", "2130706433",
                  "0x7f000001", "017700000001", "metadata", "host"):
        assert raw_get(d, f"{label}.x.test")[0] == 404, label
    assert dns.log == []
    dns.set("tasks.app-1", a=[previews.services[0].ip])
    assert raw_get(d, "app-1.x.test")[0] == 200
    d.wait_log("access", 12, reason="no_site")


def test_unknown_label_is_503_until_it_comes(served, previews, dns):
    d = served()
    status, headers, _ = d.get("new.x.test")
    assert status == 503 and int(headers["Retry-After"]) > 0
    d.wait_log("access", reason="no_endpoint", service=f"tasks.new_web:{previews.port}")
    previews.add("new")
    until(lambda: d.get("new.x.test")[0] == 200, "it is found")


def test_first_request_waits_for_the_answer(served, dns):
    dns.silent("tasks.slow_web")
    d = served(extra={"timeouts": {"connect": "10s"}})
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        answer = pool.submit(d.get, "slow.x.test")
        dns.wait_for("tasks.slow_web")
        assert not answer.done()
        # c-ares gives up long before: silence is no address
        assert answer.result()[0] == 503


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.11", "0.0.0.0", "169.254.169.254"])
def test_answers_never_lead_back_here(door, dns, service, address):
    one = service()
    d = door(names=[SITE], dns=dns, sites={SITE: f"http://{{1}}_web:{one.port}"})
    dns.set("tasks.pr1_web", a=[address], aaaa=["::1", "fe80::1", f"::ffff:{one.ip}"])
    assert d.get("pr1.x.test")[0] == 503
    d.wait_log("access", reason="no_endpoint")
    assert one.requests == [] and not one.server.open


def own_address():
    """An address of this machine that is not loopback, or None."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        try:
            s.connect(("198.51.100.1", 9))
        except OSError:
            return None
        return s.getsockname()[0]


def test_answers_with_our_own_address_are_refused_as_a_whole(door, dns, service):
    address = own_address()
    one = service()
    d = door(names=[SITE], dns=dns, sites={SITE: f"http://{{1}}_web:{one.port}"},
             extra={"timeouts": {"attempt": "100ms", "connect": "300ms"}})
    if address is None:  # nothing but loopback here: that is refused too
        address = "127.0.0.1"
    dns.set("tasks.door_web", a=[address, "192.0.2.1"])
    assert d.get("door.x.test")[0] == 503
    d.wait_log("access", reason="no_endpoint")
    assert d.metric("upstream_connects_total") == 0


def test_only_the_networks_named_are_reached(door, dns, previews):
    d = door(names=[SITE], dns=dns, sites={SITE: previews.target},
             extra={"dns": {"tasks": ["127.0.1.0/24"]}})
    other = Service(ip="127.0.2.1", port=previews.port)
    try:
        dns.set("tasks.pr1_web", a=["127.0.1.1", "127.0.2.1"])
        dns.set("tasks.out_web", a=["127.0.2.1"])
        for _ in range(10):
            assert body(d.get("pr1.x.test")).startswith("pr1 ")
        assert d.get("out.x.test")[0] == 503
        assert other.requests == []
    finally:
        other.close()


def test_guesses_grow_nothing(served, previews, dns):
    d = served(workers=2)
    assert body(d.get("pr1.x.test")).startswith("pr1 ")
    asked = len(dns.log)
    begin = time.monotonic()

    def guess(i):
        if i % 20 == 0:
            assert body(d.get("pr1.x.test", tls=False)).startswith("pr1 ")
        return raw_get(d, f"guess-{i}.x.test")[0]

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert set(pool.map(guess, range(1000))) == {503}
    took = time.monotonic() - begin
    reasons = {r["reason"] for r in d.log("access") if r["status"] == 503}
    assert "no_endpoint" in reasons and reasons <= {"no_endpoint", "name_limit"}
    assert d.metric("pattern_names") <= 201
    # New ones: 200 at once and 50 a second; each is asked for twice a round, and again at most
    # every 200 ms, doubling, while it is followed.
    assert len(dns.log) - asked < (200 + 50 * took) * 2 + 200 * 2 * (took / 0.4 + 3)
    metrics = d.admin("/metrics")[1]
    assert "guess-" not in metrics and "pr1" not in metrics
    assert f'service="{{1}}_web:{previews.port}",endpoint="any"' in metrics
    assert not [r for r in d.log("endpoints") if "guess-" in str(r) and r["level"] != "debug"]


def test_guesses_while_the_dns_is_silent(served, previews, dns):
    d = served(workers=2, extra={"timeouts": {"connect": "2s"}})
    assert body(d.get("pr1.x.test")).startswith("pr1 ")
    dns.default = SILENT

    def guess(i):
        if i % 50 == 0:
            assert body(d.get("pr1.x.test", tls=False)).startswith("pr1 ")
        return raw_get(d, f"silent-{i}.x.test")[0]

    with concurrent.futures.ThreadPoolExecutor(100) as pool:
        assert set(pool.map(guess, range(500))) == {503}
    reasons = {r["reason"] for r in d.log("access") if r["status"] == 503}
    assert reasons <= {"no_endpoint", "name_limit"}
    assert d.metric("pattern_names") <= 201
    assert d.metric("process_crashes_total") == 0
    dns.default = NXDOMAIN
    previews.add("late")
    until(lambda: d.get("late.x.test")[0] == 200, "it recovers")


def test_new_tasks_get_traffic(served, previews, dns):
    d = served()
    assert body(d.get("pr1.x.test")).startswith("pr1 ")
    previews.add("other", publish=False)
    dns.set("tasks.pr1_web", a=[previews.services[1].ip])
    until(lambda: body(d.get("pr1.x.test")).startswith("other "), "the new task is used")


def test_names_and_links_survive_a_reload(served, previews):
    d = served(workers=1)
    for _ in range(3):
        assert body(d.get("pr1.x.test")).startswith("pr1 ")
    assert len(previews.peers["pr1"]) == 1  # one kept link
    d.configure({SITE: {"to": previews.target, "timeouts": {"response": "50s"}}}, **LOOPBACK)
    d.reload()
    assert body(d.get("pr1.x.test")).startswith("pr1 ")
    assert len(previews.peers["pr1"]) == 1
    assert len(d.state()["pattern_services"]) == 1
    d.configure({"*.x.test": "http://{1}_api:80"}, **LOOPBACK)
    d.reload()
    until(lambda: d.state()["pattern_services"] == [], "no pattern makes it")
    assert d.get("pr1.x.test")[0] == 503
    d.wait_log("access", service="tasks.pr1_api:80")


def test_killed_keeper_and_workers(served, previews, dns):
    d = served(workers=2)
    for _ in range(8):
        assert body(d.get("pr1.x.test")).startswith("pr1 ")
    victims = d.pids("keeper")
    os.kill(victims[0], signal.SIGKILL)
    for _ in range(8):
        assert body(d.get("pr1.x.test")).startswith("pr1 ")
    until(is_ready_again(d, "keeper", victims), "it is replaced")
    # The new keeper follows what is used: it sees another task.
    previews.add("other", publish=False)
    dns.set("tasks.pr1_web", a=[previews.services[1].ip])
    until(lambda: all(body(d.get("pr1.x.test")).startswith("other ") for _ in range(8)),
          "news from the new keeper")
    victims = d.pids("worker")
    for pid in victims:
        os.kill(pid, signal.SIGKILL)
    until(lambda: is_ready_again(d, "worker", victims)() and
          not set(d.pids("worker")) & set(victims), "they are replaced")
    for _ in range(8):
        assert body(d.get("pr1.x.test")).startswith("other ")


def test_dns_servers_change_on_reload(served, previews, dns):
    d = served()
    assert body(d.get("pr1.x.test")).startswith("pr1 ")
    with DnsServer() as second:
        previews.add("other", publish=False)
        second.set("tasks.pr1_web", a=[previews.services[1].ip])
        d.dns = second
        d.configure({SITE: previews.target}, **LOOPBACK)
        d.reload()
        until(lambda: body(d.get("pr1.x.test")).startswith("other "), "the other server is asked",
              timeout=60)


def test_redirect_with_the_label(door):
    d = door(names=["*.old.test", "*.plain.test"], sites={
        "*.old.test": {"redirect": "https://{1}.new.test/x", "code": 308},
        "*.plain.test": {"redirect": "https://new.test"}})
    for tls in (True, False):
        status, headers, _ = d.get("shop.old.test", "/a?b", tls=tls)
        assert (status, headers["Location"]) == (308, "https://shop.new.test/x/a?b")
        status, headers, _ = d.get("shop.plain.test", "/", tls=tls)
        assert (status, headers["Location"]) == (301, "https://new.test/")
    assert b"Location: https://new.test/\r\n" in raw_get(d, "a_b.plain.test")[1]
    for label in ("a_b", "_a", "-a"):
        status, answer = raw_get(d, f"{label}.old.test")
        assert status == 404 and b"Location" not in answer
    for host in ("a%0d%0ab.old.test", "evil.com/.old.test", "evil.com#.old.test"):
        status, answer = raw_get(d, host)
        assert status == 400 and b"Location" not in answer


def test_check_shows_wildcards(binary, tmp_path):
    config = tmp_path / "h.yml"
    config.write_text('version: 1\nsites:\n  "*.x.test": "http://{1}_web:3000"\n')
    done = subprocess.run([binary, "check", "-c", config], capture_output=True, text=True,
                          timeout=30)
    assert done.returncode == 0, done.stdout + done.stderr
