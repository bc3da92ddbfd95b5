# SPDX-License-Identifier: MIT
"""Bounds that keep a file and a function readable."""
from tree import c_files, files, functions, text, verdict

FILE_LINES, FUNCTION_LINES, PARAMETERS = 600, 60, 5


def main():
    complaints = []
    for name in c_files("src", "include", "tests") + files("*.py"):
        lines = text(name).count("\n")
        if lines > FILE_LINES:
            complaints.append(f"{name}: {lines} lines, bound {FILE_LINES}: which second concern "
                              "lives in it?")
    for name in c_files("src", "include", "tests"):
        for function in functions(text(name)):
            where = f"{name}:{function.line}: {function.name}"
            if function.length > FUNCTION_LINES:
                complaints.append(f"{where} has {function.length} lines, bound {FUNCTION_LINES}")
            # on_<event> has the signature of whoever calls it.
            if function.parameters > PARAMETERS and not function.name.startswith("on_"):
                complaints.append(f"{where} has {function.parameters} parameters, bound "
                                  f"{PARAMETERS}")
    verdict(complaints)


if __name__ == "__main__":
    main()
