/* SPDX-License-Identifier: MIT */
/* Requests in flight: what two workers see of each other, and what a crash leaves. */
#include "stats/flight.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

struct rig {
    struct counters counters;
    struct flight_tables one;
    struct flight_tables other;
};

static void rig_init(struct rig *r)
{
    assert_int_equal(counters_create(3, &r->counters), OK);
    r->one = (struct flight_tables){&r->counters, slot_adopt(&r->counters, 1, SLOT_WORKER, 0)};
    r->other = (struct flight_tables){&r->counters, slot_adopt(&r->counters, 2, SLOT_WORKER, 1)};
}

static void test_flight_is_seen_by_the_other_worker(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    uint64_t tag = flight_tag(&r.one, STR("app:80 10.0.0.1:80"));
    assert_true(tag == flight_tag(&r.other, STR("app:80 10.0.0.1:80")));
    assert_true(tag != flight_tag(&r.other, STR("app:81 10.0.0.1:80")));
    flight_enter(&r.one, tag);
    flight_enter(&r.one, tag);
    flight_enter(&r.other, tag);
    assert_int_equal(flight_elsewhere(&r.one, tag), 1);
    assert_int_equal(flight_elsewhere(&r.other, tag), 2);
    flight_leave(&r.one, tag);
    assert_int_equal(flight_elsewhere(&r.other, tag), 1);
    flight_leave(&r.one, tag);
    flight_leave(&r.one, tag); /* one too many is none */
    assert_int_equal(flight_elsewhere(&r.other, tag), 0);
    counters_fini(&r.counters);
}

static void test_flight_forgets_a_worker_that_died(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    uint64_t tag = flight_tag(&r.one, STR("app:80 10.0.0.1:80"));
    flight_enter(&r.one, tag);
    flight_enter(&r.other, tag);
    flight_clear(&r.counters.slots[1]); /* as the supervisor does when it sees the end */
    assert_int_equal(flight_elsewhere(&r.other, tag), 0);
    flight_enter(&r.one, tag);
    (void)slot_adopt(&r.counters, 1, SLOT_WORKER, 0); /* as its successor does */
    assert_int_equal(flight_elsewhere(&r.other, tag), 0);
    assert_int_equal(flight_elsewhere(&r.one, tag), 1);
    counters_fini(&r.counters);
}

/* More endpoints than cells: none of them ever counts for another, and all is free afterwards. */
static void test_flight_is_bounded(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    uint64_t in_one_set = 7;
    for (uint64_t i = 0; i < 2 * FLIGHT_WAYS; i++) {
        flight_enter(&r.one, in_one_set + i * FLIGHT_SETS);
    }
    uint64_t seen = 0;
    for (uint64_t i = 0; i < 2 * FLIGHT_WAYS; i++) {
        uint64_t count = flight_elsewhere(&r.other, in_one_set + i * FLIGHT_SETS);
        assert_in_range(count, 0, 1);
        seen += count;
    }
    assert_int_equal(seen, FLIGHT_WAYS);
    for (uint64_t i = 0; i < 2 * FLIGHT_WAYS; i++) {
        flight_leave(&r.one, in_one_set + i * FLIGHT_SETS);
    }
    flight_enter(&r.one, in_one_set + 100 * FLIGHT_SETS);
    assert_int_equal(flight_elsewhere(&r.other, in_one_set + 100 * FLIGHT_SETS), 1);
    counters_fini(&r.counters);
}

static void test_flight_of_one_worker_alone(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    const struct flight_tables alone = {NULL, r.one.own};
    uint64_t tag = flight_tag(&alone, STR("app:80 10.0.0.1:80"));
    flight_enter(&alone, tag);
    assert_int_equal(flight_elsewhere(&alone, tag), 0);
    flight_leave(&alone, tag);
    counters_fini(&r.counters);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_flight_is_seen_by_the_other_worker),
        cmocka_unit_test(test_flight_forgets_a_worker_that_died),
        cmocka_unit_test(test_flight_is_bounded),
        cmocka_unit_test(test_flight_of_one_worker_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
