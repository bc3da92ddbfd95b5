/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/crash.h"
#include "daemon/rotation.h"

static void test_crash_delays_double(void **state)
{
    static const uint32_t want[] = {100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000};
    struct crash_record r = {.count = 0};
    uint64_t now = 1000;

    (void)state;
    for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
        uint32_t delay = 0;
        assert_true(crash_note(&r, now, now, &delay));
        assert_int_equal(delay, want[i]);
        now += delay;
    }
    uint32_t delay = 7;
    assert_false(crash_note(&r, now, now, &delay)); /* the tenth within a minute */
    assert_int_equal(delay, 7);
}

static void test_crash_forgives_who_lived(void **state)
{
    struct crash_record r = {.count = 0};
    uint64_t now = 1000;
    uint32_t delay;

    (void)state;
    for (unsigned i = 0; i < 50; i++) {
        assert_true(crash_note(&r, now, now + CRASH_ALIVE_MS, &delay));
        assert_int_equal(delay, CRASH_FIRST_MS);
        now += CRASH_ALIVE_MS;
    }
}

static void test_rotation_waits_for_its_time(void **state)
{
    struct tls_ticket_ring ring;
    uint64_t last = 500;

    (void)state;
    assert_int_equal(tls_ticket_ring_init(&ring), OK);
    assert_false(rotation_step(&ring, &last, 599, 100));
    assert_int_equal(ring.count, 1);
    assert_true(rotation_step(&ring, &last, 600, 100));
    assert_int_equal(ring.count, 2);
    assert_true(last == 600);
    assert_false(rotation_step(&ring, &last, 650, 100));
    assert_true(rotation_step(&ring, &last, 9999, 100));
    assert_true(rotation_step(&ring, &last, 99999, 100));
    assert_int_equal(ring.count, TLS_TICKET_KEYS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crash_delays_double),
        cmocka_unit_test(test_crash_forgives_who_lived),
        cmocka_unit_test(test_rotation_waits_for_its_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
