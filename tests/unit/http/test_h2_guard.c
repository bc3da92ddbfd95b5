/* SPDX-License-Identifier: MIT */
/* What an HTTP/2 client may spend, and what it costs it. */
#include "http/h2_guard.h"

#include "http_test.h"

/* How many of a kind in a row are let pass. */
static unsigned spend_all(struct h2_guard *g, enum h2_guard_kind kind, uint64_t now_ms,
                          enum why *out_why)
{
    for (unsigned n = 0; n < 100000; n++) {
        *out_why = h2_guard_spend(g, kind, now_ms);
        if (*out_why != WHY_OK) {
            return n;
        }
    }
    fail_msg("no bound");
    return 0;
}

static void test_guard_every_kind_is_bounded(void **state)
{
    static const enum why reasons[H2_GUARD_KINDS] = {
        [H2_GUARD_RESET] = WHY_H2_RAPID_RESET,       [H2_GUARD_FAULT] = WHY_H2_STREAM_ERRORS,
        [H2_GUARD_REFUSED] = WHY_H2_STREAM_FLOOD,    [H2_GUARD_PING] = WHY_H2_PING_FLOOD,
        [H2_GUARD_SETTINGS] = WHY_H2_SETTINGS_FLOOD, [H2_GUARD_PRIORITY] = WHY_H2_PRIORITY_FLOOD,
        [H2_GUARD_WINDOW] = WHY_H2_WINDOW_FLOOD,     [H2_GUARD_EMPTY] = WHY_H2_EMPTY_FLOOD,
    };
    (void)state;
    for (int kind = 0; kind < H2_GUARD_KINDS; kind++) {
        struct h2_guard g;
        enum why why;
        h2_guard_init(&g, 1000);
        unsigned n = spend_all(&g, (enum h2_guard_kind)kind, 1000, &why);
        assert_int_equal(why, reasons[kind]);
        assert_true(n >= 100 && n <= 2000);
        /* The others are as they were. */
        for (int other = 0; other < H2_GUARD_KINDS; other++) {
            if (other != kind) {
                assert_int_equal(h2_guard_spend(&g, (enum h2_guard_kind)other, 1000), WHY_OK);
            }
        }
    }
}

static void test_guard_time_refills(void **state)
{
    struct h2_guard g;
    enum why why;
    (void)state;
    h2_guard_init(&g, 0);
    unsigned burst = spend_all(&g, H2_GUARD_PING, 0, &why);
    unsigned second = spend_all(&g, H2_GUARD_PING, 1000, &why);
    assert_true(second > 0 && second < burst);
    /* Never more than the burst, however long nothing happened; time never goes back. */
    assert_int_equal(spend_all(&g, H2_GUARD_PING, UINT64_MAX / 2, &why), burst);
    assert_int_equal(h2_guard_spend(&g, H2_GUARD_PING, 5), WHY_H2_PING_FLOOD);
}

static void test_guard_data_pays_for_what_answers_it(void **state)
{
    struct h2_guard g;
    (void)state;
    h2_guard_init(&g, 0);
    for (int i = 0; i < 100000; i++) { /* a download */
        h2_guard_earn(&g, 16384);
        for (int k = 0; k < 32; k++) { /* a client that acknowledges every 512 bytes */
            assert_int_equal(h2_guard_spend(&g, H2_GUARD_WINDOW, 0), WHY_OK);
        }
        assert_int_equal(h2_guard_spend(&g, H2_GUARD_PING, 0), WHY_OK);
    }
    enum why why;
    for (int i = 0; i < 100000; i++) { /* but resets are not earned by it */
        h2_guard_earn(&g, 16384);
    }
    assert_true(spend_all(&g, H2_GUARD_RESET, 0, &why) <= 1000);
    h2_guard_served(&g); /* only by requests that are taken to their end */
    assert_int_equal(h2_guard_spend(&g, H2_GUARD_RESET, 0), WHY_OK);
    assert_int_equal(h2_guard_spend(&g, H2_GUARD_RESET, 0), WHY_H2_RAPID_RESET);
}

static void test_guard_header_block(void **state)
{
    struct h2_guard g;
    const size_t head = 32768;
    (void)state;
    h2_guard_init(&g, 0);
    assert_int_equal(h2_guard_block(&g, true, 16384, head), WHY_OK);
    assert_int_equal(h2_guard_block(&g, false, 16384, head), WHY_OK);
    assert_int_equal(h2_guard_block(&g, false, 16384, head), WHY_OK);
    /* A flood of full frames, and one of tiny frames. */
    enum why why = WHY_OK;
    for (int i = 0; i < 10 && why == WHY_OK; i++) {
        why = h2_guard_block(&g, false, 16384, head);
    }
    assert_int_equal(why, WHY_H2_CONTINUATION_FLOOD);
    assert_int_equal(h2_guard_block(&g, true, 10, head), WHY_OK);
    int frames = 0;
    while (h2_guard_block(&g, false, 1, head) == WHY_OK) {
        frames++;
    }
    assert_true(frames >= 4 && frames < 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_guard_every_kind_is_bounded),
        cmocka_unit_test(test_guard_time_refills),
        cmocka_unit_test(test_guard_data_pays_for_what_answers_it),
        cmocka_unit_test(test_guard_header_block),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
