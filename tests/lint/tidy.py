# SPDX-License-Identifier: MIT
"""clang-tidy over the sources that changed since it last had nothing to say.

tidy.py CLANG_TIDY BUILD: BUILD holds compile_commands.json of a clang build. A source that was
clean is looked at again when it, any header or the rules changed.
"""
import hashlib
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tree import ROOT, files, text


def digest(*parts):
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def look(clang_tidy, build, name):
    """What clang-tidy has against a source; empty if nothing."""
    done = subprocess.run([clang_tidy, "--quiet", "--warnings-as-errors=*", "-p", build, name],
                          cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return ""
    lines = done.stdout.replace(f"{build}/../../", "").replace(f"{ROOT}/", "").splitlines()
    errors = [line for line in lines if ": error: " in line]  # without the analyzer's walks
    return "\n".join(errors) or done.stdout + done.stderr


def main():
    clang_tidy, build = sys.argv[1], Path(sys.argv[2]).resolve()
    cache = build / "tidy"
    cache.mkdir(exist_ok=True)
    shared = digest(text(".clang-tidy"), *(text(h) for h in files("*.h")))
    stamps = {name: cache / digest(shared, text(name)) for name in files("src/**/*.c", "src/*.c")}
    todo = sorted(name for name, stamp in stamps.items() if not stamp.exists())
    failed = 0
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for name, said in zip(todo, pool.map(lambda n: look(clang_tidy, build, n), todo)):
            if said:
                failed += 1
                print(said)
            else:
                stamps[name].touch()
    print(f"{len(todo)} sources looked at, {failed} with complaints")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
