/* SPDX-License-Identifier: MIT */
/* The choice of an endpoint, and what failures do to it. */
#include "../../../src/upstream/balance.h"

#include "base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define COUNT 4

struct rig {
    struct counters counters;
    struct endpoint_set *set;
    uint64_t rng;
};

static void rig_init(struct rig *r)
{
    struct addr addrs[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(addr_parse_ip(STR("127.0.0.1"), (uint16_t)(1000 + i), &addrs[i]), OK);
    }
    assert_int_equal(counters_create(1, &r->counters), OK);
    struct slot *slot = slot_adopt(&r->counters, 0, SLOT_WORKER, 0);
    r->set = endpoint_set_new(NULL, &(struct endpoint_owner){.slot = slot, .label = STR("app:80")},
                              addrs, COUNT);
    r->rng = 88172645463325252U;
}

static void rig_fini(struct rig *r)
{
    endpoint_set_unref(r->set);
    counters_fini(&r->counters);
}

static struct endpoint *pick(struct rig *r, size_t tried, uint64_t now_ms)
{
    return balance_pick(r->set, r->set->endpoints, tried, now_ms, &r->rng);
}

static void test_balance_spreads_and_avoids_the_busiest(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    unsigned hits[COUNT] = {0};
    for (int i = 0; i < 4000; i++) {
        const struct endpoint *e = pick(&r, 0, 0);
        hits[addr_port(&e->addr) - 1000]++;
    }
    for (size_t i = 0; i < COUNT; i++) {
        assert_in_range(hits[i], 800, 1200);
    }
    /* The one with the most in flight loses against whichever is drawn beside it. */
    endpoint_enter(r.set->endpoints[2]);
    for (int i = 0; i < 1000; i++) {
        assert_ptr_not_equal(pick(&r, 0, 0), r.set->endpoints[2]);
    }
    endpoint_leave(r.set->endpoints[2]);
    rig_fini(&r);
}

static void test_balance_skips_tried_and_ejected(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    assert_ptr_equal(pick(&r, COUNT - 1, 0), r.set->endpoints[COUNT - 1]);
    assert_null(pick(&r, COUNT, 0));
    for (size_t i = 1; i < COUNT; i++) {
        endpoint_failed(r.set->endpoints[i], WHY_CONNECT_REFUSED, true, 100 * i);
    }
    for (int i = 0; i < 100; i++) {
        assert_ptr_equal(pick(&r, 0, 200), r.set->endpoints[0]);
    }
    /* All are down: the one that comes back first. */
    endpoint_failed(r.set->endpoints[0], WHY_CONNECT_REFUSED, true, 400);
    assert_ptr_equal(pick(&r, 0, 450), r.set->endpoints[1]);
    /* Its time is over: it may be chosen like any other. */
    assert_ptr_equal(pick(&r, 0, 1150), r.set->endpoints[1]);
    assert_int_equal(r.set->endpoints[1]->state, EP_UNKNOWN);
    rig_fini(&r);
}

static void test_endpoint_ejection_grows_and_ends(void **state)
{
    (void)state;
    static const uint64_t lasts[] = {1000, 2000, 4000, 8000, 10000, 10000};
    struct rig r;
    rig_init(&r);
    struct endpoint *e = r.set->endpoints[0];
    uint64_t now = 5;
    for (size_t i = 0; i < sizeof(lasts) / sizeof(lasts[0]); i++) {
        endpoint_failed(e, WHY_CONNECT_TIMEOUT, true, now);
        endpoint_failed(e, WHY_CONNECT_TIMEOUT, true, now + 1); /* found out twice at once */
        assert_false(endpoint_is_eligible(e, now + lasts[i] - 1));
        assert_true(endpoint_is_eligible(e, now + lasts[i]));
        now += lasts[i];
    }
    endpoint_failed(e, WHY_UPSTREAM_CUT, false, now); /* counted, but no reason to pass it over */
    assert_true(endpoint_is_eligible(e, now));
    endpoint_served(e);
    endpoint_failed(e, WHY_CONNECT_TIMEOUT, true, now);
    assert_true(endpoint_is_eligible(e, now + 1000));
    endpoint_set_state(e, EP_DRAINING);
    endpoint_failed(e, WHY_CONNECT_TIMEOUT, true, now);
    endpoint_connected(e);
    assert_int_equal(e->state, EP_DRAINING);
    assert_false(endpoint_is_eligible(e, now + 100000));
    rig_fini(&r);
}

static void test_endpoint_set_takes_over_by_address(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    const struct addr next[] = {r.set->endpoints[3]->addr, r.set->endpoints[3]->addr,
                                r.set->endpoints[1]->addr};
    struct endpoint_set *set = endpoint_set_new(
        r.set, &(struct endpoint_owner){.slot = r.set->endpoints[0]->slot, .label = STR("app:80")},
        next, 3);
    assert_int_equal(set->version, r.set->version + 1);
    assert_int_equal(set->count, 2);
    assert_ptr_equal(set->endpoints[0], r.set->endpoints[3]);
    assert_ptr_equal(set->endpoints[1], r.set->endpoints[1]);
    assert_true(endpoint_set_has(set, r.set->endpoints[1]));
    assert_false(endpoint_set_has(set, r.set->endpoints[0]));
    assert_false(endpoint_set_is(set, next, 3));
    assert_true(endpoint_set_is(set, next + 1, 2));
    endpoint_set_unref(set);
    rig_fini(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_balance_spreads_and_avoids_the_busiest),
        cmocka_unit_test(test_balance_skips_tried_and_ejected),
        cmocka_unit_test(test_endpoint_ejection_grows_and_ends),
        cmocka_unit_test(test_endpoint_set_takes_over_by_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
