/* SPDX-License-Identifier: MIT */
#include "link.h"

#include "base/mem.h"
#include "net/stream_plain.h"

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
    deadline_clear(&l->deadline);
    list_remove(&l->node);
    l->state = state;
}

/* Lets go of everything; the memory goes when nobody further up the stack can be using it. */
static void dispose(struct link *l)
{
    bool was_idle = l->state == LINK_IDLE;
    set_state(l, LINK_CLOSED);
    if (was_idle) {
        l->endpoint->idle_count--;
    }
    endpoint_unref(l->endpoint);
    l->endpoint = NULL;
    loop_free_later(l->env->loop, l);
}

void link_count(struct link *l)
{
    if (l->client == NULL) {
        return;
    }
    const struct stream *s = h1_client_stream(l->client);
    counter_add(l->env->slot, COUNTER_UPSTREAM_BYTES_IN, s->bytes_in - l->counted_in);
    counter_add(l->env->slot, COUNTER_UPSTREAM_BYTES_OUT, s->bytes_out - l->counted_out);
    l->counted_in = s->bytes_in;
    l->counted_out = s->bytes_out;
}

static void on_client_idle(void *arg)
{
    struct link *l = arg;
    l->is_ready = true;
}

static void on_client_closed(void *arg, enum why why)
{
    struct link *l = arg;
    const struct link_events *events = l->events;
    void *events_arg = l->arg;
    bool had_lease = l->state == LINK_BUSY;
    link_count(l);
    l->answered = h1_client_answered(l->client);
    l->client = NULL; /* frees itself after this */
    dispose(l);
    if (had_lease) {
        events->on_lost(events_arg, why);
    }
}

static const struct h1_client_events client_events = {
    .on_idle = on_client_idle,
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
    const struct link_events *events = l->events;
    void *arg = l->arg;
    dispose(l);
    events->on_down(arg, why);
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

static void on_dialed(void *arg, int err, int fd)
{
    struct link *l = arg;
    l->dial = NULL;
    if (err != OK) {
        fail(l, link_why(err));
        return;
    }
    struct stream *stream = stream_plain_new(l->env->loop, fd, on_unowned, NULL);
    l->client = h1_client_new(stream, l->env->scratch, &l->limits, &client_events, l);
    l->is_ready = true;
    set_state(l, LINK_BUSY);
    counter_inc(l->env->slot, COUNTER_LINKS_OPENED);
    endpoint_connected(l->endpoint);
    l->events->on_up(l->arg);
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
              struct link **out_link)
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
    deadline_init(&l->deadline, on_deadline, l);
    deadline_set(&l->deadline, want->attempt_class);
    *out_link = l;
    return OK;
}

void link_bind(struct link *l, const struct link_events *events, void *arg)
{
    l->events = events;
    l->arg = arg;
}

struct channel *link_begin(struct link *l, struct arena *arena)
{
    REQUIRE(l->is_ready);
    if (l->state == LINK_IDLE) {
        l->endpoint->idle_count--;
        set_state(l, LINK_BUSY);
        counter_inc(l->env->slot, COUNTER_LINKS_REUSED);
    }
    l->is_ready = false;
    l->exchanges++;
    cell_add(l->endpoint->requests, 1);
    return h1_client_begin(l->client, arena);
}

void link_rest(struct link *l)
{
    REQUIRE(l->is_ready);
    set_state(l, LINK_IDLE);
    link_bind(l, NULL, NULL);
    list_push_front(&l->endpoint->idle, &l->node);
    l->endpoint->idle_count++;
    deadline_set(&l->deadline, l->env->idle_class);
}

void link_close(struct link *l)
{
    if (l == NULL) {
        return;
    }
    link_count(l);
    dial_cancel(l->dial);
    l->dial = NULL;
    h1_client_close(l->client);
    l->client = NULL;
    dispose(l);
}
