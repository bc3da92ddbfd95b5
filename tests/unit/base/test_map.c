/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "base/map.h"
#include "base/mem.h"

static void test_map_put_get_remove(void **state)
{
    struct map *m = map_new();
    int one = 1;
    int two = 2;

    (void)state;
    assert_null(map_get(m, STR("a")));
    assert_null(map_remove(m, STR("a")));
    assert_null(map_put(m, STR("a"), &one));
    assert_ptr_equal(map_put(m, STR("a"), &two), &one);
    assert_int_equal(map_count(m), 1);
    assert_null(map_put(m, STR(""), &one));
    assert_ptr_equal(map_get(m, STR("")), &one);
    assert_ptr_equal(map_get(m, STR("a")), &two);
    assert_null(map_get(m, str_n("a\0", 2)));
    assert_ptr_equal(map_remove(m, STR("a")), &two);
    assert_null(map_remove(m, STR("a")));
    assert_int_equal(map_count(m), 1);
    map_free(m);
    map_free(NULL);
}

enum { MANY = 3000 };

static struct str key_of(int i, char text[static 32])
{
    int n = snprintf(text, 32, "key-%d", i);
    return str_n(text, (size_t)n);
}

/* Every second one removed again: what is left is found, and walked exactly once. */
static void test_map_many(void **state)
{
    struct map *m = map_new();
    int *numbers = mem_array(MANY, sizeof(int));
    char text[32];
    struct str key;
    void *value;
    size_t pos = 0;
    int walked = 0;

    (void)state;
    for (int i = 0; i < MANY; i++) {
        numbers[i] = i;
        assert_null(map_put(m, key_of(i, text), &numbers[i]));
    }
    for (int i = 0; i < MANY; i += 2) {
        assert_ptr_equal(map_remove(m, key_of(i, text)), &numbers[i]);
    }
    for (int i = 0; i < MANY; i++) {
        assert_ptr_equal(map_get(m, key_of(i, text)), i % 2 == 0 ? NULL : &numbers[i]);
    }
    while (map_next(m, &pos, &key, &value)) {
        int number = *(int *)value;
        assert_true(str_eq(key, key_of(number, text)));
        assert_int_equal(number % 2, 1);
        numbers[number] = 0;
        walked++;
    }
    assert_int_equal(walked, MANY / 2);
    assert_int_equal(map_count(m), MANY / 2);
    map_free(m);
    free(numbers);
}

static void test_map_hash_depends_on_every_byte(void **state)
{
    char bytes[32] = {0};

    (void)state;
    for (size_t len = 0; len < sizeof(bytes); len++) {
        uint64_t base = map_hash(str_n(bytes, len));
        assert_true(base == map_hash(str_n(bytes, len)));
        assert_true(base != map_hash(str_n(bytes, len + 1)));
        for (size_t i = 0; i < len; i++) {
            bytes[i] = 1;
            assert_true(base != map_hash(str_n(bytes, len)));
            bytes[i] = 0;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_map_put_get_remove),
        cmocka_unit_test(test_map_many),
        cmocka_unit_test(test_map_hash_depends_on_every_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
