/* SPDX-License-Identifier: MIT */
/*
 * A token bucket: `burst` at once, and `per_s` a second. For what a peer can make happen often;
 * one owner, no clock of its own.
 */
#ifndef HIVEDOOR_BASE_BUCKET_H
#define HIVEDOOR_BASE_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

struct bucket {
    uint32_t per_s;
    uint32_t burst;
    uint64_t milli; /* thousandths of a token */
    uint64_t at_ms; /* when that was so */
};

/* Full at first. */
static inline void bucket_init(struct bucket *b, uint32_t per_s, uint32_t burst, uint64_t now_ms)
{
    *b = (struct bucket){per_s, burst, (uint64_t)burst * 1000, now_ms};
}

/* Takes one; false when there is none. `now_ms` never goes back. */
static inline bool bucket_take(struct bucket *b, uint64_t now_ms)
{
    uint64_t full = (uint64_t)b->burst * 1000;
    uint64_t passed_ms = now_ms - b->at_ms;

    /* No more time counts than fills it, so that the product stays small. */
    passed_ms = passed_ms < full ? passed_ms : full;
    b->milli += passed_ms * b->per_s;
    b->milli = b->milli < full ? b->milli : full;
    b->at_ms = now_ms;
    if (b->milli < 1000) {
        return false;
    }
    b->milli -= 1000;
    return true;
}

#endif
