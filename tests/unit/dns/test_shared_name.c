/* SPDX-License-Identifier: MIT */
/* Several ports of one name: asked about once, told each for itself. */
#include "service_scene.h"

#define PORTS 3

struct user {
    struct scene scene; /* of which only what on_set writes is used */
    struct service *s;
};

struct crowd {
    struct scene t;
    struct user users[PORTS];
};

static void on_remembered(void *arg, const struct addr *addrs, size_t count)
{
    struct scene *t = arg;

    (void)addrs;
    t->remembered = count;
}

static void join(struct crowd *c, size_t i)
{
    struct user *u = &c->users[i];
    struct service_spec spec = {.name = STR("web"),
                                .port = (uint16_t)(80 + i),
                                .fn = on_set,
                                .on_remembered = on_remembered,
                                .arg = &u->scene};

    u->scene.published = 0;
    u->s = service_new(c->t.group, spec);
    assert_int_equal(u->scene.published, 0);
}

static void setup_crowd(struct crowd *c, uint32_t refresh_ms)
{
    struct service_group_spec rules = {.refresh_ms = refresh_ms, .is_proved = true};

    *c = (struct crowd){.t = {.s = NULL}};
    setup(&c->t, "127.0.0.1");
    dns_script_addrs(c->t.dns, "web", RESOLVER_A, "10.0.0.1 10.0.0.2");
    c->t.group = service_group_new(c->t.loop, c->t.r, rules);
}

static void teardown_crowd(struct crowd *c)
{
    for (size_t i = 0; i < PORTS; i++) {
        service_free(c->users[i].s);
    }
    teardown(&c->t);
}

static void test_shared_name_is_asked_once_for_all_its_ports(void **state)
{
    struct crowd c;

    (void)state;
    setup_crowd(&c, NEVER_MS);
    dns_script_addrs(c.t.dns, "web", RESOLVER_AAAA, "");
    for (size_t i = 0; i < PORTS; i++) {
        join(&c, i);
    }
    for (size_t i = 0; i < PORTS; i++) {
        WAIT_FOR(&c.t, c.users[i].scene.published == 1);
    }
    assert_string_equal(c.users[0].scene.set, "10.0.0.1:80 10.0.0.2:80");
    assert_string_equal(c.users[2].scene.set, "10.0.0.1:82 10.0.0.2:82");
    assert_int_equal(asked(&c.t, "web"), 1);
    assert_int_equal(dns_script_asked(c.t.dns, "web", RESOLVER_AAAA), 1);
    teardown_crowd(&c);
}

static void test_shared_name_tells_who_comes_later_what_it_knows(void **state)
{
    struct crowd c;
    struct service_info info;

    (void)state;
    setup_crowd(&c, NEVER_MS);
    join(&c, 0);
    WAIT_FOR(&c.t, c.users[0].scene.published == 1);
    join(&c, 1);
    service_info(c.users[1].s, &info);
    assert_int_equal(info.state, SERVICE_UNKNOWN);
    WAIT_FOR(&c.t, c.users[1].scene.published == 1);
    assert_string_equal(c.users[1].scene.set, "10.0.0.1:81 10.0.0.2:81");
    service_info(c.users[1].s, &info);
    assert_int_equal(info.state, SERVICE_RESOLVED);
    assert_int_equal(info.port, 81);
    /* The first may go: the name is asked about for the other. */
    service_free(c.users[0].s);
    c.users[0].s = NULL;
    dns_script_addrs(c.t.dns, "web", RESOLVER_A, "10.0.0.3");
    service_hurry(c.users[1].s);
    WAIT_FOR(&c.t, c.users[1].scene.published == 2);
    assert_string_equal(c.users[1].scene.set, "10.0.0.3:81");
    assert_int_equal(c.users[0].scene.published, 1);
    teardown_crowd(&c);
}

static void test_shared_name_forgets_for_one_port(void **state)
{
    struct crowd c;
    struct addr first, second;

    (void)state;
    setup_crowd(&c, QUICK_MS);
    assert_int_equal(addr_parse(STR("10.0.0.1:80"), &first), OK);
    assert_int_equal(addr_parse(STR("10.0.0.1:81"), &second), OK);
    join(&c, 0);
    join(&c, 1);
    WAIT_FOR(&c.t, c.users[1].scene.published == 1);
    dns_script_kind(c.t.dns, "web", RESOLVER_A, SCRIPT_NXDOMAIN);
    WAIT_FOR(&c.t, c.users[1].scene.remembered == 2);
    /* Nobody listens at 80 any more, which says nothing of 81. */
    service_forget(c.users[0].s, &first);
    assert_string_equal(c.users[0].scene.set, "10.0.0.2:80");
    assert_int_equal(c.users[0].scene.remembered, 1);
    assert_int_equal(c.users[1].scene.published, 1);
    assert_true(service_is_remembered(c.users[1].s, &second));
    wait_rounds(&c.t, "web", 2);
    assert_int_equal(c.users[0].scene.published, 2);
    /* Dead at both: who joins now never hears of it. */
    service_forget(c.users[1].s, &second);
    assert_string_equal(c.users[1].scene.set, "10.0.0.2:81");
    join(&c, 2);
    WAIT_FOR(&c.t, c.users[2].scene.published == 1);
    assert_string_equal(c.users[2].scene.set, "10.0.0.2:82");
    /* What is listed again is everybody's again. */
    dns_script_addrs(c.t.dns, "web", RESOLVER_A, "10.0.0.1 10.0.0.2");
    WAIT_FOR(&c.t, c.users[0].scene.published == 3);
    assert_string_equal(c.users[0].scene.set, "10.0.0.1:80 10.0.0.2:80");
    assert_int_equal(c.users[0].scene.remembered, 0);
    teardown_crowd(&c);
}

static void test_shared_name_waits_for_its_turn(void **state)
{
    struct crowd c;
    static const char *const names[PORTS] = {"web", "api", "shop"};

    (void)state;
    setup_crowd(&c, NEVER_MS);
    clock_freeze(1000000, clock_wall_ms());
    for (size_t i = 0; i < PORTS; i++) {
        struct service_spec spec = {
            .name = str_of(names[i]), .port = 80, .fn = on_set, .arg = &c.users[i].scene};
        dns_script_addrs(c.t.dns, names[i], RESOLVER_A, "10.0.0.1");
        c.users[i].s = service_new(c.t.group, spec);
    }
    for (size_t i = 0; i < PORTS; i++) {
        WAIT_FOR(&c.t, c.users[i].scene.published == 1);
        for (size_t k = 0; k < PORTS; k++) {
            assert_int_equal(asked(&c.t, names[k]), k <= i);
        }
        clock_advance(SERVICE_PACE_US / 1000);
    }
    teardown_crowd(&c);
}

static void test_shared_name_may_be_left_from_inside_the_callback(void **state)
{
    struct crowd c;

    (void)state;
    setup_crowd(&c, QUICK_MS);
    for (size_t i = 0; i < PORTS; i++) {
        join(&c, i);
        c.users[i].scene.free_in_callback = true;
    }
    WAIT_FOR(&c.t, c.users[PORTS - 1].scene.published == 1);
    for (size_t i = 0; i < PORTS; i++) {
        assert_int_equal(c.users[i].scene.published, 1);
        c.users[i].s = NULL;
    }
    teardown_crowd(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shared_name_is_asked_once_for_all_its_ports),
        cmocka_unit_test(test_shared_name_tells_who_comes_later_what_it_knows),
        cmocka_unit_test(test_shared_name_forgets_for_one_port),
        cmocka_unit_test(test_shared_name_waits_for_its_turn),
        cmocka_unit_test(test_shared_name_may_be_left_from_inside_the_callback),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
