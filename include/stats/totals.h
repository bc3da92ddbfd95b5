/* SPDX-License-Identifier: MIT */
/*
 * The labelled series of one family, summed over all slots, in the order of their labels. For
 * whoever shows them: the metrics page, the status page. Keeper only.
 */
#ifndef HIVEDOOR_STATS_TOTALS_H
#define HIVEDOOR_STATS_TOTALS_H

#include "base/buf.h"
#include "base/err.h"
#include "stats/counter.h"

#include <stddef.h>
#include <stdint.h>

struct total {
    struct str labels; /* borrowed from the counters */
    uint64_t value;
};

struct totals;

/* Where a sum says nothing (a certificate's expiry, the addresses of a service) the highest value
 * stands. Never NULL. */
struct totals *totals_new(const struct counters *c, enum series which);
/* Accepts NULL. */
void totals_free(struct totals *t);
size_t totals_count(const struct totals *t);
const struct total *totals_at(const struct totals *t, size_t i);
/* The value of `key` in a label text, its escapes undone, appended to `out`. ERR_NOT_FOUND,
 * ERR_LIMIT. */
int totals_label(struct str labels, const char *key, struct buf *out) MUST_USE;

#endif
