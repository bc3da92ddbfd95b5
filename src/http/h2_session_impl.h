/* SPDX-License-Identifier: MIT */
/*
 * One HTTP/2 connection, either side: nghttp2 between a stream of bytes (net/stream) and many
 * channels. The only part that knows nghttp2, with h2_nv. Files: the connection's life and its
 * output (h2_session), what nghttp2 reports (h2_session_in), what the peer may cost
 * (h2_session_guard), one stream's channel (h2_stream).
 *
 * Whoever uses it embeds a struct h2_session and supplies a struct h2_role: the server makes a
 * stream when the client opens one (on_open), the client makes its own (h2_stream_new, then
 * submits); both say what a complete head means (on_head), how a head of theirs is sent (send_head)
 * and what becomes of the connection (on_idle, on_linger, on_closed). Bodies, trailers, flow
 * control, back-pressure, resets and writing are done here for both.
 *
 * nghttp2's own checking of messages is off: h2_fields does it, for one place that decides and
 * counts. What comes in is reported from inside nghttp2's callbacks, so nothing here frees a stream
 * or the session before the end of the turn. Ops never call back: what they find out is told in
 * h2_session's end-of-turn work, which also sends everything at once.
 *
 * Terms: a stream is `open` while nghttp2 knows it; its owner is whoever has bound its channel; it
 * is `told` an end once.
 */
#ifndef HIVEDOOR_SRC_HTTP_H2_SESSION_IMPL_H
#define HIVEDOOR_SRC_HTTP_H2_SESSION_IMPL_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/list.h"
#include "h2_memory.h"
#include "h2_nv.h"
#include "http/channel.h"
#include "http/client.h"
#include "http/h1_client.h"
#include "http/h2_fields.h"
#include "http/h2_guard.h"
#include "http/h2_session.h"
#include "loop/deadline.h"
#include "loop/loop.h"
#include "net/stream.h"

#include <nghttp2/nghttp2.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* More than the pump lets pile up, with room for a great body of our own (as in HTTP/1). */
#define H2_STREAM_OUT_MAX (4 * 1024 * 1024)
/* Bytes that wait in all streams of a connection together; above, each stream counts as full from
 * H2_STREAM_SHARE on, so that a peer with many stalled streams does not hold the greatest amount
 * times the number of streams. */
#define H2_HELD_HIGH    (2 * 1024 * 1024)
#define H2_STREAM_SHARE (16 * 1024)

/* Of a request that was answered before its end, so much is taken and thrown away. */
#define H2_DISCARD_MAX (4 * 1024 * 1024)

#define H2_RESETS     128
#define H2_FRAME_HEAD 9

enum h2_session_state {
    H2_SESSION_OPEN,
    H2_SESSION_ENDING, /* GOAWAY is on its way; what comes in is thrown away, streams are gone */
    H2_SESSION_LINGER, /* everything sent, the peer's end is waited for */
    H2_SESSION_CLOSED, /* freed at the end of the turn */
};

/* How far a graceful GOAWAY has come (RFC 9113 section 6.8). */
enum h2_parting { H2_PARTING_NONE, H2_PARTING_NOTICE, H2_PARTING_FINAL };

struct h2_session;
struct h2_stream;

/* Borrowed classes; NULL: no bound. */
struct h2_timing {
    struct deadline_class *header; /* until a header block that was begun is complete */
    struct deadline_class *stall;  /* a stream whose bytes the peer does not take */
    struct deadline_class *grace;  /* between the two GOAWAY of a graceful end; from an early
                                    * answer to RST_STREAM */
};

struct h2_role {
    const char *name;
    bool is_server;
    /* A HEADERS frame opens stream `id`: makes its struct with h2_stream_new, or refuses with NULL
     * (REFUSED_STREAM is sent). Server only. */
    struct h2_stream *(*on_open)(struct h2_session *s, int32_t id);
    /* `head` is complete; `err` is what h2_head_end said. Not called for trailers. The stream's
     * owner may be told from here. */
    void (*on_head)(struct h2_stream *st, struct h2_head *head, int err, bool ended);
    /* A head of the owner's goes out. ERR_SYNTAX: it cannot be sent. */
    int (*send_head)(struct h2_stream *st, struct message *m, struct body body, struct str upgrade);
    /* May be NULL: every head can be sent. */
    enum why (*check_head)(struct h2_stream *st, const struct message *m, struct body body);
    /* Why the connection is over when reading it fails with `err`. */
    enum why (*gone_why)(const struct h2_session *s, int err);
    /* Why a stream that the peer reset is over, and with what code we reset one. */
    enum why (*reset_why)(const struct h2_stream *st, uint32_t code);
    uint32_t (*reset_code)(const struct h2_stream *st, enum why why);
    /* What a reason of this floor is called towards whoever `st` is the exchange of. May be NULL:
     * as it is. */
    enum why (*why_of)(const struct h2_stream *st, enum why why);
    /* The owner of a stream with a `use` is forgotten (client). */
    void (*on_let_go)(struct h2_stream *st);
    /* The header of every frame, before its payload is looked at: spends for what only this role
     * sees in it, beside what h2_session_charge takes from both. */
    void (*on_frame)(struct h2_session *s, const nghttp2_frame_hd *hd);
    /* The peer's SETTINGS are here. May be NULL. */
    void (*on_settings)(struct h2_session *s);
    /* Frames of the peer were handled, or something was sent: look whether all is done. */
    void (*on_settled)(struct h2_session *s);
    /* In H2_SESSION_LINGER now. */
    void (*on_linger)(struct h2_session *s, enum why why);
    /* In H2_SESSION_CLOSED now; every stream's owner had its on_abort. */
    void (*on_closed)(struct h2_session *s, enum why why);
    /* The last moment: frees what embeds the session. */
    void (*on_free)(struct h2_session *s);
};

struct h2_session {
    const struct h2_role *role;
    nghttp2_session *ng; /* owned; not to be looked at while its memory is folded */
    struct h2_memory memory;
    struct stream *stream; /* owned */
    struct loop *loop;
    const struct h1_scratch *scratch;
    struct h2_limits limits;
    struct h2_timing timing;
    struct h2_guard guard;

    enum h2_session_state state;
    enum h2_parting parting;
    enum why failure;  /* why it ends, from H2_SESSION_ENDING on; WHY_NONE before */
    enum why part_why; /* with a parting */
    bool blocked;      /* the stream took no more: wait for STREAM_WRITABLE */
    bool rests;        /* its owner expects nothing: folded whenever nothing is under way */
    struct list streams;
    struct list dead;   /* freed at the end of the turn */
    int32_t last_id;    /* the greatest stream that the peer has opened */
    int32_t *reset_ids; /* owned, H2_RESETS: streams that we reset lately; NULL before the first. */
    unsigned reset_count; /* What is still on its way to them is ignored (RFC 9113 section 5.1). */
    bool window_changed;  /* the peer's SETTINGS have changed the windows of its streams */
    unsigned stream_count;
    size_t held; /* bytes that wait in all streams */

    struct h2_head head;    /* the one header block that can be open at a time */
    struct h2_stream *into; /* whose it is; NULL if none is open or nobody's */
    bool in_block;          /* a header block is open */

    struct buf out; /* frames that the stream did not take yet */
    struct loop_task work;
    struct deadline block_deadline;
    struct deadline part_deadline;
};

enum h2_stream_out {
    H2_OUT_HEAD, /* no final head sent yet */
    H2_OUT_BODY,
    H2_OUT_ENDED, /* the owner has ended it; END_STREAM follows what waits */
    H2_OUT_DONE,  /* END_STREAM is out, or nothing can be sent any more */
};

struct h2_stream {
    struct channel channel; /* first: the ops get it */
    struct h2_session *session;
    struct list node; /* in session.streams, later in session.dead */
    int32_t id;
    bool is_open;
    bool is_fault;    /* nghttp2 resets it for an error of the peer's */
    bool is_reset;    /* RST_STREAM is on its way or has come: nothing is delivered any more */
    enum why failure; /* found inside an op, told at the end of the turn; WHY_NONE if none */
    struct arena own_arena;
    struct arena *arena;     /* of its messages: its own (server) or the exchange's (client) */
    struct message message;  /* the request of a server, the current response of a client */
    enum http_method method; /* of the request */
    bool is_connect;         /* an extended CONNECT: a tunnel once it is answered so */
    struct str connect_key;  /* of WebSocket: Sec-WebSocket-Key, which has no place in HTTP/2 */
    struct client_use *use;  /* what the owner knows of it; NULL once let go (client) */
    unsigned interim;        /* 1xx heads so far (client) */
    bool awaits_head;        /* the final head is not here: no body before it (client) */

    /* coming in */
    bool reading;  /* the owner takes body bytes */
    bool is_held;  /* nothing is delivered before the tunnel stands */
    bool in_ended; /* END_STREAM is here */
    bool in_told;  /* on_end was called, or is not due */
    bool has_length;
    uint64_t in_left; /* of Content-Length */
    size_t discarded; /* body bytes that nobody read */
    struct buf in_buf;
    struct message *in_trailers;

    /* going out */
    enum h2_stream_out out;
    enum body_kind out_kind;
    uint64_t out_left;
    bool out_told;  /* the owner has said that it was all, and forgets the channel (server) */
    bool is_tunnel; /* END_STREAM is half a close */
    bool deferred;  /* nghttp2 waits for h2_stream_resume */
    bool stuffed;   /* the owner saw too much unsent and waits for on_writable */
    struct buf out_buf;
    struct h2_nvs out_trailers;
    struct deadline stall;
};

/* ---- h2_session.c ---- */

/* Sets up the session around `stream` (taken) and submits our SETTINGS; nothing is read yet. */
void h2_session_init(struct h2_session *s, const struct h2_role *role, struct stream *stream,
                     const struct h1_scratch *scratch, const struct h2_limits *limits);
/* The deadlines, if any; before h2_session_start. */
void h2_session_set_timing(struct h2_session *s, const struct h2_timing *timing);
/* Handles bytes that were read before; then the loop reads. */
void h2_session_start(struct h2_session *s, struct str early);
/* At the end of the turn: tell what ops found out, send, free what is over. */
void h2_session_wake(struct h2_session *s);
/* Remembers that we have reset stream `id`. */
void h2_session_note_reset(struct h2_session *s, int32_t id);
bool h2_session_was_reset(const struct h2_session *s, int32_t id);
/* Nothing was asked for a while: less memory is held until a stream is opened. */
void h2_session_rest(struct h2_session *s);
/* The connection is finished: GOAWAY with `code` and why_text as debug data, then linger. */
void h2_session_fail(struct h2_session *s, enum why why, uint32_t code);
/* A graceful end: streams that exist are served, new ones not (RFC 9113 section 6.8: a notice, a
 * round trip, then the last stream's id). */
void h2_session_part(struct h2_session *s, enum why why);
/* The round trip is over. */
void h2_session_part_final(struct h2_session *s);
/* Closes now, with on_abort and on_closed. Not from inside an op. */
void h2_session_end(struct h2_session *s, enum why why);
/* Closes at once; no callbacks. Any time. */
void h2_session_close(struct h2_session *s);
/* Nothing more will be sent or is waiting for the kernel. */
bool h2_session_is_flushed(const struct h2_session *s);

/* ---- h2_session_in.c ---- */

/* nghttp2's callbacks of a session; the caller deletes them. */
nghttp2_session_callbacks *h2_session_callbacks(void);
/* The stream can be read. */
void h2_session_on_readable(struct h2_session *s);
/* Gives bytes to nghttp2. */
void h2_session_take(struct h2_session *s, struct str bytes);

/* ---- h2_session_guard.c ---- */

/* The peer has done one of `kind`: without a budget left the connection ends, ENHANCE_YOUR_CALM. */
void h2_session_spend(struct h2_session *s, enum h2_guard_kind kind);
/* What a frame costs the peer, by its header. */
void h2_session_charge(struct h2_session *s, const nghttp2_frame_hd *hd);

/* ---- h2_stream.c ---- */

extern const struct channel_ops h2_stream_ops;
/* A stream of the session, known to nghttp2 as `id`. `arena` NULL: it has one of its own. */
struct h2_stream *h2_stream_new(struct h2_session *s, int32_t id, struct arena *arena);
/* Releases memory; at the end of a turn, from session.dead only. */
void h2_stream_free(struct h2_stream *st);
/* Body bytes from the peer: delivered, or kept until the owner reads. */
void h2_stream_on_data(struct h2_stream *st, struct str data);
/* END_STREAM from the peer. */
void h2_stream_on_ended(struct h2_stream *st);
/* The peer's message is not what it said: the stream is reset with PROTOCOL_ERROR. */
void h2_stream_malformed(struct h2_stream *st, enum why why);
/* Forgets the owner; whom to tell a last thing, or NULL. */
const struct channel_events *h2_stream_let_go(struct h2_stream *st);
/* Our message is complete; END_STREAM follows what waits. */
void h2_stream_end_out(struct h2_stream *st);
/* Resets it and tells its owner. Not from inside an op. */
void h2_stream_abort(struct h2_stream *st, enum why why, uint32_t code);
/* nghttp2 has closed the stream. */
void h2_stream_on_closed(struct h2_stream *st, uint32_t code);
/* Tells what waits to be told; moves a stream that is over to session.dead. */
void h2_stream_settle(struct h2_stream *st);
/* A DATA frame of `len` bytes goes into session.out, `head` is its header; what it returns is
 * nghttp2's. */
int h2_stream_put_data(struct h2_stream *st, const uint8_t *head, size_t len);
/* END_STREAM of ours is out. */
void h2_stream_out_done(struct h2_stream *st);
/* The body to send with a head: whether nghttp2 is to ask for data. Sets out, out_kind, out_left.
 */
bool h2_stream_frame_body(struct h2_stream *st, struct body body, bool has_body);
/* For nghttp2: where the stream's data comes from. */
nghttp2_data_provider h2_stream_provider(struct h2_stream *st);

#endif
