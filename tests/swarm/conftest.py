# SPDX-License-Identifier: MIT
"""A real Swarm of one node for the whole run: engine, network, images, three services, the door."""
import os
import shutil
import tempfile
from pathlib import Path

import images
import pytest
from certificates import DOOR_USER, Authority, place
from client import Client
from engine import Engine, program
from stack import NETWORK, SITES, Door, Services

CONFIGURATION = """\
version: 1
certificates: [/etc/hivedoor/certs]
proxy_protocol: {{trust: ["{client}"]}}
sites:
  a.test: http://a:5000
  b.test: http://b:5000
  c.test: http://c:5000
"""



ENGINE = pytest.StashKey()  # the running one, for failures' reports


def lacking():
    """What keeps these tests from running here, or None."""
    if os.geteuid() != 0:
        return "needs root"
    names = ("docker", "dockerd", "debootstrap", "nsenter", "iptables", "ip", "openssl")
    absent = [name for name in names if not program(name)]
    return f"needs {', '.join(absent)} (tests/swarm/packages)" if absent else None


@pytest.fixture(scope="session")
def engine(request):
    reason = lacking()
    if reason:
        pytest.skip(reason)
    running = Engine()
    try:
        running.start()
        request.config.stash[ENGINE] = running
        # So wide that no address comes back within a run: each one is one task.
        running.docker("network", "create", "--driver", "overlay", "--attachable",
                       "--subnet", "10.94.0.0/16", NETWORK)
        images.import_base(running)
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="session")
def image(engine):
    """The shipped image, by its id: a tag would be looked for in a registry at each start."""
    return images.identity(engine, images.build_door(engine))


@pytest.fixture(scope="session")
def service_image(engine):
    return images.identity(engine, images.build_service(engine))


@pytest.fixture(scope="session")
def services(engine, service_image):
    stack = Services(engine, service_image)
    stack.deploy()
    return stack


class Folder:
    """The folder that a node binds into the door: configuration and certificates."""

    def __init__(self, client_address):
        self.path = Path(tempfile.mkdtemp(prefix="hivedoor-folder-", dir="/var/tmp"))
        self.path.chmod(0o755)
        (self.path / "certs").mkdir()
        os.chown(self.path / "certs", DOOR_USER, DOOR_USER)
        self.configuration = CONFIGURATION.format(client=client_address)
        self.configure()
        (self.path / "ca").mkdir()
        self.authority = Authority(self.path / "ca")
        self.serial = self.renew()

    def renew(self, *more_names):
        self.serial = self.authority.issue([*SITES, *more_names], self.path / "certs")
        return self.serial

    def configure(self, more=""):
        self.write("hivedoor.yml", self.configuration + more)

    def write(self, name, text):
        place(self.path / name, text, 0o644)


@pytest.fixture(scope="session")
def folder(engine):
    made = Folder(engine.network.host)
    yield made
    shutil.rmtree(made.path)


@pytest.fixture(scope="session")
def door(engine, image, services, folder):
    """The door in global mode, as conf/stack-global.yml deploys it."""
    deployed = Door(engine, image, folder.path)
    deployed.deploy("stack-global.yml")
    deployed.wait_until_healthy()
    return deployed


@pytest.fixture(scope="session")
def client(engine, folder):
    return Client(engine.network.address, folder.authority.file)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    """A failure shows what the door had to say."""
    report = (yield).get_result()
    running = item.config.stash.get(ENGINE, None)
    if report.failed and running:
        report.sections.append(("door", Door(running, "", "").words()))
        report.sections.append(("engine", running.log()))
