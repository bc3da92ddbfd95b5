/* SPDX-License-Identifier: MIT */
/*
 * Which endpoint takes the next request: of two drawn at random the one with fewer requests in
 * flight from this worker. Looks at nothing but the endpoints.
 */
#ifndef HIVEDOOR_SRC_UPSTREAM_BALANCE_H
#define HIVEDOOR_SRC_UPSTREAM_BALANCE_H

#include "endpoint_set.h"

#include <stddef.h>
#include <stdint.h>

/*
 * Picks among the endpoints of the set that are not in `tried`. Ejected ones are passed over; where
 * all are ejected, the one whose ejection ends first is taken, so that a service is never without
 * an endpoint for a rule of ours. NULL when all were tried. `rng` is the state of a generator,
 * changed; not 0.
 */
struct endpoint *balance_pick(const struct endpoint_set *set, struct endpoint *const *tried,
                              size_t tried_count, uint64_t now_ms, uint64_t *rng);

#endif
