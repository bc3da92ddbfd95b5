# SPDX-License-Identifier: MIT
"""What the engine says of containers: when they start, are told to end, and end."""
import json
import os
import subprocess
import threading
import time
from dataclasses import dataclass, field

SHORT = 12  # characters of a container's id that are its host name


@dataclass
class Life:
    """Of one container; times of time.monotonic()."""
    service: str
    start: float = None
    term: float = None  # SIGTERM
    end: float = None
    status: int = None  # of its end; 0: it ended as it wanted to

    def fell(self):
        return self.end is not None and self.status != 0


@dataclass
class Events:
    """`lives` by host name: of those that run, and from now on. The engine remembers 256 events: of
    those that started before, nothing says when."""
    engine: object
    lives: dict = field(default_factory=dict)

    def __post_init__(self):
        self.skew = time.time() - time.monotonic()
        self._note_running()
        command = ["--format", "{{json .}}", "--filter", "type=container"]
        command += [f"--filter=event={event}" for event in ("start", "kill", "die")]
        self.process = subprocess.Popen(
            [self.engine.client, "events", "--since", "0", *command], stdout=subprocess.PIPE,
            stdin=subprocess.DEVNULL, text=True, env=dict(os.environ, **self.engine.environment()))
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _note_running(self):
        form = '{{.ID}} {{.Label "com.docker.swarm.service.name"}}'
        for line in self.engine.docker("ps", "--no-trunc", "--format", form).splitlines():
            container, _, service = line.partition(" ")
            self.lives[container[:SHORT]] = Life(service, start=float("-inf"))

    def _read(self):
        for line in self.process.stdout:
            self._note(json.loads(line))

    def _note(self, said):
        about = said["Actor"]["Attributes"]
        service = about.get("com.docker.swarm.service.name", "")
        life = self.lives.setdefault(said["Actor"]["ID"][:SHORT], Life(service))
        at = said["timeNano"] / 1e9 - self.skew
        if said["Action"] == "start":
            life.start = at
        elif said["Action"] == "die":
            life.end, life.status = at, int(about["exitCode"])
        elif about.get("signal") in ("15", "SIGTERM"):
            life.term = at

    def of(self, service):
        """Its tasks' lives, in the order of their start."""
        return sorted((life for life in list(self.lives.values())
                       if life.service == service and life.start is not None),
                      key=lambda life: life.start)

    def ended(self, service, since):
        """Those of its tasks' lives that ended after that, in the order of their end."""
        return sorted((life for life in self.of(service)
                       if life.end is not None and life.end > since), key=lambda life: life.end)

    def nobody(self, service):
        """[(from, to)]: the times in which no task of the service ran."""
        changes = []
        for life in self.of(service):
            changes.append((life.start, 1))
            if life.end is not None:
                changes.append((life.end, -1))
        spans, running, since = [], 0, None
        for at, step in sorted(changes):
            running += step
            if running == 0:
                since = at
            elif since is not None:
                spans.append((since, at))
                since = None
        return spans + ([(since, float("inf"))] if since is not None else [])

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.thread.join(10)
        self.process.stdout.close()
