/* SPDX-License-Identifier: MIT */
/* A cookie: its value lies in the field, holds no separator, and follows the name that was asked
 * for. */
#include "http/cookie.h"

#include "base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct message m;
    struct str value;
    struct str in = str_n((const char *)data, size);
    arena_init(&arena, 1024);
    message_init(&m, &arena);
    message_add(&m, STR("Cookie"), in);
    if (cookie_find(&m, STR("sid"), &value)) {
        REQUIRE(value.ptr >= in.ptr + 4 && value.ptr + value.len <= in.ptr + in.len);
        REQUIRE(str_find(value, ';') < 0 && str_trim(value).len == value.len);
    }
    arena_fini(&arena);
    return 0;
}
