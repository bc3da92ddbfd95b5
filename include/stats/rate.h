/* SPDX-License-Identifier: MIT */
/*
 * Token buckets that all workers fill and empty together without a lock: the requests of one client
 * land on any of them, and the rate holds for their sum.
 *
 * A bucket is one number, the moment at which it will be full again (what the generic cell rate
 * algorithm calls the theoretical arrival time); a token moves it one interval on. That only ever
 * grows, so each worker writes the greatest value that it knows into its own table, and what holds
 * is the greatest that any table shows. Two workers that take a token within the same microsecond
 * may count it once.
 *
 * Memory is bounded: RATE_SETS * RATE_WAYS buckets a worker, found by a keyed hash. Where all ways
 * of a set are in use, the bucket that is the nearest to full makes room, and the newcomer starts
 * with a single token: who is pushed out gains nothing by coming back.
 */
#ifndef HIVEDOOR_STATS_RATE_H
#define HIVEDOOR_STATS_RATE_H

#include "base/str.h"
#include "stats/counter.h"

#include <stdint.h>

/* Where buckets are kept. */
struct rate_tables {
    const struct counters *all;
    struct slot *own; /* written; one of all->slots */
};

/* One question about one bucket. */
struct rate_ask {
    uint64_t tag;         /* rate_tag of whose it is */
    uint64_t interval_ns; /* a token comes each; > 0 */
    uint64_t burst;       /* tokens of a full bucket; > 0 */
    uint64_t now_ns;      /* on the monotonic clock, which all processes share */
};

/* The bucket of a key: the same number in all processes. */
uint64_t rate_tag(const struct counters *all, struct str key);
/* How long until there is a token, in ns; 0: now. Takes none. */
uint64_t rate_wait(const struct rate_tables *t, const struct rate_ask *ask);
/* Takes a token, also one that is not there yet: then the wait grows. */
void rate_take(const struct rate_tables *t, const struct rate_ask *ask);

#endif
