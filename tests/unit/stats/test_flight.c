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

/* More endpoints than cells: each that is counted counts for itself alone, the others are told that
 * they are not, and all is free afterwards. */
static void test_flight_is_bounded(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    const uint64_t cells = FLIGHT_SPILL_SETS * FLIGHT_WAYS;
    uint64_t first = FLIGHT_SETS - 1; /* the sets behind the last one are the first ones */
    for (uint64_t i = 0; i < 2 * cells; i++) {
        bool is_counted = flight_enter(&r.one, first + i * FLIGHT_SETS);
        assert_int_equal(is_counted, i < cells);
    }
    for (uint64_t i = 0; i < 2 * cells; i++) {
        uint64_t tag = first + i * FLIGHT_SETS;
        assert_int_equal(flight_elsewhere(&r.other, tag), i < cells);
        assert_int_equal(flight_here(&r.one, tag), i < cells);
    }
    for (uint64_t i = 0; i < cells; i++) {
        flight_leave(&r.one, first + i * FLIGHT_SETS);
    }
    assert_int_equal(r.one.own->flight_spilled, 0);
    assert_true(flight_enter(&r.one, first + 100 * FLIGHT_SETS));
    assert_int_equal(flight_elsewhere(&r.other, first + 100 * FLIGHT_SETS), 1);
    counters_fini(&r.counters);
}

static void test_flight_spills_and_comes_back(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    uint64_t tag = 7 + FLIGHT_WAYS * FLIGHT_SETS;
    for (uint64_t i = 0; i < FLIGHT_WAYS; i++) {
        assert_true(flight_enter(&r.one, 7 + i * FLIGHT_SETS));
    }
    assert_int_equal(r.one.own->flight_spilled, 0);
    assert_true(flight_enter(&r.one, tag) && flight_enter(&r.one, tag));
    assert_int_equal(r.one.own->flight_spilled, 1);
    /* Its own set has room again: what has spilled stays where it is, and is found there. */
    flight_leave(&r.one, 7);
    assert_true(flight_enter(&r.one, tag));
    assert_int_equal(flight_elsewhere(&r.other, tag), 3);
    for (int i = 0; i < 3; i++) {
        flight_leave(&r.one, tag);
    }
    assert_int_equal(r.one.own->flight_spilled, 0);
    assert_int_equal(flight_elsewhere(&r.other, tag), 0);
    /* With a worker that dies its spills are forgotten too. */
    assert_true(flight_enter(&r.one, 7) && flight_enter(&r.one, tag));
    flight_clear(&r.counters.slots[1]);
    assert_int_equal(r.one.own->flight_spilled, 0);
    assert_int_equal(flight_elsewhere(&r.other, tag), 0);
    counters_fini(&r.counters);
}

static void test_flight_keeps_a_bound_over_workers(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    uint64_t tag = flight_tag(&r.one, STR("app:80 10.0.0.1:80"));
    assert_true(flight_enter_within(&r.one, tag, 2));
    assert_true(flight_enter_within(&r.other, tag, 2));
    assert_false(flight_enter_within(&r.one, tag, 2));
    assert_false(flight_enter_within(&r.other, tag, 2));
    assert_int_equal(flight_here(&r.one, tag), 1);
    assert_int_equal(flight_elsewhere(&r.one, tag), 1);
    flight_leave(&r.one, tag);
    assert_true(flight_enter_within(&r.other, tag, 2));
    assert_false(flight_enter_within(&r.one, tag, 2));
    flight_clear(&r.counters.slots[2]);
    assert_true(flight_enter_within(&r.one, tag, 2));
    /* Where it could not be counted it is not let in. */
    for (uint64_t i = 1; i <= FLIGHT_SPILL_SETS * FLIGHT_WAYS; i++) {
        (void)flight_enter(&r.other, tag + i * FLIGHT_SETS);
    }
    assert_false(flight_enter_within(&r.other, tag, 2));
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
        cmocka_unit_test(test_flight_spills_and_comes_back),
        cmocka_unit_test(test_flight_keeps_a_bound_over_workers),
        cmocka_unit_test(test_flight_of_one_worker_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
