/* SPDX-License-Identifier: MIT */
/*
 * Header field names as tokens with flags: what each is to a proxy, written as one table instead of
 * comparisons all over the code (RFC 9110, RFC 9112, RFC 9113 section 8.2.2).
 */
#ifndef HIVEDOOR_HTTP_FIELD_H
#define HIVEDOOR_HTTP_FIELD_H

#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

enum field_flag {
    FIELD_HOP = 1,       /* concerns one connection: never forwarded */
    FIELD_FRAMING = 2,   /* decides where a message ends: written by us only */
    FIELD_CLIENT = 4,    /* says who the client is: only a trusted peer may */
    FIELD_PROTECTED = 8, /* Connection may not name it (Host, X-Forwarded-For ...) */
    FIELD_SINGLE = 16,   /* may stand once only */
    FIELD_IDENTITY = 32, /* says what TLS proved of the client: only we may */
};

/* X(NAME, "lower-case-name", flags) */
#define FIELD_TABLE(X)                                                                             \
    X(HOST, "host", FIELD_PROTECTED | FIELD_SINGLE)                                                \
    X(CONNECTION, "connection", FIELD_HOP | FIELD_PROTECTED)                                       \
    X(KEEP_ALIVE, "keep-alive", FIELD_HOP)                                                         \
    X(PROXY_CONNECTION, "proxy-connection", FIELD_HOP)                                             \
    X(TRANSFER_ENCODING, "transfer-encoding", FIELD_HOP | FIELD_FRAMING | FIELD_PROTECTED)         \
    X(CONTENT_LENGTH, "content-length", FIELD_FRAMING | FIELD_PROTECTED)                           \
    X(TE, "te", FIELD_HOP)                                                                         \
    X(TRAILER, "trailer", 0)                                                                       \
    X(UPGRADE, "upgrade", FIELD_HOP)                                                               \
    X(PROXY, "proxy", FIELD_HOP) /* no field of HTTP: HTTP_PROXY to CGI, so nobody may send it */  \
    X(HTTP2_SETTINGS, "http2-settings", FIELD_HOP)                                                 \
    X(EXPECT, "expect", 0)                                                                         \
    X(DATE, "date", 0)                                                                             \
    X(SERVER, "server", 0)                                                                         \
    X(LOCATION, "location", 0)                                                                     \
    X(ACCEPT, "accept", 0)                                                                         \
    X(AUTHORIZATION, "authorization", FIELD_PROTECTED)                                             \
    X(COOKIE, "cookie", FIELD_PROTECTED)                                                           \
    X(CONTENT_TYPE, "content-type", FIELD_PROTECTED)                                               \
    X(USER_AGENT, "user-agent", 0)                                                                 \
    X(REFERER, "referer", 0)                                                                       \
    X(RETRY_AFTER, "retry-after", 0)                                                               \
    X(X_REQUEST_ID, "x-request-id", 0)                                                             \
    X(X_FORWARDED_FOR, "x-forwarded-for", FIELD_CLIENT | FIELD_PROTECTED)                          \
    X(X_FORWARDED_PROTO, "x-forwarded-proto", FIELD_CLIENT | FIELD_PROTECTED)                      \
    X(X_FORWARDED_HOST, "x-forwarded-host", FIELD_CLIENT | FIELD_PROTECTED)                        \
    X(X_FORWARDED_PORT, "x-forwarded-port", FIELD_CLIENT | FIELD_PROTECTED)                        \
    X(X_FORWARDED_SERVER, "x-forwarded-server", FIELD_CLIENT | FIELD_PROTECTED)                    \
    X(X_REAL_IP, "x-real-ip", FIELD_CLIENT | FIELD_PROTECTED)                                      \
    X(FORWARDED, "forwarded", FIELD_CLIENT | FIELD_PROTECTED)                                      \
    X(X_CLIENT_CERT_SUBJECT, "x-client-cert-subject", FIELD_IDENTITY | FIELD_PROTECTED)            \
    X(X_CLIENT_CERT_VERIFIED, "x-client-cert-verified", FIELD_IDENTITY | FIELD_PROTECTED)          \
    X(X_CLIENT_CERT_FINGERPRINT, "x-client-cert-fingerprint", FIELD_IDENTITY | FIELD_PROTECTED)

enum field_id {
    FIELD_OTHER,
#define FIELD_ENUM(name, text, flags) FIELD_##name,
    FIELD_TABLE(FIELD_ENUM)
#undef FIELD_ENUM
        FIELD_COUNT
};

/* Sets of tokens: one bit each, none for FIELD_OTHER. */
_Static_assert(FIELD_COUNT <= 64, "a set is one word");

static inline uint64_t field_bit(enum field_id id)
{
    return id == FIELD_OTHER ? 0 : UINT64_C(1) << id;
}

/* All tokens with one of these flags; computed by the compiler. */
static inline uint64_t field_set(unsigned with)
{
#define FIELD_IN_SET(name, text, flags) | (((flags)&with) != 0 ? UINT64_C(1) << FIELD_##name : 0)
    return 0 FIELD_TABLE(FIELD_IN_SET);
#undef FIELD_IN_SET
}

/* The token of a name in any case; FIELD_OTHER when it means nothing to a proxy. */
enum field_id field_lookup(struct str name);
/*
 * The token that a name with "_" has where names become environment variables: "X_Forwarded_For" is
 * X-Forwarded-For to CGI, WSGI and PHP. FIELD_OTHER for names without "_": ask field_lookup.
 */
enum field_id field_lookup_blurred(struct str name);
/* Lower-case name; empty for FIELD_OTHER. */
struct str field_name(enum field_id id);
/* Flags of enum field_flag; 0 for FIELD_OTHER. */
unsigned field_flags(enum field_id id);
/* tchar 1*: RFC 9110 section 5.6.2. */
bool field_is_token(struct str s);
/* Field value of RFC 9110 section 5.5: no CR, LF, NUL or other control characters but tab. */
bool field_is_value(struct str s);
/*
 * Walks a comma separated list: cuts the next element, trimmed, off `*rest`; empty elements are
 * skipped (RFC 9110 section 5.6.1). False at the end.
 */
bool field_next_element(struct str *rest, struct str *out_element);
/* The weight among parameters ("x=y;q=0.5"; RFC 9110 section 12.4.2) in thousandths; 1000 where
 * there is none, 0 for nonsense. */
unsigned field_weight(struct str params);

#endif
