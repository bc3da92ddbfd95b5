/* SPDX-License-Identifier: MIT */
/* Opens one connection without blocking: one attempt at one address; its deadline is the caller's.
 */
#ifndef HIVEDOOR_NET_DIAL_H
#define HIVEDOOR_NET_DIAL_H

#include "base/addr.h"
#include "base/err.h"
#include "loop/loop.h"

struct dial;
/* `err` is OK and fd the caller's (non-blocking, TCP_NODELAY), or ERR_REFUSED, ERR_UNREACHABLE,
 * ERR_TIMEOUT, ERR_NO_FD, ERR_IO and fd -1. The dial is gone when this is called. */
typedef void (*dial_fn)(void *arg, int err, int fd);

/* Never calls back from inside itself. ERR_NO_FD and the like are returned at once, with nothing
 * started and no callback to come. */
int dial_start(struct loop *loop, const struct addr *to, dial_fn fn, void *arg,
               struct dial **out_dial) MUST_USE;
/* Gives up; no callback comes. Accepts NULL. */
void dial_cancel(struct dial *d);

#endif
