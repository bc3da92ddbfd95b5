/* SPDX-License-Identifier: MIT */
/* The client side of HTTP/1.1: bodies of requests, early answers, back-pressure, tunnels. */
#include "h1_client_rig.h"

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

/* The owner of a tunnel has sent its end and lets go: what the service has not taken yet still
 * comes, whatever the service says meanwhile, and then the connection ends. */
static void test_h1_client_tunnel_rest_is_sent(void **state)
{
    (void)state;
    enum { CHATTY, ENDED, WAYS };
    static char piece[65536];
    memset(piece, 'x', sizeof(piece));
    for (int way = 0; way <= WAYS; way++) {
        struct rig r;
        size_t sent = 0;
        size_t got = 0;
        begin_tunnel(&r);
        while (channel_unsent(r.channel) <= CHANNEL_HIGH) {
            channel_send_data(r.channel, str_n(piece, sizeof(piece)));
            sent += sizeof(piece);
        }
        channel_send_end(r.channel);
        if (way == ENDED) {
            (void)shutdown(r.peer, SHUT_WR);
            turn(&r);
        }
        struct client *base = h1_client_base(r.client);
        channel_reset(r.channel, WHY_TUNNEL_DONE);
        assert_true(client_is_sending(base));
        if (way == CHATTY) {
            peer_send(&r, STR("to nobody"));
            (void)shutdown(r.peer, SHUT_WR);
        }
        for (size_t n = 1; n > 0; got += n) {
            turn(&r);
            n = peer_take(&r).len;
        }
        assert_int_equal(got, sent);
        char byte = 0;
        assert_int_equal(recv(r.peer, &byte, 1, 0), 0);
        turn(&r);
        assert_trace(&r, way == ENDED ? "head 101 tunnel;hi<end><closed not_kept_alive>"
                                      : "head 101 tunnel;hi<closed not_kept_alive>");
        rig_fini(&r);
    }
}

/* The same where nothing waits, or no end was sent: gone at once. */
static void test_h1_client_tunnel_reset_is_a_cut(void **state)
{
    (void)state;
    for (int ended = 0; ended < 2; ended++) {
        struct rig r;
        begin_tunnel(&r);
        if (ended) {
            channel_send_end(r.channel);
            turn(&r);
        } else {
            channel_send_data(r.channel, STR("x"));
        }
        struct client *base = h1_client_base(r.client);
        channel_reset(r.channel, WHY_TUNNEL_DONE);
        assert_false(client_is_sending(base));
        turn(&r);
        assert_trace(&r, "head 101 tunnel;hi<closed tunnel_done>");
        rig_fini(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_h1_client_sends_chunked_and_counted_bodies),
        cmocka_unit_test(test_h1_client_early_answer_ends_the_connection),
        cmocka_unit_test(test_h1_client_early_answer_survives_the_close),
        cmocka_unit_test(test_h1_client_back_pressure_of_requests),
        cmocka_unit_test(test_h1_client_back_pressure_of_responses),
        cmocka_unit_test(test_h1_client_tunnel_closes_by_halves),
        cmocka_unit_test(test_h1_client_tunnel_lost_both_ways),
        cmocka_unit_test(test_h1_client_tunnel_rest_is_sent),
        cmocka_unit_test(test_h1_client_tunnel_reset_is_a_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
