# SPDX-License-Identifier: MIT
"""Stacks on the engine: the shipped door, deployed as its file says, and the services behind it."""
import json
from pathlib import Path

from images import ROOT
from shell import wait_for

STACK, SERVICE = "door", "door_door"
NETWORK = "web"
SITES = {"a.test": "a", "b.test": "b", "c.test": "c"}


class Services:
    """The stack of A, B and C."""

    def __init__(self, engine, image):
        self.engine, self.image = engine, image

    def deploy(self):
        self.engine.docker("stack", "deploy", "--resolve-image", "never", "-c",
                           Path(__file__).parent / "services" / "stack.yml", "sites",
                           env={"SERVICE_IMAGE": self.image})

    def scale(self, name, count):
        self.engine.docker("service", "scale", "--detach", f"sites_{name}={count}")


class Door:
    """The door as one of the shipped stack files deploys it."""

    def __init__(self, engine, image, folder):
        self.engine, self.image, self.folder = engine, image, folder

    def deploy(self, stack_file):
        """Everything through the stack file's documented variables."""
        self.engine.docker("stack", "deploy", "--resolve-image", "never", "-c",
                           ROOT / "conf" / stack_file, STACK,
                           env={"HIVEDOOR_IMAGE": self.image, "HIVEDOOR_NETWORK": NETWORK,
                                "HIVEDOOR_FOLDER": str(self.folder), "HIVEDOOR_NODES": "manager"})

    def container(self):
        """The id of the one running task's container, or "" while there is none."""
        return self.engine.docker("ps", "--quiet", "--no-trunc", "--filter",
                                  f"label=com.docker.swarm.service.name={SERVICE}").strip()

    def inspect(self, container=None):
        return json.loads(self.engine.docker("inspect", container or self.container()))[0]

    def is_healthy(self):
        container = self.container()
        state = self.inspect(container)["State"] if container else {}
        return state.get("Health", {}).get("Status") == "healthy"

    def wait_until_healthy(self):
        wait_for("the door is healthy", self.is_healthy, 60, every=0.2)
        return self.container()

    def processes(self):
        """The ids of all its processes, as the host counts them; the supervisor first."""
        first = self.inspect()["State"]["Pid"]
        listed = self.engine.docker("top", self.container(), "-eo", "pid").split()[1:]
        return [first] + sorted(int(p) for p in listed if int(p) != first)

    def signal(self, name):
        self.engine.docker("kill", "--signal", name, self.container())

    def remove(self):
        self.engine.docker("stack", "rm", STACK)
        wait_for("the door is gone", lambda: not self.container(), 30)

    def words(self):
        """What all its tasks have logged; not by `service logs`, which may hang."""
        ids = self.engine.docker("ps", "--all", "--quiet", "--filter",
                                 f"label=com.docker.swarm.service.name={SERVICE}").split()
        states = self.engine.docker("service", "ps", "--no-trunc", "--format",
                                    "{{.Name}} {{.CurrentState}} {{.Error}}", SERVICE, check=False)
        return states + "".join(f"-- {task}\n" + self.engine.docker(
            "logs", "--tail", "60", task, check=False) for task in ids)
