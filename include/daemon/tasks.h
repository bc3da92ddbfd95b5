/* SPDX-License-Identifier: MIT */
/*
 * Who is behind each address (keeper): a PTR question once an address is new, again every
 * TASKS_EVERY_MS, and every TASKS_CLOSE_MS while the DNS no longer lists it, as it may have been
 * given to somebody else. However many services hold an address, it is asked about once. What is
 * under way and what begins in a second is bounded; no answer changes nothing.
 */
#ifndef HIVEDOOR_DAEMON_TASKS_H
#define HIVEDOOR_DAEMON_TASKS_H

#include "base/addr.h"
#include "dns/resolver.h"
#include "dns/task_name.h"
#include "loop/loop.h"

#include <stdbool.h>

#define TASKS_EVERY_MS 60000
#define TASKS_CLOSE_MS 5000 /* also while an address has no name yet */
#define TASKS_AT_ONCE  16
#define TASKS_PER_S    50

struct tasks;

/* An address (its port means nothing) has a name, or another one than `was` (NULL: had none).
 * `now` is NULL when the first question brought none. */
typedef void (*tasks_fn)(void *arg, const struct addr *addr, const struct task_name *was,
                         const struct task_name *now);

struct tasks *tasks_new(struct loop *loop, tasks_fn fn, void *arg);
/* No callback comes any more; nobody holds an address; accepts NULL. */
void tasks_free(struct tasks *t);
/* Whom to ask from now on; borrowed until the next call. NULL: nobody is asked. */
void tasks_use(struct tasks *t, struct resolver *r);
/* Follows an address until it has been dropped as often as held. */
void tasks_hold(struct tasks *t, const struct addr *addr);
void tasks_drop(struct tasks *t, const struct addr *addr);
/* Asks about a held address at once, and oftener from now on, or as usual again. */
void tasks_watch(struct tasks *t, const struct addr *addr, bool closely);
/* Whether a question about it has ended. */
bool tasks_is_asked(const struct tasks *t, const struct addr *addr);
/* The name that the address had last; NULL: none is known. Borrowed until the loop goes on. */
const struct task_name *tasks_of(const struct tasks *t, const struct addr *addr);

#endif
