/* SPDX-License-Identifier: MIT */
/*
 * Services whose names requests made of a pattern ("tasks.pr1_web:3000" of "{1}_web"): there from
 * the first request on, kept with their idle links while they are used, gone when they are not. The
 * keeper is asked for each, again while there is traffic, and tells addresses. Everything that
 * strangers can enlarge is bounded, and their series are one a pattern. Workers only.
 */
#ifndef HIVEDOOR_UPSTREAM_MADE_H
#define HIVEDOOR_UPSTREAM_MADE_H

#include "base/addr.h"
#include "base/str.h"
#include "upstream/upstream.h"

#include <stddef.h>

#define MADE_MAX           1000 /* a worker; without use the oldest goes, those without address first */
#define MADE_NEW_PER_S     50
#define MADE_NEW_BURST     200
#define MADE_RENEW_MS      10000           /* while it is used the keeper is told so, so often */
#define MADE_RETRY_MS      1000            /* the same while nothing is known of it */
#define MADE_IDLE_MS       (5 * 60 * 1000) /* not used for so long: forgotten */
#define MADE_EMPTY_IDLE_MS 30000           /* the same without an address */

/*
 * The service of a made name, begun and asked for if it is new; `label` is what its series are
 * called. A reference is the caller's. NULL: too many are in use, or new ones come too fast.
 */
struct upstream_service *made_get(struct upstream *u, struct str name, struct str label);

enum made_news {
    MADE_SET,  /* these are its addresses now */
    MADE_NONE, /* none found yet: counts only where none were known */
    MADE_GONE, /* refused: requests that wait for it end with WHY_NAME_LIMIT */
    MADE_IDLE, /* not followed any more: what is known is not known any more */
};

/* What the keeper says; a name that is not there is ignored. */
void made_update(struct upstream *u, struct str name, enum made_news news, const struct addr *addrs,
                 size_t count);
/* A new keeper knows nothing of what we use: it is told of what requests wait for, and of the rest
 * with the next request. */
void made_restart(struct upstream *u);

#endif
