/* SPDX-License-Identifier: MIT */
#include "h2_client_rig.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void test_h2_client_has_room_once_greeted(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    receive(&r);
    assert_true(str_starts(buf_str(&r.got), STR(PREFACE)));
    assert_false(client_has_room(r.client));
    assert_int_equal(r.room, 0);
    send_settings(&r, 0, 0);
    assert_int_equal(r.room, 1);
    assert_true(client_has_room(r.client));
    assert_string_equal(r.client->ops->protocol, "HTTP/2");
    rig_fini(&r);

    /* SETTINGS that allow no stream are no greeting yet. */
    rig_init(&r);
    send_settings(&r, 3, 0);
    assert_int_equal(r.room, 0);
    const char five[6] = {0, 3, 0, 0, 0, 5};
    send_frame(&r, SETTINGS, 0, 0, str_n(five, sizeof(five)));
    turn(&r);
    assert_int_equal(r.room, 1);
    rig_fini(&r);

    /* HTTP/1.1 is none. */
    rig_init(&r);
    send_bytes(&r, STR("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"));
    turn(&r);
    assert_null(r.client);
    assert_int_equal(r.room, 0);
    rig_fini(&r);
}

static void test_h2_client_runs_exchanges_side_by_side(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    send_settings(&r, 0, 0);
    struct use *a = get(&r);
    struct use *b = get(&r);
    send_head(&r, 1, ":status: 103\nlink: x", false);
    send_head(&r, 3, ":status: 200\ncontent-length: 6", false);
    send_head(&r, 1, ":status: 200\ncontent-type: text/plain", false);
    send_text(&r, 3, "abc", false);
    send_text(&r, 1, "hello", false);
    turn(&r);
    assert_true(a->use.answered && b->use.answered);
    send_text(&r, 3, "def", true);
    send_head(&r, 1, "grpc-status: 0\nx-y: z", true);
    turn(&r);
    assert_trace(a, "103 none;200 chunked;hello<grpc-status=0><x-y=z><end>");
    assert_trace(b, "200 length;abcdef<end>");
    assert_null(a->use.channel);
    /* An answer that ends with its head. */
    struct use *c = get(&r);
    send_head(&r, 5, ":status: 404", true);
    turn(&r);
    assert_trace(c, "404 none;<end>");
    assert_int_equal(got_reset(&r, 1), -1);
    rig_fini(&r);
}

static void test_h2_client_keeps_to_the_services_bound(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    send_settings(&r, 3, 2);
    struct use *a = get(&r);
    assert_true(client_has_room(r.client));
    get(&r);
    assert_false(client_has_room(r.client));
    send_head(&r, 1, ":status: 204", true);
    turn(&r);
    assert_trace(a, "204 none;<end>");
    assert_true(client_has_room(r.client));
    rig_fini(&r);
}

static void test_h2_client_goaway(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    send_settings(&r, 0, 0);
    struct use *a = get(&r);
    struct use *b = get(&r);
    send_numbers(&r, GOAWAY, 0, 1, NO_ERROR);
    turn(&r);
    assert_trace(b, "upstream_refused");
    assert_true(b->use.unprocessed);
    assert_false(client_has_room(r.client));
    send_head(&r, 1, ":status: 200", false);
    send_text(&r, 1, "last", true);
    turn(&r);
    assert_trace(a, "200 chunked;last<end>");
    assert_false(a->use.unprocessed);
    assert_null(r.client);
    assert_int_equal(r.closed, WHY_NOT_KEPT_ALIVE);
    rig_fini(&r);

    /* An idle connection ends at once, and so does a request that had not been sent. */
    rig_init(&r);
    send_settings(&r, 0, 0);
    send_numbers(&r, GOAWAY, 0, 0, NO_ERROR);
    turn(&r);
    assert_null(r.client);
    rig_fini(&r);
}

static void test_h2_client_resets(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    send_settings(&r, 0, 0);
    struct use *refused = get(&r);
    struct use *reset = get(&r);
    struct use *inside = get(&r);
    struct use *early = begin(&r, "POST", (struct body){BODY_CHUNKED, 0}, "");
    struct use *ours = get(&r);
    turn(&r);
    send_numbers(&r, RST_STREAM, 1, REFUSED_STREAM, 0);
    send_numbers(&r, RST_STREAM, 3, INTERNAL_ERROR, 0);
    send_head(&r, 5, ":status: 200", false);
    send_numbers(&r, RST_STREAM, 5, CANCEL, 0);
    send_head(&r, 7, ":status: 413", true);
    send_numbers(&r, RST_STREAM, 7, NO_ERROR, 0);
    turn(&r);
    assert_trace(refused, "upstream_refused");
    assert_true(refused->use.unprocessed);
    assert_trace(reset, "upstream_stream_reset");
    assert_false(reset->use.unprocessed);
    assert_trace(inside, "200 chunked;upstream_stream_reset");
    /* RFC 9113 section 8.1: the whole answer is there, the rest of the request is not wanted. */
    assert_trace(early, "413 none;<end>");
    /* What is given up reaches the service in the same turn, and the connection goes on. */
    channel_reset(ours->channel, WHY_CLIENT_ABORT);
    ours->channel = NULL;
    assert_null(ours->use.channel);
    assert_int_equal(got_reset(&r, 9), CANCEL);
    send_head(&r, 9, ":status: 200", true); /* was on its way */
    struct use *next = get(&r);
    send_head(&r, 11, ":status: 200", true);
    turn(&r);
    assert_trace(next, "200 none;<end>");
    /* One that was never sent. */
    struct use *unsent = begin(&r, "GET", (struct body){BODY_NONE, 0}, "");
    channel_reset(unsent->channel, WHY_CLIENT_ABORT);
    unsent->channel = NULL;
    turn(&r);
    assert_true(client_has_room(r.client));
    rig_fini(&r);
}

static void test_h2_client_refuses_malformed_answers(void **state)
{
    (void)state;
    static const struct {
        const char *head;
        const char *data; /* with END_STREAM; NULL: the head has it */
        const char *trace;
    } cases[] = {
        {"content-type: x", NULL, "upstream_bad_head"},
        {":status: 200\n:status: 200", NULL, "upstream_bad_head"},
        {":status: 20", NULL, "upstream_bad_head"},
        {":status: 2000", NULL, "upstream_bad_head"},
        {":status: 099", NULL, "upstream_bad_head"},
        {":status: 101", "", "upstream_bad_head"},
        {":status: 100", NULL, "upstream_bad_head"},
        {":status: 100", "x", "100 none;upstream_bad_framing"},
        {":status: 100", "", "100 none;upstream_bad_framing"},
        {":status: 200\n:path: /", NULL, "upstream_bad_head"},
        {":status: 200\nX-Upper: 1", NULL, "upstream_bad_head"},
        {":status: 200\nconnection: close", NULL, "upstream_bad_head"},
        {":status: 200\ntransfer-encoding: chunked", NULL, "upstream_bad_head"},
        {"x: y\n:status: 200", NULL, "upstream_bad_head"},
        {":status: 200\nx: a\rb", NULL, "upstream_bad_head"},
        {":status: 200\ncontent-length: 5", NULL, "upstream_bad_framing"},
        {":status: 200\ncontent-length: 5", "1234", "200 length;1234upstream_bad_framing"},
        {":status: 200\ncontent-length: 5", "123456", "200 length;upstream_bad_framing"},
        {":status: 200\ncontent-length: 0", "1", "200 none;upstream_bad_framing"},
        {":status: 200\ncontent-length: 5\ncontent-length: 5", "12345", "upstream_bad_head"},
        {":status: 200\ncontent-length: +5", "12345", "upstream_bad_head"},
        {":status: 204", "1", "204 none;upstream_bad_framing"},
        {":status: 304\ncontent-length: 5", NULL, "304 none;<end>"},
        {":status: 304\ncontent-length: 5", "", "304 none;<end>"},
        {":status: 304\ncontent-length: 5", "12345", "304 none;upstream_bad_framing"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rig r;
        rig_init(&r);
        send_settings(&r, 0, 0);
        struct use *u = get(&r);
        struct use *other = get(&r);
        send_head(&r, 1, cases[i].head, cases[i].data == NULL);
        if (cases[i].data != NULL) {
            send_text(&r, 1, cases[i].data, true);
        }
        turn(&r);
        assert_trace(u, cases[i].trace);
        /* It is the stream's error, not the connection's. */
        send_head(&r, 3, ":status: 200", true);
        turn(&r);
        assert_trace(other, "200 none;<end>");
        rig_fini(&r);
    }
}

static void test_h2_client_ends_with_a_broken_service(void **state)
{
    (void)state;
    static const struct {
        int type;
        uint32_t id;
        const char *payload;
        const char *trace;
    } cases[] = {
        {PUSH_PROMISE, 1, "\1\1\1\2\x88", "upstream_h2_protocol"},
        {DATA, 1, "early", "upstream_h2_protocol"},
        {DATA, 0, "x", "upstream_h2_protocol"},
        {HEADERS, 2, "\x88", "upstream_h2_protocol"},
        {HEADERS, 99, "\x88", "upstream_h2_protocol"},
        {HEADERS, 1, "\xff\xff\xff\xff\xff\xff", "upstream_h2_protocol"},
        {SETTINGS, 0, "odd", "upstream_h2_protocol"},
        {PING, 0, "short", "upstream_h2_protocol"},
        {CONTINUATION, 1, "\x88", "upstream_h2_protocol"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rig r;
        rig_init(&r);
        send_settings(&r, 0, 0);
        struct use *u = get(&r);
        send_frame(&r, cases[i].type, END_HEADERS, cases[i].id, str_of(cases[i].payload));
        turn(&r);
        assert_trace(u, cases[i].trace);
        assert_null(r.client);
        rig_fini(&r);
    }
}

static void test_h2_client_end_of_the_connection(void **state)
{
    (void)state;
    for (int answered = 0; answered < 2; answered++) {
        struct rig r;
        rig_init(&r);
        send_settings(&r, 0, 0);
        struct use *u = get(&r);
        if (answered) {
            send_head(&r, 1, ":status: 200", false);
            turn(&r);
        }
        receive(&r); /* a socket closed with something unread is reset */
        fd_close(&r.peer);
        turn(&r);
        assert_trace(u, answered ? "200 chunked;upstream_cut" : "upstream_closed");
        assert_null(r.client);
        rig_fini(&r);
    }
}

static void test_h2_client_bounds_heads_and_floods(void **state)
{
    (void)state;
    struct rig r;
    struct buf lines;
    rig_init(&r);
    send_settings(&r, 0, 0);
    struct use *u = get(&r);
    buf_init(&lines, 65536);
    assert_int_equal(buf_append_str(&lines, STR(":status: 200")), OK);
    for (int i = 0; i < 17; i++) {
        assert_int_equal(buf_printf(&lines, "\nx-%d: y", i), OK);
    }
    assert_int_equal(buf_append(&lines, "", 1), OK);
    send_head(&r, 1, (const char *)lines.data + lines.head, true);
    turn(&r);
    assert_trace(u, "upstream_header_too_large");
    buf_fini(&lines);
    struct use *second = get(&r);
    for (int i = 0; i < 33; i++) {
        send_head(&r, 3, ":status: 103", false);
        turn(&r);
    }
    assert_true(str_find(buf_str(&second->trace), '1') == 0);
    assert_null(second->channel);
    struct use *third = get(&r);
    for (int i = 0; i < 3000 && r.client != NULL; i++) {
        send_frame(&r, PING, 0, 0, STR("12345678"));
        receive(&r);
        buf_clear(&r.got);
    }
    assert_null(r.client);
    assert_trace(third, "upstream_h2_flood");
    rig_fini(&r);
}

static void test_h2_client_idle_connection_takes_no_answers(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    send_settings(&r, 0, 0);
    /* For a stream that never was. */
    send_head(&r, 1, ":status: 200", true);
    turn(&r);
    assert_null(r.client);
    rig_fini(&r);
    /* For one that is over: some may be on their way, not any number. */
    rig_init(&r);
    send_settings(&r, 0, 0);
    get(&r);
    send_head(&r, 1, ":status: 200", true);
    turn(&r);
    static char piece[16384];
    for (int i = 0; i < 60; i++) {
        send_frame(&r, DATA, 0, 1, str_n(piece, sizeof(piece)));
        receive(&r);
        assert_non_null(r.client);
    }
    for (int i = 0; i < 10; i++) {
        send_frame(&r, DATA, 0, 1, str_n(piece, sizeof(piece)));
        receive(&r);
    }
    assert_null(r.client);
    assert_int_equal(r.closed, WHY_UPSTREAM_H2_FLOOD);
    rig_fini(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_h2_client_has_room_once_greeted),
        cmocka_unit_test(test_h2_client_runs_exchanges_side_by_side),
        cmocka_unit_test(test_h2_client_keeps_to_the_services_bound),
        cmocka_unit_test(test_h2_client_goaway),
        cmocka_unit_test(test_h2_client_resets),
        cmocka_unit_test(test_h2_client_refuses_malformed_answers),
        cmocka_unit_test(test_h2_client_ends_with_a_broken_service),
        cmocka_unit_test(test_h2_client_end_of_the_connection),
        cmocka_unit_test(test_h2_client_bounds_heads_and_floods),
        cmocka_unit_test(test_h2_client_idle_connection_takes_no_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
