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

    assert_ptr_equal(route_site(t, str_of(host), &index), &sites[want]);
    assert_int_equal(index, want);
}

static void test_table_site_by_name_then_alias(void **state)
{
    const struct model m = {.sites = sites, .site_count = 3};
    struct route_table *t = route_table_new(&m);
    size_t index = 99;

    (void)state;
    finds(t, "a.com", 0);
    finds(t, "b.com", 1);
    finds(t, "r.com", 2);
    finds(t, "www.a.com", 0);
    finds(t, "www.b.com", 1);
    assert_null(route_site(t, STR("c.com"), &index));
    assert_null(route_site(t, STR(""), &index));
    assert_null(route_site(t, STR("A.com"), &index));
    assert_int_equal(index, 99);
    route_table_free(t);
}

static void test_table_without_sites(void **state)
{
    const struct model m = {.site_count = 0};
    struct route_table *t = route_table_new(&m);
    size_t index;

    (void)state;
    assert_null(route_site(t, STR("a.com"), &index));
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
        cmocka_unit_test(test_table_without_sites),
        cmocka_unit_test(test_table_match_takes_the_longest_prefix),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
