/* SPDX-License-Identifier: MIT */
/* The client side of HTTP/1.1: responses, and how connections end. */
#include "h1_client_rig.h"

struct reply_case {
    const char *method;
    const char *upgrade;
    const char *bytes;
    bool eof;
    const char *trace;
};

/* One field more than the limit. */
#define MANY                                                                                       \
    "a:\r\na:\r\na:\r\na:\r\na:\r\na:\r\na:\r\na:\r\na:\r\na:\r\na:\r\na:\r\na:\r\na:\r\na:\r\na:" \
    "\r\na:\r\n"

#define SWITCH      "HTTP/1.1 101 Switching Protocols\r\n"
#define BAD_UPGRADE "<abort upstream_bad_upgrade><closed upstream_bad_upgrade>"

static const struct reply_case replies[] = {
    {"GET", "", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", false,
     "head 200 length;hello" OK_END},
    {"GET", "", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false, "head 200 none;" OK_END},
    {"GET", "",
     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;x=y\r\n world\r\n"
     "0\r\nT: 1\r\nContent-Length: 3\r\n\r\n",
     false, "head 200 chunked;hello world<T: 1>" OK_END},
    {"GET", "", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nHost: x\r\n\r\n", false,
     "head 200 chunked;" OK_END},
    {"GET", "", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" MANY "\r\n", false,
     "head 200 chunked;<abort upstream_bad_chunk><closed upstream_bad_chunk>"},
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
    {"GET", "a, b", SWITCH "Connection: x, Upgrade\r\nUpgrade: B\r\n\r\n", true,
     "head 101 tunnel;<end>"},
    {"GET", "a, b", SWITCH "Connection: upgrade\r\nUpgrade: a\r\nUpgrade: b\r\n\r\n", true,
     "head 101 tunnel;<end>"},
    /* another protocol than offered, one more, none, or not said in Connection */
    {"GET", "a", SWITCH "Connection: upgrade\r\nUpgrade: b\r\n\r\n", false, BAD_UPGRADE},
    {"GET", "a", SWITCH "Connection: upgrade\r\nUpgrade: a, b\r\n\r\n", false, BAD_UPGRADE},
    {"GET", "a", SWITCH "Connection: upgrade\r\nUpgrade:\r\n\r\n", false, BAD_UPGRADE},
    {"GET", "a", SWITCH "Connection: upgrade\r\n\r\n", false, BAD_UPGRADE},
    {"GET", "a", SWITCH "Upgrade: a\r\n\r\n", false, BAD_UPGRADE},
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

/* Interim responses are bounded in number and in bytes: HEAD_MAX for all of them together. */
static void test_h1_client_bounds_interim_responses(void **state)
{
    (void)state;
    static const struct {
        size_t count;
        size_t filler;
        const char *why;
    } table[] = {
        {32, 1, NULL},
        {33, 1, "<abort upstream_bad_head>"},
        {2, HEAD_MAX / 2 - 100, NULL},
        {3, HEAD_MAX / 2 - 100, "<abort upstream_header_too_large>"},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct rig r;
        char filler[HEAD_MAX];
        memset(filler, 'x', sizeof(filler));
        rig_init(&r);
        get(&r);
        for (size_t k = 0; k < table[i].count && r.client != NULL; k++) {
            peer_send(&r, arena_printf(&r.arena, "HTTP/1.1 103 Early Hints\r\nLink: %.*s\r\n\r\n",
                                       (int)table[i].filler, filler));
            turn(&r);
        }
        struct str all = arena_dup(&r.arena, buf_str(&r.trace));
        assert_true((table[i].why != NULL) == (r.client == NULL));
        assert_true(table[i].why == NULL || strstr(all.ptr, table[i].why) != NULL);
        rig_fini(&r);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_h1_client_bounds_interim_responses),
        cmocka_unit_test(test_h1_client_same_events_however_cut),
        cmocka_unit_test(test_h1_client_same_events_however_paused),
        cmocka_unit_test(test_h1_client_owner_acts_in_any_callback),
        cmocka_unit_test(test_h1_client_reset_tells_closed_only),
        cmocka_unit_test(test_h1_client_takes_one_exchange_after_another),
        cmocka_unit_test(test_h1_client_believes_nothing_unasked),
        cmocka_unit_test(test_h1_client_head_limit),
        cmocka_unit_test(test_h1_client_interim_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
