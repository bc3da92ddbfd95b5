/* SPDX-License-Identifier: MIT */
#include "proxy/auth_cache.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t *digest(uint8_t out[static AUTH_DIGEST_BYTES], unsigned number)
{
    memset(out, 0, AUTH_DIGEST_BYTES);
    memcpy(out + 8, &number, sizeof(number)); /* all in one set */
    return out;
}

static void test_auth_cache_forgets_with_time(void **state)
{
    struct auth_cache *c = auth_cache_new(4);
    uint8_t d[AUTH_DIGEST_BYTES];
    (void)state;
    assert_false(auth_cache_has(c, digest(d, 1), 100));
    auth_cache_put(c, digest(d, 1), 100, 200);
    assert_true(auth_cache_has(c, digest(d, 1), 199));
    assert_false(auth_cache_has(c, digest(d, 2), 199));
    auth_cache_put(c, digest(d, 1), 199, 300);
    assert_true(auth_cache_has(c, digest(d, 1), 299));
    assert_false(auth_cache_has(c, digest(d, 1), 300));
    assert_false(auth_cache_has(c, digest(d, 1), 100)); /* it was wiped */
    auth_cache_free(c);
    auth_cache_free(NULL);
}

static void test_auth_cache_is_bounded(void **state)
{
    struct auth_cache *c = auth_cache_new(1);
    uint8_t d[AUTH_DIGEST_BYTES];
    unsigned there = 0;
    (void)state;
    for (unsigned i = 0; i < 100; i++) {
        auth_cache_put(c, digest(d, i), 1000, 2000 + i);
    }
    for (unsigned i = 0; i < 100; i++) {
        bool has = auth_cache_has(c, digest(d, i), 1000);
        assert_true(has == (i >= 100 - AUTH_CACHE_WAYS)); /* what ends first makes room */
        there += has;
    }
    assert_int_equal(there, AUTH_CACHE_WAYS);
    auth_cache_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_auth_cache_forgets_with_time),
        cmocka_unit_test(test_auth_cache_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
