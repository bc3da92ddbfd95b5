# SPDX-License-Identifier: MIT
"""Adds up a test run: tally.py FOLDER

FOLDER holds JUnit reports (*.xml, of meson and of pytest) and `steps`: one line for each other
step, "passed NAME", "failed NAME" or "skipped NAME". Names what failed, prints one last line
"N passed, N failed", and is true if nothing failed. In CI a skipped test counts as failed: there
everything it needs is there, so it must run.
"""
import os
import sys
import xml.etree.ElementTree as xml
from pathlib import Path


def outcomes_of_report(path):
    """(outcome, name) of every test case of a JUnit report."""
    for case in xml.parse(path).getroot().iter("testcase"):
        kinds = {child.tag for child in case}
        outcome = "failed" if kinds & {"failure", "error"} else (
            "skipped" if "skipped" in kinds else "passed")
        yield outcome, f"{path.stem}: {case.get('classname', '')} {case.get('name')}"


def outcomes(folder):
    for report in sorted(folder.glob("*.xml")):
        try:
            yield from outcomes_of_report(report)
        except xml.ParseError as error:
            yield "failed", f"{report.name}: unreadable: {error}"
    steps = folder / "steps"  # only there if some step was counted
    for line in steps.read_text().splitlines() if steps.exists() else []:
        outcome, _, name = line.partition(" ")
        yield outcome, name


def main():
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    strict = os.environ.get("CI") == "true"
    for outcome, name in outcomes(Path(sys.argv[1])):
        if outcome != "passed":
            print(f"{outcome}: {name}")
        counts["failed" if strict and outcome == "skipped" else outcome] += 1
    line = f"{counts['passed']} passed, {counts['failed']} failed"
    if counts["skipped"]:
        line += f", {counts['skipped']} skipped"
    print(line)
    sys.exit(1 if counts["failed"] or not counts["passed"] else 0)


if __name__ == "__main__":
    main()
