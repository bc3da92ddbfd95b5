# SPDX-License-Identifier: MIT
"""What each row should reach, and how its target is written.

A target is the cost at the peer divided by ours, at least so much; for waiting times it is ours as a
share of the peer's, at most so much.
"""

# row: (of nginx, of haproxy)
AT_LEAST = {
    "h1-1k": (1.25, 1.30),
    "h1-64k": (1.3, 1.3),
    "h2-10": (1.7, 1.15),
    "h2-100": (1.7, 1.15),
    "full": (1.30, 1.45),
    "full-rsa": (1.15, 1.2),
    "resumed": (1.45, 1.6),
    "download": (1.45, 1.7),
    "upload": (1.4, 1.4),
    "idle-h1": (1.0, 1.0),
    "idle-h2": (0.8, 0.8),
    "certs-serve": (10, 10),
    "certs-memory": (6, 5),
    "certs-reload": (50, 50),
}
AT_MOST = {
    "p99-half": (0.8, 0.9),
    "p99-storm": (0.3, 1.0),
}
# Of ours alone, counted: (what, row of the exact counts, unit, at most)
COUNTED = (
    ("user instructions of a request", "h1-one", "instructions", 20000),
    ("system calls of a request, one connection", "h1-one", "syscalls", 6),
    ("system calls of a request, 32 connections", "h1-saturated", "syscalls", 4),
)
HANDSHAKE_FLOOR_MAX = 1.3
OWN_BYTES_MAX = 1024


def shown(row, peer):
    """(the ratio as the target is written, its quartiles, the target in words, whether it is met)."""
    middle, low, high = row["ratio"][peer]
    place = ("nginx", "haproxy").index(peer)
    if row["name"] in AT_MOST:
        bound = AT_MOST[row["name"]][place]
        return (1 / middle, 1 / high, 1 / low), f"≤ {bound}", 1 / middle <= bound
    if row["name"] in AT_LEAST:
        bound = AT_LEAST[row["name"]][place]
        return (middle, low, high), f"≥ {bound}", middle >= bound
    return (middle, low, high), "", True
