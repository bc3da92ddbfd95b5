/* SPDX-License-Identifier: MIT */
/* Any bytes as the content of a server_name extension. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/err.h"
#include "tls/tls_hello.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char name[TLS_NAME_MAX + 1];
    size_t len = 0;

    if (tls_hello_name(str_n((const char *)data, size), name, &len) == OK) {
        REQUIRE(len > 0 && len <= TLS_NAME_MAX && strlen(name) == len && size == len + 5);
        REQUIRE(tls_hello_is_host(str_n(name, len), false));
    }
    (void)tls_hello_is_host(str_n((const char *)data, size), true);
    return 0;
}
