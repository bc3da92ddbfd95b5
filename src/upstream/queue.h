/* SPDX-License-Identifier: MIT */
/*
 * Requests that wait for their turn at a service whose endpoints all have as many as they may
 * (max_requests). Within a worker they go in the order in which they came, each as soon as one of
 * this worker ends. What ends in another worker is found by looking at the shared counts, every
 * QUEUE_PAUSE_MS and only while somebody waits.
 *
 * A worker that is busier than the others must not take every place that gets free before they have
 * looked. So all workers see how many want something of the service and how many of these wait: who
 * has more in flight than its share leaves a place that gets free to the others, for one pause.
 *
 * Terms: a request with a bound is counted while it waits or is in flight: the demand.
 */
#ifndef HIVEDOOR_SRC_UPSTREAM_QUEUE_H
#define HIVEDOOR_SRC_UPSTREAM_QUEUE_H

#include "base/str.h"
#include "config/model.h"
#include "hold.h"
#include "stats/flight.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define QUEUE_PAUSE_MS 5

struct queue {
    struct hold_room room;
    struct flight_tables flight; /* borrowed */
    uint64_t demand_tag;         /* in them */
    uint64_t waiting_tag;
    unsigned demand;  /* of this worker */
    uint32_t bound;   /* the greatest of those that waited since nobody did */
    size_t endpoints; /* that the service has */
    bool has_rested;  /* left a place to the others since it looked */
};

/* `service` names it in all workers. */
void queue_init(struct queue *q, const struct flight_tables *flight, struct str service);
/* Nobody may be waiting. */
void queue_fini(struct queue *q);
/* The service has so many endpoints now: more places, maybe; without any nobody waits here. */
void queue_set_endpoints(struct queue *q, size_t count);
/* A request with a bound begins to want something, or ends; whether it was counted for the others
 * is what queue_quit is told. */
bool queue_join(struct queue *q);
void queue_quit(struct queue *q, bool is_seen);
/* Whether this one has to wait for others that came before it. It has joined. */
bool queue_must_wait(const struct queue *q, const struct hold_guest *g);
/* Waits. `pause` is a class of QUEUE_PAUSE_MS. As hold_enter; the limit is the bound's, for all
 * workers together. */
int queue_enter(struct queue *q, struct hold_guest *g, const struct model_bound *bound,
                struct deadline_class *patience, struct deadline_class *pause) MUST_USE;
/* It got a place, or wants none here any more: if it was a scout, another may follow. */
void queue_resign(struct queue *q, struct hold_guest *g);
/* An endpoint of the service has one less, of this worker; which still counts as demand. */
void queue_freed(struct queue *q);

#endif
