/* SPDX-License-Identifier: MIT */
/* The names that workers want, against a scripted server: what is followed, what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/clock.h"
#include "daemon/wanted.h"
#include "dns_script.h"
#include "loop/timer.h"

#define PR1 "tasks.pr1_web:3000"

static struct model_route routes[] = {
    {.to = {.is_pattern = true, .host = {"{1}_web", 7}, .port = 3000}},
    {.to = {.host = {"web", 3}, .port = 80}},
};
static struct model_route api_routes[] = {
    {.to = {.is_pattern = true, .host = {"api-{1}", 7}, .port = 80}},
};
static struct model_site sites[] = {
    {.name = {"*.x.com", 7}, .routes = routes, .route_count = 2},
    {.name = {"*.y.com", 7}, .routes = api_routes, .route_count = 1},
};
static const struct model both = {.sites = sites, .site_count = 2, .dns_refresh_ms = 10};
static const struct model only_api = {.sites = sites + 1, .site_count = 1, .dns_refresh_ms = 10};

struct scene {
    struct loop *loop;
    struct counters counters;
    struct dns_script *dns;
    struct resolver *r;
    struct wanted *w;
    struct timer tick;
    unsigned told;
    char name[128]; /* of the last news, with what it said */
    enum wire_wanted flag;
    size_t count;
    unsigned flags[WIRE_WANTED_COUNT];
};

static void on_tick(void *arg)
{
    struct scene *t = arg;
    timer_set(&t->tick, 5);
}

static void on_wanted(void *arg, struct str name, enum wire_wanted flag, const struct addr *addrs,
                      size_t count)
{
    struct scene *t = arg;

    (void)addrs;
    t->told++;
    t->flags[flag]++;
    (void)str_copy(t->name, sizeof(t->name), name);
    t->flag = flag;
    t->count = count;
}

static void setup(struct scene *t, const struct model *m)
{
    *t = (struct scene){.loop = loop_new()};
    assert_int_equal(counters_create(1, &t->counters), OK);
    t->dns = dns_script_new(t->loop, "127.0.0.1");
    assert_int_equal(resolver_new(t->loop, dns_script_addr(t->dns), 1, &t->r), OK);
    t->w = wanted_new(t->loop, slot_adopt(&t->counters, 0, SLOT_KEEPER, 0), on_wanted, t);
    wanted_set(t->w, t->r, m);
    timer_init(&t->tick, t->loop, on_tick, t);
    on_tick(t);
}

static void teardown(struct scene *t)
{
    clock_resume();
    timer_fini(&t->tick);
    wanted_free(t->w);
    resolver_free(t->r);
    dns_script_free(t->dns);
    loop_free(t->loop);
    counters_fini(&t->counters);
}

static uint64_t count_of(struct scene *t, enum counter which)
{
    return counters_sum(&t->counters, which);
}

#define WAIT_FOR(t, test)                                                                          \
    do {                                                                                           \
        for (int turns = 0; !(test); turns++) {                                                    \
            assert_true(turns < 2000);                                                             \
            loop_turn((t)->loop, true);                                                            \
        }                                                                                          \
    } while (0)

static void test_wanted_follows_a_name_that_a_pattern_makes(void **state)
{
    struct scene t;
    const struct list *pos = NULL;
    struct service_info info;
    struct str name;

    (void)state;
    setup(&t, &both);
    dns_script_addrs(t.dns, "tasks.pr1_web", RESOLVER_A, "10.0.0.1 10.0.0.2");
    wanted_want(t.w, STR(PR1), WIRE_WANT_TELL);
    assert_int_equal(t.told, 0);
    WAIT_FOR(&t, t.told == 1);
    assert_string_equal(t.name, PR1);
    assert_int_equal(t.flag, WIRE_WANTED_SET);
    assert_int_equal(t.count, 2);
    /* Another worker is told at once; one that goes on using it is not. */
    wanted_want(t.w, STR(PR1), WIRE_WANT_TELL);
    assert_int_equal(t.told, 2);
    wanted_want(t.w, STR(PR1), WIRE_WANT_KEEP);
    assert_int_equal(t.told, 2);
    /* News come unasked. */
    dns_script_addrs(t.dns, "tasks.pr1_web", RESOLVER_A, "10.0.0.3");
    WAIT_FOR(&t, t.told == 3);
    assert_int_equal(t.count, 1);
    assert_true(wanted_next(t.w, &pos, &name, &info));
    assert_true(str_eq(name, STR(PR1)));
    assert_int_equal(info.count, 1);
    assert_false(wanted_next(t.w, &pos, &name, &info));
    assert_int_equal(count_of(&t, COUNTER_PATTERN_NAMES), 1);
    assert_int_equal(dns_script_asked(t.dns, "pr1_web", RESOLVER_A), 0);
    teardown(&t);
}

static void test_wanted_refuses_what_no_pattern_makes(void **state)
{
    static const char *const bad[] = {"",
                                      "pr1_web:3000",
                                      "tasks.pr1_web",
                                      "tasks.pr1_web:",
                                      "tasks.pr1_web:80",
                                      "tasks.pr1_web:03000",
                                      "tasks.pr1_web:+3000",
                                      "tasks.pr1_web:3000 ",
                                      "tasks.pr1_web:68536",
                                      "tasks.pr1_db:3000",
                                      "tasks.web:80",
                                      "tasks.a.pr1_web:3000",
                                      "tasks.tasks.pr1_web:3000",
                                      "tasks.a_b_web:3000",
                                      "tasks._web:3000",
                                      "tasks.-a_web:3000",
                                      "tasks.PR1_web:3000",
                                      "tasks.{1}_web:3000",
                                      "tasks.",
                                      "tasks.:3000",
                                      ":3000",
                                      "tasks.api-.y:80",
                                      "TASKS.pr1_web:3000"};
    struct scene t;

    (void)state;
    setup(&t, &both);
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        wanted_want(t.w, str_of(bad[i]), WIRE_WANT_TELL);
        assert_int_equal(t.told, i + 1);
        assert_int_equal(t.flag, WIRE_WANTED_GONE);
        assert_int_equal(count_of(&t, COUNTER_PATTERN_NAMES_UNMATCHED), i + 1);
    }
    wanted_want(t.w, str_n("tasks.pr1_web\0:3000", 19), WIRE_WANT_TELL);
    assert_int_equal(t.flag, WIRE_WANTED_GONE);
    assert_int_equal(count_of(&t, COUNTER_PATTERN_NAMES), 0);
    wanted_hurry(t.w, STR(PR1));
    teardown(&t);
}

static void test_wanted_tells_absence_unsurely_at_first(void **state)
{
    struct scene t;

    (void)state;
    setup(&t, &both);
    clock_freeze(1000000, 1000000);
    wanted_want(t.w, STR(PR1), WIRE_WANT_TELL);
    WAIT_FOR(&t, t.told == 1);
    assert_int_equal(t.flag, WIRE_WANTED_NONE);
    wanted_want(t.w, STR(PR1), WIRE_WANT_KEEP);
    assert_int_equal(t.flag, WIRE_WANTED_NONE);
    clock_advance(SERVICE_DOUBT_MS);
    wanted_want(t.w, STR(PR1), WIRE_WANT_KEEP);
    assert_int_equal(t.flag, WIRE_WANTED_SET);
    assert_int_equal(t.count, 0);
    teardown(&t);
}

static void test_wanted_screens_answers(void **state)
{
    static const char *const bad[] = {"127.0.0.1 127.0.0.11", "169.254.169.254", "0.0.0.0",
                                      "224.0.0.1", "255.255.255.255"};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct scene t;
        setup(&t, &both);
        dns_script_addrs(t.dns, "tasks.pr1_web", RESOLVER_A, bad[i]);
        dns_script_addrs(t.dns, "tasks.pr1_web", RESOLVER_AAAA, "::1 fe80::1 ::ffff:127.0.0.1");
        dns_script_addrs(t.dns, "tasks.pr2_web", RESOLVER_A, "127.0.0.1 10.0.0.1");
        wanted_want(t.w, STR(PR1), WIRE_WANT_TELL);
        WAIT_FOR(&t, t.told == 1);
        assert_int_equal(t.count, 0);
        wanted_want(t.w, STR("tasks.pr2_web:3000"), WIRE_WANT_TELL);
        WAIT_FOR(&t, t.told == 2);
        assert_int_equal(t.count, 1);
        teardown(&t);
    }
}

static void test_wanted_takes_only_the_networks_named(void **state)
{
    struct addr_net nets[2];
    struct model m = both;
    struct scene t;

    (void)state;
    assert_int_equal(addr_net_parse(STR("10.0.1.0/24"), &nets[0]), OK);
    assert_int_equal(addr_net_parse(STR("127.0.0.0/8"), &nets[1]), OK); /* written, so meant */
    m.task_nets = nets;
    m.task_net_count = 2;
    setup(&t, &m);
    dns_script_addrs(t.dns, "tasks.pr1_web", RESOLVER_A, "10.0.1.1 10.0.2.1 8.8.8.8 127.0.0.2");
    wanted_want(t.w, STR(PR1), WIRE_WANT_TELL);
    WAIT_FOR(&t, t.told == 1);
    assert_int_equal(t.count, 2);
    teardown(&t);
}

static void name_of(char dst[static 64], unsigned i)
{
    (void)snprintf(dst, 64, "tasks.g%u_web:3000", i);
}

static void test_wanted_bounds_new_names(void **state)
{
    struct scene t;
    char name[64];

    (void)state;
    setup(&t, &both);
    clock_freeze(1000000, 1000000);
    t.told = 0;
    for (unsigned i = 0; i < WANTED_NEW_BURST + 100; i++) {
        name_of(name, i);
        wanted_want(t.w, str_of(name), WIRE_WANT_TELL);
    }
    assert_true(count_of(&t, COUNTER_PATTERN_NAMES_TOO_FAST) >= 50);
    assert_true(count_of(&t, COUNTER_PATTERN_NAMES) <= WANTED_NEW_BURST);
    uint64_t refused = count_of(&t, COUNTER_PATTERN_NAMES_TOO_FAST);
    clock_advance(1000);
    for (unsigned i = 0; i < 2 * WANTED_NEW_PER_S; i++) {
        name_of(name, 5000 + i);
        wanted_want(t.w, str_of(name), WIRE_WANT_TELL);
    }
    assert_int_equal(count_of(&t, COUNTER_PATTERN_NAMES_TOO_FAST) - refused, WANTED_NEW_PER_S);
    teardown(&t);
}

static void test_wanted_guesses_do_not_push_out_what_is_used(void **state)
{
    struct scene t;
    char name[64];

    (void)state;
    setup(&t, &both);
    dns_script_addrs(t.dns, "tasks.pr1_web", RESOLVER_A, "10.0.0.1");
    wanted_want(t.w, STR(PR1), WIRE_WANT_TELL);
    WAIT_FOR(&t, t.told == 1);
    clock_freeze(1000000000, 1000000000);
    for (unsigned i = 0; i < 5 * WANTED_ABSENT_MAX; i++) {
        clock_advance(1000 / WANTED_NEW_PER_S);
        name_of(name, i);
        wanted_want(t.w, str_of(name), WIRE_WANT_TELL);
    }
    assert_int_equal(count_of(&t, COUNTER_PATTERN_NAMES_TOO_FAST), 0);
    assert_int_equal(count_of(&t, COUNTER_PATTERN_NAMES), WANTED_ABSENT_MAX + 1);
    assert_int_equal(count_of(&t, COUNTER_PATTERN_NAMES_EVICTED), 4 * WANTED_ABSENT_MAX);
    /* Nothing was said of them: whoever waits is told so. */
    assert_int_equal(t.flags[WIRE_WANTED_GONE], 4 * WANTED_ABSENT_MAX);
    wanted_want(t.w, STR(PR1), WIRE_WANT_TELL);
    assert_string_equal(t.name, PR1);
    assert_int_equal(t.count, 1);
    teardown(&t);
}

static void test_wanted_forgets_the_idle(void **state)
{
    struct scene t;

    (void)state;
    setup(&t, &both);
    dns_script_addrs(t.dns, "tasks.pr1_web", RESOLVER_A, "10.0.0.1");
    wanted_want(t.w, STR(PR1), WIRE_WANT_TELL);
    wanted_want(t.w, STR("tasks.api-7:80"), WIRE_WANT_TELL);
    WAIT_FOR(&t, t.told == 2);
    clock_freeze(1000000000, 1000000000);
    wanted_want(t.w, STR(PR1), WIRE_WANT_KEEP);
    clock_advance(WANTED_ABSENT_IDLE_MS);
    WAIT_FOR(&t, t.flags[WIRE_WANTED_IDLE] == 1);
    assert_string_equal(t.name, "tasks.api-7:80");
    clock_advance(WANTED_IDLE_MS);
    WAIT_FOR(&t, t.flags[WIRE_WANTED_IDLE] == 2);
    assert_string_equal(t.name, PR1);
    assert_int_equal(count_of(&t, COUNTER_PATTERN_NAMES), 0);
    teardown(&t);
}

static void test_wanted_survives_a_reload_that_still_makes_it(void **state)
{
    struct scene t;

    (void)state;
    setup(&t, &both);
    dns_script_addrs(t.dns, "tasks.pr1_web", RESOLVER_A, "10.0.0.1");
    dns_script_addrs(t.dns, "tasks.api-7", RESOLVER_A, "10.0.0.2");
    wanted_want(t.w, STR(PR1), WIRE_WANT_TELL);
    wanted_want(t.w, STR("tasks.api-7:80"), WIRE_WANT_TELL);
    WAIT_FOR(&t, t.told == 2);
    wanted_set(t.w, t.r, &only_api);
    assert_int_equal(t.told, 3);
    assert_string_equal(t.name, PR1);
    assert_int_equal(t.flag, WIRE_WANTED_GONE);
    wanted_want(t.w, STR("tasks.api-7:80"), WIRE_WANT_TELL);
    assert_int_equal(t.told, 4); /* at once: it was followed all the time */
    assert_int_equal(t.count, 1);
    /* Nobody to ask: there are no addresses, and that is said at once. */
    wanted_drop_all(t.w);
    wanted_set(t.w, NULL, &both);
    wanted_want(t.w, STR(PR1), WIRE_WANT_TELL);
    assert_int_equal(t.told, 5);
    assert_int_equal(t.flag, WIRE_WANTED_SET);
    assert_int_equal(t.count, 0);
    teardown(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wanted_follows_a_name_that_a_pattern_makes),
        cmocka_unit_test(test_wanted_refuses_what_no_pattern_makes),
        cmocka_unit_test(test_wanted_tells_absence_unsurely_at_first),
        cmocka_unit_test(test_wanted_screens_answers),
        cmocka_unit_test(test_wanted_takes_only_the_networks_named),
        cmocka_unit_test(test_wanted_bounds_new_names),
        cmocka_unit_test(test_wanted_guesses_do_not_push_out_what_is_used),
        cmocka_unit_test(test_wanted_forgets_the_idle),
        cmocka_unit_test(test_wanted_survives_a_reload_that_still_makes_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
