# SPDX-License-Identifier: MIT
"""What a tree of processes has cost so far: CPU time and memory, read from /proc."""

import os
import pathlib


def tree(pid):
    """The pid and those of all its descendants."""
    found = [pid]
    for one in found:
        for task in pathlib.Path(f"/proc/{one}/task").glob("*"):
            try:
                found += [int(child) for child in (task / "children").read_text().split()]
            except OSError:
                continue
    return found


def cpu_ns(pid):
    """Nanoseconds on a processor, of all threads of the tree. Exact, unlike utime and stime."""
    total = 0
    for one in tree(pid):
        for path in pathlib.Path(f"/proc/{one}/task").glob("*/schedstat"):
            try:
                total += int(path.read_text().split()[0])
            except OSError:
                continue
    return total


def sum_of(pid, field):
    total = 0
    for one in tree(pid):
        try:
            text = pathlib.Path(f"/proc/{one}/smaps_rollup").read_text()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in text.splitlines()
                     if line.startswith(f"{field}:"))
    return total


def memory_kb(pid):
    """Memory that is each process's own (Private_Dirty): what grows with connections."""
    return sum_of(pid, "Private_Dirty")


def shared_memory_kb(pid):
    """Memory that was written, what processes share counted once (Pss_Dirty): what a daemon takes."""
    return sum_of(pid, "Pss_Dirty")


def cores():
    """(of the proxy, of load and service): two different ones."""
    usable = sorted(os.sched_getaffinity(0))
    if len(usable) < 2:
        raise SystemExit("the bench needs two processors: one for the proxy, one for the load")
    return usable[0], usable[1]


def steal():
    """Share of time that the host took away so far, as (stolen, all) ticks."""
    fields = [int(n) for n in pathlib.Path("/proc/stat").read_text().split("\n")[0].split()[1:]]
    return fields[7], sum(fields[:8])
