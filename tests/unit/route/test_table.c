/* SPDX-License-Identifier: MIT */
/* Hosts to sites and paths to routes, over models built by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "route/table.h"

static struct model_route routes_a[] = {
    {.prefix = {"/api/v2", 7}},
    {.prefix = {"/api", 4}},
    {.prefix = {"/", 1}},
};
static struct model_route routes_b[] = {{.prefix = {"/only", 5}}};
static struct str aliases_a[] = {{"www.a.com", 9}, {"b.com", 5}};
static struct str aliases_b[] = {{"www.a.com", 9}, {"www.b.com", 9}};
static struct model_site sites[] = {
    {.name = {"a.com", 5},
     .aliases = aliases_a,
     .alias_count = 2,
     .routes = routes_a,
     .route_count = 3},
    {.name = {"b.com", 5},
     .aliases = aliases_b,
     .alias_count = 2,
     .routes = routes_b,
     .route_count = 1},
    {.name = {"r.com", 5}, .redirect = {"https://a.com", 13}},
};

static void finds(const struct route_table *t, const char *host, size_t want)
{
    size_t index = 99;
    struct str label;

    assert_ptr_equal(route_site(t, str_of(host), &index, &label), &sites[want]);
    assert_int_equal(index, want);
    assert_int_equal(label.len, 0);
}

static void test_table_site_by_name_then_alias(void **state)
{
    const struct model m = {.sites = sites, .site_count = 3};
    struct route_table *t = route_table_new(&m);
    size_t index = 99;
    struct str label = STR("untouched");

    (void)state;
    finds(t, "a.com", 0);
    finds(t, "b.com", 1);
    finds(t, "r.com", 2);
    finds(t, "www.a.com", 0);
    finds(t, "www.b.com", 1);
    assert_null(route_site(t, STR("c.com"), &index, &label));
    assert_null(route_site(t, STR(""), &index, &label));
    assert_null(route_site(t, STR("A.com"), &index, &label));
    assert_int_equal(index, 99);
    assert_true(str_eq(label, STR("untouched")));
    route_table_free(t);
}

static void finds_wild(const struct route_table *t, const struct model_site *want, const char *host,
                       const char *want_label)
{
    size_t index = 99;
    struct str label = STR("untouched");

    assert_ptr_equal(route_site(t, str_of(host), &index, &label), want);
    if (want != NULL) {
        assert_true(str_eq(label, str_of(want_label)));
    }
}

static void test_table_wildcard_is_one_label(void **state)
{
    static struct str aliases[] = {{"*.alias.com", 11}};
    struct model_site wild[] = {
        {.name = {"*.x.com", 7}},
        {.name = {"www.x.com", 9}},
        {.name = {"*.a.x.com", 9}},
        {.name = {"plain.com", 9}, .aliases = aliases, .alias_count = 1},
    };
    const struct model m = {.sites = wild, .site_count = 4};
    struct route_table *t = route_table_new(&m);
    char host[256];

    (void)state;
    finds_wild(t, &wild[0], "pr1.x.com", "pr1");
    finds_wild(t, &wild[0], "a.x.com", "a");
    finds_wild(t, &wild[1], "www.x.com", ""); /* the exact name wins */
    finds_wild(t, &wild[2], "b.a.x.com", "b");
    finds_wild(t, &wild[3], "z.alias.com", "z");
    finds_wild(t, NULL, "x.com", "");
    finds_wild(t, NULL, "b.b.x.com", "");
    finds_wild(t, NULL, ".x.com", "");
    finds_wild(t, NULL, "alias.com", "");
    finds_wild(t, NULL, "x", "");
    finds_wild(t, NULL, "", "");
    finds_wild(t, NULL, "::1", "");
    memset(host, 'a', sizeof(host));
    host[1] = '.';
    size_t index = 99;
    struct str label;
    assert_null(route_site(t, str_n(host, sizeof(host)), &index, &label));
    route_table_free(t);
}

static void test_table_without_sites(void **state)
{
    const struct model m = {.site_count = 0};
    struct route_table *t = route_table_new(&m);
    size_t index;
    struct str label;

    (void)state;
    assert_null(route_site(t, STR("a.com"), &index, &label));
    route_table_free(t);
    route_table_free(NULL);
}

static void test_table_match_takes_the_longest_prefix(void **state)
{
    (void)state;
    assert_ptr_equal(route_match(&sites[0], STR("/api/v2/x")), &routes_a[0]);
    assert_ptr_equal(route_match(&sites[0], STR("/api/v2")), &routes_a[0]);
    assert_ptr_equal(route_match(&sites[0], STR("/api/v22")), &routes_a[1]);
    assert_ptr_equal(route_match(&sites[0], STR("/apix")), &routes_a[2]);
    assert_ptr_equal(route_match(&sites[0], STR("/")), &routes_a[2]);
    assert_ptr_equal(route_match(&sites[0], STR("*")), &routes_a[2]);
    assert_ptr_equal(route_match(&sites[1], STR("/only")), &routes_b[0]);
    assert_null(route_match(&sites[1], STR("/")));
    assert_null(route_match(&sites[2], STR("/")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table_site_by_name_then_alias),
        cmocka_unit_test(test_table_wildcard_is_one_label),
        cmocka_unit_test(test_table_without_sites),
        cmocka_unit_test(test_table_match_takes_the_longest_prefix),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
