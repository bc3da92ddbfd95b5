/* SPDX-License-Identifier: MIT */
/* Users of a file: what is taken is taken again when it stands in a line of its own. */
#include "config/htpasswd.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str rest = str_n((const char *)data, size);
    struct htpasswd_user user;
    size_t line = 0;
    int err;
    while ((err = htpasswd_next(&rest, &line, &user)) != ERR_EOF) {
        if (err != OK) {
            continue;
        }
        REQUIRE(user.name.len > 0 && str_find(user.name, ':') < 0);
        struct htpasswd_user again;
        struct str whole = str_n(user.name.ptr, user.name.len + 1 + user.hash.len);
        size_t one = 0;
        REQUIRE(htpasswd_next(&whole, &one, &again) == OK && one == 1);
        REQUIRE(str_eq(again.name, user.name) && str_eq(again.hash, user.hash));
    }
    REQUIRE(line <= size + 1);
    return 0;
}
