/* SPDX-License-Identifier: MIT */
#include "queue.h"

#include "base/buf.h"

/* Requests of the service in flight, of this worker: those on their way to a place count too. */
static uint64_t flying_here(const struct queue *q)
{
    return q->demand - q->room.count;
}

static uint64_t flying_elsewhere(const struct queue *q, uint64_t waiting)
{
    uint64_t demand = flight_elsewhere(&q->flight, q->demand_tag);
    return demand > waiting ? demand - waiting : 0;
}

/* Scouts are sent where they could find a place, as far as this is known without looking at each
 * endpoint. */
static bool can_try(const void *arg)
{
    const struct queue *q = arg;
    uint64_t waiting = flight_elsewhere(&q->flight, q->waiting_tag);
    uint64_t flying = flying_here(q) + flying_elsewhere(q, waiting);
    return flying < (uint64_t)q->bound * q->endpoints;
}

static void on_pause(void *arg)
{
    struct queue *q = arg;
    q->has_rested = false;
}

static void on_count(void *arg, bool is_more)
{
    struct queue *q = arg;
    if (is_more) {
        /* Uncounted, the others do not see that it waits, which costs fairness and nothing else. */
        (void)flight_enter(&q->flight, q->waiting_tag);
    } else {
        flight_leave(&q->flight, q->waiting_tag);
    }
}

static const struct hold_room_events room_events = {
    .what = HOLD_FOR_TURN,
    .on_pause = on_pause,
    .can_try = can_try,
    .on_count = on_count,
};

static uint64_t tag_of(const struct flight_tables *flight, const char *what, struct str service)
{
    struct buf key;
    buf_init(&key, 4096);
    int err = buf_printf(&key, "%s %.*s", what, STR_FMT(service));
    uint64_t tag = flight_tag(flight, err == OK ? buf_str(&key) : service);
    buf_fini(&key);
    return tag;
}

void queue_init(struct queue *q, const struct flight_tables *flight, struct str service)
{
    *q = (struct queue){.flight = *flight,
                        .demand_tag = tag_of(flight, "demand", service),
                        .waiting_tag = tag_of(flight, "waiting", service)};
    hold_room_init(&q->room, NULL, flight->own, &room_events, q);
}

void queue_fini(struct queue *q)
{
    REQUIRE(q->demand == 0);
    hold_room_fini(&q->room);
}

void queue_set_endpoints(struct queue *q, size_t count)
{
    q->endpoints = count;
    if (count == 0) {
        hold_open(&q->room);
    } else {
        hold_news(&q->room);
    }
}

bool queue_join(struct queue *q)
{
    q->demand++;
    return flight_enter(&q->flight, q->demand_tag);
}

void queue_quit(struct queue *q, bool is_seen)
{
    q->demand--;
    if (is_seen) {
        flight_leave(&q->flight, q->demand_tag);
    }
}

/* Whether this worker, with what it has and the one that asks, stays within its share of what is in
 * flight, by what each worker wants. */
static bool is_fair(const struct queue *q)
{
    uint64_t waiting = flight_elsewhere(&q->flight, q->waiting_tag);
    if (waiting == 0) {
        return true;
    }
    uint64_t elsewhere = flying_elsewhere(q, waiting);
    uint64_t mine = flying_here(q);
    return mine * (q->demand + elsewhere + waiting) <= (mine + elsewhere) * q->demand;
}

bool queue_must_wait(const struct queue *q, const struct hold_guest *g)
{
    if (hold_is_scout(g, &q->room)) {
        return false;
    }
    return !hold_is_empty(&q->room) || !is_fair(q);
}

int queue_enter(struct queue *q, struct hold_guest *g, const struct model_bound *bound,
                struct deadline_class *patience, struct deadline_class *pause)
{
    uint64_t elsewhere = flight_elsewhere(&q->flight, q->waiting_tag);
    uint32_t limit = elsewhere < bound->queue ? bound->queue - (uint32_t)elsewhere : 0;
    if (hold_is_empty(&q->room) || bound->requests > q->bound) {
        q->bound = bound->requests;
    }
    q->room.pause_class = pause;
    return hold_enter(&q->room, g, patience, limit);
}

void queue_resign(struct queue *q, struct hold_guest *g)
{
    if (hold_resign(g, &q->room)) {
        hold_news(&q->room);
    }
}

void queue_freed(struct queue *q)
{
    if (hold_is_empty(&q->room)) {
        return;
    }
    if (is_fair(q)) {
        hold_call(&q->room);
    } else if (!q->has_rested) {
        q->has_rested = true;
        hold_rest(&q->room);
    }
}
