# SPDX-License-Identifier: MIT
"""Rounds: every proxy does the same, one after the other, and what a peer costs is told as a ratio to
ours in the same round. Rounds that the host disturbed do not count."""

import statistics

import measure

AGAIN = 5  # rounds more than asked for
STEAL_MAX = 0.02
RELAY_MAX = 0.10  # how far the null relay may be off its own median


def quartiles(values):
    """(median, lower, upper)."""
    if len(values) < 2:
        return values[0], values[0], values[0]
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return middle, low, high


def is_quiet(one, relay_median):
    """Whether the host left a round alone: no time taken away, the relay as dear as ever."""
    if one["steal"] > STEAL_MAX:
        return False
    return relay_median is None or abs(one["got"]["relay"] / relay_median - 1) <= RELAY_MAX


def quiet_of(made):
    relays = [one["got"]["relay"] for one in made if "relay" in one["got"]]
    middle = statistics.median(relays) if relays else None
    return [one for one in made if is_quiet(one, middle)]


def interleaved(running, once, count):
    """`count` rounds that were quiet (fewer if the machine never is): {peer: values}, and how many
    were thrown away. `once(peer)` gives one value."""
    made = []
    while len(quiet_of(made)) < count and len(made) < count + AGAIN:
        stolen, ticks = measure.steal()
        got = {peer.name: once(peer) for peer in running}
        stolen_after, ticks_after = measure.steal()
        made.append({"got": got, "steal": (stolen_after - stolen) / max(1, ticks_after - ticks)})
    kept = quiet_of(made)
    if len(kept) < max(1, count // 2):
        kept = made  # better a disturbed answer than none; the row says how many were quiet
    values = {peer.name: [one["got"][peer.name] for one in kept] for peer in running}
    return values, {"rounds": len(kept), "disturbed": len(made) - len(quiet_of(made))}


def row(name, what, unit, values, **more):
    """One line of the table: the cost at each proxy, and how often ours goes into it."""
    ours = values["hivedoor"]
    return {
        "name": name, "what": what, "unit": unit,
        "cost": {peer: quartiles(all_of) for peer, all_of in values.items()},
        "ratio": {peer: quartiles([theirs / mine for theirs, mine in zip(all_of, ours)])
                  for peer, all_of in values.items() if peer != "hivedoor"},
        **more,
    }
