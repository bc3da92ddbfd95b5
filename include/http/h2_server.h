/* SPDX-License-Identifier: MIT */
/*
 * The client's side of HTTP/2 (RFC 9113): reads frames strictly, offers each request as a channel
 * of its own (http/channel.h), writes responses. Many exchanges at a time; each request has its own
 * arena, freed when its channel ends. Used by workers, on TLS with ALPN "h2" only.
 *
 * A malformed request is a stream error: its stream is reset, and it is offered with its reason
 * only so that it is recorded; what is answered goes nowhere. What is well-formed but refused (a
 * header that is too large) is offered with its reason and answered, as in HTTP/1.
 * A client that abuses the protocol (http/h2_guard) or breaks it loses the connection: GOAWAY, and
 * on_linger with the reason.
 *
 * A WebSocket's extended CONNECT (RFC 8441) is offered as the upgrade request that HTTP/1.1 would
 * have been; a 101 sent back becomes 200, and the channel a tunnel.
 */
#ifndef HIVEDOOR_HTTP_H2_SERVER_H
#define HIVEDOOR_HTTP_H2_SERVER_H

#include "base/err.h"
#include "http/h1_client.h"
#include "http/h2_session.h"
#include "http/server.h"
#include "loop/deadline.h"
#include "net/stream.h"

#include <stdbool.h>

struct h2_server;

struct h2_server_options {
    struct h2_limits limits;
    bool is_tls; /* what :scheme has to say */
    /* Borrowed; NULL: no such bound. */
    struct deadline_class *header; /* until a header block that was begun is complete */
    struct deadline_class *idle;   /* a stream whose bytes the client does not take is reset */
    struct deadline_class *grace;  /* a client that is told to go and does not answer */
};

/* Takes the stream; reads from it when started. */
struct h2_server *h2_server_new(struct stream *stream, const struct h1_scratch *scratch,
                                const struct h2_server_options *options,
                                const struct server_events *events, void *arg);
/* What it is used through; lives as long. */
struct server *h2_server_base(struct h2_server *s);

#endif
