# SPDX-License-Identifier: MIT
"""Dependencies only go down the floors, and a foreign library stays on the floor that wraps it."""
import re

from tree import FLOORS, ROOT, c_files, code, files, numbered, text, verdict

# Header of a library -> the one floor that may see it.
OWNED = {"event2/": "loop", "event.h": "loop", "openssl/": "tls", "yaml.h": "config",
         "ares.h": "dns", "crypt.h": "proxy", "zlib.h": "http", "nghttp2/": "http"}
# The demo page's WebSocket echo needs SHA-1 and base64; it is no part of the data path.
EXCEPT = {("src/cli/demo_ws.c", "openssl/")}
INCLUDE = re.compile(r'\s*#\s*include\s*([<"])([^">]+)[">]')


def floor_of(name):
    """The floor of src/FLOOR/... or include/FLOOR/..., or None (main.c)."""
    parts = name.split("/")
    return parts[1] if parts[1] in FLOORS else None


def includes(name):
    """(line, path) of every include, in order."""
    for line, content in numbered(code(text(name), keep_strings=True)):
        match = INCLUDE.match(content)
        if match:
            yield line, match.group(2)


def upward(name, floor, line, path):
    other = path.split("/")[0]
    if "/" in path and other in FLOORS and FLOORS.index(other) > FLOORS.index(floor):
        yield f"{name}:{line}: {floor} includes {path} of the higher floor {other}"
    for prefix, owner in OWNED.items():
        if path.startswith(prefix) and owner != floor and (name, prefix) not in EXCEPT:
            yield f"{name}:{line}: only {owner} may see {path}"


def own_header_first(name):
    header = name[len("src/"):-2] + ".h"
    if not name.endswith(".c") or not (ROOT / "include" / header).exists():
        return
    first = next(includes(name), (1, None))
    if first[1] != header:
        yield f"{name}:{first[0]}: its own header \"{header}\" comes first"


def foreign_words(name, floor):
    for line, content in numbered(code(text(name))):
        if re.search(r"\bevent_base\b", content) and floor != "loop":
            yield f"{name}:{line}: only loop names event_base"


def meson_order(name):
    floor = name.split("/")[1]
    for line, content in numbered(text(name)):
        for other in re.findall(r"\b(\w+)_dep\b", content):
            if other in FLOORS and FLOORS.index(other) > FLOORS.index(floor):
                yield f"{name}:{line}: {floor} depends on the higher floor {other}"


def main():
    complaints = []
    for name in c_files("src", "include"):
        floor = floor_of(name)
        if floor is None:
            continue
        for line, path in includes(name):
            complaints += upward(name, floor, line, path)
        complaints += own_header_first(name)
        complaints += foreign_words(name, floor)
    for name in files("src/*/meson.build"):
        complaints += meson_order(name)
    verdict(complaints)


if __name__ == "__main__":
    main()
