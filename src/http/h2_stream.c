/* SPDX-License-Identifier: MIT */
/* One stream: the channel that its owner sees, and the bytes that wait on both ways. */
#include "h2_session_impl.h"

#include "base/mem.h"

#include <stdlib.h>

#define ARENA_BLOCK 4096
/* What an owner that reads again is given at a time. */
#define PIECE_BYTES (64 * 1024)
/* Frames of data wait for the stream in pieces of at most this much. */
#define GATHER_BYTES (64 * 1024)

static struct h2_stream *stream_of(struct channel *ch)
{
    return (struct h2_stream *)(void *)ch;
}

struct h2_stream *h2_stream_new(struct h2_session *s, int32_t id, struct arena *arena)
{
    struct h2_stream *st = NEW(struct h2_stream);
    st->channel.ops = &h2_stream_ops;
    st->session = s;
    st->id = id;
    st->is_open = true;
    st->failure = WHY_NONE;
    st->reading = true;
    arena_init(&st->own_arena, ARENA_BLOCK);
    st->arena = arena != NULL ? arena : &st->own_arena;
    buf_init(&st->in_buf, s->limits.window);
    buf_init(&st->out_buf, H2_STREAM_OUT_MAX);
    deadline_init(&st->stall, NULL, NULL);
    if (id > 0) {
        (void)nghttp2_session_set_stream_user_data(s->ng, id, st);
    }
    list_push_back(&s->streams, &st->node);
    s->stream_count++;
    return st;
}

/* Bytes that nobody will read: the connection's window must not shrink by them, and the stream's
 * does not until a client that sends on behind an early answer has had its share. */
static void discard(struct h2_stream *st, size_t n)
{
    nghttp2_session *ng = st->session->ng;
    if (st->is_open && !st->is_reset && st->discarded < H2_DISCARD_MAX) {
        st->discarded += n;
        (void)nghttp2_session_consume(ng, st->id, n);
    } else {
        (void)nghttp2_session_consume_connection(ng, n);
    }
}

static void drop_in(struct h2_stream *st)
{
    size_t n = buf_len(&st->in_buf);
    if (n > 0 && st->session->state != H2_SESSION_CLOSED) {
        discard(st, n);
    }
    buf_fini(&st->in_buf);
}

static void drop_out(struct h2_stream *st)
{
    st->session->held -= buf_len(&st->out_buf);
    buf_fini(&st->out_buf);
    deadline_clear(&st->stall);
}

void h2_stream_free(struct h2_stream *st)
{
    list_remove(&st->node);
    deadline_clear(&st->stall);
    buf_fini(&st->in_buf);
    buf_fini(&st->out_buf);
    arena_fini(&st->own_arena);
    free(st);
}

const struct channel_events *h2_stream_let_go(struct h2_stream *st)
{
    const struct channel_events *events = st->channel.events;
    st->channel.events = NULL;
    if (st->use != NULL) {
        st->use->channel = NULL;
        st->use = NULL;
        st->session->role->on_let_go(st);
    }
    return events;
}

static void send_reset(struct h2_stream *st, uint32_t code)
{
    bool is_whole = st->in_ended && st->out == H2_OUT_DONE; /* closed already, or about to be */
    if (st->is_open && !st->is_reset && !is_whole && st->session->state == H2_SESSION_OPEN) {
        (void)nghttp2_submit_rst_stream(st->session->ng, NGHTTP2_FLAG_NONE, st->id, code);
        h2_session_note_reset(st->session, st->id);
    }
    st->is_reset = true;
    st->is_open = st->is_open && st->id != 0; /* 0: never sent, nothing will close it */
    h2_session_wake(st->session);
}

void h2_stream_abort(struct h2_stream *st, enum why why, uint32_t code)
{
    const struct h2_role *role = st->session->role;
    enum why of = role->why_of == NULL ? why : role->why_of(st, why);
    send_reset(st, code);
    drop_in(st);
    drop_out(st);
    const struct channel_events *events = h2_stream_let_go(st);
    if (events != NULL) {
        events->on_abort(st->channel.arg, of);
    }
}

void h2_stream_malformed(struct h2_stream *st, enum why why)
{
    h2_stream_abort(st, why, NGHTTP2_PROTOCOL_ERROR);
    h2_session_spend(st->session, H2_GUARD_FAULT);
}

void h2_stream_on_closed(struct h2_stream *st, uint32_t code)
{
    bool is_server = st->session->role->is_server;
    if (!is_server && st->in_ended && code == NGHTTP2_NO_ERROR && !st->is_tunnel) {
        st->out = H2_OUT_DONE; /* RFC 9113 section 8.1: the rest of the request is not wanted */
    }
    bool is_whole = st->in_ended && st->out == H2_OUT_DONE;
    st->is_open = false;
    drop_out(st);
    if (is_whole) {
        h2_guard_served(&st->session->guard);
    } else {
        enum why why = st->session->role->reset_why(st, code);
        const struct channel_events *events = h2_stream_let_go(st);
        st->is_reset = true;
        if (events != NULL) {
            events->on_abort(st->channel.arg, why);
        }
    }
    h2_session_wake(st->session);
}

/* ---- coming in ---- */

/* The whole answer is out: what still comes of the request is nobody's. */
static bool is_answered(const struct h2_stream *st)
{
    return st->session->role->is_server && st->out == H2_OUT_DONE && !st->is_tunnel;
}

static bool may_deliver(const struct h2_stream *st)
{
    return st->channel.events != NULL && st->reading && !st->is_held && !st->is_reset &&
           !is_answered(st);
}

static void deliver(struct h2_stream *st, struct str data)
{
    (void)nghttp2_session_consume(st->session->ng, st->id, data.len);
    st->channel.events->on_data(st->channel.arg, data);
}

static void tell_end(struct h2_stream *st)
{
    if (!st->in_ended || st->in_told || buf_len(&st->in_buf) > 0 || !may_deliver(st)) {
        return;
    }
    st->in_told = true;
    if (st->in_trailers != NULL && st->channel.events->on_trailers != NULL) {
        st->channel.events->on_trailers(st->channel.arg, st->in_trailers);
    }
    if (st->channel.events != NULL) {
        st->channel.events->on_end(st->channel.arg);
    }
}

void h2_stream_on_data(struct h2_stream *st, struct str data)
{
    struct h2_session *s = st->session;
    if (st->is_reset) {
        (void)nghttp2_session_consume_connection(s->ng, data.len);
        return;
    }
    if (is_answered(st)) {
        discard(st, data.len);
        return;
    }
    if (st->awaits_head || (st->has_length && data.len > st->in_left)) {
        (void)nghttp2_session_consume_connection(s->ng, data.len);
        h2_stream_malformed(st, WHY_BAD_FRAMING);
        return;
    }
    st->in_left -= st->has_length ? data.len : 0;
    if (st->channel.events == NULL) {
        discard(st, data.len);
    } else if (may_deliver(st) && buf_len(&st->in_buf) == 0) {
        deliver(st, data);
    } else if (buf_append_str(&st->in_buf, data) != OK) {
        /* More than the window: nghttp2 hands it over before it resets the stream for it. */
        (void)nghttp2_session_consume_connection(s->ng, data.len);
        h2_stream_abort(st, WHY_H2_PROTOCOL, NGHTTP2_FLOW_CONTROL_ERROR);
    }
}

void h2_stream_on_ended(struct h2_stream *st)
{
    if (st->is_reset) {
        return;
    }
    st->in_ended = true;
    if (is_answered(st)) {
        st->in_told = true;
        return;
    }
    if (st->awaits_head || (st->has_length && st->in_left > 0)) {
        h2_stream_malformed(st, WHY_BAD_FRAMING);
        return;
    }
    tell_end(st);
}

/* What was kept while the owner did not read. */
static void deliver_kept(struct h2_stream *st)
{
    if (st->channel.events == NULL) {
        drop_in(st);
    }
    while (buf_len(&st->in_buf) > 0 && may_deliver(st)) {
        struct buf bytes = st->in_buf; /* moved out: a callback may end the stream */
        size_t n = buf_len(&bytes) < PIECE_BYTES ? buf_len(&bytes) : PIECE_BYTES;
        buf_init(&st->in_buf, bytes.limit);
        deliver(st, str_sub(buf_str(&bytes), 0, n));
        buf_consume(&bytes, n);
        if (st->is_reset || st->channel.events == NULL) {
            (void)nghttp2_session_consume_connection(st->session->ng, buf_len(&bytes));
            buf_fini(&bytes);
        }
        st->in_buf = bytes;
        buf_release(&st->in_buf);
    }
    tell_end(st);
}

static void tell_writable(struct h2_stream *st)
{
    if (st->stuffed && st->channel.ops->unsent(&st->channel) <= CHANNEL_LOW) {
        st->stuffed = false;
        if (st->channel.events != NULL) {
            st->channel.events->on_writable(st->channel.arg);
        }
    }
}

void h2_stream_settle(struct h2_stream *st)
{
    struct h2_session *s = st->session;
    if (st->failure != WHY_NONE) {
        enum why why = st->failure;
        st->failure = WHY_NONE;
        h2_stream_abort(st, why, s->role->reset_code(st, why));
    }
    deliver_kept(st);
    tell_writable(st);
    bool is_told = st->in_told && (st->out_told || !s->role->is_server);
    bool is_over = st->channel.events == NULL || (is_told && st->out == H2_OUT_DONE);
    if (!st->is_open && is_over && s->state != H2_SESSION_CLOSED) {
        (void)h2_stream_let_go(st);
        list_remove(&st->node);
        list_push_back(&s->dead, &st->node);
        s->stream_count--;
    }
}

/* ---- going out ---- */

static void on_stall(void *arg)
{
    h2_stream_abort(arg, WHY_SEND_TIMEOUT, NGHTTP2_CANCEL);
}

/* The clock for the bytes that wait: it starts anew with every piece that goes. */
static void watch_stall(struct h2_stream *st)
{
    deadline_clear(&st->stall);
    if (buf_len(&st->out_buf) > 0 && st->session->timing.stall != NULL) {
        deadline_init(&st->stall, on_stall, st);
        deadline_set(&st->stall, st->session->timing.stall);
    }
}

static void resume(struct h2_stream *st)
{
    if (st->deferred && st->is_open && !st->is_reset) {
        st->deferred = false;
        (void)nghttp2_session_resume_data(st->session->ng, st->id);
    }
    h2_session_wake(st->session);
}

void h2_stream_end_out(struct h2_stream *st)
{
    st->out = H2_OUT_ENDED;
    resume(st);
}

/* NOLINTNEXTLINE(readability-function-size): nghttp2's signature */
static ssize_t on_read_data(nghttp2_session *ng, int32_t id, uint8_t *dst, size_t len,
                            uint32_t *flags, nghttp2_data_source *source, void *user_data)
{
    struct h2_stream *st = source->ptr;
    size_t n = buf_len(&st->out_buf);
    (void)dst;
    (void)user_data;
    if (st->is_reset || (n == 0 && st->out != H2_OUT_ENDED)) {
        st->deferred = true;
        return NGHTTP2_ERR_DEFERRED;
    }
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (n <= len && st->out == H2_OUT_ENDED) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
        if (st->out_trailers.count > 0) {
            *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
            (void)nghttp2_submit_trailer(ng, id, st->out_trailers.list, st->out_trailers.count);
        }
    }
    return (ssize_t)(n < len ? n : len);
}

int h2_stream_put_data(struct h2_stream *st, const uint8_t *head, size_t len)
{
    struct h2_session *s = st->session;
    if (buf_len(&s->out) >= GATHER_BYTES) {
        return NGHTTP2_ERR_WOULDBLOCK;
    }
    if (buf_len(&st->out_buf) < len) {
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE; /* dropped since the frame was made */
    }
    if (buf_append(&s->out, head, H2_FRAME_HEAD) != OK ||
        buf_append(&s->out, buf_ptr(&st->out_buf), len) != OK) {
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    }
    buf_consume(&st->out_buf, len);
    buf_release(&st->out_buf);
    s->held -= len;
    watch_stall(st);
    h2_guard_earn(&s->guard, len);
    return 0;
}

nghttp2_data_provider h2_stream_provider(struct h2_stream *st)
{
    return (nghttp2_data_provider){.source.ptr = st, .read_callback = on_read_data};
}

bool h2_stream_frame_body(struct h2_stream *st, struct body body, bool has_body)
{
    bool comes = has_body && body.kind != BODY_NONE;
    st->out_kind = comes ? body.kind : BODY_NONE;
    st->out_left = body.length;
    st->out = comes ? H2_OUT_BODY : H2_OUT_ENDED;
    return comes;
}

/* RFC 9113 section 8.1: the rest of the request is not wanted. */
static void on_grace_over(void *arg)
{
    send_reset(arg, NGHTTP2_NO_ERROR);
}

/*
 * The client is still sending. Clients there are that take RST_STREAM for a failure of the request
 * when it arrives together with the answer (curl before 8.0): they get some time to read the answer
 * and to stop by themselves, or to end the request if it is short.
 */
static void wait_for_rest(struct h2_stream *st)
{
    struct deadline_class *grace = st->session->timing.grace;
    if (grace == NULL) {
        on_grace_over(st);
        return;
    }
    drop_in(st);
    deadline_clear(&st->stall);
    deadline_init(&st->stall, on_grace_over, st);
    deadline_set(&st->stall, grace);
}

void h2_stream_out_done(struct h2_stream *st)
{
    st->out = H2_OUT_DONE;
    if (is_answered(st) && !st->in_ended && !st->is_reset) {
        wait_for_rest(st);
    }
    h2_session_wake(st->session);
}

/* ---- the channel ---- */

static bool can_send(const struct h2_stream *st)
{
    return st->is_open && !st->is_reset && st->failure == WHY_NONE &&
           st->session->state == H2_SESSION_OPEN;
}

static void fail_later(struct h2_stream *st, enum why why)
{
    st->failure = why;
    h2_session_wake(st->session);
}

static void send_head(struct channel *ch, struct message *m, struct body body, struct str upgrade)
{
    struct h2_stream *st = stream_of(ch);
    if (!can_send(st) || st->out != H2_OUT_HEAD) {
        return;
    }
    if (st->session->role->send_head(st, m, body, upgrade) != OK) {
        fail_later(st, WHY_INTERNAL);
        return;
    }
    h2_session_wake(st->session);
}

static void send_data(struct channel *ch, struct str data)
{
    struct h2_stream *st = stream_of(ch);
    if (!can_send(st) || st->out != H2_OUT_BODY || data.len == 0) {
        return;
    }
    if (st->out_kind == BODY_LENGTH) {
        if (!CHECK(data.len <= st->out_left)) {
            fail_later(st, WHY_INTERNAL);
            return;
        }
        st->out_left -= data.len;
    }
    if (buf_append_str(&st->out_buf, data) != OK) {
        fail_later(st, WHY_INTERNAL);
        return;
    }
    st->session->held += data.len;
    if (!deadline_is_set(&st->stall)) {
        watch_stall(st);
    }
    if (ch->ops->unsent(ch) > CHANNEL_HIGH) {
        st->stuffed = true;
    }
    resume(st);
}

static void send_trailers(struct channel *ch, struct message *m)
{
    struct h2_stream *st = stream_of(ch);
    if (can_send(st) && st->out == H2_OUT_BODY && !st->is_tunnel &&
        h2_nv_trailers(m, &st->out_trailers) != OK) {
        fail_later(st, WHY_INTERNAL);
    }
}

static void send_end(struct channel *ch)
{
    struct h2_stream *st = stream_of(ch);
    st->out_told = true;
    if (st->session->state != H2_SESSION_CLOSED) {
        h2_session_wake(st->session); /* a head without a body may have ended it before */
    }
    if (!can_send(st) || st->out != H2_OUT_BODY) {
        return;
    }
    if (st->out_kind == BODY_LENGTH && st->out_left > 0) {
        /* The promised length cannot be kept: the peer must see the cut. */
        fail_later(st, WHY_UPSTREAM_CUT);
        return;
    }
    h2_stream_end_out(st);
}

static void set_reading(struct channel *ch, bool on)
{
    struct h2_stream *st = stream_of(ch);
    st->reading = on;
    if (on && st->session->state != H2_SESSION_CLOSED) {
        h2_session_wake(st->session);
    }
}

static size_t unsent(const struct channel *ch)
{
    const struct h2_stream *st = (const struct h2_stream *)(const void *)ch;
    size_t n = buf_len(&st->out_buf);
    bool is_crowded = st->session->held > H2_HELD_HIGH && n > H2_STREAM_SHARE;
    return is_crowded ? n + CHANNEL_HIGH : n;
}

static void reset(struct channel *ch, enum why why)
{
    struct h2_stream *st = stream_of(ch);
    uint32_t code = st->session->role->reset_code(st, why);
    (void)h2_stream_let_go(st);
    if (st->session->state != H2_SESSION_CLOSED) {
        send_reset(st, code);
        drop_in(st);
        drop_out(st);
    }
}

static enum why check_head(struct channel *ch, const struct message *m, struct body body)
{
    struct h2_stream *st = stream_of(ch);
    return st->session->role->check_head == NULL ? WHY_OK
                                                 : st->session->role->check_head(st, m, body);
}

const struct channel_ops h2_stream_ops = {
    .name = "h2",
    .check_head = check_head,
    .send_head = send_head,
    .send_data = send_data,
    .send_trailers = send_trailers,
    .send_end = send_end,
    .read = set_reading,
    .unsent = unsent,
    .reset = reset,
};
