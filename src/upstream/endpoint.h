/* SPDX-License-Identifier: MIT */
/*
 * One address of a service, as one worker sees it: whether it is worth trying, how many requests
 * are in flight to it, and the links to it that can be lent (the pool's list).
 *
 * EP_UNKNOWN  never tried, or its ejection is over: may be chosen
 * EP_UP       a connection to it stood
 * EP_DOWN     refused, unreachable, silent or resetting, or bad answers in a row: passed over until
 *             `ejected_until_ms`
 * EP_FAILING  its checks fail, as the keeper says: taken only where nothing else is left
 * EP_DRAINING no longer an address of the service: running exchanges end, nothing new begins
 */
#ifndef HIVEDOOR_SRC_UPSTREAM_ENDPOINT_H
#define HIVEDOOR_SRC_UPSTREAM_ENDPOINT_H

#include "base/addr.h"
#include "base/err.h"
#include "base/list.h"
#include "base/str.h"
#include "config/model.h"
#include "stats/counter.h"
#include "stats/flight.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum endpoint_state { EP_UNKNOWN, EP_UP, EP_DOWN, EP_FAILING, EP_DRAINING };

/* The first ejection of one that never took a connection is no longer: Docker's DNS names a task
 * when its container starts, and its program listens a moment later. */
#define ENDPOINT_EJECT_NEW_MS 125
#define ENDPOINT_TASK_MAX     96

/* How it is done where nothing is configured. */
extern const struct model_eject endpoint_eject_default;

/* Whose it is, as far as its series go. */
struct endpoint_owner {
    struct slot *slot;
    struct str label; /* of the service */
    bool is_made;     /* all endpoints of all names that a pattern makes share their series */
    const struct counters *counters; /* of all workers; NULL: this one is alone */
};

struct endpoint {
    unsigned refs;
    enum endpoint_state state;
    struct addr addr;
    char text[ADDR_TEXT_MAX];     /* "10.0.1.5:5000" */
    char task[ENDPOINT_TASK_MAX]; /* "web.3", whom it belongs to; empty: not known */
    char *service;                /* owned, for labels */
    bool is_made;
    bool is_met;                 /* it took a connection once */
    struct slot *slot;           /* borrowed */
    struct flight_tables flight; /* borrowed */
    uint64_t tag;                /* in them */
    uint64_t hash;               /* of the address: the same in every door */
    unsigned active;             /* requests of this worker dialing for or using a link to it */
    unsigned failures;           /* in a row */
    unsigned bad_answers;        /* in a row */
    uint64_t ejected_until_ms;   /* with EP_DOWN */
    struct list links;           /* to lend, newest first; see pool */
    size_t idle_count;           /* of them all: those that nobody uses */
    unsigned looks;              /* at links to lend, since one was made for them; see pool */
    uint64_t *requests;          /* cells of the slot */
    uint64_t *connects;
    uint64_t *in_flight;
    uint64_t *ejected;
    uint64_t *ejected_at; /* the one of the last reason; NULL: never */
};

/* A new one with one reference; the label is copied. */
struct endpoint *endpoint_new(const struct endpoint_owner *owner, const struct addr *addr);
struct endpoint *endpoint_ref(struct endpoint *e);
/* Accepts NULL. The last reference requires that no link is left. */
void endpoint_unref(struct endpoint *e);
/* The only place that changes `state`. EP_DRAINING is final. */
void endpoint_set_state(struct endpoint *e, enum endpoint_state state);
/* Whether it may be chosen; ends an ejection whose time is over. */
bool endpoint_is_eligible(struct endpoint *e, uint64_t now_ms);
/* A connection stood. */
void endpoint_connected(struct endpoint *e);
/* An exchange ended well: the row of failures is broken. */
void endpoint_served(struct endpoint *e);
/* An answer came that was none; true: the row is long enough to eject it. */
bool endpoint_answered_badly(struct endpoint *e, const struct model_eject *how);
/* It is passed over for a while, longer each time in a row. `reason` is the metric's. */
void endpoint_eject(struct endpoint *e, const char *reason, const struct model_eject *how,
                    uint64_t now_ms);
/* Counts a failure for the metrics; ejects the endpoint unless `how` is NULL. */
void endpoint_failed(struct endpoint *e, enum why why, const struct model_eject *how,
                     uint64_t now_ms);
/* What its checks say now. */
void endpoint_checked(struct endpoint *e, bool is_failing);
/* What hashes of addresses and of what requests hold have in common. */
uint64_t endpoint_hash(struct str text);
/* Requests of all workers in flight to it. */
uint64_t endpoint_load(const struct endpoint *e);
/* Whether it has `most` requests of all workers, or more. */
bool endpoint_is_full(const struct endpoint *e, uint32_t most);
/* A request is dialing for or uses a link to it; whether other workers see it. */
bool endpoint_enter(struct endpoint *e);
/* The same, unless it has `most` of all workers; false: nothing has happened. */
bool endpoint_enter_within(struct endpoint *e, uint32_t most);
/* No longer; `is_seen` is what entering said. */
void endpoint_leave(struct endpoint *e, bool is_seen);

#endif
