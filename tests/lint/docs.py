# SPDX-License-Identifier: MIT
"""What the code can say, the pages explain: configuration keys, metrics, reasons, commands."""
import re

from tree import ROOT, files, text, verdict

CONFIGURATION, OPERATIONS = "docs/CONFIGURATION.md", "docs/OPERATIONS.md"
EXAMPLE = "conf/hivedoor.yml"
# The rows of the schema's tables: a key and what it is made of.
KEY = re.compile(r'\{\s*(?:\.key\s*=\s*)?"([a-z_]+)"\s*,')


def page(name):
    return text(name) if (ROOT / name).exists() else ""


def keys():
    """Every key of the schema, with the file that names it."""
    for name in files("src/config/schema*.c"):
        for key in KEY.findall(text(name)):
            yield name, key


def metrics():
    """The names of COUNTER_TABLE and SERIES_TABLE as Prometheus sees them."""
    return sorted({"hivedoor_" + name for name in
                   re.findall(r'\bX\(\w+, "(\w+)"', text("include/stats/counter.h"))})


def reasons():
    return re.findall(r'\bX\(\w+, "(\w+)", \d+', text("include/base/err.h"))


def main():
    complaints = []
    configuration, example, operations = page(CONFIGURATION), page(EXAMPLE), page(OPERATIONS)
    for name, key in sorted(set(keys())):
        if not re.search(rf"\b{key}\b", configuration):
            complaints.append(f"{name}: key {key} is not in {CONFIGURATION}")
        if not re.search(rf"\b{key}:", example):
            complaints.append(f"{name}: key {key} is not in {EXAMPLE}")
    complaints += [f"include/stats/counter.h: {metric} is not in {OPERATIONS}"
                   for metric in metrics() if not re.search(rf"\b{metric}\b", operations)]
    complaints += [f"include/base/err.h: reason {reason} is not in {OPERATIONS}"
                   for reason in reasons() if f"`{reason}`" not in operations]
    for number, found in (("metrics", metrics()), ("reasons", reasons()), ("keys", list(keys()))):
        if not found:
            complaints.append(f"found no {number}: the tables moved, and this lint must follow")
    verdict(complaints)


main()
