# SPDX-License-Identifier: MIT
"""A door of the released build, whose memory is its own allocator's."""

import os
import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/bench"), str(ROOT / "tests/system")]

from lib.certs import Authority  # noqa: E402
from lib.door import Door  # noqa: E402
from lib.service import Service  # noqa: E402

BINARY = pathlib.Path(os.environ.get("HIVEDOOR_BUILD", ROOT / "build/release")) / "src/hivedoor"


@pytest.fixture(scope="module", name="door")
def start(tmp_path_factory):
    folder = tmp_path_factory.mktemp("door")
    service = Service(handler=lambda handler: handler.reply(200, "ok"))
    authority = Authority(folder / "ca")
    door = Door(str(BINARY), folder / "door", authority, names=["a.test"],
                sites={"a.test": service.url}, extra={"workers": 1})
    yield door
    door.close()
    service.close()
