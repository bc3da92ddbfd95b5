# SPDX-License-Identifier: MIT
"""Licence lines, no unfinished marks, and no word of places outside the project."""
import re

from tree import files, numbered, text, verdict

SOURCES = ("*.c", "*.h", "*.py", "*.sh", "Dockerfile", "dev", ".ci/run")
MARK = re.compile(r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "X" * 3, "HA" + "CK"]) + r")\b")
# Assembled, so that this file does not contain what it looks for.
OUTSIDE = re.compile("|".join([r"\.\./sha" + "red", r"/wo" + r"rk/", r"\.lib" + r"rary\b",
                               r"/tmp/" + r"hd\b"]))


def main():
    complaints = []
    for name in files(*SOURCES):
        head = "\n".join(text(name).split("\n")[:3])
        if "SPDX-License-Identifier: MIT" not in head and text(name).strip():
            complaints.append(f"{name}:1: the SPDX line is missing")
    for name in files(*SOURCES, "*.yml", "*.md", "meson.build", "meson_options.txt"):
        for line, content in numbered(text(name)):
            if MARK.search(content):
                complaints.append(f"{name}:{line}: unfinished: {content.strip()[:60]}")
            if OUTSIDE.search(content):
                complaints.append(f"{name}:{line}: names a place outside the project")
    verdict(complaints)


if __name__ == "__main__":
    main()
