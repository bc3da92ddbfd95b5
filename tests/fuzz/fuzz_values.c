/* SPDX-License-Identifier: MIT */
/*
 * Single values of a configuration. What is accepted must come back from its printed form; what is
 * refused must say what was expected, and what it suggests instead must not be refused for the
 * same reason in the number-like kinds.
 */
#include "config/fields.h"
#include "config/names.h"
#include "config/values.h"

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_rate(struct str text)
{
    char print[VALUES_TEXT_MAX];
    struct values_fault fault = {.expected = "", .near = ""};
    uint32_t a;
    uint32_t b;
    uint32_t a_ms;
    uint32_t b_ms;
    if (values_rate(text, &a, &a_ms, &fault) == OK) {
        REQUIRE(values_rate(str_of(values_print_rate(a, a_ms, print)), &b, &b_ms, &fault) == OK);
        REQUIRE(a == b && a_ms == b_ms && a > 0);
    } else if (fault.near[0] != '\0') {
        REQUIRE(values_rate(str_of(fault.near), &a, &a_ms, &fault) == OK);
    }
}

/* What may be written into a head never ends its line. */
static void check_fields(struct str text)
{
    struct values_fault fault = {.expected = "", .near = ""};
    for (unsigned use = FIELDS_REQUEST; use <= FIELDS_RESPONSE_REMOVE; use++) {
        if (fields_name(text, (enum fields_use)use, &fault) == OK) {
            REQUIRE(str_find(text, ':') < 0 && str_find(text, '\n') < 0 && text.len > 0);
        } else if (fault.near[0] != '\0') {
            REQUIRE(str_starts(text, str_of(fault.near)));
        }
    }
    if (fields_value(text, &fault) == OK) {
        REQUIRE(str_find(text, '\n') < 0 && str_find(text, '\r') < 0 && str_find(text, '\0') < 0);
    }
    if (values_realm(text, &fault) == OK) {
        REQUIRE(str_find(text, '"') < 0 && str_find(text, '\n') < 0);
    }
}

static void check_numbers(struct str text)
{
    char print[VALUES_TEXT_MAX];
    struct values_fault fault = {.expected = "", .near = ""};
    uint64_t a;
    uint64_t b;
    bool flag;
    if (values_duration(text, &a, &fault) == OK) {
        REQUIRE(values_duration(str_of(values_print_duration(a, print)), &b, &fault) == OK);
        REQUIRE(a == b);
    } else if (fault.near[0] != '\0') {
        REQUIRE(values_duration(str_of(fault.near), &a, &fault) != ERR_SYNTAX);
    }
    fault = (struct values_fault){.expected = "", .near = ""};
    if (values_size(text, &a, &fault) == OK) {
        REQUIRE(values_size(str_of(values_print_size(a, print)), &b, &fault) == OK);
        REQUIRE(a == b);
    } else if (fault.near[0] != '\0') {
        REQUIRE(values_size(str_of(fault.near), &a, &fault) != ERR_SYNTAX);
    }
    check_rate(text);
    (void)(values_bool(text, &flag, &fault) == OK);
    (void)(values_number(text, &a, &fault) == OK);
}

static void check_addresses(struct str text)
{
    char print[ADDR_TEXT_MAX];
    struct values_fault fault = {.expected = "", .near = ""};
    struct addr a;
    struct addr b;
    struct addr_net net;
    struct addr_net again;
    if (values_listen(text, &a, &fault) == OK) {
        REQUIRE(values_listen(str_of(addr_print(&a, print)), &b, &fault) == OK);
        REQUIRE(addr_eq(&a, &b));
    } else if (fault.near[0] != '\0') {
        REQUIRE(values_listen(str_of(fault.near), &b, &fault) == OK);
    }
    if (values_server(text, &a, &fault) == OK) {
        REQUIRE(values_server(str_of(addr_print(&a, print)), &b, &fault) == OK);
        REQUIRE(addr_eq(&a, &b));
    }
    fault = (struct values_fault){.expected = "", .near = ""};
    if (values_network(text, &net, &fault) == OK) {
        REQUIRE(values_network(str_of(addr_net_print(&net, print)), &again, &fault) == OK);
        REQUIRE(memcmp(net.bytes, again.bytes, 16) == 0 && net.prefix == again.prefix);
    } else if (fault.near[0] != '\0') {
        REQUIRE(values_network(str_of(fault.near), &net, &fault) == OK);
    }
}

static void check_names(struct str text, struct arena *arena)
{
    struct values_fault fault = {.expected = "", .near = ""};
    struct model_target target;
    struct model_target other;
    struct names_redirect redirect;
    struct names_redirect again;
    struct str host;
    struct str path;
    if (names_host(arena, text, &host, &fault) == OK) {
        REQUIRE(names_host(arena, host, &path, &fault) == OK && str_eq(host, path));
    } else if (fault.near[0] != '\0') {
        REQUIRE(names_host(arena, str_of(fault.near), &host, &fault) == OK);
    }
    if (names_site(arena, text, &host, &fault) == OK) {
        REQUIRE(names_site(arena, host, &path, &fault) == OK && str_eq(host, path));
        REQUIRE(names_is_wild(host) || names_host(arena, host, &path, &fault) == OK);
    }
    if (names_target(arena, text, &target, &fault) == OK) {
        struct str url = arena_printf(arena, "http://%.*s", STR_FMT(target.service));
        REQUIRE(names_target(arena, url, &other, &fault) == OK);
        REQUIRE(str_eq(target.host, other.host) && target.port == other.port);
        REQUIRE(target.is_literal == other.is_literal);
        REQUIRE(target.is_pattern == other.is_pattern);
        REQUIRE(!target.is_pattern || (str_find(target.host, '.') < 0 && !target.is_literal));
    }
    if (names_redirect(arena, text, &redirect, &fault) == OK) {
        REQUIRE(names_redirect(arena, redirect.url, &again, &fault) == OK);
        REQUIRE(str_eq(redirect.url, again.url) && redirect.is_pattern == again.is_pattern);
    }
    (void)(names_relay(arena, text, &target, &path, &fault) == OK);
    fault = (struct values_fault){.expected = "", .near = ""};
    if (names_prefix(text, &fault) != OK && fault.near[0] != '\0') {
        REQUIRE(fault.near[0] == '/');
    }
    (void)(values_path(text, &fault) == OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct str text = str_n((const char *)data, size);
    arena_init(&arena, 1024);
    check_numbers(text);
    check_fields(text);
    check_addresses(text);
    check_names(text, &arena);
    arena_fini(&arena);
    return 0;
}
