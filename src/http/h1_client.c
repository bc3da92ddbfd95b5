/* SPDX-License-Identifier: MIT */
/* The life of a connection to a service: exchanges begin, the connection ends. */
#include "http/h1_client.h"

#include "base/mem.h"
#include "h1_client_impl.h"

void h1_client_set_state(struct h1_client *c, enum h1_client_state state)
{
    static const unsigned from[] = {
        [H1_CLIENT_IDLE] = 1U << H1_CLIENT_BUSY,
        [H1_CLIENT_BUSY] = 1U << H1_CLIENT_IDLE,
        [H1_CLIENT_ENDING] = 1U << H1_CLIENT_IDLE | 1U << H1_CLIENT_BUSY,
        [H1_CLIENT_TELLING] = 1U << H1_CLIENT_IDLE | 1U << H1_CLIENT_BUSY | 1U << H1_CLIENT_ENDING,
        [H1_CLIENT_CLOSED] = 1U << H1_CLIENT_IDLE | 1U << H1_CLIENT_BUSY | 1U << H1_CLIENT_ENDING |
                             1U << H1_CLIENT_TELLING,
    };
    REQUIRE((from[state] & 1U << c->state) != 0);
    c->state = state;
}

static void drop_head(void *arg, struct message *m, struct body body)
{
    (void)arg;
    (void)m;
    (void)body;
}

static void drop_data(void *arg, struct str data)
{
    (void)arg;
    (void)data;
}

static void drop_event(void *arg)
{
    (void)arg;
}

static void drop_why(void *arg, enum why why)
{
    (void)arg;
    (void)why;
}

const struct channel_events *h1_client_owner(const struct h1_client *c)
{
    static const struct channel_events nobody = {
        .on_head = drop_head,
        .on_data = drop_data,
        .on_end = drop_event,
        .on_writable = drop_event,
        .on_abort = drop_why,
    };
    return c->channel.events != NULL ? c->channel.events : &nobody;
}

static bool wants_read(const struct h1_client *c)
{
    switch (c->state) {
    case H1_CLIENT_IDLE: return true;
    case H1_CLIENT_BUSY: break;
    case H1_CLIENT_ENDING:
    case H1_CLIENT_TELLING:
    case H1_CLIENT_CLOSED: return false;
    }
    switch (c->in) {
    case H1_IN_LENGTH:
    case H1_IN_CHUNKED:
    case H1_IN_CLOSE:
    case H1_IN_TUNNEL: return c->reading;
    case H1_IN_EOF: return false;
    case H1_IN_HEAD:
    case H1_IN_DONE: break;
    }
    return true;
}

void h1_client_arm(struct h1_client *c)
{
    if (c->state == H1_CLIENT_CLOSED) {
        return;
    }
    unsigned want = wants_read(c) ? STREAM_READABLE : 0;
    if (h1_client_is_busy(c) && (c->blocked || (c->stuffed && stream_unsent(c->stream) > 0))) {
        want |= STREAM_WRITABLE;
    }
    stream_want(c->stream, want);
}

bool h1_client_is_over(const struct h1_client *c)
{
    bool in_over = c->in == H1_IN_DONE || c->in == H1_IN_EOF;
    return in_over && (c->out == H1_OUT_DONE || c->out == H1_OUT_LOST || c->out == H1_OUT_SHUT);
}

void h1_client_let_go(struct h1_client *c)
{
    if (c->use != NULL) {
        c->use->channel = NULL;
        c->use = NULL;
    }
}

/* The memory goes when nobody further up the stack can be using it. */
static void dispose(struct h1_client *c)
{
    h1_client_set_state(c, H1_CLIENT_CLOSED);
    h1_client_let_go(c);
    stream_close(c->stream);
    c->stream = NULL;
    loop_defer(c->loop, &c->work);
}

void h1_client_end(struct h1_client *c, enum why why)
{
    bool aborted = c->arena != NULL && !h1_client_is_over(c);
    h1_client_set_state(c, H1_CLIENT_TELLING);
    stream_want(c->stream, 0);
    c->arena = NULL;
    h1_client_let_go(c);
    if (aborted) {
        h1_client_owner(c)->on_abort(c->channel.arg, why);
    }
    if (c->state == H1_CLIENT_TELLING) {
        c->base.events->on_closed(c->base.arg, why);
    }
    if (c->state == H1_CLIENT_TELLING) {
        dispose(c);
    }
}

void h1_client_end_later(struct h1_client *c, enum why why)
{
    h1_client_set_state(c, H1_CLIENT_ENDING);
    c->failure = why;
    h1_client_arm(c);
    loop_defer(c->loop, &c->work);
}

/* Says that there is room again, once what was kept has gone. */
static void tell_writable(struct h1_client *c)
{
    if (h1_client_is_busy(c) && c->stuffed && channel_unsent(&c->channel) < CHANNEL_LOW) {
        c->stuffed = false;
        h1_client_owner(c)->on_writable(c->channel.arg);
    }
}

/* After the flush that sent the last bytes of a tunnel, or found that nobody takes them. */
static void settle(struct h1_client *c)
{
    if (!h1_client_is_busy(c)) {
        return;
    }
    bool ended = c->in == H1_IN_EOF || c->in == H1_IN_DONE;
    if (ended && (c->out == H1_OUT_DONE || c->out == H1_OUT_LOST)) {
        h1_client_end(c, WHY_NOT_KEPT_ALIVE);
    } else if (c->in == H1_IN_EOF && c->out == H1_OUT_BROKEN) {
        h1_client_end(c, WHY_UPSTREAM_RESET);
    }
}

static void on_work(void *arg)
{
    struct h1_client *c = arg;
    switch (c->state) {
    case H1_CLIENT_CLOSED:
        buf_fini(&c->in_buf);
        buf_fini(&c->out_buf);
        loop_free_later(c->loop, c);
        return;
    case H1_CLIENT_ENDING: h1_client_end(c, c->failure); return;
    case H1_CLIENT_BUSY: break;
    case H1_CLIENT_IDLE:
    case H1_CLIENT_TELLING: return;
    }
    h1_client_flush(c);
    h1_client_resume(c);
    tell_writable(c);
    settle(c);
    h1_client_arm(c);
}

static void on_stream(void *arg, unsigned ready)
{
    struct h1_client *c = arg;
    if ((ready & STREAM_WRITABLE) != 0 && h1_client_is_busy(c)) {
        c->blocked = false;
        h1_client_flush(c);
        tell_writable(c);
    }
    if ((ready & STREAM_READABLE) != 0) {
        h1_client_on_readable(c);
    }
    settle(c);
    h1_client_arm(c);
}

static struct h1_client *client_of(const struct client *base)
{
    return (struct h1_client *)((uintptr_t)base - offsetof(struct h1_client, base));
}

static struct channel *base_begin(struct client *base, struct arena *arena, struct client_use *use)
{
    struct h1_client *c = client_of(base);
    struct channel *ch = h1_client_begin(c, arena);
    *use = (struct client_use){.channel = ch};
    c->use = use;
    return ch;
}

static bool base_has_room(const struct client *base)
{
    return client_of(base)->state == H1_CLIENT_IDLE;
}

static bool base_is_sending(const struct client *base)
{
    const struct h1_client *c = client_of(base);
    return h1_client_is_busy(c) && c->arena == NULL;
}

static void base_look(struct client *base)
{
    struct h1_client *c = client_of(base);
    if (c->state == H1_CLIENT_IDLE) {
        h1_client_on_readable(c);
    }
}

static struct stream *base_stream(const struct client *base)
{
    return client_of(base)->stream;
}

static void base_close(struct client *base)
{
    h1_client_close(client_of(base));
}

static const struct client_ops client_ops = {
    .protocol = "HTTP/1.1",
    .begin = base_begin,
    .has_room = base_has_room,
    .is_sending = base_is_sending,
    .look = base_look,
    .stream = base_stream,
    .close = base_close,
};

struct h1_client *h1_client_new(struct stream *stream, const struct h1_scratch *scratch,
                                const struct h1_limits *limits, const struct client_events *events,
                                void *arg)
{
    struct h1_client *c = NEW(struct h1_client);
    c->channel.ops = &h1_client_channel_ops;
    c->base = (struct client){.ops = &client_ops, .events = events, .arg = arg};
    c->stream = stream;
    c->loop = stream->loop;
    c->scratch = scratch;
    c->limits = *limits;
    buf_init(&c->in_buf, limits->head_bytes + 2 * scratch->len);
    buf_init(&c->out_buf, H1_CLIENT_OUT_MAX);
    loop_task_init(&c->work, on_work, c);
    stream_set_owner(stream, on_stream, c);
    h1_client_arm(c);
    return c;
}

struct channel *h1_client_begin(struct h1_client *c, struct arena *arena)
{
    REQUIRE(c->state == H1_CLIENT_IDLE);
    h1_client_set_state(c, H1_CLIENT_BUSY);
    c->arena = arena;
    c->use = NULL;
    c->in = H1_IN_HEAD;
    c->out = H1_OUT_HEAD;
    c->reading = true;
    c->answered = false;
    c->upgrade = STR("");
    c->keep = false;
    c->blocked = false;
    c->stuffed = false;
    c->interim = 0;
    c->interim_bytes = 0;
    c->scan = 0;
    channel_bind(&c->channel, NULL, NULL);
    return &c->channel;
}

struct client *h1_client_base(struct h1_client *c)
{
    return &c->base;
}

bool h1_client_answered(const struct h1_client *c)
{
    return c->answered;
}

void h1_client_close(struct h1_client *c)
{
    if (c != NULL && c->state != H1_CLIENT_CLOSED) {
        dispose(c);
    }
}

struct stream *h1_client_stream(struct h1_client *c)
{
    return c->stream;
}
