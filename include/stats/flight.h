/* SPDX-License-Identifier: MIT */
/*
 * Requests in flight to an endpoint, as all workers together see them. Each worker writes its own
 * table only; what holds is the sum over all. Workers only, but for flight_clear.
 *
 * Memory is bounded: FLIGHT_SETS * FLIGHT_WAYS cells a worker, found by a keyed hash. A cell is
 * free when its count is 0, so nothing has to be given back, and a worker that starts with an
 * empty table has forgotten what its predecessor died with. Where a set is full, a request is not
 * counted: others see fewer than there are, which costs evenness and nothing else.
 */
#ifndef HIVEDOOR_STATS_FLIGHT_H
#define HIVEDOOR_STATS_FLIGHT_H

#include "base/str.h"
#include "stats/counter.h"

#include <stdint.h>

/* Where they are counted. */
struct flight_tables {
    const struct counters *all; /* NULL: nobody else counts */
    struct slot *own;           /* written; one of all->slots */
};

/* The name of an endpoint in the tables, the same number in all processes: of "service endpoint" or
 * whatever else tells it from all others. */
uint64_t flight_tag(const struct flight_tables *t, struct str key);
/* One more from this worker; flight_leave follows. */
void flight_enter(const struct flight_tables *t, uint64_t tag);
/* One less. */
void flight_leave(const struct flight_tables *t, uint64_t tag);
/* How many the other workers have; one cache line each is looked at. */
uint64_t flight_elsewhere(const struct flight_tables *t, uint64_t tag);
/* Its writer is no more, or begins. */
void flight_clear(struct slot *slot);

#endif
