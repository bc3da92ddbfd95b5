# SPDX-License-Identifier: MIT
"""No mutable objects of file scope but the few that a process has by nature."""
import re

from tree import c_files, code, numbered, text, verdict

# log sink, clock, count of failed checks: one a process, and used from everywhere; and the allocators,
# which have free slots as malloc has, and know what they hold.
ALLOWED = {"src/base/log.c", "src/base/clock.c", "src/base/err.c", "src/base/fold.c", "src/base/heap.c",
           "src/base/mem_secret.c"}
OBJECT = re.compile(r"^(?:static\s+|extern\s+|_Thread_local\s+|__thread\s+)*"
                    r"(?:(?:unsigned|signed|volatile|struct|enum|union|long|short)\s+)*"
                    r"\w+[\s*]+(?:const\s+)?\w+\s*(?:\[[^\]]*\]\s*)*(?:=|;)")


def is_mutable_object(line):
    """A definition or declaration of an object in column 0, not const, not a type."""
    if line[:1] in ("", " ", "\t", "}", "{", "/", "*") or "(" in line.split("=")[0]:
        return False
    if re.match(r"(struct|enum|union)\s+\w+\s*;", line):
        return False
    if line.startswith(("typedef", "return", "goto", "#")):
        return False
    # `const char *names[]` is mutable as an array of pointers, but a table nonetheless.
    return bool(OBJECT.match(line)) and not re.search(r"\bconst\b", line.split("=")[0])


def main():
    complaints = []
    for name in c_files("src", "include"):
        for line, content in numbered(code(text(name))):
            if re.match(r"\s*extern\s+(?!const\b)[^(]*;", content):
                complaints.append(f"{name}:{line}: extern object: {content.strip()}")
            elif name not in ALLOWED and is_mutable_object(content):
                complaints.append(f"{name}:{line}: global state: {content.strip()[:70]}")
    verdict(complaints)


if __name__ == "__main__":
    main()
