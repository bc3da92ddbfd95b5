# SPDX-License-Identifier: MIT
"""CPU time an operation, of each kind of work: what the load does, and what one operation is."""

import json
import os
import subprocess

import measure
import peers
import rounds

# name: (what it is, options of the load, what is counted: "request" or "byte")
WORK = {
    "h1-1k": ("HTTPS/1.1 keep-alive, 1 kB, 32 connections",
              ["--mode=closed", "--connections=32", "--path=/1k"], "request"),
    "h1-64k": ("HTTPS/1.1 keep-alive, 64 kB, 32 connections",
               ["--mode=closed", "--connections=32", "--path=/64k"], "request"),
    "h2-10": ("HTTP/2, 1 kB, 4 connections of 10 streams", ["h2load", 4, 10], "request"),
    "h2-100": ("HTTP/2, 1 kB, 4 connections of 100 streams", ["h2load", 4, 100], "request"),
    "full": ("full TLS 1.3 handshake, ECDSA P-256, with one request",
             ["--mode=handshake", "--connections=16", "--path=/1k"], "request"),
    "full-rsa": ("full TLS 1.3 handshake, RSA-2048, with one request",
                 ["--mode=handshake", "--connections=16", "--path=/1k"], "request"),
    "resumed": ("resumed TLS 1.3 handshake with one request",
                ["--mode=handshake", "--connections=16", "--path=/1k", "--resume"], "request"),
    "download": ("downloads of 1 MB, 8 connections",
                 ["--mode=closed", "--connections=8", "--path=/1m"], "byte"),
    "upload": ("uploads of 1 MB, 8 connections",
               ["--mode=closed", "--connections=8", "--path=/0", f"--upload={1 << 20}"], "byte"),
}
RELAY_CANNOT = ("h2-10", "h2-100", "resumed")  # it speaks no protocol


def pinned(core):
    """For the process to be: that processor, or any."""
    return (lambda: os.sched_setaffinity(0, {core})) if core is not None else None


def load_command(tools, port, options, plain=False):
    return [str(tools["load"]), f"--port={port}", *options, *(["--plain"] if plain else [])]


def run_load(tools, port, options, core, seconds, plain=False):
    command = load_command(tools, port, [f"--seconds={seconds}", *options], plain)
    got = subprocess.run(command, capture_output=True, text=True, check=True,
                         preexec_fn=pinned(core), timeout=seconds + 120)
    return json.loads(got.stdout)


def run_h2load(port, connections, streams, core, count):
    """h2load cannot be given a time and say what it did in it, so it is given a count."""
    command = ["h2load", "-n", count, "-c", connections, "-m", streams, "-t", 1,
               "--tls13-ciphers=TLS_AES_128_GCM_SHA256", "--groups=X25519", "--connect-to",
               f"127.0.0.1:{port}", f"https://a.test:{port}/1k"]
    got = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                         check=True, preexec_fn=pinned(core), timeout=300 + count // 1000)
    done = [line for line in got.stdout.splitlines() if line.startswith("requests:")][0]
    words = done.replace(",", "").split()
    succeeded = int(words[words.index("succeeded") - 1])
    return {"answered": succeeded, "failed": count - succeeded, "bytes_in": 0}


def run(name, tools, peer, core, seconds):
    """Operations of one round of a kind of work at a peer that runs."""
    _, options, unit = WORK[name]
    if options[0] == "h2load":
        said = run_h2load(peer.port, options[1], options[2], core, int(4000 * seconds))
    else:
        said = run_load(tools, peer.port, options, core, seconds, plain=peer.name == "relay")
    if said["failed"] or not said["answered"]:
        raise SystemExit(f"{name} at {peer.name}: {said}")
    if name == "resumed" and said["resumed"] < 0.9 * said["handshakes"]:
        raise SystemExit(f"{peer.name} resumed {said['resumed']} of {said['handshakes']}")
    if name.startswith("full") and peer.name != "relay" and said["resumed"]:
        raise SystemExit(f"{peer.name} resumed {said['resumed']} where none should be")
    return said["answered"] * ((1 << 20) if unit == "byte" else 1)


def row(name, setting, options):
    """Rounds of one kind of work at all peers: nanoseconds of CPU an operation."""
    what, _, unit = WORK[name]
    kinds = [kind for kind in peers.ALL
             if kind is not peers.Relay or name not in RELAY_CANNOT]
    core = setting.cores[1]

    def once(peer):
        before = measure.cpu_ns(peer.pid)
        count = run(name, setting.tools, peer, core, options.seconds)
        return (measure.cpu_ns(peer.pid) - before) / count

    with setting.running(kinds, "rsa" if name.endswith("rsa") else "ecdsa") as running:
        for peer in running:  # warm
            run(name, setting.tools, peer, core, min(1, options.seconds))
        values, quiet = rounds.interleaved(running, once, options.rounds)
    return [rounds.row(name, what, "ns/byte" if unit == "byte" else "ns", values, **quiet)]
