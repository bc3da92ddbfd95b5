# SPDX-License-Identifier: MIT
"""What the code can say, the pages explain: configuration keys, metrics, reasons, commands."""
import re

from tree import ROOT, code, files, text, verdict

CONFIGURATION, OPERATIONS = "docs/CONFIGURATION.md", "docs/OPERATIONS.md"
EXAMPLE = "conf/hivedoor.yml"
# A row of the schema: tls.min, sites.NAME.to; AT stands for a site and for a route.
PATH = re.compile(r'\.path\s*=\s*(AT )?"([^"]+)"')


def page(name):
    return text(name) if (ROOT / name).exists() else ""


def paths(content):
    return ["sites.NAME" + end if shared else end for shared, end in PATH.findall(content)]


def keys():
    """Every key of the schema by its path, with the file that names it."""
    for name in files("src/config/schema*.[ch]"):
        for path in paths(text(name)):
            if not path.split(".")[-1].isupper():  # NAME and PREFIX are the user's words
                yield name, path


def is_explained(path, content):
    """By its path, by its end (`timeouts.idle` for every timeouts), or by its last word alone."""
    parts = path.split(".")
    ends = [".".join(parts[n:]) for n in range(len(parts) - 1)]
    return any(re.search(rf"\b{re.escape(end)}\b", content) for end in ends) or (
        f"`{parts[-1]}`" in content)


def metrics():
    """The names of COUNTER_TABLE and SERIES_TABLE as Prometheus sees them."""
    tables = code(text("include/stats/counter.h"), keep_strings=True)
    return sorted({"hivedoor_" + name for name in re.findall(r'\bX\(\w+, "(\w+)"', tables)})


def reasons():
    return re.findall(r'\bX\(\w+, "(\w+)", \d+', text("include/base/err.h"))


def main():
    complaints = []
    configuration, example, operations = page(CONFIGURATION), page(EXAMPLE), page(OPERATIONS)
    for name, key in sorted(set(keys())):
        if not is_explained(key, configuration):
            complaints.append(f"{name}: key {key} is not in {CONFIGURATION}")
        if not re.search(rf"\b{key.split('.')[-1]}:", example):
            complaints.append(f"{name}: key {key} is not in {EXAMPLE}")
    complaints += [f"include/stats/counter.h: {metric} is not in {OPERATIONS}"
                   for metric in metrics() if not re.search(rf"\b{metric}\b", operations)]
    complaints += [f"include/base/err.h: reason {reason} is not in {OPERATIONS}"
                   for reason in reasons() if f"`{reason}`" not in operations]
    for number, found in (("metrics", metrics()), ("reasons", reasons()), ("keys", list(keys()))):
        if not found:
            complaints.append(f"found no {number}: the tables moved, and this lint must follow")
    verdict(complaints)


if __name__ == "__main__":
    main()
