# SPDX-License-Identifier: MIT
"""Measures Hivedoor, nginx and haproxy side by side: CPU time an operation, as ratios.

bench.py --build FOLDER [WORK ...] [--rounds N] [--seconds S] [--out FILE] [--exact]

In each round every proxy does the same work, one after the other, pinned to one processor, with the
load and the service on another. The ratio of a round is the peer's cost divided by ours; the median
of all rounds is given with its quartiles. A round in which the host took away more than 2 % of the
time is done again, a few times.
"""

import argparse
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile

import exact
import measure
import peers
import work

AGAIN = 3
STEAL_MAX = 0.02


def certificate(folder, kind):
    """A self-signed certificate of a.test."""
    folder.mkdir()
    new = {"ecdsa": ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"], "rsa": ["rsa:2048"]}[kind]
    subprocess.run(["openssl", "req", "-x509", "-newkey", *new, "-nodes", "-days", "30", "-subj",
                    "/CN=a.test", "-addext", "subjectAltName=DNS:a.test", "-keyout",
                    folder / "key.pem", "-out", folder / "chain.pem"], check=True,
                   capture_output=True)
    return folder


def one_round(name, tools, peer, cores, seconds):
    """Nanoseconds of CPU an operation; with the steal of the time it took."""
    stolen, ticks = measure.steal()
    before = measure.cpu_ns(peer.pid)
    count, said = work.run(name, tools, peer, cores[1], seconds)
    cost = (measure.cpu_ns(peer.pid) - before) / count
    stolen_after, ticks_after = measure.steal()
    return cost, (stolen_after - stolen) / max(1, ticks_after - ticks), said


def quartiles(values):
    if len(values) < 2:
        return values[0], values[0], values[0]
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return middle, low, high


def measure_work(name, running, tools, cores, options):
    """Rounds of one kind of work at all peers, interleaved."""
    costs = {peer.name: [] for peer in running}
    for peer in running:  # warm
        work.run(name, tools, peer, cores[1], min(1, options.seconds))
    for _ in range(options.rounds):
        for attempt in range(AGAIN):
            got = {peer.name: one_round(name, tools, peer, cores, options.seconds)
                   for peer in running}
            if max(steal for _, steal, _ in got.values()) <= STEAL_MAX or attempt == AGAIN - 1:
                break
        for peer, (cost, _, _) in got.items():
            costs[peer].append(cost)
    ours = costs["hivedoor"]
    return {
        "work": name,
        "what": work.WORK[name][0],
        "unit": work.WORK[name][2],
        "cost_ns": {peer: quartiles(values) for peer, values in costs.items()},
        "ratio": {peer: quartiles([theirs / mine for theirs, mine in zip(values, ours)])
                  for peer, values in costs.items() if peer != "hivedoor"},
    }


def shown_cost(row, peer):
    middle = row["cost_ns"][peer][0]
    if row["unit"] == "byte":
        return f"{1 / middle:8.2f} GB/s"
    return f"{middle / 1000:8.2f} us"


def print_row(row):
    print(f"{row['work']:9} {row['what']}")
    for peer in row["cost_ns"]:
        ratio = ""
        if peer in row["ratio"]:
            middle, low, high = row["ratio"][peer]
            ratio = f"  costs {middle:.2f} times ours ({low:.2f} to {high:.2f})"
        print(f"    {peer:9} {shown_cost(row, peer)}{ratio}")
    sys.stdout.flush()


def machine():
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo")
                  if line.startswith("model name")), platform.machine())
    openssl = subprocess.run(["openssl", "version"], capture_output=True, text=True).stdout.strip()
    return {"processor": model, "kernel": platform.release(), "openssl": openssl}


def start_origin(tools, core):
    port = peers.free_port()
    process = subprocess.Popen([tools["origin"], str(port)],
                               preexec_fn=lambda: os.sched_setaffinity(0, {core}))
    peers.wait_open(port, process, "origin")
    return process, port


def find_tools(build):
    tools = {name: build / f"tests/bench/bench_{name}"
             for name in ("load", "origin", "relay", "floor")}
    return {**tools, "watched": (build / "tests/bench/libbench_watched.so").resolve(),
            "hivedoor": (build / "src/hivedoor").resolve()}


def floor_of(tools, certs, core):
    got = subprocess.run([tools["floor"], certs / "chain.pem", certs / "key.pem"], check=True,
                         capture_output=True, text=True,
                         preexec_fn=lambda: os.sched_setaffinity(0, {core}))
    return json.loads(got.stdout)


def read_arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("work", nargs="*", choices=[*work.WORK, []])
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--key", choices=["ecdsa", "rsa"], default="ecdsa")
    parser.add_argument("--exact", action="store_true",
                        help="instructions and system calls an operation, instead of time")
    parser.add_argument("--out", type=pathlib.Path)
    return parser.parse_args()


def main():
    options = read_arguments()
    tools = find_tools(options.build)
    cores = measure.cores()
    result = {"machine": machine(), "rounds": options.rounds, "seconds": options.seconds,
              "key": options.key, "rows": []}
    with tempfile.TemporaryDirectory(prefix="hivedoor-bench-") as name:
        folder = pathlib.Path(name)
        os.chmod(folder, 0o755)  # nginx's worker is another user
        certs = certificate(folder / "certs", options.key)
        result["floor"] = floor_of(tools, certs, cores[0])
        print(json.dumps({**result["machine"], **result["floor"]}, indent=1))
        origin, port = start_origin(tools, cores[1])
        try:
            bench(options, result, tools, folder, port, certs, cores)
        finally:
            origin.terminate()
            origin.wait()
    if options.out:
        options.out.write_text(json.dumps(result, indent=1) + "\n")


def bench(options, result, tools, folder, port, certs, cores):
    if options.exact:
        result["exact"] = exact.show((tools, port, certs), folder / "exact")
        return
    for name in options.work or work.WORK:
        kinds = [kind for kind in peers.ALL
                 if kind is not peers.Relay or name not in work.RELAY_CANNOT]
        running = [kind(folder, tools, port, certs, cores[0]) for kind in kinds]
        try:
            for peer in running:
                peer.start()
            row = measure_work(name, running, tools, cores, options)
        finally:
            for peer in running:
                peer.stop()
        result["rows"].append(row)
        print_row(row)


if __name__ == "__main__":
    main()
