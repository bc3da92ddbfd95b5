/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/str.h"
#include "base/word.h"

#define ROUNDS 20000

/* Bytes that are all alike to a hasty eye: letters, their neighbours, the same with the top bit. */
static void fill(char *dst, size_t len, uint64_t *rng)
{
    static const char odd[] = "@AZ[`az{09-_\r\n\t\x1f \x7e\x7f\x80\xc1\xda\xe1\xff";
    for (size_t i = 0; i < len; i++) {
        *rng ^= *rng << 13;
        *rng ^= *rng >> 7;
        *rng ^= *rng << 17;
        dst[i] = odd[*rng % (sizeof(odd) - 1)];
    }
}

static void test_word_load_part_is_zero_behind(void **state)
{
    (void)state;
    for (size_t n = 0; n <= 8; n++) {
        char *exact = malloc(n > 0 ? n : 1); /* a byte too many is seen by the sanitizer */
        uint64_t want = 0;
        for (size_t i = 0; i < n; i++) {
            exact[i] = (char)(0xf1 + i);
            want |= (uint64_t)(0xf1 + i) << (8 * i);
        }
        assert_true(word_load_part(exact, n) == want);
        free(exact);
    }
}

static void test_word_lower_is_chr_lower(void **state)
{
    uint64_t rng = 88172645463325252;
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        char in[8], lower[8];
        fill(in, sizeof(in), &rng);
        for (size_t i = 0; i < sizeof(in); i++) {
            lower[i] = chr_lower(in[i]);
        }
        assert_true(word_lower(word_load(in)) == word_load(lower));
    }
}

static void test_word_below_finds_the_first(void **state)
{
    static const uint8_t limits[] = {1, '\r' + 1, ' ', 0x7f, 0x80};
    uint64_t rng = 4101842887655102017;
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        char in[8];
        fill(in, sizeof(in), &rng);
        for (size_t k = 0; k < sizeof(limits); k++) {
            size_t first = 0;
            while (first < 8 && (uint8_t)in[first] >= limits[k]) {
                first++;
            }
            uint64_t found = word_below(word_load(in), limits[k]);
            assert_int_equal(found != 0, first < 8);
            assert_true(found == 0 || word_first(found) == first);
        }
    }
}

static void test_word_str_ieq_by_bytes(void **state)
{
    uint64_t rng = 1181783497276652981;
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        char a[40], b[40];
        size_t len = (size_t)round % sizeof(a);
        fill(a, len, &rng);
        memcpy(b, a, len);
        if (len > 0 && round % 3 != 0) {
            fill(b + rng % len, 1, &rng);
        }
        size_t same = 0;
        while (same < len && chr_lower(a[same]) == chr_lower(b[same])) {
            same++;
        }
        assert_int_equal(str_ieq(str_n(a, len), str_n(b, len)), same == len);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_word_load_part_is_zero_behind),
        cmocka_unit_test(test_word_lower_is_chr_lower),
        cmocka_unit_test(test_word_below_finds_the_first),
        cmocka_unit_test(test_word_str_ieq_by_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
