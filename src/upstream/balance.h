/* SPDX-License-Identifier: MIT */
/*
 * Which endpoint takes the next request. Looks at nothing but the endpoints and the shared counts
 * of requests in flight. Workers only.
 */
#ifndef HIVEDOOR_SRC_UPSTREAM_BALANCE_H
#define HIVEDOOR_SRC_UPSTREAM_BALANCE_H

#include "config/model.h"
#include "endpoint_set.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is remembered from choice to choice. */
struct balance {
    uint64_t rng;  /* of a generator; not 0 */
    uint64_t turn; /* of round robin */
};

/* One choice. */
struct balance_ask {
    const struct endpoint_set *set;
    struct endpoint *const *tried; /* are not chosen */
    size_t tried_count;
    uint64_t now_ms;
    enum model_balance_kind kind;
    uint64_t key;   /* with MODEL_BALANCE_HASH: equal keys go to the same endpoint */
    uint32_t bound; /* endpoints with so many requests of all workers are not chosen; 0: none */
};

/*
 * Picks among the endpoints of the set that are not in `tried`:
 *
 * LEAST        two are drawn at random, and the one with fewer requests in flight from all workers
 *              is taken. What it costs does not grow with the set.
 * ROUND_ROBIN  one after the other, each worker for itself.
 * HASH         the one whose hash with the key is the greatest ("rendezvous": Thaler, Ravishankar,
 *              "A name-based mapping scheme", 1996), so that an endpoint that goes or comes moves
 *              its own share of the keys and no other. It looks at each endpoint.
 *
 * An endpoint that has not taken a connection yet is given one request at a time by this worker,
 * where there are others. Ejected ones are passed over; where all are ejected, the one whose
 * ejection ends first is taken, so that a service is never without an endpoint for a rule of ours;
 * one that fails its checks comes after them.
 * NULL when all were tried, or have as many requests as they may.
 */
struct endpoint *balance_pick(const struct balance_ask *ask, struct balance *b);
/* Whether one is left that was not tried: after a choice of none, one that has enough. */
bool balance_has_untried(const struct balance_ask *ask);

#endif
