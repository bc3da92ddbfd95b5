# SPDX-License-Identifier: MIT
"""The tables of malformed traffic can be read and stay large, and docs/SECURITY.md names cases and
tests that exist."""
import re
import sys

from tree import ROOT, files, text, verdict

sys.path.insert(0, str(ROOT / "tests"))
from corpus import table  # noqa: E402

FEWEST = {"requests": 200, "responses": 100}
ROW = re.compile(r"^\|(?!---).*\|([^|]+)\|$", re.M)


def shown_by(page):
    """What stands in backticks in the last column of the tables."""
    return [name for column in ROW.findall(page) for name in re.findall(r"`([^`]+)`", column)]


def is_known(name, ids, tests):
    if name.endswith(".py"):
        return any(path.endswith("/" + name) for path in tests)
    if name.startswith("test_"):
        return any(f" {name}(" in text(path) for path in tests)  # def, or static void
    return any(case.startswith(name) for case in ids)


def main():
    complaints, ids = [], []
    for kind, fewest in FEWEST.items():
        cases = table.load(kind)
        ids += [case.id for case in cases]
        if len(cases) < fewest:
            complaints.append(f"tests/corpus/{kind}: {len(cases)} cases, at least {fewest}")
    section = text("docs/SECURITY.md").partition("## What is refused")[2].partition("\n## ")[0]
    tests = files("tests/system/test_*.py") + files("tests/unit/*/test_*.c")
    for name in shown_by(section):
        if not is_known(name, ids, tests):
            complaints.append(f"docs/SECURITY.md: no case or test of this name: {name}")
    if not shown_by(section):
        complaints.append("docs/SECURITY.md: nothing is shown by a case")
    verdict(complaints)


if __name__ == "__main__":
    main()
