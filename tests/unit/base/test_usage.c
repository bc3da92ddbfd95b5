/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/usage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int file_with(const char *text)
{
    char path[] = "/tmp/hivedoor-usage-XXXXXX";
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    return fd;
}

static void test_usage_counts_what_is_written(void **state)
{
    enum { MIB = 1 << 20, PIECE = 64 * MIB };
    int fd = usage_open();
    uint64_t before = 0;
    uint64_t after = 0;

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(usage_read(fd, &before), OK);
    assert_true(before > 0);
    char *piece = malloc(PIECE);
    assert_non_null(piece);
    memset(piece, 1, PIECE);
    assert_int_equal(usage_read(fd, &after), OK);
    assert_true(after >= before + PIECE / 2);
    free(piece);
    close(fd);
}

static void test_usage_is_resident_less_shared(void **state)
{
    uint64_t bytes = 0;
    int fd = file_with("900 500 200 1 0 300 0\n");

    (void)state;
    assert_int_equal(usage_read(fd, &bytes), OK);
    assert_int_equal(bytes, 300 * sysconf(_SC_PAGESIZE));
    close(fd);
}

static void test_usage_that_is_not_told_is_unknown(void **state)
{
    static const char *const texts[] = {"", "1", "1 2", "x y z ", "1 2 x ", "1 2 3 "};
    uint64_t bytes = 7;

    (void)state;
    assert_int_equal(usage_read(-1, &bytes), ERR_UNSUPPORTED);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        int fd = file_with(texts[i]);
        assert_int_equal(usage_read(fd, &bytes), ERR_UNSUPPORTED);
        close(fd);
    }
    assert_int_equal(bytes, 7);
}

static void test_usage_container_limit_is_no_nonsense(void **state)
{
    (void)state;
    uint64_t limit = usage_container_limit();
    assert_true(limit == 0 || limit > 1 << 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_usage_counts_what_is_written),
        cmocka_unit_test(test_usage_is_resident_less_shared),
        cmocka_unit_test(test_usage_that_is_not_told_is_unknown),
        cmocka_unit_test(test_usage_container_limit_is_no_nonsense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
