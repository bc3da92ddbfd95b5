/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ifaddrs.h>

#include "net/reach.h"

static struct addr ip(const char *text)
{
    struct addr a;

    assert_int_equal(addr_parse_ip(str_of(text), 80, &a), OK);
    return a;
}

static void test_reach_special(void **state)
{
    static const char *const special[] = {"0.0.0.0",
                                          "0.1.2.3",
                                          "127.0.0.1",
                                          "127.255.255.255",
                                          "169.254.169.254",
                                          "192.0.0.1",
                                          "224.0.0.1",
                                          "239.255.255.255",
                                          "240.0.0.1",
                                          "255.255.255.255",
                                          "::",
                                          "::1",
                                          "::127.0.0.1",
                                          "::ffff:127.0.0.1",
                                          "::ffff:169.254.169.254",
                                          "fe80::1",
                                          "febf::1",
                                          "fec0::1",
                                          "ff02::1",
                                          "64:ff9b::7f00:1",
                                          "2002:7f00:1::",
                                          "2001::1"};
    static const char *const plain[] = {
        "1.0.0.1",    "10.0.1.5",  "126.255.255.255", "128.0.0.1",       "169.253.0.1",
        "172.16.0.1", "192.0.1.1", "192.168.1.1",     "223.255.255.255", "::ffff:10.0.1.5",
        "fd00::1",    "fc00::1",   "2001:db8::1",     "2a01::1"};

    (void)state;
    for (size_t i = 0; i < sizeof(special) / sizeof(special[0]); i++) {
        struct addr a = ip(special[i]);
        assert_true(reach_is_special(&a));
    }
    for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
        struct addr a = ip(plain[i]);
        assert_false(reach_is_special(&a));
    }
    struct addr path;
    assert_int_equal(addr_parse(STR("unix:/x"), &path), OK);
    assert_true(reach_is_special(&path));
}

static void test_reach_own(void **state)
{
    struct ifaddrs *all = NULL;
    struct addr other = ip("198.51.100.7"); /* RFC 5737: nobody has it */
    struct addr loopback = ip("127.0.0.1");

    (void)state;
    assert_false(reach_is_own(&other));
    assert_true(reach_is_own(&loopback));
    assert_int_equal(getifaddrs(&all), 0);
    for (const struct ifaddrs *it = all; it != NULL; it = it->ifa_next) {
        struct addr a;
        if (it->ifa_addr != NULL && it->ifa_addr->sa_family == AF_INET &&
            addr_from_sockaddr(it->ifa_addr, sizeof(struct sockaddr_in), &a) == OK) {
            assert_true(reach_is_own(&a));
        }
    }
    freeifaddrs(all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reach_special),
        cmocka_unit_test(test_reach_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
