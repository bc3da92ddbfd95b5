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
#include "http/server.h"
#include "net/stream.h"

#include <stdbool.h>

struct h1_server;

/* Takes the stream and reads from it when told to start. `early` bytes (copied) were read from it
 * before. */
struct h1_server *h1_server_new(struct stream *stream, const struct h1_scratch *scratch,
                                const struct h1_limits *limits, const struct server_events *events,
                                void *arg);
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
/* As seen by whoever does not ask for the version; lives as long. */
struct server *h1_server_base(struct h1_server *s);
/* Whether an answer is on its way: given to the channel, or partly in our buffers. */
bool h1_server_is_sending(const struct h1_server *s);

#endif
