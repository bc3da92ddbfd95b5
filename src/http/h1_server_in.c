/* SPDX-License-Identifier: MIT */
/* Requests in: bytes become heads and bodies. */
#include "http/h1_server.h"

#include "h1_server_impl.h"
#include "http/framing.h"
#include "http/trailer.h"
#include "net/gulp.h"

/* Most empty lines and heads handled before others get their turn. */
#define READS_A_TURN 2

static void begin_exchange(struct h1_server *s, enum why bad)
{
    struct body body = s->in_body;
    s->state = H1_SERVER_EXCHANGE;
    s->out = H1_HALF_HEAD;
    s->in = body.kind == BODY_NONE || bad != WHY_OK ? H1_HALF_DONE : H1_HALF_BODY;
    s->in_left = body.length;
    s->reading = true;
    s->stalled = false;
    s->broken = bad != WHY_OK;
    s->channel.events = NULL;
    if (body.kind == BODY_CHUNKED) {
        h1_chunk_init(&s->chunk, &s->arena);
    }
    s->keeps_alive = bad == WHY_OK && framing_keeps_alive(&s->request);
    s->trailers = bad == WHY_OK && s->request.version == HTTP_1_1 &&
                  message_lists(&s->request, FIELD_TE, STR("trailers"));
    s->events->on_request(s->arg, &s->channel, &s->request, body, bad);
}

void h1_server_refuse(struct h1_server *s, enum why why)
{
    if (s->request.arena == NULL || s->state == H1_SERVER_HEAD) {
        /* Nothing parsed: an empty message, so that readers find no field. */
        message_init(&s->request, &s->arena);
        s->request.version = HTTP_1_1;
    }
    s->in_body = (struct body){BODY_NONE, 0};
    /* What else came belongs to a message whose end nobody knows. */
    buf_clear(&s->in_buf);
    begin_exchange(s, why);
    if (!h1_server_is_closed(s)) {
        h1_server_arm(s);
    }
}

/* A whole head: copied into the arena, parsed, its body decided. */
static void take_head(struct h1_server *s, struct str head)
{
    enum why why = WHY_BAD_REQUEST_LINE;
    struct str kept = arena_dup(&s->arena, head);
    message_init(&s->request, &s->arena);
    int err = h1_parse_request(kept, &s->limits, &s->request, &why);
    if (err == OK) {
        err = framing_request(&s->request, &s->in_body, &why);
    }
    if (err != OK) {
        s->in_body = (struct body){BODY_NONE, 0};
        begin_exchange(s, why);
        return;
    }
    begin_exchange(s, WHY_OK);
}

/* Returns how many bytes of `data` were handled; 0 when more are needed. */
static size_t handle_head(struct h1_server *s, struct str data)
{
    size_t skip = 0;
    if (s->scan == 0 && (h1_skip_empty(data, &skip) != OK || skip > 0)) {
        return skip; /* however many empty lines come, and however they are cut */
    }
    if (s->state == H1_SERVER_IDLE) {
        s->state = H1_SERVER_HEAD;
        s->events->on_begin(s->arg);
        if (h1_server_is_closed(s)) {
            return 0;
        }
    }
    size_t len = 0;
    int err = h1_find_head(data, s->limits.head_bytes, &s->scan, &len);
    if (err == ERR_AGAIN) {
        return 0;
    }
    if (err != OK) {
        h1_server_refuse(s, err == ERR_LIMIT ? h1_limit_why(str_sub(data, 0, s->limits.head_bytes))
                                             : WHY_BAD_FIELD);
        return data.len;
    }
    s->scan = 0;
    take_head(s, str_sub(data, 0, len));
    return len;
}

static void body_ended(struct h1_server *s)
{
    s->in = H1_HALF_DONE;
    if (s->channel.events != NULL) {
        s->channel.events->on_end(s->channel.arg);
    }
}

/* To the owner, if there still is one: after an early answer the rest of the body is nobody's. */
static void deliver(struct h1_server *s, struct str data)
{
    if (data.len > 0 && s->channel.events != NULL) {
        s->channel.events->on_data(s->channel.arg, data);
    }
}

static size_t handle_length(struct h1_server *s, struct str data)
{
    size_t n = data.len < s->in_left ? data.len : (size_t)s->in_left;
    s->in_left -= n;
    deliver(s, str_sub(data, 0, n));
    if (s->state == H1_SERVER_EXCHANGE && s->in_left == 0) {
        body_ended(s);
    }
    return n;
}

/* What follows belongs to nobody knows which message; an answer may still go out. */
static void body_broke(struct h1_server *s, enum why why)
{
    s->in = H1_HALF_DONE;
    s->keeps_alive = false;
    s->broken = true;
    if (s->channel.events == NULL) {
        return; /* answered early: that answer still goes out */
    }
    if (s->out == H1_HALF_HEAD) {
        s->channel.events->on_bad(s->channel.arg, why);
    } else {
        h1_server_end(s, why);
    }
}

/* The trailer section is checked whoever wants it. */
static int take_trailers(struct h1_server *s)
{
    struct str lines = h1_chunk_trailers(&s->chunk);
    if (lines.len == 0) {
        return OK;
    }
    struct message *m = (struct message *)arena_alloc(&s->arena, sizeof(*m));
    message_init(m, &s->arena);
    int err = h1_parse_trailers(lines, s->limits.fields, m);
    if (err != OK) {
        return err;
    }
    trailer_filter(m);
    const struct channel_events *events = s->channel.events;
    if (m->field_count > 0 && events != NULL && events->on_trailers != NULL) {
        events->on_trailers(s->channel.arg, m);
    }
    return OK;
}

static size_t handle_chunked(struct h1_server *s, struct str data)
{
    size_t used = 0;
    struct str piece = {0};
    int err = h1_chunk_decode(&s->chunk, data, &used, &piece);
    deliver(s, piece);
    if (s->state != H1_SERVER_EXCHANGE) {
        return used;
    }
    if (err == ERR_EOF && take_trailers(s) == OK) {
        if (s->state == H1_SERVER_EXCHANGE) {
            body_ended(s);
        }
    } else if (err != OK && err != ERR_AGAIN) {
        body_broke(s, WHY_BAD_CHUNK);
        return data.len;
    }
    return used;
}

static size_t handle_body(struct h1_server *s, struct str data)
{
    switch (s->in_body.kind) {
    case BODY_LENGTH: return handle_length(s, data);
    case BODY_CHUNKED: return handle_chunked(s, data);
    case BODY_TUNNEL: deliver(s, data); return data.len;
    case BODY_NONE:
    case BODY_UNTIL_CLOSE: break;
    }
    return 0;
}

/* One step over the bytes at hand; 0 means wait. */
static size_t handle(struct h1_server *s, struct str data)
{
    switch (s->state) {
    case H1_SERVER_IDLE:
    case H1_SERVER_HEAD: return handle_head(s, data);
    case H1_SERVER_EXCHANGE:
        if (s->broken) {
            return data.len;
        }
        return s->in == H1_HALF_BODY && s->reading ? handle_body(s, data) : 0;
    case H1_SERVER_LINGER: return data.len;
    case H1_SERVER_STOPPED:
    case H1_SERVER_CLOSED: break;
    }
    return 0;
}

static size_t handle_all(struct h1_server *s, struct str data)
{
    size_t used = 0;
    while (used < data.len && !h1_server_is_closed(s)) {
        size_t n = handle(s, str_from(data, used));
        if (n == 0) {
            break;
        }
        used += n;
    }
    return used;
}

void h1_server_resume(struct h1_server *s)
{
    /* The bytes are moved out first: a callback may change in_buf (a refusal clears it). */
    struct buf bytes = s->in_buf;
    buf_init(&s->in_buf, bytes.limit);
    size_t used = handle_all(s, buf_str(&bytes));
    if (h1_server_is_closed(s)) {
        buf_fini(&bytes);
        return;
    }
    buf_consume(&bytes, used);
    bytes.limit = s->in_buf.limit > bytes.cap ? s->in_buf.limit : bytes.cap; /* maybe new limits */
    s->in_buf = bytes;
    buf_release(&s->in_buf);
    h1_server_arm(s);
}

static void on_input_end(struct h1_server *s, int err)
{
    enum why why = err == ERR_EOF ? WHY_CLIENT_CLOSED : WHY_CLIENT_RESET;
    if (err == ERR_TLS) {
        why = WHY_TLS_ERROR;
    }
    if (s->state == H1_SERVER_EXCHANGE) {
        if (err == ERR_EOF && s->in_body.kind == BODY_TUNNEL && s->in == H1_HALF_BODY) {
            body_ended(s); /* half a tunnel: the other half may go on */
            h1_server_settle(s);
            return;
        }
        /* All of the answer is on its way already: no abort, the client just does not want more. */
        why = s->out == H1_HALF_DONE ? why : WHY_CLIENT_ABORT;
    } else if (s->state == H1_SERVER_LINGER) {
        why = s->draining ? WHY_DRAINED : WHY_NOT_KEPT_ALIVE;
    }
    h1_server_end(s, why);
}

/* After a piece of `n` bytes: how much of a body of known length is worth the next wake-up. */
static void wait_for_more(struct h1_server *s, size_t n)
{
    bool is_body =
        s->state == H1_SERVER_EXCHANGE && s->in == H1_HALF_BODY && s->in_body.kind == BODY_LENGTH;

    if (!is_body) {
        gulp_end(&s->gulp);
    } else if (s->scratch->gulps != NULL) {
        size_t here = buf_len(&s->in_buf);
        gulp_took(&s->gulp, s->stream, s->scratch->gulps, n,
                  s->in_left > here ? s->in_left - here : 0);
    }
}

/* Bytes from the stream, behind those that wait. What cannot be handled now is kept. */
static void take(struct h1_server *s, struct str bytes)
{
    if (buf_len(&s->in_buf) > 0) {
        if (buf_append_str(&s->in_buf, bytes) != OK) {
            h1_server_end(s, WHY_INTERNAL);
            return;
        }
        h1_server_resume(s);
        return;
    }
    size_t used = handle_all(s, bytes);
    if (h1_server_is_closed(s)) {
        return;
    }
    if (used < bytes.len && buf_append_str(&s->in_buf, str_from(bytes, used)) != OK) {
        h1_server_end(s, WHY_INTERNAL);
        return;
    }
    h1_server_arm(s);
}

void h1_server_on_readable(struct h1_server *s)
{
    if (buf_len(&s->in_buf) > 0 && s->state == H1_SERVER_EXCHANGE) {
        h1_server_resume(s); /* what came first, before an end that may be next */
    }
    if (h1_server_is_closed(s)) {
        return;
    }
    for (int i = 0; i < READS_A_TURN && (s->stream->want & STREAM_READABLE); i++) {
        size_t n = 0;
        int err = stream_read(s->stream, s->scratch->bytes, s->scratch->len, &n);
        if (err == ERR_AGAIN) {
            return;
        }
        if (err != OK) {
            on_input_end(s, err);
            return;
        }
        take(s, str_n(s->scratch->bytes, n));
        if (h1_server_is_closed(s)) {
            return;
        }
        wait_for_more(s, n);
        if (n < s->scratch->len) {
            return; /* a short read means drained */
        }
    }
}
