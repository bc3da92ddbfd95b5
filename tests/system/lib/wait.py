# SPDX-License-Identifier: MIT
"""Waiting for a condition: never for a time."""

import time

PATIENCE = 30.0


def until(condition, what, timeout=PATIENCE):
    """Calls `condition` until it gives something true, and returns that."""
    end = time.monotonic() + timeout
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > end:
            raise AssertionError(f"never came: {what}")
        time.sleep(0.01)
