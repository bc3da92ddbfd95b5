# SPDX-License-Identifier: MIT
"""What the door says of itself: logs, metrics, state, health."""

import json
import re
import subprocess

from lib.raw import Raw
from lib.wait import until


def test_access_records(door, service):
    d = door(names=["a.test"], sites={"a.test": service().url})
    d.get("a.test", "/x?secret=1", headers={"Cookie": "secret=2", "Authorization": "secret 3"})
    record = d.wait_log("access")[0]
    assert record["client"] == "127.0.0.1" and record["status"] == 200
    assert record["reason"] == "ok" and record["path"] == "/x" and record["site"] == "a.test"
    assert record["method"] == "GET" and record["tls"] == "TLSv1.3"
    assert record["bytes_out"] > 0 and record["ms"] > 0
    assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$", record["time"])
    assert "secret" not in d.log_path.read_text()


def test_access_off_and_text(door, service):
    d = door(names=["a.test"], sites={"a.test": service().url}, extra={"log": {"access": "off"}})
    d.get("a.test")
    until(lambda: d.metric("requests_total", site="a.test", code="200") == 1, "counted")
    assert d.log("access") == []
    d = door(names=["a.test"], sites={"a.test": service().url}, extra={"log": {"access": "text"}})
    d.get("a.test", "/readable")
    until(lambda: re.search(r"^\d\d:\d\d:.* path=/readable .*status=200 ", d.log_path.read_text(), re.M),
          "a readable line")


def test_every_line_is_json_even_with_hostile_bytes(door, service):
    d = door(sites={"a.test": {"to": service().url, "http": "serve"}})
    with Raw(d.connect()) as raw:
        raw.send(b'GET /"\\\x1b HTTP/1.1\r\nHost: a.test\r\n\r\n')
        raw.rest()
    with Raw(d.connect()) as raw:
        raw.send(b"GET /%22%5c%0a{} HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n")
        raw.rest()
    d.wait_log("access", 2)
    d.stop()  # every line is whole now
    for line in d.log_path.read_text().splitlines():
        json.loads(line)


def test_metrics_hold_what_they_promise(door, service):
    d = door(names=["a.test"], sites={"a.test": service().url})
    for _ in range(3):
        d.get("a.test")
    d.get("a.test", tls=False)
    d.get("nobody.test", tls=False)
    assert d.metric("requests_total", site="a.test", code="200", reason="ok") == 3
    assert d.metric("requests_total", site="a.test", code="301", reason="redirected") == 1
    assert d.metric("requests_total", site="-", code="404", reason="no_site") == 1
    assert d.metric("connections_accepted_total") == 5
    assert d.metric("tls_handshakes_total", kind="full") == 3
    assert d.metric("upstream_requests_total") == 3
    assert d.metric("client_bytes_total", direction="in") > 0
    assert d.metric("upstream_bytes_total", direction="out") > 0
    assert d.metric("certificate_expiry_seconds") > 1.7e9
    assert d.metric("process_up", role="worker") == 2
    assert d.metric("process_up", role="keeper") == 1
    text = d.admin("/metrics")[1]
    names = [line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")]
    assert len(names) == len(set(names))


def test_promtool_format(door, service):
    """Every sample line is of the exposition's grammar and follows its TYPE."""
    d = door(names=["a.test"], sites={"a.test": service().url})
    d.get("a.test")
    typed = set()
    for line in d.admin("/metrics")[1].splitlines():
        if line.startswith("# TYPE "):
            typed.add(line.split()[2])
        elif not line.startswith("#"):
            match = re.fullmatch(r'([a-z_]+)(\{([a-z_]+="(\\.|[^"\\])*",?)+\})? [0-9.e+]+', line)
            assert match, line
            assert match[1] in typed


def test_state(door, service, dns):
    dns.set("web", a=["127.0.0.1"])
    d = door(names=["a.test"], dns=dns, sites={"a.test": "http://web:1", "bare.test": service().url})
    until(lambda: any(s.get("endpoints") for s in d.state()["services"]), "web is known")
    state = d.state()
    roles = [p["role"] for p in state["processes"]]
    assert roles.count("worker") == 2 and "keeper" in roles and "supervisor" in roles
    text = json.dumps(state)
    assert "bare.test" in text and "a.test" in text and "127.0.0.1:1" in text
    assert state["version"] and state["generation"] >= 1
    assert "PRIVATE" not in text


def test_admin_refuses_the_rest(door):
    d = door(sites={"a.test": "http://127.0.0.1:1"})
    assert d.admin("/nothing")[0] == 404
    assert d.admin("/metrics", "POST")[0] == 405
    assert d.admin("/healthz", "HEAD")[0] == 200


def test_health_command(door, binary):
    d = door(sites={"a.test": "http://127.0.0.1:1"})
    command = [binary, "health", "-c", str(d.config)]
    assert subprocess.run(command, capture_output=True).returncode == 0
    d.stop()
    assert subprocess.run(command, capture_output=True).returncode == 1


def test_expiring_certificate_is_warned_about(door, service):
    d = door(sites={"a.test": service().url})
    d.authority.write(d.certs, ["a.test"], days=5)
    d.reload()
    until(lambda: any("expir" in r.get("event", "") for r in d.log()), "a warning")
