/* SPDX-License-Identifier: MIT */
/* What the files of a lease share: the way to a link (lease), and waiting where there is none to be
 * had (lease_wait). */
#ifndef HIVEDOOR_SRC_UPSTREAM_LEASE_IMPL_H
#define HIVEDOOR_SRC_UPSTREAM_LEASE_IMPL_H

#include "hold.h"
#include "link.h"
#include "service.h"
#include "upstream/upstream.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* So often a link is begun anew, in all, where the service takes connections and then does not come
 * to terms (TLS, HTTP/2): it may be on its way down or up, but each greeting is dear. */
#define LEASE_GREETS_MAX 3

enum lease_state {
    LEASE_STARTING, /* the next step is taken at the end of the turn */
    LEASE_WAITING,  /* in a room: for an endpoint that takes connections, or for its turn */
    LEASE_DIALING,
    LEASE_READY, /* the exchange runs on the link */
    LEASE_LOST,  /* the link ended under the exchange */
    LEASE_FAILED,
    LEASE_ENDED, /* freed at the end of the turn */
};

struct lease {
    struct hold_guest guest;
    struct upstream_service *service; /* a reference */
    struct lease_want want;
    const struct lease_events *events;
    void *arg;
    enum lease_state state;
    struct loop_task step;
    struct endpoint **tried; /* a reference each; the last one is in use while dialing and after */
    size_t tried_count;
    size_t tried_cap;
    struct endpoint *first_tried[2]; /* most leases need no more, and no other memory */
    struct endpoint *last;           /* of the round before; a reference, or NULL */
    struct deadline connect;         /* of all attempts of a round */
    unsigned greets;                 /* links that were dialed and then did not come to terms */
    enum why last_why;               /* what on_failed says when nothing is left to try */
    bool has_entered;                /* counts as in flight at the last of them ... */
    bool is_seen;                    /* ... also for other workers */
    bool has_joined;                 /* counts as demand, with a bound ... */
    bool is_demand_seen;             /* ... also for other workers */
    bool has_failed;                 /* an attempt, and none has followed yet */
    unsigned reconnects;             /* attempts that followed one that failed */
    bool reused;
    uint16_t status;      /* of the final answer; 0: none yet */
    const char *detail;   /* of last_why; static */
    const char *protocol; /* of the link; static, "" before */
    struct link *link;
    struct link_user user;
};

/* The only place that changes `state`. */
void lease_set_state(struct lease *l, enum lease_state state);
/* Begins a new round: whatever was tried may be tried again. */
void lease_forget_tried(struct lease *l);
void lease_fail(struct lease *l, enum why why);
/* Whether the service took the connection, and then did not come to terms. */
bool lease_is_greeting(enum why why, const char *detail);

/* ---- lease_wait.c ---- */

void lease_wait_init(struct lease *l);
/* Whether it ever waited, or has a bound: most leases have nothing to do with the rest. */
static inline bool lease_has_waited(const struct lease *l)
{
    return l->guest.place != HOLD_NEVER || l->has_joined;
}
/* Whoever comes while others wait for an endpoint goes behind them, unless a link is there that can
 * be lent. */
bool lease_must_wait(const struct lease *l);
/* Why the service has no address, if so; dead ones are no reason of their own: there are some. */
enum why lease_lack(const struct lease *l);
/* Whether time may mend that nothing is left to try. */
bool lease_is_worth_waiting(const struct lease *l);
/* Waits, or fails. */
void lease_wait_for_endpoint(struct lease *l);
/* With a bound: wants something of the service from now on; whether others have to come first. */
bool lease_must_take_turn(struct lease *l);
/* The same for a place at any endpoint. */
void lease_wait_for_turn(struct lease *l);
/* It has a place at an endpoint. */
void lease_turn_taken(struct lease *l);
/* It has a link. */
void lease_wait_served(struct lease *l);
/* It waits for nothing any more. */
void lease_wait_end(struct lease *l);

#endif
