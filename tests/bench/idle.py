# SPDX-License-Identifier: MIT
"""Memory of connections that are idle: each did one request, and is then only there."""

import contextlib
import json
import subprocess
import time

import measure
import peers
import rounds
import work

WARM = 50
AT_ONCE = 32
SETTLE = 2.0  # s, the same for all
AFTER = 6.0  # s, once they have ended: ours gives memory back every five

WORK = {
    "idle-h1": ("idle HTTPS/1.1 connection, memory", []),
    "idle-h2": ("idle HTTP/2 connection, memory", ["--h2"]),
}


@contextlib.contextmanager
def held(tools, peer, count, options, core, at_once=AT_ONCE):
    """What the load says once `count` connections are held; they end with the block."""
    words = ["--mode=idle", f"--connections={count}", f"--at-once={at_once}", "--path=/1k", *options]
    with subprocess.Popen(work.load_command(tools, peer.port, words), stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, text=True, preexec_fn=work.pinned(core)) as load:
        line = load.stdout.readline()
        if not line:
            raise SystemExit(f"{peer.name}: the load ended")
        yield json.loads(line)
        load.stdin.close()


def settled(peer, seconds=SETTLE):
    """Bytes, when whatever it does after the fact is done."""
    time.sleep(seconds)
    return 1024 * measure.memory_kb(peer.pid)


def one(setting, peer, count, options, at_once=AT_ONCE):
    """(bytes a connection, bytes that are left for each when all have ended)."""
    core = setting.cores[1]
    with held(setting.tools, peer, WARM, options, core):
        pass
    before = settled(peer)
    with held(setting.tools, peer, count, options, core, at_once) as said:
        if said["held"] < count:
            raise SystemExit(f"{peer.name}: {said}")
        during = settled(peer)
    after = settled(peer, AFTER)
    return (during - before) / count, (after - before) / count


def row(name, setting, options):
    """Fresh proxies each round: memory that once was used does not count for the next."""
    what, words = WORK[name]
    values = {kind.name: [] for kind in (peers.Hivedoor, peers.Nginx, peers.Haproxy)}
    left = {peer: [] for peer in values}
    storm = {}
    for _ in range(options.runs):
        for kind in (peers.Hivedoor, peers.Nginx, peers.Haproxy):
            with setting.running([kind]) as (peer,):
                during, after = one(setting, peer, options.many, words)
            values[peer.name].append(during)
            left[peer.name].append(after)
    for kind in (peers.Hivedoor, peers.Nginx, peers.Haproxy):
        with setting.running([kind]) as (peer,):
            storm[peer.name] = one(setting, peer, options.many, words, 0)
    more = {"left": {peer: rounds.quartiles(all_of)[0] for peer, all_of in left.items()},
            "at_once": {peer: during for peer, (during, _) in storm.items()},
            "at_once_left": {peer: after for peer, (_, after) in storm.items()}}
    return [rounds.row(name, f"{what}, of {options.many:,}", "bytes", values, rounds=options.runs,
                       disturbed=0, **more)]
