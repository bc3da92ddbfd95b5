/* SPDX-License-Identifier: MIT */
/* What the directory and the leases share of a service. */
#ifndef HIVEDOOR_SRC_UPSTREAM_SERVICE_H
#define HIVEDOOR_SRC_UPSTREAM_SERVICE_H

#include "balance.h"
#include "base/bucket.h"
#include "base/list.h"
#include "endpoint_set.h"
#include "hold.h"
#include "loop/deadline.h"
#include "queue.h"
#include "retry.h"
#include "upstream/upstream.h"

/* Services whose names requests made: see upstream/made. */
struct made {
    struct map *names;                 /* of struct upstream_service */
    struct list used;                  /* the same, the one not used for longest first */
    struct bucket fresh;               /* for new ones */
    struct deadline_class *idle;       /* how long one is kept that nobody uses ... */
    struct deadline_class *empty_idle; /* ... and that has no address */
};

struct upstream {
    struct upstream_env env;
    struct map *services; /* by name; of struct upstream_service */
    struct made made;
    struct map *transports;             /* by key; of struct transport */
    size_t leases;                      /* alive */
    struct list ending;                 /* links that nobody has any more and that still send */
    uint64_t rng;                       /* the services' balances begin with numbers of it */
    struct deadline_class *hold_pause;  /* owned */
    struct deadline_class *queue_pause; /* owned; NULL until somebody has waited for a turn */
};

struct upstream_service {
    struct upstream *upstream; /* borrowed */
    struct map *home;          /* the one it is in, by its name */
    unsigned refs;             /* of generations and leases; the directory holds none */
    char *name;                /* "host:port", owned */
    char *label;               /* what its series are called, owned: the name, or a pattern */
    uint64_t hurried_ms;       /* when the keeper was asked last to look again */
    bool is_literal;           /* its endpoint is fixed: no DNS to hurry */
    enum why lack;             /* what requests end with while it has no address */
    struct endpoint_set *set;  /* NULL until the first was published */
    struct balance balance;    /* of its endpoints */
    struct retry_budget retries;
    struct hold_room room; /* leases that wait for that, or for one that takes connections */
    struct queue queue;    /* leases that wait for their turn */

    /* of made ones */
    bool is_made;     /* stays without a reference, until made lets it go */
    bool refused;     /* nobody follows it: leases do not wait */
    struct list made; /* in upstream->made.used */
    struct deadline unused;
    uint64_t used_ms;  /* by the last request */
    uint64_t asked_ms; /* the keeper, the last time; 0: it is to be asked */
};

/* A new one in `home`, without a reference. */
struct upstream_service *upstream_service_new(struct upstream *u, struct map *home, struct str name,
                                              struct str label);
/* Nobody may have a reference. */
void upstream_service_free(struct upstream_service *s);
/* These are its addresses now. */
void upstream_service_set(struct upstream_service *s, const struct addr *addrs, size_t count);
/* Its addresses are not known any more. */
void upstream_service_clear(struct upstream_service *s);
/* For the directory. */
void made_init(struct upstream *u);
void made_fini(struct upstream *u);
/* The class of QUEUE_PAUSE_MS, made when it is needed first. */
struct deadline_class *upstream_queue_pause(struct upstream *u);
/* Asks DNS again, now. */
void upstream_service_hurry(struct upstream_service *s);

#endif
