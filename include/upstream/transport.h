/* SPDX-License-Identifier: MIT */
/*
 * How requests travel to a service: plain HTTP/1.1, HTTP/2 without TLS, or TLS with one way of
 * checking the certificate. Links are only ever shared by requests with the same transport. One
 * object for all routes and generations that mean the same, so that links and TLS sessions live on
 * across a reload that changes nothing about it. Counted; workers only.
 */
#ifndef HIVEDOOR_UPSTREAM_TRANSPORT_H
#define HIVEDOOR_UPSTREAM_TRANSPORT_H

#include "base/err.h"
#include "config/model.h"

struct transport;
struct upstream;

/*
 * The transport of this target; a reference is the caller's. `*out_transport` NULL: plain HTTP/1.1,
 * which needs none. ERR_SYNTAX: the trusted certificates (`verify.ca`) cannot be read; ERR_TLS.
 */
int transport_get(struct upstream *u, const struct model_target *to,
                  struct transport **out_transport) MUST_USE;
/* Both accept NULL. */
struct transport *transport_ref(struct transport *t);
void transport_unref(struct transport *t);

#endif
