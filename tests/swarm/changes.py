# SPDX-License-Identifier: MIT
"""What changes in a Swarm while a load runs, and the report of how it was borne."""
import json
import os
import time

from images import ROOT
from shell import wait_for

BUSY = "busy"
TASKS = 3


class Busy:
    """The service `busy`: three tasks, seen by DNS alone."""

    def __init__(self, engine, image, network):
        self.engine = engine
        engine.docker("service", "create", "--detach", "--name", BUSY, "--network", network,
                      "--replicas", TASKS, "--endpoint-mode", "dnsrr", "--stop-grace-period", "10s",
                      "--restart-delay", "1s", "--update-parallelism", "1", "--update-delay", "0s",
                      "--no-resolve-image", "--entrypoint", "/usr/bin/python3 /busy.py", image)
        wait_for("the tasks run", lambda: len(self.containers()) == TASKS, 60, every=0.2)

    def containers(self):
        return self.engine.docker("ps", "--quiet", "--filter",
                                  f"label=com.docker.swarm.service.name={BUSY}").split()

    def update(self, order):
        update(self.engine, BUSY, "--update-order", order)

    def scale(self, tasks):
        self.engine.docker("service", "scale", "--detach", f"{BUSY}={tasks}")
        wait_for("the tasks run", lambda: len(self.containers()) == tasks, 60, every=0.2)

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


def changes(load, busy, renew, *, updates, renewals):
    """All that a service goes through: updates of both kinds, scaling, kills, renewals."""
    for number in range(updates):
        order = ("start-first", "stop-first")[number % 2]
        load.note(f"update {number + 1}, {order}")
        busy.update(order)
        if number < renewals:
            load.note(f"renewal {number + 1}")
            renew()
    load.note("scaling up")
    busy.scale(TASKS + 2)
    load.note("scaling down")
    busy.scale(TASKS)
    load.note("kill")
    load.killed()
    busy.kill()


def spread(times):
    """The middle one and the worst."""
    ordered = sorted(times) or [0.0]
    return f"{ordered[len(ordered) // 2]:.2f} s, worst {ordered[-1]:.2f} s"


def report(name, load, watch):
    """A line for the terminal and an entry under build/; gives what was measured."""
    known = [a for a in load.first if a in watch.added]
    shared = {
        "door": name, "seconds": round(time.monotonic() - load.begin, 1),
        "sent": sum(load.sent.values()), "failed": len(load.failures),
        "unserved_with_retry_after": sum(load.unserved.values()),
        "streams_cut_as_must_be": len(load.cut), "slowest_ms": round(load.slowest * 1000),
        "in_dns_until_first_answer": spread(load.first[a] - watch.added[a] for a in known
                                            if watch.added[a] > load.begin),
        "out_of_dns_until_last_answer": spread(load.last[a] - watch.removed[a] for a in known
                                               if a in watch.removed),
        "failures": [str(f) for f in load.failures[:50]],
    }
    folder = ROOT / "build" / "swarm"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(shared, indent=2) + "\n")
    print("".join(f"\n  {key:30} {value}" for key, value in shared.items() if key != "failures"))
    print("\n".join(shared["failures"]))
    return shared


def long_form():
    return os.environ.get("HIVEDOOR_SWARM") == "long"
