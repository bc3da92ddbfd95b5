/* SPDX-License-Identifier: MIT */
/* Addresses and networks: what parses must print, and parse back to the same. */
#include <stdint.h>
#include <stdlib.h>

#include "base/addr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_addr(struct str text)
{
    struct addr a;
    struct addr again;
    char printed[ADDR_TEXT_MAX];

    if (addr_parse(text, &a) != OK) {
        return;
    }
    REQUIRE(addr_parse(str_of(addr_print(&a, printed)), &again) == OK);
    REQUIRE(addr_eq(&a, &again));
    REQUIRE(addr_from_sockaddr(&a.sa, a.len, &again) == OK);
    REQUIRE(addr_cmp(&a, &again) == 0);
    REQUIRE(addr_port(&a) == addr_port(&again));
}

static void check_ip(struct str text)
{
    struct addr a;
    struct addr again;
    char printed[ADDR_TEXT_MAX];

    if (addr_parse_ip(text, 7, &a) != OK) {
        return;
    }
    REQUIRE(addr_parse_ip(str_of(addr_print_ip(&a, printed)), 7, &again) == OK);
    REQUIRE(addr_eq(&a, &again));
}

static void check_net(struct str text)
{
    struct addr_net net;
    struct addr_net again;
    struct addr inside;
    char printed[ADDR_TEXT_MAX];

    if (addr_net_parse(text, &net) != OK) {
        return;
    }
    REQUIRE(addr_net_parse(str_of(addr_net_print(&net, printed)), &again) == OK);
    REQUIRE(net.prefix == again.prefix && memcmp(net.bytes, again.bytes, 16) == 0);
    REQUIRE(addr_from_bytes(net.bytes, 16, 0, &inside) == OK);
    REQUIRE(addr_net_has(&net, &inside));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = str_n((const char *)data, size);

    check_addr(text);
    check_ip(text);
    check_net(text);
    return 0;
}
