/* SPDX-License-Identifier: MIT */
/* The Prometheus text exposition of all counters (format version 0.0.4), written by the keeper. */
#ifndef HIVEDOOR_STATS_TEXT_H
#define HIVEDOOR_STATS_TEXT_H

#include "base/buf.h"
#include "stats/counter.h"

/* Appends every metric: HELP and TYPE once, fixed rows summed over the slots, series of equal
 * labels summed, and hivedoor_process_* by role and index. Where a sum says nothing (the current
 * generation, a certificate's expiry, the addresses of a service) the highest value stands; an
 * expiry of 0 is left out. ERR_LIMIT when `out` is too small, which then holds what it held. */
int text_metrics(const struct counters *c, struct buf *out) MUST_USE;
/* Appends key="value" with the value escaped as label text; a comma first unless `out` is
 * empty. */
int text_label(struct buf *out, const char *key, struct str value) MUST_USE;

#endif
