/* SPDX-License-Identifier: MIT */
#include "tls/tls_der.h"

#include <stddef.h>

#define LONG_FORM        0x80
#define LENGTH_BYTES_MAX 4
#define HIGH_TAG         0x1f

/* X.690 section 8.1.3 with the restrictions of 10.1. */
static bool read_length(struct str s, size_t *out_len, size_t *out_header)
{
    const uint8_t *p = (const uint8_t *)s.ptr;

    if (p[1] < LONG_FORM) {
        *out_len = p[1];
        *out_header = 2;
        return true;
    }
    size_t count = p[1] & ~(unsigned)LONG_FORM;
    size_t len = 0;
    if (count < 1 || count > LENGTH_BYTES_MAX || s.len < 2 + count || p[2] == 0) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        len = len << 8 | p[2 + i];
    }
    *out_len = len;
    *out_header = 2 + count;
    return len >= LONG_FORM;
}

bool tls_der_next(struct str *rest, struct tls_der *out)
{
    size_t len = 0;
    size_t header = 0;

    if (rest->len < 2 || ((uint8_t)rest->ptr[0] & HIGH_TAG) == HIGH_TAG ||
        !read_length(*rest, &len, &header) || len > rest->len - header) {
        return false;
    }
    *out = (struct tls_der){(uint8_t)rest->ptr[0], str_sub(*rest, header, len),
                            str_sub(*rest, 0, header + len)};
    *rest = str_from(*rest, header + len);
    return true;
}

bool tls_der_take(struct str *rest, uint8_t tag, struct tls_der *out)
{
    return rest->len > 0 && (uint8_t)rest->ptr[0] == tag && tls_der_next(rest, out);
}
