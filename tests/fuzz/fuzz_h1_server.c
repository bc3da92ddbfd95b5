/* SPDX-License-Identifier: MIT */
/*
 * Requests of a hostile client, through a stream made of memory, to an owner that answers each.
 * Oracles: what the owner is told and what the client gets do not depend on how the bytes were cut,
 * on when the owner stopped reading or on how much the stream took at once; a request that is taken
 * can be handed on and is the same request there; what the client gets is one well-formed response
 * for each request.
 *
 * The first byte chooses the manner, the second how the bytes are cut; the rest is what comes.
 */
#include "base/buf.h"
#include "base/mem.h"
#include "fuzz_http.h"
#include "fuzz_stream.h"
#include "http/forwarded.h"
#include "http/framing.h"
#include "http/h1_chunk.h"
#include "http/h1_server.h"
#include "http/h1_write.h"
#include "http/hop.h"
#include "http/reply.h"
#include "http/target.h"
#include "http/trailer.h"

#include <stdlib.h>

#define SCRATCH_BYTES 256
#define TRACE_MAX     (1 << 20)
#define ANSWERS_MAX   4096

enum { ANSWER_CHUNKED = 1, GATHERS = 2, GIVE_EOF = 4, INTERIM = 8, EXPIRES = 16 };

struct run {
    struct fake fake;
    struct loop *loop;
    struct h1_server *server;
    struct channel *channel; /* of the running exchange */
    struct message *request;
    struct message *trailers; /* of the request; NULL for none */
    struct body body;
    struct buf trace;
    struct buf echo; /* the request body, to be given back */
    enum http_method *asked;
    size_t answers;
    unsigned flags;
    bool pauses;  /* stops reading at each piece of data */
    bool tunnels; /* the running exchange is a tunnel */
};

/* ---- the owner ---- */

static void note(struct run *r, struct str text)
{
    REQUIRE(buf_append_str(&r->trace, text) == OK);
}

static void let_go(struct run *r)
{
    channel_bind(r->channel, NULL, NULL);
    channel_read(r->channel, true);
    r->channel = NULL;
    r->tunnels = false;
}

static void send_reply(struct run *r, struct reply *reply, bool chunked)
{
    struct str body = arena_dup(r->request->arena, reply->body);
    enum body_kind kind = body.len == 0 ? BODY_NONE : chunked ? BODY_CHUNKED : BODY_LENGTH;
    message_remove(&reply->head, FIELD_DATE); /* two runs may see two seconds */
    REQUIRE(r->answers < ANSWERS_MAX);
    r->asked[r->answers++] = r->request->method;
    channel_send_head(r->channel, &reply->head, (struct body){kind, chunked ? 0 : body.len},
                      (struct str){0});
    for (size_t at = 0; at < body.len; at += 100) {
        channel_send_data(r->channel, str_sub(body, at, 100));
    }
    if (r->trailers != NULL) {
        channel_send_trailers(r->channel, r->trailers);
    }
    channel_send_end(r->channel);
    let_go(r);
}

static void refuse(struct run *r, enum why why)
{
    struct reply reply;
    note(r, str_of(why_label(why)));
    h1_server_last(r->server);
    reply_error(r->request->arena, why, r->request, STR("id"), &reply);
    send_reply(r, &reply, false);
}

static void answer(struct run *r)
{
    struct reply reply;
    reply_make(r->request->arena, 200, STR("text/plain"), buf_str(&r->echo), &reply);
    send_reply(r, &reply, (r->flags & ANSWER_CHUNKED) != 0);
}

static void send_interim(struct run *r, uint16_t status, struct body body, struct str upgrade)
{
    struct message head;
    message_init(&head, r->request->arena);
    head.version = HTTP_1_1;
    head.status = status;
    head.reason = message_reason(status);
    channel_send_head(r->channel, &head, body, upgrade);
}

static void on_data(void *arg, struct str data)
{
    struct run *r = arg;
    REQUIRE(r->channel != NULL && data.len > 0);
    note(r, data);
    if (r->tunnels) {
        channel_send_data(r->channel, data);
    } else {
        REQUIRE(buf_append_str(&r->echo, data) == OK);
    }
    if (r->pauses) {
        channel_read(r->channel, false);
    }
}

/* They go back with a chunked answer. */
static void on_trailers(void *arg, struct message *m)
{
    struct run *r = arg;
    REQUIRE(r->channel != NULL && m->field_count > 0);
    for (size_t i = 0; i < m->field_count; i++) {
        REQUIRE(trailer_is_allowed(m->fields[i].name));
        REQUIRE(buf_printf(&r->trace, "[%.*s: %.*s]", STR_FMT(m->fields[i].name),
                           STR_FMT(m->fields[i].value)) == OK);
    }
    r->trailers = m;
}

static void on_end(void *arg)
{
    struct run *r = arg;
    note(r, STR("[end]"));
    if (r->tunnels) {
        channel_send_end(r->channel);
        let_go(r);
    } else {
        answer(r);
    }
}

static void on_writable(void *arg)
{
    (void)arg;
}

static void on_bad(void *arg, enum why why)
{
    refuse(arg, why);
}

static void on_abort(void *arg, enum why why)
{
    struct run *r = arg;
    REQUIRE(r->channel != NULL);
    note(r, str_of(why_label(why)));
    r->channel = NULL;
    r->tunnels = false;
}

static const struct channel_events channel_events = {
    .on_data = on_data,
    .on_trailers = on_trailers,
    .on_end = on_end,
    .on_writable = on_writable,
    .on_bad = on_bad,
    .on_abort = on_abort,
};

/* What goes to a service is what was taken: the same fields, the same body. */
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
static int rewrite(struct run *r, struct hop *out_hop)
{
    struct message *m = r->request;
    struct target target;
    enum why why = WHY_NONE;
    if (target_parse(m, m->arena, &target, &why) != OK) {
        refuse(r, why);
        return ERR_SYNTAX;
    }
    hop_strip(m, out_hop);
    struct forwarded f = {.client = STR("127.0.0.1"), .host = target.authority};
    forwarded_apply(m, &f);
    m->target = arena_printf(m->arena, "%.*s%.*s", STR_FMT(target.path), STR_FMT(target.query));
    return OK;
}

static void on_request(void *arg, struct channel *ch, struct message *m, struct body body,
                       enum why bad)
{
    struct run *r = arg;
    struct hop hop;
    REQUIRE(r->channel == NULL);
    r->channel = ch;
    r->request = m;
    r->trailers = NULL;
    r->body = body;
    buf_clear(&r->echo);
    channel_bind(ch, &channel_events, r);
    channel_read(ch, false);
    REQUIRE(buf_printf(&r->trace, "[%.*s %.*s %d]", STR_FMT(m->method_text), STR_FMT(m->target),
                       (int)body.kind) == OK);
    if (bad != WHY_OK) {
        refuse(r, bad);
        return;
    }
    if (rewrite(r, &hop) != OK) {
        return;
    }
    if (body.kind != BODY_NONE) {
        hop.upgrade = (struct str){0};
    }
    check_handed_on(m, body, hop.upgrade);
    if (hop.upgrade.len > 0) {
        r->tunnels = true;
        REQUIRE(r->answers < ANSWERS_MAX);
        r->asked[r->answers++] = METHOD_GET;
        send_interim(r, 101, (struct body){BODY_TUNNEL, 0}, hop.upgrade);
        return;
    }
    if ((r->flags & INTERIM) != 0) {
        send_interim(r, 103, (struct body){0}, (struct str){0});
    }
    if (body.kind == BODY_NONE) {
        REQUIRE(buf_append_str(&r->echo, m->target) == OK);
        answer(r);
    }
}

static void on_begin(void *arg)
{
    (void)arg;
}

static void on_idle(void *arg)
{
    struct run *r = arg;
    REQUIRE(r->channel == NULL);
}

static void on_linger(void *arg, enum why why)
{
    struct run *r = arg;
    (void)why;
    REQUIRE(r->channel == NULL);
    note(r, STR("[linger]"));
}

static void on_closed(void *arg, enum why why)
{
    struct run *r = arg;
    REQUIRE(r->channel == NULL);
    note(r, str_of(why_label(why)));
    r->server = NULL;
}

static const struct server_events server_events = {
    .on_request = on_request,
    .on_begin = on_begin,
    .on_idle = on_idle,
    .on_linger = on_linger,
    .on_closed = on_closed,
};

/* ---- what the client gets ---- */

/* Cuts the body of a response off `bytes`; false if it is not all there. */
static bool skip_body(struct str *bytes, struct body body)
{
    struct h1_chunk chunk;
    int err = OK;
    switch (body.kind) {
    case BODY_NONE: return true;
    case BODY_LENGTH:
        if (bytes->len < body.length) {
            return false;
        }
        *bytes = str_from(*bytes, (size_t)body.length);
        return true;
    case BODY_CHUNKED:
        h1_chunk_init(&chunk, NULL);
        while (err == OK) {
            size_t used = 0;
            struct str data;
            err = h1_chunk_decode(&chunk, *bytes, &used, &data);
            *bytes = str_from(*bytes, used);
        }
        return err == ERR_EOF;
    case BODY_UNTIL_CLOSE:
    case BODY_TUNNEL: break;
    }
    *bytes = STR("");
    return true;
}

/* Cuts one head off `bytes`. */
static void take_head(struct str *bytes, struct arena *arena, struct message *m)
{
    struct h1_limits limits = {1 << 16, 200};
    enum why why = WHY_NONE;
    size_t scan = 0, len = 0;
    REQUIRE(h1_find_head(*bytes, 1 << 16, &scan, &len) == OK);
    message_init(m, arena);
    REQUIRE(h1_parse_response(str_sub(*bytes, 0, len), &limits, m, &why) == OK);
    *bytes = str_from(*bytes, len);
}

static void check_output(struct run *r)
{
    struct str bytes = buf_str(&r->fake.output);
    struct arena arena;
    struct message m;
    arena_init(&arena, 1024);
    for (size_t i = 0; i < r->answers; i++) {
        struct body body;
        enum why why = WHY_NONE;
        do {
            take_head(&bytes, &arena, &m);
            REQUIRE(framing_response(&m, r->asked[i], true, &body, &why) == OK);
        } while (m.status < 200 && body.kind != BODY_TUNNEL);
        REQUIRE(skip_body(&bytes, body));
        arena_reset(&arena);
    }
    if (bytes.len > 0) { /* the last request was cut off: it got no more than this */
        take_head(&bytes, &arena, &m);
        REQUIRE(m.status == 103 && bytes.len == 0);
    }
    arena_fini(&arena);
}

/* ---- the two runs ---- */

/* One round of the world; whether something could happen. */
static bool poke(struct run *r)
{
    struct fake *f = &r->fake;
    bool moved = false;
    if (r->channel != NULL) {
        channel_read(r->channel, true);
    }
    loop_turn(r->loop, false);
    f->room = f->room_a_go;
    if (r->server != NULL && buf_len(&f->kept) > 0) {
        moved = true;
        (void)fake_flush(&f->stream); /* what waits in a TLS stream goes out by itself */
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

static void run_init(struct run *r, struct loop *loop, unsigned flags, unsigned cut)
{
    memset(r, 0, sizeof(*r));
    r->loop = loop;
    r->flags = flags;
    r->pauses = (cut & 1) != 0;
    r->asked = mem_array(ANSWERS_MAX, sizeof(*r->asked));
    r->fake.stream = (struct stream){.ops = &fake_ops, .loop = loop, .fd = -1};
    r->fake.gathers = (flags & GATHERS) != 0;
    r->fake.room_a_go = cut == 0 ? 0 : 1 + cut * 7U;
    buf_init(&r->fake.kept, TRACE_MAX);
    buf_init(&r->fake.output, 16 * TRACE_MAX);
    buf_init(&r->trace, TRACE_MAX);
    buf_init(&r->echo, TRACE_MAX);
}

static void run_fini(struct run *r)
{
    buf_fini(&r->fake.kept);
    buf_fini(&r->fake.output);
    buf_fini(&r->trace);
    buf_fini(&r->echo);
    free(r->asked);
}

/* Plays the bytes in pieces drawn from `cut` (0: whole). */
static void play(struct run *r, struct str bytes, unsigned cut)
{
    static const struct h1_limits limits = {.head_bytes = 600, .fields = 12};
    static char scratch_bytes[SCRATCH_BYTES];
    static char whole_bytes[65536];
    const struct h1_scratch scratch = cut == 0
                                          ? (struct h1_scratch){whole_bytes, 65536, NULL}
                                          : (struct h1_scratch){scratch_bytes, SCRATCH_BYTES, NULL};
    r->server = h1_server_new(&r->fake.stream, &scratch, &limits, &server_events, r);
    h1_server_start(r->server, (struct str){0});
    unsigned seed = cut;
    while (bytes.len > 0 && r->server != NULL) {
        seed = seed * 1103515245U + 12345U;
        size_t n = cut == 0 ? bytes.len : 1 + (seed >> 16) % (cut < 128 ? 4 : 300);
        r->fake.waiting = str_sub(bytes, 0, n);
        bytes = str_from(bytes, n);
        deliver(r);
    }
    if ((r->flags & EXPIRES) != 0 && r->server != NULL) {
        h1_server_expire(r->server, WHY_HEADER_TIMEOUT);
        deliver(r);
    }
    if ((r->flags & GIVE_EOF) != 0 && r->server != NULL) {
        r->fake.has_ended = true;
        deliver(r);
        REQUIRE(r->server == NULL);
    }
    if (r->server != NULL) {
        h1_server_close(r->server);
    }
    loop_turn(r->loop, false);
    check_output(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct loop *loop;
    struct run whole;
    struct run cut;
    if (loop == NULL) {
        loop = loop_new();
    }
    if (size < 2 || size > 16384) {
        return 0;
    }
    struct str bytes = {(const char *)data + 2, size - 2};
    unsigned how = data[1] == 0 ? 1 : data[1];
    run_init(&whole, loop, data[0], 0);
    run_init(&cut, loop, data[0], how);
    play(&whole, bytes, 0);
    play(&cut, bytes, how);
    REQUIRE(str_eq(buf_str(&whole.trace), buf_str(&cut.trace)));
    REQUIRE(str_eq(buf_str(&whole.fake.output), buf_str(&cut.fake.output)));
    run_fini(&whole);
    run_fini(&cut);
    return 0;
}
