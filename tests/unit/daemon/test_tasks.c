/* SPDX-License-Identifier: MIT */
/* Addresses whose names are asked for, at a server that knows none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/tasks.h"
#include "dns_script.h"
#include "loop/timer.h"

struct scene {
    struct loop *loop;
    struct dns_script *dns;
    struct resolver *r;
    struct tasks *t;
    struct timer tick;
    unsigned told;
    struct addr last;
};

static void on_tick(void *arg)
{
    struct scene *s = arg;

    timer_set(&s->tick, 5);
}

static void on_task(void *arg, const struct addr *addr, const struct task_name *was,
                    const struct task_name *now)
{
    struct scene *s = arg;

    assert_null(was);
    assert_null(now);
    s->told++;
    s->last = *addr;
}

static void setup(struct scene *s)
{
    *s = (struct scene){.loop = loop_new()};
    s->dns = dns_script_new(s->loop, "127.0.0.1");
    assert_int_equal(resolver_new(s->loop, dns_script_addr(s->dns), 1, &s->r), OK);
    s->t = tasks_new(s->loop, on_task, s);
    timer_init(&s->tick, s->loop, on_tick, s);
    on_tick(s);
}

static void teardown(struct scene *s)
{
    timer_fini(&s->tick);
    tasks_free(s->t);
    resolver_free(s->r);
    dns_script_free(s->dns);
    loop_free(s->loop);
}

static uint64_t asked(const struct scene *s)
{
    struct resolver_stats stats;

    resolver_stats(s->r, &stats);
    return stats.asked;
}

#define WAIT_FOR(s, test)                                                                          \
    do {                                                                                           \
        for (int turns = 0; !(test); turns++) {                                                    \
            assert_true(turns < 2000);                                                             \
            loop_turn((s)->loop, true);                                                            \
        }                                                                                          \
    } while (0)

static struct addr at(const char *text)
{
    struct addr a;

    assert_int_equal(addr_parse(str_of(text), &a), OK);
    return a;
}

static void test_tasks_ask_once_an_address(void **state)
{
    struct scene s;
    struct addr a = at("10.0.0.1:80"), b = at("10.0.0.1:443");

    (void)state;
    setup(&s);
    tasks_use(s.t, s.r);
    tasks_hold(s.t, &a);
    tasks_hold(s.t, &b); /* another service on the same address */
    assert_false(tasks_is_asked(s.t, &a));
    WAIT_FOR(&s, s.told == 1);
    assert_true(tasks_is_asked(s.t, &b));
    assert_null(tasks_of(s.t, &a));
    assert_int_equal(addr_port(&s.last), 0);
    assert_int_equal(asked(&s), 1);
    tasks_drop(s.t, &a);
    assert_true(tasks_is_asked(s.t, &a)); /* held by the other one */
    tasks_watch(s.t, &b, true);           /* at once */
    WAIT_FOR(&s, asked(&s) == 2);
    tasks_drop(s.t, &b); /* while the question is on its way */
    assert_false(tasks_is_asked(s.t, &b));
    teardown(&s);
}

static void test_tasks_ask_nobody_unless_told_whom(void **state)
{
    struct scene s;
    struct addr a = at("[2001:db8::1]:80");

    (void)state;
    setup(&s);
    tasks_hold(s.t, &a);
    for (int i = 0; i < 20; i++) {
        loop_turn(s.loop, true);
    }
    assert_int_equal(asked(&s), 0);
    tasks_use(s.t, s.r);
    WAIT_FOR(&s, asked(&s) == 1);
    tasks_use(s.t, NULL); /* takes the question back */
    assert_int_equal(s.told, 0);
    tasks_use(s.t, s.r);
    WAIT_FOR(&s, s.told == 1);
    tasks_drop(s.t, &a);
    teardown(&s);
}

static void test_tasks_bound_what_is_under_way(void **state)
{
    struct scene s;
    struct addr a = at("10.0.0.0:80");

    (void)state;
    setup(&s);
    tasks_use(s.t, s.r);
    for (unsigned i = 0; i < 100; i++) {
        ((uint8_t *)&a.in4.sin_addr)[3] = (uint8_t)i;
        tasks_hold(s.t, &a);
    }
    WAIT_FOR(&s, asked(&s) > 0);
    assert_true(asked(&s) <= TASKS_AT_ONCE);
    WAIT_FOR(&s, s.told > 2 * TASKS_AT_ONCE);
    for (unsigned i = 0; i < 100; i++) {
        ((uint8_t *)&a.in4.sin_addr)[3] = (uint8_t)i;
        tasks_drop(s.t, &a);
    }
    teardown(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tasks_ask_once_an_address),
        cmocka_unit_test(test_tasks_ask_nobody_unless_told_whom),
        cmocka_unit_test(test_tasks_bound_what_is_under_way),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
