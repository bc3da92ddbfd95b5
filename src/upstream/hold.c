/* SPDX-License-Identifier: MIT */
#include "hold.h"

#include "base/clock.h"

static const struct {
    enum counter now;
    enum counter total;
    enum counter timeouts;
} counters[] = {
    [HOLD_FOR_ENDPOINT] = {COUNTER_HELD, COUNTER_HELD_TOTAL, COUNTER_HELD_TIMEOUTS},
    [HOLD_FOR_TURN] = {COUNTER_QUEUED, COUNTER_QUEUED_TOTAL, COUNTER_QUEUE_TIMEOUTS},
};

static struct hold_guest *guest_of(struct list *node)
{
    return CONTAINER_OF(node, struct hold_guest, node);
}

static void set_pause(struct hold_room *r)
{
    if (!hold_is_empty(r) && !deadline_is_set(&r->pause)) {
        deadline_set(&r->pause, r->pause_class);
    }
}

static void count(struct hold_room *r, bool is_more)
{
    if (is_more) {
        r->count++;
        counter_inc(r->slot, counters[r->events->what].now);
    } else {
        r->count--;
        counter_dec(r->slot, counters[r->events->what].now);
    }
    if (r->events->on_count != NULL) {
        r->events->on_count(r->arg, is_more);
    }
}

static void go_out(struct hold_guest *g, enum hold_place place)
{
    struct hold_room *r = g->room;
    REQUIRE(g->place == HOLD_INSIDE);
    list_remove(&g->node);
    g->inside_us[r->events->what] = hold_inside_us(g, r->events->what);
    g->place = place;
    count(r, false);
    if (hold_is_empty(r)) {
        deadline_clear(&r->pause);
    }
}

void hold_call(struct hold_room *r)
{
    if (!hold_is_empty(r)) {
        struct hold_guest *g = guest_of(r->guests.next);
        go_out(g, HOLD_SCOUT);
        g->events->on_go(g->arg);
    }
}

void hold_news(struct hold_room *r)
{
    if (!hold_is_empty(r) && r->events->can_try(r->arg)) {
        hold_call(r);
    }
}

static void on_pause(void *arg)
{
    struct hold_room *r = arg;
    set_pause(r);
    if (r->events->on_pause != NULL) {
        r->events->on_pause(r->arg);
    }
    hold_news(r);
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

void hold_open(struct hold_room *r)
{
    while (!hold_is_empty(r)) {
        struct hold_guest *g = guest_of(r->guests.next);
        go_out(g, HOLD_OUT);
        g->events->on_go(g->arg);
    }
}

void hold_rest(struct hold_room *r)
{
    if (!hold_is_empty(r)) {
        deadline_set(&r->pause, r->pause_class);
    }
}

static void on_until(void *arg)
{
    struct hold_guest *g = arg;
    if (g->place == HOLD_INSIDE) { /* outside, the end of its attempt decides */
        counter_inc(g->room->slot, counters[g->room->events->what].timeouts);
        g->events->on_over(g->arg);
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
    if (g->is_patient) {
        return;
    }
    g->is_patient = true;
    g->came_us = g->came_us > 0 ? g->came_us : clock_us();
    if (patience != NULL) {
        deadline_set(&g->until, patience);
    }
}

/* Scouts come back to the front, all others to the end: each looks for its place from there. */
static void take_place(struct hold_room *r, struct hold_guest *g)
{
    struct list *next = &r->guests;
    if (hold_is_scout(g, r)) {
        next = r->guests.next;
        while (next != &r->guests && guest_of(next)->came_us < g->came_us) {
            next = next->next;
        }
    } else {
        while (next->prev != &r->guests && guest_of(next->prev)->came_us > g->came_us) {
            next = next->prev;
        }
    }
    list_insert_before(next, &g->node);
}

int hold_enter(struct hold_room *r, struct hold_guest *g, struct deadline_class *patience,
               uint32_t limit)
{
    if (g->is_patient && patience != NULL && !deadline_is_set(&g->until)) {
        counter_inc(r->slot, counters[r->events->what].timeouts);
        return ERR_TIMEOUT;
    }
    if (!hold_is_scout(g, r) && r->count >= limit) {
        return ERR_LIMIT;
    }
    be_patient(g, patience);
    if (!g->was_inside[r->events->what]) {
        g->was_inside[r->events->what] = true;
        counter_inc(r->slot, counters[r->events->what].total);
    }
    take_place(r, g);
    g->place = HOLD_INSIDE;
    g->room = r;
    g->entered_us = clock_us();
    count(r, true);
    set_pause(r);
    return OK;
}

bool hold_resign(struct hold_guest *g, const struct hold_room *r)
{
    if (!hold_is_scout(g, r)) {
        return false;
    }
    g->place = HOLD_OUT;
    return true;
}

void hold_leave(struct hold_guest *g)
{
    if (g->place == HOLD_INSIDE) {
        go_out(g, HOLD_OUT);
    } else if (g->place == HOLD_SCOUT) {
        g->place = HOLD_OUT; /* the next pause sends another */
    }
    deadline_clear(&g->until);
}

uint64_t hold_inside_us(const struct hold_guest *g, enum hold_for what)
{
    bool is_now = g->place == HOLD_INSIDE && g->room->events->what == what;
    return g->inside_us[what] + (is_now ? clock_us() - g->entered_us : 0);
}
