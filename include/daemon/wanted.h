/* SPDX-License-Identifier: MIT */
/*
 * The names that requests make of patterns, kept fresh while workers want them (keeper). Clients
 * choose these names: a name is followed only if a pattern of the model makes it, as tasks.NAME
 * only, and its answers are screened (docs/SECURITY.md, "Names that a request chooses"). All of it
 * is bounded: how many names, how many of them without an address, how many new ones a second, how
 * long one is followed that nobody wants. Names that never had an address go first, so that
 * strangers who guess cannot push out what is in use.
 *
 * A name is "tasks.TASK:PORT" here, in messages and logs.
 */
#ifndef HIVEDOOR_DAEMON_WANTED_H
#define HIVEDOOR_DAEMON_WANTED_H

#include "base/addr.h"
#include "base/list.h"
#include "base/str.h"
#include "config/model.h"
#include "daemon/wire.h"
#include "dns/service.h"
#include "loop/loop.h"
#include "stats/counter.h"

#include <stdbool.h>
#include <stddef.h>

#define WANTED_MAX            1000
#define WANTED_ABSENT_MAX     200 /* of them, names that have had no address so far */
#define WANTED_NEW_PER_S      50
#define WANTED_NEW_BURST      200
#define WANTED_IDLE_MS        (5 * 60 * 1000) /* not wanted for so long: forgotten */
#define WANTED_ABSENT_IDLE_MS 30000           /* the same for a name without an address */

struct wanted;

/* The addresses of a name, or what else is to be said of it. */
typedef void (*wanted_fn)(void *arg, struct str name, enum wire_wanted flag,
                          const struct addr *addrs, size_t count);

/* Never NULL; follows nothing before wanted_set. */
struct wanted *wanted_new(struct loop *loop, struct slot *slot, wanted_fn fn, void *arg);
void wanted_free(struct wanted *w);
/* The patterns of `m` (borrowed until the next call) from now on, asked of `r` (borrowed; NULL:
 * there is nobody to ask). Names that still fit are followed on. */
void wanted_set(struct wanted *w, struct resolver *r, const struct model *m);
/* Before the resolver goes: follows nothing any more. Workers keep what they know. */
void wanted_drop_all(struct wanted *w);
/* What a worker said: the name is untrusted. Answered by `fn` at once if something is known or it
 * is refused, else when the DNS has spoken. */
void wanted_want(struct wanted *w, struct str name, enum wire_want how);
/* A worker could not connect to it. */
void wanted_hurry(struct wanted *w, struct str name);
/* Walks over all, the least recently wanted first: *pos starts as NULL; false at the end. */
bool wanted_next(const struct wanted *w, const struct list **pos, struct str *out_name,
                 struct service_info *out_info);

#endif
