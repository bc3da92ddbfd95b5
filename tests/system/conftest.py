# SPDX-License-Identifier: MIT
"""Fixtures of the system tests: a folder, certificates, a DNS server, services and doors of the
test's own, all ended with it."""

import os
import pathlib
import sys

import pytest

sys.path[:0] = [str(pathlib.Path(__file__).parent), str(pathlib.Path(__file__).parents[1])]

from lib.certs import Authority  # noqa: E402
from lib.dev import Dev  # noqa: E402
from lib.dns_server import DnsServer  # noqa: E402
from lib.door import Door  # noqa: E402
from lib.h2site import SMALL_QUARANTINE, make_site  # noqa: E402
from lib.script import Script  # noqa: E402
from lib.service import Service  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def binary():
    """The daemon under test: $HIVEDOOR, or what `./dev test` or `./dev build` made."""
    named = os.environ.get("HIVEDOOR")
    candidates = [named] if named else [ROOT / "build/asan/src/hivedoor",
                                        ROOT / "build/release/src/hivedoor"]
    for path in candidates:
        if os.access(path, os.X_OK):
            return str(path)
    pytest.fail(f"no hivedoor binary at {candidates}: build it with ./dev build")


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    """A certificate authority for the whole run."""
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture
def dns():
    with DnsServer() as server:
        yield server


@pytest.fixture
def service():
    """Makes services: service() or service(handler=...); all end with the test."""
    services = []

    def make(**options):
        services.append(Service(**options))
        return services[-1]

    yield make
    for one in services:
        one.close()


@pytest.fixture
def script():
    """Makes services that do what a function says: script(act)."""
    scripts = []

    def make(act):
        scripts.append(Script(act))
        return scripts[-1]

    yield make
    for one in scripts:
        one.close()


@pytest.fixture
def door(binary, tmp_path, authority):
    """Makes doors: door(sites={...}, ...); each must end well and leave no sanitizer report."""
    doors = []

    def make(**options):
        one = Door(binary, tmp_path / f"door{len(doors)}", authority, **options)
        doors.append(one)
        return one

    yield make
    for one in doors:
        one.close()


@pytest.fixture(scope="session")
def shared_h2(binary, tmp_path_factory, authority):
    """One door on HTTP/2 for all the cases that leave it as it was: see `h2`."""
    doors = []

    def make(**options):
        doors.append(Door(binary, tmp_path_factory.mktemp("h2") / "door", authority, **options))
        return doors[-1]

    site = make_site(make, environment=SMALL_QUARANTINE)
    yield site
    site.recorder.close()
    for one in doors:
        one.close()


@pytest.fixture
def h2(shared_h2):
    """The shared door; a worker that did not live through the case is the case's failure."""
    yield shared_h2
    shared_h2.leave()
    assert shared_h2.door.pids("worker") == shared_h2.workers, shared_h2.door.errors()


@pytest.fixture
def h2_site(door):
    """Makes doors of the test's own on HTTP/2: h2_site(extra={...}, site={...})."""
    sites = []

    def make(**options):
        sites.append(make_site(door, **options))
        return sites[-1]

    yield make
    for one in sites:
        one.leave()
        one.recorder.close()


@pytest.fixture
def dev(binary, tmp_path):
    """Makes `hivedoor dev`s: dev("app.localhost=3000", ...), with options of lib.dev.Dev."""
    running = []

    def make(*sites, **options):
        one = Dev(binary, tmp_path / options.pop("folder", f"dev{len(running)}"), sites, **options)
        running.append(one)
        return one

    yield make
    for one in running:
        one.close()
