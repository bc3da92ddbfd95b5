/* SPDX-License-Identifier: MIT */
/* What an HTTP/2 client may not do: each ends the connection with its reason, and soon. */
#include "h2_rig.h"

static struct rig rig;

/* The connection must have ended with GOAWAY(code), the reason in its debug data and for the
 * owner. */
static void assert_ended(struct rig *r, enum why why, uint32_t code)
{
    char word[64];
    rig_turns(r);
    if (r->goaway != code) {
        fail_msg("GOAWAY %d instead of %u (%s)", (int)r->goaway, code, buf_ptr(&r->trace));
    }
    snprintf(word, sizeof(word), "linger %s", why_label(why));
    assert_traced(r, word);
    rig_close(r);
}

static void assert_calmed(struct rig *r, enum why why)
{
    rig_turns(r);
    assert_string_equal(r->goaway_text, why_text(why));
    assert_ended(r, why, NGHTTP2_ENHANCE_YOUR_CALM);
}

static void test_abuse_rapid_reset(void **state)
{
    struct rig *r = &rig;
    (void)state;
    rig_open(r, RIG_KEEP);
    for (uint32_t id = 1; id < 1400 && r->goaway == -1; id += 2) {
        rig_get(r, id);
        rig_u32(r, F_RST, id, NGHTTP2_CANCEL);
        if (id % 64 == 63) {
            rig_turns(r);
        }
    }
    assert_true(r->ask_count <= 600);
    assert_calmed(r, WHY_H2_RAPID_RESET);
}

/* Streams reset in one go count until the turn ends: the work that one read can start is bounded.
 */
static void test_abuse_resets_of_one_read(void **state)
{
    struct rig *r = &rig;
    (void)state;
    rig_open(r, RIG_KEEP);
    for (uint32_t id = 1; id < 101; id += 2) {
        rig_get(r, id);
        rig_u32(r, F_RST, id, NGHTTP2_CANCEL);
    }
    loop_turn(r->loop, false);
    assert_int_equal(r->ask_count, RIG_STREAMS);
    rig_close(r);
}

static void test_abuse_made_you_reset(void **state)
{
    struct rig *r = &rig;
    (void)state;
    rig_open(r, RIG_KEEP);
    for (uint32_t id = 1; id < 400 && r->goaway == -1; id += 2) {
        rig_get(r, id);
        rig_u32(r, F_WINDOW, id, 0x7fffffff); /* RFC 9113 section 6.9.1: a stream error */
        rig_turns(r);
    }
    assert_true(r->ask_count <= 110);
    assert_int_equal(r->asks[0].abort, WHY_H2_PROTOCOL);
    assert_calmed(r, WHY_H2_STREAM_ERRORS);
}

/* An attacker that does not wait for GOAWAY: what it did is what ended the connection. */
static void test_abuse_and_gone(void **state)
{
    static const char ping[] = "\0\0\010\006\0\0\0\0\00076543210";
    static char pings[300 * (sizeof(ping) - 1)]; /* in one piece: a socket takes few small ones */
    struct rig *r = &rig;
    (void)state;
    rig_open(r, RIG_KEEP);
    for (size_t i = 0; i < sizeof(pings); i++) {
        pings[i] = ping[i % (sizeof(ping) - 1)];
    }
    rig_bytes(r, pings, sizeof(pings));
    assert_int_equal(shutdown(r->peer, SHUT_RDWR), 0);
    for (int i = 0; i < 5; i++) {
        loop_turn(r->loop, false);
    }
    char word[64];
    snprintf(word, sizeof(word), "closed %s", why_label(WHY_H2_PING_FLOOD));
    assert_traced(r, word);
    assert_null(r->server);
    rig_close(r);
}

static void test_abuse_malformed_requests(void **state)
{
    struct rig *r = &rig;
    (void)state;
    rig_open(r, RIG_ANSWER);
    for (uint32_t id = 1; id < 400 && r->goaway == -1; id += 2) {
        rig_headers(r, id, END_STREAM, RIG_GET "|Upper=1");
        rig_turns(r);
    }
    assert_calmed(r, WHY_H2_STREAM_ERRORS);
}

static void test_abuse_too_many_streams(void **state)
{
    struct rig *r = &rig;
    (void)state;
    rig_open_as(r, RIG_KEEP, true);
    for (uint32_t id = 1; id < 4000 && r->goaway == -1; id += 2) {
        rig_get(r, id);
        rig_turns(r);
    }
    assert_int_equal(r->ask_count, RIG_STREAMS);
    assert_calmed(r, WHY_H2_STREAM_FLOOD);

    rig_open(r, RIG_KEEP); /* whoever knows the limit breaks the protocol */
    for (uint32_t id = 1; id <= 2 * RIG_STREAMS + 1; id += 2) {
        rig_get(r, id);
    }
    assert_ended(r, WHY_H2_PROTOCOL, NGHTTP2_PROTOCOL_ERROR);
}

/* A frame again and again. */
static void flood(enum why why, unsigned type, unsigned flags, uint32_t id, struct str payload)
{
    struct rig *r = &rig;
    rig_open(r, RIG_KEEP);
    rig_post(r, 1);
    rig_turns(r);
    for (int i = 0; i < 4000 && r->goaway == -1; i++) {
        rig_frame(r, type, flags, id, payload);
        if (i % 50 == 49) {
            rig_turns(r);
        }
    }
    assert_calmed(r, why);
}

static void test_abuse_floods(void **state)
{
    (void)state;
    flood(WHY_H2_PING_FLOOD, F_PING, 0, 0, STR("12345678"));
    flood(WHY_H2_PING_FLOOD, F_PING, ACK, 0, STR("12345678"));
    flood(WHY_H2_SETTINGS_FLOOD, F_SETTINGS, 0, 0, STR(""));
    flood(WHY_H2_PRIORITY_FLOOD, F_PRIORITY, 0, 3, STR("\0\0\0\0\020"));
    flood(WHY_H2_PRIORITY_FLOOD, 0xbe, 0, 0, STR("unknown"));
    flood(WHY_H2_WINDOW_FLOOD, F_WINDOW, 0, 0, STR("\0\0\0\001"));
    flood(WHY_H2_WINDOW_FLOOD, F_WINDOW, 0, 1, STR("\0\0\0\001"));
    flood(WHY_H2_EMPTY_FLOOD, F_DATA, 0, 1, STR(""));
    flood(WHY_H2_EMPTY_FLOOD, F_DATA, 8, 1, STR("\0")); /* padded, by nothing */
    flood(WHY_H2_EMPTY_FLOOD, F_DATA, 8, 1, STR("\4\0\0\0\0"));
}

static void test_abuse_continuations(void **state)
{
    struct rig *r = &rig;
    (void)state;
    for (int empty = 0; empty < 2; empty++) {
        struct str piece = empty ? STR("") : STR("\0\1a\1b");
        rig_open(r, RIG_KEEP);
        rig_frame(r, F_HEADERS, 0, 1, piece);
        for (int i = 0; i < 50; i++) {
            rig_frame(r, F_CONTINUATION, 0, 1, piece);
        }
        rig_turns(r);
        assert_int_equal(r->ask_count, 0);
        /* nghttp2 may have its own bound, which ends the connection as well. */
        assert_true(r->goaway > 0);
        rig_close(r);
    }
}

static void test_abuse_header_bomb(void **state)
{
    struct rig *r = &rig;
    static char block[16384];
    struct buf b;
    (void)state;
    rig_open(r, RIG_KEEP);
    /* A field of 3 kB into the table (literal with indexing), then thousands of references. */
    buf_init(&b, 65536);
    assert_int_equal(buf_append(&b, "\x40\1a\x7f\xa1\x16", 6), OK); /* 127 + 0x21 + 22 * 128 */
    memset(block, 'x', sizeof(block));
    assert_int_equal(buf_append(&b, block, 127 + 0x21 + 22 * 128), OK);
    memset(block, 0xbe, sizeof(block)); /* index 62: the newest */
    assert_int_equal(buf_append(&b, block, 8000), OK);
    rig_frame(r, F_HEADERS, END_HEADERS | END_STREAM, 1, buf_str(&b));
    buf_fini(&b);
    rig_turns(r);
    assert_int_equal(r->ask_count, 0);
    assert_calmed(r, WHY_H2_HEADER_BOMB);
}

/* Breaches of the protocol that nghttp2 or we find. */
static void test_abuse_protocol_errors(void **state)
{
    struct rig *r = &rig;
    static char large[16385];
    (void)state;

    rig_open(r, RIG_KEEP); /* RFC 9113 section 4.2 */
    rig_frame(r, F_HEADERS, 0, 1, STR("\0\1a\1b"));
    rig_frame(r, F_CONTINUATION, END_HEADERS, 1, str_n(large, sizeof(large)));
    assert_ended(r, WHY_H2_PROTOCOL, NGHTTP2_FRAME_SIZE_ERROR);

    rig_open(r, RIG_ANSWER); /* section 5.1.1 */
    rig_get(r, 5);
    rig_get(r, 3);
    assert_ended(r, WHY_H2_PROTOCOL, NGHTTP2_STREAM_CLOSED);

    rig_open(r, RIG_KEEP); /* section 6.3 */
    rig_frame(r, F_PRIORITY, 0, 0, STR("\0\0\0\0\020"));
    assert_ended(r, WHY_H2_PROTOCOL, NGHTTP2_PROTOCOL_ERROR);

    rig_open(r, RIG_KEEP); /* section 6.9.2 */
    rig_get(r, 1);
    rig_u32(r, F_WINDOW, 1, 0x7fffffff - 65535);
    rig_turns(r);
    rig_frame(r, F_SETTINGS, 0, 0, STR("\0\4\0\1\0\0"));
    rig_turns(r);
    assert_int_equal(r->asks[0].abort, WHY_H2_PROTOCOL);
    assert_ended(r, WHY_H2_PROTOCOL, NGHTTP2_FLOW_CONTROL_ERROR);

    rig_open(r, RIG_KEEP); /* section 6.8: no pushing client */
    rig_frame(r, F_PUSH, END_HEADERS, 1, STR("\0\0\0\2"));
    assert_ended(r, WHY_H2_PROTOCOL, NGHTTP2_PROTOCOL_ERROR);
}

static void test_abuse_no_preface(void **state)
{
    static const struct h2_limits limits = {.head = {4096, 40},
                                            .streams = 8,
                                            .window = 65535,
                                            .connection_window = 65535,
                                            .frame = 16384,
                                            .table = 4096,
                                            .requests = 10};
    struct rig *r = &rig;
    (void)state;
    rig_open_with(r, RIG_ANSWER, &limits);
    rig_bytes(r, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 27);
    assert_ended(r, WHY_H2_PROTOCOL, NGHTTP2_PROTOCOL_ERROR);

    rig_open_with(r, RIG_ANSWER, &limits); /* ten requests, then it goes */
    rig_greet(r);
    for (uint32_t id = 1; id < 41; id += 2) {
        rig_get(r, id);
        rig_turns(r);
    }
    assert_int_equal(r->ask_count, 10);
    assert_true(got_of(r, 19)->ended && r->eof);
    assert_ended(r, WHY_NOT_KEPT_ALIVE, NGHTTP2_NO_ERROR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_abuse_rapid_reset),
        cmocka_unit_test(test_abuse_resets_of_one_read),
        cmocka_unit_test(test_abuse_made_you_reset),
        cmocka_unit_test(test_abuse_and_gone),
        cmocka_unit_test(test_abuse_malformed_requests),
        cmocka_unit_test(test_abuse_too_many_streams),
        cmocka_unit_test(test_abuse_floods),
        cmocka_unit_test(test_abuse_continuations),
        cmocka_unit_test(test_abuse_header_bomb),
        cmocka_unit_test(test_abuse_protocol_errors),
        cmocka_unit_test(test_abuse_no_preface),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
