/* SPDX-License-Identifier: MIT */
/*
 * The links of an endpoint that can be lent: idle ones, those that carry exchanges and have room
 * for more, and those being made that will. The newest is lent first, so that those not needed grow
 * old and close. Read interest stays on while they wait: a link that the service closes is gone
 * before it could be lent.
 */
#ifndef HIVEDOOR_SRC_UPSTREAM_POOL_H
#define HIVEDOOR_SRC_UPSTREAM_POOL_H

#include "endpoint.h"
#include "link.h"

/* An endpoint and worker; the oldest goes for a newer one. As many requests as run at a time find a
 * link each when they all end and begin anew; an idle link costs a socket and about a kilobyte. */
#define POOL_IDLE_MAX 256

/* A look at an idle link is a system call each time; one link more is five, once. Where requests go
 * on needing looks, as when answers and requests come in the same turns, links are too few. */
#define POOL_LOOKS_A_LINK 32

/* Takes a link, before it becomes idle if it does. */
void pool_put(struct link *l);
/* The newest link of this transport on which an exchange can begin now, or NULL; rather one that
 * the loop has waited for since its last answer. Idle ones that turn out to be closed, or to hold
 * bytes that nobody asked for, are closed on the way; the caller holds a reference to the endpoint.
 */
struct link *pool_newest(const struct endpoint *e, const struct transport *t);
/* The same for a request that begins now; NULL also when so many looks say that one more should be
 * made. */
struct link *pool_lend(struct endpoint *e, const struct transport *t);
/* A link of this transport that is being made and will carry several exchanges, or NULL. */
struct link *pool_expected(const struct endpoint *e, const struct transport *t);
/* Closes all idle links, and lends none of the others until they are put again. */
void pool_drain(struct endpoint *e);

#endif
