/* SPDX-License-Identifier: MIT */
/*
 * One configuration as a worker serves it, from the bundle to the last connection that still holds
 * it:
 *
 *   GEN_BUILDING -> GEN_READY -> GEN_CURRENT -> GEN_RETIRING -> gone
 *          '------------'------> GEN_ABORTED --------------------'
 *
 * Workers only. Built completely before it is used, swapped in between two events, never changed.
 */
#ifndef HIVEDOOR_DAEMON_GENERATION_H
#define HIVEDOOR_DAEMON_GENERATION_H

#include "base/err.h"
#include "config/bundle.h"
#include "config/model.h"
#include "proxy/proxy.h"
#include "stats/counter.h"

#include <stdint.h>

enum generation_state { GEN_BUILDING, GEN_READY, GEN_CURRENT, GEN_RETIRING, GEN_ABORTED };

struct generation;

/* Reads the sealed bundle (`source` borrowed) and builds. GEN_READY on success; on failure
 * nothing is left. */
int generation_build(struct proxy *proxy, struct slot *slot, uint64_t number,
                     const struct bundle_source *source,
                     struct generation **out_generation) MUST_USE;
/* GEN_READY -> GEN_CURRENT; `old` (may be NULL) becomes GEN_RETIRING and is not the caller's any
 * more. One log line tells when its last connection is gone. */
void generation_commit(struct generation *g, struct generation *old);
/* GEN_READY -> GEN_ABORTED: freed. Accepts NULL. */
void generation_abort(struct generation *g);
/* The process ends: what serves is let go. Accepts NULL. */
void generation_retire(struct generation *g);
/* Its configuration, for a next one that may be the same. Borrowed, as long as it is current. */
const struct bundle_known *generation_known(const struct generation *g);
uint64_t generation_number(const struct generation *g);
const struct model *generation_model(const struct generation *g);

#endif
