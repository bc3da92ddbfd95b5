/* SPDX-License-Identifier: MIT */
/*
 * The service's side of HTTP/2: one connection, many exchanges at once, each a channel of its own
 * (http/channel.h) with its own flow control. Known to whoever lends connections as a struct client
 * (http/client.h). Workers only; knows nothing of pools and endpoints.
 *
 * There is no room before the service's SETTINGS have come: on_room is then the sign that it does
 * speak HTTP/2, and how many streams it takes is known before the first. After a GOAWAY there is
 * none any more, and the connection ends with its last exchange.
 *
 * The service is as hostile as any peer: heads and lengths are checked as in HTTP/1.1, frames that
 * carry nothing have budgets (http/h2_guard), pushes are refused, and what comes for exchanges that
 * are over is counted.
 */
#ifndef HIVEDOOR_HTTP_H2_CLIENT_H
#define HIVEDOOR_HTTP_H2_CLIENT_H

#include "http/client.h"
#include "http/h1_client.h"
#include "http/h1_parse.h"
#include "net/stream.h"

#include <stdbool.h>

struct h2_client;

struct h2_client_options {
    bool is_tls; /* the :scheme of requests */
    struct h1_limits limits;
};

/* Exchanges at once, whatever more the service allows. */
#define H2_CLIENT_STREAMS_MAX 100
/* What a stream may have on its way to us, and all of them together. */
#define H2_CLIENT_WINDOW            (256 * 1024)
#define H2_CLIENT_CONNECTION_WINDOW (16 * 1024 * 1024)

/*
 * Takes the stream; the options are copied. Never NULL.
 *
 * Events of a channel, beside those of http/channel.h: on_head for each 1xx and for the final
 * response; a 200 to an extended CONNECT is told as the 101 that HTTP/1.1 would give, with
 * BODY_TUNNEL. on_abort why: WHY_UPSTREAM_CLOSED, _RESET (the connection is gone and nothing had
 * come), _CUT (something had), _STREAM_RESET (RST_STREAM), _REFUSED (the service did not look at
 * the request: use->unprocessed), _BAD_HEAD, _BAD_FRAMING, _HEADER_TOO_LARGE, _H2_PROTOCOL,
 * _H2_FLOOD, and _NO_UPGRADE for an Upgrade to a service that takes none over HTTP/2.
 */
struct h2_client *h2_client_new(struct stream *stream, const struct h1_scratch *scratch,
                                const struct h2_client_options *options,
                                const struct client_events *events, void *arg);
/* The same connection as one of any version. */
struct client *h2_client_base(struct h2_client *c);

#endif
