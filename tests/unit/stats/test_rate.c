/* SPDX-License-Identifier: MIT */
#include "stats/rate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define SECOND UINT64_C(1000000000)
#define START  (1000 * SECOND)

static struct rate_tables tables_of(struct counters *c, size_t index)
{
    return (struct rate_tables){c, slot_adopt(c, index, SLOT_WORKER, (uint32_t)index)};
}

static bool try_take(const struct rate_tables *t, const struct rate_ask *ask)
{
    if (rate_wait(t, ask) > 0) {
        return false;
    }
    rate_take(t, ask);
    return true;
}

static void test_rate_burst_then_interval(void **state)
{
    struct counters c;
    (void)state;
    assert_int_equal(counters_create(1, &c), OK);
    struct rate_tables t = tables_of(&c, 0);
    struct rate_ask ask = {rate_tag(&c, STR("a")), SECOND, 3, START};
    for (int i = 0; i < 3; i++) {
        assert_true(try_take(&t, &ask));
    }
    assert_false(try_take(&t, &ask));
    assert_int_equal(rate_wait(&t, &ask), SECOND);
    ask.now_ns += SECOND - 1;
    assert_int_equal(rate_wait(&t, &ask), 1);
    ask.now_ns++;
    assert_true(try_take(&t, &ask));
    assert_false(try_take(&t, &ask));
    ask.now_ns += 100 * SECOND; /* no more than full */
    for (int i = 0; i < 3; i++) {
        assert_true(try_take(&t, &ask));
    }
    assert_false(try_take(&t, &ask));
    struct rate_ask other = {rate_tag(&c, STR("b")), SECOND, 1, ask.now_ns};
    assert_true(try_take(&t, &other));
    counters_fini(&c);
}

static void test_rate_holds_for_all_workers_together(void **state)
{
    struct counters c;
    unsigned taken = 0;
    (void)state;
    assert_int_equal(counters_create(4, &c), OK);
    struct rate_tables workers[3];
    for (size_t i = 0; i < 3; i++) {
        workers[i] = tables_of(&c, i + 1);
    }
    struct rate_ask ask = {rate_tag(&c, STR("a")), SECOND / 10, 5, START};
    for (unsigned step = 0; step < 3000; step++, ask.now_ns += SECOND / 100) { /* 30 s */
        taken += try_take(&workers[step * 7 % 3], &ask);
    }
    assert_in_range(taken, 5 + 295, 5 + 300);
    counters_fini(&c);
}

static void test_rate_debt_can_be_taken(void **state)
{
    struct counters c;
    (void)state;
    assert_int_equal(counters_create(1, &c), OK);
    struct rate_tables t = tables_of(&c, 0);
    struct rate_ask ask = {rate_tag(&c, STR("a")), SECOND, 1, START};
    for (int i = 0; i < 5; i++) {
        rate_take(&t, &ask);
    }
    assert_int_equal(rate_wait(&t, &ask), 5 * SECOND);
    counters_fini(&c);
}

/* Far more clients than there are buckets: nobody gets more than a single token by coming back. */
static void test_rate_full_table_resets_nobody(void **state)
{
    struct counters c;
    char name[32];
    (void)state;
    assert_int_equal(counters_create(1, &c), OK);
    struct rate_tables t = tables_of(&c, 0);
    struct rate_ask me = {rate_tag(&c, STR("me")), SECOND, 10, START};
    while (try_take(&t, &me)) {
        ;
    }
    for (unsigned i = 0; i < 16 * RATE_SETS * RATE_WAYS; i++) {
        (void)snprintf(name, sizeof(name), "%u", i);
        struct rate_ask ask = {rate_tag(&c, str_of(name)), SECOND, 10, START};
        for (int k = 0; k < 10 && try_take(&t, &ask); k++) {
            ;
        }
    }
    unsigned more = 0;
    while (try_take(&t, &me)) {
        more++;
    }
    assert_in_range(more, 0, 1);
    counters_fini(&c);
}

static void test_rate_numbers_stay_in_range(void **state)
{
    struct counters c;
    (void)state;
    assert_int_equal(counters_create(1, &c), OK);
    struct rate_tables t = tables_of(&c, 0);
    struct rate_ask ask = {rate_tag(&c, STR("a")), UINT64_C(4294967295) * 1000000, UINT32_MAX,
                           START};
    for (int i = 0; i < 100000; i++) {
        rate_take(&t, &ask);
    }
    assert_true(rate_wait(&t, &ask) < UINT64_MAX / 2);
    ask = (struct rate_ask){rate_tag(&c, STR("b")), 1, UINT32_MAX, START};
    assert_true(try_take(&t, &ask));
    counters_fini(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rate_burst_then_interval),
        cmocka_unit_test(test_rate_holds_for_all_workers_together),
        cmocka_unit_test(test_rate_debt_can_be_taken),
        cmocka_unit_test(test_rate_full_table_resets_nobody),
        cmocka_unit_test(test_rate_numbers_stay_in_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
