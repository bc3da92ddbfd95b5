/* SPDX-License-Identifier: MIT */
#include "tls/tls_pem.h"

#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "tls/tls_der.h"

#define MARK_BEGIN "-----BEGIN "
#define MARK_END   "-----END "
#define MARK_TAIL  "-----"
#define LABEL_MAX  64

enum block_kind { BLOCK_CERT, BLOCK_KEY, BLOCK_ENCRYPTED, BLOCK_OTHER };

struct block {
    struct str label;
    struct str body; /* between the two lines */
};

static const char *find(struct str s, const char *what)
{
    return s.len == 0 ? NULL : memmem(s.ptr, s.len, what, strlen(what));
}

static enum block_kind kind_of(struct str label)
{
    static const struct {
        const char *label;
        enum block_kind kind;
    } kinds[] = {
        {"CERTIFICATE", BLOCK_CERT},
        {"X509 CERTIFICATE", BLOCK_CERT},
        {"TRUSTED CERTIFICATE", BLOCK_CERT},
        {"PRIVATE KEY", BLOCK_KEY},
        {"RSA PRIVATE KEY", BLOCK_KEY},
        {"EC PRIVATE KEY", BLOCK_KEY},
        {"ENCRYPTED PRIVATE KEY", BLOCK_ENCRYPTED},
    };

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (str_eq(label, str_of(kinds[i].label))) {
            return kinds[i].kind;
        }
    }
    return BLOCK_OTHER;
}

/* The value of a base64 digit (RFC 4648 section 4), -1 for white space, -2 for anything else. */
static int digit(unsigned char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    if (c == '+' || c == '/') {
        return c == '+' ? 62 : 63;
    }
    return c == ' ' || c == '\t' || c == '\r' || c == '\n' ? -1 : -2;
}

/*
 * Decodes into `dst`, which has room for body.len / 4 * 3 + 3 bytes. Own code rather than
 * OpenSSL's, whose decoder leaves copies of keys in memory that is not wiped.
 */
static bool decode(struct str body, uint8_t *dst, size_t *out_len)
{
    uint32_t bits = 0;
    size_t digits = 0;
    size_t pad = 0;
    size_t len = 0;

    for (size_t i = 0; i < body.len; i++) {
        int v = digit((unsigned char)body.ptr[i]);
        if (v == -1) {
            continue;
        }
        if (body.ptr[i] == '=') {
            pad++;
            continue;
        }
        if (v < 0 || pad > 0) {
            return false;
        }
        bits = bits << 6 | (uint32_t)v;
        if (++digits % 4 == 0) {
            dst[len++] = (uint8_t)(bits >> 16);
            dst[len++] = (uint8_t)(bits >> 8);
            dst[len++] = (uint8_t)bits;
        }
    }
    if (pad > 2 || (digits + pad) % 4 != 0 || digits == 0) {
        return false;
    }
    if (pad == 2) {
        dst[len++] = (uint8_t)(bits >> 4);
    } else if (pad == 1) {
        dst[len++] = (uint8_t)(bits >> 10);
        dst[len++] = (uint8_t)(bits >> 2);
    }
    *out_len = len;
    return true;
}

/* "Proc-Type: 4,ENCRYPTED" in front of the base64 (RFC 1421 section 4.6.1.1). */
static bool is_encrypted(struct str body)
{
    return find(str_sub(body, 0, 256), "Proc-Type:") != NULL && find(body, "ENCRYPTED") != NULL;
}

/* Hands one block on; returns 1 if it is an object that counts. */
static size_t report(const struct block *b, tls_pem_fn fn, void *arg)
{
    enum block_kind kind = kind_of(b->label);
    size_t cap = b->body.len / 4 * 3 + 3;
    size_t len = 0;

    if (kind == BLOCK_OTHER) {
        return 0;
    }
    if (kind == BLOCK_ENCRYPTED || (kind == BLOCK_KEY && is_encrypted(b->body))) {
        fn(arg, TLS_PEM_ENCRYPTED, STR(""));
        return 1;
    }
    if (b->body.len > TLS_PEM_BLOCK_MAX) {
        fn(arg, TLS_PEM_BROKEN, STR(""));
        return 0;
    }
    uint8_t *der = mem_secret_new(cap);
    bool good = decode(b->body, der, &len);
    if (good) {
        fn(arg, kind == BLOCK_CERT ? TLS_PEM_CERT : TLS_PEM_KEY, str_n((const char *)der, len));
    } else {
        fn(arg, TLS_PEM_BROKEN, STR(""));
    }
    mem_secret_free(der, cap);
    return good ? 1 : 0;
}

/*
 * The next block at or behind `*rest`, which moves past it. OK, ERR_EOF (no more), ERR_SYNTAX
 * (a BEGIN line without its END line; `*rest` moves past the BEGIN), ERR_AGAIN (the same for a
 * label that is not ours: nothing to say).
 */
static int next_block(struct str *rest, struct block *out)
{
    const char *begin = find(*rest, MARK_BEGIN);
    if (begin == NULL) {
        return ERR_EOF;
    }
    *rest = str_from(*rest, (size_t)(begin - rest->ptr) + strlen(MARK_BEGIN));
    const char *tail = find(str_sub(*rest, 0, LABEL_MAX + strlen(MARK_TAIL)), MARK_TAIL);
    if (tail == NULL) {
        return ERR_SYNTAX;
    }
    struct str label = str_n(rest->ptr, (size_t)(tail - rest->ptr));
    struct str after = str_from(*rest, label.len + strlen(MARK_TAIL));
    /* A block cut short must not swallow the next one. */
    const char *again = find(after, MARK_BEGIN);
    struct str mine = again == NULL ? after : str_sub(after, 0, (size_t)(again - after.ptr));
    const char *end = find(mine, MARK_END);
    if (end == NULL) {
        *rest = after;
        return kind_of(label) == BLOCK_OTHER ? ERR_AGAIN : ERR_SYNTAX;
    }
    struct str close = str_from(after, (size_t)(end - after.ptr) + strlen(MARK_END));
    *rest = close;
    if (!str_starts(close, label) || !str_starts(str_from(close, label.len), STR(MARK_TAIL))) {
        return ERR_SYNTAX;
    }
    *out = (struct block){label, str_n(after.ptr, (size_t)(end - after.ptr))};
    return OK;
}

/*
 * A DER file: SEQUENCE { SEQUENCE { [0] ... is a certificate (RFC 5280 section 4.1), SEQUENCE {
 * SEQUENCE { OID ... an encrypted PKCS#8 key (RFC 5958 section 3), SEQUENCE { INTEGER ... a key in
 * PKCS#8, PKCS#1 or SEC 1 form.
 */
static size_t read_der(struct str bytes, tls_pem_fn fn, void *arg)
{
    struct tls_der whole;
    struct tls_der inner;
    struct tls_der first;
    struct str rest = bytes;

    if (!tls_der_take(&rest, TLS_DER_SEQUENCE, &whole) || rest.len > 0 ||
        !tls_der_next(&whole.content, &inner)) {
        return 0;
    }
    if (inner.tag == TLS_DER_INTEGER) {
        fn(arg, TLS_PEM_KEY, bytes);
        return 1;
    }
    if (inner.tag != TLS_DER_SEQUENCE || !tls_der_next(&inner.content, &first)) {
        return 0;
    }
    if (first.tag == TLS_DER_OID) {
        fn(arg, TLS_PEM_ENCRYPTED, STR(""));
        return 1;
    }
    if (first.tag != TLS_DER_CONTEXT_SEQUENCE) {
        return 0;
    }
    fn(arg, TLS_PEM_CERT, bytes);
    return 1;
}

size_t tls_pem_read(struct str bytes, tls_pem_fn fn, void *arg)
{
    struct block block = {STR(""), STR("")};
    struct str rest = bytes;
    size_t count = 0;
    int rc;

    if (bytes.len > 0 && bytes.ptr[0] == 0x30) {
        count = read_der(bytes, fn, arg);
        if (count > 0) {
            return count;
        }
    }
    while ((rc = next_block(&rest, &block)) != ERR_EOF) {
        if (rc == OK) {
            count += report(&block, fn, arg);
        } else if (rc == ERR_SYNTAX) {
            fn(arg, TLS_PEM_BROKEN, STR(""));
        }
    }
    return count;
}
