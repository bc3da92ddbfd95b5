/* SPDX-License-Identifier: MIT */
/* Requests and answers of HTTP/2: many at a time, bodies, trailers, flow control, ends. */
#include "base/fold.h"
#include "h2_rig.h"

static struct rig rig; /* large, so not on the stack */

static void test_server_answers(void **state)
{
    struct rig *r = &rig;
    (void)state;
    rig_open(r, RIG_ANSWER);
    assert_traced(r, "idle");
    rig_get(r, 1);
    rig_turns(r);
    struct rig_got *g = got_of(r, 1);
    assert_string_equal(g->head, ":status: 200\nx-test: yes\ncontent-length: 2\n");
    assert_true(g->data == 2 && g->ended && g->reset == -1);
    assert_traced(r, "begin request idle");
    assert_true(r->asks[0].version == HTTP_2 && r->asks[0].body.kind == BODY_NONE);
    rig_headers(r, 3, END_STREAM, ":method=HEAD|:scheme=http|:authority=a|:path=/");
    rig_turns(r);
    assert_true(got_of(r, 3)->ended && got_of(r, 3)->data == 0);
    assert_int_equal(r->goaway, -1);
    rig_close(r);
}

static void test_server_many_at_a_time(void **state)
{
    struct rig *r = &rig;
    (void)state;
    rig_open_as(r, RIG_KEEP, true); /* a client that does not know the limit yet */
    for (uint32_t id = 1; id < 2 * RIG_STREAMS; id += 2) {
        rig_get(r, id);
    }
    rig_turns(r);
    assert_int_equal(r->ask_count, RIG_STREAMS);
    rig_get(r, 2 * RIG_STREAMS + 1); /* one too many */
    rig_turns(r);
    assert_int_equal(r->ask_count, RIG_STREAMS);
    assert_int_equal(got_of(r, 2 * RIG_STREAMS + 1)->reset, NGHTTP2_REFUSED_STREAM);
    for (size_t i = RIG_STREAMS; i > 0; i--) { /* in another order */
        rig_answer(&r->asks[i - 1], "ok");
    }
    rig_turns(r);
    for (uint32_t id = 1; id < 2 * RIG_STREAMS; id += 2) {
        assert_true(got_of(r, id)->ended && got_of(r, id)->data == 2);
    }
    rig_close(r);
}

/* A head without a body is a whole answer on the wire; the owner, who waits for a service to say so
 * as well, may use the channel until it has said that it was all. */
static void test_server_head_alone(void **state)
{
    struct rig *r = &rig;
    (void)state;
    rig_open(r, RIG_KEEP);
    for (uint32_t id = 1; id <= 5; id += 2) {
        rig_get(r, id);
        rig_turns(r);
        struct rig_ask *a = &r->asks[r->ask_count - 1];
        rig_head(a, 204, (struct body){BODY_NONE, 0});
        rig_turns(r);
        assert_true(got_of(r, id)->ended && got_of(r, id)->reset == -1);
        switch (id) {
        case 1: channel_send_end(a->ch); break;
        case 3: channel_reset(a->ch, WHY_UPSTREAM_BAD_FRAMING); break;
        default: rig_let_go(a); break;
        }
        rig_turns(r);
    }
    assert_traced(r, "idle begin request idle begin request idle begin request idle");
    rig_close(r);
}

static void test_server_body_in(void **state)
{
    struct rig *r = &rig;
    (void)state;
    rig_open(r, RIG_KEEP);
    rig_headers(r, 1, 0, ":method=POST|:scheme=http|:authority=a|:path=/|content-length=30000");
    rig_data(r, 1, 0, 16000);
    rig_turns(r);
    struct rig_ask *a = &r->asks[0];
    assert_true(a->body.kind == BODY_LENGTH && a->body.length == 30000);
    assert_true(a->data == 16000 && !a->ended);
    channel_read(a->ch, false);
    rig_data(r, 1, 0, 14000);
    rig_frame(r, F_DATA, END_STREAM, 1, STR(""));
    rig_turns(r);
    assert_true(a->data == 16000 && !a->ended);
    channel_read(a->ch, true);
    rig_turns(r);
    assert_true(a->data == 30000 && a->ended);
    rig_answer(a, "ok");
    rig_turns(r);
    assert_true(got_of(r, 1)->ended && got_of(r, 1)->reset == -1);
    rig_close(r);
}

/* The window comes back as the owner reads, and only then. */
static void test_server_window(void **state)
{
    struct rig *r = &rig;
    (void)state;
    rig_open(r, RIG_KEEP);
    unsigned before = r->window_updates; /* the connection's own */
    rig_post(r, 1);
    rig_turns(r);
    channel_read(r->asks[0].ch, false);
    for (int i = 0; i < 4; i++) {
        rig_data(r, 1, 0, 16384);
    }
    rig_turns(r);
    assert_int_equal(r->asks[0].data, 0);
    assert_int_equal(r->window_updates, before);
    rig_post(r, 3); /* another stream still has the connection's other half */
    rig_data(r, 3, END_STREAM, 16384);
    rig_turns(r);
    assert_true(r->asks[1].data == 16384 && r->asks[1].ended);
    channel_read(r->asks[0].ch, true);
    rig_turns(r);
    assert_int_equal(r->asks[0].data, 65536);
    assert_true(r->window_updates > before);
    assert_int_equal(r->goaway, -1);
    rig_close(r);
}

/* Bytes that nobody will read do not shrink the connection's window for ever. */
static void test_server_window_of_dropped_bodies(void **state)
{
    struct rig *r = &rig;
    (void)state;
    rig_open(r, RIG_KEEP);
    for (uint32_t id = 1; id < 41; id += 2) { /* 20 * 64 kB is ten times the window */
        rig_post(r, id);
        rig_turns(r);
        channel_read(r->asks[id / 2].ch, false);
        for (int k = 0; k < 4; k++) {
            rig_data(r, id, 0, 16384);
        }
        rig_turns(r);
        rig_u32(r, F_RST, id, NGHTTP2_CANCEL);
        rig_turns(r);
        assert_int_equal(r->asks[id / 2].abort, WHY_CLIENT_ABORT);
    }
    assert_int_equal(r->goaway, -1);
    rig_close(r);
}

static void test_server_stalled_stream_stalls_no_other(void **state)
{
    struct rig *r = &rig;
    static char bytes[CHANNEL_HIGH + 65536];
    (void)state;
    rig_open(r, RIG_KEEP);
    rig_get(r, 1);
    rig_turns(r);
    rig_head(&r->asks[0], 200, (struct body){BODY_CHUNKED, 0});
    channel_send_data(r->asks[0].ch, str_n(bytes, sizeof(bytes)));
    rig_turns(r);
    assert_int_equal(got_of(r, 1)->data, 65535); /* its window, and the connection's */
    assert_true(channel_unsent(r->asks[0].ch) > CHANNEL_HIGH - 65536);
    rig_u32(r, F_WINDOW, 0, 1 << 20);
    rig_get(r, 3);
    rig_turns(r);
    rig_answer(&r->asks[1], "ok");
    rig_turns(r);
    assert_true(got_of(r, 3)->ended);
    assert_false(r->asks[0].writable);
    rig_u32(r, F_WINDOW, 1, 1 << 20);
    rig_turns(r);
    assert_int_equal(got_of(r, 1)->data, sizeof(bytes));
    assert_true(r->asks[0].writable);
    channel_send_end(r->asks[0].ch);
    rig_let_go(&r->asks[0]);
    rig_turns(r);
    assert_true(got_of(r, 1)->ended);
    rig_close(r);
}

static void test_server_trailers_and_interim(void **state)
{
    struct rig *r = &rig;
    struct message m;
    (void)state;
    rig_open(r, RIG_KEEP);
    rig_post(r, 1);
    rig_data(r, 1, 0, 10);
    rig_headers(r, 1, END_STREAM, "x-sum=1|host=b");
    rig_turns(r);
    struct rig_ask *a = &r->asks[0];
    assert_true(a->ended && a->data == 10);
    assert_str(a->trailers, STR("x-sum: 1\n"), "trailers");
    rig_head(a, 103, (struct body){BODY_NONE, 0});
    rig_head(a, 200, (struct body){BODY_CHUNKED, 0});
    channel_send_data(a->ch, STR("body"));
    message_init(&m, a->m->arena);
    message_add(&m, STR("Grpc-Status"), STR("0"));
    channel_send_trailers(a->ch, &m);
    channel_send_end(a->ch);
    rig_let_go(a);
    rig_turns(r);
    assert_string_equal(got_of(r, 1)->head, ":status: 103\nx-test: yes\n:status: 200\nx-test: yes\n"
                                            "grpc-status: 0\n");
    assert_true(got_of(r, 1)->ended && got_of(r, 1)->data == 4);
    rig_close(r);
}

static void test_server_early_answer(void **state)
{
    struct rig *r = &rig;
    (void)state;
    rig_open(r, RIG_ANSWER);
    rig_post(r, 1);
    rig_turns(r);
    assert_true(got_of(r, 1)->ended && got_of(r, 1)->data == 2);
    rig_pass(r, 2900); /* it may read the answer first */
    assert_int_equal(got_of(r, 1)->reset, -1);
    rig_pass(r, 200);
    assert_int_equal(got_of(r, 1)->reset, NGHTTP2_NO_ERROR); /* RFC 9113 section 8.1 */
    rig_data(r, 1, 0, 100); /* on its way meanwhile, with trailers */
    rig_headers(r, 1, END_STREAM, "x-sum=1");
    rig_get(r, 3);
    rig_turns(r);
    assert_true(got_of(r, 3)->ended && r->goaway == -1);
    rig_close(r);
}

/* A client that ends a short request by itself is told nothing more; the windows stay open for it,
 * and the stream is over. */
static void test_server_early_answer_to_a_short_request(void **state)
{
    struct rig *r = &rig;
    (void)state;
    rig_open(r, RIG_ANSWER);
    for (uint32_t id = 1; id < 10 * RIG_STREAMS; id += 2) {
        rig_post(r, id);
        rig_turns(r);
        assert_true(got_of(r, id)->ended);
        for (int i = 0; i < 8; i++) { /* twice the stream's window in all */
            rig_data(r, id, 0, 16384);
            rig_turns(r);
        }
        rig_data(r, id, END_STREAM, 1);
        rig_turns(r);
        assert_int_equal(got_of(r, id)->reset, -1);
    }
    assert_true(r->goaway == -1 && r->window_updates > 0);
    rig_close(r);
}

/* One that goes on for ever gets no more window than was set aside, and RST_STREAM in time. */
static void test_server_early_answer_to_an_endless_request(void **state)
{
    struct rig *r = &rig;
    (void)state;
    rig_open(r, RIG_ANSWER);
    rig_post(r, 1);
    rig_turns(r);
    for (int i = 0; i < 64 * 5 && got_of(r, 1)->reset == -1; i++) {
        rig_data(r, 1, 0, 16384);
        rig_turns(r);
    }
    assert_int_equal(got_of(r, 1)->reset, NGHTTP2_FLOW_CONTROL_ERROR); /* past its window */
    rig_get(r, 3);
    rig_turns(r);
    assert_true(got_of(r, 3)->ended && r->goaway == -1);
    rig_close(r);
}

static void test_server_resets(void **state)
{
    struct rig *r = &rig;
    (void)state;
    rig_open(r, RIG_KEEP);
    rig_get(r, 1);
    rig_get(r, 3);
    rig_get(r, 5);
    rig_turns(r);
    rig_u32(r, F_RST, 1, NGHTTP2_CANCEL);
    rig_turns(r);
    assert_int_equal(r->asks[0].abort, WHY_CLIENT_ABORT);
    channel_reset(r->asks[1].ch, WHY_UPSTREAM_CUT);
    rig_turns(r);
    assert_int_equal(got_of(r, 3)->reset, NGHTTP2_INTERNAL_ERROR);
    assert_int_equal(r->asks[1].abort, WHY_NONE);
    /* A promised length that is not kept. */
    rig_head(&r->asks[2], 200, (struct body){BODY_LENGTH, 10});
    channel_send_data(r->asks[2].ch, STR("1234"));
    channel_send_end(r->asks[2].ch);
    rig_turns(r);
    assert_true(got_of(r, 5)->reset == NGHTTP2_INTERNAL_ERROR && !got_of(r, 5)->ended);
    assert_int_equal(r->asks[2].abort, WHY_UPSTREAM_CUT);
    rig_close(r);
}

static void test_server_refuses_what_is_too_large(void **state)
{
    struct rig *r = &rig;
    char fields[5100] = ":method=GET|:scheme=http|:authority=a|:path=/|x=";
    (void)state;
    memset(fields + strlen(fields), 'x', 5000 - strlen(fields));
    rig_open(r, RIG_ANSWER);
    rig_headers(r, 1, END_STREAM, fields);
    rig_turns(r);
    assert_traced(r, "header_too_large");
    assert_true(got_of(r, 1)->ended && got_of(r, 1)->reset == -1);
    rig_get(r, 3);
    rig_turns(r);
    assert_true(got_of(r, 3)->ended);
    rig_close(r);
}

static void test_server_malformed_is_recorded_and_reset(void **state)
{
    struct rig *r = &rig;
    (void)state;
    rig_open(r, RIG_ANSWER);
    rig_headers(r, 1, END_STREAM, RIG_GET "|connection=close");
    rig_headers(r, 3, END_STREAM, RIG_GET "|content-length=5");
    rig_turns(r);
    assert_traced(r, "bad_field bad_framing");
    for (uint32_t id = 1; id < 4; id += 2) {
        assert_int_equal(got_of(r, id)->reset, NGHTTP2_PROTOCOL_ERROR);
        assert_string_equal(got_of(r, id)->head, "");
    }
    r->manner = RIG_KEEP;
    rig_headers(r, 5, 0, ":method=POST|:scheme=http|:authority=a|:path=/|content-length=5");
    rig_data(r, 5, END_STREAM, 4);
    rig_headers(r, 7, 0, ":method=POST|:scheme=http|:authority=a|:path=/|content-length=5");
    rig_data(r, 7, 0, 6);
    rig_turns(r);
    assert_int_equal(r->asks[2].abort, WHY_BAD_FRAMING);
    assert_int_equal(r->asks[3].abort, WHY_BAD_FRAMING);
    assert_int_equal(got_of(r, 7)->reset, NGHTTP2_PROTOCOL_ERROR);
    rig_close(r);
}

static void test_server_drains(void **state)
{
    struct rig *r = &rig;
    (void)state;
    rig_open(r, RIG_KEEP);
    rig_get(r, 1);
    rig_turns(r);
    server_drain(h2_server_base(r->server));
    rig_turns(r);
    assert_int_equal(r->goaway, NGHTTP2_NO_ERROR);
    assert_int_equal(r->goaway_last, 1);
    rig_get(r, 3);
    rig_turns(r);
    assert_int_equal(r->ask_count, 1);
    rig_answer(&r->asks[0], "ok");
    rig_turns(r);
    assert_true(got_of(r, 1)->ended && r->eof);
    assert_traced(r, "linger drained");
    rig_close(r);
}

/* Resting lasts until a stream is opened, whatever else comes; nothing that is under way is
 * folded. */
static void test_server_rests(void **state)
{
    struct rig *r = &rig;
    struct server *server;
    (void)state;
    rig_open(r, RIG_KEEP);
    server = h2_server_base(r->server);
    for (uint32_t id = 1; id < 20; id += 2) {
        rig_get(r, id);
        rig_turns(r);
        server_rest(server); /* with a request under way */
        assert_int_equal(fold_bytes(), 0);
        rig_answer(&r->asks[r->ask_count - 1], "ok");
        rig_turns(r);
        assert_true(got_of(r, id)->ended && got_of(r, id)->data == 2);
        server_rest(server);
        server_rest(server);
        assert_true(fold_bytes() > 0);
        rig_frame(r, F_PING, 0, 0, STR("12345678"));
        rig_frame(r, F_SETTINGS, 0, 0, STR(""));
        rig_turns(r);
        assert_int_equal(r->pings, id / 2 + 1);
        assert_true(fold_bytes() > 0);
        rig_u32(r, F_WINDOW, 0, 1000);
    }
    server_drain(server);
    rig_turns(r);
    assert_int_equal(r->goaway, NGHTTP2_NO_ERROR);
    rig_close(r);
    assert_int_equal(fold_bytes(), 0);

    rig_open(r, RIG_ANSWER); /* what ends it all the same */
    rig_get(r, 1);
    rig_turns(r);
    server_rest(h2_server_base(r->server));
    server_expire(h2_server_base(r->server), WHY_IDLE_TIMEOUT);
    rig_turns(r);
    assert_int_equal(r->goaway, NGHTTP2_NO_ERROR);
    rig_close(r);

    rig_open(r, RIG_ANSWER);
    server_rest(h2_server_base(r->server));
    rig_frame(r, F_PING, 0, 0, STR("short"));
    rig_turns(r);
    assert_int_equal(r->goaway, NGHTTP2_FRAME_SIZE_ERROR);
    rig_close(r);
    assert_int_equal(fold_bytes(), 0);
}

static void test_server_last_request_and_client_gone(void **state)
{
    struct rig *r = &rig;
    (void)state;
    rig_open(r, RIG_ANSWER);
    server_last(h2_server_base(r->server));
    rig_get(r, 1);
    rig_turns(r);
    assert_true(got_of(r, 1)->ended && r->goaway == NGHTTP2_NO_ERROR && r->eof);
    rig_close(r);

    rig_open(r, RIG_KEEP);
    rig_get(r, 1);
    rig_turns(r);
    shutdown(r->peer, SHUT_RDWR);
    rig_turns(r);
    assert_int_equal(r->asks[0].abort, WHY_CLIENT_ABORT);
    assert_traced(r, "closed client_abort");
    rig_close(r);
}

static void test_server_deadlines(void **state)
{
    struct rig *r = &rig;
    static char bytes[100000];
    (void)state;
    rig_open(r, RIG_KEEP);
    rig_frame(r, F_HEADERS, END_STREAM, 1, STR("")); /* a block without end */
    rig_turns(r);
    rig_pass(r, 1100);
    assert_int_equal(r->goaway, NGHTTP2_ENHANCE_YOUR_CALM);
    assert_traced(r, "linger header_timeout");
    rig_close(r);

    rig_open(r, RIG_KEEP);
    rig_get(r, 1);
    rig_turns(r);
    rig_head(&r->asks[0], 200, (struct body){BODY_CHUNKED, 0});
    channel_send_data(r->asks[0].ch, str_n(bytes, sizeof(bytes)));
    rig_turns(r);
    rig_pass(r, 1500);
    rig_u32(r, F_WINDOW, 0, 1000); /* progress: the clock starts anew */
    rig_u32(r, F_WINDOW, 1, 1000);
    rig_turns(r);
    rig_pass(r, 1500);
    assert_int_equal(r->asks[0].abort, WHY_NONE);
    rig_pass(r, 600);
    assert_int_equal(r->asks[0].abort, WHY_SEND_TIMEOUT);
    assert_int_equal(got_of(r, 1)->reset, NGHTTP2_CANCEL);
    rig_close(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_server_answers),
        cmocka_unit_test(test_server_many_at_a_time),
        cmocka_unit_test(test_server_head_alone),
        cmocka_unit_test(test_server_body_in),
        cmocka_unit_test(test_server_window),
        cmocka_unit_test(test_server_window_of_dropped_bodies),
        cmocka_unit_test(test_server_stalled_stream_stalls_no_other),
        cmocka_unit_test(test_server_trailers_and_interim),
        cmocka_unit_test(test_server_early_answer),
        cmocka_unit_test(test_server_early_answer_to_a_short_request),
        cmocka_unit_test(test_server_early_answer_to_an_endless_request),
        cmocka_unit_test(test_server_resets),
        cmocka_unit_test(test_server_refuses_what_is_too_large),
        cmocka_unit_test(test_server_malformed_is_recorded_and_reset),
        cmocka_unit_test(test_server_drains),
        cmocka_unit_test(test_server_rests),
        cmocka_unit_test(test_server_last_request_and_client_gone),
        cmocka_unit_test(test_server_deadlines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
