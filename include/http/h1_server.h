/* SPDX-License-Identifier: MIT */
/*
 * The client's side of HTTP/1: reads requests strictly, offers each as a channel (http/channel.h),
 * writes responses. One exchange at a time; pipelined requests wait in the buffer and are answered
 * in order. Used by workers for users, by the keeper for the admin port, by the demo service.
 */
#ifndef HIVEDOOR_HTTP_H1_SERVER_H
#define HIVEDOOR_HTTP_H1_SERVER_H

#include "base/arena.h"
#include "http/channel.h"
#include "http/h1_client.h"
#include "http/h1_parse.h"
#include "net/stream.h"

#include <stdbool.h>

struct h1_server;

struct h1_server_events {
    /*
     * A request is complete up to its head. `ch` is unbound: bind it, then answer. `m` and `arena`
     * (the server's, reset before the next request) live until the channel ends. `bad` is WHY_OK,
     * or why the request is refused: then `m` holds what could be read (maybe nothing), no body
     * will come, and the only thing to do is to answer with an error page; the connection closes
     * after it.
     */
    void (*on_request)(void *arg, struct channel *ch, struct message *m, struct body body,
                       enum why bad);
    /* The first byte of a request came after the connection had been idle. */
    void (*on_begin)(void *arg);
    /* The exchange is over, its answer is in the kernel, and no byte of a next request is here. */
    void (*on_idle)(void *arg);
    /* The last answer is sent and the connection is closing: what the client still sends is thrown
     * away until it closes too (RFC 9112 section 9.6). The owner sets a deadline, then calls
     * h1_server_close. */
    void (*on_linger)(void *arg);
    /* The connection has ended and is closed; the exchange, if any, had its on_abort before. The
     * server frees itself after this returns. */
    void (*on_closed)(void *arg, enum why why);
};

/* Takes the stream and reads from it when told to start. `early` bytes (copied) were read from it
 * before. */
struct h1_server *h1_server_new(struct stream *stream, const struct h1_scratch *scratch,
                                const struct h1_limits *limits,
                                const struct h1_server_events *events, void *arg);
/* Begins to read; `early` bytes come first. */
void h1_server_start(struct h1_server *s, struct str early);
/* The arena of the current request. */
struct arena *h1_server_arena(struct h1_server *s);
/* No further request: the current answer says "Connection: close"; an idle connection closes now,
 * with on_closed at the end of the turn. */
void h1_server_drain(struct h1_server *s);
/* The next answer is the last: it says "Connection: close". An idle connection stays for it. */
void h1_server_last(struct h1_server *s);
/* The request header did not come in time: answers 408 by way of on_request(bad) if a byte of it
 * was seen, else closes. */
void h1_server_expire(struct h1_server *s, enum why why);
/* Closes at once; no callbacks, not even the channel's. */
void h1_server_close(struct h1_server *s);
/* Takes new limits for the next request (a new generation). */
void h1_server_set_limits(struct h1_server *s, const struct h1_limits *limits);
struct stream *h1_server_stream(struct h1_server *s);
/* Whether an answer is on its way: given to the channel, or partly in our buffers. */
bool h1_server_is_sending(const struct h1_server *s);

#endif
