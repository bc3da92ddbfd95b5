/* SPDX-License-Identifier: MIT */
/* What the three files of the HTTP/1 server share: life (h1_server), requests in (h1_server_in),
 * responses out (h1_server_out). */
#ifndef HIVEDOOR_SRC_HTTP_H1_SERVER_IMPL_H
#define HIVEDOOR_SRC_HTTP_H1_SERVER_IMPL_H

#include "base/buf.h"
#include "http/h1_chunk.h"
#include "http/h1_server.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

/* The connection as a whole. */
enum h1_server_state {
    H1_SERVER_STOPPED,  /* not started: nothing is read */
    H1_SERVER_IDLE,     /* between requests, no byte of the next one seen */
    H1_SERVER_HEAD,     /* some bytes of a request head are here */
    H1_SERVER_EXCHANGE, /* a request is being answered; see `in` and `out` */
    H1_SERVER_LINGER,   /* everything sent, waiting for the client's end */
    H1_SERVER_CLOSED,   /* freed at the end of the turn */
};

/* Each direction of the running exchange. */
enum h1_server_half { H1_HALF_HEAD, H1_HALF_BODY, H1_HALF_DONE };

/* More than the pump lets pile up (CHANNEL_HIGH and one scratch), with room for a head of the
 * greatest limits.header (1 MiB), even twice: a redirect says its Location in its body too. */
#define H1_SERVER_OUT_MAX (4 * 1024 * 1024)

struct h1_server {
    struct channel channel; /* first: the ops get it */
    struct server base;
    struct stream *stream; /* owned */
    struct loop *loop;
    const struct h1_scratch *scratch;
    struct h1_limits limits;
    const struct server_events *events;
    void *arg;

    enum h1_server_state state;
    enum h1_server_half in;
    enum h1_server_half out;
    bool reading;     /* the owner takes body bytes */
    bool keeps_alive; /* as agreed so far for this connection */
    bool draining;    /* an idle connection is closed */
    bool last;        /* the next answer closes the connection */
    bool stalled;     /* the owner saw too much unsent and waits for on_writable */
    bool broken;      /* the request has no readable end: whatever comes is thrown away */
    bool chunked_out; /* the response body is framed in chunks, its last one still to come */
    bool trailers;    /* the client said that it takes them */
    enum why failure; /* found inside an op, told at the end of the turn */

    struct arena arena; /* of the current request */
    struct message request;
    struct buf
        in_buf;  /* bytes not yet handled: an unfinished head, a paused body, pipelined requests */
    size_t scan; /* how far the search for the end of the head came */
    struct h1_chunk chunk;
    struct body in_body;
    uint64_t in_left;
    struct gulp *gulp;  /* owned; NULL unless a body comes fast */
    struct buf out_buf; /* bytes that the stream did not take yet */
    uint64_t out_left;
    enum body_kind out_kind;
    struct loop_task work; /* what an op found out, and the steps between two requests */
};

/* h1_server.c */
/* Ends the connection now: the exchange gets on_abort, then the owner on_closed. */
void h1_server_end(struct h1_server *s, enum why why);
/* Interest in the stream, from state and buffers; the only place that sets it. */
void h1_server_arm(struct h1_server *s);
/* Takes the next step once nothing is left to send: half a tunnel closed, the exchange over. */
void h1_server_settle(struct h1_server *s);
static inline bool h1_server_is_closed(const struct h1_server *s)
{
    return s->state == H1_SERVER_CLOSED;
}

/* h1_server_in.c */
/* Reads what the stream has and handles it. */
void h1_server_on_readable(struct h1_server *s);
/* Handles what waits in in_buf. */
void h1_server_resume(struct h1_server *s);
/* Offers a request that cannot be read; the connection closes after the answer. */
void h1_server_refuse(struct h1_server *s, enum why why);

/* h1_server_out.c */
extern const struct channel_ops h1_server_channel_ops;
/* Sends what waits; OK when everything is in the kernel, ERR_AGAIN, or an error of the stream. */
int h1_server_flush(struct h1_server *s) MUST_USE;

#endif
