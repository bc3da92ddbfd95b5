/* SPDX-License-Identifier: MIT */
#include "base/sealed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "base/fd.h"

static void test_sealed_outlives_its_descriptor(void **state)
{
    struct sealed *s = NULL;
    int fd = -1;
    (void)state;

    assert_int_equal(fd_sealed("test", "hello", 5, &fd), OK);
    assert_int_equal(sealed_open(fd, 4, &s), ERR_LIMIT);
    assert_int_equal(sealed_open(fd, 5, &s), OK);
    fd_close(&fd);
    struct sealed *same = sealed_ref(s);
    sealed_unref(s);
    assert_true(str_eq(sealed_bytes(same), STR("hello")));
    sealed_unref(same);
    sealed_unref(NULL);
}

static void test_sealed_refuses_what_is_not(void **state)
{
    struct sealed *s = NULL;
    int fd = memfd_create("open", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    (void)state;

    assert_true(fd >= 0);
    assert_int_equal(sealed_open(fd, 5, &s), ERR_DENIED);
    fd_close(&fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sealed_outlives_its_descriptor),
        cmocka_unit_test(test_sealed_refuses_what_is_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
