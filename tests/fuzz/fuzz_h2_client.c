/* SPDX-License-Identifier: MIT */
/*
 * Frames of a hostile service for two exchanges on one connection, through a stream made of memory.
 * Oracle: what the owners of the channels are told does not depend on how the bytes were cut, nor,
 * where answers come to their end, on when they stopped reading. Of an answer that breaks off, the
 * reason is the same, and what came of it is a beginning of the same.
 *
 * The first byte chooses the requests, the second how the bytes are cut; the rest are the frames
 * behind the service's SETTINGS.
 */
#include "base/buf.h"
#include "base/mem.h"
#include "http/h2_client.h"

#include <stdlib.h>

#define SCRATCH_BYTES 256
#define TRACE_MAX     (1 << 20)
#define USES          2

enum { ASK_HEAD = 1, ASK_UPGRADE = 2, ASK_BODY = 4, GIVE_EOF = 8, RESET_ONE = 16 };

struct fake {
    struct stream stream;
    struct str waiting; /* for a read */
    bool has_ended;
};

struct use {
    struct run *run;
    struct client_use use;
    struct channel *channel;
    struct buf trace;
    bool ended;   /* on_end */
    enum why why; /* of on_abort before that */
};

struct run {
    struct fake fake;
    struct client *client;
    struct use uses[USES];
    struct arena arena;
    bool pauses;     /* stops reading at each piece of data */
    enum why closed; /* of on_closed */
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
    s->bytes_in += n;
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

static void on_head(void *arg, struct message *m, struct body body)
{
    struct use *u = arg;
    REQUIRE(u->channel != NULL && !u->ended);
    REQUIRE(buf_printf(&u->trace, "[%u %d %zu]", m->status, (int)body.kind, m->field_count) == OK);
}

static void on_data(void *arg, struct str data)
{
    struct use *u = arg;
    REQUIRE(u->channel != NULL && !u->ended && data.len > 0);
    REQUIRE(buf_append_str(&u->trace, data) == OK);
    if (u->run->pauses) {
        channel_read(u->channel, false);
    }
}

static void on_trailers(void *arg, struct message *m)
{
    struct use *u = arg;
    REQUIRE(u->channel != NULL && !u->ended);
    REQUIRE(buf_printf(&u->trace, "[+%zu]", m->field_count) == OK);
}

static void on_end(void *arg)
{
    struct use *u = arg;
    REQUIRE(u->channel != NULL && !u->ended);
    REQUIRE(buf_append_str(&u->trace, STR("[end]")) == OK);
    u->ended = true;
}

static void on_writable(void *arg)
{
    (void)arg;
}

static void on_abort(void *arg, enum why why)
{
    struct use *u = arg;
    REQUIRE(u->channel != NULL && u->use.channel == NULL);
    if (!u->ended) { /* else the unfinished request is told that the service is gone */
        u->why = why;
    }
    u->channel = NULL;
}

static const struct channel_events channel_events = {
    .on_head = on_head,
    .on_data = on_data,
    .on_trailers = on_trailers,
    .on_end = on_end,
    .on_writable = on_writable,
    .on_abort = on_abort,
};

static void on_room(void *arg)
{
    (void)arg;
}

static void on_closed(void *arg, enum why why)
{
    struct run *r = arg;
    r->closed = why;
    for (int i = 0; i < USES; i++) {
        REQUIRE(r->uses[i].use.channel == NULL);
        REQUIRE(r->uses[i].channel == NULL || r->uses[i].ended);
        r->uses[i].channel = NULL;
    }
    r->client = NULL;
}

static const struct client_events client_events = {.on_room = on_room, .on_closed = on_closed};

static void ask(struct run *r, struct use *u, unsigned flags)
{
    struct message m;
    message_init(&m, &r->arena);
    m.version = HTTP_1_1;
    m.method = (flags & ASK_HEAD) != 0 ? METHOD_HEAD : METHOD_GET;
    m.method_text = (flags & ASK_HEAD) != 0 ? STR("HEAD") : STR("GET");
    m.target = STR("/");
    message_add(&m, STR("Host"), STR("a.test"));
    struct body body = {.kind = (flags & ASK_BODY) != 0 ? BODY_CHUNKED : BODY_NONE};
    u->run = r;
    buf_init(&u->trace, TRACE_MAX);
    u->channel = client_begin(r->client, &r->arena, &u->use);
    channel_bind(u->channel, &channel_events, u);
    channel_send_head(u->channel, &m, body,
                      (flags & ASK_UPGRADE) != 0 ? STR("websocket") : STR(""));
}

/* Lets the client read until it has taken everything. */
static void deliver(struct run *r, struct loop *loop)
{
    loop_turn(loop, false);
    for (int idle = 0; idle < 2 && r->client != NULL;) {
        bool wants = (r->fake.stream.want & STREAM_READABLE) != 0;
        if (wants && (r->fake.waiting.len > 0 || r->fake.has_ended)) {
            r->fake.stream.fn(r->fake.stream.arg, STREAM_READABLE);
            idle = 0;
        } else {
            idle++;
        }
        for (int i = 0; i < USES; i++) {
            if (r->uses[i].use.channel != NULL && r->pauses) {
                channel_read(r->uses[i].channel, true);
            }
        }
        loop_turn(loop, false);
    }
}

static void give(struct run *r, struct loop *loop, struct str bytes)
{
    r->fake.waiting = bytes;
    deliver(r, loop);
}

static void run_init(struct run *r, struct loop *loop, const struct h1_scratch *scratch,
                     unsigned flags)
{
    static const char settings[] = "\0\0\6\4\0\0\0\0\0\0\x8\0\0\0\1" /* extended CONNECT */
                                   "\0\0\0\4\1\0\0\0\0";
    const struct h2_client_options options = {.limits = {.head_bytes = 600, .fields = 12}};
    r->fake.stream = (struct stream){.ops = &fake_ops, .loop = loop, .fd = -1};
    arena_init(&r->arena, 1024);
    r->client =
        h2_client_base(h2_client_new(&r->fake.stream, scratch, &options, &client_events, r));
    deliver(r, loop); /* ours first: they are acknowledged */
    give(r, loop, str_n(settings, sizeof(settings) - 1));
    REQUIRE(client_has_room(r->client));
    ask(r, &r->uses[0], flags);
    ask(r, &r->uses[1], 0);
    loop_turn(loop, false);
    if ((flags & RESET_ONE) != 0) {
        channel_reset(r->uses[1].channel, WHY_CLIENT_ABORT);
        REQUIRE(r->uses[1].use.channel == NULL);
        r->uses[1].channel = NULL;
        r->uses[1].ended = true;
        loop_turn(loop, false);
    }
}

/* Plays the frames in pieces drawn from `cut` (0: whole) and gives what was told. */
static void play(struct run *r, struct loop *loop, struct str bytes, unsigned flags, unsigned cut)
{
    static char scratch_bytes[SCRATCH_BYTES];
    static char whole_bytes[65536];
    const struct h1_scratch scratch = cut == 0
                                          ? (struct h1_scratch){whole_bytes, 65536, NULL}
                                          : (struct h1_scratch){scratch_bytes, SCRATCH_BYTES, NULL};
    *r = (struct run){.pauses = (cut & 1) != 0};
    run_init(r, loop, &scratch, flags);
    unsigned seed = cut;
    while (bytes.len > 0 && r->client != NULL) {
        seed = seed * 1103515245U + 12345U;
        size_t n = cut == 0 ? bytes.len : 1 + (seed >> 16) % (cut < 128 ? 4 : 40);
        struct str piece = str_sub(bytes, 0, n);
        bytes = str_from(bytes, n);
        give(r, loop, piece);
    }
    if ((flags & GIVE_EOF) != 0 && r->client != NULL) {
        r->fake.has_ended = true;
        deliver(r, loop);
        REQUIRE(r->client == NULL);
    }
    client_close(r->client);
    for (int i = 0; i < USES; i++) {
        REQUIRE(r->uses[i].use.channel == NULL);
    }
    loop_turn(loop, false);
    arena_fini(&r->arena);
}

static bool is_broken(const struct use *u)
{
    return u->run->closed == WHY_H2_PROTOCOL;
}

static void compare(const struct use *whole, const struct use *cut)
{
    bool pauses = cut->run->pauses;
    struct str all = buf_str(&whole->trace);
    struct str part = buf_str(&cut->trace);
    if (whole->ended && cut->ended) {
        REQUIRE(str_eq(all, part));
    } else if (is_broken(whole) || is_broken(cut)) {
        /* A frame for a stream that we reset breaks HTTP/2 or does not, according to whether our
         * RST_STREAM has gone. */
        REQUIRE(pauses || str_starts(part, all) || str_starts(all, part));
    } else if (!pauses) {
        REQUIRE(whole->ended == cut->ended && whole->why == cut->why);
        /* A frame that is too long is refused where that is seen. */
        REQUIRE(str_starts(part, all) || str_starts(all, part));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct loop *loop;
    struct run whole;
    struct run cut;
    if (loop == NULL) {
        loop = loop_new();
    }
    if (size < 2 || size > 32768) {
        return 0;
    }
    struct str bytes = {(const char *)data + 2, size - 2};
    play(&whole, loop, bytes, data[0], 0);
    play(&cut, loop, bytes, data[0], data[1] == 0 ? 1 : data[1]);
    for (int i = 0; i < USES; i++) {
        compare(&whole.uses[i], &cut.uses[i]);
        buf_fini(&whole.uses[i].trace);
        buf_fini(&cut.uses[i].trace);
    }
    return 0;
}
