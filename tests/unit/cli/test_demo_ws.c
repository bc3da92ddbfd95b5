/* SPDX-License-Identifier: MIT */
/* demo_ws: frames of RFC 6455 in, their echo out, however the bytes are cut. */
#include "cli/demo_ws.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"

#define ECHO_MAX (1024 * 1024)

static void keep(void *arg, struct str bytes)
{
    assert_int_equal(buf_append_str(arg, bytes), OK);
}

/* What comes of `in` when it is fed `piece` bytes at a time; `out` is to be ended by the caller. */
static int echo(struct str in, size_t piece, struct buf *out)
{
    struct demo_ws ws = {0};
    int err = OK;

    buf_init(out, ECHO_MAX);
    for (size_t at = 0; at < in.len && err == OK; at += piece) {
        err = demo_ws_feed(&ws, str_sub(in, at, piece), keep, out);
    }
    return err;
}

static void check_cuts(struct str in, int expect_err, struct str expect)
{
    for (size_t piece = 1; piece <= in.len; piece++) {
        struct buf out;
        assert_int_equal(echo(in, piece, &out), expect_err);
        assert_int_equal(buf_len(&out), expect.len);
        assert_true(str_eq(buf_str(&out), expect));
        buf_fini(&out);
    }
}

/* A frame whose mask is 00 00 00 00 for the parts of a test that are not about masks. */
#define NO_MASK "\0\0\0\0"

static void test_demo_ws_accept_key_of_the_rfc(void **state)
{
    char text[DEMO_WS_ACCEPT_MAX];
    (void)state;

    demo_ws_accept(STR("dGhlIHNhbXBsZSBub25jZQ=="), text); /* section 1.3 */
    assert_string_equal(text, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

static void test_demo_ws_accept_of_a_hostile_key(void **state)
{
    char text[DEMO_WS_ACCEPT_MAX];
    char key[5000];
    (void)state;

    memset(key, 'a', sizeof(key));
    demo_ws_accept(str_n(key, sizeof(key)), text);
    assert_int_equal(strlen(text), 28);
    demo_ws_accept(STR(""), text);
    assert_int_equal(strlen(text), 28);
}

static void test_demo_ws_echoes_the_frames_of_the_rfc(void **state)
{
    (void)state;

    /* Section 5.7: "Hello" masked, and the same unmasked. */
    check_cuts(STR("\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"), OK,
               STR("\x81\x05\x48\x65\x6c\x6c\x6f"));
    /* In two fragments, "Hel" and "lo". */
    check_cuts(STR("\x01\x83" NO_MASK "Hel\x80\x82" NO_MASK "lo"), OK,
               STR("\x01\x03Hel\x80\x02lo"));
    check_cuts(STR("\x82\x80" NO_MASK), OK, STR("\x82\x00"));
}

static void test_demo_ws_answers_pings_and_not_pongs(void **state)
{
    (void)state;

    check_cuts(STR("\x89\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"), OK,
               STR("\x8a\x05\x48\x65\x6c\x6c\x6f"));
    check_cuts(STR("\x89\x80" NO_MASK), OK, STR("\x8a\x00"));
    check_cuts(STR("\x8a\x83" NO_MASK "abc\x81\x81" NO_MASK "x"), OK, STR("\x81\x01x"));
    /* Between the fragments of a message (section 5.5). */
    check_cuts(STR("\x01\x81" NO_MASK "a\x89\x81" NO_MASK "p\x80\x81" NO_MASK "b"), OK,
               STR("\x01\x01"
                   "a\x8a\x01p\x80\x01"
                   "b"));
}

static void test_demo_ws_close_is_answered_and_ends_it(void **state)
{
    (void)state;

    check_cuts(STR("\x88\x82" NO_MASK "\x03\xe8"), ERR_EOF, STR("\x88\x02\x03\xe8"));
    check_cuts(STR("\x88\x80" NO_MASK), ERR_EOF, STR("\x88\x00"));
    /* Nothing behind a close is looked at. */
    check_cuts(STR("\x88\x80" NO_MASK "\x81\x81" NO_MASK "x"), ERR_EOF, STR("\x88\x00"));
}

static void check_length(size_t len, struct str head_in, struct str head_out)
{
    struct buf in;
    struct buf out;

    buf_init(&in, ECHO_MAX);
    assert_int_equal(buf_append_str(&in, head_in), OK);
    for (size_t i = 0; i < len; i++) {
        char c = (char)('a' + i % 26);
        char masked = (char)(c ^ "\x11\x22\x33\x44"[i % 4]);
        assert_int_equal(buf_append(&in, &masked, 1), OK);
    }
    for (size_t piece = 1; piece < buf_len(&in) + 4000; piece = piece * 3 + 1) {
        assert_int_equal(echo(buf_str(&in), piece, &out), OK);
        assert_int_equal(buf_len(&out), head_out.len + len);
        assert_true(str_starts(buf_str(&out), head_out));
        for (size_t i = 0; i < len; i++) {
            assert_int_equal(buf_str(&out).ptr[head_out.len + i], 'a' + i % 26);
        }
        buf_fini(&out);
    }
    buf_fini(&in);
}

static void test_demo_ws_length_forms(void **state)
{
    (void)state;

    check_length(125, STR("\x82\xfd\x11\x22\x33\x44"), STR("\x82\x7d"));
    check_length(126, STR("\x82\xfe\x00\x7e\x11\x22\x33\x44"), STR("\x82\x7e\x00\x7e"));
    check_length(65535, STR("\x82\xfe\xff\xff\x11\x22\x33\x44"), STR("\x82\x7e\xff\xff"));
    check_length(65536, STR("\x82\xff\0\0\0\0\0\x01\0\0\x11\x22\x33\x44"),
                 STR("\x82\x7f\0\0\0\0\0\x01\0\0"));
}

static void test_demo_ws_a_huge_frame_costs_nothing(void **state)
{
    struct demo_ws ws = {0};
    struct buf out;
    (void)state;

    buf_init(&out, ECHO_MAX);
    struct str head = STR("\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff" NO_MASK);
    assert_int_equal(demo_ws_feed(&ws, head, keep, &out), OK);
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(demo_ws_feed(&ws, STR("0123456789"), keep, &out), OK);
    }
    assert_int_equal(buf_len(&out), 10 + 10000);
    buf_fini(&out);
}

static void test_demo_ws_refuses_what_no_client_may_send(void **state)
{
    (void)state;

    check_cuts(STR("\x81\x05hello"), ERR_PROTOCOL, STR(""));            /* not masked */
    check_cuts(STR("\xc1\x80" NO_MASK), ERR_PROTOCOL, STR(""));         /* RSV1 */
    check_cuts(STR("\xa1\x80" NO_MASK), ERR_PROTOCOL, STR(""));         /* RSV2 */
    check_cuts(STR("\x91\x80" NO_MASK), ERR_PROTOCOL, STR(""));         /* RSV3 */
    check_cuts(STR("\x83\x80" NO_MASK), ERR_PROTOCOL, STR(""));         /* opcode 3 */
    check_cuts(STR("\x8b\x80" NO_MASK), ERR_PROTOCOL, STR(""));         /* opcode 11 */
    check_cuts(STR("\x09\x80" NO_MASK), ERR_PROTOCOL, STR(""));         /* a ping in parts */
    check_cuts(STR("\x89\xfe\x00\x7e" NO_MASK), ERR_PROTOCOL, STR("")); /* a long ping */
    check_cuts(STR("\x82\xff\x80\0\0\0\0\0\0\0" NO_MASK), ERR_PROTOCOL, STR(""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_demo_ws_accept_key_of_the_rfc),
        cmocka_unit_test(test_demo_ws_accept_of_a_hostile_key),
        cmocka_unit_test(test_demo_ws_echoes_the_frames_of_the_rfc),
        cmocka_unit_test(test_demo_ws_answers_pings_and_not_pongs),
        cmocka_unit_test(test_demo_ws_close_is_answered_and_ends_it),
        cmocka_unit_test(test_demo_ws_length_forms),
        cmocka_unit_test(test_demo_ws_a_huge_frame_costs_nothing),
        cmocka_unit_test(test_demo_ws_refuses_what_no_client_may_send),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
