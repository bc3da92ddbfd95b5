/* SPDX-License-Identifier: MIT */
/*
 * What one generation gives to the data path: model, match table, certificates, deadlines and
 * services, built completely before it is used, immutable, counted. A connection holds a reference
 * from accept to close, an exchange too; the last one gone frees everything (keys are zeroed).
 */
#ifndef HIVEDOOR_PROXY_SETTINGS_H
#define HIVEDOOR_PROXY_SETTINGS_H

#include "base/err.h"
#include "config/model.h"
#include "http/h1_parse.h"
#include "http/h2_session.h"
#include "loop/deadline.h"
#include "route/table.h"
#include "tls/tls_server.h"
#include "upstream/upstream.h"

#include <stddef.h>
#include <stdint.h>

struct proxy;

/* What a route needs at run time, beside its model. */
struct route_use {
    struct upstream_service *service; /* a reference; NULL: each request makes the name */
    struct transport *transport;      /* a reference; NULL: plain HTTP/1.1 */
    struct deadline_class *attempt;
    struct deadline_class *greet;
    struct deadline_class *connect;
    struct deadline_class *hold; /* NULL: requests do not wait for an endpoint, or their turn */
    struct deadline_class *response;
    struct deadline_class *tunnel;
};

struct proxy_settings {
    unsigned refs;
    uint64_t number;     /* generation */
    struct proxy *proxy; /* borrowed */
    struct model *model; /* owned */
    struct route_table *routes;
    struct tls_server *tls;
    struct policy_users *users; /* owned: of every basic_auth */
    struct tally *tally;        /* owned: its requests, counted */
    struct route_use **uses;    /* [site][route] */
    struct route_use relay;     /* of acme.relay */
    struct deadline_class *handshake;
    struct deadline_class *header;
    struct deadline_class *idle;
    struct deadline_class *rest;    /* until an idle connection rests; NULL: it never does */
    struct deadline_class *resting; /* what is left of `idle` then */
    struct h1_limits limits;
    struct h2_limits http2;
    void (*on_free)(void *arg, uint64_t number); /* the last reference is gone */
    void *arg;
};

/* Takes `model` (also on failure); borrows `certs`. Serves nothing yet. */
int proxy_settings_new(struct proxy *proxy, uint64_t number, struct model *model,
                       const struct tls_set *certs, struct proxy_settings **out_settings) MUST_USE;
struct proxy_settings *proxy_settings_ref(struct proxy_settings *s);
void proxy_settings_unref(struct proxy_settings *s);

#endif
