# SPDX-License-Identifier: MIT
"""The door itself is replaced. With ports in host mode there is a gap: Swarm starts the successor
when the door is gone. It is printed, beside what the engine needs for the least of all programs; how
long it is depends on the engine and the machine, so nothing judges it here."""
import time

import pytest
from changes import long_form
from events import Events
from gap import FLOOR, FLOOR_PORT, Floor, asker, measure, trusting
from report import keep, spread
from shell import wait_for
from stack import SERVICE

UPDATES = 10 if long_form() else 2


@pytest.fixture
def events(engine):
    watching = Events(engine)
    yield watching
    watching.stop()


@pytest.fixture
def floor(engine):
    made = Floor(engine)
    yield made
    made.remove()


def succeeds(ask):
    ask()
    return True


def table(name, rounds):
    return {"proxy": name, "updates": len(rounds),
            **{key: spread([r[key] for r in rounds]) for key in rounds[0]}}


def test_gap_of_an_update_of_the_door_itself(door, client, engine, events, floor):
    asks = {SERVICE: asker(engine.network.address, 443, trusting(client.authority)),
            FLOOR: asker(engine.network.address, FLOOR_PORT)}
    begin, rounds = time.monotonic(), {service: [] for service in asks}
    for _ in range(UPDATES):
        for service, ask in asks.items():
            wait_for(f"{service} answers", lambda ask=ask: succeeds(ask), 30)
            rounds[service].append(measure(engine, events, service, ask))
        door.wait_until_healthy()
    keep("gap", table("hivedoor", rounds[SERVICE]), table("the least program", rounds[FLOOR]))
    replaced = events.ended(SERVICE, begin)
    assert len(replaced) >= UPDATES
    assert all(life.status == 0 for life in replaced), "each one ended by itself"
