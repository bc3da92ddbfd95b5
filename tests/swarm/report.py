# SPDX-License-Identifier: MIT
"""What was measured, as a table on the terminal and as files in build/swarm."""
import json
import time

from images import ROOT

FOLDER = ROOT / "build" / "swarm"


def spread(times):
    """The middle one, the worst, and how many."""
    ordered = sorted(times) or [0.0]
    return {"median": round(ordered[len(ordered) // 2], 3), "worst": round(ordered[-1], 3),
            "of": len(times)}


def measured(name, load, verdict, watch):
    """One proxy's part in a scene."""
    known = [a for a in load.first if a in watch.added]
    return {
        "proxy": name, "seconds": round(time.monotonic() - load.begin, 1),
        "requests": sum(load.sent.values()), "failed": len(verdict.failed),
        "of these, while no task ran": verdict.failed_alone(),
        "503 with Retry-After, no task": len(verdict.unserved),
        "streams cut with their task": len(verdict.streams_cut),
        "POSTs lost with their task": len(verdict.posts_lost),
        "slowest ms": round(load.slowest * 1000),
        "in the DNS until first answer": spread(
            [load.first[a] - watch.added[a] for a in known if watch.added[a] > load.begin]),
        "out of the DNS until last answer": spread(
            [max(0.0, load.last[a] - watch.removed[a]) for a in known if a in watch.removed]),
        "failures": [str(f) for f in verdict.failed[:50]],
    }


def keep(scene, *parts):
    """Writes build/swarm/SCENE.json and a table with a column for each part."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / f"{scene}.json").write_text(json.dumps(parts, indent=2) + "\n")
    print(f"\n\n{scene}")
    for key in parts[0]:
        if key != "failures":
            print(f"  {key:34}" + "".join(f"{cell(part.get(key, '')):>30}" for part in parts))
    for part in parts:
        for failure in part.get("failures", [])[:12]:
            print(f"  {part['proxy']}: {failure}")


def cell(value):
    if isinstance(value, dict):
        return f"{value['median']:.2f} s, worst {value['worst']:.2f} s"
    return str(value)
