/* SPDX-License-Identifier: MIT */
/* Responses in: bytes become heads, data and ends. */
#include "http/h1_client.h"

#include "h1_client_impl.h"
#include "http/framing.h"
#include "http/hop.h"
#include "http/trailer.h"

/* The response is complete; `rest` bytes came behind it, which nobody asked for: a connection that
 * sends such is not used again (RFC 9112 section 9.2). */
static void end_response(struct h1_client *c, size_t rest, enum h1_client_in in)
{
    const struct channel_events *events = h1_client_owner(c);
    void *arg = c->channel.arg;
    bool sent = c->out == H1_OUT_DONE && buf_len(&c->out_buf) == 0;
    c->in = in;
    if (c->keep && sent && rest == 0 && in == H1_IN_DONE) {
        c->arena = NULL;
        h1_client_set_state(c, H1_CLIENT_IDLE);
        buf_release(&c->out_buf);
        h1_client_let_go(c);
        c->base.events->on_room(c->base.arg);
        if (c->state == H1_CLIENT_IDLE) {
            events->on_end(arg);
        }
        return;
    }
    events->on_end(arg);
    /* settle() goes on from here once both sides have ended. */
}

/* The final head decides how the body is read. */
static void enter_body(struct h1_client *c, struct body body)
{
    switch (body.kind) {
    case BODY_NONE: break;
    case BODY_LENGTH:
        c->in = H1_IN_LENGTH;
        c->in_left = body.length;
        break;
    case BODY_CHUNKED:
        c->in = H1_IN_CHUNKED;
        h1_chunk_init(&c->chunk, c->arena);
        break;
    case BODY_UNTIL_CLOSE:
        c->in = H1_IN_CLOSE;
        c->keep = false;
        break;
    case BODY_TUNNEL:
        c->in = H1_IN_TUNNEL;
        c->out = H1_OUT_TUNNEL;
        c->keep = false;
        break;
    }
}

/* Protocols are switched after the request, never inside it (RFC 9110 section 7.8). */
static bool may_switch(const struct h1_client *c, const struct message *m)
{
    return c->out == H1_OUT_DONE && buf_len(&c->out_buf) == 0 && hop_switches(m, c->upgrade);
}

/* An interim response: bounded in number and, since they may be written faster than the client
 * reads, in bytes. */
static void take_interim(struct h1_client *c, struct message *m, size_t bytes)
{
    c->interim_bytes += bytes;
    if (++c->interim > H1_CLIENT_INTERIM_MAX) {
        h1_client_end(c, WHY_UPSTREAM_BAD_HEAD);
    } else if (c->interim_bytes > c->limits.head_bytes) {
        h1_client_end(c, WHY_UPSTREAM_HEADER_TOO_LARGE);
    } else {
        h1_client_owner(c)->on_head(c->channel.arg, m, (struct body){.kind = BODY_NONE});
    }
}

static void take_head(struct h1_client *c, struct str head, size_t rest)
{
    struct message *m = arena_alloc(c->arena, sizeof(*m));
    message_init(m, c->arena);
    enum why why = WHY_UPSTREAM_BAD_HEAD;
    if (h1_parse_response(arena_dup(c->arena, head), &c->limits, m, &why) != OK) {
        h1_client_end(c, why);
        return;
    }
    struct body body = {.kind = BODY_NONE};
    if (framing_response(m, c->method, !str_is_empty(c->upgrade), &body, &why) != OK) {
        h1_client_end(c, why);
        return;
    }
    if (body.kind == BODY_TUNNEL && !may_switch(c, m)) {
        h1_client_end(c, WHY_UPSTREAM_BAD_UPGRADE);
        return;
    }
    if (m->status < 200 && body.kind != BODY_TUNNEL) {
        take_interim(c, m, head.len);
        return;
    }
    c->keep = framing_keeps_alive(m);
    enter_body(c, body);
    h1_client_owner(c)->on_head(c->channel.arg, m, body);
    if (body.kind == BODY_NONE && h1_client_is_busy(c)) {
        end_response(c, rest, H1_IN_DONE);
    }
}

/* Returns the bytes used: all of the head, or 0 when more is needed. */
static size_t step_head(struct h1_client *c, struct str bytes)
{
    if (c->out == H1_OUT_HEAD) {
        /* An answer to a request not yet sent is an answer to somebody else's. */
        h1_client_end(c, WHY_UPSTREAM_BAD_HEAD);
        return 0;
    }
    size_t len = 0;
    int err = h1_find_head(bytes, c->limits.head_bytes, &c->scan, &len);
    if (err == ERR_AGAIN) {
        return 0;
    }
    if (err != OK) {
        h1_client_end(c, err == ERR_LIMIT ? WHY_UPSTREAM_HEADER_TOO_LARGE : WHY_UPSTREAM_BAD_HEAD);
        return 0;
    }
    c->scan = 0;
    take_head(c, str_n(bytes.ptr, len), bytes.len - len);
    return len;
}

static size_t step_length(struct h1_client *c, struct str bytes)
{
    size_t n = bytes.len < c->in_left ? bytes.len : (size_t)c->in_left;
    c->in_left -= n;
    bool last = c->in_left == 0;
    h1_client_owner(c)->on_data(c->channel.arg, str_n(bytes.ptr, n));
    /* Even when the owner has just stopped reading: an end takes no room. */
    if (last && h1_client_is_busy(c)) {
        end_response(c, bytes.len - n, H1_IN_DONE);
    }
    return n;
}

/* The trailer section is checked whoever wants it; a callback may end the exchange. */
static int take_trailers(struct h1_client *c)
{
    struct str lines = h1_chunk_trailers(&c->chunk);
    if (lines.len == 0) {
        return OK;
    }
    struct message *m = arena_alloc(c->arena, sizeof(*m));
    message_init(m, c->arena);
    int err = h1_parse_trailers(lines, c->limits.fields, m);
    if (err != OK) {
        return err;
    }
    trailer_filter(m);
    const struct channel_events *events = h1_client_owner(c);
    if (m->field_count > 0 && events->on_trailers != NULL) {
        events->on_trailers(c->channel.arg, m);
    }
    return OK;
}

static size_t step_chunked(struct h1_client *c, struct str bytes)
{
    size_t used = 0;
    struct str data = {"", 0};
    int err = h1_chunk_decode(&c->chunk, bytes, &used, &data);
    if (err == ERR_EOF && take_trailers(c) != OK) {
        err = ERR_SYNTAX;
    }
    if (err != OK && err != ERR_AGAIN && err != ERR_EOF) {
        h1_client_end(c, WHY_UPSTREAM_BAD_CHUNK);
        return used;
    }
    if (data.len > 0) {
        h1_client_owner(c)->on_data(c->channel.arg, data);
    }
    if (err == ERR_EOF && h1_client_is_busy(c)) {
        end_response(c, bytes.len - used, H1_IN_DONE);
    }
    return used;
}

static bool is_paused(const struct h1_client *c)
{
    return !c->reading && (c->in == H1_IN_LENGTH || c->in == H1_IN_CHUNKED ||
                           c->in == H1_IN_CLOSE || c->in == H1_IN_TUNNEL);
}

/* One step of the response; returns the bytes used, 0 when more are needed. */
static size_t step(struct h1_client *c, struct str bytes)
{
    switch (c->in) {
    case H1_IN_HEAD: return step_head(c, bytes);
    case H1_IN_LENGTH: return step_length(c, bytes);
    case H1_IN_CHUNKED: return step_chunked(c, bytes);
    case H1_IN_CLOSE:
    case H1_IN_TUNNEL: h1_client_owner(c)->on_data(c->channel.arg, bytes); break;
    case H1_IN_DONE:
    case H1_IN_EOF: c->keep = false; break;
    }
    return bytes.len;
}

/* Handles as much of `bytes` as can be handled now; returns how much that was. */
static size_t consume(struct h1_client *c, struct str bytes)
{
    size_t used = 0;
    while (used < bytes.len && h1_client_is_busy(c) && !is_paused(c)) {
        size_t n = step(c, str_from(bytes, used));
        if (n == 0) {
            break;
        }
        used += n;
    }
    return used;
}

static void take(struct h1_client *c, struct str bytes)
{
    c->answered = true;
    if (c->use != NULL) {
        c->use->answered = true;
    }
    bool kept = buf_len(&c->in_buf) > 0;
    if (kept && buf_append_str(&c->in_buf, bytes) != OK) {
        h1_client_end(c, WHY_UPSTREAM_HEADER_TOO_LARGE);
        return;
    }
    struct str all = kept ? buf_str(&c->in_buf) : bytes;
    size_t used = consume(c, all);
    if (kept) {
        buf_consume(&c->in_buf, used);
        buf_release(&c->in_buf);
    } else if (h1_client_is_busy(c) && used < all.len &&
               buf_append_str(&c->in_buf, str_from(all, used)) != OK) {
        h1_client_end(c, WHY_UPSTREAM_HEADER_TOO_LARGE);
    }
}

void h1_client_resume(struct h1_client *c)
{
    if (h1_client_is_busy(c) && buf_len(&c->in_buf) > 0 && c->in != H1_IN_HEAD && !is_paused(c)) {
        take(c, str_n("", 0));
    }
}

/* Where the response stands decides what an EOF means. */
static void take_eof(struct h1_client *c)
{
    bool broken = c->out == H1_OUT_BROKEN || c->out == H1_OUT_LOST;
    switch (c->in) {
    case H1_IN_HEAD:
        if (c->answered) {
            h1_client_end(c, WHY_UPSTREAM_CUT);
        } else {
            h1_client_end(c, broken ? WHY_UPSTREAM_RESET : WHY_UPSTREAM_CLOSED);
        }
        return;
    case H1_IN_LENGTH:
    case H1_IN_CHUNKED: h1_client_end(c, WHY_UPSTREAM_CUT); return;
    case H1_IN_CLOSE:
        end_response(c, 0, H1_IN_EOF);
        if (h1_client_is_busy(c) && !h1_client_is_over(c)) {
            h1_client_end(c, WHY_UPSTREAM_CLOSED);
        }
        return;
    case H1_IN_TUNNEL: end_response(c, 0, H1_IN_EOF); return;
    case H1_IN_DONE:
        if (c->out == H1_OUT_SHUT) {
            c->in = H1_IN_EOF; /* the rest of a tunnel is still on its way */
            return;
        }
        h1_client_end(c, WHY_UPSTREAM_CLOSED);
        return;
    case H1_IN_EOF: h1_client_end(c, WHY_UPSTREAM_CLOSED); return;
    }
}

void h1_client_on_readable(struct h1_client *c)
{
    h1_client_resume(c);
    if (!h1_client_is_busy(c) && c->state != H1_CLIENT_IDLE) {
        return;
    }
    bool idle = c->state == H1_CLIENT_IDLE;
    if (!idle && (is_paused(c) || c->in == H1_IN_EOF)) {
        return;
    }
    size_t n = 0;
    int err = stream_read(c->stream, c->scratch->bytes, c->scratch->len, &n);
    if (err == ERR_AGAIN) {
        return;
    }
    if (err != OK && err != ERR_EOF) {
        h1_client_end(c, WHY_UPSTREAM_RESET);
    } else if (idle) {
        /* Nothing was asked: whatever this says answers nobody. */
        h1_client_end(c, err == ERR_EOF ? WHY_UPSTREAM_CLOSED : WHY_UPSTREAM_BAD_HEAD);
    } else if (err == ERR_EOF) {
        take_eof(c);
    } else {
        take(c, str_n(c->scratch->bytes, n));
    }
}
