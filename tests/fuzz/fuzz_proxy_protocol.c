/* SPDX-License-Identifier: MIT */
/* The PROXY protocol: a whole header stays one whatever follows, and no prefix of it is refused. */
#include <stdint.h>
#include <stdlib.h>

#include "net/proxy_protocol.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int parse(const char *bytes, size_t size, size_t *out_len)
{
    struct proxy_header header;
    char printed[ADDR_TEXT_MAX];

    int rc = proxy_protocol_parse(str_n(bytes, size), &header, out_len);
    if (rc == OK) {
        REQUIRE(*out_len <= size && *out_len <= PROXY_HEADER_MAX);
        REQUIRE(header.version == 1 || header.version == 2);
        REQUIRE((header.source.len == 0) == (header.destination.len == 0));
        REQUIRE(!header.local || header.source.len == 0);
        REQUIRE(addr_print(&header.source, printed) == printed);
    }
    return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t len = 0;
    size_t again = 0;
    /* A copy of its own, so that a read past the end is seen. */
    char *bytes = malloc(size == 0 ? 1 : size);

    REQUIRE(bytes != NULL);
    if (size > 0) {
        memcpy(bytes, data, size);
    }
    int rc = parse(bytes, size, &len);
    if (rc == OK) {
        REQUIRE(parse(bytes, len, &again) == OK && again == len);
        for (size_t n = 0; n < len; n++) {
            REQUIRE(parse(bytes, n, &again) == ERR_AGAIN);
        }
    }
    free(bytes);
    return 0;
}
