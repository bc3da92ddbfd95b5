/* SPDX-License-Identifier: MIT */
/*
 * One connection to a service, whatever version of HTTP it speaks: the ops table that h1_client and
 * h2_client fill, so that nothing above http/ asks which. An HTTP/1.1 connection has room for one
 * exchange at a time, an HTTP/2 connection for many. Workers only.
 *
 * Life: the client owns its stream and frees itself after on_closed or client_close. Both may
 * happen inside any callback of the client or of one of its channels.
 */
#ifndef HIVEDOOR_HTTP_CLIENT_H
#define HIVEDOOR_HTTP_CLIENT_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "http/channel.h"
#include "net/stream.h"

#include <stdbool.h>

struct client;

struct client_events {
    /* Where no exchange could begin one can: the last one is over in good order, or the connection
     * has just come up. Comes before that channel's on_end, so that whoever handles that may
     * already pass the connection on. */
    void (*on_room)(void *arg);
    /* The connection is finished: its exchanges got their on_abort before unless they were
     * complete. The stream can still be looked at; it is closed and the client frees itself after
     * this returns. */
    void (*on_closed)(void *arg, enum why why);
};

/* What becomes of one exchange: the owner's memory, written by the client while the exchange runs.
 */
struct client_use {
    struct channel *channel; /* NULL before, and once the channel is over or gone */
    bool answered;           /* something of the response was seen */
    bool unprocessed; /* the service said that it did nothing for it (RFC 9113 section 8.7) */
};

struct client_ops {
    const char *protocol; /* as in the log: "HTTP/1.1" */
    struct channel *(*begin)(struct client *c, struct arena *arena, struct client_use *use);
    bool (*has_room)(const struct client *c);
    bool (*is_sending)(const struct client *c); /* may be NULL: never */
    void (*look)(struct client *c);             /* may be NULL */
    struct stream *(*stream)(const struct client *c);
    void (*close)(struct client *c);
};

/* Embedded in the codec's own struct. */
struct client {
    const struct client_ops *ops;
    const struct client_events *events;
    void *arg;
};

/* Begins an exchange where there is room: response messages are made in `arena`, which must live as
 * long as the channel; so must `use`. Never NULL. */
static inline struct channel *client_begin(struct client *c, struct arena *arena,
                                           struct client_use *use)
{
    return c->ops->begin(c, arena, use);
}

/* Whether another exchange can begin now. */
static inline bool client_has_room(const struct client *c)
{
    return c->ops->has_room(c);
}

/* Whether the owner has let go of a tunnel that it ended while bytes of it are still on their way:
 * the client sends them, then closes by itself. The owner sets a deadline. */
static inline bool client_is_sending(const struct client *c)
{
    return c->ops->is_sending != NULL && c->ops->is_sending(c);
}

/* Before an exchange begins on a connection that was idle: takes notice of what has arrived since
 * the loop last asked. An end, or bytes that nobody asked for (RFC 9112 section 9.2), close it:
 * on_closed has been called when this returns, and there is no room. */
static inline void client_look(struct client *c)
{
    if (c->ops->look != NULL) {
        c->ops->look(c);
    }
}

/* For looking at; the client's. */
static inline struct stream *client_stream(const struct client *c)
{
    return c->ops->stream(c);
}

/* Closes at once; no callbacks. Accepts NULL. */
static inline void client_close(struct client *c)
{
    if (c != NULL) {
        c->ops->close(c);
    }
}

#endif
