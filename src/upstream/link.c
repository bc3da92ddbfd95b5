/* SPDX-License-Identifier: MIT */
#include "link.h"

#include "base/mem.h"
#include "net/stream_plain.h"
#include "pool.h"

#include <stdlib.h>

static const enum counter gauges[] = {
    [LINK_DIALING] = COUNTER_LINKS_DIALING,
    [LINK_BUSY] = COUNTER_LINKS_BUSY,
    [LINK_IDLE] = COUNTER_LINKS_IDLE,
};

/* The only place that changes `state`; every deadline belongs to one state. */
static void set_state(struct link *l, enum link_state state)
{
    static const unsigned from[] = {
        [LINK_DIALING] = 0,
        [LINK_BUSY] = 1U << LINK_DIALING | 1U << LINK_IDLE,
        [LINK_IDLE] = 1U << LINK_BUSY,
        [LINK_CLOSED] = 1U << LINK_DIALING | 1U << LINK_BUSY | 1U << LINK_IDLE,
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
    }
    deadline_clear(&l->deadline);
    l->state = state;
}

/* Lets go of everything but the users; the memory goes when nobody further up the stack can be
 * using it. */
static void dispose(struct link *l)
{
    set_state(l, LINK_CLOSED);
    list_remove(&l->node);
    endpoint_unref(l->endpoint);
    l->endpoint = NULL;
    loop_free_later(l->env->loop, l);
}

/* Brings the byte counters up to date. */
static void count_bytes(struct link *l)
{
    if (l->client == NULL) {
        return;
    }
    const struct stream *s = client_stream(l->client);
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

/* An exchange may begin where none could: for whoever asks next. */
static void on_client_room(void *arg)
{
    (void)arg;
}

static void on_client_closed(void *arg, enum why why)
{
    struct link *l = arg;
    count_bytes(l);
    l->client = NULL; /* frees itself after this */
    dispose(l);
    while (!list_is_empty(&l->running)) {
        struct link_user *user = take_first(&l->running);
        user->events->on_lost(user->arg, why);
    }
}

static const struct client_events client_events = {
    .on_room = on_client_room,
    .on_closed = on_client_closed,
};

/* A stream between two owners gets no events: nothing is wanted of it. */
static void on_unowned(void *arg, unsigned ready)
{
    (void)arg;
    (void)ready;
}

static void fail(struct link *l, enum why why)
{
    dispose(l);
    while (!list_is_empty(&l->waiting)) {
        struct link_user *user = take_first(&l->waiting);
        user->events->on_down(user->arg, why);
    }
}

enum why link_why(int err)
{
    if (err == ERR_REFUSED) {
        return WHY_CONNECT_REFUSED;
    }
    if (err == ERR_TIMEOUT) {
        return WHY_CONNECT_TIMEOUT;
    }
    return err == ERR_NO_FD ? WHY_NO_FD : WHY_CONNECT_FAILED;
}

static void go_up(struct link *l)
{
    set_state(l, LINK_BUSY);
    counter_inc(l->env->slot, COUNTER_LINKS_OPENED);
    endpoint_connected(l->endpoint);
    while (!list_is_empty(&l->waiting)) {
        struct link_user *user = take_first(&l->waiting);
        list_push_back(&l->running, &user->node);
        user->events->on_up(user->arg);
    }
}

static void on_dialed(void *arg, int err, int fd)
{
    struct link *l = arg;
    l->dial = NULL;
    if (err != OK) {
        fail(l, link_why(err));
        return;
    }
    struct stream *stream = stream_plain_new(l->env->loop, fd, on_unowned, NULL);
    l->client =
        h1_client_base(h1_client_new(stream, l->env->scratch, &l->limits, &client_events, l));
    go_up(l);
}

static void on_deadline(void *arg)
{
    struct link *l = arg;
    if (l->state == LINK_DIALING) {
        dial_cancel(l->dial);
        l->dial = NULL;
        fail(l, WHY_CONNECT_TIMEOUT);
        return;
    }
    link_close(l);
}

int link_dial(const struct upstream_env *env, struct endpoint *e, const struct lease_want *want,
              struct link_user *user, struct link **out_link)
{
    struct link *l = NEW(struct link);
    int err = dial_start(env->loop, &e->addr, on_dialed, l, &l->dial);
    if (err != OK) {
        free(l);
        return err;
    }
    l->env = env;
    l->endpoint = endpoint_ref(e);
    l->limits = *want->limits;
    l->state = LINK_DIALING;
    counter_inc(env->slot, COUNTER_LINKS_DIALING);
    list_init(&l->node);
    list_init(&l->waiting);
    list_init(&l->running);
    list_push_back(&l->waiting, &user->node);
    deadline_init(&l->deadline, on_deadline, l);
    deadline_set(&l->deadline, want->attempt_class);
    *out_link = l;
    return OK;
}

bool link_has_room(const struct link *l)
{
    return l->client != NULL && client_has_room(l->client);
}

struct channel *link_begin(struct link *l, struct link_user *user, struct arena *arena)
{
    REQUIRE(link_has_room(l));
    if (l->exchanges > 0) {
        counter_inc(l->env->slot, COUNTER_LINKS_REUSED);
    }
    if (l->state == LINK_IDLE) {
        set_state(l, LINK_BUSY);
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
    if (!is_lendable) {
        link_close(l);
        return;
    }
    list_remove(&l->node);
    pool_put(l);
    set_state(l, LINK_IDLE);
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
