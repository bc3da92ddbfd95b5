# SPDX-License-Identifier: MIT
"""Nothing is lost while a Swarm changes: a steady load through the door, and through nginx."""
import socket
import ssl

import pytest
from changes import BUSY, Busy, changes, long_form, report
from load import Load
from names import Watch
from shell import wait_for
from stack import NETWORK

SITE = "busy.test"
UPDATES, RENEWALS = (50, 20) if long_form() else (2, 2)


@pytest.fixture(scope="module")
def busy(engine, service_image):
    running = Busy(engine, service_image, NETWORK)
    yield running
    running.remove()


def connector(address, port, authority):
    context = ssl.create_default_context(cafile=str(authority))

    def connect():
        raw = socket.create_connection((address, port), 15)
        try:
            return context.wrap_socket(raw, server_hostname=SITE)
        except BaseException:
            raw.close()
            raise

    return connect


def test_nothing_is_lost_while_a_service_changes(door, client, folder, busy, engine):
    folder.renew(SITE)
    folder.configure(f"  {SITE}: http://{BUSY}:5000\n")
    door.signal("HUP")
    wait_for("the site", lambda: client.serial(SITE) == folder.serial, 20)
    watch = Watch(door.inspect()["State"]["Pid"], f"tasks.{BUSY}")

    def renew():
        folder.renew(SITE)
        door.signal("HUP")
        wait_for("the new certificate", lambda: client.serial(SITE) == folder.serial, 20)

    load = Load(connector(engine.network.address, 443, folder.authority.file), SITE)
    try:
        wait_for("all kinds are answered", lambda: len(load.good) >= 3, 30)
        changes(load, busy, renew, updates=UPDATES, renewals=RENEWALS)
    finally:
        load.stop()
        watch.stop()
    measured = report("hivedoor", load, watch)
    assert not load.failures, "\n".join(measured["failures"])
    assert not load.unserved, "a healthy task existed all the time"
    assert load.clients == {engine.network.host}
