/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/pack.h"

static void test_pack_round_trip(void **state)
{
    struct buf b;
    struct packer p;
    struct unpacker u;

    (void)state;
    buf_init(&b, 1024);
    pack_init(&p, &b);
    pack_u8(&p, 0xab);
    pack_u16(&p, 0xcdef);
    pack_u32(&p, 0x01020304);
    pack_u64(&p, UINT64_MAX - 1);
    pack_str(&p, STR("text"));
    pack_str(&p, STR(""));
    assert_false(p.failed);
    assert_memory_equal(buf_ptr(&b), "\xab\xef\xcd\x04\x03\x02\x01", 7);
    unpack_init(&u, buf_ptr(&b), buf_len(&b));
    assert_int_equal(unpack_u8(&u), 0xab);
    assert_int_equal(unpack_u16(&u), 0xcdef);
    assert_int_equal(unpack_u32(&u), 0x01020304);
    assert_true(unpack_u64(&u) == UINT64_MAX - 1);
    assert_true(str_eq(unpack_str(&u, 4), STR("text")));
    assert_false(unpack_done(&u));
    assert_int_equal(unpack_str(&u, 0).len, 0);
    assert_true(unpack_done(&u));
    buf_fini(&b);
}

static void test_pack_stops_at_the_limit(void **state)
{
    struct buf b;
    struct packer p;

    (void)state;
    buf_init(&b, 6);
    pack_init(&p, &b);
    pack_u32(&p, 1);
    pack_u32(&p, 2);
    assert_true(p.failed);
    pack_u8(&p, 3); /* nothing after a failure */
    assert_int_equal(buf_len(&b), 4);
    buf_fini(&b);
}

static void test_unpack_never_reads_past_the_end(void **state)
{
    struct unpacker u;

    (void)state;
    unpack_init(&u, "\x01\x02", 2);
    assert_int_equal(unpack_u32(&u), 0);
    assert_true(u.failed);
    assert_int_equal(unpack_u8(&u), 0); /* failed for good, though bytes are left */
    assert_false(unpack_done(&u));
    unpack_init(&u, "\xff\xff\xff\xff", 4);
    assert_int_equal(unpack_str(&u, SIZE_MAX).len, 0);
    assert_true(u.failed);
    unpack_init(&u, "\x05\0\0\0hello", 9);
    assert_int_equal(unpack_str(&u, 4).len, 0); /* longer than allowed */
    assert_true(u.failed);
    unpack_init(&u, NULL, 0);
    assert_true(unpack_done(&u));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pack_round_trip),
        cmocka_unit_test(test_pack_stops_at_the_limit),
        cmocka_unit_test(test_unpack_never_reads_past_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
