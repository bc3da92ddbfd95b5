/* SPDX-License-Identifier: MIT */
/*
 * The service's side of HTTP/1.1: one connection, one exchange at a time, kept between exchanges.
 * Writes requests, reads responses strictly, offers each exchange as a channel (http/channel.h).
 * Workers only; knows nothing of pools and endpoints.
 */
#ifndef HIVEDOOR_HTTP_H1_CLIENT_H
#define HIVEDOOR_HTTP_H1_CLIENT_H

#include "base/arena.h"
#include "http/client.h"
#include "http/h1_parse.h"
#include "net/stream.h"

#include <stdbool.h>

struct h1_client;

/* What a worker's codecs share: one receive buffer for all (data is handled in one pass). */
struct h1_scratch {
    char *bytes; /* owned by the worker */
    size_t len;
    struct deadline_class *gulps; /* borrowed, of GULP_WAIT_MS; NULL: each piece is read at once */
};

/* Takes the stream. An idle client keeps read interest: bytes or EOF while idle close it (a
 * response before its request is never believed). on_closed says WHY_NOT_KEPT_ALIVE after a
 * complete exchange; after channel_reset it comes at the end of the turn. */
struct h1_client *h1_client_new(struct stream *stream, const struct h1_scratch *scratch,
                                const struct h1_limits *limits, const struct client_events *events,
                                void *arg);
/* The same connection as one of any version. */
struct client *h1_client_base(struct h1_client *c);
/*
 * Begins an exchange on an idle client: response messages are made in `arena`, which must live as
 * long as the channel. The request itself is sent by channel_send_head. Never NULL.
 *
 * Events of the channel: on_head for each 1xx and for the final response (framing decided; 101 only
 * if an upgrade was asked for: then BODY_TUNNEL); on_data, on_end. A final response may come while
 * the request is still being sent: the owner decides. on_abort why: WHY_UPSTREAM_CLOSED (EOF before
 * any response byte), _RESET, _CUT (EOF inside), _BAD_HEAD, _BAD_FRAMING, _BAD_CHUNK,
 * _HEADER_TOO_LARGE. When the response has ended but the request has not, the connection is not
 * used again, and on_abort comes after on_end if the service closes before channel_send_end.
 *
 * Bind the channel before the turn ends, or what comes in is lost. A request with BODY_NONE is
 * complete with its head (channel_send_end may follow or not); with BODY_LENGTH exactly that many
 * bytes must be given. A service that takes no more of the request is found out by reading, so that
 * an early answer is not lost: until then what is sent goes nowhere. Bytes that come behind a
 * response close the connection after it.
 */
struct channel *h1_client_begin(struct h1_client *c, struct arena *arena);
/* Whether any response byte of the current, or else of the last, exchange has been seen. */
bool h1_client_answered(const struct h1_client *c);
/* Closes at once; no callbacks. May be called inside any callback. Accepts NULL. */
void h1_client_close(struct h1_client *c);
struct stream *h1_client_stream(struct h1_client *c);

#endif
