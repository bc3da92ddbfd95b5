/* SPDX-License-Identifier: MIT */
/* Where a lease waits: in the service's room while no endpoint takes connections, in its queue
 * while each has as many requests as it may. */
#include "lease_impl.h"

#include "pool.h"

/* That may wait where the caller says nothing of it. */
#define HELD_MAX 1000

static void on_room_go(void *arg)
{
    lease_set_state(arg, LEASE_STARTING);
}

/* Waited in vain: what stopped the last attempt, if there was one, is a detail. */
static void give_up(struct lease *l, enum why why)
{
    if (l->last_why != WHY_NO_ENDPOINT && l->detail[0] == '\0') {
        l->detail = why_label(l->last_why);
    }
    lease_fail(l, why);
}

enum why lease_lack(const struct lease *l)
{
    return upstream_service_endpoints(l->service) > 0 ? WHY_NO_ENDPOINT : l->service->lack;
}

/* What is known to be wrong says more than that it took too long. */
static enum why why_in_vain(const struct lease *l)
{
    enum why lack = lease_lack(l);
    bool is_over = lack == WHY_NO_ENDPOINT && l->want.hold_class != NULL;
    return is_over ? WHY_HOLD_TIMEOUT : lack;
}

static void on_room_over(void *arg)
{
    struct lease *l = arg;
    bool is_queued = l->guest.room == &l->service->queue.room;
    give_up(l, is_queued ? WHY_QUEUE_TIMEOUT : why_in_vain(l));
}

static const struct hold_guest_events guest_events = {
    .on_go = on_room_go,
    .on_over = on_room_over,
};

void lease_wait_init(struct lease *l)
{
    hold_guest_init(&l->guest, &guest_events, l);
    l->guest.came_us = l->want.came_us;
}

static void quit(struct lease *l)
{
    if (l->has_joined) {
        l->has_joined = false;
        queue_quit(&l->service->queue, l->is_demand_seen);
    }
}

/* ---- for an endpoint ---- */

/* A name that a stranger made and that never had an address is not waited for once that is known.
 */
bool lease_is_worth_waiting(const struct lease *l)
{
    const struct upstream_service *s = l->service;
    if (l->want.hold_class == NULL) {
        return false;
    }
    if (l->last_why == WHY_NO_ENDPOINT) {
        return !s->is_made || s->set->version > 1 || s->set->count > 0;
    }
    if (l->last_why == WHY_UPSTREAM_CERTIFICATE || l->last_why == WHY_NO_FD) {
        return false;
    }
    return !lease_is_greeting(l->last_why, l->detail) || l->greets < LEASE_GREETS_MAX;
}

void lease_wait_for_endpoint(struct lease *l)
{
    struct upstream_service *s = l->service;
    struct deadline_class *patience =
        l->want.hold_class != NULL ? l->want.hold_class : l->want.connect_class;
    uint32_t limit = l->want.hold_requests > 0 ? l->want.hold_requests : HELD_MAX;
    lease_forget_tried(l);
    queue_resign(&s->queue, &l->guest);
    quit(l);
    int err = hold_enter(&s->room, &l->guest, patience, limit);
    if (err == OK) {
        lease_set_state(l, LEASE_WAITING);
        upstream_service_hurry(s);
    } else if (err == ERR_TIMEOUT) {
        give_up(l, why_in_vain(l));
    } else {
        lease_fail(l, WHY_HOLD_FULL);
    }
}

bool lease_must_wait(const struct lease *l)
{
    const struct upstream_service *s = l->service;
    bool comes_from_there = l->guest.room == &s->room;
    if (l->want.hold_class == NULL || hold_is_empty(&s->room) || comes_from_there) {
        return false;
    }
    for (size_t i = 0; i < s->set->count && !l->want.fresh; i++) {
        if (pool_newest(s->set->endpoints[i], l->want.transport) != NULL) {
            return false;
        }
    }
    return true;
}

/* ---- for its turn ---- */

bool lease_must_take_turn(struct lease *l)
{
    struct queue *q = &l->service->queue;
    if (!l->has_joined) {
        l->has_joined = true;
        l->is_demand_seen = queue_join(q);
    }
    return queue_must_wait(q, &l->guest);
}

void lease_wait_for_turn(struct lease *l)
{
    struct upstream_service *s = l->service;
    lease_forget_tried(l);
    if (l->want.hold_class == NULL) {
        lease_fail(l, WHY_QUEUE_FULL);
        return;
    }
    int err = queue_enter(&s->queue, &l->guest, &l->want.bound, l->want.hold_class,
                          upstream_queue_pause(s->upstream));
    if (err == OK) {
        lease_set_state(l, LEASE_WAITING);
    } else if (err == ERR_TIMEOUT) {
        give_up(l, WHY_QUEUE_TIMEOUT);
    } else {
        lease_fail(l, WHY_QUEUE_FULL);
    }
}

void lease_turn_taken(struct lease *l)
{
    queue_resign(&l->service->queue, &l->guest);
}

/* ---- the end of it ---- */

void lease_wait_served(struct lease *l)
{
    struct hold_room *room = &l->service->room;
    bool was_scout = hold_resign(&l->guest, room);
    hold_leave(&l->guest);
    if (!l->reused) {
        hold_open(room); /* a new connection: the others will get one too */
    } else if (was_scout) {
        hold_news(room);
    }
}

void lease_wait_end(struct lease *l)
{
    queue_resign(&l->service->queue, &l->guest);
    hold_leave(&l->guest);
    quit(l);
}
