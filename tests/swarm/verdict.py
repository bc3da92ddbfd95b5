# SPDX-License-Identifier: MIT
"""What of a load's failures no proxy could have spared its clients, and what it could."""
from dataclasses import dataclass

EVENT_LAG = 1.0  # the engine tells of an end after connections have felt it
STARTING = 3.0  # from a container's start to a program that listens and a proxy that knows


@dataclass
class Verdict:
    failed: list  # a healthy task existed, or the answer was another than 503 with Retry-After
    streams_cut: list  # downloads and WebSockets whose own task was killed or ended under them
    posts_lost: list  # under way to a task that fell; sent again they might act twice
    unserved: list  # 503 with Retry-After while no task ran
    nobody: list  # [(from, to)] in which none ran

    def failed_alone(self):
        """Of `failed`, how many while no task ran."""
        return sum(any(within(f, span) for span in self.nobody) for f in self.failed)


def within(failure, span):
    """Whether it may have met nobody."""
    return failure.end >= span[0] and failure.begin <= span[1] + STARTING


def judge(load, service, events, tunnels_end=False):
    """`tunnels_end`: the door itself is replaced, and gives tunnels no more than drain.timeout."""
    verdict = Verdict([], [], [], [], events.nobody(service))
    fallen = [life.end for life in events.of(service) if life.fell()]
    for failure in load.failures:
        verdict_of(verdict, failure, events, fallen, tunnels_end).append(failure)
    for answer in load.unserved:
        owed = any(within(answer, span) for span in verdict.nobody)
        (verdict.unserved if owed else verdict.failed).append(answer)
    return verdict


def verdict_of(verdict, failure, events, fallen, tunnels_end):
    """Where it belongs."""
    if failure.kind in ("download", "websocket"):
        own = events.lives.get(failure.task)
        if own and own.fell() and failure.begin <= own.end <= failure.end + EVENT_LAG:
            return verdict.streams_cut
        if failure.kind == "websocket" and tunnels_end:
            return verdict.streams_cut
    # RFC 9110 section 9.2.2: a proxy must not repeat what is not idempotent by itself.
    if failure.kind == "post" and failure.status == 502 and any(
            failure.begin <= at <= failure.end + EVENT_LAG for at in fallen):
        return verdict.posts_lost
    return verdict.failed
