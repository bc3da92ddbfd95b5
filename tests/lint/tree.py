# SPDX-License-Identifier: MIT
"""What the lints share: the project's files, C without comments, functions, and the verdict."""
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# Lowest first. A floor may use itself and what stands before it.
FLOORS = ["base", "loop", "stats", "net", "tls", "dns", "config", "http", "route", "upstream",
          "proxy", "daemon", "cli"]


def listed_by_git():
    """The names git knows, or None: no git, no repository, or one of another user."""
    try:
        listed = subprocess.run(["git", "-C", ROOT, "ls-files", "-co", "--exclude-standard"],
                                capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    return listed.stdout.splitlines() if listed.returncode == 0 else None


def files(*patterns):
    """The project's files (tracked, or new and not ignored) that match a pattern, sorted."""
    names = listed_by_git()
    if names is None:  # such as an unpacked archive
        names = [str(p.relative_to(ROOT)) for p in ROOT.rglob("*") if p.is_file()
                 and not p.relative_to(ROOT).parts[0].startswith("build")]
    chosen = {name for name in names for pattern in patterns if Path(name).match(pattern)}
    return sorted(name for name in chosen if (ROOT / name).is_file())


def c_files(*folders):
    """Every C source and header below the folders."""
    return [name for name in files("*.c", "*.h") if name.split("/")[0] in folders
            or any(name.startswith(folder + "/") for folder in folders)]


def text(name):
    return (ROOT / name).read_text(encoding="utf-8", errors="replace")


TOKEN = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def code(source, keep_strings=False):
    """The source with comments (and strings) blanked, line numbers unchanged."""
    def blank(match):
        found = match.group()
        if found[0] in "\"'":
            return found if keep_strings else found[0] + found[-1]
        return " " + "\n" * found.count("\n")
    return TOKEN.sub(blank, source)


class Function:
    """A definition: name, first line, lines of the body, parameters."""

    def __init__(self, head, line, length):
        self.name = re.search(r"(\w+)\s*\(", head).group(1)
        self.line, self.length = line, length
        self.parameters = count_parameters(head[head.index("("):])


def count_parameters(parenthesised):
    inner = parenthesised[1:parenthesised.rindex(")")].strip()
    if inner in ("", "void"):
        return 0
    depth, commas = 0, 0
    for character in inner:
        depth += {"(": 1, ")": -1}.get(character, 0)
        commas += character == "," and depth == 0
    return commas + 1


def functions(source):
    """Every function of a file laid out by clang-format: its brace stands alone in column 0."""
    found, lines = [], code(source).split("\n")
    for start, line in enumerate(lines):
        if line.rstrip() != "{" or start == 0 or not lines[start - 1].rstrip().endswith(")"):
            continue
        first = start - 1
        while first > 0 and lines[first - 1].strip() and lines[first - 1].strip()[-1] not in ";}":
            if lines[first - 1].lstrip().startswith("#"):
                break
            first -= 1
        head = " ".join(lines[first:start])
        if "(" not in head or "=" in head.split("(")[0]:
            continue
        end = next((n for n in range(start, len(lines)) if lines[n].startswith("}")), len(lines))
        found.append(Function(head, start + 1, end - start - 1))
    return found


def numbered(content):
    return enumerate(content.split("\n"), 1)


def verdict(complaints):
    """Prints every complaint and ends: 0 where there is none."""
    for complaint in complaints:
        print(complaint)
    if complaints:
        print(f"{len(complaints)} found")
    sys.exit(1 if complaints else 0)
