/* SPDX-License-Identifier: MIT */
#include "http/h1_server.h"

#include "base/mem.h"
#include "h1_server_impl.h"
#include "net/gulp.h"

#include <stdlib.h>

#define ARENA_BLOCK 4096

static void on_stream(void *arg, unsigned ready);
static void on_work(void *arg);
static const struct server_ops server_ops;

struct h1_server *h1_server_new(struct stream *stream, const struct h1_scratch *scratch,
                                const struct h1_limits *limits, const struct server_events *events,
                                void *arg)
{
    struct h1_server *s = NEW(struct h1_server);
    s->channel.ops = &h1_server_channel_ops;
    s->base.ops = &server_ops;
    s->stream = stream;
    s->loop = stream->loop;
    s->scratch = scratch;
    s->limits = *limits;
    s->events = events;
    s->arg = arg;
    s->state = H1_SERVER_STOPPED;
    s->keeps_alive = true;
    arena_init(&s->arena, ARENA_BLOCK);
    /* A head that is too long is noticed before this limit; pipelined requests may fill the rest.
     */
    buf_init(&s->in_buf, limits->head_bytes + 2 * scratch->len);
    buf_init(&s->out_buf, H1_SERVER_OUT_MAX);
    loop_task_init(&s->work, on_work, s);
    stream_set_owner(stream, on_stream, s);
    return s;
}

void h1_server_start(struct h1_server *s, struct str early)
{
    REQUIRE(s->state == H1_SERVER_STOPPED);
    s->state = H1_SERVER_IDLE;
    if (early.len > 0 && buf_append_str(&s->in_buf, early) != OK) {
        s->failure = WHY_HEADER_TOO_LARGE;
    }
    h1_server_arm(s);
    if (early.len > 0) {
        loop_defer(s->loop, &s->work);
    }
}

struct arena *h1_server_arena(struct h1_server *s)
{
    return &s->arena;
}

struct stream *h1_server_stream(struct h1_server *s)
{
    return s->stream;
}

void h1_server_set_limits(struct h1_server *s, const struct h1_limits *limits)
{
    s->limits = *limits;
    s->in_buf.limit = limits->head_bytes + 2 * s->scratch->len;
    if (s->in_buf.limit < s->in_buf.cap) {
        s->in_buf.limit = s->in_buf.cap;
    }
}

bool h1_server_is_sending(const struct h1_server *s)
{
    return s->state == H1_SERVER_EXCHANGE ||
           (s->state != H1_SERVER_CLOSED &&
            (buf_len(&s->out_buf) > 0 || stream_unsent(s->stream) > 0));
}

/* The end of the connection is the end of such a body: where it is cut, it must not look so. */
static bool looks_whole(const struct h1_server *s)
{
    bool cut = s->out == H1_HALF_BODY || buf_len(&s->out_buf) > 0 || stream_unsent(s->stream) > 0;
    return cut && s->out != H1_HALF_HEAD && s->out_kind == BODY_UNTIL_CLOSE;
}

static void dispose(struct h1_server *s)
{
    s->state = H1_SERVER_CLOSED;
    loop_task_cancel(&s->work);
    gulp_end(&s->gulp);
    if (looks_whole(s)) {
        stream_abort(s->stream);
    } else {
        stream_close(s->stream);
    }
    buf_fini(&s->in_buf);
    buf_fini(&s->out_buf);
    /* The owner may still be looking at the request in this turn: the arena goes last, with us. */
    loop_defer(s->loop, &s->work);
}

void h1_server_close(struct h1_server *s)
{
    if (s->state != H1_SERVER_CLOSED) {
        dispose(s);
    }
}

void h1_server_end(struct h1_server *s, enum why why)
{
    if (s->state == H1_SERVER_CLOSED) {
        return;
    }
    bool complete = s->in == H1_HALF_DONE && s->out == H1_HALF_DONE;
    bool in_exchange = s->state == H1_SERVER_EXCHANGE && s->channel.events != NULL && !complete;
    dispose(s);
    if (in_exchange) {
        const struct channel_events *events = s->channel.events;
        s->channel.events = NULL;
        events->on_abort(s->channel.arg, why);
    }
    s->events->on_closed(s->arg, why);
}

void h1_server_drain(struct h1_server *s)
{
    s->draining = true;
    s->last = true;
    if (s->state == H1_SERVER_IDLE) {
        loop_defer(s->loop, &s->work);
    }
}

void h1_server_last(struct h1_server *s)
{
    s->last = true;
}

/* Nothing is under way, and the client is told that nothing was cut off (RFC 8446 section 6.1), if
 * the kernel takes it at once. */
static void end_idle(struct h1_server *s, enum why why)
{
    int err = stream_shutdown(s->stream);
    (void)err;
    h1_server_end(s, why);
}

void h1_server_expire(struct h1_server *s, enum why why)
{
    if (s->state == H1_SERVER_HEAD) {
        h1_server_refuse(s, why);
    } else if (s->state == H1_SERVER_IDLE) {
        end_idle(s, why);
    } else if (s->state != H1_SERVER_CLOSED) {
        h1_server_end(s, why);
    }
}

void h1_server_arm(struct h1_server *s)
{
    unsigned want = 0;
    bool room = buf_len(&s->in_buf) < s->in_buf.limit - s->scratch->len;
    switch (s->state) {
    case H1_SERVER_STOPPED:
    case H1_SERVER_CLOSED: break;
    case H1_SERVER_IDLE:
    case H1_SERVER_HEAD:
    case H1_SERVER_LINGER: want = STREAM_READABLE; break;
    case H1_SERVER_EXCHANGE:
        /* Without a body to come we still listen, to see the client go away; but the ended half of
         * a tunnel would show its end for ever. */
        if (room && (s->in == H1_HALF_BODY ? s->reading : s->in_body.kind != BODY_TUNNEL)) {
            want = STREAM_READABLE;
        }
        break;
    }
    if (s->state != H1_SERVER_CLOSED) {
        bool unsent = buf_len(&s->out_buf) > 0;
        bool finishing = (s->out == H1_HALF_DONE || s->state == H1_SERVER_LINGER) &&
                         stream_unsent(s->stream) > 0;
        if (unsent || s->stalled || finishing) {
            want |= STREAM_WRITABLE;
        }
        stream_want(s->stream, want);
    }
}

/* Nothing of this exchange is left to do: next request, or the end of the connection. */
static void finish_exchange(struct h1_server *s)
{
    bool complete = s->in == H1_HALF_DONE;
    s->channel.events = NULL;
    s->stalled = false;
    gulp_end(&s->gulp);
    arena_reset(&s->arena);
    if (!complete || !s->keeps_alive || s->last) {
        s->state = H1_SERVER_LINGER;
        int err = stream_shutdown(s->stream);
        if (err != OK && err != ERR_AGAIN) {
            h1_server_end(s, WHY_CLIENT_RESET);
            return;
        }
        h1_server_arm(s);
        s->events->on_linger(s->arg, s->draining ? WHY_DRAINED : WHY_NOT_KEPT_ALIVE);
        return;
    }
    s->in = H1_HALF_HEAD;
    s->out = H1_HALF_HEAD;
    s->scan = 0;
    s->state = H1_SERVER_IDLE;
    if (buf_len(&s->in_buf) > 0) {
        h1_server_resume(s);
        if (s->state != H1_SERVER_IDLE) {
            return;
        }
    }
    buf_release(&s->in_buf);
    buf_release(&s->out_buf);
    h1_server_arm(s);
    s->events->on_idle(s->arg);
}

void h1_server_settle(struct h1_server *s)
{
    if (s->state == H1_SERVER_EXCHANGE && s->out == H1_HALF_DONE && buf_len(&s->out_buf) == 0 &&
        stream_unsent(s->stream) == 0) {
        if (s->in_body.kind != BODY_TUNNEL ||
            (s->in != H1_HALF_DONE && s->channel.events == NULL)) {
            finish_exchange(s); /* of a tunnel that its owner let go: waits for the client's end */
            return;
        }
        int err = stream_shutdown(s->stream);
        if (s->in == H1_HALF_DONE || (err != OK && err != ERR_AGAIN)) {
            h1_server_end(s, WHY_TUNNEL_DONE);
            return;
        }
    }
    if (s->state != H1_SERVER_CLOSED) {
        h1_server_arm(s);
    }
}

/* The end of a turn in which something happened: output, failures, the next request. */
static void on_work(void *arg)
{
    struct h1_server *s = arg;
    if (s->state == H1_SERVER_CLOSED) {
        arena_fini(&s->arena);
        free(s);
        return;
    }
    if (s->failure != WHY_NONE) {
        h1_server_end(s, s->failure);
        return;
    }
    int err = h1_server_flush(s);
    if (err != OK && err != ERR_AGAIN) {
        h1_server_end(s, WHY_CLIENT_RESET);
        return;
    }
    if (buf_len(&s->in_buf) > 0) {
        h1_server_resume(s);
    }
    if (s->state == H1_SERVER_IDLE && s->draining) {
        end_idle(s, WHY_DRAINED);
        return;
    }
    h1_server_settle(s);
}

static void on_writable(struct h1_server *s)
{
    int err = h1_server_flush(s);
    if (err != OK && err != ERR_AGAIN) {
        h1_server_end(s, WHY_CLIENT_RESET);
        return;
    }
    if (s->state == H1_SERVER_LINGER) {
        err = stream_shutdown(s->stream);
        if (err != OK && err != ERR_AGAIN) {
            h1_server_end(s, WHY_CLIENT_RESET);
            return;
        }
    }
    if (s->stalled && s->channel.ops->unsent(&s->channel) <= CHANNEL_HIGH / 2) {
        s->stalled = false;
        if (s->channel.events != NULL) {
            s->channel.events->on_writable(s->channel.arg);
        }
    }
    h1_server_settle(s);
}

static void on_stream(void *arg, unsigned ready)
{
    struct h1_server *s = arg;
    if (ready & STREAM_WRITABLE) {
        on_writable(s);
    }
    if ((ready & STREAM_READABLE) && s->state != H1_SERVER_CLOSED) {
        h1_server_on_readable(s);
    }
}

/* ---- as seen by whoever does not ask for the version ---- */

static struct h1_server *server_of(struct server *base)
{
    return CONTAINER_OF(base, struct h1_server, base);
}

static void base_start(struct server *base, struct str early)
{
    h1_server_start(server_of(base), early);
}

static void base_drain(struct server *base)
{
    h1_server_drain(server_of(base));
}

static void base_last(struct server *base)
{
    h1_server_last(server_of(base));
}

static void base_expire(struct server *base, enum why why)
{
    h1_server_expire(server_of(base), why);
}

static void base_close(struct server *base)
{
    h1_server_close(server_of(base));
}

static void base_set_limits(struct server *base, const struct h1_limits *limits)
{
    h1_server_set_limits(server_of(base), limits);
}

static void base_rest(struct server *base)
{
    struct h1_server *s = server_of(base);
    if (s->state == H1_SERVER_IDLE) {
        stream_rest(s->stream);
    }
}

static const struct server_ops server_ops = {
    .name = "h1",
    .start = base_start,
    .drain = base_drain,
    .last = base_last,
    .distrust = base_last, /* where the next request begins is not known */
    .expire = base_expire,
    .close = base_close,
    .set_limits = base_set_limits,
    .rest = base_rest,
};

struct server *h1_server_base(struct h1_server *s)
{
    return &s->base;
}
