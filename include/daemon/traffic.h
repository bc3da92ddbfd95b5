/* SPDX-License-Identifier: MIT */
/*
 * What happened lately (keeper): the counters are looked at every few seconds, and the differences
 * are kept: rates over the last minute, and the errors of the last minutes by site, status and
 * reason. Nothing here is on the data path.
 */
#ifndef HIVEDOOR_DAEMON_TRAFFIC_H
#define HIVEDOOR_DAEMON_TRAFFIC_H

#include "base/str.h"
#include "stats/counter.h"

#include <stddef.h>
#include <stdint.h>

#define TRAFFIC_SAMPLE_MS 5000
#define TRAFFIC_SAMPLES   13      /* a minute, and the one that it is measured from */
#define TRAFFIC_ERROR_MS  3600000 /* an error is shown so long after it was last seen */

struct traffic;

/* Borrows the counters. Never NULL. */
struct traffic *traffic_new(const struct counters *c);
/* Accepts NULL. */
void traffic_free(struct traffic *t);
/* Takes a look; to be called every TRAFFIC_SAMPLE_MS. */
void traffic_sample(struct traffic *t);

/* Per second, over at most the last minute, times 1000. */
struct traffic_rates {
    uint64_t requests;
    uint64_t connections;
    uint64_t handshakes_full;
    uint64_t handshakes_resumed;
    uint64_t handshakes_default; /* of all, with the certificate of unknown_site */
    uint64_t bytes_in;           /* of clients */
    uint64_t bytes_out;
};
void traffic_rates(const struct traffic *t, struct traffic_rates *out_rates);

/* Answers with a status from 500 on. */
struct traffic_error {
    struct str labels; /* site, code, reason: see totals_label; borrowed from the counters */
    uint64_t count;    /* since the daemon was started */
    int64_t last_wall_ms;
};
/* Newest first; false at the end. */
bool traffic_error_at(const struct traffic *t, size_t i, struct traffic_error *out_error);

#endif
