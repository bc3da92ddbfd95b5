# SPDX-License-Identifier: MIT
"""Whose an address is: the engine's PTR records name tasks, tell two services apart that answer to
one name, and let a site keep to one."""
import json

import pytest
from shell import run, wait_for
from stack import NETWORK

NAME = "shared"  # the alias that both take
MINE, OTHERS = "mine", "others"
SITE = "shared.test"


@pytest.fixture
def twins(engine, service_image):
    for service in (MINE, OTHERS):
        engine.docker("service", "create", "--detach", "--name", service, "--network",
                      f"name={NETWORK},alias={NAME}", "--endpoint-mode", "dnsrr", "--replicas", "2",
                      "--env", f"SERVICE={service}", "--no-resolve-image", service_image)
    yield
    for service in (MINE, OTHERS):
        engine.docker("service", "rm", service, check=False)


def state(door):
    """/state, asked inside the door's network."""
    return json.loads(run("nsenter", "-t", door.inspect()["State"]["Pid"], "-n", "curl", "-sS",
                          "--max-time", "5", "http://127.0.0.1:9180/state"))


def tasks(door):
    """{task} that the door has found behind the alias."""
    return {endpoint.get("task") for service in state(door)["services"]
            if service["name"].startswith(f"{NAME}:") for endpoint in service["endpoint_states"]}


def lines(engine, door, event):
    """The door's records of one kind."""
    said = engine.docker("logs", door.container()).splitlines()
    records = [json.loads(line) for line in said if line.startswith("{")]
    return [record for record in records if record["event"] == event]


def who_answers(client, times=24):
    return {client.ask(SITE)["service"] for _ in range(times)}


def test_two_services_of_one_alias_are_told_apart(door, client, folder, engine, twins):
    door.wait_until_healthy()
    folder.renew(SITE)
    folder.configure(f"  {SITE}: http://{NAME}:5000\n")
    door.signal("HUP")
    every = {f"{service}.{slot}" for service in (MINE, OTHERS) for slot in (1, 2)}
    wait_for("each task has its name", lambda: tasks(door) == every, 60, every=0.2)
    wait_for("the certificate", lambda: client.serial(SITE) == folder.serial, 20)
    wait_for("both answer", lambda: who_answers(client) == {MINE, OTHERS}, 30)
    said = [r for r in lines(engine, door, "two_services_one_name") if NAME in r["message"]]
    assert len(said) == 1 and MINE in said[0]["message"] and OTHERS in said[0]["message"]
    wait_for("tasks in the access log", lambda: every == {
        r.get("task") for r in lines(engine, door, "access") if r["host"] == SITE} & every, 30)

    folder.configure(f"  {SITE}: {{to: \"http://{NAME}:5000\", pin: {MINE}}}\n")
    door.signal("HUP")
    wait_for("it is looked at", lambda: lines(engine, door, "endpoint_not_pinned"), 30)
    wait_for("only the pinned one", lambda: who_answers(client) == {MINE}, 30)
    assert who_answers(client, 60) == {MINE}
    said = [r for r in lines(engine, door, "two_services_one_name") if NAME in r["message"]]
    assert len(said) == 1, "said once"
    folder.configure()
    door.signal("HUP")
