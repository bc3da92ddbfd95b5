/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/expiry.h"
#include "daemon/json.h"

static void test_json_puts_commas_and_escapes(void **state)
{
    struct buf out;
    struct json j;

    (void)state;
    buf_init(&out, 1024);
    json_init(&j, &out);
    json_object(&j, NULL);
    json_str(&j, "a", STR("q\"b\\c\nd\x01"));
    json_array(&j, "list");
    json_int(&j, NULL, -1);
    json_bool(&j, NULL, true);
    json_object(&j, NULL);
    json_object_end(&j);
    json_array_end(&j);
    json_str(&j, "bad",
             STR("\xff"
                 "x\xc3\xa4\xed\xa0\x80"));
    json_time(&j, "never", 0);
    json_time(&j, "t", 1000);
    json_object_end(&j);
    assert_false(j.failed);
    assert_true(str_eq(buf_str(&out),
                       STR("{\"a\":\"q\\\"b\\\\c\\u000ad\\u0001\",\"list\":[-1,true,{}],"
                           "\"bad\":\"\\ufffdx\xc3\xa4\\ufffd\\ufffd\\ufffd\",\"never\":null,"
                           "\"t\":\"1970-01-01T00:00:01.000Z\"}")));
    buf_fini(&out);
}

static void test_json_says_when_it_did_not_fit(void **state)
{
    struct buf out;
    struct json j;

    (void)state;
    buf_init(&out, 4);
    json_init(&j, &out);
    json_str(&j, NULL, STR("too long"));
    assert_true(j.failed);
    buf_fini(&out);
}

static void test_expiry_counts_whole_days(void **state)
{
    const int64_t day = 86400;

    (void)state;
    assert_int_equal(expiry_days(14 * day, 0), 14);
    assert_int_equal(expiry_days(14 * day - 1, 0), 13);
    assert_int_equal(expiry_days(0, 0), 0);
    assert_int_equal(expiry_days(0, 1), -1);
    assert_int_equal(expiry_days(0, day), -1);
    assert_int_equal(expiry_days(0, day + 1), -2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json_puts_commas_and_escapes),
        cmocka_unit_test(test_json_says_when_it_did_not_fit),
        cmocka_unit_test(test_expiry_counts_whole_days),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
