/* SPDX-License-Identifier: MIT */
/*
 * Requests in flight to an endpoint, as all workers together see them. Each worker writes its own
 * table only; what holds is the sum over all. Workers only, but for flight_clear.
 *
 * Memory is bounded: FLIGHT_SETS * FLIGHT_WAYS cells a worker, found by a keyed hash. A cell is
 * free when its count is 0, so nothing has to be given back, and a worker that starts with an
 * empty table has forgotten what its predecessor died with. What finds its set full goes into one
 * of the sets behind it (a spill). Where all of these are full too, a request is not counted, and
 * the caller is told: whoever promises a bound must not let it go on.
 */
#ifndef HIVEDOOR_STATS_FLIGHT_H
#define HIVEDOOR_STATS_FLIGHT_H

#include "base/str.h"
#include "stats/counter.h"

#include <stdbool.h>
#include <stdint.h>

/* Where they are counted. */
struct flight_tables {
    const struct counters *all; /* NULL: nobody else counts */
    struct slot *own;           /* written; one of all->slots */
};

/* The name of an endpoint in the tables, the same number in all processes: of "service endpoint" or
 * whatever else tells it from all others. */
uint64_t flight_tag(const struct flight_tables *t, struct str key);
/* One more from this worker; flight_leave follows if it is counted. False: there is no cell. */
bool flight_enter(const struct flight_tables *t, uint64_t tag);
/*
 * The same unless that makes more than `most` of all workers; then nothing is counted. Two workers
 * that enter at once for the last place may both be refused, and are never both let in: each writes
 * its own count before it reads the others', in one order for all.
 */
bool flight_enter_within(const struct flight_tables *t, uint64_t tag, uint64_t most);
/* One less. */
void flight_leave(const struct flight_tables *t, uint64_t tag);
/* How many this worker has. */
uint64_t flight_here(const struct flight_tables *t, uint64_t tag);
/* How many the other workers have; two cache lines each are looked at, unless something spilled. */
uint64_t flight_elsewhere(const struct flight_tables *t, uint64_t tag);
/* Its writer is no more, or begins. */
void flight_clear(struct slot *slot);

#endif
