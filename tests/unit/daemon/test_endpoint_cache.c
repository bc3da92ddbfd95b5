/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/endpoint_cache.h"

static void put(struct endpoint_cache *c, struct str name, const char *addr, uint8_t flag,
                struct str *out)
{
    struct wire_msg m = {.id = WIRE_ENDPOINTS, .flag = flag, .name = name};
    struct wire_msg got;
    struct addr a;
    struct buf bytes;

    if (addr != NULL) {
        assert_int_equal(addr_parse(str_of(addr), &a), OK);
        m.addrs = &a;
        m.addr_count = 1;
    }
    buf_init(&bytes, WIRE_MAX);
    assert_int_equal(wire_encode(&m, &bytes), OK);
    assert_int_equal(wire_decode(buf_str(&bytes), 0, WIRE_KEEPER, &got), OK);
    assert_int_equal(endpoint_cache_put(c, &got, out), OK);
    buf_fini(&bytes);
}

static void test_endpoint_cache_keeps_the_last_of_each_name(void **state)
{
    struct endpoint_cache *c = endpoint_cache_new();
    struct wire_msg got;
    struct addr a;
    struct str bytes;
    size_t pos = 0;

    (void)state;
    put(c, STR("a:1"), "10.0.0.1:1", WIRE_ENDPOINTS_SET, &bytes);
    put(c, STR("b:1"), "10.0.0.2:1", WIRE_ENDPOINTS_SET, &bytes);
    put(c, STR("a:1"), "10.0.0.9:1", WIRE_ENDPOINTS_SET, &bytes);
    assert_int_equal(wire_decode(bytes, 0, WIRE_SUPERVISOR, &got), OK); /* as it goes on */
    wire_addrs(&got, &a);
    assert_int_equal(endpoint_cache_count(c), 2);
    put(c, STR("b:1"), "10.0.0.2:1", WIRE_ENDPOINTS_FORGET, &bytes);
    assert_int_equal(bytes.len, 0);
    assert_true(endpoint_cache_next(c, &pos, &bytes));
    assert_int_equal(wire_decode(bytes, 0, WIRE_SUPERVISOR, &got), OK);
    assert_true(str_eq(got.name, STR("a:1")));
    assert_false(endpoint_cache_next(c, &pos, &bytes));
    endpoint_cache_free(c);
}

static void test_endpoint_cache_finding_none_takes_nothing_away(void **state)
{
    struct endpoint_cache *c = endpoint_cache_new();
    struct str bytes;

    (void)state;
    put(c, STR("new:1"), NULL, WIRE_ENDPOINTS_NONE, &bytes);
    assert_true(bytes.len > 0);
    put(c, STR("new:1"), NULL, WIRE_ENDPOINTS_NONE, &bytes);
    assert_true(bytes.len > 0); /* with another reason, perhaps */
    put(c, STR("a:1"), "10.0.0.1:1", WIRE_ENDPOINTS_SET, &bytes);
    put(c, STR("a:1"), NULL, WIRE_ENDPOINTS_NONE, &bytes);
    assert_int_equal(bytes.len, 0);
    put(c, STR("a:1"), NULL, WIRE_ENDPOINTS_SET, &bytes);
    assert_true(bytes.len > 0);
    assert_int_equal(endpoint_cache_count(c), 2);
    endpoint_cache_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_endpoint_cache_keeps_the_last_of_each_name),
        cmocka_unit_test(test_endpoint_cache_finding_none_takes_nothing_away),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
