/* SPDX-License-Identifier: MIT */
/*
 * WebSocket over HTTP/2 (RFC 8441): an extended CONNECT is, in the common model, the upgrade
 * request that HTTP/1.1 gives, and a 101 that answers it is a 200 on the wire.
 */
#ifndef HIVEDOOR_SRC_HTTP_H2_UPGRADE_H
#define HIVEDOOR_SRC_HTTP_H2_UPGRADE_H

#include "h2_session_impl.h"

/* Turns the request of `st` into that upgrade request; WHY_CONNECT_PROTOCOL for another protocol
 * than websocket. `*body` becomes BODY_NONE: what comes belongs to the tunnel. */
enum why h2_upgrade_request(struct h2_stream *st, struct h2_head *head, struct body *body);
/* Whether an answer can go back: WHY_UPSTREAM_BAD_UPGRADE for a 2xx that is no 101, which would be
 * taken for a tunnel, and for a 101 that answers another key. */
enum why h2_upgrade_check(struct h2_stream *st, const struct message *m, struct body body);
/* Sends the 200 that a 101 means; the stream is a tunnel from now on. */
int h2_upgrade_accept(struct h2_stream *st, const struct message *m) MUST_USE;

/* Towards a service: the upgrade request `m` as an extended CONNECT, in `out`; the key stays here.
 */
void h2_upgrade_ask(struct h2_stream *st, const struct message *m, struct message *out);
/* The service's 2xx becomes the 101 that answers that request; the stream is a tunnel. */
void h2_upgrade_take(struct h2_stream *st, struct message *m);

#endif
