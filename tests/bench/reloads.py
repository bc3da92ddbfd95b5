# SPDX-License-Identifier: MIT
"""Many reloads while many WebSockets are open: neither the time of a reload nor memory grows."""

import json
import pathlib
import statistics
import time

import growth
import idle
import measure

RELOADS = 100
SOCKETS = 1000
PATIENCE = 60
WITHIN = 1.10  # the last against the first, in memory


def reload(peer, number):
    """Seconds until another configuration serves."""
    before = json.loads(peer.admin("/state"))["generation"]
    peer.sites = {"a.test": None, f"n{number}.test": None}
    peer.write()
    begin = time.monotonic()
    peer.reload()
    while json.loads(peer.admin("/state"))["generation"] == before:
        if time.monotonic() > begin + PATIENCE:
            raise SystemExit(f"reload {number} was not done in {PATIENCE} s")
        time.sleep(0.002)
    return time.monotonic() - begin


def draw(path, seconds, memory):
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, panes = pyplot.subplots(1, 2, figsize=(8, 3), layout="constrained")
    panes[0].plot(range(1, len(seconds) + 1), [1000 * one for one in seconds], ".-",
                  color="#1f5fa8")
    panes[0].set_title("milliseconds of a reload", fontsize=8)
    panes[1].plot(range(len(memory)), [one / 1e6 for one in memory], ".-", color="#2f8f4f")
    panes[1].set_title("memory, MB", fontsize=8)
    for pane in panes:
        pane.set_xlabel(f"reloads, with {SOCKETS:,} open WebSockets", fontsize=8)
        pane.tick_params(labelsize=8)
        pane.set_ylim(0, 1.25 * pane.get_ylim()[1])
        pane.grid(alpha=0.3)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=90)
    pyplot.close(figure)


def run(setting, options):
    peer = growth.door(setting)
    seconds, memory = [], []
    with peer, idle.held(setting.tools, peer, SOCKETS, ["--websocket"], setting.cores[1]) as said:
        if said["held"] < SOCKETS:
            raise SystemExit(f"WebSockets: {said}")
        memory.append(1024 * measure.shared_memory_kb(peer.pid))
        for number in range(RELOADS):
            seconds.append(reload(peer, number))
            memory.append(1024 * measure.shared_memory_kb(peer.pid))
        alive = peer.metric("generations")
        tunnels = peer.metric("exchanges", 'state="tunnel"')
    fifth = RELOADS // 5
    first, last = (statistics.median(part) for part in (memory[1:fifth + 1], memory[-fifth:]))
    grown = last > WITHIN * first or alive > 2
    early, late = (1000 * statistics.median(part) for part in (seconds[:fifth], seconds[-fifth:]))
    print(f"{RELOADS} reloads with {SOCKETS} WebSockets: a reload takes {early:.0f} ms at first and "
          f"{late:.0f} ms at last; memory {memory[0] / 1e6:.1f} MB before, {first / 1e6:.1f} MB after "
          f"the first, {last / 1e6:.1f} MB after the last; generations alive {alive:.0f}, "
          f"tunnels {tunnels:.0f}: {'GROWN' if grown else 'no growth'}")
    draw(pathlib.Path(growth.ROOT) / "docs/growth/reloads.png", seconds, memory)
    return {"seconds": seconds, "memory": memory, "failed": grown}
