/* SPDX-License-Identifier: MIT */
/*
 * Connections as proof (keeper): addresses that the DNS no longer speaks of are connected to by
 * TCP, each every PROVE_EVERY_MS, and given up after PROVE_FAILURES failures in a row. Nothing is
 * sent on the connection. How many are under way and how many begin in a second is bounded; with
 * more addresses than that allows each is looked at less often, and none is given up for it.
 */
#ifndef HIVEDOOR_DAEMON_PROVE_H
#define HIVEDOOR_DAEMON_PROVE_H

#include "base/addr.h"
#include "loop/loop.h"
#include "stats/counter.h"

#include <stddef.h>

#define PROVE_EVERY_MS   2000
#define PROVE_ATTEMPT_MS 250 /* a dead task's address is silent for half a minute */
#define PROVE_FAILURES   3
#define PROVE_AT_ONCE    32
#define PROVE_PER_S      100

struct prove;

/* The address did not answer PROVE_FAILURES times; it is no longer looked at. */
typedef void (*prove_fn)(void *owner, const struct addr *addr);

struct prove *prove_new(struct loop *loop, struct slot *slot, prove_fn fn);
/* No callback comes any more; accepts NULL. */
void prove_free(struct prove *p);
/* From now on these are `owner`'s, and no others; those that stay keep their failures. Count 0: the
 * owner may go. May be called from inside the callback. */
void prove_set(struct prove *p, void *owner, const struct addr *addrs, size_t count);

#endif
