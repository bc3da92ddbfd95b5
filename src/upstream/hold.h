/* SPDX-License-Identifier: MIT */
/*
 * Where requests wait for something that their service does not have now. A service and worker has
 * two such rooms: one for requests that no endpoint takes connections of, and one for those that
 * wait for their turn because every endpoint has as many as it may (queue). In a room only scouts
 * try: the first guest inside, each time that the pause is over or there is news. A service that
 * starts again meets a few connections of a worker, not every request that waits for it. Workers
 * only; decides nothing about endpoints.
 *
 * Terms: a guest is a lease as the rooms see it. It is inside while it waits, and out while it
 * tries; its patience runs from its first entry to its end, in and out of both rooms. Guests are
 * in the order in which their requests came, also those who come back.
 */
#ifndef HIVEDOOR_SRC_UPSTREAM_HOLD_H
#define HIVEDOOR_SRC_UPSTREAM_HOLD_H

#include "base/err.h"
#include "base/list.h"
#include "loop/deadline.h"
#include "stats/counter.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HOLD_PAUSE_MS 100 /* between two scouts, and between two questions to DNS */

/* What they wait for. */
enum hold_for { HOLD_FOR_ENDPOINT, HOLD_FOR_TURN, HOLD_FOR_COUNT };

struct hold_room_events {
    enum hold_for what;
    /* Guests wait, and the pause is over; NULL: nobody has to know. */
    void (*on_pause)(void *arg);
    /* Whether a scout could find anything. */
    bool (*can_try)(const void *arg);
    /* One more is inside, or one less; NULL: nobody has to know. */
    void (*on_count)(void *arg, bool is_more);
};

struct hold_room {
    struct list guests; /* inside, the one that came first in front */
    uint32_t count;
    struct deadline pause;
    struct deadline_class *pause_class; /* borrowed */
    struct slot *slot;                  /* borrowed */
    const struct hold_room_events *events;
    void *arg;
};

struct hold_guest_events {
    void (*on_go)(void *arg);   /* try now; never from inside a call of the guest's own */
    void (*on_over)(void *arg); /* its patience has ended while it was inside */
};

enum hold_place {
    HOLD_NEVER, /* in no room yet */
    HOLD_INSIDE,
    HOLD_SCOUT, /* out, to try for the others */
    HOLD_OUT,
};

struct hold_guest {
    struct list node;
    enum hold_place place;
    struct hold_room *room; /* the one that it is in, or was in last */
    bool is_patient;        /* `until` is set, or has no end */
    struct deadline until;
    uint64_t came_us;                   /* its place in the order; 0: by its first entry */
    uint64_t entered_us;                /* the last time */
    uint64_t inside_us[HOLD_FOR_COUNT]; /* in all, before */
    bool was_inside[HOLD_FOR_COUNT];
    const struct hold_guest_events *events;
    void *arg;
};

/* `pause_class` (may be NULL until the first guest comes) and `slot` are borrowed. */
void hold_room_init(struct hold_room *r, struct deadline_class *pause_class, struct slot *slot,
                    const struct hold_room_events *events, void *arg);
/* Nobody may be inside. */
void hold_room_fini(struct hold_room *r);
static inline bool hold_is_empty(const struct hold_room *r)
{
    return r->count == 0;
}
/* There is news: a scout goes at once if it can try, whoever else is out. */
void hold_news(struct hold_room *r);
/* One goes on at once: there is something for it. */
void hold_call(struct hold_room *r);
/* Everybody goes on, now. */
void hold_open(struct hold_room *r);
/* The pause begins anew. */
void hold_rest(struct hold_room *r);

void hold_guest_init(struct hold_guest *g, const struct hold_guest_events *events, void *arg);
/*
 * Goes in, to its place in the order. `patience` counts from the first time; NULL: no end but the
 * caller's own. ERR_LIMIT: `limit` wait already, and it is not their scout; ERR_TIMEOUT: its
 * patience has ended.
 */
int hold_enter(struct hold_room *r, struct hold_guest *g, struct deadline_class *patience,
               uint32_t limit) MUST_USE;
/* Whether it is out to try for the guests of this room. */
static inline bool hold_is_scout(const struct hold_guest *g, const struct hold_room *r)
{
    return g->place == HOLD_SCOUT && g->room == r;
}
/* It is not their scout any more; whether it was. Its patience runs on. */
bool hold_resign(struct hold_guest *g, const struct hold_room *r);
/* It has what it wants, or ends, wherever it is. */
void hold_leave(struct hold_guest *g);
/* How long it has been inside, up to now. */
uint64_t hold_inside_us(const struct hold_guest *g, enum hold_for what);

#endif
