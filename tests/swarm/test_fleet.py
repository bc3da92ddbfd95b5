# SPDX-License-Identifier: MIT
"""Several doors behind a balancer that passes TLS through: three replicas with addresses of their
own on one node, behind haproxy in TCP mode with PROXY protocol of both versions."""
import json
import subprocess

import pytest
from changes import BUSY, Busy, update
from edge import Edge, running, wait_for_replicas
from events import Events
from load import Load
from names import Watch
from report import keep, measured
from shell import wait_for
from stack import NETWORK
from test_changes import SITE, connector
from verdict import judge

FLEET = "fleet"
DOORS = 3
V1, V2 = 9443, 9444

CONFIGURATION = """\
version: 1
certificates: [/etc/hivedoor/certs]
listen: {{admin: "0.0.0.0:9180"}}
proxy_protocol: {{trust: ["{balancer}"]}}
tls: {{tickets: {{secret: /etc/hivedoor/tickets}}}}
sites:
  {site}: http://{service}:5000
"""

HAPROXY = """\
global
    maxconn 4000
    log stdout format raw local0
defaults
    mode tcp
    log global
    option tcplog
    option log-health-checks
    timeout connect 2s
    timeout client 60s
    timeout server 60s
    timeout check 5s
    retries 3
    option redispatch 1
resolvers swarm
    nameserver engine 127.0.0.11:53
    hold valid 500ms
    hold nx 500ms
    timeout resolve 500ms
    timeout retry 500ms
    accepted_payload_size 4096
"""

# A door that leaves says so, with 503, and is out at the next look. Who does not answer a look may
# only be slow, as all are while the machine stalls: all of them out, every client would be refused.
SECTION = """\
frontend front_{mode}
    bind :{port}
    default_backend doors_{mode}
backend doors_{mode}
    balance roundrobin
    option httpchk GET /readyz
    http-check expect status 200
    default-server inter 300ms fall 1 rise 1 resolvers swarm init-addr none
    default-server check port 9180 {mode}
    server-template door 8 tasks.{service}:443
"""


def haproxy_configuration():
    sections = ((mode, port) for mode, port in (("send-proxy", V1), ("send-proxy-v2", V2)))
    return HAPROXY + "".join(SECTION.format(mode=mode, port=port, service=FLEET)
                             for mode, port in sections)


@pytest.fixture(scope="module")
def balancer(engine, service_image, tmp_path_factory):
    """A place for it first: the doors must know its address."""
    edge = Edge(engine, service_image, NETWORK, (V1, V2))
    yield edge
    edge.close()


@pytest.fixture(scope="module")
def busy(engine, service_image):
    service = Busy(engine, service_image, NETWORK)
    yield service
    service.remove()


def folder_of_fleet(folder, balancer):
    """Beside the first door's own: certificates are the same, the configuration is another."""
    folder.renew(SITE)
    folder.write("fleet.yml", CONFIGURATION.format(balancer=balancer.address, site=SITE,
                                                   service=BUSY))
    folder.write("tickets", "a secret of tests, the same at every door\n" * 2)


@pytest.fixture(scope="module")
def fleet(engine, image, folder, balancer, busy, tmp_path_factory):
    folder_of_fleet(folder, balancer)
    engine.docker("service", "create", "--detach", "--name", FLEET, "--network", NETWORK,
                  "--replicas", DOORS, "--endpoint-mode", "dnsrr", "--no-resolve-image",
                  "--mount", f"type=bind,source={folder.path},target=/etc/hivedoor,readonly",
                  "--read-only", "--cap-drop", "ALL", "--stop-grace-period", "15s",
                  "--update-parallelism", "1", "--update-delay", "2s", image,
                  "run", "-c", "/etc/hivedoor/fleet.yml")
    try:
        wait_for_replicas(engine, FLEET, DOORS)
        scratch = tmp_path_factory.mktemp("balancer")
        (scratch / "haproxy.cfg").write_text(haproxy_configuration())
        balancer.run(scratch / "haproxy.log", "haproxy", "-db", "-f", scratch / "haproxy.cfg")
        yield FLEET
    finally:
        engine.docker("service", "rm", FLEET, check=False)
        wait_for("the doors are gone", lambda: not running(engine, FLEET), 60, every=0.2)


def amiss(words):
    """What haproxy says of doors, and of connections that it or they ended badly ("--": nobody)."""
    return [line for line in words.splitlines()
            if line.startswith("Server ") or ("front_" in line and " -- " not in line)]


def resumed(address, port, authority, session, out=False):
    """Whether openssl's client came back with the session in the file."""
    said = subprocess.run(
        ["openssl", "s_client", "-connect", f"{address}:{port}", "-servername", SITE, "-CAfile",
         str(authority), "-tls1_3", "-ign_eof", "-sess_out" if out else "-sess_in", str(session)],
        input=f"GET / HTTP/1.1\r\nHost: {SITE}\r\nConnection: close\r\n\r\n".encode(),
        capture_output=True, timeout=30, check=False).stdout
    assert b" 200 " in said, said[-500:]
    return b"Reused, TLSv1.3" in said


def test_fleet_is_updated_without_a_failed_request(fleet, engine, folder, balancer, tmp_path):
    address, authority = engine.network.address, folder.authority.file
    first = connector(address, V1, authority)
    wait_for("the balancer leads to a door", lambda: first().close() is None, 30)
    session = tmp_path / "session"
    resumed(address, V1, authority, session, out=True)
    assert all(resumed(address, port, authority, session) for port in (V1, V2) * DOORS), \
        "a session of one door is good at all, behind either port"
    watch, events = Watch(balancer.pid, f"tasks.{BUSY}"), Events(engine)
    loads = [Load(connector(address, port, authority), SITE) for port in (V1, V2)]
    try:
        wait_for("all kinds are answered", lambda: all(len(l.good) >= 3 for l in loads), 30)
        for load in loads:
            load.note("update of the doors")
        update(engine, fleet, "--update-order", "start-first")
        wait_for_replicas(engine, fleet, DOORS)
    finally:
        for load in loads:
            load.stop()
        watch.stop()
        events.stop()
    verdicts = [judge(load, BUSY, events, tunnels_end=True) for load in loads]
    keep("fleet", *(measured(mode, load, verdict, watch) for mode, load, verdict
                    in zip(("send-proxy", "send-proxy-v2"), loads, verdicts)))
    for load, verdict in zip(loads, verdicts):
        assert not verdict.failed and not verdict.unserved, \
            "\n".join([*map(str, verdict.failed), *amiss(balancer.words())])
        assert load.clients == {engine.network.host}, "the client's address, not the balancer's"
    lines = [json.loads(line) for container in running(engine, fleet)
             for line in engine.docker("logs", container).splitlines() if '"access"' in line]
    assert {line["client"] for line in lines} == {engine.network.host}
    assert all(resumed(address, V1, authority, session) for _ in range(DOORS)), \
        "and at their successors"
