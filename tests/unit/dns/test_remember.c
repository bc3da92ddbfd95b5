/* SPDX-License-Identifier: MIT */
/* What of a name is remembered while the DNS does not speak of it, and for how long. */
#include "service_scene.h"

/* No round comes by itself, however far the clock is moved. */
#define LONG_MS (10 * SERVICE_REMEMBER_MS)

static void on_remembered(void *arg, const struct addr *addrs, size_t count)
{
    struct scene *t = arg;

    (void)addrs;
    t->remembered = count;
}

/* As start, with somebody who proves what is remembered. */
static void start_proved(struct scene *t, const char *name, uint32_t refresh_ms)
{
    struct service_spec spec = {
        .name = str_of(name), .port = PORT, .fn = on_set, .on_remembered = on_remembered, .arg = t};
    struct service_group_spec rules = {.refresh_ms = refresh_ms, .is_proved = true};

    t->group = service_group_new(t->loop, t->r, rules);
    t->s = service_new(t->group, spec);
}

/* One round now, to its end. */
static void hurry_round(struct scene *t, const char *name)
{
    /* What is on its way meets its deadline first, if the clock has passed that. */
    loop_turn(t->loop, false);
    loop_turn(t->loop, false);
    size_t before = asked(t, name);
    clock_advance(SERVICE_HURRY_MS);
    service_hurry(t->s);
    WAIT_FOR(t, asked(t, name) > before);
}

static void remembers_what_is_proved(enum script_kind kind)
{
    struct scene t;
    struct addr first, second;

    setup(&t, "127.0.0.1");
    clock_freeze(1000000, clock_wall_ms());
    dns_script_addrs(t.dns, "web", RESOLVER_A, "10.0.0.1 10.0.0.2");
    assert_int_equal(addr_parse(STR("10.0.0.1:5000"), &first), OK);
    assert_int_equal(addr_parse(STR("10.0.0.2:5000"), &second), OK);
    start_proved(&t, "web", LONG_MS);
    WAIT_FOR(&t, t.published == 1);
    assert_int_equal(t.remembered, 0);
    assert_false(service_is_remembered(t.s, &first));
    service_forget(t.s, &first); /* what is listed stays */
    assert_int_equal(t.published, 1);
    dns_script_kind(t.dns, "web", RESOLVER_A, kind);
    if (kind == SCRIPT_SILENT) {
        dns_script_kind(t.dns, "web", RESOLVER_AAAA, kind);
    }
    hurry_round(&t, "web");
    if (kind == SCRIPT_SILENT) {
        clock_advance(RESOLVER_DEADLINE_MS);
    }
    WAIT_FOR(&t, t.remembered == 2);
    assert_true(service_is_remembered(t.s, &first));
    /* An hour later both are still there. */
    for (int i = 0; i < 6; i++) {
        clock_advance(600000);
        hurry_round(&t, "web");
    }
    assert_int_equal(t.published, 1);
    assert_int_equal(state_of(&t), SERVICE_DOUBTED);
    /* Then one dies, ... */
    service_forget(t.s, &first);
    assert_int_equal(t.published, 2);
    assert_string_equal(t.set, "10.0.0.2:5000");
    assert_int_equal(t.remembered, 1);
    /* ... and another set counts at once. */
    dns_script_addrs(t.dns, "web", RESOLVER_A, "10.0.0.9");
    dns_script_addrs(t.dns, "web", RESOLVER_AAAA, "");
    clock_advance(RESOLVER_DEADLINE_MS);
    hurry_round(&t, "web");
    WAIT_FOR(&t, t.published == 3);
    assert_string_equal(t.set, "10.0.0.9:5000");
    assert_int_equal(t.remembered, 0);
    teardown(&t);
}

static void test_service_remembers_what_is_proved(void **state)
{
    (void)state;
    remembers_what_is_proved(SCRIPT_NXDOMAIN);
    remembers_what_is_proved(SCRIPT_SERVFAIL);
    remembers_what_is_proved(SCRIPT_REFUSED);
    remembers_what_is_proved(SCRIPT_SILENT);
}

static void test_service_empty_answers_are_remembered(void **state)
{
    struct scene t;
    struct addr only;

    (void)state;
    setup(&t, "127.0.0.1");
    clock_freeze(1000000, clock_wall_ms());
    dns_script_addrs(t.dns, "web", RESOLVER_A, "10.0.0.1");
    assert_int_equal(addr_parse(STR("10.0.0.1:5000"), &only), OK);
    start_proved(&t, "web", LONG_MS);
    WAIT_FOR(&t, t.published == 1);
    dns_script_addrs(t.dns, "web", RESOLVER_A, "");
    hurry_round(&t, "web");
    WAIT_FOR(&t, t.remembered == 1);
    /* All of them dead: the name is absent. */
    service_forget(t.s, &only);
    assert_int_equal(t.published, 2);
    assert_string_equal(t.set, "");
    assert_int_equal(state_of(&t), SERVICE_ABSENT);
    assert_int_equal(t.remembered, 0);
    teardown(&t);
}

static void test_service_remembers_for_a_bounded_time(void **state)
{
    struct scene t;

    (void)state;
    setup(&t, "127.0.0.1");
    clock_freeze(1000000, clock_wall_ms());
    dns_script_addrs(t.dns, "web", RESOLVER_A, "10.0.0.1");
    start_proved(&t, "web", LONG_MS);
    WAIT_FOR(&t, t.published == 1);
    dns_script_kind(t.dns, "web", RESOLVER_A, SCRIPT_NXDOMAIN);
    hurry_round(&t, "web");
    WAIT_FOR(&t, t.remembered == 1);
    clock_advance(SERVICE_REMEMBER_MS);
    hurry_round(&t, "web");
    WAIT_FOR(&t, t.published == 2);
    assert_string_equal(t.set, "");
    assert_int_equal(t.remembered, 0);
    teardown(&t);
}

static void doubt_keeps_then_empties(enum script_kind kind)
{
    struct scene t;

    setup(&t, "127.0.0.1");
    clock_freeze(1000000, clock_wall_ms());
    dns_script_addrs(t.dns, "web", RESOLVER_A, "10.0.0.1");
    start(&t, "web", NEVER_MS);
    WAIT_FOR(&t, t.published == 1);
    dns_script_kind(t.dns, "web", RESOLVER_A, kind);
    clock_advance(SERVICE_HURRY_MS);
    service_hurry(t.s);
    WAIT_FOR(&t, state_of(&t) == SERVICE_DOUBTED);
    assert_int_equal(t.published, 1);
    /* A moment before the end it is still there. */
    clock_advance(SERVICE_DOUBT_MS - 1);
    service_hurry(t.s);
    size_t before = asked(&t, "web");
    WAIT_FOR(&t, asked(&t, "web") > before);
    assert_int_equal(t.published, 1);
    clock_advance(SERVICE_HURRY_MS);
    service_hurry(t.s);
    WAIT_FOR(&t, t.published == 2);
    assert_string_equal(t.set, "");
    assert_int_equal(state_of(&t), SERVICE_ABSENT);
    dns_script_addrs(t.dns, "web", RESOLVER_A, "10.0.0.7");
    clock_advance(SERVICE_BACKOFF_MS);
    service_hurry(t.s);
    WAIT_FOR(&t, t.published == 3);
    assert_string_equal(t.set, "10.0.0.7:5000");
    assert_int_equal(state_of(&t), SERVICE_RESOLVED);
    teardown(&t);
}

static void test_service_doubt_keeps_then_empties(void **state)
{
    (void)state;
    doubt_keeps_then_empties(SCRIPT_NXDOMAIN);
    doubt_keeps_then_empties(SCRIPT_SERVFAIL);
    doubt_keeps_then_empties(SCRIPT_TC_BOTH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_service_doubt_keeps_then_empties),
        cmocka_unit_test(test_service_remembers_what_is_proved),
        cmocka_unit_test(test_service_empty_answers_are_remembered),
        cmocka_unit_test(test_service_remembers_for_a_bounded_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
