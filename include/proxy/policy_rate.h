/* SPDX-License-Identifier: MIT */
/*
 * `rate`: so many requests a period and client address and site, `burst` at once. All workers count
 * together (stats/rate). Workers only.
 *
 * An IPv6 client is its /64, which one subscriber has at least. Clients whose address is not known
 * share one bucket. Routes of a site that have the same rate share a bucket, others have their own;
 * a reload that does not change the rate does not refill it.
 */
#ifndef HIVEDOOR_PROXY_POLICY_RATE_H
#define HIVEDOOR_PROXY_POLICY_RATE_H

#include "base/addr.h"
#include "base/err.h"
#include "config/model.h"
#include "stats/rate.h"

struct policy_rate {
    const struct addr *client; /* NULL: not known */
    struct str site;
    const struct model_rate *rate;
};

/* WHY_OK, and a token is taken; else WHY_RATE_LIMITED and the seconds until there is one. */
enum why policy_rate(const struct rate_tables *t, const struct policy_rate *who, uint64_t now_ns,
                     unsigned *out_retry_after_s);
/* The bucket of a client at a site for one purpose; `rate` may be NULL. */
uint64_t policy_rate_tag(const struct rate_tables *t, const struct policy_rate *who);
/* Whole seconds, at least one: what Retry-After says. */
unsigned policy_rate_seconds(uint64_t wait_ns);

#endif
