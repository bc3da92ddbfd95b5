/* SPDX-License-Identifier: MIT */
/*
 * The client's side of a connection, whatever its HTTP version: one ops table, so that whoever owns
 * connections never asks which. h1_server has one request at a time, h2_server many.
 */
#ifndef HIVEDOOR_HTTP_SERVER_H
#define HIVEDOOR_HTTP_SERVER_H

#include "base/err.h"
#include "base/str.h"
#include "http/channel.h"
#include "http/h1_parse.h"
#include "http/message.h"

struct server;

struct server_events {
    /*
     * A request is complete up to its head. `ch` is unbound: bind it, then answer. `m` and its
     * arena live until the channel ends. `bad` is WHY_OK, or why the request is refused: then `m`
     * holds what could be read (maybe nothing), no body will come, and the only thing to do is to
     * answer with an error page. With HTTP/2 several requests run at a time.
     */
    void (*on_request)(void *arg, struct channel *ch, struct message *m, struct body body,
                       enum why bad);
    /* The first byte of a request came after the connection had been idle. */
    void (*on_begin)(void *arg);
    /* No exchange runs, every answer is in the kernel, and no byte of a next request is here. */
    void (*on_idle)(void *arg);
    /* The last answer is sent and the connection is closing for the reason given: what the client
     * still sends is thrown away until it closes too (RFC 9112 section 9.6). The owner sets a
     * deadline, then calls server_close. */
    void (*on_linger)(void *arg, enum why why);
    /* The connection has ended and is closed; its exchanges, if any, had their on_abort before. The
     * server frees itself after this returns. */
    void (*on_closed)(void *arg, enum why why);
};

struct server_ops {
    const char *name;
    void (*start)(struct server *s, struct str early);
    void (*drain)(struct server *s);
    void (*last)(struct server *s);
    void (*distrust)(struct server *s);
    void (*expire)(struct server *s, enum why why);
    void (*close)(struct server *s);
    void (*set_limits)(struct server *s, const struct h1_limits *limits);
    void (*rest)(struct server *s);
};

/* Embedded in the codec's own struct. */
struct server {
    const struct server_ops *ops;
};

/* Begins to read; `early` bytes (copied) were read from the stream before and come first. */
static inline void server_start(struct server *s, struct str early)
{
    s->ops->start(s, early);
}

/* No further request: running exchanges end, an idle connection closes now, with on_closed or
 * on_linger at the end of a turn. */
static inline void server_drain(struct server *s)
{
    s->ops->drain(s);
}

/* The next request is the last; an idle connection stays for it. */
static inline void server_last(struct server *s)
{
    s->ops->last(s);
}

/* A request was malformed or will not be read to its end. HTTP/1 says with the answer that is about
 * to be sent that the connection ends; a stream of HTTP/2 stands alone. */
static inline void server_distrust(struct server *s)
{
    s->ops->distrust(s);
}

/* The request header, or the next request, did not come in time: answered where something was
 * asked, else closed (HTTP/2: with GOAWAY). */
static inline void server_expire(struct server *s, enum why why)
{
    s->ops->expire(s, why);
}

/* Nothing was asked for a while: until something is, it is held in less memory, and its stream. */
static inline void server_rest(struct server *s)
{
    s->ops->rest(s);
}

/* Closes at once; no callbacks, not even the channels'. */
static inline void server_close(struct server *s)
{
    s->ops->close(s);
}

/* Takes new limits for the next request (a new generation). */
static inline void server_set_limits(struct server *s, const struct h1_limits *limits)
{
    s->ops->set_limits(s, limits);
}

#endif
