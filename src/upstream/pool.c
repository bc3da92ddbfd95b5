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

/*
 * What a service said behind its last answer, or that it closed, has to be seen before it could be
 * taken for the answer to what comes next. The loop has waited for that since the answer ended, and
 * would have told; a link that became idle in this very turn is looked at, and so is every one in a
 * turn in which the loop may not have told all.
 */
static bool is_waited_for(const struct link *l)
{
    const struct loop *loop = l->env->loop;
    return l->state != LINK_IDLE || (l->idle_turn != loop_turns(loop) && loop_heard_all(loop));
}

static bool is_good(struct link *l)
{
    if (!is_waited_for(l)) {
        client_look(l->client);
    }
    return link_has_room(l);
}

static struct link *newest_waited_for(const struct endpoint *e, const struct transport *t)
{
    LIST_EACH (&e->links, it, tmp) {
        struct link *l = CONTAINER_OF(it, struct link, node);
        if (l->transport == t && is_waited_for(l) && link_has_room(l)) {
            return l;
        }
    }
    return NULL;
}

static struct link *newest_looked_at(const struct endpoint *e, const struct transport *t)
{
    LIST_EACH (&e->links, it, tmp) {
        struct link *l = CONTAINER_OF(it, struct link, node);
        if (l->transport == t && is_good(l)) {
            return l;
        }
    }
    return NULL;
}

struct link *pool_newest(const struct endpoint *e, const struct transport *t)
{
    struct link *l = newest_waited_for(e, t);
    return l != NULL ? l : newest_looked_at(e, t);
}

struct link *pool_lend(struct endpoint *e, const struct transport *t)
{
    struct link *l = newest_waited_for(e, t);
    if (l != NULL) {
        return l;
    }
    if (e->looks >= POOL_LOOKS_A_LINK) {
        e->looks = 0;
        return NULL;
    }
    l = newest_looked_at(e, t);
    e->looks += l != NULL;
    return l;
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
