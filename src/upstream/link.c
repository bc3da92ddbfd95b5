/* SPDX-License-Identifier: MIT */
#include "link.h"

#include "base/mem.h"
#include "pool.h"
#include "transport_impl.h"

static const enum counter gauges[] = {
    [LINK_DIALING] = COUNTER_LINKS_DIALING, [LINK_GREETING] = COUNTER_LINKS_DIALING,
    [LINK_BUSY] = COUNTER_LINKS_BUSY,       [LINK_IDLE] = COUNTER_LINKS_IDLE,
    [LINK_ENDING] = COUNTER_LINKS_BUSY,
};

void link_set_state(struct link *l, enum link_state state)
{
    static const unsigned from[] = {
        [LINK_DIALING] = 0,
        [LINK_GREETING] = 1U << LINK_DIALING,
        [LINK_BUSY] = 1U << LINK_GREETING | 1U << LINK_IDLE,
        [LINK_IDLE] = 1U << LINK_BUSY,
        [LINK_ENDING] = 1U << LINK_BUSY,
        [LINK_CLOSED] = 1U << LINK_DIALING | 1U << LINK_GREETING | 1U << LINK_BUSY |
                        1U << LINK_IDLE | 1U << LINK_ENDING,
    };
    REQUIRE((from[state] & 1U << l->state) != 0);
    counter_dec(l->env->slot, gauges[l->state]);
    if (state != LINK_CLOSED) {
        counter_inc(l->env->slot, gauges[state]);
    }
    if (l->state == LINK_IDLE) {
        l->endpoint->idle_count--;
    } else if (state == LINK_IDLE) {
        l->endpoint->idle_count++;
        l->idle_turn = loop_turns(l->env->loop);
    }
    deadline_clear(&l->deadline);
    l->state = state;
}

/* Lets go of everything but the users; the memory goes when nobody further up the stack can be
 * using it. */
static void dispose(struct link *l)
{
    link_set_state(l, LINK_CLOSED);
    list_remove(&l->node);
    stream_close(l->stream);
    l->stream = NULL;
    endpoint_unref(l->endpoint);
    l->endpoint = NULL;
    transport_unref(l->transport);
    l->transport = NULL;
    loop_free_later(l->env->loop, l);
}

/* Brings the byte counters up to date. */
static void count_bytes(struct link *l)
{
    const struct stream *s = l->client != NULL ? client_stream(l->client) : l->stream;
    if (s == NULL) {
        return;
    }
    counter_add(l->env->slot, COUNTER_UPSTREAM_BYTES_IN, s->bytes_in - l->counted_in);
    counter_add(l->env->slot, COUNTER_UPSTREAM_BYTES_OUT, s->bytes_out - l->counted_out);
    l->counted_in = s->bytes_in;
    l->counted_out = s->bytes_out;
}

static struct link_user *take_first(struct list *users)
{
    struct link_user *user = LIST_FIRST(users, struct link_user, node);
    list_remove(&user->node);
    return user;
}

void link_fail(struct link *l, enum why why, const char *detail)
{
    count_bytes(l);
    dispose(l);
    while (!list_is_empty(&l->waiting)) {
        struct link_user *user = take_first(&l->waiting);
        user->events->on_down(user->arg, why, detail);
    }
}

static void on_client_room(void *arg)
{
    struct link *l = arg;
    if (l->state == LINK_GREETING) {
        link_open_room(l);
    }
}

static void on_client_closed(void *arg, enum why why)
{
    struct link *l = arg;
    count_bytes(l);
    l->client = NULL; /* frees itself after this */
    if (l->state == LINK_GREETING) {
        link_fail(l, WHY_UPSTREAM_NOT_H2, "");
        return;
    }
    dispose(l);
    while (!list_is_empty(&l->running)) {
        struct link_user *user = take_first(&l->running);
        user->events->on_lost(user->arg, why);
    }
}

const struct client_events link_client_events = {
    .on_room = on_client_room,
    .on_closed = on_client_closed,
};

bool link_has_room(const struct link *l)
{
    return (l->state == LINK_BUSY || l->state == LINK_IDLE) && client_has_room(l->client);
}

void link_wait(struct link *l, struct link_user *user)
{
    REQUIRE(l->state == LINK_DIALING || l->state == LINK_GREETING);
    list_push_back(&l->waiting, &user->node);
    l->waiting_count++;
}

struct channel *link_begin(struct link *l, struct link_user *user, struct arena *arena)
{
    REQUIRE(link_has_room(l));
    if (l->exchanges > 0) {
        counter_inc(l->env->slot, COUNTER_LINKS_REUSED);
    }
    if (l->state == LINK_IDLE) {
        link_set_state(l, LINK_BUSY);
    }
    list_remove(&user->node);
    list_push_back(&l->running, &user->node);
    l->exchanges++;
    cell_add(l->endpoint->requests, 1);
    struct channel *ch = client_begin(l->client, arena, &user->use);
    if (!link_has_room(l)) {
        list_remove(&l->node);
    }
    return ch;
}

void link_leave(struct link *l, struct link_user *user, enum why why)
{
    list_remove(&user->node);
    if (user->use.channel != NULL) {
        channel_reset(user->use.channel, why);
    }
    if (l->state == LINK_CLOSED) {
        return;
    }
    count_bytes(l);
    bool is_lendable = link_has_room(l) && l->endpoint->state != EP_DRAINING;
    if (!list_is_empty(&l->waiting) || !list_is_empty(&l->running)) {
        if (is_lendable && list_is_empty(&l->node)) {
            pool_put(l);
        }
        return;
    }
    if (l->client != NULL && client_is_sending(l->client)) {
        link_set_state(l, LINK_ENDING);
        deadline_set(&l->deadline, l->env->idle_class);
        return;
    }
    if (!is_lendable) {
        link_close(l);
        return;
    }
    list_remove(&l->node);
    pool_put(l);
    link_set_state(l, LINK_IDLE);
    deadline_set(&l->deadline, l->env->idle_class);
}

void link_close(struct link *l)
{
    if (l == NULL) {
        return;
    }
    count_bytes(l);
    dial_cancel(l->dial);
    l->dial = NULL;
    client_close(l->client);
    l->client = NULL;
    dispose(l);
}
