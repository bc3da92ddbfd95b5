/* SPDX-License-Identifier: MIT */
#include "proxy/policy_rate.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define START UINT64_C(1000000000000)

struct rig {
    struct counters counters;
    struct rate_tables tables;
};

static void rig_open(struct rig *r)
{
    assert_int_equal(counters_create(1, &r->counters), OK);
    r->tables = (struct rate_tables){&r->counters, slot_adopt(&r->counters, 0, SLOT_WORKER, 0)};
}

/* How many of ten requests at once are let through. */
static unsigned ten(struct rig *r, const char *client, const char *site, struct model_rate rate)
{
    struct addr addr;
    struct policy_rate who = {.site = str_of(site), .rate = &rate};
    unsigned passed = 0;
    unsigned seconds = 0;
    if (client != NULL) {
        assert_int_equal(addr_parse_ip(str_of(client), 1, &addr), OK);
        who.client = &addr;
    }
    for (int i = 0; i < 10; i++) {
        enum why why = policy_rate(&r->tables, &who, START, &seconds);
        passed += why == WHY_OK;
        assert_true(why == WHY_OK || (why == WHY_RATE_LIMITED && seconds >= 1));
    }
    return passed;
}

static void test_policy_rate_whose_bucket(void **state)
{
    struct rig r;
    const struct model_rate rate = {.requests = 5, .period_ms = 60000, .burst = 3};
    (void)state;
    rig_open(&r);
    assert_int_equal(ten(&r, "192.0.2.1", "a.test", rate), 3);
    assert_int_equal(ten(&r, "::ffff:192.0.2.1", "a.test", rate), 0); /* the same client */
    assert_int_equal(ten(&r, "192.0.2.2", "a.test", rate), 3);
    assert_int_equal(ten(&r, "192.0.2.1", "b.test", rate), 3);
    assert_int_equal(ten(&r, "2001:db8:0:1::1", "a.test", rate), 3);
    assert_int_equal(ten(&r, "2001:db8:0:1:ffff::2", "a.test", rate), 0); /* the same /64 */
    assert_int_equal(ten(&r, "2001:db8:0:2::1", "a.test", rate), 3);
    assert_int_equal(ten(&r, NULL, "a.test", rate), 3); /* all that are not known */
    assert_int_equal(ten(&r, NULL, "a.test", rate), 0);
    const struct model_rate other = {.requests = 6, .period_ms = 60000, .burst = 3};
    assert_int_equal(ten(&r, "192.0.2.1", "a.test", other), 3); /* a route of its own rate */
    counters_fini(&r.counters);
}

static void test_policy_rate_none_and_extremes(void **state)
{
    struct rig r;
    (void)state;
    rig_open(&r);
    assert_int_equal(ten(&r, "192.0.2.1", "a.test", (struct model_rate){0}), 10);
    assert_int_equal(ten(&r, "192.0.2.1", "a.test", (struct model_rate){1, 1000, 0}), 1);
    assert_int_equal(ten(&r, "192.0.2.1", "a.test", (struct model_rate){UINT32_MAX, 1, 100}), 10);
    counters_fini(&r.counters);
}

static void test_policy_rate_seconds(void **state)
{
    (void)state;
    assert_int_equal(policy_rate_seconds(0), 1);
    assert_int_equal(policy_rate_seconds(1), 1);
    assert_int_equal(policy_rate_seconds(1000000000), 1);
    assert_int_equal(policy_rate_seconds(1000000001), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_policy_rate_whose_bucket),
        cmocka_unit_test(test_policy_rate_none_and_extremes),
        cmocka_unit_test(test_policy_rate_seconds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
