/* SPDX-License-Identifier: MIT */
/*
 * One connection to an endpoint, from the dial to its end. A link is dialed for a lease, busy with
 * the exchanges of one lease (HTTP/1.1) or of several (HTTP/2), or idle; while it can take another
 * it stands in its endpoint's list of links to lend.
 *
 * Terms: a user is a lease as its link sees it. Users wait until the link is up; from on_up to
 * link_leave they run.
 */
#ifndef HIVEDOOR_SRC_UPSTREAM_LINK_H
#define HIVEDOOR_SRC_UPSTREAM_LINK_H

#include "endpoint.h"
#include "http/client.h"
#include "loop/deadline.h"
#include "net/dial.h"
#include "upstream/upstream.h"

#include <stdbool.h>
#include <stdint.h>

enum link_state { LINK_DIALING, LINK_BUSY, LINK_IDLE, LINK_CLOSED };

struct link;

/* What a lease hears of its link; never from inside a call. After each of them but on_up the link
 * has forgotten the user. */
struct link_events {
    void (*on_up)(void *arg);
    /* The dial failed: WHY_CONNECT_*, WHY_NO_FD. The link is gone. */
    void (*on_down)(void *arg, enum why why);
    /* The connection ended under the exchange, whose channel has been told. The link is gone. */
    void (*on_lost)(void *arg, enum why why);
};

/* Embedded in the lease. */
struct link_user {
    struct list node; /* in the link's lists */
    struct client_use use;
    const struct link_events *events;
    void *arg;
};

struct link {
    struct list node; /* in the endpoint's list of links to lend */
    const struct upstream_env *env;
    struct endpoint *endpoint; /* a reference */
    enum link_state state;
    struct h1_limits limits;
    struct dial *dial;        /* with LINK_DIALING */
    struct client *client;    /* with LINK_BUSY and LINK_IDLE; owned */
    struct deadline deadline; /* of the attempt, or of being idle */
    struct list waiting;      /* users that wait for it to be up */
    struct list running;      /* users with an exchange */
    unsigned exchanges;       /* begun on it */
    uint64_t counted_in;      /* bytes that the counters have already */
    uint64_t counted_out;
};

/* Dials `e` for a user, which waits from then on. ERR_NO_FD and the like at once, with nothing to
 * come. */
int link_dial(const struct upstream_env *env, struct endpoint *e, const struct lease_want *want,
              struct link_user *user, struct link **out_link) MUST_USE;
/* Begins the exchange of a user that is told on_up, or of a new one of a link to lend. */
struct channel *link_begin(struct link *l, struct link_user *user, struct arena *arena);
/* The user is done with it, whatever it did: an exchange that still runs is reset for `why`. The
 * link that nobody uses any more is laid aside if it can take another exchange (it closes itself
 * after env->idle_class or when the service closes it), else it is closed. */
void link_leave(struct link *l, struct link_user *user, enum why why);
/* Closes at once, in any state; no events. Accepts NULL. */
void link_close(struct link *l);
/* Whether another exchange can begin on it now. */
bool link_has_room(const struct link *l);
/* The reason for an error of a dial. */
enum why link_why(int err);

#endif
