/* SPDX-License-Identifier: MIT */
#include "pool.h"

void pool_put(struct link *l)
{
    struct endpoint *e = l->endpoint;
    if (!l->is_ready || e->state == EP_DRAINING) {
        link_close(l);
        return;
    }
    if (e->idle_count >= POOL_IDLE_MAX) {
        link_close(CONTAINER_OF(e->idle.prev, struct link, node));
    }
    link_count(l);
    link_rest(l);
}

struct link *pool_newest(struct endpoint *e)
{
    return list_is_empty(&e->idle) ? NULL : LIST_FIRST(&e->idle, struct link, node);
}

void pool_drain(struct endpoint *e)
{
    struct endpoint *held = endpoint_ref(e); /* a link may hold the last reference */
    while (!list_is_empty(&held->idle)) {
        link_close(pool_newest(held));
    }
    endpoint_unref(held);
}
