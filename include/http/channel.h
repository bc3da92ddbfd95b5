/* SPDX-License-Identifier: MIT */
/*
 * One request and its answer, as seen from one side of the proxy: a head and a body go out, a head
 * and a body come in. The ops table that makes HTTP versions equal: an HTTP/1 connection has one
 * channel at a time, an HTTP/2 connection has one a stream; nothing above http/ asks which.
 *
 * On the client's side the request comes in and the response goes out (h1_server); on the service's
 * side it is the other way round (h1_client).
 *
 * Flow control: bytes come in by on_data until channel_read(ch, false). Bytes go out at once and
 * what the peer does not take is kept, without limit by itself: the caller stops its source when
 * channel_unsent() passes CHANNEL_HIGH and goes on at on_writable (below CHANNEL_LOW). Since the
 * source is read in pieces of at most one scratch buffer, what is kept stays bounded.
 *
 * Life: the codec owns the channel. After on_abort, or channel_reset, or when both directions have
 * ended, the owner forgets the pointer: it must not be used after that callback or call returns. No
 * callback ever comes from inside an op: what an op finds out is reported at the end of the turn.
 */
#ifndef HIVEDOOR_HTTP_CHANNEL_H
#define HIVEDOOR_HTTP_CHANNEL_H

#include "base/err.h"
#include "base/str.h"
#include "http/message.h"

#include <stdbool.h>
#include <stddef.h>

#define CHANNEL_HIGH (128 * 1024)
#define CHANNEL_LOW  (32 * 1024)

struct channel;

struct channel_events {
    /* Service's side only: a response head, or a 1xx (then more follow). `m` lives in the arena
     * given with the request; the strings too. */
    void (*on_head)(void *arg, struct message *m, struct body body);
    /* Body bytes without framing, borrowed for the call. */
    void (*on_data)(void *arg, struct str data);
    /* Fields behind the body (RFC 9110 section 6.5), checked, without those that trailers may not
     * have; on_end follows. They live in the exchange's arena. May be NULL: trailers are dropped.
     */
    void (*on_trailers)(void *arg, struct message *m);
    /* The incoming message is complete (in a tunnel: the peer ended its side). */
    void (*on_end)(void *arg);
    /* What is kept fell below CHANNEL_LOW. */
    void (*on_writable)(void *arg);
    /* The incoming message broke (a malformed chunk, say) but an answer can still be sent; nothing
     * more will come in and the connection closes afterwards. Client's side only. */
    void (*on_bad)(void *arg, enum why why);
    /* The channel is gone: the peer closed, reset, or broke the protocol. */
    void (*on_abort)(void *arg, enum why why);
};

struct channel_ops {
    const char *name;
    /* May be NULL: every head can be sent. */
    enum why (*check_head)(struct channel *ch, const struct message *m, struct body body);
    void (*send_head)(struct channel *ch, struct message *m, struct body body, struct str upgrade);
    void (*send_data)(struct channel *ch, struct str data);
    void (*send_trailers)(struct channel *ch, struct message *m); /* may be NULL */
    void (*send_end)(struct channel *ch);
    void (*read)(struct channel *ch, bool on);
    size_t (*unsent)(const struct channel *ch);
    void (*reset)(struct channel *ch, enum why why);
};

/* Embedded in the codec's own struct. */
struct channel {
    const struct channel_ops *ops;
    const struct channel_events *events;
    void *arg;
};

/* Who gets the events from now on; NULL events: nobody, and what still comes in is thrown away. */
static inline void channel_bind(struct channel *ch, const struct channel_events *events, void *arg)
{
    ch->events = events;
    ch->arg = arg;
}

/* Whether a final head can be sent: WHY_OK, or what to fail with instead (an answer to a WebSocket
 * request over HTTP/2 that would be taken for another). */
static inline enum why channel_check_head(struct channel *ch, const struct message *m,
                                          struct body body)
{
    return ch->ops->check_head == NULL ? WHY_OK : ch->ops->check_head(ch, m, body);
}

/*
 * Sends a head. `m` is only read during the call, except that hop-by-hop and framing fields are the
 * codec's own business. `upgrade` is the protocol for an Upgrade request, a 101 or a 426 response.
 * A 1xx response head other than 101 is followed by another head.
 */
static inline void channel_send_head(struct channel *ch, struct message *m, struct body body,
                                     struct str upgrade)
{
    ch->ops->send_head(ch, m, body, upgrade);
}

/* Body bytes; copied if they cannot be sent at once. */
static inline void channel_send_data(struct channel *ch, struct str data)
{
    ch->ops->send_data(ch, data);
}

/* Fields for behind the body: sent with channel_send_end, which must follow, where the framing has
 * room for them (chunked, HTTP/2), else dropped. `m` is only read during the call. */
static inline void channel_send_trailers(struct channel *ch, struct message *m)
{
    if (ch->ops->send_trailers != NULL) {
        ch->ops->send_trailers(ch, m);
    }
}

/* The outgoing message is complete (in a tunnel: our side has ended). */
static inline void channel_send_end(struct channel *ch)
{
    ch->ops->send_end(ch);
}

/* Whether on_data may come. On at the start. */
static inline void channel_read(struct channel *ch, bool on)
{
    ch->ops->read(ch, on);
}

/* Bytes given to the channel and not yet to the peer. */
static inline size_t channel_unsent(const struct channel *ch)
{
    return ch->ops->unsent(ch);
}

/* Gives up the exchange on this side at once, whatever is unsent: no more events. */
static inline void channel_reset(struct channel *ch, enum why why)
{
    ch->ops->reset(ch, why);
}

#endif
