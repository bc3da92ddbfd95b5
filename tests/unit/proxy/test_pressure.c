/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proxy/pressure.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* A process whose memory is what the test says, in pages. */
static void hold(const struct pressure *p, unsigned pages)
{
    char text[64];
    int n = snprintf(text, sizeof(text), "9999 %u 0 1 0 1 0\n", pages);

    assert_int_equal(ftruncate(p->fd, 0), 0);
    assert_int_equal(pwrite(p->fd, text, (size_t)n, 0), n);
}

static void begin(struct pressure *p, unsigned share_pages)
{
    char path[] = "/tmp/hivedoor-pressure-XXXXXX";
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    assert_int_equal(unlink(path), 0);
    pressure_init(p, fd);
    p->share_bytes = (uint64_t)share_pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void test_pressure_is_high_above_the_share(void **state)
{
    struct pressure p;

    (void)state;
    begin(&p, 1000);
    hold(&p, 1000);
    assert_true(pressure_look(&p, 1));
    assert_false(p.is_high);
    hold(&p, 1001);
    assert_true(pressure_look(&p, 1000));
    assert_true(p.is_high);
    assert_int_equal(p.held_bytes, 1001 * sysconf(_SC_PAGESIZE));
    pressure_fini(&p);
}

static void test_pressure_ends_with_some_room(void **state)
{
    struct pressure p;

    (void)state;
    begin(&p, 1600);
    hold(&p, 1700);
    assert_true(pressure_look(&p, 1));
    hold(&p, 1550);
    assert_true(pressure_look(&p, 1000));
    assert_true(p.is_high);
    hold(&p, 1400);
    assert_true(pressure_look(&p, 2000));
    assert_false(p.is_high);
    pressure_fini(&p);
}

static void test_pressure_looks_now_and_then(void **state)
{
    struct pressure p;

    (void)state;
    begin(&p, 10);
    hold(&p, 5);
    assert_true(pressure_look(&p, 1000));
    hold(&p, 50);
    assert_false(pressure_look(&p, 1001));
    assert_false(p.is_high);
    assert_true(pressure_look(&p, 1100));
    assert_true(p.is_high);
    pressure_fini(&p);
}

static void test_pressure_without_limit_or_knowledge_is_low(void **state)
{
    struct pressure p;

    (void)state;
    begin(&p, 0);
    hold(&p, 5000);
    assert_true(pressure_look(&p, 1));
    assert_false(p.is_high);
    assert_int_equal(p.held_bytes, 5000 * sysconf(_SC_PAGESIZE));
    pressure_fini(&p);
    pressure_init(&p, -1);
    p.share_bytes = 1;
    assert_true(pressure_look(&p, 1));
    assert_false(p.is_high);
    pressure_fini(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pressure_is_high_above_the_share),
        cmocka_unit_test(test_pressure_ends_with_some_room),
        cmocka_unit_test(test_pressure_looks_now_and_then),
        cmocka_unit_test(test_pressure_without_limit_or_knowledge_is_low),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
