/* SPDX-License-Identifier: MIT */
/*
 * A worker's view of the services: names, their endpoints, and the links to them. Endpoint sets
 * come from the keeper and are replaced whole; endpoints are matched by address, so that idle links
 * and failure counts live on across answers and reloads.
 */
#ifndef HIVEDOOR_UPSTREAM_UPSTREAM_H
#define HIVEDOOR_UPSTREAM_UPSTREAM_H

#include "base/addr.h"
#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "config/model.h"
#include "http/channel.h"
#include "http/h1_client.h"
#include "loop/deadline.h"
#include "loop/loop.h"
#include "stats/counter.h"
#include "tls/tls_stream.h"
#include "upstream/transport.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct upstream;         /* the directory of a worker */
struct upstream_service; /* one "host:port"; counted */
struct endpoint;         /* one address of a service; counted */
struct lease;            /* one exchange's use of one link */

struct upstream_env {
    struct loop *loop;
    struct slot *slot;
    const struct counters *counters; /* of all workers; NULL: this one is alone */
    const struct h1_scratch *scratch;
    struct tls_worker *tls;            /* for services behind TLS */
    struct deadline_class *idle_class; /* how long an idle link is kept */
    /* A connect failed or a reused link was reset: ask DNS for this service now. */
    void (*hurry)(void *arg, struct str service);
    uint32_t hurry_ms; /* of one service at most so often, whatever the traffic; 0: always */
    /* A made name is used; `tell`: nothing is known of it. See upstream/made. */
    void (*want)(void *arg, struct str service, bool tell);
    void *arg;
};

struct upstream *upstream_new(const struct upstream_env *env);
/* Every lease must have ended and every reference be given back before; accepts NULL. */
void upstream_free(struct upstream *u);
/* The service of this name ("host:port"), made if new; a reference is the caller's. `literal` (may
 * be NULL) is its only, fixed endpoint. */
struct upstream_service *upstream_service_get(struct upstream *u, struct str name,
                                              const struct addr *literal);
/* A further reference. */
struct upstream_service *upstream_service_ref(struct upstream_service *s);
/* Accepts NULL. */
void upstream_service_unref(struct upstream_service *s);
/* Replaces the endpoint set: addresses that stay keep their links; those that left are EP_DRAINING:
 * idle links closed at once, running exchanges left alone. Unknown names are remembered too. */
void upstream_update(struct upstream *u, struct str name, const struct addr *addrs, size_t count);
/* The first `well` of the addresses just given pass their checks, the others fail them: they are
 * chosen only where nothing else is left. Where all fail, all are as good as before. */
void upstream_checked(struct upstream *u, struct str name, size_t well);
/* Why a service has no address when it has none: what requests end with then. WHY_NO_ENDPOINT
 * unless it was told. */
void upstream_lack(struct upstream *u, struct str name, enum why why);
/* The names of a service's tasks, a line each in the order of its addresses; what is left out or
 * too long has none. */
void upstream_name_tasks(struct upstream *u, struct str name, struct str lines);
/* Closes all idle links (drain). */
void upstream_close_idle(struct upstream *u);

struct lease_events {
    /* A link stands: send the request on lease_channel(). */
    void (*on_ready)(void *arg);
    /* None could be had: WHY_NO_ENDPOINT or what upstream_lack said, _HOLD_FULL, _HOLD_TIMEOUT,
     * _QUEUE_FULL, _QUEUE_TIMEOUT, _CONNECT_REFUSED, _CONNECT_FAILED, _CONNECT_TIMEOUT, _NO_FD,
     * _NAME_LIMIT, _UPSTREAM_CERTIFICATE, _UPSTREAM_TLS, _UPSTREAM_NOT_H2. */
    void (*on_failed)(void *arg, enum why why);
};

struct lease_want {
    struct arena *arena;                  /* for response messages; lives as long as the lease */
    struct transport *transport;          /* borrowed; NULL: plain HTTP/1.1 */
    struct deadline_class *attempt_class; /* one address, until it takes the connection */
    /* All attempts between two waits, else WHY_CONNECT_TIMEOUT. NULL: the caller has a deadline. */
    struct deadline_class *connect_class;
    /* How long it may wait where no endpoint takes connections, and for its turn. NULL: it does
     * not. */
    struct deadline_class *hold_class;
    uint32_t hold_requests; /* that may wait with it, the service's and worker's; 0: 1000 */
    struct model_bound
        bound; /* how many an endpoint may have with it; else it waits for its turn */
    /* From there until requests can be sent: TLS, HTTP/2's greeting. NULL: as the attempt. */
    struct deadline_class *greet_class;
    const struct h1_limits *limits;
    /* How endpoints are passed over for what they fail or answer; lives as long as the lease. NULL:
     * as where nothing is configured. */
    const struct model_eject *eject;
    enum model_balance_kind balance;
    uint64_t balance_key; /* with MODEL_BALANCE_HASH */
    uint64_t came_us;     /* when the request came (clock_us): its place among others; 0: now */
    bool fresh;           /* no reused link (a retry after one died) */
    struct str avoid;     /* "10.0.1.5:5000": where it died; tried last. Borrowed; empty: none */
};

/*
 * Asks for a link: an idle one (newest first), else connects, trying other endpoints when one
 * refuses, is unreachable or exceeds its attempt deadline, until all have been tried. Such an
 * endpoint is passed over for a while (`eject`), unless all are. A certificate that is not accepted
 * is tried for once more elsewhere, and nothing is passed over for it.
 *
 * Where nothing is left to try, or nothing is known, it waits with the others (hold_class), and
 * fails with WHY_HOLD_TIMEOUT, or what upstream_lack said, when that is over. A service whose
 * addresses were never published is waited for in any case. Where each endpoint has as many
 * requests as it may (bound), it waits for its turn, behind those of this worker that came before
 * it; a lease counts from its first attempt to its end, tunnels too. The callbacks never come from
 * inside the call; lease_end may be called in them. Never NULL.
 */
struct lease *lease_new(struct upstream_service *s, const struct lease_want *want,
                        const struct lease_events *events, void *arg);
/* After on_ready: the channel; its events are bound by the caller. */
struct channel *lease_channel(struct lease *l);
/* Whether the link had been used before, and whether it gave any response byte for this exchange.
 */
bool lease_is_reused(const struct lease *l);
bool lease_answered(const struct lease *l);
/* The final answer's status: 502, 503 and 504 count against the endpoint. */
void lease_note_status(struct lease *l, uint16_t status);
/* What became of it on its way to a link, for the log. */
struct lease_tally {
    bool was_held; /* waited for an endpoint */
    bool was_queued;
    uint64_t held_us;
    uint64_t queued_us;
    unsigned reconnects; /* attempts to connect that followed one that failed */
};
/* Adds what this lease has to say, up to now. */
void lease_add_tally(const struct lease *l, struct lease_tally *sum);
/* Whether the service's budget lets this request be sent again after the end of its link for `why`;
 * takes of it if so, and counts. */
bool lease_may_retry(const struct lease *l, enum why why);
/* Whether the service said that it did nothing for the request: it may be sent again, whatever its
 * method (RFC 9113 section 8.7). */
bool lease_is_unprocessed(const struct lease *l);
/* "HTTP/1.1" or "HTTP/2", as the link speaks it; "" before on_ready. */
const char *lease_protocol(const struct lease *l);
/* What TLS says of a connection that failed ("certificate has expired"), or ""; static storage. */
const char *lease_detail(const struct lease *l);
/* "10.0.1.5:5000" of the endpoint in use or tried last, or empty; borrowed from the lease. */
struct str lease_endpoint(const struct lease *l);
/* "web.3", the task that it belongs to, or empty; borrowed as above. */
struct str lease_task(const struct lease *l);
/*
 * Ends the use. If the exchange is complete and the codec said idle, the link goes to the pool;
 * else it is closed. `why` counts for the endpoint: WHY_OK and client-side reasons are no failure
 * of it. Accepts NULL.
 */
void lease_end(struct lease *l, enum why why);
/* The key of this text for MODEL_BALANCE_HASH: the same in all workers, doors and times. */
uint64_t lease_balance_key(struct str text);
/* How many endpoints the service has; for decisions and logs. */
size_t upstream_service_endpoints(const struct upstream_service *s);

#endif
