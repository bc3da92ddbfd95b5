/* SPDX-License-Identifier: MIT */
#include "hold.h"

static void set_pause(struct hold_room *r)
{
    if (!hold_is_empty(r) && !deadline_is_set(&r->pause)) {
        deadline_set(&r->pause, r->pause_class);
    }
}

static void go_out(struct hold_room *r, struct hold_guest *g, enum hold_place place)
{
    REQUIRE(g->place == HOLD_INSIDE);
    list_remove(&g->node);
    g->place = place;
    r->count--;
    counter_dec(r->slot, COUNTER_HELD);
    if (hold_is_empty(r)) {
        deadline_clear(&r->pause);
    }
}

static void send_scout(struct hold_room *r)
{
    if (!hold_is_empty(r) && r->events->has_endpoints(r->arg)) {
        struct hold_guest *g = LIST_FIRST(&r->guests, struct hold_guest, node);
        go_out(r, g, HOLD_SCOUT);
        g->events->on_go(g->arg);
    }
}

static void on_pause(void *arg)
{
    struct hold_room *r = arg;
    set_pause(r);
    r->events->on_pause(r->arg);
    send_scout(r);
}

void hold_room_init(struct hold_room *r, struct deadline_class *pause_class, struct slot *slot,
                    const struct hold_room_events *events, void *arg)
{
    *r = (struct hold_room){.pause_class = pause_class, .slot = slot, .events = events, .arg = arg};
    list_init(&r->guests);
    deadline_init(&r->pause, on_pause, r);
}

void hold_room_fini(struct hold_room *r)
{
    REQUIRE(hold_is_empty(r));
    deadline_clear(&r->pause);
}

void hold_news(struct hold_room *r)
{
    send_scout(r);
}

void hold_open(struct hold_room *r)
{
    while (!hold_is_empty(r)) {
        struct hold_guest *g = LIST_FIRST(&r->guests, struct hold_guest, node);
        go_out(r, g, HOLD_OUT);
        g->events->on_go(g->arg);
    }
}

static void on_until(void *arg)
{
    struct hold_guest *g = arg;
    if (g->place == HOLD_INSIDE) {
        g->events->on_over(g->arg); /* outside, the end of its attempt decides */
    }
}

void hold_guest_init(struct hold_guest *g, const struct hold_guest_events *events, void *arg)
{
    *g = (struct hold_guest){.place = HOLD_NEVER, .events = events, .arg = arg};
    list_init(&g->node);
    deadline_init(&g->until, on_until, g);
}

static void be_patient(struct hold_guest *g, struct deadline_class *patience)
{
    g->is_patient = true;
    if (patience != NULL) {
        deadline_set(&g->until, patience);
    }
}

int hold_enter(struct hold_room *r, struct hold_guest *g, struct deadline_class *patience,
               uint32_t limit)
{
    if (g->is_patient && patience != NULL && !deadline_is_set(&g->until)) {
        return ERR_TIMEOUT;
    }
    if (g->place != HOLD_SCOUT && r->count >= limit) {
        return ERR_LIMIT;
    }
    if (!g->is_patient) {
        be_patient(g, patience);
        counter_inc(r->slot, COUNTER_HELD_TOTAL);
    }
    if (g->place == HOLD_SCOUT) {
        list_push_front(&r->guests, &g->node);
    } else {
        list_push_back(&r->guests, &g->node);
    }
    g->place = HOLD_INSIDE;
    r->count++;
    counter_inc(r->slot, COUNTER_HELD);
    set_pause(r);
    return OK;
}

void hold_served(struct hold_room *r, struct hold_guest *g, bool is_new)
{
    bool was_scout = g->place == HOLD_SCOUT;
    hold_leave(r, g);
    if (is_new) {
        hold_open(r);
    } else if (was_scout) {
        send_scout(r);
    }
}

void hold_leave(struct hold_room *r, struct hold_guest *g)
{
    if (g->place == HOLD_INSIDE) {
        go_out(r, g, HOLD_OUT);
    } else if (g->place == HOLD_SCOUT) {
        g->place = HOLD_OUT; /* the next pause sends another */
    }
    deadline_clear(&g->until);
}
