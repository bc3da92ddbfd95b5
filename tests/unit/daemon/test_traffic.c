/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "base/clock.h"
#include "daemon/traffic.h"

struct rig {
    struct counters counters;
    struct slot *slot;
    struct traffic *traffic;
};

static void rig_init(struct rig *r)
{
    clock_freeze(1000, 1700000000000);
    assert_int_equal(counters_create(1, &r->counters), OK);
    r->slot = slot_adopt(&r->counters, 0, SLOT_WORKER, 0);
    r->traffic = traffic_new(&r->counters);
}

static void rig_fini(struct rig *r)
{
    traffic_free(r->traffic);
    counters_fini(&r->counters);
    clock_resume();
}

static void answered(struct rig *r, const char *site, unsigned code, uint64_t n)
{
    char labels[SERIES_LABELS_MAX];

    (void)snprintf(labels, sizeof(labels), "site=\"%s\",code=\"%u\",reason=\"r\"", site, code);
    cell_add(series_cell(r->slot, SERIES_REQUESTS, str_of(labels)), n);
}

static void test_traffic_rates_of_the_last_minute(void **state)
{
    struct traffic_rates rates;
    struct rig r;

    (void)state;
    rig_init(&r);
    traffic_rates(r.traffic, &rates);
    assert_int_equal(rates.requests, 0);
    answered(&r, "a", 200, 1000000); /* before we looked */
    traffic_sample(r.traffic);
    traffic_rates(r.traffic, &rates);
    assert_int_equal(rates.requests, 0);
    for (int i = 0; i < 100; i++) {
        answered(&r, "a", 200, i < 50 ? 50 : 10);
        counter_add(r.slot, COUNTER_CLIENT_BYTES_OUT, 5000);
        clock_advance(TRAFFIC_SAMPLE_MS);
        traffic_sample(r.traffic);
    }
    traffic_rates(r.traffic, &rates);
    assert_int_equal(rates.requests, 2000); /* 10 in 5 s: 2 a second; the 50 are forgotten */
    assert_int_equal(rates.bytes_out, 1000000);
    assert_int_equal(rates.bytes_in, 0);
    rig_fini(&r);
}

static void assert_error(struct rig *r, size_t i, const char *labels, uint64_t count)
{
    struct traffic_error e;

    assert_true(traffic_error_at(r->traffic, i, &e));
    assert_true(str_eq(e.labels, str_of(labels)));
    assert_int_equal(e.count, count);
}

static void test_traffic_errors_newest_first(void **state)
{
    const char *a = "site=\"a\",code=\"502\",reason=\"r\"";
    const char *b = "site=\"b\",code=\"503\",reason=\"r\"";
    struct traffic_error e;
    struct rig r;

    (void)state;
    rig_init(&r);
    answered(&r, "a", 502, 2);
    answered(&r, "a", 404, 9);
    traffic_sample(r.traffic);
    clock_advance(TRAFFIC_SAMPLE_MS);
    answered(&r, "b", 503, 1);
    traffic_sample(r.traffic);
    assert_error(&r, 0, b, 1);
    assert_error(&r, 1, a, 2);
    assert_false(traffic_error_at(r.traffic, 2, &e)); /* 404 is the client's */
    assert_true(traffic_error_at(r.traffic, 1, &e));
    assert_int_equal(e.last_wall_ms, 1700000000000);
    traffic_sample(r.traffic); /* nothing new */
    assert_error(&r, 0, b, 1);
    answered(&r, "a", 502, 3);
    traffic_sample(r.traffic);
    assert_error(&r, 0, a, 5);
    assert_error(&r, 1, b, 1);
    clock_advance(TRAFFIC_ERROR_MS + 1);
    assert_false(traffic_error_at(r.traffic, 0, &e));
    rig_fini(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_traffic_rates_of_the_last_minute),
        cmocka_unit_test(test_traffic_errors_newest_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
