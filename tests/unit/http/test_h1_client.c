/* SPDX-License-Identifier: MIT */
/* The client side of HTTP/1.1 over a socket pair whose other end plays the service. */
#include "http/h1_client.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/mem.h"
#include "net/stream_plain.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define SCRATCH_BYTES 4096
#define HEAD_MAX      2048

enum deed { DEED_NONE, DEED_CLOSE, DEED_RESET, DEED_PAUSE, DEED_END };

struct rig {
    struct loop *loop;
    struct h1_scratch scratch;
    struct h1_client *client;
    struct channel *channel;
    struct arena arena;
    int peer;
    struct buf trace; /* what came in, as text */
    unsigned events;  /* how many */
    unsigned deed_at; /* at this event ... */
    enum deed deed;   /* ... the owner does this */
    size_t received;
    bool in_op;
};

static void note(struct rig *r, const char *text)
{
    assert_false(r->in_op);
    assert_int_equal(buf_append_str(&r->trace, str_of(text)), OK);
}

static void act(struct rig *r)
{
    if (++r->events != r->deed_at) {
        return;
    }
    r->in_op = true;
    switch (r->deed) {
    case DEED_NONE: break;
    case DEED_CLOSE:
        h1_client_close(r->client);
        r->client = NULL;
        r->channel = NULL;
        break;
    case DEED_RESET:
        if (r->channel != NULL) {
            channel_reset(r->channel, WHY_CLIENT_ABORT);
            r->channel = NULL;
        }
        break;
    case DEED_PAUSE:
        if (r->channel != NULL) {
            channel_read(r->channel, false);
        }
        break;
    case DEED_END:
        if (r->channel != NULL) {
            channel_send_end(r->channel);
        }
        break;
    }
    r->in_op = false;
}

static void on_head(void *arg, struct message *m, struct body body)
{
    static const char *const kinds[] = {"none", "length", "chunked", "close", "tunnel"};
    struct rig *r = arg;
    char text[64];
    (void)snprintf(text, sizeof(text), "head %u %s;", m->status, kinds[body.kind]);
    note(r, text);
    act(r);
}

static void on_data(void *arg, struct str data)
{
    struct rig *r = arg;
    assert_false(r->in_op);
    assert_true(data.len > 0);
    r->received += data.len;
    if (r->received < 4096) {
        assert_int_equal(buf_append_str(&r->trace, data), OK);
    }
    act(r);
}

static void on_end(void *arg)
{
    struct rig *r = arg;
    note(r, "<end>");
    act(r);
}

static void on_writable(void *arg)
{
    note(arg, "<writable>");
    act(arg);
}

static void note_why(struct rig *r, const char *what, enum why why)
{
    char text[64];
    (void)snprintf(text, sizeof(text), "<%s %s>", what, why_label(why));
    note(r, text);
}

static void on_abort(void *arg, enum why why)
{
    struct rig *r = arg;
    note_why(r, "abort", why);
    r->channel = NULL;
    act(r);
}

static const struct channel_events channel_events = {
    .on_head = on_head,
    .on_data = on_data,
    .on_end = on_end,
    .on_writable = on_writable,
    .on_abort = on_abort,
};

static void on_idle(void *arg)
{
    struct rig *r = arg;
    note(r, "<idle>");
    act(r);
}

static void on_closed(void *arg, enum why why)
{
    struct rig *r = arg;
    note_why(r, "closed", why);
    r->client = NULL;
    r->channel = NULL;
}

static const struct h1_client_events client_events = {.on_idle = on_idle, .on_closed = on_closed};

static void rig_init(struct rig *r)
{
    static const struct h1_limits limits = {.head_bytes = HEAD_MAX, .fields = 16};
    *r = (struct rig){.peer = -1};
    r->loop = loop_new();
    r->scratch = (struct h1_scratch){.bytes = mem_new(SCRATCH_BYTES), .len = SCRATCH_BYTES};
    arena_init(&r->arena, 1024);
    buf_init(&r->trace, 65536);
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    r->peer = fds[1];
    struct stream *stream = stream_plain_new(r->loop, fds[0], NULL, NULL);
    r->client = h1_client_new(stream, &r->scratch, &limits, &client_events, r);
}

static void rig_fini(struct rig *r)
{
    h1_client_close(r->client);
    fd_close(&r->peer);
    loop_free(r->loop);
    arena_fini(&r->arena);
    buf_fini(&r->trace);
    free(r->scratch.bytes);
}

/* What was written to a socket pair can be read at once: nothing needs waiting for. */
static void turn(struct rig *r)
{
    for (int i = 0; i < 3; i++) {
        loop_turn(r->loop, false);
    }
}

static void request(struct rig *r, const char *method, struct body body, const char *upgrade)
{
    struct message m;
    message_init(&m, &r->arena);
    m.version = HTTP_1_1;
    m.method = message_method(str_of(method));
    m.method_text = str_of(method);
    m.target = STR("/x");
    message_add(&m, STR("Host"), STR("a.test"));
    r->channel = h1_client_begin(r->client, &r->arena);
    channel_bind(r->channel, &channel_events, r);
    channel_send_head(r->channel, &m, body, str_of(upgrade));
}

static void get(struct rig *r)
{
    request(r, "GET", (struct body){.kind = BODY_NONE}, "");
    turn(r);
}

static void peer_send(struct rig *r, struct str bytes)
{
    assert_int_equal(send(r->peer, bytes.ptr, bytes.len, MSG_NOSIGNAL), bytes.len);
}

/* All that the service has got so far, as a string of its own. */
static struct str peer_take(struct rig *r)
{
    struct buf got;
    buf_init(&got, 1 << 20);
    ssize_t n = 1;
    while (n > 0) {
        uint8_t *room = NULL;
        assert_int_equal(buf_reserve(&got, 8192, &room), OK);
        n = recv(r->peer, room, 8192, 0);
        buf_commit(&got, n > 0 ? (size_t)n : 0);
    }
    struct str copy = arena_dup(&r->arena, buf_str(&got));
    buf_fini(&got);
    return copy;
}

static void assert_trace(struct rig *r, const char *expected)
{
    struct str all = arena_dup(&r->arena, buf_str(&r->trace));
    assert_string_equal(all.ptr, expected);
}

struct reply_case {
    const char *method;
    const char *upgrade;
    const char *bytes;
    bool eof;
    const char *trace;
};

#define OK_END "<idle><end>"

static const struct reply_case replies[] = {
    {"GET", "", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", false,
     "head 200 length;hello" OK_END},
    {"GET", "", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false, "head 200 none;" OK_END},
    {"GET", "",
     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;x=y\r\n world\r\n"
     "0\r\nT: 1\r\n\r\n",
     false, "head 200 chunked;hello world" OK_END},
    {"GET", "", "HTTP/1.1 204 No Content\r\n\r\n", false, "head 204 none;" OK_END},
    {"GET", "", "HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n", false,
     "head 304 none;" OK_END},
    {"HEAD", "", "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n", false, "head 200 none;" OK_END},
    {"GET", "",
     "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
     "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
     false, "head 100 none;head 103 none;head 200 length;ok" OK_END},
    {"GET", "", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok", false,
     "head 200 length;ok<end><closed not_kept_alive>"},
    {"GET", "", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", false,
     "head 200 length;ok<end><closed not_kept_alive>"},
    {"GET", "", "HTTP/1.0 200 OK\r\n\r\nuntil the end", true,
     "head 200 close;until the end<end><closed not_kept_alive>"},
    {"GET", "", "", true, "<abort upstream_closed><closed upstream_closed>"},
    {"GET", "", "HTTP/1.1 200 O", true, "<abort upstream_cut><closed upstream_cut>"},
    {"GET", "", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", true,
     "head 200 length;hello<abort upstream_cut><closed upstream_cut>"},
    {"GET", "", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", true,
     "head 200 chunked;hello<abort upstream_cut><closed upstream_cut>"},
    {"GET", "", "HTTP/1.1 2000 OK\r\n\r\n", false,
     "<abort upstream_bad_head><closed upstream_bad_head>"},
    {"GET", "", "HTTP/1.1 200 OK\r\nA b: c\r\n\r\n", false,
     "<abort upstream_bad_head><closed upstream_bad_head>"},
    {"GET", "", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", false,
     "<abort upstream_bad_framing><closed upstream_bad_framing>"},
    {"GET", "", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\nzz\r\n", false,
     "head 200 chunked;ok<abort upstream_bad_chunk><closed upstream_bad_chunk>"},
    {"GET", "", "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
     false, "<abort upstream_bad_upgrade><closed upstream_bad_upgrade>"},
    {"GET", "websocket",
     "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nraw",
     true, "head 101 tunnel;raw<end>"},
    {"GET", "websocket", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno", false,
     "head 200 length;no" OK_END},
};
#define REPLY_COUNT (sizeof(replies) / sizeof(replies[0]))

/* Plays one response in pieces of `piece` bytes. */
static void play(struct rig *r, const struct reply_case *c, size_t piece)
{
    request(r, c->method, (struct body){.kind = BODY_NONE}, c->upgrade);
    turn(r);
    struct str rest = str_of(c->bytes);
    while (rest.len > 0) {
        struct str now = str_sub(rest, 0, piece);
        /* The client may be gone: then the rest goes nowhere. */
        (void)!send(r->peer, now.ptr, now.len, MSG_NOSIGNAL);
        rest = str_from(rest, now.len);
        turn(r);
    }
    if (c->eof) {
        (void)shutdown(r->peer, SHUT_WR);
        turn(r);
    }
}

static void test_h1_client_same_events_however_cut(void **state)
{
    (void)state;
    static const size_t pieces[] = {1, 2, 7, 100000};
    for (size_t i = 0; i < REPLY_COUNT * 4; i++) {
        struct rig r;
        rig_init(&r);
        play(&r, &replies[i / 4], pieces[i % 4]);
        assert_trace(&r, replies[i / 4].trace);
        rig_fini(&r);
    }
}

/* An owner that stops reading at every piece of data gets the same in the end. */
static void test_h1_client_same_events_however_paused(void **state)
{
    (void)state;
    for (size_t i = 0; i < REPLY_COUNT; i++) {
        for (unsigned at = 1; at <= 4; at++) {
            struct rig r;
            rig_init(&r);
            r.deed = DEED_PAUSE;
            r.deed_at = at;
            play(&r, &replies[i], 100000);
            if (r.channel != NULL) {
                r.in_op = true;
                channel_read(r.channel, true);
                r.in_op = false;
                turn(&r);
            }
            assert_trace(&r, replies[i].trace);
            rig_fini(&r);
        }
    }
}

/* The owner may close, reset, pause or end at every single event: nothing is told afterwards that
 * it has let go of, and nothing is used that is freed (the sanitizers watch). */
static void test_h1_client_owner_acts_in_any_callback(void **state)
{
    (void)state;
    for (size_t i = 0; i < REPLY_COUNT; i++) {
        for (unsigned at = 1; at <= 6; at++) {
            for (int deed = DEED_CLOSE; deed <= DEED_END; deed++) {
                struct rig r;
                rig_init(&r);
                r.deed = (enum deed)deed;
                r.deed_at = at;
                play(&r, &replies[i], deed == DEED_RESET ? 7 : 100000);
                if (r.deed == DEED_CLOSE && r.events >= at) {
                    assert_int_equal(r.events, at);
                }
                rig_fini(&r);
            }
        }
    }
}

static void test_h1_client_reset_tells_closed_only(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    get(&r);
    r.in_op = true;
    channel_reset(r.channel, WHY_CLIENT_ABORT);
    r.in_op = false;
    assert_trace(&r, "");
    turn(&r);
    assert_trace(&r, "<closed client_abort>");
    rig_fini(&r);
}

static void test_h1_client_takes_one_exchange_after_another(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    for (int i = 0; i < 3; i++) {
        get(&r);
        struct str got = peer_take(&r);
        assert_true(str_starts(got, STR("GET /x HTTP/1.1\r\n")));
        assert_true(str_ends(got, STR("\r\n\r\n")));
        assert_false(h1_client_answered(r.client));
        peer_send(&r, STR("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"));
        turn(&r);
        assert_true(h1_client_answered(r.client));
        assert_trace(&r, "head 200 length;ok" OK_END);
        buf_clear(&r.trace);
    }
    rig_fini(&r);
}

static void test_h1_client_believes_nothing_unasked(void **state)
{
    (void)state;
    static const struct str ok = {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 40};
    struct rig r;
    rig_init(&r);
    peer_send(&r, ok);
    turn(&r);
    assert_trace(&r, "<closed upstream_bad_head>");
    rig_fini(&r);

    rig_init(&r);
    fd_close(&r.peer);
    turn(&r);
    assert_trace(&r, "<closed upstream_closed>");
    rig_fini(&r);

    /* A second answer behind the first. */
    rig_init(&r);
    get(&r);
    peer_send(&r, STR("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n\r\n"));
    turn(&r);
    assert_trace(&r, "head 200 length;ok<end><closed not_kept_alive>");
    rig_fini(&r);
}

static void test_h1_client_head_limit(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    get(&r);
    char big[HEAD_MAX + 64];
    memset(big, 'a', sizeof(big));
    peer_send(&r, STR("HTTP/1.1 200 OK\r\nX: "));
    peer_send(&r, str_n(big, sizeof(big)));
    turn(&r);
    assert_trace(&r, "<abort upstream_header_too_large><closed upstream_header_too_large>");
    rig_fini(&r);
}

static void test_h1_client_interim_limit(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    get(&r);
    for (int i = 0; i < 40; i++) {
        (void)!send(r.peer, "HTTP/1.1 102 P\r\n\r\n", 18, MSG_NOSIGNAL);
        turn(&r);
    }
    assert_int_equal(r.events, 33);
    assert_null(r.client);
    rig_fini(&r);
}

static void test_h1_client_sends_chunked_and_counted_bodies(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    request(&r, "POST", (struct body){.kind = BODY_CHUNKED}, "");
    channel_send_data(r.channel, STR("hello"));
    channel_send_data(r.channel, STR(" world, ok"));
    channel_send_end(r.channel);
    turn(&r);
    struct str got = peer_take(&r);
    assert_true(str_ends(got, STR("\r\n\r\n5\r\nhello\r\na\r\n world, ok\r\n0\r\n\r\n")));
    peer_send(&r, STR("HTTP/1.1 204 No Content\r\n\r\n"));
    turn(&r);
    assert_trace(&r, "head 204 none;" OK_END);

    request(&r, "PUT", (struct body){.kind = BODY_LENGTH, .length = 5}, "");
    turn(&r);
    assert_true(peer_take(&r).len > 0); /* the head does not wait longer than the turn */
    channel_send_data(r.channel, STR("he"));
    channel_send_data(r.channel, STR("llo"));
    channel_send_end(r.channel);
    assert_true(str_eq(peer_take(&r), STR("hello")));
    peer_send(&r, STR("HTTP/1.1 204 No Content\r\n\r\n"));
    turn(&r);
    assert_trace(&r, "head 204 none;" OK_END "head 204 none;" OK_END);
    rig_fini(&r);
}

static void test_h1_client_early_answer_ends_the_connection(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    request(&r, "POST", (struct body){.kind = BODY_CHUNKED}, "");
    channel_send_data(r.channel, STR("hello"));
    turn(&r);
    peer_send(&r, STR("HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno"));
    turn(&r);
    assert_trace(&r, "head 413 length;no<end>");
    channel_send_data(r.channel, STR("more"));
    channel_send_end(r.channel);
    assert_trace(&r, "head 413 length;no<end>");
    turn(&r);
    assert_trace(&r, "head 413 length;no<end><closed not_kept_alive>");
    rig_fini(&r);
}

/* The service answers, closes, and the body still being sent hits a closed socket: the answer must
 * come through all the same. */
static void test_h1_client_early_answer_survives_the_close(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    request(&r, "POST", (struct body){.kind = BODY_CHUNKED}, "");
    turn(&r);
    (void)peer_take(&r);
    peer_send(&r, STR("HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno"));
    fd_close(&r.peer);
    r.in_op = true;
    channel_send_data(r.channel, STR("hello"));
    channel_send_data(r.channel, STR("hello"));
    r.in_op = false;
    turn(&r);
    assert_trace(&r, "head 413 length;no<end><abort upstream_closed><closed upstream_closed>");
    rig_fini(&r);
}

static void test_h1_client_back_pressure_of_requests(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    request(&r, "POST", (struct body){.kind = BODY_LENGTH, .length = 4 << 20}, "");
    char piece[16384];
    memset(piece, 'x', sizeof(piece));
    size_t sent = 0;
    size_t got = 0;
    unsigned pauses = 0;
    while (got < 4 << 20) {
        while (sent < 4 << 20 && channel_unsent(r.channel) <= CHANNEL_HIGH) {
            channel_send_data(r.channel, str_n(piece, sizeof(piece)));
            sent += sizeof(piece);
        }
        assert_true(channel_unsent(r.channel) <= CHANNEL_HIGH + sizeof(piece));
        buf_clear(&r.trace);
        pauses += channel_unsent(r.channel) > CHANNEL_HIGH;
        bool told = channel_unsent(r.channel) <= CHANNEL_HIGH;
        while (!told || (sent == 4 << 20 && got < 4 << 20)) {
            struct str bytes = peer_take(&r);
            for (size_t i = 0; i < bytes.len; i++) {
                got += bytes.ptr[i] == 'x';
            }
            arena_reset(&r.arena);
            turn(&r);
            told = told || buf_len(&r.trace) > 0;
        }
    }
    /* The target "/x" is one of them. */
    assert_int_equal(got, (4 << 20) + 1);
    assert_true(pauses > 1);
    channel_send_end(r.channel);
    rig_fini(&r);
}

static void test_h1_client_back_pressure_of_responses(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    get(&r);
    r.deed = DEED_PAUSE;
    r.deed_at = 2; /* the first data */
    peer_send(&r, STR("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                      "3\r\none\r\n3\r\ntwo\r\n5\r\nthree\r\n0\r\n\r\n"));
    turn(&r);
    assert_trace(&r, "head 200 chunked;one");
    r.in_op = true;
    channel_read(r.channel, true);
    r.in_op = false;
    turn(&r);
    assert_trace(&r, "head 200 chunked;onetwothree" OK_END);
    rig_fini(&r);

    /* A paused owner leaves the rest in the kernel, and the end of the connection too. */
    rig_init(&r);
    get(&r);
    (void)peer_take(&r); /* or closing would reset */
    peer_send(&r, STR("HTTP/1.0 200 OK\r\n\r\n"));
    turn(&r);
    channel_read(r.channel, false);
    peer_send(&r, STR("later"));
    fd_close(&r.peer);
    turn(&r);
    assert_trace(&r, "head 200 close;");
    channel_read(r.channel, true);
    turn(&r);
    assert_trace(&r, "head 200 close;later<end><closed not_kept_alive>");
    rig_fini(&r);
}

static void begin_tunnel(struct rig *r)
{
    rig_init(r);
    request(r, "GET", (struct body){.kind = BODY_NONE}, "websocket");
    turn(r);
    struct str got = peer_take(r);
    assert_true(str_ends(got, STR("\r\n\r\n")));
    peer_send(r, STR("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
                     "Upgrade: websocket\r\n\r\nhi"));
    turn(r);
    assert_trace(r, "head 101 tunnel;hi");
}

static void test_h1_client_tunnel_closes_by_halves(void **state)
{
    (void)state;
    struct rig r;
    begin_tunnel(&r);
    channel_send_data(r.channel, STR("ping"));
    assert_true(str_eq(peer_take(&r), STR("ping")));
    (void)shutdown(r.peer, SHUT_WR);
    turn(&r);
    assert_trace(&r, "head 101 tunnel;hi<end>");
    channel_send_data(r.channel, STR("bye"));
    channel_send_end(r.channel);
    turn(&r);
    assert_trace(&r, "head 101 tunnel;hi<end><closed not_kept_alive>");
    assert_true(str_eq(peer_take(&r), STR("bye")));
    char byte = 0;
    assert_int_equal(recv(r.peer, &byte, 1, 0), 0);
    rig_fini(&r);

    begin_tunnel(&r);
    channel_send_end(r.channel);
    turn(&r);
    char last = 0;
    assert_int_equal(recv(r.peer, &last, 1, 0), 0);
    peer_send(&r, STR("!"));
    turn(&r);
    fd_close(&r.peer);
    turn(&r);
    assert_trace(&r, "head 101 tunnel;hi!<end><closed not_kept_alive>");
    rig_fini(&r);
}

static void test_h1_client_tunnel_lost_both_ways(void **state)
{
    (void)state;
    struct rig r;
    begin_tunnel(&r);
    (void)shutdown(r.peer, SHUT_WR);
    turn(&r);
    fd_close(&r.peer);
    r.in_op = true;
    channel_send_data(r.channel, STR("nobody hears"));
    r.in_op = false;
    turn(&r);
    assert_trace(&r, "head 101 tunnel;hi<end><abort upstream_reset><closed upstream_reset>");
    rig_fini(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_h1_client_same_events_however_cut),
        cmocka_unit_test(test_h1_client_same_events_however_paused),
        cmocka_unit_test(test_h1_client_owner_acts_in_any_callback),
        cmocka_unit_test(test_h1_client_reset_tells_closed_only),
        cmocka_unit_test(test_h1_client_takes_one_exchange_after_another),
        cmocka_unit_test(test_h1_client_believes_nothing_unasked),
        cmocka_unit_test(test_h1_client_head_limit),
        cmocka_unit_test(test_h1_client_interim_limit),
        cmocka_unit_test(test_h1_client_sends_chunked_and_counted_bodies),
        cmocka_unit_test(test_h1_client_early_answer_ends_the_connection),
        cmocka_unit_test(test_h1_client_early_answer_survives_the_close),
        cmocka_unit_test(test_h1_client_back_pressure_of_requests),
        cmocka_unit_test(test_h1_client_back_pressure_of_responses),
        cmocka_unit_test(test_h1_client_tunnel_closes_by_halves),
        cmocka_unit_test(test_h1_client_tunnel_lost_both_ways),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
