/* SPDX-License-Identifier: MIT */
/*
 * Reading DER (ITU-T X.690 section 10) by hand: one element after the other, no copies. For what
 * the loader has to know of thousands of certificates before any is used; OpenSSL parses those that
 * are. Pure functions, any process.
 */
#ifndef HIVEDOOR_TLS_TLS_DER_H
#define HIVEDOOR_TLS_TLS_DER_H

#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

enum tls_der_tag {
    TLS_DER_BOOLEAN = 0x01,
    TLS_DER_INTEGER = 0x02,
    TLS_DER_BIT_STRING = 0x03,
    TLS_DER_OCTET_STRING = 0x04,
    TLS_DER_OID = 0x06,
    TLS_DER_UTC_TIME = 0x17,
    TLS_DER_GENERALIZED_TIME = 0x18,
    TLS_DER_SEQUENCE = 0x30,
    TLS_DER_CONTEXT = 0x80, /* | number; constructed ones | 0x20 */
    TLS_DER_CONTEXT_SEQUENCE = 0xa0,
};

struct tls_der {
    uint8_t tag;
    struct str content;
    struct str whole; /* tag and length too */
};

/* The next element of `*rest`, which moves behind it. False at the end, and when it is no element:
 * a tag of more than one byte, a length that is indefinite, not the shortest, or past the end. */
bool tls_der_next(struct str *rest, struct tls_der *out);
/* The next one if it has this tag; else false, and `*rest` stays. */
bool tls_der_take(struct str *rest, uint8_t tag, struct tls_der *out);

#endif
