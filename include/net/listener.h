/* SPDX-License-Identifier: MIT */
/*
 * Listening sockets. The supervisor binds one SO_REUSEPORT socket for each worker slot and keeps it
 * open for the slot's whole life (closing it would reset what is queued on it); workers and keeper
 * accept from theirs, a bounded batch a turn.
 *
 * To close one without a reset: listener_refuse, accept until listener_is_waiting says no, close.
 */
#ifndef HIVEDOOR_NET_LISTENER_H
#define HIVEDOOR_NET_LISTENER_H

#include "base/addr.h"
#include "base/err.h"
#include "loop/loop.h"

#include <stdbool.h>
#include <stddef.h>

struct listener;
/* A new connection: non-blocking, close-on-exec, TCP_NODELAY; the callee owns `fd`. */
typedef void (*listener_fn)(void *arg, int fd, const struct addr *peer);

/*
 * Binds and listens: SO_REUSEADDR, SO_REUSEPORT if `reuseport` (IP only), IPV6_V6ONLY off,
 * TCP_NODELAY, backlog 16384. A Unix socket file that nobody answers on is replaced. `[::]` falls
 * back to 0.0.0.0 where the host has no
 * IPv6. ERR_EXISTS (in use), ERR_DENIED (privileged port), ERR_IO; errno is kept.
 */
int listener_bind(const struct addr *at, bool reuseport, int *out_fd) MUST_USE;

#define LISTENER_BATCH 16
/* Accepts from a listening descriptor, which stays the caller's. Starts at once. */
struct listener *listener_new(struct loop *loop, int fd, listener_fn fn, void *arg);
/* Stops or goes on accepting (the accept queue keeps filling meanwhile). */
void listener_pause(struct listener *l, bool paused);
/* Whether a connection is in the accept queue now. */
bool listener_is_waiting(const struct listener *l);
/* Accepts NULL. Does not close the descriptor. */
void listener_free(struct listener *l);

/*
 * No handshake begins any more on a listening TCP descriptor, for all processes that have it: SYNs
 * are dropped without a word, so that the client's kernel asks again (RFC 9293 section 3.8.1), at a
 * successor perhaps. What waits in the accept queue, or is about to, stays. For good. Others than
 * TCP are left alone, as is a kernel without socket filters: there, the last ones may be reset.
 */
void listener_refuse(int fd);

/*
 * EMFILE: a listener that finds no descriptor pauses itself for 100 ms and calls `on_no_fd` if
 * set; the client waits in the queue meanwhile.
 */
void listener_on_no_fd(struct listener *l, void (*fn)(void *arg), void *arg);

#endif
