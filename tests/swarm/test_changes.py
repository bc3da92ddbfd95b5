# SPDX-License-Identifier: MIT
"""Nothing is lost while a Swarm changes. The same steady load goes through the door and through
nginx at the same time, to the same service; what nginx loses is printed, not judged."""
import shutil
import socket
import ssl
import tempfile
import time
from pathlib import Path

import nginx
import pytest
from changes import BUSY, Amount, Busy, changes, long_form
from doubt import ADDRESS, Doubt
from edge import Edge
from events import Events
from load import Load
from names import Watch
from report import keep, measured
from shell import wait_for
from stack import NETWORK
from verdict import judge

SITE = "busy.test"
# Most programs end at SIGTERM; some finish what runs.
AMOUNTS = {
    "blunt": Amount(50, 20, 5, 10, 3) if long_form() else Amount(2, 2, 1, 1, 1),
    "polite": Amount(10, 2, 2, 2, 1) if long_form() else Amount(2, 1, 1, 1, 0),
}
SILENCE = 600 if long_form() else 10  # seconds in which the DNS knows no name


@pytest.fixture(scope="module")
def events(engine):
    watching = Events(engine)
    yield watching
    watching.stop()


@pytest.fixture(params=AMOUNTS)
def busy(request, engine, service_image):
    running = Busy(engine, service_image, NETWORK, request.param)
    running.manners = request.param
    yield running
    running.remove()


@pytest.fixture(scope="module")
def other(engine, service_image, folder):
    """nginx on the same network."""
    scratch = Path(tempfile.mkdtemp(prefix="hivedoor-nginx-", dir="/var/tmp"))
    scratch.chmod(0o755)
    edge = Edge(engine, service_image, NETWORK, (nginx.PORT,), name="nginx")
    try:
        folder.renew(SITE)
        running = nginx.Nginx(edge, scratch, folder.path / "certs", BUSY)
        running.configure()
        running.start()
        yield running
    finally:
        edge.close()
        shutil.rmtree(scratch)


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


class Scene:
    """Both proxies in front of the service, a load through each."""

    def __init__(self, door, client, folder, engine, other):
        self.door, self.client, self.folder, self.other = door, client, folder, other
        self.connects = {name: connector(engine.network.address, port, folder.authority.file)
                         for name, port in (("hivedoor", 443), ("nginx", nginx.PORT))}
        self.pids = {"hivedoor": door.inspect()["State"]["Pid"], "nginx": other.edge.pid}

    def configure(self, more="", resolver="127.0.0.11"):
        self.folder.renew(SITE)
        self.folder.configure(f"  {SITE}: http://{BUSY}:5000\n{more}")
        self.door.signal("HUP")
        self.other.configure(resolver)
        self.other.reload()
        wait_for("the site", lambda: self.client.serial(SITE) == self.folder.serial, 20)
        wait_for("it answers", lambda: all(map(self.answers, self.connects)), 20)

    def answers(self, name):
        with self.connects[name]() as raw:
            raw.sendall(f"GET / HTTP/1.1\r\nHost: {SITE}\r\nConnection: close\r\n\r\n".encode())
            return raw.recv(4096).startswith(b"HTTP/1.1 200 ")

    def renew(self):
        self.folder.renew(SITE)
        self.door.signal("HUP")
        self.other.reload()
        wait_for("the new certificate", lambda: self.client.serial(SITE) == self.folder.serial, 20)

    def run(self, name, act, events):
        """Does `act(note)` under load; gives each proxy's load and verdict."""
        watches = {proxy: Watch(pid, f"tasks.{BUSY}") for proxy, pid in self.pids.items()}
        loads = {proxy: Load(connect, SITE) for proxy, connect in self.connects.items()}

        def note(what):
            for load in loads.values():
                load.note(what)

        try:
            wait_for("all is answered", lambda: all(len(l.good) >= 3 for l in loads.values()), 30)
            act(note)
        finally:
            for load in loads.values():
                load.stop()
            for watch in watches.values():
                watch.stop()
        verdicts = {proxy: judge(load, BUSY, events) for proxy, load in loads.items()}
        keep(name, *(measured(proxy, loads[proxy], verdicts[proxy], watches[proxy])
                     for proxy in loads))
        return loads["hivedoor"], verdicts["hivedoor"]


@pytest.fixture
def scene(door, client, folder, engine, other, busy):
    made = Scene(door, client, folder, engine, other)
    made.configure()
    yield made
    folder.configure()
    door.signal("HUP")


def complaints(verdict):
    return "\n".join(map(str, verdict.failed))


def test_nothing_is_lost_while_a_service_changes(scene, busy, events, engine):
    amount = AMOUNTS[busy.manners]
    load, verdict = scene.run(f"changes-{busy.manners}",
                              lambda note: changes(note, busy, scene.renew, amount), events)
    assert not verdict.failed, complaints(verdict)
    if busy.manners == "polite":
        cut = [f for f in verdict.streams_cut if events.lives[f.task].status != 137]
        assert not cut, "who finishes what runs can be let finish it"
    assert load.clients == {engine.network.host}


@pytest.mark.parametrize("busy", ["blunt"], indirect=True)
def test_nothing_is_lost_while_the_dns_knows_no_name(scene, events, tmp_path):
    """Other than where tasks change, nothing but the door's memory leads to them."""
    doubts = {proxy: Doubt(pid, tmp_path / proxy) for proxy, pid in scene.pids.items()}

    def silence(note):
        note("no such name")
        for doubt in doubts.values():
            doubt.begin()
        wait_for("it was noticed", lambda: "endpoints_remembered" in scene.door.words(), 20)
        end = time.monotonic() + SILENCE
        wait_for("requests go on", lambda: time.monotonic() > end, SILENCE + 5)

    try:
        scene.configure(f"dns: {{servers: [\"{ADDRESS}\"]}}\n", ADDRESS)
        _, verdict = scene.run("no-such-name", silence, events)
    finally:
        for doubt in doubts.values():
            doubt.close()
        scene.configure()
    assert not verdict.failed and not verdict.unserved, complaints(verdict)
