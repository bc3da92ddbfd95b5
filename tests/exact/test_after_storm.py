# SPDX-License-Identifier: MIT
"""What a storm of connections took goes back to the host when they are gone: pages, as the kernel
counts them."""

import contextlib
import pathlib
import re

from lib.raw import Raw
from lib.wait import until

WARM, STORM, AT_ONCE = 50, 2000, 25
SLACK_KB = 3 * 1024  # a fifth of what the storm takes, at least


def private_kb(pid):
    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(re.search(r"Private_Dirty:\s+(\d+)", text)[1])


def storm(door, count):
    """So many TLS connections at a time, each with one request; what the worker holds then, in kB."""
    with contextlib.ExitStack() as stack:
        for _ in range(count // AT_ONCE):
            some = [Raw(stack.enter_context(door.connect_tls("a.test"))) for _ in range(AT_ONCE)]
            for raw in some:
                raw.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
            assert all(raw.response()[0] == 200 for raw in some)
        most = private_kb(door.pids("worker")[0])
    until(lambda: door.metric("connections", state="idle") == 0, "all are gone", 60)
    return most


def test_memory_of_a_storm_goes_back(door):
    pid = door.pids("worker")[0]
    storm(door, WARM)
    before = private_kb(pid)
    most = storm(door, STORM)
    assert most > before + 3 * SLACK_KB  # else it was none
    until(lambda: private_kb(pid) <= before + SLACK_KB, "the pages are given back", 60)
    print(f"{before} kB before, {most} kB with {STORM} connections, {private_kb(pid)} kB after")
