# SPDX-License-Identifier: MIT
"""Commands and conditions: run something, and say all it said when it fails; wait."""
import subprocess
import time


class CommandFailed(AssertionError):
    """A command ended otherwise than it had to; the text carries its whole output."""


def run(*argv, timeout=60, check=True, env=None, stdin=None, cwd=None):
    """Runs a command to its end and returns its standard output as text."""
    done = subprocess.run([str(a) for a in argv], timeout=timeout, env=env, cwd=cwd, stdin=stdin,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          errors="replace", check=False)
    if check and done.returncode != 0:
        raise CommandFailed(f"{' '.join(map(str, argv))}: exit {done.returncode}\n"
                            f"{done.stdout}{done.stderr}")
    return done.stdout


def wait_for(what, condition, seconds, every=0.05):
    """Asks `condition` until it gives something true and returns that; fails after `seconds`."""
    deadline = time.monotonic() + seconds
    last = None
    while True:
        try:
            value = condition()
            if value:
                return value
            last = value
        except (AssertionError, OSError) as error:
            last = error
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what} (last: {last!r})")
        time.sleep(every)
