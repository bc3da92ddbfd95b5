/* SPDX-License-Identifier: MIT */
/* What the three files of the HTTP/1 client share: life (h1_client), responses in (h1_client_in),
 * requests out (h1_client_out). */
#ifndef HIVEDOOR_SRC_HTTP_H1_CLIENT_IMPL_H
#define HIVEDOOR_SRC_HTTP_H1_CLIENT_IMPL_H

#include "base/buf.h"
#include "http/h1_chunk.h"
#include "http/h1_client.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The connection as a whole. */
enum h1_client_state {
    H1_CLIENT_IDLE,    /* no exchange; whatever comes in ends it */
    H1_CLIENT_BUSY,    /* one exchange; see `in` and `out` */
    H1_CLIENT_ENDING,  /* an op found the end, or made it: told at the end of the turn */
    H1_CLIENT_TELLING, /* on_abort and on_closed are being called */
    H1_CLIENT_CLOSED,  /* freed at the end of the turn */
};

/* The response of the running exchange. */
enum h1_client_in {
    H1_IN_HEAD,
    H1_IN_LENGTH,
    H1_IN_CHUNKED,
    H1_IN_CLOSE, /* until the service closes */
    H1_IN_TUNNEL,
    H1_IN_DONE, /* complete; what else comes is thrown away and the connection not kept */
    H1_IN_EOF,  /* complete, and the service ended its side */
};

/* The request of the running exchange. */
enum h1_client_out {
    H1_OUT_HEAD, /* nothing sent yet */
    H1_OUT_LENGTH,
    H1_OUT_CHUNKED,
    H1_OUT_TRAILERS, /* the last chunk is written, with trailers; the end follows */
    H1_OUT_TUNNEL,
    H1_OUT_SHUT,   /* a tunnel's end: our side is shut once everything is sent */
    H1_OUT_BROKEN, /* the service takes no more; the owner does not know and goes on */
    H1_OUT_LOST,   /* likewise, and the owner has ended the request */
    H1_OUT_DONE,
};

/* A source of interim responses without end is no service. */
#define H1_CLIENT_INTERIM_MAX 32
/* More than the pump lets pile up (CHANNEL_HIGH and one scratch), with room for a head of the
 * greatest limits.header (1 MiB), even twice: a redirect says its Location in its body too. */
#define H1_CLIENT_OUT_MAX (4 * 1024 * 1024)

struct h1_client {
    struct channel channel; /* first: the ops get it */
    struct client base;     /* with the owner's events */
    struct stream *stream;  /* owned */
    struct loop *loop;
    const struct h1_scratch *scratch;
    struct h1_limits limits;

    enum h1_client_state state;
    enum h1_client_in in;
    enum h1_client_out out;
    bool reading;     /* the owner takes body bytes */
    bool answered;    /* a byte of this response was seen */
    bool keep;        /* the response allows another exchange */
    bool blocked;     /* the stream took no more: wait for STREAM_WRITABLE */
    bool stuffed;     /* the owner saw too much unsent and waits for on_writable */
    enum why failure; /* with H1_CLIENT_ENDING */

    struct arena *arena;    /* of the exchange, borrowed */
    struct client_use *use; /* likewise; NULL where nobody asked for it */
    enum http_method method;
    struct str upgrade;   /* the protocols that the request offered, in the arena */
    unsigned interim;     /* 1xx heads of this exchange ... */
    size_t interim_bytes; /* ... and how long they are: together no longer than one head may be */
    struct buf in_buf;    /* bytes not yet handled: an unfinished head, a paused body */
    size_t scan;          /* how far the search for the end of the head came */
    struct h1_chunk chunk;
    uint64_t in_left;
    struct buf out_buf; /* bytes that the stream did not take yet */
    uint64_t out_left;
    struct loop_task work; /* what an op found out or put off */
};

static inline bool h1_client_is_busy(const struct h1_client *c)
{
    return c->state == H1_CLIENT_BUSY;
}

/* h1_client.c */
/* The only place that changes `state`. */
void h1_client_set_state(struct h1_client *c, enum h1_client_state state);
/* Ends the connection now: an unfinished exchange gets on_abort, then the owner on_closed. Not from
 * inside an op. */
void h1_client_end(struct h1_client *c, enum why why);
/* The same at the end of the turn, for ops. */
void h1_client_end_later(struct h1_client *c, enum why why);
/* Who gets the channel's events: the owner, or nobody where none is bound. */
const struct channel_events *h1_client_owner(const struct h1_client *c);
/* The channel is over: whoever has it must forget it. */
void h1_client_let_go(struct h1_client *c);
/* Interest in the stream, from state and buffers; the only place that sets it. */
void h1_client_arm(struct h1_client *c);
/* Whether both messages are complete, as far as the owner of the channel knows. */
bool h1_client_is_over(const struct h1_client *c);

/* h1_client_in.c */
/* Reads what the stream has and handles it. */
void h1_client_on_readable(struct h1_client *c);
/* Handles what waits in in_buf, if the owner reads again. */
void h1_client_resume(struct h1_client *c);

/* h1_client_out.c */
extern const struct channel_ops h1_client_channel_ops;
/* Sends what waits; a stream that takes nothing any more only ends the request: the response may
 * still be there to be read. */
void h1_client_flush(struct h1_client *c);

#endif
