/* SPDX-License-Identifier: MIT */
/* What the directory and the leases share of a service. */
#ifndef HIVEDOOR_SRC_UPSTREAM_SERVICE_H
#define HIVEDOOR_SRC_UPSTREAM_SERVICE_H

#include "endpoint_set.h"
#include "upstream/upstream.h"

struct upstream {
    struct upstream_env env;
    struct map *services;   /* by name; of struct upstream_service */
    struct map *transports; /* by key; of struct transport */
    size_t leases;          /* alive */
    uint64_t rng;           /* of balance */
};

struct upstream_service {
    struct upstream *upstream; /* borrowed */
    unsigned refs;             /* of generations and leases; the directory holds none */
    char *name;                /* "host:port", owned */
    bool is_literal;           /* its endpoint is fixed: no DNS to hurry */
    struct endpoint_set *set;  /* NULL until the first was published */
    struct list waiting;       /* leases that wait for that */
};

/* A further reference. */
struct upstream_service *upstream_service_ref(struct upstream_service *s);
/* Asks DNS again, now. */
void upstream_service_hurry(struct upstream_service *s);
/* The first set is there: every waiting lease goes on at the end of the turn. For the directory. */
void lease_wake_all(struct upstream_service *s);

#endif
