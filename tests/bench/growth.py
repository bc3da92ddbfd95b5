# SPDX-License-Identifier: MIT
"""What a request costs, and how much memory is taken, as the things around it grow. It should be the
same whatever their number, or grow with its logarithm.

Instructions are counted by callgrind in the workers alone, as the difference of N and 2N operations;
CPU time and memory are those of the daemon as it is released.
"""

import contextlib
import dataclasses
import json
import pathlib
import subprocess
import sys
import time
import typing

import idle
import measure
import peers
import rounds
import setting as terms
import work

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/system"))

ASK = ["--mode=closed", "--connections=4", "--path=/1k"]
SHAKE = ["--mode=handshake", "--connections=1", "--path=/1k"]
ROUNDS, SECONDS = 5, 1.0


@dataclasses.dataclass
class Scene:
    """A daemon that runs with so many of something, and how it is asked."""

    peer: peers.Hivedoor
    ask: list
    warm: int = 200  # operations before those that count
    count: int = 500  # operations of the shorter count


@dataclasses.dataclass(frozen=True)
class Axis:
    what: str
    numbers: tuple
    operation: str
    scene: typing.Callable  # (setting, number, start) -> context manager of a Scene


def door(setting, certs=None, sites=None):
    return peers.Hivedoor(setting.folder, setting.tools, setting.origin,
                          certs or setting.certs["ecdsa"], setting.cores[0], sites=sites)


@contextlib.contextmanager
def with_sites(setting, number, start):
    """The last of so many sites is asked for."""
    names = [f"s{i}.a.test" for i in range(number)]
    with start(door(setting, sites=dict.fromkeys(names))) as peer:
        yield Scene(peer, [*ASK, f"--sni={names[-1]}"])


@contextlib.contextmanager
def with_certificates(setting, number, start):
    folder = setting.folder / f"certs-{number}"
    if not folder.exists():
        folder.mkdir()
        subprocess.run([setting.tools["certs"], folder, "0", str(number)], check=True)
    sites = {f"s{i}.test": folder / f"s{i}.pem" for i in range(number)}
    with start(door(setting, folder, sites)) as peer:
        yield Scene(peer, [*SHAKE, f"--sni=s{number - 1}.test"], warm=3, count=20)


@contextlib.contextmanager
def with_endpoints(setting, number, start):
    """All of them have taken a connection before it counts."""
    from lib.dns_server import DnsServer

    with terms.service(setting.tools, setting.cores[1], number) as port, DnsServer() as dns:
        dns.set("service", a=[f"127.1.{i >> 8}.{i & 255}" for i in range(number)])
        peer = door(setting)
        peer.to = f"http://service:{port}"
        peer.more = {"dns": {"servers": [dns.address]}}
        with start(peer):
            yield Scene(peer, ASK, warm=12 * number + 200, count=2000)


@contextlib.contextmanager
def with_idle(setting, number, start):
    peer = door(setting)
    peer.more = {"timeouts": {"idle": "1h", "handshake": "1h"}}  # under callgrind all takes longer
    with start(peer):
        with idle.held(setting.tools, peer, number, [], setting.cores[1]) as said:
            if said["held"] < number:
                raise SystemExit(f"{number} idle connections: {said}")
            yield Scene(peer, ASK)


@contextlib.contextmanager
def with_workers(setting, number, start):
    peer = door(setting)
    peer.more = {"workers": number}
    with start(peer):
        yield Scene(peer, ["--mode=closed", "--connections=32", "--path=/1k"])


AXES = {
    "sites": Axis("sites", (1, 100, 10000), "request", with_sites),
    "endpoints": Axis("endpoints of a service", (1, 10, 100, 1000), "request", with_endpoints),
    "certificates": Axis("certificates", (1, 100, 10000), "full handshake and request",
                         with_certificates),
    "idle": Axis("idle connections", (100, 1000, 10000), "request", with_idle),
    "workers": Axis("workers", (1, 2), "request", with_workers),
}


def ask(setting, scene, count):
    said = work.run_load(setting.tools, scene.peer.port, [*scene.ask, f"--requests={count}"],
                         setting.cores[1], 0)
    if said["failed"] or said["answered"] < count:
        raise SystemExit(f"{scene.ask}: {said}")


# ---- counted

def control(pids, *words):
    for pid in pids:
        subprocess.run(["callgrind_control", *words, str(pid)], check=True, capture_output=True)


class Counted:
    """Starts a daemon whose workers callgrind counts, once it is told to."""

    def __init__(self, setting):
        self.setting = setting
        self.folder = setting.folder / f"callgrind-{time.monotonic_ns()}"
        self.folder.mkdir()
        self.folder.chmod(0o777)

    @contextlib.contextmanager
    def start(self, peer):
        plain = [str(word) for word in peer.command()]
        tools = self.setting.tools
        peer.core = None
        peer.command = lambda: [
            "env", f"LD_PRELOAD={tools['watched']}", f"HIVEDOOR_WATCHED={tools['hivedoor']}",
            "valgrind", "--tool=callgrind", "--trace-children=yes", "--instr-atstart=no",
            f"--callgrind-out-file={self.folder}/callgrind.%p", *plain]
        peer.patience = 300
        with peer:
            yield peer

    def total(self):
        found = 0
        for path in self.folder.glob("callgrind.*.*"):
            lines = [line for line in path.read_text().splitlines() if line.startswith("totals:")]
            found += sum(int(line.split()[1]) for line in lines)
            path.unlink()
        return found

    def instructions(self, scene):
        """An operation's."""
        workers = scene.peer.workers()
        ask(self.setting, scene, scene.warm)
        control(workers, "-i", "on")
        ask(self.setting, scene, scene.count // 2)
        seen = []
        for times in (1, 2):
            control(workers, "-z")
            ask(self.setting, scene, times * scene.count)
            control(workers, "-d")
            seen.append(self.total())
        control(workers, "-i", "off")
        return (seen[1] - seen[0]) / scene.count


# ---- as it is released

@contextlib.contextmanager
def plainly(peer):
    with peer:
        yield peer


def cpu_ns(setting, scene):
    """(median, lower, upper) of some rounds, an operation."""
    found = []
    for _ in range(ROUNDS):
        before = measure.cpu_ns(scene.peer.pid)
        said = work.run_load(setting.tools, scene.peer.port, scene.ask, setting.cores[1], SECONDS)
        found.append((measure.cpu_ns(scene.peer.pid) - before) / said["answered"])
    return rounds.quartiles(found)


def point(setting, axis, number):
    with axis.scene(setting, number, plainly) as scene:
        ask(setting, scene, scene.warm)
        time.sleep(idle.SETTLE)
        memory = 1024 * measure.shared_memory_kb(scene.peer.pid)
        cpu = cpu_ns(setting, scene)
    counted = Counted(setting)
    with axis.scene(setting, number, counted.start) as scene:
        instructions = counted.instructions(scene)
    return {"number": number, "instructions": instructions, "cpu_ns": cpu, "memory": memory}


# ---- shown

def draw(path, axis, points):
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot, ticker

    numbers = [one["number"] for one in points]
    figure, panes = pyplot.subplots(1, 3, figsize=(10, 3), layout="constrained")
    cpu = [one["cpu_ns"][0] / 1000 for one in points]
    spread = [[abs(one["cpu_ns"][i] - one["cpu_ns"][0]) / 1000 for one in points] for i in (1, 2)]
    panes[0].plot(numbers, [one["instructions"] / 1000 for one in points], "o-", color="#1f5fa8")
    panes[0].set_title(f"thousand user instructions a {axis.operation}", fontsize=8)
    panes[1].errorbar(numbers, cpu, spread, fmt="o-", capsize=3, color="#a85f1f")
    panes[1].set_title(f"microseconds of CPU a {axis.operation}", fontsize=8)
    panes[2].plot(numbers, [one["memory"] / 1e6 for one in points], "o-", color="#2f8f4f")
    panes[2].set_title("memory, MB", fontsize=8)
    for pane in panes:
        pane.set_xlabel(axis.what, fontsize=8)
        pane.tick_params(labelsize=8)
        pane.set_ylim(0, 1.25 * pane.get_ylim()[1])
        pane.grid(alpha=0.3)
        if numbers[-1] > 10:
            pane.set_xscale("log")
        else:
            pane.set_xticks(numbers)
        pane.xaxis.set_major_formatter(ticker.FuncFormatter(lambda x, _: f"{x:,.0f}"))
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=90)
    pyplot.close(figure)


def save(name, points):
    """Beside the figures of other runs."""
    path = ROOT / "build/bench/growth.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    known = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps({**known, name: points}, indent=1) + "\n")


def run(setting, options):
    found = {}
    for name in options.row or AXES:
        axis, points = AXES[name], []
        for number in axis.numbers:
            one = point(setting, axis, number)
            points.append(one)
            print(f"{number:7,} {axis.what:24} {one['instructions']:12,.0f} instructions a "
                  f"{axis.operation}  {one['cpu_ns'][0] / 1000:7.1f} us  "
                  f"{one['memory'] / 1e6:7.2f} MB", flush=True)
        found[name] = points
        save(name, points)
        draw(ROOT / f"docs/growth/{name}.png", axis, points)
    return {"growth": found}
