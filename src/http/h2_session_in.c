/* SPDX-License-Identifier: MIT */
/* What comes in: bytes become frames, and nghttp2 reports them. */
#include "h2_session_impl.h"

/* Most reads before others get their turn. */
#define READS_A_TURN 4
/* A header block that decodes to more than this many times the limit ends the connection: up to
 * there the stream is answered 431. */
#define BLOCK_FACTOR 4
#define BLOCK_MIN    (64 * 1024)

static struct h2_session *session_of(void *user_data)
{
    return user_data;
}

static struct h2_stream *stream_of(struct h2_session *s, int32_t id)
{
    return id == 0 ? NULL : nghttp2_session_get_stream_user_data(s->ng, id);
}

/* What a callback returns: nghttp2 stops reading where the session has ended meanwhile. */
static int go_on(const struct h2_session *s)
{
    return s->state == H2_SESSION_OPEN ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
}

/*
 * What nghttp2 1.52 lets pass. RFC 9113 section 4.2: no frame is larger than we allow (it does not
 * look at CONTINUATION). Section 6.3: PRIORITY is a stream's. Sections 5.1 and 5.1.1: HEADERS for a
 * stream that has closed, or that was never opened and lies below one that was (it ignores them in
 * silence).
 */
static uint32_t check_frame(const struct h2_session *s, const nghttp2_frame_hd *hd)
{
    if (hd->length > s->limits.frame) {
        return NGHTTP2_FRAME_SIZE_ERROR;
    }
    if (hd->type == NGHTTP2_PRIORITY && hd->stream_id == 0) {
        return NGHTTP2_PROTOCOL_ERROR;
    }
    bool is_past = s->role->is_server && hd->type == NGHTTP2_HEADERS && hd->stream_id % 2 == 1 &&
                   hd->stream_id <= s->last_id;
    if (is_past && nghttp2_session_find_stream(s->ng, hd->stream_id) == NULL &&
        !h2_session_was_reset(s, hd->stream_id)) {
        return NGHTTP2_STREAM_CLOSED;
    }
    return NGHTTP2_NO_ERROR;
}

static int on_begin_frame(nghttp2_session *ng, const nghttp2_frame_hd *hd, void *user_data)
{
    struct h2_session *s = session_of(user_data);
    uint32_t code = check_frame(s, hd);
    (void)ng;
    if (code != NGHTTP2_NO_ERROR) {
        h2_session_fail(s, WHY_H2_PROTOCOL, code);
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    }
    h2_session_charge(s, hd);
    return go_on(s);
}

/* ---- heads ---- */

static void begin_block(struct h2_session *s, struct h2_stream *st, enum h2_head_kind kind)
{
    struct message *m = &st->message;
    if (kind == H2_HEAD_TRAILERS) {
        m = (struct message *)arena_alloc(st->arena, sizeof(*m));
    } else {
        st->in_trailers = NULL;
    }
    message_init(m, st->arena);
    h2_head_init(&s->head, kind, m, &s->limits.head);
    s->into = st;
    if (s->timing.header != NULL && !deadline_is_set(&s->block_deadline)) {
        deadline_set(&s->block_deadline, s->timing.header);
    }
}

/* A response is followed by trailers, an interim one (1xx) by another response. */
static enum h2_head_kind next_kind(const struct h2_session *s, const struct h2_stream *st)
{
    bool is_response = !s->role->is_server && (st->message.status < 200);
    return is_response ? H2_HEAD_RESPONSE : H2_HEAD_TRAILERS;
}

static int on_begin_headers(nghttp2_session *ng, const nghttp2_frame *frame, void *user_data)
{
    struct h2_session *s = session_of(user_data);
    int32_t id = frame->hd.stream_id;
    s->into = NULL;
    if (frame->hd.type != NGHTTP2_HEADERS) {
        return 0;
    }
    if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
        s->last_id = id > s->last_id ? id : s->last_id;
        struct h2_stream *st = s->role->on_open(s, id);
        if (st == NULL) {
            (void)nghttp2_submit_rst_stream(ng, NGHTTP2_FLAG_NONE, id, NGHTTP2_REFUSED_STREAM);
            return s->state == H2_SESSION_OPEN ? NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE
                                               : NGHTTP2_ERR_CALLBACK_FAILURE;
        }
        begin_block(s, st, H2_HEAD_REQUEST);
        return 0;
    }
    struct h2_stream *st = stream_of(s, id);
    if (st != NULL && !st->is_reset) {
        begin_block(s, st, next_kind(s, st));
    }
    return 0;
}

/* NOLINTNEXTLINE(readability-function-size): nghttp2's signature */
static int on_header(nghttp2_session *ng, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
                     void *user_data)
{
    struct h2_session *s = session_of(user_data);
    (void)ng;
    (void)frame;
    (void)flags;
    if (s->into == NULL) {
        return 0;
    }
    h2_head_add(&s->head, str_n((const char *)name, name_len),
                str_n((const char *)value, value_len));
    if (s->head.bytes > BLOCK_MIN + BLOCK_FACTOR * s->limits.head.head_bytes) {
        h2_session_fail(s, WHY_H2_HEADER_BOMB, NGHTTP2_ENHANCE_YOUR_CALM);
    }
    return go_on(s);
}

static void end_block(struct h2_session *s, bool ended)
{
    struct h2_stream *st = s->into;
    s->into = NULL;
    deadline_clear(&s->block_deadline);
    if (st == NULL || st->is_reset) {
        return;
    }
    int err = h2_head_end(&s->head);
    if (s->head.kind != H2_HEAD_TRAILERS) {
        s->role->on_head(st, &s->head, err, ended);
        return;
    }
    if (err != OK || !ended) { /* RFC 9113 section 8.1: trailers end the stream */
        enum why why = err == ERR_PROTOCOL ? s->head.malformed : WHY_BAD_FIELD;
        h2_stream_malformed(st, err == ERR_LIMIT ? s->head.too_large : why);
        return;
    }
    st->in_trailers = s->head.m;
}

/* ---- frames ---- */

static void on_headers_frame(struct h2_session *s, const nghttp2_frame *frame)
{
    struct h2_stream *st = s->into;
    bool ended = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    end_block(s, ended);
    if (ended && st != NULL && s->state == H2_SESSION_OPEN) {
        h2_stream_on_ended(st);
    }
}

static void on_data_frame(struct h2_session *s, const nghttp2_frame *frame)
{
    struct h2_stream *st = stream_of(s, frame->hd.stream_id);
    bool ended = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    bool is_empty = frame->hd.length == frame->data.padlen;
    if (is_empty && !ended) {
        h2_session_spend(s, H2_GUARD_EMPTY);
    }
    if (st != NULL && ended) {
        h2_stream_on_ended(st);
    }
}

static int on_frame_recv(nghttp2_session *ng, const nghttp2_frame *frame, void *user_data)
{
    struct h2_session *s = session_of(user_data);
    (void)ng;
    switch (frame->hd.type) {
    case NGHTTP2_HEADERS: on_headers_frame(s, frame); break;
    case NGHTTP2_DATA: on_data_frame(s, frame); break;
    case NGHTTP2_SETTINGS:
        s->window_changed |= (frame->hd.flags & NGHTTP2_FLAG_ACK) == 0;
        if ((frame->hd.flags & NGHTTP2_FLAG_ACK) == 0 && s->role->on_settings != NULL) {
            s->role->on_settings(s);
        }
        break;
    case NGHTTP2_PING:
        if ((frame->hd.flags & NGHTTP2_FLAG_ACK) != 0) {
            h2_session_part_final(s);
        }
        break;
    default: break;
    }
    return go_on(s);
}

static int on_invalid_frame(nghttp2_session *ng, const nghttp2_frame *frame, int error,
                            void *user_data)
{
    struct h2_session *s = session_of(user_data);
    (void)ng;
    (void)error;
    if (frame->hd.type == NGHTTP2_HEADERS) {
        s->into = NULL;
        deadline_clear(&s->block_deadline);
    }
    return go_on(s);
}

static int on_data_chunk(nghttp2_session *ng, uint8_t flags, int32_t id, const uint8_t *data,
                         size_t len, void *user_data)
{
    struct h2_session *s = session_of(user_data);
    struct h2_stream *st = stream_of(s, id);
    (void)flags;
    if (st != NULL) {
        h2_stream_on_data(st, str_n((const char *)data, len));
    } else {
        (void)nghttp2_session_consume_connection(ng, len);
    }
    return go_on(s);
}

static int on_stream_close(nghttp2_session *ng, int32_t id, uint32_t code, void *user_data)
{
    struct h2_session *s = session_of(user_data);
    struct h2_stream *st = stream_of(s, id);
    (void)ng;
    if (st == NULL) {
        return 0;
    }
    if (s->into == st) {
        s->into = NULL;
        deadline_clear(&s->block_deadline);
    }
    h2_stream_on_closed(st, code);
    return 0;
}

static int on_unknown_bytes(nghttp2_session *ng, const nghttp2_frame_hd *hd, const uint8_t *bytes,
                            size_t len, void *user_data)
{
    (void)ng;
    (void)hd;
    (void)bytes;
    (void)len;
    return go_on(session_of(user_data));
}

static int on_unknown_frame(nghttp2_session *ng, void **out_payload, const nghttp2_frame_hd *hd,
                            void *user_data)
{
    (void)ng;
    (void)out_payload;
    (void)hd;
    (void)user_data;
    return NGHTTP2_ERR_CANCEL; /* ignored */
}

/* ---- what we have sent ---- */

/* nghttp2 found an error of the peer's by itself: in a stream, or in the connection. */
static void after_error_sent(struct h2_session *s, const nghttp2_frame *frame)
{
    if (frame->hd.type == NGHTTP2_GOAWAY) {
        if (frame->goaway.error_code != NGHTTP2_NO_ERROR && s->state == H2_SESSION_OPEN) {
            s->state = H2_SESSION_ENDING;
            s->failure = WHY_H2_PROTOCOL;
            h2_session_wake(s);
        }
        return;
    }
    struct h2_stream *st = stream_of(s, frame->hd.stream_id);
    uint32_t code = frame->rst_stream.error_code;
    if (st != NULL && st->is_reset) {
        return; /* by us */
    }
    h2_session_note_reset(s, frame->hd.stream_id);
    if (st != NULL) {
        st->is_fault = true;
    }
    if (code == NGHTTP2_FLOW_CONTROL_ERROR && s->window_changed) {
        /* RFC 9113 section 6.9.2: SETTINGS that lift a window too high are the connection's error
         * (nghttp2 1.52 resets the stream only). */
        h2_session_fail(s, WHY_H2_PROTOCOL, NGHTTP2_FLOW_CONTROL_ERROR);
        return;
    }
    bool is_refusal = code == NGHTTP2_REFUSED_STREAM; /* by nghttp2 or us */
    h2_session_spend(s, is_refusal ? H2_GUARD_REFUSED : H2_GUARD_FAULT);
}

static int on_frame_send(nghttp2_session *ng, const nghttp2_frame *frame, void *user_data)
{
    struct h2_session *s = session_of(user_data);
    (void)ng;
    switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
    case NGHTTP2_DATA:
        if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
            struct h2_stream *st = stream_of(s, frame->hd.stream_id);
            if (st != NULL) {
                h2_stream_out_done(st);
            }
        }
        break;
    case NGHTTP2_RST_STREAM:
    case NGHTTP2_GOAWAY: after_error_sent(s, frame); break;
    default: break;
    }
    return 0;
}

/* A request of ours that never became a stream: it was reset before, or a GOAWAY came first. */
static void on_request_not_sent(struct h2_session *s, int32_t id)
{
    LIST_EACH (&s->streams, it, tmp) {
        struct h2_stream *st = CONTAINER_OF(it, struct h2_stream, node);
        if (st->id == id) {
            h2_stream_on_closed(st, NGHTTP2_REFUSED_STREAM);
            return;
        }
    }
}

static int on_frame_not_send(nghttp2_session *ng, const nghttp2_frame *frame, int error,
                             void *user_data)
{
    struct h2_session *s = session_of(user_data);
    struct h2_stream *st = stream_of(s, frame->hd.stream_id);
    (void)ng;
    (void)error;
    if (frame->hd.type != NGHTTP2_HEADERS) {
        return 0;
    }
    if (!s->role->is_server && st == NULL) {
        on_request_not_sent(s, frame->hd.stream_id);
    } else if (st != NULL && !st->is_reset) {
        st->failure = WHY_INTERNAL;
        h2_session_wake(s);
    }
    return 0;
}

static int on_send_data(nghttp2_session *ng, nghttp2_frame *frame, const uint8_t *head, size_t len,
                        nghttp2_data_source *source, void *user_data)
{
    (void)ng;
    (void)frame; /* never padded */
    (void)user_data;
    return h2_stream_put_data(source->ptr, head, len);
}

nghttp2_session_callbacks *h2_session_callbacks(void)
{
    nghttp2_session_callbacks *c = NULL;
    REQUIRE(nghttp2_session_callbacks_new(&c) == 0);
    nghttp2_session_callbacks_set_on_begin_frame_callback(c, on_begin_frame);
    nghttp2_session_callbacks_set_on_begin_headers_callback(c, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(c, on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(c, on_frame_recv);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(c, on_invalid_frame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(c, on_data_chunk);
    nghttp2_session_callbacks_set_on_stream_close_callback(c, on_stream_close);
    nghttp2_session_callbacks_set_on_extension_chunk_recv_callback(c, on_unknown_bytes);
    nghttp2_session_callbacks_set_unpack_extension_callback(c, on_unknown_frame);
    nghttp2_session_callbacks_set_on_frame_send_callback(c, on_frame_send);
    nghttp2_session_callbacks_set_on_frame_not_send_callback(c, on_frame_not_send);
    nghttp2_session_callbacks_set_send_data_callback(c, on_send_data);
    return c;
}

/* ---- bytes ---- */

void h2_session_take(struct h2_session *s, struct str bytes)
{
    if (s->state != H2_SESSION_OPEN) {
        return;
    }
    ssize_t n = nghttp2_session_mem_recv(s->ng, (const uint8_t *)bytes.ptr, bytes.len);
    if (n < 0) {
        /* A callback's own end has set the state already. */
        bool is_flood = n == NGHTTP2_ERR_FLOODED;
        h2_session_fail(s, is_flood ? WHY_H2_CONTROL_FLOOD : WHY_H2_PROTOCOL,
                        is_flood ? NGHTTP2_ENHANCE_YOUR_CALM : NGHTTP2_PROTOCOL_ERROR);
    }
}

static void on_input_end(struct h2_session *s, int err)
{
    h2_session_end(s, s->failure != WHY_NONE ? s->failure : s->role->gone_why(s, err));
}

void h2_session_on_readable(struct h2_session *s)
{
    for (int i = 0; i < READS_A_TURN; i++) {
        size_t n = 0;
        int err = stream_read(s->stream, s->scratch->bytes, s->scratch->len, &n);
        if (err == ERR_AGAIN) {
            break;
        }
        if (err != OK) {
            on_input_end(s, err);
            return;
        }
        h2_session_take(s, str_n(s->scratch->bytes, n));
        if (s->state == H2_SESSION_CLOSED || n < s->scratch->len) {
            break; /* a short read means drained */
        }
    }
    if (s->state != H2_SESSION_CLOSED) {
        h2_session_wake(s);
    }
}
