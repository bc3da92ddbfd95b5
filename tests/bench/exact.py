# SPDX-License-Identifier: MIT
"""What an operation costs exactly, however busy the machine is: user instructions by callgrind and
system calls by strace. Two runs with N and 2N operations are subtracted, so that neither start nor
end counts, and all processes of the proxy are summed.
"""

import concurrent.futures
import json
import pathlib
import re
import subprocess
import time

import measure
import peers
import work

BOUNDS = pathlib.Path(__file__).resolve().parent / "bounds.json"
PATIENCE = 120

# name: (what it is, options of the load, operations of the shorter run). Who asks for many things at a
# time asks for all of them together: how many come in one turn of a peer's loop, which is what its
# system calls and records depend on, is then not left to who runs when.
WORK = {
    "h1-one": ("HTTPS/1.1 keep-alive, 1 kB, 1 connection",
               ["--mode=closed", "--connections=1", "--path=/1k"], 500),
    "h1-saturated": ("HTTPS/1.1 keep-alive, 1 kB, 32 connections",
                     ["--mode=together", "--connections=32", "--path=/1k"], 1920),
    "full": ("full TLS 1.3 handshake with one request",
             ["--mode=handshake", "--connections=1", "--path=/1k"], 40),
    "resumed": ("resumed TLS 1.3 handshake with one request",
                ["--mode=handshake", "--connections=1", "--path=/1k", "--resume"], 40),
    "h2-10": ("HTTP/2, 1 kB, 10 streams of 1 connection",
              ["--mode=together", "--connections=1", "--h2", "--streams=10", "--path=/1k"], 500),
    "download": ("download, 1 MB", ["--mode=closed", "--connections=1", "--path=/1m"], 20),
    "upload": ("upload, 1 MB",
               ["--mode=closed", "--connections=1", "--path=/0", f"--upload={1 << 20}"], 20),
}


class Watched:
    """A kind of peer whose command is run by a tool that counts."""

    def __init__(self, folder):
        self.output = folder

    def command(self, command, tools):
        raise NotImplementedError

    def count(self):
        raise NotImplementedError


class Callgrind(Watched):
    unit = "instructions"
    times = 1

    def command(self, command, tools):
        preload = [f"LD_PRELOAD={tools['watched']}", f"HIVEDOOR_WATCHED={tools['hivedoor']}"]
        return ["env", *preload, "valgrind", "--tool=callgrind", "--trace-children=yes",
                f"--callgrind-out-file={self.output}/callgrind.%p", *command]

    def count(self):
        totals = 0
        for path in self.output.glob("callgrind.*"):
            found = re.search(r"^totals: (\d+)$", path.read_text(), re.MULTILINE)
            if found is None:
                raise SystemExit(f"{path} was not written to its end")
            totals += int(found[1])
        return totals


class Strace(Watched):
    unit = "syscalls"
    times = 5  # it is quick, and what the processes do every second is a larger part

    def command(self, command, tools):
        return ["strace", "-f", "-c", "-o", self.output / "strace", *command]

    def count(self):
        last = (self.output / "strace").read_text().strip().splitlines()[-1].split()
        if last[-1] != "total":
            raise SystemExit(f"{self.output}/strace was not written to its end")
        return int(last[3])


def ask(tools, port, options, count):
    """So many operations, all answered."""
    said = work.run_load(tools, port, [*options, f"--requests={count}"], None, 0)
    if said["failed"] or said["answered"] < count:
        raise SystemExit(f"{options}: {said}")
    if "--resume" in options and said["resumed"] < count - 1:
        raise SystemExit(f"resumed {said['resumed']} of {count}")


def end(process):
    """The counting tool ends when what it counts ends; its own end would lose the counts."""
    pids = measure.tree(process.pid)
    watched = pids[1] if len(pids) > 1 and is_strace(process.pid) else process.pid
    subprocess.run(["kill", "-TERM", str(watched)], check=False)
    process.wait(PATIENCE)
    for pid in pids:  # descendants may still write
        until = time.monotonic() + PATIENCE
        while pathlib.Path(f"/proc/{pid}").exists() and time.monotonic() < until:
            time.sleep(0.02)


def is_strace(pid):
    return pathlib.Path(f"/proc/{pid}/comm").read_text().strip() == "strace"


def total(kind, tool, folder, setting, name, count):
    """What the proxy's processes took from their start to their end, with so many operations."""
    tools, origin, certs = setting.tools, setting.origin, setting.certs["ecdsa"]
    folder.mkdir(parents=True)
    folder.chmod(0o777)  # nginx's worker is another user
    watched = tool(folder)
    peer = kind(folder, tools, origin, certs, None)
    plain = peer.command()
    peer.command = lambda: watched.command([str(word) for word in plain], tools)
    peer.start()
    try:
        ask(tools, peer.port, WORK[name][1], count)
    finally:
        end(peer.process)
    return watched.count()


def per_operation(kind, tool, folder, setting, name):
    """Instructions or system calls an operation: the two runs at the same time."""
    count = WORK[name][2] * tool.times
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        less, more = pool.map(
            lambda n: total(kind, tool, folder / f"{kind.name}-{name}-{tool.unit}-{n}", setting,
                            name, n), (count, 2 * count))
    return (more - less) / count


def bounds():
    return json.loads(BOUNDS.read_text())


def show(setting, folder):
    """The table for all, with our bounds; its rows."""
    rows = []
    for name, (what, _, _) in WORK.items():
        for tool in (Callgrind, Strace):
            cost = {kind.name: per_operation(kind, tool, folder, setting, name)
                    for kind in (peers.Hivedoor, peers.Nginx, peers.Haproxy)}
            bound = bounds()[tool.unit].get(name)
            rows.append({"work": name, "what": what, "unit": tool.unit, "cost": cost,
                         "bound": bound})
            print(f"{name:13} {tool.unit:12} " +
                  "  ".join(f"{peer} {n:,.1f}" for peer, n in cost.items()) +
                  f"  (bound {bound:,})", flush=True)
    return rows
