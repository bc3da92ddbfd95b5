/* SPDX-License-Identifier: MIT */
/*
 * The idle links of an endpoint: the newest is lent first, so that those not needed grow old and
 * close. Read interest stays on while they wait: a link that the service closes is gone before it
 * could be lent.
 */
#ifndef HIVEDOOR_SRC_UPSTREAM_POOL_H
#define HIVEDOOR_SRC_UPSTREAM_POOL_H

#include "endpoint.h"
#include "link.h"

#define POOL_IDLE_MAX 64 /* an endpoint and worker; the oldest goes for a newer one */

/* Takes a link whose exchange is over; closes it instead if it or its endpoint is done with. */
void pool_put(struct link *l);
/* The newest idle link, still LINK_IDLE until link_begin, or NULL. */
struct link *pool_newest(struct endpoint *e);
/* Closes all idle links. */
void pool_drain(struct endpoint *e);

#endif
