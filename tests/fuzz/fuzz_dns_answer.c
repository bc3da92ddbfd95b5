/* SPDX-License-Identifier: MIT */
/*
 * answer_parse over any bytes: the first byte chooses the type that was asked, the rest is the
 * message, taken as an answer to "web" and to the name that its own question holds. Addresses that
 * come out are of the family asked for and can be connected to.
 */
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "dns/answer.h"

#define CAP 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(struct str msg, const struct answer_name *name, uint16_t type)
{
    struct addr addrs[CAP];
    struct answer a;

    if (answer_parse(msg, (struct answer_question){name, type}, addrs, CAP, &a) != OK) {
        return;
    }
    REQUIRE(a.count <= CAP);
    REQUIRE(a.count == 0 || (!a.truncated && a.rcode == 0));
    for (size_t i = 0; i < a.count; i++) {
        REQUIRE(answer_is_usable(&addrs[i]));
        REQUIRE(type == ANSWER_TYPE_AAAA || addrs[i].sa.sa_family == AF_INET);
        REQUIRE(addr_port(&addrs[i]) == 0);
    }
}

/* The question's name if it is uncompressed, as a server would see it. */
static bool own_name(struct str msg, struct answer_name *out)
{
    size_t at = 12;

    while (at < msg.len && (uint8_t)msg.ptr[at] != 0) {
        at += (size_t)(uint8_t)msg.ptr[at] + 1;
    }
    if (at >= msg.len || at + 1 - 12 > ANSWER_NAME_MAX) {
        return false;
    }
    out->len = at + 1 - 12;
    for (size_t i = 0; i < out->len; i++) {
        out->bytes[i] = (uint8_t)chr_lower(msg.ptr[12 + i]);
    }
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct answer_name name;

    if (size == 0) {
        return 0;
    }
    uint16_t type = (data[0] & 1) != 0 ? ANSWER_TYPE_AAAA : ANSWER_TYPE_A;
    struct str msg = str_n((const char *)data + 1, size - 1);
    REQUIRE(answer_name_of(STR("web"), &name) == OK);
    check(msg, &name, type);
    if (own_name(msg, &name)) {
        check(msg, &name, type);
    }
    if (answer_name_of(msg, &name) == OK) {
        REQUIRE(name.len >= 3 && name.len <= ANSWER_NAME_MAX && name.bytes[name.len - 1] == 0);
    }
    return 0;
}
