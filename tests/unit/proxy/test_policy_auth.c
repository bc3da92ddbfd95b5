/* SPDX-License-Identifier: MIT */
#include "proxy/policy_auth.h"

#include "base/clock.h"
#include "base/mem.h"

#include <stdio.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* ada: "pass" as bcrypt; eve: "secret" as SHA-crypt; a line that is none */
#define ADA "$2y$05$s4v3epewDuU8jp./lTlv1.L0ajrOv6WQK1iG4l3GWzKXR6CnQLhCW"
#define EVE                                                                                        \
    "$6$ZB/.UBdIWKQy5cKw$"                                                                         \
    "ZxlAdpJsMcARiSfvSFdgoV4Wx0d1avJW2.pucEmW51a3tHXvsBuHpzArgwO0HIvNS4hIIUF7s/dS3jj/GXPXG1"

struct rig {
    struct counters counters;
    struct rate_tables tables;
    struct model_file file;
    struct model_basic_auth auth;
    struct model_site site;
    struct model model;
    struct policy_users *users;
    struct policy_auth *state;
    unsigned seconds;
};

static void rig_open(struct rig *r)
{
    *r = (struct rig){.file = {.bytes = STR("# people\nada:" ADA "\nbroken\neve:" EVE "\n")}};
    clock_freeze(1000000, 1000000);
    assert_int_equal(counters_create(1, &r->counters), OK);
    r->tables = (struct rate_tables){&r->counters, slot_adopt(&r->counters, 0, SLOT_WORKER, 0)};
    r->auth = (struct model_basic_auth){.users = &r->file, .realm = STR("test")};
    r->site.rules.basic_auth = &r->auth;
    r->model.sites = &r->site;
    r->model.site_count = 1;
    r->users = policy_users_new(&r->model);
    r->state = policy_auth_new();
}

static void rig_close(struct rig *r)
{
    policy_auth_free(r->state);
    policy_users_free(r->users);
    counters_fini(&r->counters);
    clock_resume();
}

static enum why check(struct rig *r, const char *client, const char *user, struct str password)
{
    struct addr addr = {.len = 0};
    struct basic given = {.user = str_of(user), .password = password};
    if (client != NULL) {
        assert_int_equal(addr_parse_ip(str_of(client), 1, &addr), OK);
    }
    const struct policy_auth_ask ask = {.tables = &r->tables,
                                        .users = r->users,
                                        .file = &r->file,
                                        .client = client == NULL ? NULL : &addr,
                                        .site = STR("a.test"),
                                        .given = &given};
    return policy_auth_check(r->state, &ask, &r->seconds);
}

static uint64_t hashes(const struct rig *r)
{
    return r->tables.own->values[COUNTER_AUTH_HASHES];
}

static void test_policy_auth_knows_users(void **state)
{
    char longer[300];
    struct rig r;
    (void)state;
    memset(longer, 'x', sizeof(longer));
    rig_open(&r);
    assert_int_equal(check(&r, "192.0.2.1", "ada", STR("pass")), WHY_OK);
    assert_int_equal(check(&r, "192.0.2.1", "eve", STR("pass")), WHY_OK);
    assert_int_equal(check(&r, "192.0.2.1", "ada", STR("Pass")), WHY_AUTH_FAILED);
    assert_int_equal(check(&r, "192.0.2.1", "eve", STR("")), WHY_AUTH_FAILED);
    assert_int_equal(check(&r, "192.0.2.1", "bob", STR("pass")), WHY_AUTH_FAILED);
    assert_int_equal(check(&r, "192.0.2.1", "", STR("")), WHY_AUTH_FAILED);
    assert_int_equal(check(&r, "192.0.2.1", "ada", STR("pass\0x")), WHY_AUTH_FAILED);
    assert_int_equal(check(&r, "192.0.2.1", "ada", str_n(longer, 300)), WHY_AUTH_FAILED);
    rig_close(&r);
}

static void test_policy_auth_remembers(void **state)
{
    struct rig r;
    (void)state;
    rig_open(&r);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(check(&r, "192.0.2.1", "ada", STR("pass")), WHY_OK);
        assert_int_equal(check(&r, "192.0.2.1", "ada", STR("old")), WHY_AUTH_FAILED);
    }
    assert_int_equal(hashes(&r), 2);
    clock_advance(61000); /* the wrong one is forgotten, the right one is not */
    assert_int_equal(check(&r, "192.0.2.1", "ada", STR("pass")), WHY_OK);
    assert_int_equal(hashes(&r), 2);
    assert_int_equal(check(&r, "192.0.2.1", "ada", STR("old")), WHY_AUTH_FAILED);
    assert_int_equal(hashes(&r), 3);
    clock_advance(16 * 60 * 1000);
    assert_int_equal(check(&r, "192.0.2.1", "ada", STR("pass")), WHY_OK);
    assert_int_equal(hashes(&r), 4);
    rig_close(&r);
}

/* A name that does not exist costs what one costs that does, the first time and the next. */
static void test_policy_auth_unknown_names_cost_the_same(void **state)
{
    struct rig r;
    (void)state;
    rig_open(&r);
    assert_int_equal(check(&r, "192.0.2.1", "nobody", STR("x")), WHY_AUTH_FAILED);
    assert_int_equal(hashes(&r), 1);
    assert_int_equal(check(&r, "192.0.2.1", "nobody", STR("x")), WHY_AUTH_FAILED);
    assert_int_equal(hashes(&r), 1);
    rig_close(&r);
}

static void test_policy_auth_limits_guessing(void **state)
{
    char guess[16];
    struct rig r;
    enum why why = WHY_AUTH_FAILED;
    (void)state;
    rig_open(&r);
    for (int i = 0; i < 10; i++) {
        (void)snprintf(guess, sizeof(guess), "%d", i);
        assert_int_equal(check(&r, "192.0.2.1", "ada", str_of(guess)), WHY_AUTH_FAILED);
    }
    assert_int_equal(check(&r, "192.0.2.1", "ada", STR("another")), WHY_AUTH_LIMITED);
    assert_int_equal(r.seconds, 5);
    assert_int_equal(hashes(&r), 10);
    assert_int_equal(check(&r, "192.0.2.2", "ada", STR("another")), WHY_AUTH_FAILED);
    assert_int_equal(check(&r, "192.0.2.2", "ada", STR("pass")), WHY_OK);
    /* What is remembered needs no hash, so the guesser's neighbours go on. */
    assert_int_equal(check(&r, "192.0.2.1", "ada", STR("pass")), WHY_OK);
    clock_advance(5000);
    assert_int_equal(check(&r, "192.0.2.1", "ada", STR("more")), WHY_AUTH_FAILED);
    assert_int_equal(check(&r, "192.0.2.1", "ada", STR("most")), WHY_AUTH_LIMITED);
    /* Clients that nobody knows share one count. */
    for (int i = 0; why == WHY_AUTH_FAILED; i++) {
        (void)snprintf(guess, sizeof(guess), "n%d", i);
        why = check(&r, NULL, "ada", str_of(guess));
    }
    assert_int_equal(why, WHY_AUTH_LIMITED);
    rig_close(&r);
}

static void test_policy_auth_budget(void **state)
{
    struct policy_budget b = {0};
    uint64_t now = 1000000;
    uint64_t spent = 0;
    (void)state;
    for (unsigned i = 0; i < 6000; i++, now += 10000) { /* a minute; asked every 10 ms */
        if (policy_budget_wait(&b, now) == 0) {
            now += 60000;
            policy_budget_spend(&b, now, 60000);
            spent += 60000;
        }
    }
    assert_in_range(spent * 100 / (now - 1000000), 24, 27);
    b = (struct policy_budget){0};
    policy_budget_spend(&b, 5000000, 1000000); /* one hash of a second */
    assert_int_equal(policy_budget_wait(&b, 5000000), 2000000);
    assert_int_equal(policy_budget_wait(&b, 7000000), 0);
}

static void test_policy_auth_survives_no_users(void **state)
{
    struct rig r;
    (void)state;
    rig_open(&r);
    policy_users_free(r.users);
    r.file.bytes = STR("");
    r.users = policy_users_new(&r.model);
    assert_int_equal(check(&r, NULL, "ada", STR("pass")), WHY_AUTH_FAILED);
    policy_users_free(NULL);
    policy_auth_free(NULL);
    rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_policy_auth_knows_users),
        cmocka_unit_test(test_policy_auth_remembers),
        cmocka_unit_test(test_policy_auth_unknown_names_cost_the_same),
        cmocka_unit_test(test_policy_auth_limits_guessing),
        cmocka_unit_test(test_policy_auth_budget),
        cmocka_unit_test(test_policy_auth_survives_no_users),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
