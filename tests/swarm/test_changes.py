# SPDX-License-Identifier: MIT
"""Nothing is lost while a Swarm changes: a steady load through the door, and through nginx."""
import os
import shutil
import signal
import socket
import ssl
import tempfile
import time
from pathlib import Path

import nginx
import pytest
from changes import BUSY, Busy, changes, long_form, report
from doubt import ADDRESS, Doubt
from edge import Edge
from load import Load
from names import Watch
from shell import wait_for
from stack import NETWORK

SITE = "busy.test"
UPDATES, RENEWALS = (50, 20) if long_form() else (2, 2)
SILENCE = 600 if long_form() else 10  # seconds in which the DNS knows no name


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


def site_answers(client):
    with client.connect(SITE) as connection:
        return connection.get("/")[0].status == 200


def test_nothing_is_lost_while_a_service_changes(door, client, folder, busy, engine):
    folder.renew(SITE)
    folder.configure(f"  {SITE}: http://{BUSY}:5000\n")
    door.signal("HUP")
    wait_for("the site", lambda: client.serial(SITE) == folder.serial, 20)
    wait_for("it answers", lambda: site_answers(client), 20)
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


def test_nothing_is_lost_while_the_dns_knows_no_name(door, client, folder, busy, engine, tmp_path):
    """Other than where tasks change, nothing but the door's memory leads to them."""
    doubt = Doubt(door.inspect()["State"]["Pid"], tmp_path / "doubt")
    watch = Watch(door.inspect()["State"]["Pid"], f"tasks.{BUSY}")
    try:
        folder.renew(SITE)
        folder.configure(f"  {SITE}: http://{BUSY}:5000\ndns: {{servers: [\"{ADDRESS}\"]}}\n")
        door.signal("HUP")
        wait_for("the site", lambda: client.serial(SITE) == folder.serial, 20)
        wait_for("it answers", lambda: site_answers(client), 20)
        load = Load(connector(engine.network.address, 443, folder.authority.file), SITE)
        try:
            wait_for("all kinds are answered", lambda: len(load.good) >= 3, 30)
            load.note("no such name")
            doubt.begin()
            wait_for("it was noticed", lambda: "endpoints_remembered" in door.words(), 20)
            asked, end = load.sent["get"], time.monotonic() + SILENCE
            wait_for("requests go on", lambda: time.monotonic() > end, SILENCE + 5)
            assert load.sent["get"] > asked
        finally:
            load.stop()
    finally:
        doubt.close()
        watch.stop()
        folder.configure()
        door.signal("HUP")
    measured = report("hivedoor-no-such-name", load, watch)
    assert not load.failures and not load.unserved, "\n".join(measured["failures"])


def test_nginx_in_the_same_scene(engine, service_image, folder, busy):
    """Only measured: what it loses is its own business."""
    scratch = Path(tempfile.mkdtemp(prefix="hivedoor-nginx-", dir="/var/tmp"))
    scratch.chmod(0o755)
    edge = Edge(engine, service_image, NETWORK, (nginx.PORT,), name="nginx")
    try:
        folder.renew(SITE)
        (scratch / "nginx.conf").write_text(
            nginx.configuration(scratch, folder.path / "certs", BUSY))
        edge.run(scratch / "out.log", "nginx", "-c", scratch / "nginx.conf",
                 "-e", scratch / "error.log")

        def renew():
            folder.renew(SITE)
            os.kill(edge.process.pid, signal.SIGHUP)

        connect = connector(engine.network.address, nginx.PORT, folder.authority.file)
        wait_for("nginx answers", lambda: connect().close() is None, 20)
        watch = Watch(edge.pid, f"tasks.{BUSY}")
        load = Load(connect, SITE)
        try:
            wait_for("all kinds are answered", lambda: len(load.good) >= 3, 30)
            changes(load, busy, renew, updates=UPDATES, renewals=RENEWALS)
        finally:
            load.stop()
            watch.stop()
        report("nginx", load, watch)
    finally:
        edge.close()
        shutil.rmtree(scratch)
