# SPDX-License-Identifier: MIT
"""What was measured, for people: lines on the terminal, a table in docs/PERFORMANCE.md."""

import json
import pathlib
import time

import targets

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOC = ROOT / "docs/PERFORMANCE.md"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


def cost(row, peer):
    """With the unit that people read."""
    value = row["cost"][peer][0]
    if row["unit"] == "ns/byte":
        return f"{1 / value:.2f} GB/s"
    if row["unit"] == "ns":
        return f"{value / 1000:.1f} us"
    if row["unit"] == "us":
        return f"{value / 1000:.2f} ms"
    if row["unit"] == "s":
        return f"{value:.3f} s"
    return f"{value / 1e6:.1f} MB" if value > 1e6 else f"{value / 1000:.1f} kB"


def times(ratio):
    return f"{ratio:.2f}" if ratio >= 0.1 else f"{ratio:.2g}"


def print_row(row):
    quiet = f"{row['rounds']} rounds" + (f", {row['disturbed']} disturbed" if row["disturbed"] else "")
    print(f"{row['name']:12} {row['what']} ({quiet})")
    for peer in row["cost"]:
        line = f"    {peer:9} {cost(row, peer):>12}"
        if peer in ("nginx", "haproxy"):
            (middle, low, high), target, met = targets.shown(row, peer)
            line += f"   {times(middle)} ({times(low)} to {times(high)})  target {target}: " + \
                ("met" if met else "NOT met")
        elif peer in row["ratio"]:
            line += f"   {row['ratio'][peer][0]:.2f}"
        for extra in ("refused", "left", "at_once", "at_once_left", "seconds"):
            if peer in row.get(extra, {}):
                value = row[extra][peer]
                line += f"  {extra.replace('_', ' ')} {value:,.0f}" if extra != "seconds" else \
                    f"  served after {value:.2f} s"
        print(line)
    if "workers_kept" in row:
        print(f"    workers of hivedoor kept: {row['workers_kept']}, links to the service kept: "
              f"{row['links_kept']}")


def verdict(met):
    return "met" if met else "**not met**"


def table(rows):
    lines = ["| work | ours | nginx | haproxy | ratio to nginx | target | ratio to haproxy | target |",
             "|---|---|---|---|---|---|---|---|"]
    for row in rows:
        cells = [row["what"], *(cost(row, peer) for peer in ("hivedoor", "nginx", "haproxy"))]
        for peer in ("nginx", "haproxy"):
            (middle, low, high), target, met = targets.shown(row, peer)
            cells += [f"{times(middle)} ({times(low)}–{times(high)})", f"{target} {verdict(met)}"]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def counted(result):
    """The targets that are ours alone."""
    rows = {row["name"]: row for row in result["rows"]}
    floor = result["floor"]["ecdsa"]
    lines = ["| ours alone | measured | target |", "|---|---|---|"]

    def add(what, measured, bound, met):
        lines.append(f"| {what} | {measured} | {bound} {verdict(met)} |")

    for what, work, unit, most in targets.COUNTED:
        got = next((one["cost"]["hivedoor"] for one in result.get("exact", [])
                    if (one["work"], one["unit"]) == (work, unit)), None)
        if got is not None:
            digits = 1 if unit == "syscalls" else 0  # the processes' timers add some hundredths
            add(what, f"{got:,.{digits}f}", f"≤ {most:,}", round(got, digits) <= most)
    if "full" in rows:
        got = rows["full"]["cost"]["hivedoor"][0] / floor["handshake_0_tickets_ns"]
        add("full handshake and request, in handshakes of OpenSSL alone without tickets",
            f"{got:.2f}", f"≤ {targets.HANDSHAKE_FLOOR_MAX}", got <= targets.HANDSHAKE_FLOOR_MAX)
    if "idle-h1" in rows:
        got = rows["idle-h1"]["cost"]["hivedoor"][0] - floor["held_bytes"]
        add(f"idle connection beside OpenSSL's own {floor['held_bytes']:,} bytes", f"{got:,.0f} bytes",
            f"≤ {targets.OWN_BYTES_MAX:,}", got <= targets.OWN_BYTES_MAX)
    if "p99-storm" in rows:
        got = rows["p99-storm"]["refused"]["hivedoor"]
        add("connections of the storm that were refused", f"{got:,}", "0", got == 0)
    if "certs-reload" in rows:
        got = rows["certs-reload"]
        add("reload: workers restarted, links lost",
            "none" if got["workers_kept"] and got["links_kept"] else "some", "none",
            got["workers_kept"] and got["links_kept"])
    return lines


def exact_table(result):
    names = ("hivedoor", "nginx", "haproxy")
    lines = ["| counted | " + " | ".join(names) + " |", "|---|---|---|---|"]
    for row in result.get("exact", []):
        unit = "instructions" if row["unit"] == "instructions" else "system calls"
        cells = [f"{row['cost'][peer]:,.0f}" if unit == "instructions" else
                 f"{row['cost'][peer]:,.1f}" for peer in names]
        lines.append(f"| {row['what']}: {unit} | " + " | ".join(cells) + " |")
    return lines


def floors(result):
    def us(key, what):
        return f"{result['floor'][key][what] / 1000:.1f} us"

    rows = {row["name"]: row for row in result["rows"]}
    relay = [f"{rows[name]['what']} {cost(rows[name], 'relay')}" for name in rows
             if "relay" in rows[name]["cost"]]
    return [
        "OpenSSL alone, the server's side over memory: full handshake "
        f"{us('ecdsa', 'handshake_0_tickets_ns')} without tickets, "
        f"{us('ecdsa', 'handshake_1_ticket_ns')} with one, "
        f"{us('ecdsa', 'handshake_2_tickets_ns')} with two; with RSA-2048 "
        f"{us('rsa', 'handshake_0_tickets_ns')}; a record of 1 kB written {us('ecdsa', 'write_1k_ns')}, "
        f"read {us('ecdsa', 'read_1k_ns')}; of 16 kB {us('ecdsa', 'write_16k_ns')} and "
        f"{us('ecdsa', 'read_16k_ns')}.", "",
        "The null relay, which only passes bytes on: " + "; ".join(relay) + ".",
    ]


def beside(result):
    """What a row tells besides its ratio."""
    rows = {row["name"]: row for row in result["rows"]}
    lines = []
    for name in ("idle-h1", "idle-h2"):
        if name in rows:
            row = rows[name]
            lines.append(f"{row['what']}: " + "; ".join(
                f"{peer} {cost(row, peer)} each, {row['at_once'][peer] / 1000:.1f} kB when all came at "
                f"once, {row['at_once_left'][peer] / 1000:.1f} kB left of each of those after their end"
                for peer in row["cost"]) + ".")
    if "idle-h1" in rows and "idle-h2" in rows:
        lines.append("HTTP/2 adds to an idle connection, which is nghttp2's session and what belongs to "
                     "it at ours: " + "; ".join(
                         f"{peer} {(rows['idle-h2']['cost'][peer][0] - one[0]) / 1000:.1f} kB"
                         for peer, one in rows["idle-h1"]["cost"].items()) + ".")
    if "p99-storm" in rows:
        row = rows["p99-storm"]
        lines.append("The storm: " + "; ".join(
            f"{peer} served all after {row['seconds'][peer]:.1f} s, refused {row['refused'][peer]}"
            for peer in row["cost"]) + ".")
    return [word for line in lines for word in (line, "")]


def markdown(result):
    seen, options = result["machine"], result["options"]
    return "\n".join([
        f"{time.strftime('%Y-%m-%d')}, {seen['processor']}, {seen['processors']} processors, Linux "
        f"{seen['kernel']}, {seen['openssl']}, {seen['nginx']}, {seen['haproxy']}; "
        f"{options['rounds']} rounds of {options['seconds']:g} s, {options['runs']} runs of what "
        "starts fresh proxies. Medians, quartiles in parentheses.", "",
        *table(result["rows"]), "", *(f"Not measured: {why}" for why in result["failed"]), "", *counted(result), "", *beside(result), *floors(result), "",
        *exact_table(result)])


def save(result):
    out = ROOT / "build/bench/report.json"
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(result, indent=1) + "\n")
    return out


def write(result):
    """The JSON, and the table between its marks."""
    out = save(result)
    text = DOC.read_text()
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    DOC.write_text(f"{before}{BEGIN}\n\n{markdown(result)}\n\n{END}{after}")
    print(f"{out.relative_to(ROOT)} and the table in {DOC.relative_to(ROOT)} are written")
