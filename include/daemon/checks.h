/* SPDX-License-Identifier: MIT */
/*
 * Active checks of endpoints (keeper): each address of a service that a route wants checked is
 * asked once an interval, for the whole door and all sites that want the same. `fall` failures in a
 * row and it fails, `rise` successes in a row and it is well again; what was never checked is well.
 * Results live across a reload that does not change the check.
 *
 * Terms: a check is one way of asking one service; a target is one address under one check. An
 * address is well when no check of its service says that it fails.
 *
 * Bounds: CHECKS_AT_ONCE probes under way and CHECKS_PER_S begun in a second, each with a deadline;
 * the first of a target comes at a place of its own in the interval, so that they never come all
 * at once. With more targets than that allows each is asked less often.
 */
#ifndef HIVEDOOR_DAEMON_CHECKS_H
#define HIVEDOOR_DAEMON_CHECKS_H

#include "base/addr.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "config/model.h"
#include "loop/loop.h"
#include "stats/counter.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHECKS_AT_ONCE 32
#define CHECKS_PER_S   100

struct checks;

/* Another of this service's addresses fails, or is well again. */
typedef void (*checks_fn)(void *arg, struct str service);

/* What is known of one address. */
struct checks_verdict {
    bool is_failing;
    enum why why;          /* of the last failure; WHY_OK: none yet */
    uint16_t status;       /* with WHY_CHECK_STATUS */
    int64_t since_wall_ms; /* that it is so; 0: never judged otherwise */
};

/* A service's addresses on their way to the workers. */
struct checks_order {
    struct addr *addrs; /* the caller's; sorted in place */
    size_t count;
    struct str names;      /* of their tasks, a line each, as far as there are any */
    struct buf *out_names; /* the same when they are sorted, as far as they fit; empty before */
    size_t well;           /* so many in front are well */
    bool is_cut;           /* for itself */
};

struct checks *checks_new(struct loop *loop, struct slot *slot, checks_fn fn, void *arg);
/* No callback comes any more; accepts NULL. */
void checks_free(struct checks *c);
/* The checks of this model from now on; nothing of it is kept. May call back for services whose
 * check has gone. */
void checks_set(struct checks *c, const struct model *m);
/* The addresses of a service from now on; those that stay keep their results. Never calls back. */
void checks_addresses(struct checks *c, struct str service, const struct addr *addrs, size_t count);
/* Puts those that are well in front: of the addresses that checks_addresses was given last, which
 * are in `o` too. Changes nothing where the service is not checked. */
void checks_sort(const struct checks *c, struct str service, struct checks_order *o);
/* False: no check asks this address. */
bool checks_verdict(const struct checks *c, struct str service, const struct addr *addr,
                    struct checks_verdict *out);

#endif
