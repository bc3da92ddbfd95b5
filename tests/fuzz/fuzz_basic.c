/* SPDX-License-Identifier: MIT */
/* Credentials: what is taken lies in its own bytes, with no colon in the name. */
#include "http/basic.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct message m;
    struct basic b;
    struct str in = str_n((const char *)data, size);
    arena_init(&arena, 1024);
    message_init(&m, &arena);
    message_add(&m, STR("Authorization"), in);
    if (basic_parse(&m, &b) == OK) {
        REQUIRE(b.user.ptr == b.bytes && str_find(b.user, ':') < 0);
        REQUIRE(b.user.len + 1 + b.password.len <= BASIC_BYTES_MAX);
        REQUIRE(in.len >= (b.user.len + 1 + b.password.len) * 4 / 3);
    }
    REQUIRE(field_is_value(basic_challenge(&arena, in)));
    arena_fini(&arena);
    return 0;
}
