/* SPDX-License-Identifier: MIT */
/*
 * To whom the addresses of one service name belong (keeper), as far as daemon/tasks knows: which of
 * them may be used when the site pins a service, what they are called, whether two services answer
 * to the name, and whether one that is only remembered has been given to somebody else.
 */
#ifndef HIVEDOOR_DAEMON_OWNERS_H
#define HIVEDOOR_DAEMON_OWNERS_H

#include "base/addr.h"
#include "base/buf.h"
#include "base/str.h"
#include "daemon/tasks.h"
#include "stats/counter.h"

#include <stdbool.h>
#include <stddef.h>

/* Names of services that one name is warned about; more are not looked at. */
#define OWNERS_PAIRS_MAX 8

struct owners;

/* `name` is "host:port", borrowed; `tasks` is borrowed and must outlive it. */
struct owners *owners_new(struct tasks *tasks, struct slot *slot, struct str name);
void owners_free(struct owners *o);
/* Only addresses of tasks of this service are used; empty: all. Copied; true if it is news. */
bool owners_pin(struct owners *o, struct str service);
/* These are its addresses now; copied. */
void owners_set(struct owners *o, const struct addr *addrs, size_t count);
size_t owners_count(const struct owners *o);
/* Whether an address of it may be used, as far as names say. */
bool owners_uses(const struct owners *o, const struct addr *addr);
/* It has addresses, and all of them are known to be others' than the pinned service's. */
bool owners_has_others_only(const struct owners *o);
bool owners_has(const struct owners *o, const struct addr *addr);
/* Says once for each two services that both answer to the name. */
void owners_judge(struct owners *o);
/*
 * Those that may be used go to `out_addrs` (room for all), their names, a line each and empty where
 * there is none, to `out_names`, which ends with the last name that fits whole. How many.
 */
size_t owners_use(struct owners *o, struct addr *out_addrs, struct buf *out_names);

#endif
