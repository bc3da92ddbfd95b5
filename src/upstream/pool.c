/* SPDX-License-Identifier: MIT */
#include "pool.h"

static struct link *oldest_idle(struct endpoint *e)
{
    for (struct list *it = e->links.prev; it != &e->links; it = it->prev) {
        struct link *l = CONTAINER_OF(it, struct link, node);
        if (l->state == LINK_IDLE) {
            return l;
        }
    }
    return NULL;
}

void pool_put(struct link *l)
{
    struct endpoint *e = l->endpoint;
    if (e->idle_count >= POOL_IDLE_MAX) {
        link_close(oldest_idle(e));
    }
    list_push_front(&e->links, &l->node);
}

/* What a service said, or that it closed, since the loop last asked is seen before it could be
 * taken for the answer to what comes next. */
static bool is_good(struct link *l)
{
    if (l->state == LINK_IDLE) {
        client_look(l->client);
    }
    return link_has_room(l);
}

struct link *pool_newest(const struct endpoint *e, const struct transport *t)
{
    LIST_EACH (&e->links, it, tmp) {
        struct link *l = CONTAINER_OF(it, struct link, node);
        if (l->transport == t && is_good(l)) {
            return l;
        }
    }
    return NULL;
}

struct link *pool_expected(const struct endpoint *e, const struct transport *t)
{
    LIST_EACH (&e->links, it, tmp) {
        struct link *l = CONTAINER_OF(it, struct link, node);
        bool is_made = l->state == LINK_DIALING || l->state == LINK_GREETING;
        if (l->transport == t && is_made && l->waiting_count < LINK_WAITING_MAX) {
            return l;
        }
    }
    return NULL;
}

void pool_drain(struct endpoint *e)
{
    struct endpoint *held = endpoint_ref(e); /* a link may hold the last reference */
    LIST_EACH (&held->links, it, tmp) {
        struct link *l = CONTAINER_OF(it, struct link, node);
        list_remove(it);
        if (l->state == LINK_IDLE) {
            link_close(l);
        }
    }
    endpoint_unref(held);
}
