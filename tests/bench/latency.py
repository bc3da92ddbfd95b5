# SPDX-License-Identifier: MIT
"""Waiting times, by requests that are due at a constant rate: whoever had to wait is counted from when
the request was due. The load and the service go before everything else on their processor."""

import json
import os
import signal
import statistics
import subprocess
import time

import idle
import peers
import rounds
import setting as terms
import work

KINDS = (peers.Hivedoor, peers.Nginx, peers.Haproxy)
CONNECTIONS = 32
STORM_RATE = 500
WORK = {
    "p99-half": "p99 at half of nginx's maximum, open loop",
    "p99-storm": "p99 of open connections while many new ones storm in",
}


def maximum(setting, seconds):
    """Requests a second that nginx answers when it is asked as fast as it answers."""
    def once(nginx):
        said = work.run_load(setting.tools, nginx.port, work.WORK["h1-1k"][1], setting.cores[1],
                             seconds)
        return said["answered"] / said["seconds"]

    with setting.running([peers.Nginx]) as (nginx,):
        return statistics.median(once(nginx) for _ in range(3))


def open_loop(setting, peer, rate, seconds):
    """The load, started: ends by itself after so long, or by SIGTERM with 0."""
    words = ["--mode=open", f"--connections={CONNECTIONS}", f"--rate={rate}",
             f"--seconds={seconds}", "--path=/1k"]
    return subprocess.Popen(work.load_command(setting.tools, peer.port, words),
                            stdout=subprocess.PIPE, text=True,
                            preexec_fn=terms.urgent(setting.cores[1]))


def finished(load, peer):
    said = json.loads(load.communicate(timeout=120)[0])
    if said["failed"] or said["answered"] < said["asked"]:
        raise SystemExit(f"{peer.name} did not answer all: {said}")
    return said


def p99_half(name, setting, options):
    rate = maximum(setting, options.seconds) / 2

    def once(peer):
        return finished(open_loop(setting, peer, rate, options.seconds), peer)["p99_us"]

    with setting.running(KINDS) as running:
        for peer in running:
            once(peer)
        values, quiet = rounds.interleaved(running, once, options.rounds)
    return [rounds.row(name, f"{WORK[name]}: {rate:,.0f} requests/s", "us", values, **quiet,
                       rate=rate)]


def storm(setting, peer, count):
    """p99 in microseconds while so many connections come in at once, do a request and stay; how many
    of them did not get through; how long it took."""
    load = open_loop(setting, peer, STORM_RATE, 0)
    time.sleep(0.5)  # all of its connections stand
    os.kill(load.pid, signal.SIGUSR1)
    with idle.held(setting.tools, peer, count, [], setting.cores[1], 0) as said:
        load.terminate()
        measured = finished(load, peer)
    return {"p99_us": measured["p99_us"], "refused": said["failed"], "seconds": said["seconds"]}


def p99_storm(name, setting, options):
    values = {kind.name: [] for kind in KINDS}
    refused = {peer: 0 for peer in values}
    seconds = {peer: [] for peer in values}
    for _ in range(options.runs):
        for kind in KINDS:
            with setting.running([kind]) as (peer,):
                with idle.held(setting.tools, peer, idle.WARM, [], setting.cores[1]):
                    pass
                got = storm(setting, peer, options.many)
            values[peer.name].append(got["p99_us"])
            refused[peer.name] += got["refused"]
            seconds[peer.name].append(got["seconds"])
    return [rounds.row(name, f"{WORK[name]} ({options.many:,})", "us", values, rounds=options.runs,
                       disturbed=0, refused=refused,
                       seconds={peer: rounds.quartiles(all_of)[0]
                                for peer, all_of in seconds.items()})]


def row(name, setting, options):
    return {"p99-half": p99_half, "p99-storm": p99_storm}[name](name, setting, options)
