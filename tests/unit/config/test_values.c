/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config/values.h"

static void test_values_duration_reads_units(void **state)
{
    static const struct {
        const char *text;
        uint64_t ms;
    } good[] = {{"0s", 0},      {"1ms", 1},      {"250ms", 250}, {"5s", 5000},
                {"2m", 120000}, {"1h", 3600000}, {"90s", 90000}, {"1193h", 4294800000u},
                {"007s", 7000}};
    static const char *const bad[] = {"",   "s",    "5",   "5 s",  "-5s", "+5s", "5.5s", "1m30s",
                                      "5S", "5sec", "ms5", "0x5s", " 5s", "5s ", "1d"};
    struct values_fault fault;
    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        uint64_t ms = 1;
        assert_int_equal(values_duration(str_of(good[i].text), &ms, &fault), OK);
        assert_int_equal(ms, good[i].ms);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        uint64_t ms = 77;
        assert_int_equal(values_duration(str_of(bad[i]), &ms, &fault), ERR_SYNTAX);
        assert_int_equal(ms, 77);
        assert_true(fault.expected[0] != '\0');
    }
    uint64_t ms;
    assert_int_equal(values_duration(STR("1194h"), &ms, &fault), ERR_RANGE);
    assert_int_equal(values_duration(STR("99999999999999999999s"), &ms, &fault), ERR_SYNTAX);
}

static void test_values_size_reads_units(void **state)
{
    static const struct {
        const char *text;
        uint64_t bytes;
    } good[] = {{"0", 0}, {"65536", 65536}, {"64k", 65536}, {"10m", 10485760}, {"1g", 1073741824}};
    static const char *const bad[] = {"", "k", "64K", "64kb", "1t", "1.5m", "-1", "64 k"};
    struct values_fault fault;
    uint64_t bytes;
    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_int_equal(values_size(str_of(good[i].text), &bytes, &fault), OK);
        assert_int_equal(bytes, good[i].bytes);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(values_size(str_of(bad[i]), &bytes, &fault), ERR_SYNTAX);
    }
    assert_int_equal(values_size(STR("64 KB"), &bytes, &fault), ERR_SYNTAX);
    assert_string_equal(fault.near, "64k");
}

static void test_values_print_is_read_back(void **state)
{
    static const uint64_t numbers[] = {0,     1,     999,     1000,    1024,
                                       60000, 90000, 3600000, 1048576, 3000000000u};
    char text[VALUES_TEXT_MAX];
    struct values_fault fault;
    uint64_t back;
    (void)state;
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        (void)values_print_duration(numbers[i], text);
        assert_int_equal(values_duration(str_of(text), &back, &fault), OK);
        assert_int_equal(back, numbers[i]);
        (void)values_print_size(numbers[i], text);
        assert_int_equal(values_size(str_of(text), &back, &fault), OK);
        assert_int_equal(back, numbers[i]);
    }
    assert_string_equal(values_print_duration(90000, text), "90s");
    assert_string_equal(values_print_duration(0, text), "0ms");
    assert_string_equal(values_print_size(65536, text), "64k");
}

static void test_values_addresses(void **state)
{
    static const char *const good[] = {":443", "0.0.0.0:443", "[::]:443", "unix:/run/x", "[::1]:1"};
    static const char *const bad[] = {"",     "443", ":",       ":0",   ":65536",
                                      "x:80", "::1", "1.2.3.4", "unix:"};
    struct values_fault fault;
    struct addr a;
    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_int_equal(values_listen(str_of(good[i]), &a, &fault), OK);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_not_equal(values_listen(str_of(bad[i]), &a, &fault), OK);
    }
    assert_int_equal(values_server(STR("9.9.9.9"), &a, &fault), OK);
    assert_int_equal(addr_port(&a), 53);
    assert_int_equal(values_server(STR("9.9.9.9:5353"), &a, &fault), OK);
    assert_int_equal(addr_port(&a), 5353);
    assert_int_equal(values_server(STR("::1"), &a, &fault), OK);
    assert_int_equal(values_server(STR("[::1]:54"), &a, &fault), OK);
    assert_int_equal(addr_port(&a), 54);
    assert_int_not_equal(values_server(STR("unix:/x"), &a, &fault), OK);
}

static void test_values_network_masks(void **state)
{
    struct addr_net net;
    struct values_fault fault;
    (void)state;
    assert_int_equal(values_network(STR("10.0.0.0/8"), &net, &fault), OK);
    assert_int_equal(values_network(STR("10.1.2.3"), &net, &fault), OK);
    assert_int_equal(values_network(STR("192.168.77.9/20"), &net, &fault), ERR_RANGE);
    assert_string_equal(fault.near, "192.168.64.0/20");
    assert_int_equal(values_network(STR("2001:db8::1/32"), &net, &fault), ERR_RANGE);
    assert_string_equal(fault.near, "2001:db8::/32");
    assert_int_not_equal(values_network(STR("service"), &net, &fault), OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_duration_reads_units),
        cmocka_unit_test(test_values_size_reads_units),
        cmocka_unit_test(test_values_print_is_read_back),
        cmocka_unit_test(test_values_addresses),
        cmocka_unit_test(test_values_network_masks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
