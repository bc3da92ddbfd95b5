# SPDX-License-Identifier: MIT
"""What changes in a Swarm while a load runs."""
import json
import os
import time
from dataclasses import dataclass

from shell import wait_for

BUSY = "busy"
TASKS = 3
NOBODY = 8  # seconds without a task: more than hold.wait


class Busy:
    """The service `busy`: three tasks, seen by DNS alone; `manners` as in services/busy.py."""

    def __init__(self, engine, image, network, manners="polite"):
        self.engine = engine
        engine.docker("service", "create", "--detach", "--name", BUSY, "--network", network,
                      "--replicas", TASKS, "--endpoint-mode", "dnsrr", "--stop-grace-period", "10s",
                      "--restart-delay", "1s", "--update-parallelism", "1", "--update-delay", "0s",
                      "--env", f"MANNERS={manners}", "--no-resolve-image",
                      "--entrypoint", "/usr/bin/python3 /busy.py", image)
        wait_for("the tasks run", lambda: len(self.containers()) == TASKS, 60, every=0.2)

    def containers(self):
        return self.engine.docker("ps", "--quiet", "--filter",
                                  f"label=com.docker.swarm.service.name={BUSY}").split()

    def update(self, order):
        update(self.engine, BUSY, "--update-order", order)

    def scale(self, tasks):
        self.engine.docker("service", "scale", "--detach", f"{BUSY}={tasks}")
        wait_for("the tasks run", lambda: len(self.containers()) == tasks, 60, every=0.2)

    def vanish(self):
        """No task at all, for longer than requests are held; then three again."""
        self.scale(0)
        end = time.monotonic() + NOBODY
        wait_for("requests are answered 503", lambda: time.monotonic() > end, NOBODY + 5)
        self.scale(TASKS)

    def kill(self):
        """One task dies without warning; ends when another stands in its place."""
        dead = self.containers()[0]
        self.engine.docker("kill", "--signal", "KILL", dead)
        wait_for("the killed task is replaced", lambda: self._differ(dead), 60, every=0.2)

    def _differ(self, dead):
        now = self.containers()
        return dead not in now and len(now) == TASKS

    def remove(self):
        self.engine.docker("service", "rm", BUSY, check=False)
        wait_for("the tasks are gone", lambda: not self.containers(), 60, every=0.2)


def update(engine, service, *options):
    """A rolling update to its end."""
    def state():
        said = engine.docker("service", "inspect", "--format", "{{json .UpdateStatus}}", service)
        return json.loads(said) or {}

    before = state().get("StartedAt")
    engine.docker("service", "update", "--detach", "--force", "--no-resolve-image", *options,
                  service)
    wait_for("the update is done", lambda: state().get("StartedAt") != before
             and state().get("State") == "completed", 180, every=0.2)


@dataclass
class Amount:
    """How much of each change a scene has."""
    updates: int
    renewals: int = 0
    scalings: int = 1
    kills: int = 1
    vanishings: int = 0


def changes(note, busy, renew, amount):
    """All that a service goes through. `note` is told what comes."""
    for number in range(amount.updates):
        order = ("start-first", "stop-first")[number % 2]
        note(f"update {number + 1}, {order}")
        busy.update(order)
        if number < amount.renewals:
            note(f"renewal {number + 1}")
            renew()
    for _ in range(amount.scalings):
        note("scaling up")
        busy.scale(TASKS + 2)
        note("scaling down")
        busy.scale(TASKS)
    for number in range(amount.kills):
        note(f"kill {number + 1}")
        busy.kill()
    for number in range(amount.vanishings):
        note(f"no task {number + 1}")
        busy.vanish()
    note("the end")


def long_form():
    return os.environ.get("HIVEDOOR_SWARM") == "long"
