# SPDX-License-Identifier: MIT
"""Hivedoor, nginx and haproxy side by side: what each kind of work costs, as ratios.

Each has one worker on one processor, with the load and the service on another. In each round every
proxy does the same, one after the other; the ratio of a round is the peer's cost divided by ours, and
the median of all rounds is given with its quartiles. A round in which the host took away more than
2 % of the time, or in which the null relay was more than 10 % off its median, is done again.
"""

import argparse
import json
import os
import pathlib
import platform
import signal
import subprocess
import sys

import check
import exact
import growth
import idle
import latency
import many
import reloads
import report
import setting as terms
import work

ROWS = {**{name: (work.row, what) for name, (what, _, _) in work.WORK.items()},
        **{name: (idle.row, what) for name, (what, _) in idle.WORK.items()},
        "certs": (many.row, "10,000 certificates: time to serve, memory, reload after one changed"),
        **{name: (latency.row, what) for name, what in latency.WORK.items()}}
QUICK = {"rounds": 3, "seconds": 1.0, "runs": 1, "many": 1000}
FULL = {"rounds": 7, "seconds": 2.0, "runs": 3, "many": 10000}


def machine():
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo")
                  if line.startswith("model name")), platform.machine())

    def said(*command):
        got = subprocess.run(command, capture_output=True, text=True)
        return (got.stdout + got.stderr).splitlines()[0].strip()

    return {"processor": model, "processors": os.cpu_count(), "kernel": platform.release(),
            "openssl": " ".join(said("openssl", "version").split()[:2]),
            "nginx": said("nginx", "-v").replace("nginx version: ", ""),
            "haproxy": " ".join(said("haproxy", "-v").split()[:3]).replace(" version", "")}


def floor_of(setting, key):
    """What OpenSSL alone costs, in nanoseconds and bytes."""
    cert = setting.certs[key] / "a.pem"
    found = {}
    for what in ([], ["held"]):
        got = subprocess.run([setting.tools["floor"], cert, cert, *what], check=True, text=True,
                             capture_output=True, preexec_fn=work.pinned(setting.cores[0]))
        found.update(json.loads(got.stdout))
    return found


def read_arguments():
    parser = argparse.ArgumentParser(
        prog="./dev bench", description=__doc__, formatter_class=argparse.RawTextHelpFormatter,
        epilog="rows:\n" + "\n".join(f"  {name:10} {what}" for name, (_, what) in ROWS.items()) +
        "\n\nfigures of --growth:\n" +
        "\n".join(f"  {name:12} {axis.what}" for name, axis in growth.AXES.items()))
    parser.add_argument("row", nargs="*", metavar="ROW", help="these rows only (default: all)")
    parser.add_argument("--build", type=pathlib.Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--quick", action="store_true",
                        help="3 rounds of 1 s, 1,000 connections and certificates")
    parser.add_argument("--rounds", type=int, help="default 7")
    parser.add_argument("--seconds", type=float, help="of a round of each proxy, default 2")
    parser.add_argument("--runs", type=int,
                        help="of what starts fresh proxies (memory, certificates, storm), default 3")
    parser.add_argument("--many", type=int,
                        help="idle connections, certificates, connections of a storm, default 10000")
    parser.add_argument("--out", type=pathlib.Path, help="a JSON file with everything measured")
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--report", action="store_true",
                      help="all rows and counts, about 20 minutes: build/bench/report.json and the\n"
                      "table in docs/PERFORMANCE.md")
    kind.add_argument("--exact", action="store_true",
                      help="instructions and system calls an operation instead of time")
    kind.add_argument("--growth", action="store_true",
                      help="cost and memory as things grow: ROW names figures; docs/growth/*.png")
    kind.add_argument("--reloads", action="store_true",
                      help="100 reloads with 1,000 open WebSockets: time and memory")
    kind.add_argument("--check", action="store_true",
                      help="the own load beside wrk, which must agree within 5 %%")
    kind.add_argument("--table", type=pathlib.Path, metavar="FILE",
                      help="the table in docs/PERFORMANCE.md from a report's JSON")
    options = parser.parse_args()
    known = growth.AXES if options.growth else ROWS
    for name in options.row:
        if name not in known:
            parser.error(f"there is no {name}; there are: {' '.join(known)}")
    for key, value in (QUICK if options.quick else FULL).items():
        if getattr(options, key) is None:
            setattr(options, key, value)
    return options


def measured(name, setting, options):
    """The rows of one name. In a report one that fails is tried again, and then left out with its
    reason: the others are worth having."""
    for _ in range(2 if options.report else 1):
        try:
            return ROWS[name][0](name, setting, options), None
        except SystemExit as error:
            if not options.report:
                raise
            why = str(error)
    return [], f"{name}: {why}"


def measure_rows(setting, options, result):
    """The rows that were asked for, printed and saved as they come."""
    for name in options.row or ROWS:
        rows, why = measured(name, setting, options)
        if why is not None:
            print(why, flush=True)
            result["failed"].append(why)
        for row in rows:
            result["rows"].append(row)
            report.print_row(row)
            sys.stdout.flush()
        if options.report:
            report.save(result)


def run(setting, options):
    if options.table:
        result = json.loads(options.table.read_text())
        report.write(result)
        return result
    result = {"machine": machine(), "rows": [], "failed": [],
              "options": {key: getattr(options, key) for key in FULL}}
    if options.growth:
        return growth.run(setting, options)
    if options.reloads:
        return reloads.run(setting, options)
    if options.check:
        return check.run(setting, options)
    result["floor"] = {key: floor_of(setting, key) for key in setting.certs}
    print(json.dumps({**result["machine"], **result["floor"]}, indent=1), flush=True)
    if not options.exact:
        measure_rows(setting, options, result)
    if options.exact or options.report:
        result["exact"] = exact.show(setting, setting.folder / "exact")
    if options.report:
        report.write(result)
    return result


def main():
    options = read_arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))  # what was started is ended too
    with terms.Setting(options.build) as setting:
        result = run(setting, options)
    if options.out:
        options.out.write_text(json.dumps(result, indent=1) + "\n")
    return 1 if result.get("failed") else 0


if __name__ == "__main__":
    sys.exit(main())
