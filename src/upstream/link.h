/* SPDX-License-Identifier: MIT */
/*
 * One connection to an endpoint, from the dial to its end. A link is dialed for a lease, busy with
 * one lease's exchange, or idle in its endpoint's pool.
 */
#ifndef HIVEDOOR_SRC_UPSTREAM_LINK_H
#define HIVEDOOR_SRC_UPSTREAM_LINK_H

#include "endpoint.h"
#include "loop/deadline.h"
#include "net/dial.h"
#include "upstream/upstream.h"

#include <stdbool.h>
#include <stdint.h>

enum link_state { LINK_DIALING, LINK_BUSY, LINK_IDLE, LINK_CLOSED };

struct link;

/* What a lease hears of its link; never from inside a call. */
struct link_events {
    void (*on_up)(void *arg);
    /* The dial failed: WHY_CONNECT_*, WHY_NO_FD. The link is gone. */
    void (*on_down)(void *arg, enum why why);
    /* The connection ended under the exchange, whose channel has been told. The link is gone. */
    void (*on_lost)(void *arg, enum why why);
};

struct link {
    struct list node; /* in the endpoint's idle list */
    const struct upstream_env *env;
    struct endpoint *endpoint; /* a reference */
    enum link_state state;
    struct h1_limits limits;
    struct dial *dial;        /* with LINK_DIALING */
    struct h1_client *client; /* with LINK_BUSY and LINK_IDLE; owned */
    struct deadline deadline; /* of the attempt, or of being idle */
    bool is_ready;            /* the codec says that another exchange may begin */
    bool answered;            /* as the codec said at its end */
    unsigned exchanges;       /* begun on it */
    uint64_t counted_in;      /* bytes that the counters have already */
    uint64_t counted_out;
    const struct link_events *events; /* of the lease that has it */
    void *arg;
};

/* Dials `e` for whoever gets the events. ERR_NO_FD and the like at once, with nothing to come. */
int link_dial(const struct upstream_env *env, struct endpoint *e, const struct lease_want *want,
              struct link **out_link) MUST_USE;
/* Who gets the events from now on. */
void link_bind(struct link *l, const struct link_events *events, void *arg);
/* Begins an exchange on a link that is up or idle. */
struct channel *link_begin(struct link *l, struct arena *arena);
/* Lays a busy link aside: nobody has it, it closes itself after env->idle_class or when the service
 * closes it. For pool. */
void link_rest(struct link *l);
/* Closes at once, in any state; no events. Accepts NULL. */
void link_close(struct link *l);
/* The reason for an error of a dial. */
enum why link_why(int err);
/* Brings the byte counters up to date. */
void link_count(struct link *l);

#endif
