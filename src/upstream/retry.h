/* SPDX-License-Identifier: MIT */
/*
 * How often requests of a service may be sent again: one in five of them, and ten more in a row. A
 * service that dies under every request must not get each of them several times over. Connecting
 * elsewhere is no retry: nothing was sent. Of one worker; pure accounting.
 */
#ifndef HIVEDOOR_SRC_UPSTREAM_RETRY_H
#define HIVEDOOR_SRC_UPSTREAM_RETRY_H

#include <stdbool.h>
#include <stdint.h>

#define RETRY_BURST_MILLI 10000
#define RETRY_EARN_MILLI  200

struct retry_budget {
    uint32_t milli; /* thousandths of a retry */
};

static inline void retry_budget_init(struct retry_budget *b)
{
    b->milli = RETRY_BURST_MILLI;
}

/* A request comes. */
static inline void retry_budget_earn(struct retry_budget *b)
{
    uint32_t room = RETRY_BURST_MILLI - b->milli;
    b->milli += room < RETRY_EARN_MILLI ? room : RETRY_EARN_MILLI;
}

/* One is to be sent again; false: not this one. */
static inline bool retry_budget_take(struct retry_budget *b)
{
    if (b->milli < 1000) {
        return false;
    }
    b->milli -= 1000;
    return true;
}

#endif
