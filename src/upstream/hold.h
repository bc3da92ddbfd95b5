/* SPDX-License-Identifier: MIT */
/*
 * Where requests wait while their service has no endpoint that takes connections: one room for each
 * service and worker. In a room only scouts try: the first guest inside, each time that the pause
 * is over or addresses were published. A service that starts again meets a few connections of a
 * worker, not every request that waits for it. A scout that gets a new connection opens the room:
 * everybody goes on, in the order in which they came. Workers only; decides nothing about
 * endpoints.
 *
 * Terms: a guest is a lease as the room sees it. It is inside while it waits, and out while it
 * tries; its patience runs from its first entry to its end, in both.
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

struct hold_room_events {
    /* Guests wait, and the pause is over: DNS is to be asked. */
    void (*on_pause)(void *arg);
    /* Whether there is any address that a scout could try. */
    bool (*has_endpoints)(const void *arg);
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
    bool is_patient; /* `until` is set, or has no end */
    struct deadline until;
    const struct hold_guest_events *events;
    void *arg;
};

/* `pause_class` and `slot` are borrowed. */
void hold_room_init(struct hold_room *r, struct deadline_class *pause_class, struct slot *slot,
                    const struct hold_room_events *events, void *arg);
/* Nobody may be inside. */
void hold_room_fini(struct hold_room *r);
static inline bool hold_is_empty(const struct hold_room *r)
{
    return r->count == 0;
}
/* Addresses were published: a scout goes at once, whoever else is out. */
void hold_news(struct hold_room *r);
/* Everybody goes on, now. */
void hold_open(struct hold_room *r);

void hold_guest_init(struct hold_guest *g, const struct hold_guest_events *events, void *arg);
/*
 * Goes in: behind the others, or in front again if it was their scout. `patience` counts from the
 * first time; NULL: no end but the caller's own. ERR_LIMIT: `limit` wait already; ERR_TIMEOUT: its
 * patience has ended.
 */
int hold_enter(struct hold_room *r, struct hold_guest *g, struct deadline_class *patience,
               uint32_t limit) MUST_USE;
/* It has what it wants. `is_new`: by a new connection, so the others will get one too; else the
 * next one tries. */
void hold_served(struct hold_room *r, struct hold_guest *g, bool is_new);
/* It ends, wherever it is. */
void hold_leave(struct hold_room *r, struct hold_guest *g);
/* Whether it was ever inside. */
static inline bool hold_was_inside(const struct hold_guest *g)
{
    return g->place != HOLD_NEVER;
}

#endif
