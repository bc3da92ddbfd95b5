/* SPDX-License-Identifier: MIT */
/*
 * Responses of a hostile service, through a stream made of memory. Oracle: what the owner of the
 * channel is told does not depend on how the bytes were cut, nor on when it stopped reading.
 *
 * The first byte chooses the request, the second how the bytes are cut; the rest is the response.
 */
#include "base/buf.h"
#include "base/mem.h"
#include "http/h1_client.h"
#include "http/trailer.h"

#include <stdio.h>
#include <stdlib.h>

#define SCRATCH_BYTES 256
#define TRACE_MAX     (1 << 20)

enum { ASK_HEAD = 1, ASK_UPGRADE = 2, ASK_BODY = 4, GIVE_EOF = 8 };

struct fake {
    struct stream stream;
    struct str waiting; /* for a read */
    bool has_ended;
};

struct run {
    struct fake fake;
    struct h1_client *client;
    struct channel *channel;
    struct arena arena;
    struct buf trace;
    bool pauses; /* stops reading at each piece of data */
    bool over;   /* on_end or on_abort */
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int fake_read(struct stream *s, void *dst, size_t cap, size_t *out_n)
{
    struct fake *f = (struct fake *)(void *)s;
    size_t n = f->waiting.len < cap ? f->waiting.len : cap;
    if (n == 0) {
        return f->has_ended ? ERR_EOF : ERR_AGAIN;
    }
    memcpy(dst, f->waiting.ptr, n);
    f->waiting = str_from(f->waiting, n);
    *out_n = n;
    return OK;
}

static int fake_write(struct stream *s, const struct iovec *iov, int iovcnt, size_t *out_n)
{
    size_t n = 0;
    (void)s;
    for (int i = 0; i < iovcnt; i++) {
        n += iov[i].iov_len;
    }
    *out_n = n;
    return OK;
}

static int fake_flush(struct stream *s)
{
    (void)s;
    return OK;
}

static size_t fake_unsent(const struct stream *s)
{
    (void)s;
    return 0;
}

static void fake_want(struct stream *s, unsigned want)
{
    s->want = want;
}

static void fake_close(struct stream *s)
{
    s->want = 0;
    s->fn = NULL;
}

static const struct stream_ops fake_ops = {
    .name = "fake",
    .read = fake_read,
    .write = fake_write,
    .flush = fake_flush,
    .unsent = fake_unsent,
    .shutdown = fake_flush,
    .want = fake_want,
    .close = fake_close,
};

static void note(struct run *r, const char *text)
{
    REQUIRE(!r->over);
    REQUIRE(buf_append_str(&r->trace, str_of(text)) == OK);
}

static void on_head(void *arg, struct message *m, struct body body)
{
    struct run *r = arg;
    REQUIRE(!r->over);
    REQUIRE(buf_printf(&r->trace, "[%u %d %zu]", m->status, (int)body.kind, m->field_count) == OK);
}

static void on_data(void *arg, struct str data)
{
    struct run *r = arg;
    REQUIRE(!r->over && data.len > 0);
    REQUIRE(buf_append_str(&r->trace, data) == OK);
    if (r->pauses) {
        channel_read(r->channel, false);
    }
}

/* Only what trailers may say, whatever came. */
static void on_trailers(void *arg, struct message *m)
{
    struct run *r = arg;
    REQUIRE(!r->over && m->field_count > 0);
    for (size_t i = 0; i < m->field_count; i++) {
        REQUIRE(trailer_is_allowed(m->fields[i].name));
        REQUIRE(field_is_token(m->fields[i].name) && field_is_value(m->fields[i].value));
        REQUIRE(buf_printf(&r->trace, "[%.*s: %.*s]", STR_FMT(m->fields[i].name),
                           STR_FMT(m->fields[i].value)) == OK);
    }
}

static void on_end(void *arg)
{
    struct run *r = arg;
    note(r, "[end]");
    r->over = true;
}

static void on_writable(void *arg)
{
    (void)arg;
}

static void on_abort(void *arg, enum why why)
{
    struct run *r = arg;
    if (!r->over) { /* else the unfinished request is told that the service is gone */
        note(r, why_label(why));
    }
    r->over = true;
    r->channel = NULL;
}

static const struct channel_events channel_events = {
    .on_head = on_head,
    .on_data = on_data,
    .on_trailers = on_trailers,
    .on_end = on_end,
    .on_writable = on_writable,
    .on_abort = on_abort,
};

static void on_idle(void *arg)
{
    (void)arg;
}

static void on_closed(void *arg, enum why why)
{
    struct run *r = arg;
    (void)why;
    REQUIRE(r->over);
    r->client = NULL;
    r->channel = NULL;
}

static const struct client_events client_events = {.on_room = on_idle, .on_closed = on_closed};

static void ask(struct run *r, unsigned flags)
{
    struct message m;
    message_init(&m, &r->arena);
    m.version = HTTP_1_1;
    m.method = (flags & ASK_HEAD) != 0 ? METHOD_HEAD : METHOD_GET;
    m.method_text = (flags & ASK_HEAD) != 0 ? STR("HEAD") : STR("GET");
    m.target = STR("/");
    message_add(&m, STR("Host"), STR("a.test"));
    struct body body = {.kind = (flags & ASK_BODY) != 0 ? BODY_CHUNKED : BODY_NONE};
    r->channel = h1_client_begin(r->client, &r->arena);
    channel_bind(r->channel, &channel_events, r);
    channel_send_head(r->channel, &m, body,
                      (flags & ASK_UPGRADE) != 0 ? STR("websocket") : STR(""));
}

/* Lets the client read until it has taken everything or wants nothing. */
static void deliver(struct run *r, struct loop *loop)
{
    loop_turn(loop, false);
    for (int idle = 0; idle < 2 && !r->over;) {
        bool wants = (r->fake.stream.want & STREAM_READABLE) != 0;
        if (wants && (r->fake.waiting.len > 0 || r->fake.has_ended)) {
            r->fake.stream.fn(r->fake.stream.arg, STREAM_READABLE);
            idle = 0;
        } else {
            idle++;
        }
        if (r->channel != NULL && r->pauses && !r->over) {
            channel_read(r->channel, true);
        }
        loop_turn(loop, false);
    }
}

/* Plays the response in pieces drawn from `cut` (0: whole) and gives what was told. */
static struct buf play(struct loop *loop, struct str bytes, unsigned flags, unsigned cut)
{
    static const struct h1_limits limits = {.head_bytes = 600, .fields = 12};
    static char scratch_bytes[SCRATCH_BYTES];
    static char whole_bytes[65536];
    const struct h1_scratch scratch = cut == 0
                                          ? (struct h1_scratch){whole_bytes, 65536, NULL}
                                          : (struct h1_scratch){scratch_bytes, SCRATCH_BYTES, NULL};
    struct run r = {.pauses = (cut & 1) != 0};
    r.fake.stream = (struct stream){.ops = &fake_ops, .loop = loop, .fd = -1};
    arena_init(&r.arena, 1024);
    buf_init(&r.trace, TRACE_MAX);
    r.client = h1_client_new(&r.fake.stream, &scratch, &limits, &client_events, &r);
    ask(&r, flags);
    unsigned seed = cut;
    while (bytes.len > 0 && !r.over) {
        seed = seed * 1103515245U + 12345U;
        size_t n = cut == 0 ? bytes.len : 1 + (seed >> 16) % (cut < 128 ? 4 : 40);
        r.fake.waiting = str_sub(bytes, 0, n);
        bytes = str_from(bytes, n);
        deliver(&r, loop);
    }
    if ((flags & GIVE_EOF) != 0 && !r.over) {
        r.fake.has_ended = true;
        deliver(&r, loop);
        REQUIRE(r.over);
    }
    h1_client_close(r.client);
    loop_turn(loop, false);
    arena_fini(&r.arena);
    return r.trace;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct loop *loop;
    if (loop == NULL) {
        loop = loop_new();
    }
    if (size < 2 || size > 32768) {
        return 0;
    }
    struct str bytes = {(const char *)data + 2, size - 2};
    struct buf whole = play(loop, bytes, data[0], 0);
    struct buf cut = play(loop, bytes, data[0], data[1] == 0 ? 1 : data[1]);
    REQUIRE(str_eq(buf_str(&whole), buf_str(&cut)));
    buf_fini(&whole);
    buf_fini(&cut);
    return 0;
}
