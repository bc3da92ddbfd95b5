/* SPDX-License-Identifier: MIT */
/* Addresses that are checked by connections: what is said of them, and what a new model keeps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/socket.h>

#include "base/fd.h"
#include "daemon/checks.h"
#include "net/listener.h"

#define SERVICE STR("app:80")

struct scene {
    struct loop *loop;
    struct counters counters;
    struct slot *slot;
    struct checks *c;
    struct addr addrs[2]; /* nobody listens at the first */
    int listening;
    int bound;
    unsigned told;
};

static void on_checked(void *arg, struct str service)
{
    struct scene *t = arg;

    assert_true(str_eq(service, SERVICE));
    t->told++;
    loop_stop(t->loop);
}

static void setup(struct scene *t)
{
    *t = (struct scene){.loop = loop_new()};
    assert_int_equal(counters_create(1, &t->counters), OK);
    t->slot = slot_adopt(&t->counters, 0, SLOT_KEEPER, 0);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(addr_parse(STR("127.0.0.1:0"), &t->addrs[i]), OK);
    }
    t->bound = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(t->bound, &t->addrs[0].sa, t->addrs[0].len), 0);
    assert_int_equal(getsockname(t->bound, &t->addrs[0].sa, &t->addrs[0].len), 0);
    assert_int_equal(listener_bind(&t->addrs[1], false, &t->listening), OK);
    assert_int_equal(getsockname(t->listening, &t->addrs[1].sa, &t->addrs[1].len), 0);
    t->c = checks_new(t->loop, t->slot, on_checked, t);
}

static void teardown(struct scene *t)
{
    checks_free(t->c);
    fd_close(&t->listening);
    fd_close(&t->bound);
    loop_free(t->loop);
    counters_fini(&t->counters);
}

/* One site whose route checks the service so; an interval of 0: it does not. */
static void take(struct scene *t, uint32_t interval_ms)
{
    struct model_route route = {
        .to = {.host = STR("app"), .service = SERVICE, .port = 80, .verify = {.name = STR("")}},
        .health = {interval_ms, 5000, 2, 1, STR(""), STR("")},
    };
    struct model_site site = {.routes = &route, .route_count = 1};
    const struct model m = {.sites = &site, .site_count = 1};

    checks_set(t->c, &m);
}

static size_t sort(struct scene *t, struct addr out[static 2], struct buf *out_names)
{
    struct checks_order o = {.addrs = out,
                             .count = 2,
                             .names = STR("first\nsecond\n"),
                             .out_names = out_names,
                             .well = 2};

    out[0] = t->addrs[0];
    out[1] = t->addrs[1];
    checks_sort(t->c, SERVICE, &o);
    assert_int_equal(o.count, 2);
    return o.well;
}

static void test_checks_tell_who_fails(void **state)
{
    struct scene t;
    struct addr sorted[2];
    struct buf names;
    struct checks_verdict v;

    (void)state;
    setup(&t);
    buf_init(&names, 100);
    take(&t, 20);
    checks_addresses(t.c, SERVICE, t.addrs, 2);
    /* Not asked yet: well. */
    assert_true(checks_verdict(t.c, SERVICE, &t.addrs[0], &v) && !v.is_failing);
    assert_int_equal(sort(&t, sorted, &names), 2);
    loop_run(t.loop);
    assert_true(checks_verdict(t.c, SERVICE, &t.addrs[0], &v) && v.is_failing);
    assert_int_equal(v.why, WHY_CONNECT_REFUSED);
    assert_true(checks_verdict(t.c, SERVICE, &t.addrs[1], &v) && !v.is_failing);
    assert_true(t.slot->values[COUNTER_HEALTH_BAD] >= 2);
    assert_int_equal(t.slot->values[COUNTER_ENDPOINTS_FAILING], 1);
    /* Those that are well stand in front, with their names. */
    buf_clear(&names);
    assert_int_equal(sort(&t, sorted, &names), 1);
    assert_true(addr_eq(&sorted[0], &t.addrs[1]) && addr_eq(&sorted[1], &t.addrs[0]));
    assert_true(str_eq(buf_str(&names), STR("second\nfirst\n")));
    buf_fini(&names);
    teardown(&t);
}

static void test_checks_keep_results_of_the_same_check(void **state)
{
    struct scene t;
    struct checks_verdict v;

    (void)state;
    setup(&t);
    take(&t, 20);
    checks_addresses(t.c, SERVICE, t.addrs, 2);
    loop_run(t.loop);
    take(&t, 20);
    assert_int_equal(t.told, 1);
    assert_true(checks_verdict(t.c, SERVICE, &t.addrs[0], &v) && v.is_failing);
    /* Another check begins anew, with the addresses that are known; without one nothing is. */
    take(&t, 21);
    assert_int_equal(t.told, 2);
    assert_true(checks_verdict(t.c, SERVICE, &t.addrs[0], &v) && !v.is_failing);
    assert_int_equal(t.slot->values[COUNTER_ENDPOINTS_FAILING], 0);
    take(&t, 0);
    assert_int_equal(t.told, 2);
    assert_false(checks_verdict(t.c, SERVICE, &t.addrs[0], &v));
    teardown(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_checks_tell_who_fails),
        cmocka_unit_test(test_checks_keep_results_of_the_same_check),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
