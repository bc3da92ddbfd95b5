/* SPDX-License-Identifier: MIT */
#include "balance.h"

/* xorshift64 (Marsaglia, "Xorshift RNGs", 2003): spreads load, keeps no secret. */
static uint64_t draw(uint64_t *rng)
{
    uint64_t x = *rng;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    *rng = x;
    return x;
}

static bool was_tried(const struct endpoint *e, struct endpoint *const *tried, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (tried[i] == e) {
            return true;
        }
    }
    return false;
}

struct endpoint *balance_pick(const struct endpoint_set *set, struct endpoint *const *tried,
                              size_t tried_count, uint64_t now_ms, uint64_t *rng)
{
    /* One pass draws two of the eligible ones, each pair equally likely (reservoir sampling), and
     * remembers the least bad of the ejected ones. */
    struct endpoint *drawn[2] = {NULL, NULL};
    struct endpoint *least_bad = NULL;
    size_t seen = 0;
    for (size_t i = 0; i < set->count; i++) {
        struct endpoint *e = set->endpoints[i];
        if (was_tried(e, tried, tried_count)) {
            continue;
        }
        if (!endpoint_is_eligible(e, now_ms)) {
            if (least_bad == NULL || e->ejected_until_ms < least_bad->ejected_until_ms) {
                least_bad = e;
            }
            continue;
        }
        size_t at = seen < 2 ? seen : (size_t)(draw(rng) % (seen + 1));
        if (at < 2) {
            drawn[at] = e;
        }
        seen++;
    }
    if (seen == 0) {
        return least_bad;
    }
    if (seen == 1) {
        return drawn[0];
    }
    if (drawn[0]->active != drawn[1]->active) {
        return drawn[0]->active < drawn[1]->active ? drawn[0] : drawn[1];
    }
    return drawn[draw(rng) >> 32 & 1];
}
