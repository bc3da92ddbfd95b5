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

enum link_state {
    LINK_DIALING,
    LINK_GREETING, /* connected; TLS and HTTP/2 have to come to terms */
    LINK_BUSY,
    LINK_IDLE,
    LINK_ENDING, /* nobody's; sends the rest of a tunnel, then closes */
    LINK_CLOSED,
};

/* So many users may wait for one link that is being made. */
#define LINK_WAITING_MAX 100

struct link;

/* What a lease hears of its link; never from inside a call. After each of them but on_up the link
 * has forgotten the user. */
struct link_events {
    void (*on_up)(void *arg);
    /* It stands, but carries fewer exchanges than hoped: none is left for this user. */
    void (*on_full)(void *arg);
    /* No link: WHY_CONNECT_*, WHY_NO_FD, WHY_UPSTREAM_TLS, _CERTIFICATE, _NOT_H2; `detail` is what
     * TLS says of it, or "". The link is gone. */
    void (*on_down)(void *arg, enum why why, const char *detail);
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
    struct list node; /* in the endpoint's list of links to lend; ending: in the directory's */
    const struct upstream_env *env;
    struct endpoint *endpoint;   /* a reference */
    struct transport *transport; /* a reference; NULL: plain HTTP/1.1 */
    enum link_state state;
    struct h1_limits limits;
    struct deadline_class *greet_class;
    struct dial *dial;        /* with LINK_DIALING */
    struct stream *stream;    /* with LINK_GREETING, until a client has it; owned */
    struct client *client;    /* from the end of TLS on; owned */
    struct deadline deadline; /* of the attempt, of the greeting, or of being idle */
    struct list waiting;      /* users that wait for it to be up */
    unsigned waiting_count;   /* that ever did */
    struct list running;      /* users with an exchange */
    unsigned exchanges;       /* begun on it */
    uint64_t idle_turn;       /* of the loop, in which it became idle */
    uint64_t counted_in;      /* bytes that the counters have already */
    uint64_t counted_out;
};

/* Dials `e` for a user, which waits from then on. ERR_NO_FD and the like at once, with nothing to
 * come. */
int link_dial(const struct upstream_env *env, struct endpoint *e, const struct lease_want *want,
              struct link_user *user, struct link **out_link) MUST_USE;
/* Waits with others for a link that is being made; see pool_expected. */
void link_wait(struct link *l, struct link_user *user);
/* Begins the exchange of a user that is told on_up, or of a new one of a link to lend. */
struct channel *link_begin(struct link *l, struct link_user *user, struct arena *arena);
/* The user is done with it, whatever it did: an exchange that still runs is reset for `why`. The
 * link that nobody uses any more is laid aside if it can take another exchange (it closes itself
 * after env->idle_class or when the service closes it), else it is closed, after a tunnel once the
 * service has taken all of it. */
void link_leave(struct link *l, struct link_user *user, enum why why);
/* Closes at once, in any state; no events. Accepts NULL. */
void link_close(struct link *l);
/* Whether another exchange can begin on it now. */
bool link_has_room(const struct link *l);
/* The reason for an error of a dial. */
enum why link_why(int err);

/* ---- between link.c (life, lending) and link_open.c (from the dial to up) ---- */

/* The only place that changes `state`; a deadline belongs to one state. */
void link_set_state(struct link *l, enum link_state state);
/* There will be no link: everybody who waits hears why. */
void link_fail(struct link *l, enum why why, const char *detail);
/* Room for exchanges where there was none: the greeting may be over. */
void link_open_room(struct link *l);
extern const struct client_events link_client_events;

#endif
