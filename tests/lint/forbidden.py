# SPDX-License-Identifier: MIT
"""Functions that must not be called: unbounded, blocking, or not thread- and signal-clean."""
import re

from tree import c_files, code, numbered, text, verdict

INSTEAD = {
    "strcpy": "a bounded copy of base/str", "strcat": "base/buf", "strncpy": "base/str",
    "strncat": "base/buf", "sprintf": "snprintf", "vsprintf": "vsnprintf",
    "strtok": "base/str", "gets": "fgets", "atoi": "a parser that says what is wrong",
    "atol": "a parser that says what is wrong", "atof": "a parser that says what is wrong",
    "alloca": "the arena", "signal": "loop/signals", "sleep": "a deadline",
    "usleep": "a deadline", "nanosleep": "a deadline", "getaddrinfo": "dns/resolver",
    "gethostbyname": "dns/resolver", "system": "posix_spawn", "popen": "posix_spawn",
    "assert": "REQUIRE or CHECK", "rand": "getrandom", "mktemp": "mkstemp",
}
CALL = re.compile(r"(?<![\w.>])(" + "|".join(INSTEAD) + r")\s*\(")


def main():
    complaints = []
    for name in c_files("src", "include", "tests"):
        for line, content in numbered(code(text(name))):
            complaints += [f"{name}:{line}: {found}() is forbidden: use {INSTEAD[found]}"
                           for found in CALL.findall(content)]
    verdict(complaints)


if __name__ == "__main__":
    main()
