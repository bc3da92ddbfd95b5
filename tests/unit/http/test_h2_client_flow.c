/* SPDX-License-Identifier: MIT */
/* Bodies and windows, tunnels, and owners that act inside callbacks. */
#include "h2_client_rig.h"

#define PIECE 16384

static char piece[PIECE];

/* What the service got of a stream's body: bytes, and whether its end came. */
static size_t got_body(struct rig *r, uint32_t id, bool *out_ended)
{
    size_t total = 0;
    receive(r);
    struct buf frames = r->got;
    buf_init(&r->got, 1 << 24);
    struct str all = buf_str(&frames);
    if (str_starts(all, STR(PREFACE))) {
        all = str_from(all, sizeof(PREFACE) - 1);
    }
    while (all.len >= 9) {
        const unsigned char *p = (const unsigned char *)all.ptr;
        size_t len = (size_t)(p[0] << 16 | p[1] << 8 | p[2]);
        assert_true(all.len >= 9 + len);
        if (p[3] == DATA && p[8] == id) {
            total += len;
            *out_ended = *out_ended || (p[4] & END_STREAM) != 0;
        }
        all = str_from(all, 9 + len);
    }
    buf_fini(&frames);
    return total;
}

static void test_h2_client_sends_bodies_as_far_as_windows_go(void **state)
{
    (void)state;
    struct rig r;
    bool ended = false;
    rig_init(&r);
    send_settings(&r, 0, 0);
    struct use *u = begin(&r, "POST", (struct body){BODY_CHUNKED, 0}, "");
    /* Windows of 65,535 bytes each; the owner stops at CHANNEL_HIGH. */
    size_t given = 0;
    while (channel_unsent(u->channel) <= CHANNEL_HIGH) {
        channel_send_data(u->channel, str_n(piece, PIECE));
        given += PIECE;
        turn(&r);
    }
    size_t total = got_body(&r, 1, &ended);
    assert_int_equal(total, 65535);
    assert_trace(u, "");
    while (total < given) {
        send_numbers(&r, WINDOW_UPDATE, 1, 30000, 0);
        send_numbers(&r, WINDOW_UPDATE, 0, 30000, 0);
        total += got_body(&r, 1, &ended);
    }
    assert_trace(u, "<writable>");
    assert_false(ended);
    channel_send_end(u->channel);
    assert_int_equal(got_body(&r, 1, &ended), 0);
    assert_true(ended);
    send_head(&r, 1, ":status: 200", true);
    turn(&r);
    assert_trace(u, "<writable>200 none;<end>");
    rig_fini(&r);
}

static void test_h2_client_holds_back_what_is_not_read(void **state)
{
    (void)state;
    struct rig r;
    uint32_t id = 0;
    struct str payload;
    rig_init(&r);
    send_settings(&r, 0, 0);
    struct use *slow = get(&r);
    struct use *quick = get(&r);
    send_head(&r, 1, ":status: 200", false);
    send_head(&r, 3, ":status: 200", false);
    turn(&r);
    channel_read(slow->channel, false);
    for (int i = 0; i < H2_CLIENT_WINDOW / PIECE; i++) {
        send_frame(&r, DATA, 0, 1, str_n(piece, PIECE));
        receive(&r);
    }
    assert_int_equal(slow->received, 0);
    /* The stream's window is used up, the connection's is not: the other goes on. */
    for (int i = 0; i < 2 * H2_CLIENT_WINDOW / PIECE; i++) {
        send_frame(&r, DATA, 0, 3, str_n(piece, PIECE));
        receive(&r);
    }
    assert_int_equal(quick->received, 2 * H2_CLIENT_WINDOW);
    bool was_opened = false;
    while (got_frame(&r, WINDOW_UPDATE, &id, &payload)) {
        was_opened = was_opened || id == 1;
    }
    assert_false(was_opened);
    channel_read(slow->channel, true);
    turn(&r);
    assert_int_equal(slow->received, H2_CLIENT_WINDOW);
    while (!was_opened && got_frame(&r, WINDOW_UPDATE, &id, &payload)) {
        was_opened = id == 1;
    }
    assert_true(was_opened);
    /* More than the window is an error. */
    channel_read(slow->channel, false);
    for (int i = 0; i < H2_CLIENT_WINDOW / PIECE + 1; i++) {
        send_frame(&r, DATA, 0, 1, str_n(piece, PIECE));
        receive(&r);
    }
    assert_null(slow->channel);
    assert_false(slow->use.unprocessed);
    rig_fini(&r);
}

static void test_h2_client_tunnel(void **state)
{
    (void)state;
    struct rig r;
    bool ended = false;
    rig_init(&r);
    send_settings(&r, 8, 1); /* ENABLE_CONNECT_PROTOCOL */
    struct use *u = begin(&r, "GET", (struct body){BODY_NONE, 0}, "websocket");
    channel_send_end(u->channel); /* of the request, not of the tunnel */
    assert_int_equal(got_body(&r, 1, &ended), 0);
    assert_false(ended);
    send_head(&r, 1, ":status: 200", false);
    send_text(&r, 1, "from the service", false);
    turn(&r);
    assert_trace(u, "101 tunnel;from the service");
    channel_send_data(u->channel, STR("from the client"));
    assert_int_equal(got_body(&r, 1, &ended), 15);
    send_text(&r, 1, "bye", true);
    turn(&r);
    assert_trace(u, "101 tunnel;from the servicebye<end>");
    assert_non_null(u->use.channel); /* our half is open */
    channel_send_data(u->channel, STR("late"));
    channel_send_end(u->channel);
    assert_int_equal(got_body(&r, 1, &ended), 4);
    assert_true(ended);
    assert_null(u->use.channel);
    /* A refusal is an answer as any other. */
    struct use *refused = begin(&r, "GET", (struct body){BODY_NONE, 0}, "websocket");
    turn(&r);
    send_head(&r, 3, ":status: 403", false);
    send_text(&r, 3, "no", true);
    turn(&r);
    assert_trace(refused, "403 chunked;no<end>");
    /* Half closed by the service, then reset: told, as the tunnel is not over. */
    struct use *cut = begin(&r, "GET", (struct body){BODY_NONE, 0}, "websocket");
    turn(&r);
    send_head(&r, 5, ":status: 200", false);
    send_text(&r, 5, "x", true);
    send_numbers(&r, RST_STREAM, 5, NO_ERROR, 0);
    turn(&r);
    assert_trace(cut, "101 tunnel;x<end>upstream_stream_reset");
    rig_fini(&r);
}

static void test_h2_client_upgrade_needs_the_services_word(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    send_settings(&r, 0, 0);
    struct use *u = begin(&r, "GET", (struct body){BODY_NONE, 0}, "websocket");
    turn(&r);
    assert_trace(u, "upstream_no_upgrade");
    rig_fini(&r);
    rig_init(&r);
    send_settings(&r, 8, 1);
    u = begin(&r, "GET", (struct body){BODY_NONE, 0}, "other");
    turn(&r);
    assert_trace(u, "upstream_no_upgrade");
    rig_fini(&r);
}

/* A service's whole life, with everything that it can tell. */
static void play(struct rig *r)
{
    send_head(r, 1, ":status: 103\nlink: x", false);
    send_head(r, 1, ":status: 200", false);
    send_head(r, 3, ":status: 200\ncontent-length: 3", false);
    send_text(r, 1, "some", false);
    send_text(r, 3, "abc", true);
    send_numbers(r, RST_STREAM, 5, INTERNAL_ERROR, 0);
    send_numbers(r, GOAWAY, 0, 7, NO_ERROR);
    send_text(r, 1, "more", false);
    send_head(r, 1, "x-last: 1", true);
    turn(r);
}

static void test_h2_client_owner_acts_in_any_callback(void **state)
{
    (void)state;
    for (int deed = DEED_NONE; deed <= DEED_PAUSE; deed++) {
        for (unsigned at = 1; at <= 12; at++) {
            struct rig r;
            rig_init(&r);
            send_settings(&r, 0, 0);
            r.deed = (enum deed)deed;
            r.deed_at = at;
            for (int i = 0; i < 4; i++) {
                get(&r);
            }
            begin(&r, "POST", (struct body){BODY_CHUNKED, 0}, "");
            turn(&r);
            play(&r);
            fd_close(&r.peer);
            turn(&r);
            /* Whatever it did, nobody holds a channel that is gone. */
            for (unsigned i = 0; i < r.use_count; i++) {
                assert_null(r.uses[i].use.channel);
            }
            rig_fini(&r);
        }
    }
}

static void test_h2_client_same_events_however_cut(void **state)
{
    (void)state;
    static const char script[] = "\0\0\5\1\4\0\0\0\1\x88\x0f\x0d\1\x35" /* 200, content-length: 5 */
                                 "\0\0\2\0\0\0\0\0\1he"
                                 "\0\0\1\1\4\0\0\0\3\x89" /* 204 ... */
                                 "\0\0\0\0\1\0\0\0\3"     /* ... and its end */
                                 "\0\0\x8\6\0\0\0\0\0\1\2\3\4\5\6\7\x8"
                                 "\0\0\3\0\1\0\0\0\1llo";
    for (size_t cut = 1; cut < 20; cut++) {
        struct rig r;
        rig_init(&r);
        send_settings(&r, 0, 0);
        struct use *a = get(&r);
        struct use *b = get(&r);
        struct str rest = str_n(script, sizeof(script) - 1);
        while (rest.len > 0) {
            struct str part = str_sub(rest, 0, cut);
            send_bytes(&r, part);
            turn(&r);
            rest = str_from(rest, part.len);
        }
        assert_trace(a, "200 length;hello<end>");
        assert_trace(b, "204 none;<end>");
        rig_fini(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_h2_client_sends_bodies_as_far_as_windows_go),
        cmocka_unit_test(test_h2_client_holds_back_what_is_not_read),
        cmocka_unit_test(test_h2_client_tunnel),
        cmocka_unit_test(test_h2_client_upgrade_needs_the_services_word),
        cmocka_unit_test(test_h2_client_owner_acts_in_any_callback),
        cmocka_unit_test(test_h2_client_same_events_however_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
