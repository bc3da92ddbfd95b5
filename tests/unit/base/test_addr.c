/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "base/addr.h"

/* Parses and prints back. */
static const char *round_trip(const char *text)
{
    static char printed[ADDR_TEXT_MAX];
    struct addr a;

    if (addr_parse(str_of(text), &a) != OK) {
        return "refused";
    }
    return addr_print(&a, printed);
}

static void test_addr_parse_good(void **state)
{
    (void)state;
    assert_string_equal(round_trip("1.2.3.4:80"), "1.2.3.4:80");
    assert_string_equal(round_trip("[::1]:443"), "[::1]:443");
    assert_string_equal(round_trip("[2001:DB8::0:1]:65535"), "[2001:db8::1]:65535");
    assert_string_equal(round_trip(":80"), "[::]:80");
    assert_string_equal(round_trip("127.0.0.1:0"), "127.0.0.1:0");
    assert_string_equal(round_trip("unix:/run/a.sock"), "unix:/run/a.sock");
    assert_string_equal(round_trip("[::ffff:10.0.0.1]:8"), "10.0.0.1:8");
}

static void test_addr_parse_bad(void **state)
{
    static const char *const bad[] = {
        "",
        "1.2.3.4",
        "1.2.3.4:",
        "1.2.3.4:65536",
        "1.2.3.4:-1",
        "1.2.3:80",
        "example:80",
        "::1:80",
        "[::1]",
        "[1.2.3.4]:80",
        "[::1:80",
        "unix:",
        "unix:relative",
        "[]:80",
        "1.2.3.4:+80",
        "1.2.3.4:80 ",
        " 1.2.3.4:80",
        "[::1%lo]:80",
        "256.1.1.1:1",
        "1.2.3.4:000080",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct addr a;
        assert_int_equal(addr_parse(str_of(bad[i]), &a), ERR_SYNTAX);
    }
}

static void test_addr_parse_refuses_nul_and_long_paths(void **state)
{
    struct addr a;
    char path[256] = "unix:/";

    (void)state;
    assert_int_equal(addr_parse(str_n("1.2.3.4\0:80", 11), &a), ERR_SYNTAX);
    assert_int_equal(addr_parse(str_n("unix:/a\0b", 9), &a), ERR_SYNTAX);
    memset(path + 6, 'x', sizeof(path) - 6);
    /* sun_path holds 107 bytes and a NUL. */
    assert_int_equal(addr_parse(str_n(path, 5 + 107), &a), OK);
    assert_int_equal(addr_parse(str_n(path, 5 + 108), &a), ERR_SYNTAX);
}

static void test_addr_parse_ip(void **state)
{
    struct addr a;
    char text[ADDR_TEXT_MAX];

    (void)state;
    assert_int_equal(addr_parse_ip(STR("10.0.0.1"), 53, &a), OK);
    assert_string_equal(addr_print(&a, text), "10.0.0.1:53");
    assert_int_equal(addr_parse_ip(STR("[fd00::1]"), 53, &a), OK);
    assert_string_equal(addr_print(&a, text), "[fd00::1]:53");
    assert_string_equal(addr_print_ip(&a, text), "fd00::1");
    assert_int_equal(addr_parse_ip(STR("fd00::1"), 1, &a), OK);
    assert_int_equal(addr_parse_ip(STR("localhost"), 1, &a), ERR_SYNTAX);
    assert_int_equal(addr_parse_ip(STR("["), 1, &a), ERR_SYNTAX);
}

static void test_addr_from_bytes_and_sockaddr(void **state)
{
    const uint8_t v4[4] = {192, 0, 2, 7};
    struct addr a;
    struct addr b;
    char text[ADDR_TEXT_MAX];

    (void)state;
    assert_int_equal(addr_from_bytes(v4, 4, 8080, &a), OK);
    assert_string_equal(addr_print(&a, text), "192.0.2.7:8080");
    assert_int_equal(addr_from_bytes(v4, 3, 8080, &a), ERR_SYNTAX);
    assert_int_equal(addr_from_sockaddr(&a.sa, a.len, &b), OK);
    assert_true(addr_eq(&a, &b));
    assert_int_equal(addr_from_sockaddr(&a.sa, a.len - 1, &b), ERR_TRUNCATED);
    assert_int_equal(addr_from_sockaddr(&a.sa, 1, &b), ERR_TRUNCATED);
    a.sa.sa_family = AF_NETLINK;
    assert_int_equal(addr_from_sockaddr(&a.sa, a.len, &b), ERR_UNSUPPORTED);
}

static void test_addr_print_of_nothing(void **state)
{
    struct addr none = {.len = 0};
    struct addr unnamed = {.len = sizeof(sa_family_t)};
    char text[ADDR_TEXT_MAX];

    (void)state;
    assert_string_equal(addr_print(&none, text), "-");
    assert_int_equal(addr_port(&none), 0);
    unnamed.sa.sa_family = AF_UNIX;
    assert_string_equal(addr_print(&unnamed, text), "unix:");
    assert_string_equal(addr_print_ip(&unnamed, text), "unix:");
    assert_int_equal(addr_port(&unnamed), 0);
}

static void test_addr_ip_bytes(void **state)
{
    static const uint8_t mapped[16] = {[10] = 0xff, [11] = 0xff, [12] = 192, [14] = 2, [15] = 1};
    static const char *const same[] = {"192.0.2.1", "::ffff:192.0.2.1"};
    uint8_t bytes[16];
    struct addr a = {.len = 0};
    (void)state;
    assert_false(addr_is_ip(&a));
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(addr_parse_ip(str_of(same[i]), 1, &a), OK);
        assert_true(addr_is_ip(&a));
        addr_ip_bytes(&a, bytes);
        assert_memory_equal(bytes, mapped, sizeof(mapped));
    }
    assert_int_equal(addr_parse(STR("unix:/x"), &a), OK);
    assert_false(addr_is_ip(&a));
}

static void test_addr_compare(void **state)
{
    struct addr a;
    struct addr b;

    (void)state;
    assert_int_equal(addr_parse(STR("10.0.0.1:80"), &a), OK);
    assert_int_equal(addr_parse(STR("[::ffff:10.0.0.1]:80"), &b), OK);
    assert_true(addr_eq(&a, &b));
    addr_set_port(&b, 81);
    assert_int_equal(addr_port(&b), 81);
    assert_false(addr_eq(&a, &b));
    assert_true(addr_cmp(&a, &b) < 0);
    assert_true(addr_cmp(&b, &a) > 0);
    assert_int_equal(addr_parse(STR("unix:/a"), &a), OK);
    assert_false(addr_eq(&a, &b));
    assert_int_equal(addr_parse(STR("unix:/b"), &b), OK);
    assert_true(addr_cmp(&a, &b) < 0);
}

static bool net_has(const char *net_text, const char *ip)
{
    struct addr_net net;
    struct addr a;

    assert_int_equal(addr_net_parse(str_of(net_text), &net), OK);
    assert_int_equal(addr_parse_ip(str_of(ip), 1, &a), OK);
    return addr_net_has(&net, &a);
}

static void test_addr_net(void **state)
{
    struct addr_net net;
    struct addr a;
    char text[ADDR_TEXT_MAX];

    (void)state;
    assert_true(net_has("10.0.0.0/8", "10.255.0.1"));
    assert_true(net_has("10.0.0.0/8", "::ffff:10.1.1.1"));
    assert_false(net_has("10.0.0.0/8", "11.0.0.0"));
    assert_true(net_has("192.168.1.128/25", "192.168.1.200"));
    assert_false(net_has("192.168.1.128/25", "192.168.1.127"));
    assert_true(net_has("fd00::/8", "fd12::1"));
    assert_false(net_has("fd00::/8", "fe80::1"));
    assert_true(net_has("0.0.0.0/0", "1.2.3.4"));
    assert_false(net_has("0.0.0.0/0", "2001:db8::1"));
    assert_true(net_has("::/0", "1.2.3.4"));
    assert_true(net_has("10.1.2.3", "10.1.2.3"));
    assert_int_equal(addr_net_parse(STR("10.0.0.0/8"), &net), OK);
    assert_int_equal(addr_parse(STR("unix:/a"), &a), OK);
    assert_false(addr_net_has(&net, &a));
    assert_string_equal(addr_net_print(&net, text), "10.0.0.0/8");
    assert_int_equal(addr_net_parse(STR("fd00::/8"), &net), OK);
    assert_string_equal(addr_net_print(&net, text), "fd00::/8");
}

static void test_addr_net_bad(void **state)
{
    struct addr_net net;

    (void)state;
    assert_int_equal(addr_net_parse(STR("10.0.0.1/8"), &net), ERR_RANGE);
    assert_int_equal(addr_net_parse(STR("10.0.0.0/33"), &net), ERR_RANGE);
    assert_int_equal(addr_net_parse(STR("fd00::/129"), &net), ERR_RANGE);
    assert_int_equal(addr_net_parse(STR("10.0.0.0/"), &net), ERR_SYNTAX);
    assert_int_equal(addr_net_parse(STR("10.0.0.0/x"), &net), ERR_SYNTAX);
    assert_int_equal(addr_net_parse(STR("ten/8"), &net), ERR_SYNTAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addr_parse_good),
        cmocka_unit_test(test_addr_parse_bad),
        cmocka_unit_test(test_addr_parse_refuses_nul_and_long_paths),
        cmocka_unit_test(test_addr_parse_ip),
        cmocka_unit_test(test_addr_from_bytes_and_sockaddr),
        cmocka_unit_test(test_addr_print_of_nothing),
        cmocka_unit_test(test_addr_ip_bytes),
        cmocka_unit_test(test_addr_compare),
        cmocka_unit_test(test_addr_net),
        cmocka_unit_test(test_addr_net_bad),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
