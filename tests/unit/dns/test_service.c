/* SPDX-License-Identifier: MIT */
/* One name kept fresh against a scripted server. */
#include "service_scene.h"

static void test_service_joins_sorts_and_publishes_once(void **state)
{
    struct scene t;
    struct service_info info;

    (void)state;
    setup(&t, "127.0.0.1");
    dns_script_addrs(t.dns, "web", RESOLVER_A, "10.0.0.2 10.0.0.10 10.0.0.1 10.0.0.2");
    dns_script_addrs(t.dns, "web", RESOLVER_AAAA, "fd00::2 fd00::1");
    start(&t, "web", QUICK_MS);
    service_info(t.s, &info);
    assert_int_equal(info.state, SERVICE_UNKNOWN);
    assert_int_equal(info.last_answer_ms, 0);
    WAIT_FOR(&t, t.published > 0);
    assert_string_equal(t.set,
                        "10.0.0.1:5000 10.0.0.2:5000 10.0.0.10:5000 [fd00::1]:5000 [fd00::2]:5000");
    /* Another order is no change. */
    dns_script_addrs(t.dns, "web", RESOLVER_A, "10.0.0.10 10.0.0.1 10.0.0.2");
    wait_rounds(&t, "web", 3);
    assert_int_equal(t.published, 1);
    service_info(t.s, &info);
    assert_true(str_eq(info.name, STR("web")));
    assert_int_equal(info.port, PORT);
    assert_int_equal(info.state, SERVICE_RESOLVED);
    assert_int_equal(info.last_a, RESOLVER_ANSWER);
    assert_int_equal(info.last_aaaa, RESOLVER_ANSWER);
    assert_int_equal(info.count, 5);
    assert_true(info.last_answer_ms > 0);
    teardown(&t);
}

static void test_service_publishes_changes_once(void **state)
{
    struct scene t;

    (void)state;
    setup(&t, "127.0.0.1");
    dns_script_addrs(t.dns, "web", RESOLVER_A, "10.0.0.1 10.0.0.2");
    start(&t, "web", QUICK_MS);
    WAIT_FOR(&t, t.published == 1);
    dns_script_addrs(t.dns, "web", RESOLVER_A, "10.0.0.2 10.0.0.3");
    WAIT_FOR(&t, t.published == 2);
    assert_string_equal(t.set, "10.0.0.2:5000 10.0.0.3:5000");
    wait_rounds(&t, "web", 3);
    assert_int_equal(t.published, 2);
    dns_script_many(t.dns, "web", 120);
    WAIT_FOR(&t, t.published == 3);
    dns_script_addrs(t.dns, "web", RESOLVER_A, "10.0.0.3");
    WAIT_FOR(&t, t.published == 4);
    assert_string_equal(t.set, "10.0.0.3:5000");
    teardown(&t);
}

static void test_service_families_are_judged_apart(void **state)
{
    static const enum script_kind kinds[] = {SCRIPT_NXDOMAIN, SCRIPT_SERVFAIL, SCRIPT_SILENT,
                                             SCRIPT_ANSWER};

    (void)state;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        struct scene t;
        setup(&t, "127.0.0.1");
        dns_script_addrs(t.dns, "web", RESOLVER_A, "10.0.0.1");
        dns_script_kind(t.dns, "web", RESOLVER_AAAA, kinds[i]);
        start(&t, "web", QUICK_MS);
        /* A silent AAAA holds up neither the first set nor the next. */
        WAIT_FOR(&t, t.published == 1);
        assert_string_equal(t.set, "10.0.0.1:5000");
        dns_script_addrs(t.dns, "web", RESOLVER_A, "10.0.0.2");
        WAIT_FOR(&t, t.published == 2);
        assert_string_equal(t.set, "10.0.0.2:5000");
        assert_int_equal(state_of(&t), SERVICE_RESOLVED);
        if (kinds[i] == SCRIPT_SILENT) {
            assert_int_equal(dns_script_asked(t.dns, "web", RESOLVER_AAAA), 1);
        }
        teardown(&t);
    }
}

static void test_service_only_aaaa(void **state)
{
    struct scene t;

    (void)state;
    setup(&t, "127.0.0.1");
    dns_script_kind(t.dns, "web", RESOLVER_A, SCRIPT_NXDOMAIN);
    dns_script_addrs(t.dns, "web", RESOLVER_AAAA, "fd00::1");
    start(&t, "web", QUICK_MS);
    WAIT_FOR(&t, t.published == 1);
    assert_string_equal(t.set, "[fd00::1]:5000");
    teardown(&t);
}

static void test_service_empty_family_beside_a_positive_one_goes_at_once(void **state)
{
    struct scene t;

    (void)state;
    setup(&t, "127.0.0.1");
    dns_script_addrs(t.dns, "web", RESOLVER_A, "10.0.0.1");
    dns_script_addrs(t.dns, "web", RESOLVER_AAAA, "fd00::1");
    start(&t, "web", QUICK_MS);
    WAIT_FOR(&t, t.published == 1);
    /* A failure of one family keeps its addresses ... */
    dns_script_kind(t.dns, "web", RESOLVER_AAAA, SCRIPT_SERVFAIL);
    wait_rounds(&t, "web", 3);
    assert_int_equal(t.published, 1);
    assert_int_equal(state_of(&t), SERVICE_RESOLVED);
    /* ... an empty answer does not. */
    dns_script_addrs(t.dns, "web", RESOLVER_AAAA, "");
    WAIT_FOR(&t, t.published == 2);
    assert_string_equal(t.set, "10.0.0.1:5000");
    teardown(&t);
}

static void test_service_absent_from_the_start(void **state)
{
    struct scene t;

    (void)state;
    setup(&t, "127.0.0.1");
    start(&t, "web", QUICK_MS);
    WAIT_FOR(&t, t.published == 1);
    assert_string_equal(t.set, "");
    assert_int_equal(state_of(&t), SERVICE_ABSENT);
    dns_script_addrs(t.dns, "web", RESOLVER_A, "10.0.0.1");
    WAIT_FOR(&t, t.published == 2);
    assert_string_equal(t.set, "10.0.0.1:5000");
    teardown(&t);
}

static void test_service_silent_from_the_start(void **state)
{
    struct scene t;

    (void)state;
    setup(&t, "127.0.0.1");
    dns_script_kind(t.dns, "web", RESOLVER_A, SCRIPT_SILENT);
    dns_script_kind(t.dns, "web", RESOLVER_AAAA, SCRIPT_SILENT);
    start(&t, "web", NEVER_MS);
    WAIT_FOR(&t, t.published == 1);
    assert_string_equal(t.set, "");
    assert_int_equal(state_of(&t), SERVICE_ABSENT);
    teardown(&t);
}

static void test_service_doubt_ends_with_a_positive_answer(void **state)
{
    struct scene t;

    (void)state;
    setup(&t, "127.0.0.1");
    dns_script_addrs(t.dns, "web", RESOLVER_A, "10.0.0.1 10.0.0.2");
    start(&t, "web", QUICK_MS);
    WAIT_FOR(&t, t.published == 1);
    dns_script_kind(t.dns, "web", RESOLVER_A, SCRIPT_SERVFAIL);
    WAIT_FOR(&t, state_of(&t) == SERVICE_DOUBTED);
    /* The same set again is no change; one that lost an address is, at once. */
    dns_script_addrs(t.dns, "web", RESOLVER_A, "10.0.0.2 10.0.0.1");
    WAIT_FOR(&t, state_of(&t) == SERVICE_RESOLVED);
    assert_int_equal(t.published, 1);
    dns_script_addrs(t.dns, "web", RESOLVER_A, "10.0.0.2");
    WAIT_FOR(&t, t.published == 2);
    assert_string_equal(t.set, "10.0.0.2:5000");
    teardown(&t);
}

static void test_service_hurry_is_bounded(void **state)
{
    struct scene t;

    (void)state;
    setup(&t, "127.0.0.1");
    dns_script_addrs(t.dns, "web", RESOLVER_A, "10.0.0.1");
    start(&t, "web", NEVER_MS);
    WAIT_FOR(&t, t.published == 1);
    clock_freeze(clock_ms() + NEVER_MS / 2, clock_wall_ms());
    service_hurry(t.s);
    WAIT_FOR(&t, asked(&t, "web") == 2);
    /* Many hurries make one round, and not before its time. */
    uint64_t hurried_ms = clock_ms();
    clock_resume();
    clock_freeze(hurried_ms, clock_wall_ms());
    for (int i = 0; i < 10; i++) {
        service_hurry(t.s);
        loop_turn(t.loop, false);
    }
    assert_int_equal(asked(&t, "web"), 2);
    WAIT_FOR(&t, asked(&t, "web") == 3);
    teardown(&t);
}

static void backs_off(enum script_kind kind, uint64_t at_least_ms)
{
    struct scene t;

    setup(&t, "127.0.0.1");
    dns_script_kind(t.dns, "web", RESOLVER_A, kind);
    uint64_t start_ms = clock_ms();
    start(&t, "web", QUICK_MS);
    WAIT_FOR(&t, asked(&t, "web") >= 6);
    assert_true(clock_ms() - start_ms >= at_least_ms);
    /* A positive answer ends it: without that, ten rounds would take longer than the guard. */
    dns_script_addrs(t.dns, "web", RESOLVER_A, "10.0.0.1");
    WAIT_FOR(&t, t.published == 2);
    wait_rounds(&t, "web", 10);
    teardown(&t);
}

static void test_service_backs_off(void **state)
{
    (void)state;
    /* Rounds are 10, 20, 40, 80 and 160 ms apart. */
    backs_off(SCRIPT_NXDOMAIN, 300);
    /* c-ares may ask twice a round here, so these may be only three rounds. */
    backs_off(SCRIPT_REFUSED, 25);
}

static void test_service_set_refresh(void **state)
{
    struct scene t;

    (void)state;
    setup(&t, "127.0.0.1");
    dns_script_addrs(t.dns, "web", RESOLVER_A, "10.0.0.1");
    start(&t, "web", NEVER_MS);
    WAIT_FOR(&t, t.published == 1);
    service_group_set_refresh(t.group, QUICK_MS);
    wait_rounds(&t, "web", 3);
    teardown(&t);
}

static void test_service_docker_takes_tasks_first(void **state)
{
    struct scene t;

    (void)state;
    setup(&t, "127.0.0.11");
    dns_script_addrs(t.dns, "web", RESOLVER_A, "10.0.1.2");
    dns_script_addrs(t.dns, "tasks.web", RESOLVER_A, "10.0.1.3 10.0.1.4");
    /* The virtual address comes first, and must not be shown meanwhile. */
    dns_script_kind(t.dns, "tasks.web", RESOLVER_A, SCRIPT_LOSE_ONE);
    start(&t, "web", QUICK_MS);
    WAIT_FOR(&t, t.published == 1);
    assert_string_equal(t.set, "10.0.1.3:5000 10.0.1.4:5000");
    /* Without tasks the last ones are doubted; the virtual address does not take their place. */
    dns_script_kind(t.dns, "tasks.web", RESOLVER_A, SCRIPT_NXDOMAIN);
    WAIT_FOR(&t, state_of(&t) == SERVICE_DOUBTED);
    assert_int_equal(t.published, 1);
    teardown(&t);
}

static void test_service_docker_falls_back_to_the_name(void **state)
{
    struct scene t;
    struct service_info info;

    (void)state;
    setup(&t, "127.0.0.11");
    dns_script_addrs(t.dns, "web", RESOLVER_A, "10.0.1.2");
    dns_script_kind(t.dns, "tasks.web", RESOLVER_A, SCRIPT_SILENT);
    dns_script_kind(t.dns, "tasks.web", RESOLVER_AAAA, SCRIPT_SILENT);
    start(&t, "web", QUICK_MS);
    WAIT_FOR(&t, t.published == 1);
    assert_string_equal(t.set, "10.0.1.2:5000");
    service_info(t.s, &info);
    assert_int_equal(info.state, SERVICE_RESOLVED);
    assert_int_equal(info.last_a, RESOLVER_ANSWER);
    /* From now on the silence holds up nothing. */
    size_t silent = asked(&t, "tasks.web");
    dns_script_addrs(t.dns, "web", RESOLVER_A, "10.0.1.9");
    WAIT_FOR(&t, t.published == 2);
    assert_true(asked(&t, "tasks.web") <= silent + RESOLVER_TRIES);
    /* A task that appears wins. */
    dns_script_addrs(t.dns, "tasks.web", RESOLVER_A, "10.0.1.20");
    WAIT_FOR(&t, t.published == 3);
    assert_string_equal(t.set, "10.0.1.20:5000");
    teardown(&t);
}

static void asks_as_it_stands(const char *name, const char *question, const char *never)
{
    struct scene t;

    setup(&t, "127.0.0.11");
    dns_script_addrs(t.dns, question, RESOLVER_A, "10.0.1.2");
    dns_script_addrs(t.dns, never, RESOLVER_A, "10.0.1.66");
    start(&t, name, QUICK_MS);
    WAIT_FOR(&t, t.published == 1);
    assert_string_equal(t.set, "10.0.1.2:5000");
    assert_int_equal(asked(&t, never), 0);
    teardown(&t);
}

static void test_service_docker_asks_other_names_as_they_stand(void **state)
{
    (void)state;
    asks_as_it_stands("tasks.web", "tasks.web", "tasks.tasks.web");
    asks_as_it_stands("api.example.test", "api.example.test", "tasks.api.example.test");
    asks_as_it_stands("web.", "web", "tasks.web");
}

static void test_service_outside_docker_asks_no_tasks(void **state)
{
    struct scene t;

    (void)state;
    setup(&t, "127.0.0.1");
    dns_script_addrs(t.dns, "web", RESOLVER_A, "10.0.1.2");
    dns_script_addrs(t.dns, "tasks.web", RESOLVER_A, "10.0.1.3");
    start(&t, "web", QUICK_MS);
    WAIT_FOR(&t, t.published == 1);
    assert_string_equal(t.set, "10.0.1.2:5000");
    assert_int_equal(asked(&t, "tasks.web"), 0);
    teardown(&t);
}

/* A screen for tests: nothing of 10.0.6.0/24. */
static size_t drop_six(void *arg, struct str name, struct addr *addrs, size_t count)
{
    struct addr_net six;
    size_t kept = 0;

    assert_non_null(arg);
    assert_true(str_eq(name, STR("pr1_web")));
    assert_int_equal(addr_net_parse(STR("10.0.6.0/24"), &six), OK);
    for (size_t i = 0; i < count; i++) {
        if (!addr_net_has(&six, &addrs[i])) {
            addrs[kept++] = addrs[i];
        }
    }
    return kept;
}

static void test_service_of_tasks_only_is_screened(void **state)
{
    struct scene t;
    struct service_info info;

    (void)state;
    setup(&t, "127.0.0.1");
    struct service_spec spec = {.name = STR("pr1_web"), .port = PORT, .fn = on_set, .arg = &t};
    struct service_group_spec rules = {
        .refresh_ms = QUICK_MS, .tasks_only = true, .screen = drop_six, .screen_arg = &t};
    dns_script_addrs(t.dns, "pr1_web", RESOLVER_A, "10.0.0.9");
    dns_script_addrs(t.dns, "tasks.pr1_web", RESOLVER_A, "10.0.6.1 10.0.0.1 10.0.6.2 10.0.0.2");
    t.group = service_group_new(t.loop, t.r, rules);
    t.s = service_new(t.group, spec);
    WAIT_FOR(&t, t.published == 1);
    assert_string_equal(t.set, "10.0.0.1:5000 10.0.0.2:5000");
    /* An answer of nothing else is believed: what it leaves out is gone. */
    dns_script_addrs(t.dns, "tasks.pr1_web", RESOLVER_A, "10.0.6.1");
    WAIT_FOR(&t, t.published == 2);
    assert_string_equal(t.set, "");
    service_info(t.s, &info);
    assert_int_equal(info.state, SERVICE_ABSENT);
    assert_true(info.is_screened);
    /* No answer at all is another reason, and is told. */
    dns_script_kind(t.dns, "tasks.pr1_web", RESOLVER_A, SCRIPT_NXDOMAIN);
    WAIT_FOR(&t, t.published == 3);
    service_info(t.s, &info);
    assert_false(info.is_screened);
    dns_script_addrs(t.dns, "tasks.pr1_web", RESOLVER_A, "10.0.0.3");
    WAIT_FOR(&t, t.published == 4);
    assert_string_equal(t.set, "10.0.0.3:5000");
    assert_int_equal(asked(&t, "pr1_web"), 0);
    teardown(&t);
}

static void test_service_free_in_callback_and_with_open_questions(void **state)
{
    struct scene t;

    (void)state;
    setup(&t, "127.0.0.1");
    dns_script_addrs(t.dns, "web", RESOLVER_A, "10.0.1.2");
    dns_script_kind(t.dns, "web", RESOLVER_AAAA, SCRIPT_SILENT);
    t.free_in_callback = true;
    start(&t, "web", QUICK_MS);
    WAIT_FOR(&t, t.published == 1);
    assert_null(t.s);
    service_free(NULL);
    t.published = 0;
    service_group_free(t.group);
    start(&t, "web", QUICK_MS);
    teardown(&t);
    assert_int_equal(t.published, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_service_joins_sorts_and_publishes_once),
        cmocka_unit_test(test_service_publishes_changes_once),
        cmocka_unit_test(test_service_families_are_judged_apart),
        cmocka_unit_test(test_service_only_aaaa),
        cmocka_unit_test(test_service_empty_family_beside_a_positive_one_goes_at_once),
        cmocka_unit_test(test_service_absent_from_the_start),
        cmocka_unit_test(test_service_silent_from_the_start),
        cmocka_unit_test(test_service_doubt_ends_with_a_positive_answer),
        cmocka_unit_test(test_service_hurry_is_bounded),
        cmocka_unit_test(test_service_backs_off),
        cmocka_unit_test(test_service_set_refresh),
        cmocka_unit_test(test_service_docker_takes_tasks_first),
        cmocka_unit_test(test_service_docker_falls_back_to_the_name),
        cmocka_unit_test(test_service_docker_asks_other_names_as_they_stand),
        cmocka_unit_test(test_service_outside_docker_asks_no_tasks),
        cmocka_unit_test(test_service_of_tasks_only_is_screened),
        cmocka_unit_test(test_service_free_in_callback_and_with_open_questions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
