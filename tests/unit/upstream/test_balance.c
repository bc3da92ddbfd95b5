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
    struct balance balance;
};

static void rig_init(struct rig *r)
{
    struct addr addrs[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(addr_parse_ip(STR("127.0.0.1"), (uint16_t)(1000 + i), &addrs[i]), OK);
    }
    assert_int_equal(counters_create(2, &r->counters), OK);
    struct slot *slot = slot_adopt(&r->counters, 0, SLOT_WORKER, 0);
    const struct endpoint_owner owner = {
        .slot = slot, .counters = &r->counters, .label = STR("app:80")};
    r->set = endpoint_set_new(NULL, &owner, addrs, COUNT);
    r->balance = (struct balance){.rng = 88172645463325252U};
}

static void rig_fini(struct rig *r)
{
    endpoint_set_unref(r->set);
    counters_fini(&r->counters);
}

static struct endpoint *pick(struct rig *r, size_t tried, uint64_t now_ms)
{
    const struct balance_ask ask = {
        .set = r->set, .tried = r->set->endpoints, .tried_count = tried, .now_ms = now_ms};
    return balance_pick(&ask, &r->balance);
}

static size_t index_of(const struct endpoint *e)
{
    return addr_port(&e->addr) - 1000U;
}

static struct endpoint *pick_as(struct rig *r, enum model_balance_kind kind, uint64_t key)
{
    const struct balance_ask ask = {.set = r->set, .kind = kind, .key = key};
    return balance_pick(&ask, &r->balance);
}

/* The requests of another worker count as one's own do. */
static void test_balance_sees_other_workers(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    const struct flight_tables other = {&r.counters, slot_adopt(&r.counters, 1, SLOT_WORKER, 1)};
    flight_enter(&other, r.set->endpoints[1]->tag);
    for (int i = 0; i < 1000; i++) {
        assert_ptr_not_equal(pick(&r, 0, 0), r.set->endpoints[1]);
    }
    flight_clear(other.own);
    unsigned hits = 0;
    for (int i = 0; i < 1000; i++) {
        hits += pick(&r, 0, 0) == r.set->endpoints[1];
    }
    assert_in_range(hits, 150, 350);
    rig_fini(&r);
}

/* While one request finds out whether a new endpoint takes connections, no other goes there. */
static void test_balance_tries_a_new_one_first(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    for (size_t i = 1; i < COUNT; i++) {
        endpoint_connected(r.set->endpoints[i]);
        endpoint_enter(r.set->endpoints[i]);
        endpoint_enter(r.set->endpoints[i]);
    }
    endpoint_enter(r.set->endpoints[0]);
    for (int i = 0; i < 1000; i++) {
        assert_ptr_not_equal(pick(&r, 0, 0), r.set->endpoints[0]);
        assert_ptr_not_equal(pick_as(&r, MODEL_BALANCE_ROUND_ROBIN, 0), r.set->endpoints[0]);
    }
    endpoint_connected(r.set->endpoints[0]);
    unsigned hits = 0;
    for (int i = 0; i < 1000; i++) {
        hits += pick(&r, 0, 0) == r.set->endpoints[0];
    }
    assert_in_range(hits, 400, 600); /* it is one of the two drawn in half of all cases */
    for (size_t i = 0; i < COUNT; i++) {
        while (r.set->endpoints[i]->active > 0) {
            endpoint_leave(r.set->endpoints[i], true);
        }
    }
    rig_fini(&r);
}

/* With a bound a full one is not chosen, in no way; an ejected one only where none is well. */
static void test_balance_leaves_out_the_full(void **state)
{
    (void)state;
    static const enum model_balance_kind kinds[] = {MODEL_BALANCE_LEAST, MODEL_BALANCE_ROUND_ROBIN,
                                                    MODEL_BALANCE_HASH};
    struct rig r;
    rig_init(&r);
    const struct flight_tables other = {&r.counters, slot_adopt(&r.counters, 1, SLOT_WORKER, 1)};
    for (size_t i = 0; i < COUNT; i++) {
        endpoint_connected(r.set->endpoints[i]);
        assert_true(endpoint_enter_within(r.set->endpoints[i], 2));
    }
    for (size_t i = 1; i < COUNT; i++) {
        flight_enter(&other, r.set->endpoints[i]->tag);
        assert_false(endpoint_enter_within(r.set->endpoints[i], 2));
    }
    for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
        for (uint64_t key = 0; key < 100; key++) {
            const struct balance_ask ask = {.set = r.set, .kind = kinds[k], .key = key, .bound = 2};
            assert_ptr_equal(balance_pick(&ask, &r.balance), r.set->endpoints[0]);
        }
        endpoint_failed(r.set->endpoints[3], WHY_CONNECT_REFUSED, &endpoint_eject_default, 0);
        assert_true(endpoint_enter_within(r.set->endpoints[0], 2));
        const struct balance_ask ask = {.set = r.set, .kind = kinds[k], .bound = 2};
        assert_null(balance_pick(&ask, &r.balance));
        assert_true(balance_has_untried(&ask));
        endpoint_leave(r.set->endpoints[0], true);
    }
    for (size_t i = 0; i < COUNT; i++) {
        endpoint_failed(r.set->endpoints[i], WHY_CONNECT_REFUSED, &endpoint_eject_default, i);
    }
    const struct balance_ask ask = {.set = r.set, .now_ms = 500, .bound = 3};
    assert_non_null(balance_pick(&ask, &r.balance));
    for (size_t i = 0; i < COUNT; i++) {
        endpoint_leave(r.set->endpoints[i], true);
    }
    rig_fini(&r);
}

static void test_balance_takes_turns(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    unsigned hits[COUNT] = {0};
    for (int i = 0; i < 40; i++) {
        hits[index_of(pick_as(&r, MODEL_BALANCE_ROUND_ROBIN, 0))]++;
    }
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(hits[i], 10);
    }
    endpoint_failed(r.set->endpoints[1], WHY_CONNECT_REFUSED, &endpoint_eject_default, 0);
    for (int i = 0; i < 40; i++) {
        assert_ptr_not_equal(pick_as(&r, MODEL_BALANCE_ROUND_ROBIN, 0), r.set->endpoints[1]);
    }
    rig_fini(&r);
}

#define KEYS 4000

/* An endpoint that is lost moves its own keys, evenly, and no others; they come back with it. */
static void test_balance_hash_moves_only_what_it_must(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    static size_t before[KEYS];
    unsigned hits[COUNT] = {0};
    for (uint64_t k = 0; k < KEYS; k++) {
        before[k] = index_of(pick_as(&r, MODEL_BALANCE_HASH, k));
        hits[before[k]]++;
    }
    for (size_t i = 0; i < COUNT; i++) {
        assert_in_range(hits[i], KEYS / COUNT * 8 / 10, KEYS / COUNT * 12 / 10);
    }
    endpoint_failed(r.set->endpoints[2], WHY_CONNECT_REFUSED, &endpoint_eject_default, 0);
    unsigned moved[COUNT] = {0};
    for (uint64_t k = 0; k < KEYS; k++) {
        size_t now = index_of(pick_as(&r, MODEL_BALANCE_HASH, k));
        assert_int_not_equal(now, 2);
        if (before[k] == 2) {
            moved[now]++;
        } else {
            assert_int_equal(now, before[k]);
        }
    }
    for (size_t i = 0; i < COUNT; i++) {
        assert_in_range(moved[i], i == 2 ? 0 : hits[2] / 4, i == 2 ? 0 : hits[2] / 2);
    }
    endpoint_served(r.set->endpoints[2]);
    for (uint64_t k = 0; k < KEYS; k++) {
        assert_int_equal(index_of(pick_as(&r, MODEL_BALANCE_HASH, k)), before[k]);
    }
    rig_fini(&r);
}

static void test_balance_spreads_and_avoids_the_busiest(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    unsigned hits[COUNT] = {0};
    for (int i = 0; i < 4000; i++) {
        const struct endpoint *e = pick(&r, 0, 0);
        hits[index_of(e)]++;
    }
    for (size_t i = 0; i < COUNT; i++) {
        assert_in_range(hits[i], 800, 1200);
    }
    /* The one with the most in flight loses against whichever is drawn beside it. */
    endpoint_enter(r.set->endpoints[2]);
    for (int i = 0; i < 1000; i++) {
        assert_ptr_not_equal(pick(&r, 0, 0), r.set->endpoints[2]);
    }
    endpoint_leave(r.set->endpoints[2], true);
    rig_fini(&r);
}

/* All have taken connections: they are no beginners. */
static void meet(struct rig *r)
{
    for (size_t i = 0; i < r->set->count; i++) {
        endpoint_connected(r->set->endpoints[i]);
    }
}

static void test_balance_skips_tried_and_ejected(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    meet(&r);
    assert_ptr_equal(pick(&r, COUNT - 1, 0), r.set->endpoints[COUNT - 1]);
    assert_null(pick(&r, COUNT, 0));
    for (size_t i = 1; i < COUNT; i++) {
        endpoint_failed(r.set->endpoints[i], WHY_CONNECT_REFUSED, &endpoint_eject_default, 100 * i);
    }
    for (int i = 0; i < 100; i++) {
        assert_ptr_equal(pick(&r, 0, 200), r.set->endpoints[0]);
    }
    /* All are down: the one that comes back first. */
    endpoint_failed(r.set->endpoints[0], WHY_CONNECT_REFUSED, &endpoint_eject_default, 400);
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
    meet(&r);
    struct endpoint *e = r.set->endpoints[0];
    uint64_t now = 5;
    for (size_t i = 0; i < sizeof(lasts) / sizeof(lasts[0]); i++) {
        endpoint_failed(e, WHY_CONNECT_TIMEOUT, &endpoint_eject_default, now);
        endpoint_failed(e, WHY_CONNECT_TIMEOUT, &endpoint_eject_default,
                        now + 1); /* found out twice at once */
        assert_false(endpoint_is_eligible(e, now + lasts[i] - 1));
        assert_true(endpoint_is_eligible(e, now + lasts[i]));
        now += lasts[i];
    }
    endpoint_failed(e, WHY_UPSTREAM_CUT, NULL, now); /* counted, but no reason to pass it over */
    assert_true(endpoint_is_eligible(e, now));
    endpoint_served(e);
    endpoint_failed(e, WHY_CONNECT_TIMEOUT, &endpoint_eject_default, now);
    assert_true(endpoint_is_eligible(e, now + 1000));
    endpoint_set_state(e, EP_DRAINING);
    endpoint_failed(e, WHY_CONNECT_TIMEOUT, &endpoint_eject_default, now);
    endpoint_connected(e);
    assert_int_equal(e->state, EP_DRAINING);
    assert_false(endpoint_is_eligible(e, now + 100000));
    rig_fini(&r);
}

/* One that never took a connection may be about to listen: it is asked again soon. */
static void test_endpoint_that_starts_is_asked_soon(void **state)
{
    (void)state;
    static const uint64_t lasts[] = {125, 250, 500, 1000, 2000, 4000, 8000, 10000, 10000};
    struct rig r;
    rig_init(&r);
    struct endpoint *e = r.set->endpoints[0];
    uint64_t now = 5;
    for (size_t i = 0; i < sizeof(lasts) / sizeof(lasts[0]); i++) {
        endpoint_failed(e, WHY_CONNECT_REFUSED, &endpoint_eject_default, now);
        assert_false(endpoint_is_eligible(e, now + lasts[i] - 1));
        assert_true(endpoint_is_eligible(e, now + lasts[i]));
        now += lasts[i];
    }
    endpoint_connected(e);
    endpoint_served(e);
    endpoint_failed(e, WHY_CONNECT_REFUSED, &endpoint_eject_default, now);
    assert_false(endpoint_is_eligible(e, now + endpoint_eject_default.first_ms - 1));
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

/* A row of bad answers ejects, one good one breaks it; half of the endpoints always stay. */
static void test_endpoint_bad_answers(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    meet(&r);
    struct endpoint *e = r.set->endpoints[0];
    for (unsigned i = 1; i < endpoint_eject_default.errors; i++) {
        assert_false(endpoint_answered_badly(e, &endpoint_eject_default));
    }
    endpoint_served(e);
    for (unsigned i = 1; i < endpoint_eject_default.errors; i++) {
        assert_false(endpoint_answered_badly(e, &endpoint_eject_default));
    }
    assert_true(endpoint_answered_badly(e, &endpoint_eject_default));
    for (size_t i = 0; i < COUNT / 2; i++) {
        assert_true(endpoint_set_can_spare(r.set, 50, 0));
        endpoint_eject(r.set->endpoints[i], "bad_answers", &endpoint_eject_default, 0);
        assert_int_equal(*r.set->endpoints[i]->ejected, 1);
    }
    assert_false(endpoint_set_can_spare(r.set, 50, endpoint_eject_default.first_ms - 1));
    assert_true(endpoint_set_can_spare(r.set, 50, endpoint_eject_default.first_ms));
    assert_true(endpoint_is_eligible(e, endpoint_eject_default.first_ms));
    assert_int_equal(*e->ejected, 0);
    struct endpoint_set *alone = endpoint_set_new(
        r.set, &(struct endpoint_owner){.slot = e->slot, .label = STR("app:80")}, &e->addr, 1);
    assert_false(endpoint_set_can_spare(alone, 50, 0));
    endpoint_set_unref(alone);
    rig_fini(&r);
}

static void test_endpoint_that_fails_its_checks(void **state)
{
    (void)state;
    const struct model_eject *how = &endpoint_eject_default;
    struct rig r;
    rig_init(&r);
    endpoint_set_checked(r.set, 1);
    for (int i = 0; i < 100; i++) {
        assert_ptr_equal(pick(&r, 0, 0), r.set->endpoints[0]);
    }
    /* Neither a connection nor a good answer says that it is well again; a failure adds nothing. */
    struct endpoint *e = r.set->endpoints[3];
    endpoint_connected(e);
    endpoint_served(e);
    endpoint_failed(e, WHY_CONNECT_TIMEOUT, how, 0);
    assert_int_equal(e->state, EP_FAILING);
    /* What is only ejected comes first, then it is the turn of those that fail. */
    endpoint_failed(r.set->endpoints[0], WHY_CONNECT_REFUSED, how, 0);
    assert_ptr_equal(pick(&r, 0, 0), r.set->endpoints[0]);
    assert_int_equal(pick(&r, 1, 0)->state, EP_FAILING);
    assert_false(endpoint_set_can_spare(r.set, 100, 2000));
    /* When all fail, none does. */
    endpoint_set_checked(r.set, 0);
    for (size_t i = 0; i < COUNT; i++) {
        assert_true(endpoint_is_eligible(r.set->endpoints[i], 2000));
    }
    endpoint_set_checked(r.set, 2);
    endpoint_set_checked(r.set, COUNT);
    assert_int_equal(e->state, EP_UNKNOWN);
    rig_fini(&r);
}

static void test_ejection_as_configured(void **state)
{
    (void)state;
    const struct model_eject never = {.first_ms = 10, .longest_ms = 10, .percent = 0};
    const struct model_eject hour = {
        .errors = 1, .first_ms = 3600000, .longest_ms = 3600000, .percent = 100};
    struct rig r;
    rig_init(&r);
    meet(&r);
    struct endpoint *e = r.set->endpoints[0];
    for (int i = 0; i < 100; i++) {
        assert_false(endpoint_answered_badly(e, &never));
    }
    assert_false(endpoint_set_can_spare(r.set, 0, 0));
    for (size_t i = 0; i < COUNT - 1; i++) {
        assert_true(endpoint_answered_badly(r.set->endpoints[i], &hour));
        assert_true(endpoint_set_can_spare(r.set, 100, 0));
        endpoint_eject(r.set->endpoints[i], "bad_answers", &hour, 0);
    }
    assert_false(endpoint_set_can_spare(r.set, 100, 0)); /* the last one */
    e->failures = 1000;
    endpoint_eject(e, "bad_answers", &hour, 3600000);
    assert_int_equal(e->ejected_until_ms, 7200000);
    rig_fini(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_balance_spreads_and_avoids_the_busiest),
        cmocka_unit_test(test_balance_sees_other_workers),
        cmocka_unit_test(test_balance_tries_a_new_one_first),
        cmocka_unit_test(test_balance_leaves_out_the_full),
        cmocka_unit_test(test_balance_takes_turns),
        cmocka_unit_test(test_balance_hash_moves_only_what_it_must),
        cmocka_unit_test(test_balance_skips_tried_and_ejected),
        cmocka_unit_test(test_endpoint_ejection_grows_and_ends),
        cmocka_unit_test(test_endpoint_that_starts_is_asked_soon),
        cmocka_unit_test(test_endpoint_that_fails_its_checks),
        cmocka_unit_test(test_ejection_as_configured),
        cmocka_unit_test(test_endpoint_bad_answers),
        cmocka_unit_test(test_endpoint_set_takes_over_by_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
