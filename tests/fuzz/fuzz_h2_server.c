/* SPDX-License-Identifier: MIT */
/*
 * Frames of a hostile client, through a stream made of memory, to an owner that answers each
 * request. Oracles: what the owner is told of a request that comes to its end does not depend on
 * how the bytes were cut, on when it stopped reading or on how much the stream took at once, and of
 * one that breaks off a beginning of the same is told; a request that is taken goes on as HTTP/1
 * and is the same there; what the client gets are frames that it may get, and heads that are whole.
 *
 * The first byte chooses the manner, the second how the bytes are cut; the rest are the frames
 * behind the client's preface and SETTINGS.
 */
#include "base/mem.h"
#include "fuzz_http.h"
#include "fuzz_stream.h"
#include "http/chars.h"
#include "http/forwarded.h"
#include "http/framing.h"
#include "http/h1_write.h"
#include "http/h2_server.h"
#include "http/hop.h"
#include "http/reply.h"
#include "http/target.h"
#include "http/trailer.h"

#include <nghttp2/nghttp2.h>
#include <stdlib.h>

#define SCRATCH_BYTES 256
#define ASKS_MAX      2048
#define TEXT_MAX      (1 << 20)
#define FRAME_MAX     16384
#define FRAME_HEAD    9

enum { ANSWER_CHUNKED = 1, GATHERS = 2, GIVE_EOF = 4, INTERIM = 8, PAUSES = 16 };

struct run;

/* One request, and what was told of it. */
struct ask {
    struct run *run;
    struct channel *channel; /* NULL once let go */
    struct message *request;
    struct message *trailers;
    struct buf text;
    struct buf echo; /* the body, to be given back */
    bool ended;
    bool tunnels;
};

struct run {
    struct fake fake;
    struct loop *loop;
    struct server *server;
    struct ask *asks[ASKS_MAX];
    size_t count;
    unsigned flags;
    bool has_closed; /* or begun to */
};

/* ---- the owner ---- */

static void note(struct ask *a, struct str text)
{
    REQUIRE(buf_append_str(&a->text, text) == OK);
}

static void let_go(struct ask *a)
{
    struct channel *ch = a->channel;
    a->channel = NULL;
    channel_bind(ch, NULL, NULL);
    channel_read(ch, true);
}

static void send_reply(struct ask *a, struct reply *reply, bool chunked)
{
    struct str body = arena_dup(a->request->arena, reply->body);
    enum body_kind kind = body.len == 0 ? BODY_NONE : chunked ? BODY_CHUNKED : BODY_LENGTH;
    channel_send_head(a->channel, &reply->head, (struct body){kind, chunked ? 0 : body.len},
                      (struct str){0});
    if (a->request->method != METHOD_HEAD) {
        for (size_t at = 0; at < body.len; at += 100) {
            channel_send_data(a->channel, str_sub(body, at, 100));
        }
    }
    if (a->trailers != NULL) {
        channel_send_trailers(a->channel, a->trailers);
    }
    channel_send_end(a->channel);
    let_go(a);
}

static void refuse(struct ask *a, enum why why)
{
    struct reply reply;
    REQUIRE(why_status(why) >= 400);
    note(a, str_of(why_label(why)));
    a->ended = true;
    reply_error(a->request->arena, why, a->request, STR("id"), &reply);
    send_reply(a, &reply, false);
}

static void answer(struct ask *a)
{
    struct reply reply;
    reply_make(a->request->arena, 200, STR("text/plain"), buf_str(&a->echo), &reply);
    send_reply(a, &reply, (a->run->flags & ANSWER_CHUNKED) != 0);
}

static void on_data(void *arg, struct str data)
{
    struct ask *a = arg;
    REQUIRE(a->channel != NULL && data.len > 0 && !a->ended);
    note(a, data);
    REQUIRE(buf_append_str(&a->echo, data) == OK);
    if ((a->run->flags & PAUSES) != 0) {
        channel_read(a->channel, false);
    }
}

static void on_trailers(void *arg, struct message *m)
{
    struct ask *a = arg;
    REQUIRE(a->channel != NULL && !a->ended && m->field_count > 0);
    for (size_t i = 0; i < m->field_count; i++) {
        REQUIRE(trailer_is_allowed(m->fields[i].name));
        note(a, m->fields[i].name);
        note(a, m->fields[i].value);
    }
    a->trailers = m;
}

static void on_end(void *arg)
{
    struct ask *a = arg;
    REQUIRE(a->channel != NULL && !a->ended);
    note(a, STR("[end]"));
    a->ended = true;
    if (!a->tunnels) {
        answer(a);
    } else {
        channel_send_end(a->channel);
        let_go(a);
    }
}

static void on_writable(void *arg)
{
    (void)arg;
}

static void on_abort(void *arg, enum why why)
{
    struct ask *a = arg;
    REQUIRE(a->channel != NULL && why != WHY_OK && why != WHY_NONE);
    a->channel = NULL;
}

static const struct channel_events channel_events = {
    .on_data = on_data,
    .on_trailers = on_trailers,
    .on_end = on_end,
    .on_writable = on_writable,
    .on_abort = on_abort,
};

/* What goes to a service is what was taken: the same fields, a body of the same length. */
static void check_handed_on(struct message *m, struct body body, struct str upgrade)
{
    struct buf wire;
    struct message again;
    struct h1_limits limits = {1 << 16, 1000};
    struct body body_again;
    enum why why = WHY_NONE;
    size_t scan = 0, len = 0;
    buf_init(&wire, 1 << 16);
    message_init(&again, m->arena);
    REQUIRE(h1_write_request(&wire, m, body, upgrade) == OK);
    REQUIRE(h1_find_head(buf_str(&wire), 1 << 16, &scan, &len) == OK && len == buf_len(&wire));
    REQUIRE(h1_parse_request(arena_dup(m->arena, buf_str(&wire)), &limits, &again, &why) == OK);
    REQUIRE(framing_request(&again, &body_again, &why) == OK);
    REQUIRE(body_again.kind == body.kind && body_again.length == body.length);
    REQUIRE(str_eq(again.method_text, m->method_text) && str_eq(again.target, m->target));
    fuzz_same_fields(m, &again);
    buf_fini(&wire);
}

/* Makes of the request what the data path makes of it; not OK: refused. */
static int rewrite(struct ask *a, struct body body, struct hop *out_hop)
{
    struct message *m = a->request;
    struct target target;
    enum why why = WHY_NONE;
    if (target_parse(m, m->arena, &target, &why) != OK) {
        refuse(a, why);
        return ERR_SYNTAX;
    }
    bool is_upgrade = message_lists(m, FIELD_CONNECTION, STR("upgrade"));
    m->version = is_upgrade ? HTTP_1_1 : HTTP_2; /* as the data path sees an extended CONNECT */
    hop_strip(m, out_hop);
    struct forwarded f = {.client = STR("127.0.0.1"), .tls = true, .host = target.authority};
    forwarded_apply(m, &f);
    m->target = arena_printf(m->arena, "%.*s%.*s", STR_FMT(target.path), STR_FMT(target.query));
    check_handed_on(m, body, out_hop->upgrade);
    return OK;
}

static struct message *new_head(struct ask *a, uint16_t status)
{
    struct message *head = arena_alloc(a->request->arena, sizeof(*head));
    message_init(head, a->request->arena);
    head->version = HTTP_1_1;
    head->status = status;
    head->reason = message_reason(status);
    return head;
}

static void on_request(void *arg, struct channel *ch, struct message *m, struct body body,
                       enum why bad)
{
    struct run *r = arg;
    struct hop hop;
    REQUIRE(r->count < ASKS_MAX);
    struct ask *a = NEW(struct ask);
    r->asks[r->count++] = a;
    a->run = r;
    a->channel = ch;
    a->request = m;
    buf_init(&a->text, TEXT_MAX);
    buf_init(&a->echo, TEXT_MAX);
    channel_bind(ch, &channel_events, a);
    channel_read(ch, false);
    REQUIRE(buf_printf(&a->text, "[%.*s %.*s %d %" PRIu64 "]", STR_FMT(m->method_text),
                       STR_FMT(m->target), (int)body.kind, body.length) == OK);
    if (bad != WHY_OK) {
        refuse(a, bad);
        return;
    }
    if (rewrite(a, body, &hop) != OK) {
        return;
    }
    if (hop.upgrade.len > 0) {
        a->tunnels = true;
        channel_send_head(ch, new_head(a, 101), (struct body){BODY_TUNNEL, 0}, hop.upgrade);
    } else if ((r->flags & INTERIM) != 0) {
        channel_send_head(ch, new_head(a, 103), (struct body){0}, (struct str){0});
    }
}

static void on_event(void *arg)
{
    (void)arg;
}

static void on_linger(void *arg, enum why why)
{
    struct run *r = arg;
    (void)why;
    r->has_closed = true;
}

static void on_closed(void *arg, enum why why)
{
    struct run *r = arg;
    (void)why;
    for (size_t i = 0; i < r->count; i++) {
        REQUIRE(r->asks[i]->channel == NULL);
    }
    r->has_closed = true;
    r->server = NULL;
}

static const struct server_events server_events = {
    .on_request = on_request,
    .on_begin = on_event,
    .on_idle = on_event,
    .on_linger = on_linger,
    .on_closed = on_closed,
};

/* ---- what the client gets ---- */

static void check_field(const nghttp2_nv *nv, bool is_first)
{
    struct str name = str_n((const char *)nv->name, nv->namelen);
    struct str value = str_n((const char *)nv->value, nv->valuelen);
    REQUIRE(field_is_value(value));
    if (name.len > 0 && name.ptr[0] == ':') {
        REQUIRE(is_first && str_eq(name, STR(":status")) && value.len == 3);
        REQUIRE(chars_all(value, CHARS_DIGIT) && !str_eq(value, STR("101")));
        return;
    }
    REQUIRE(field_is_token(name));
    REQUIRE((field_flags(field_lookup(name)) & FIELD_HOP) == 0);
    for (size_t i = 0; i < name.len; i++) {
        REQUIRE(name.ptr[i] == chr_lower(name.ptr[i])); /* RFC 9113 section 8.2.1 */
    }
}

static void check_block(nghttp2_hd_inflater *inflater, struct str block)
{
    bool is_first = true;
    const uint8_t *at = (const uint8_t *)block.ptr;
    size_t left = block.len;
    for (;;) {
        nghttp2_nv nv;
        int flags = 0;
        ssize_t n = nghttp2_hd_inflate_hd2(inflater, &nv, &flags, at, left, 1);
        REQUIRE(n >= 0 && (size_t)n <= left);
        at += n;
        left -= (size_t)n;
        if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0) {
            check_field(&nv, is_first);
            is_first = false;
        }
        if ((flags & NGHTTP2_HD_INFLATE_FINAL) != 0) {
            break;
        }
        REQUIRE(n > 0 || (flags & NGHTTP2_HD_INFLATE_EMIT) != 0);
    }
    REQUIRE(left == 0);
    nghttp2_hd_inflate_end_headers(inflater);
}

/* Whole frames of types that a server sends, none too large; SETTINGS first. The last may be cut.
 */
static void check_output(struct run *r)
{
    struct str bytes = buf_str(&r->fake.output);
    nghttp2_hd_inflater *inflater = NULL;
    bool is_first = true;
    REQUIRE(nghttp2_hd_inflate_new(&inflater) == 0);
    while (bytes.len >= FRAME_HEAD) {
        const uint8_t *head = (const uint8_t *)bytes.ptr;
        size_t len = (size_t)head[0] << 16 | (size_t)head[1] << 8 | head[2];
        REQUIRE(len <= FRAME_MAX);
        if (bytes.len < FRAME_HEAD + len) {
            break;
        }
        uint8_t type = head[3];
        bool is_ours = (head[8] & 1) == 0; /* an even stream, or the connection */
        REQUIRE(type <= NGHTTP2_CONTINUATION && type != NGHTTP2_PUSH_PROMISE);
        REQUIRE(!is_first || type == NGHTTP2_SETTINGS);
        REQUIRE(is_ours || (type != NGHTTP2_SETTINGS && type != NGHTTP2_PING));
        if (type == NGHTTP2_HEADERS) {
            REQUIRE(!is_ours && (head[4] & NGHTTP2_FLAG_END_HEADERS) != 0);
            REQUIRE((head[4] & (NGHTTP2_FLAG_PADDED | NGHTTP2_FLAG_PRIORITY)) == 0);
            check_block(inflater, str_sub(bytes, FRAME_HEAD, len));
        }
        is_first = false;
        bytes = str_from(bytes, FRAME_HEAD + len);
    }
    nghttp2_hd_inflate_del(inflater);
}

/* ---- the two runs ---- */

/* One round of the world; whether something could happen. */
static bool poke(struct run *r)
{
    struct fake *f = &r->fake;
    bool moved = false;
    for (size_t i = 0; i < r->count; i++) {
        if (r->asks[i]->channel != NULL) {
            channel_read(r->asks[i]->channel, true);
        }
    }
    loop_turn(r->loop, false);
    f->room = f->room_a_go;
    if (r->server != NULL && buf_len(&f->kept) > 0) {
        moved = true;
        (void)fake_flush(&f->stream);
    }
    if (r->server != NULL && (f->stream.want & STREAM_WRITABLE) != 0 &&
        buf_len(&f->kept) < GATHER_MAX / 2) {
        f->stream.fn(f->stream.arg, STREAM_WRITABLE);
        moved = true;
    }
    if (r->server != NULL && (f->stream.want & STREAM_READABLE) != 0 &&
        (f->waiting.len > 0 || f->has_ended)) {
        f->stream.fn(f->stream.arg, STREAM_READABLE);
        moved = true;
    }
    loop_turn(r->loop, false);
    return moved;
}

static void deliver(struct run *r)
{
    size_t rounds = 0;
    for (int still = 0; still < 4 && r->server != NULL;) {
        REQUIRE(rounds++ < 1000000); /* else it spins */
        still = poke(r) ? 0 : still + 1;
    }
}

static void give(struct run *r, struct str bytes, unsigned cut)
{
    unsigned seed = cut;
    while (bytes.len > 0 && r->server != NULL) {
        seed = seed * 1103515245U + 12345U;
        size_t n = cut == 0 ? bytes.len : 1 + (seed >> 16) % (cut < 128 ? 4 : 300);
        r->fake.waiting = str_sub(bytes, 0, n);
        bytes = str_from(bytes, n);
        deliver(r);
    }
}

static struct run *play(struct loop *loop, struct str bytes, unsigned flags, unsigned cut)
{
    static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0";
    static char scratch_bytes[SCRATCH_BYTES];
    static char whole_bytes[65536];
    const struct h1_scratch scratch = cut == 0
                                          ? (struct h1_scratch){whole_bytes, 65536, NULL}
                                          : (struct h1_scratch){scratch_bytes, SCRATCH_BYTES, NULL};
    const struct h2_server_options options = {.limits = {.head = {600, 12},
                                                         .streams = ASKS_MAX,
                                                         .window = 65535,
                                                         .connection_window = 1 << 20,
                                                         .frame = FRAME_MAX,
                                                         .table = 4096,
                                                         .requests = ASKS_MAX},
                                              .is_tls = true};
    struct run *r = NEW(struct run);
    r->loop = loop;
    r->flags = flags;
    r->fake.stream = (struct stream){.ops = &fake_ops, .loop = loop, .fd = -1};
    r->fake.gathers = (flags & GATHERS) != 0;
    r->fake.room_a_go = cut == 0 ? 0 : 1 + cut * 7U;
    buf_init(&r->fake.kept, TEXT_MAX);
    buf_init(&r->fake.output, 16 * TEXT_MAX);
    struct h2_server *v = h2_server_new(&r->fake.stream, &scratch, &options, &server_events, r);
    r->server = h2_server_base(v);
    server_start(r->server,
                 str_n(preface, sizeof(preface))); /* its NUL is the stream's last byte */
    deliver(r);
    give(r, bytes, cut);
    if ((flags & GIVE_EOF) != 0 && r->server != NULL) {
        r->fake.has_ended = true;
        deliver(r);
        REQUIRE(r->server == NULL);
    }
    if (r->server != NULL) {
        server_close(r->server);
    }
    loop_turn(loop, false);
    check_output(r);
    return r;
}

static void run_free(struct run *r)
{
    for (size_t i = 0; i < r->count; i++) {
        buf_fini(&r->asks[i]->text);
        buf_fini(&r->asks[i]->echo);
        free(r->asks[i]);
    }
    buf_fini(&r->fake.kept);
    buf_fini(&r->fake.output);
    free(r);
}

static void compare(const struct ask *a, const struct ask *b)
{
    struct str x = buf_str(&a->text);
    struct str y = buf_str(&b->text);
    size_t n = x.len < y.len ? x.len : y.len;
    REQUIRE(str_eq(str_sub(x, 0, n), str_sub(y, 0, n)));
    REQUIRE(!(a->ended && b->ended) || x.len == y.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct loop *loop;
    if (loop == NULL) {
        loop = loop_new();
    }
    if (size < 2 || size > 16384) {
        return 0;
    }
    struct str bytes = {(const char *)data + 2, size - 2};
    struct run *whole = play(loop, bytes, data[0], 0);
    struct run *cut = play(loop, bytes, data[0], data[1] == 0 ? 1 : data[1]);
    for (size_t i = 0; i < whole->count && i < cut->count; i++) {
        compare(whole->asks[i], cut->asks[i]);
    }
    /* A connection that ends may end sooner or later in the one than in the other. */
    REQUIRE(whole->has_closed || cut->has_closed || whole->count == cut->count);
    run_free(whole);
    run_free(cut);
    return 0;
}
