/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config/fields.h"

static int name(const char *text, enum fields_use use)
{
    struct values_fault fault = {.expected = "", .near = ""};
    int err = fields_name(str_of(text), use, &fault);
    assert_true((err == OK) == (fault.expected[0] == '\0'));
    return err;
}

static void test_fields_keeps_what_is_ours(void **state)
{
    static const char *const framing[] = {"Connection", "content-length", "Transfer_Encoding",
                                          "TE",         "Trailer",        "Upgrade",
                                          "keep-alive", "Expect"};
    static const char *const client[] = {"X-Forwarded-For", "x_forwarded_anything", "Forwarded",
                                         "X-Real-IP", "X-Client-Cert-Verified"};
    (void)state;
    for (size_t i = 0; i < sizeof(framing) / sizeof(framing[0]); i++) {
        for (unsigned use = FIELDS_REQUEST; use <= FIELDS_RESPONSE_REMOVE; use++) {
            assert_int_equal(name(framing[i], (enum fields_use)use), ERR_SYNTAX);
        }
    }
    for (size_t i = 0; i < sizeof(client) / sizeof(client[0]); i++) {
        assert_int_equal(name(client[i], FIELDS_REQUEST), ERR_SYNTAX);
        assert_int_equal(name(client[i], FIELDS_REQUEST_REMOVE), OK);
    }
    assert_int_equal(name("Host", FIELDS_REQUEST), ERR_SYNTAX);
    assert_int_equal(name("hOST", FIELDS_REQUEST_REMOVE), ERR_SYNTAX);
    assert_int_equal(name("Host", FIELDS_RESPONSE), OK);
    assert_int_equal(name("X-Forwarded", FIELDS_REQUEST), OK);
    assert_int_equal(name("Authorization", FIELDS_REQUEST), OK);
}

static void test_fields_names_are_tokens(void **state)
{
    static const char *const bad[] = {"",         "a b", "a:",  ":a", "a\r\nb",
                                      "\xc3\xbc", "a,b", "a\"", "(a)"};
    struct values_fault fault;
    char big[200];
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(name(bad[i], FIELDS_RESPONSE), ERR_SYNTAX);
    }
    memset(big, 'a', sizeof(big));
    assert_int_equal(fields_name(str_n(big, 128), FIELDS_RESPONSE, &fault), OK);
    assert_int_equal(fields_name(str_n(big, 129), FIELDS_RESPONSE, &fault), ERR_SYNTAX);
    assert_int_equal(fields_name(STR("X-A:"), FIELDS_RESPONSE, &fault), ERR_SYNTAX);
    assert_string_equal(fault.near, "X-A");
}

static void test_fields_values_are_one_line(void **state)
{
    static const char *const bad[] = {"a\r\nb", "a\nb", "a\rb", " a",
                                      "a\t",    "\x7f", "\x01", "\xc3\xbc"};
    static char big[4097];
    struct values_fault fault;
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(fields_value(str_of(bad[i]), &fault), ERR_SYNTAX);
    }
    assert_int_equal(fields_value(STR("a\0b"), &fault), ERR_SYNTAX);
    assert_int_equal(fields_value(STR(""), &fault), OK);
    assert_int_equal(fields_value(STR("max-age=1; x=\"a\tb\""), &fault), OK);
    memset(big, 'a', sizeof(big));
    assert_int_equal(fields_value(str_n(big, 4096), &fault), OK);
    assert_int_equal(fields_value(str_n(big, 4097), &fault), ERR_SYNTAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields_keeps_what_is_ours),
        cmocka_unit_test(test_fields_names_are_tokens),
        cmocka_unit_test(test_fields_values_are_one_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
