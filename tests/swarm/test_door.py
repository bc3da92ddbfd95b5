# SPDX-License-Identifier: MIT
"""The shipped image and the shipped stack files on a real Swarm."""
import json
import time

import images
import pytest
from names import addresses
from shell import run, wait_for
from stack import SITES

MEGABYTE = 1000 * 1000


def answers(client, site="a.test"):
    """True once the site answers through the door."""
    return client.ask(site)["service"] == SITES[site]


def status_of(pid):
    """/proc/PID/status as a dictionary."""
    with open(f"/proc/{pid}/status", encoding="ascii") as lines:
        return dict(line.rstrip("\n").split(":\t", 1) for line in lines if ":\t" in line)


def test_image_is_small_and_says_how_to_run(engine, image):
    about = json.loads(engine.docker("image", "inspect", image))[0]
    settings = about["Config"]
    assert about["Size"] <= 15 * MEGABYTE
    assert settings["User"] == "65534:65534"
    assert settings["StopSignal"] == "SIGTERM"
    assert settings["Healthcheck"]["Test"] == ["CMD", "/hivedoor", "health"]
    assert settings["Entrypoint"] == ["/hivedoor"] and settings["Cmd"] == ["run"]
    assert set(settings["ExposedPorts"]) == {"80/tcp", "443/tcp"}


@pytest.mark.parametrize("site", SITES)
def test_site_answers_over_https(door, client, engine, site):
    wait_for(f"{site} answers", lambda: answers(client, site), 20)
    said = client.ask(site)
    assert said["service"] == SITES[site]
    assert said["host"] == site
    assert said["proto"] == "https"
    assert said["forwarded_for"] == engine.network.host


def test_plain_http_is_sent_to_https(door, client):
    with client.connect_plain("a.test") as connection:
        response, _ = connection.get("/x?y=1")
    assert response.status == 301
    assert response.getheader("Location") == "https://a.test/x?y=1"


def test_balancer_tells_the_client_by_proxy_protocol(door, client):
    header = b"PROXY TCP4 203.0.113.9 192.0.2.1 40000 443\r\n"
    assert client.ask("a.test", proxy_header=header)["forwarded_for"] == "203.0.113.9"


def test_clients_that_docker_hides_are_nobody(door, client, engine):
    """From the engine's own loopback Docker's proxy connects in the name of the gateway."""
    before = door.words().count('"client_known":false')
    said = json.loads(run(*engine.network.enter(), "curl", "-sS", "--max-time", "10", "--cacert",
                          client.authority, "--resolve", "a.test:443:127.0.0.1",
                          "https://a.test/"))
    assert said["forwarded_for"] is None, "no false address goes on"
    wait_for("the access line", lambda: door.words().count('"client_known":false') > before, 10)
    assert '"clients_masked"' in door.words()
    assert client.ask("a.test")["forwarded_for"] == engine.network.host, "others are known"


def test_processes_have_no_rights(door):
    assert len(door.processes()) >= 3, "supervisor, keeper and a worker"
    for pid in door.processes():
        status = status_of(pid)
        assert set(status["Uid"].split()) == {"65534"}, status["Name"]
        assert set(status["Gid"].split()) == {"65534"}, status["Name"]
        for which in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            assert int(status[which], 16) == 0, f"{status['Name']} {which}"
        assert status["NoNewPrivs"] == "1", status["Name"]
        assert status["Seccomp"] == "2", status["Name"]


def test_container_is_read_only_and_has_no_socket(door):
    about = door.inspect()
    assert about["HostConfig"]["ReadonlyRootfs"]
    with open(f"/proc/{about['State']['Pid']}/mountinfo", encoding="utf-8") as lines:
        mounts = {fields[4]: fields[5].split(",") for fields in map(str.split, lines)}
    assert "ro" in mounts["/"] and "ro" in mounts["/etc/hivedoor"]
    assert not [point for point in mounts if point.endswith("docker.sock")]


def test_scaling_is_seen_within_three_seconds(door, client, services):
    supervisor = door.inspect()["State"]["Pid"]
    wait_for("one task in DNS", lambda: len(addresses(supervisor, "tasks.a")) == 1, 20)
    services.scale("a", 3)
    try:
        wait_for("three tasks in DNS", lambda: len(addresses(supervisor, "tasks.a")) == 3, 30)
        seen, begin = set(), time.monotonic()

        def all_seen():
            seen.add(client.ask("a.test")["task"])
            return len(seen) == 3

        wait_for("answers of three tasks", all_seen, 3, every=0.01)
        print(f"seen after {time.monotonic() - begin:.2f} s")
    finally:
        services.scale("a", 1)
    wait_for("one task in DNS", lambda: len(addresses(supervisor, "tasks.a")) == 1, 30)


def test_hup_reloads_certificate_and_configuration(door, client, folder):
    container = door.container()
    with client.connect("a.test") as older:
        assert older.get("/")[0].status == 200
        before = folder.serial
        folder.renew("d.test")
        folder.configure("  d.test: http://b:5000\n")
        door.signal("HUP")
        wait_for("the new certificate", lambda: client.serial("a.test") == folder.serial, 10)
        wait_for("the new site", lambda: client.ask("d.test")["service"] == "b", 10)
        assert older.serial() == before
        assert older.get("/")[0].status == 200, "a connection of before lives on"
    assert door.container() == container, "the task was not replaced"


def status_for(client, site):
    with client.connect(site) as connection:
        return connection.get("/")[0].status


def test_label_reaches_the_stack_of_its_name(door, client, folder, engine):
    """The stack `sites` has the service sites_b; and the door's own is door_door."""
    supervisor = door.inspect()["State"]["Pid"]
    folder.renew("*.stack.test", "*.self.test")
    folder.configure('  "*.stack.test": http://{1}_b:5000\n'
                     '  "*.self.test": {to: "http://{1}_door:80", timeouts: {connect: 3s}}\n')
    door.signal("HUP")
    wait_for("the new certificate", lambda: client.serial("a.test") == folder.serial, 10)
    wait_for("the stack of that name",
             lambda: client.ask("sites.stack.test")["service"] == "b", 20)
    assert status_for(client, "nobody.stack.test") == 503
    assert addresses(supervisor, "tasks.door_door"), "the door can see itself"
    assert status_for(client, "door.self.test") == 503, "but is not led there"


def finishes(response):
    """The rest of a slow answer."""
    return response.read() == b"begin\nended\n"


def test_term_drains_and_goes_on_accepting(door, client, engine):
    container = door.wait_until_healthy()
    with client.connect("b.test") as connection:
        response = connection.start("/slow?3")
        assert response.status == 200
        engine.docker("kill", "--signal", "TERM", container)
        during = client.ask("a.test")
        assert during["service"] == "a", "it goes on accepting while it drains"
        assert finishes(response)
    wait_for("it ends", lambda: not door.inspect(container)["State"]["Running"], 15)
    assert door.inspect(container)["State"]["ExitCode"] == 0
    wait_for("the successor answers", lambda: answers(client), 30)


def test_docker_stop_lets_a_running_request_finish(door, client, engine):
    container = door.wait_until_healthy()
    with client.connect("b.test") as connection:
        response = connection.start("/slow?2")
        engine.docker("stop", "--time", "15", container)
        assert finishes(response)
    assert door.inspect(container)["State"]["ExitCode"] == 0
    wait_for("the successor answers", lambda: answers(client), 30)


def test_manager_stack_answers(door, client):
    """Last: it takes the place of the global one, which must leave a running request alone."""
    door.wait_until_healthy()
    with client.connect("c.test") as connection:
        response = connection.start("/slow?4")
        door.remove()
        assert finishes(response)
    door.deploy("stack-manager.yml")
    door.wait_until_healthy()
    wait_for("the site answers", lambda: answers(client, "c.test"), 20)
