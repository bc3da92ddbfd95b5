/* SPDX-License-Identifier: MIT */
#include "tls/tls_x509.h"

#include <string.h>
#include <time.h>

#include "tls/tls_der.h"
#include "tls/tls_digest.h"

#define OID_RSA              "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01" /* RFC 8017 appendix A.1 */
#define OID_EC               "\x2a\x86\x48\xce\x3d\x02\x01"         /* RFC 5480 section 2.1.1 */
#define OID_SUBJECT_KEY_ID   "\x55\x1d\x0e"                         /* RFC 5280 section 4.2.1 */
#define OID_ALT_NAME         "\x55\x1d\x11"
#define OID_CONSTRAINTS      "\x55\x1d\x13"
#define OID_AUTHORITY_KEY_ID "\x55\x1d\x23"

#define NAME_DNS          (TLS_DER_CONTEXT | 2) /* RFC 5280 section 4.2.1.6 */
#define SEC1_PARAMETERS   (TLS_DER_CONTEXT_SEQUENCE | 0)
#define PARAMETERS_MAX    64
#define SEC1_PUBLIC       (TLS_DER_CONTEXT_SEQUENCE | 1)
#define TBS_VERSION       (TLS_DER_CONTEXT_SEQUENCE | 0)
#define TBS_EXTENSIONS    (TLS_DER_CONTEXT_SEQUENCE | 3)
#define TBS_UNIQUE_ISSUER (TLS_DER_CONTEXT | 1)
#define TBS_UNIQUE_OWNER  (TLS_DER_CONTEXT | 2)

static bool is_oid(struct str content, const char *oid)
{
    return str_eq(content, str_of(oid));
}

/* ---- public keys ---- */

/* One digest for a key, whichever form it came in; `kind` keeps two algorithms apart. */
static void digest_of(char kind, struct str parameters, struct str key,
                      uint8_t out_id[static TLS_PUBLIC_ID])
{
    uint8_t all[1 + 1 + PARAMETERS_MAX + TLS_DIGEST_BYTES];

    /* Parameters of a named curve are its OID. What is longer counts by its digest, as the key
     * does, and is told apart by its length. */
    bool is_short = parameters.len <= PARAMETERS_MAX;
    all[0] = (uint8_t)kind;
    all[1] = is_short ? (uint8_t)parameters.len : UINT8_MAX;
    size_t len = is_short ? parameters.len : TLS_DIGEST_BYTES;
    if (is_short) {
        memcpy(all + 2, parameters.ptr, len);
    } else {
        tls_digest_once(parameters, all + 2);
    }
    tls_digest_once(key, all + 2 + len);
    tls_digest_once(str_n((const char *)all, 2 + len + TLS_DIGEST_BYTES), out_id);
}

/* The bytes of a BIT STRING of whole bytes. */
static bool bits_of(const struct tls_der *e, struct str *out_bytes)
{
    if (e->content.len < 1 || e->content.ptr[0] != 0) {
        return false;
    }
    *out_bytes = str_from(e->content, 1);
    return true;
}

int tls_x509_public_id(struct str spki, uint8_t out_id[static TLS_PUBLIC_ID], bool *out_has_kind,
                       enum tls_key_kind *out_kind)
{
    struct tls_der whole;
    struct tls_der algorithm;
    struct tls_der oid;
    struct tls_der bits;
    struct tls_der key;
    struct str bytes;
    struct str rest = spki;

    if (!tls_der_take(&rest, TLS_DER_SEQUENCE, &whole) || rest.len > 0) {
        return ERR_SYNTAX;
    }
    rest = whole.content;
    if (!tls_der_take(&rest, TLS_DER_SEQUENCE, &algorithm) ||
        !tls_der_take(&rest, TLS_DER_BIT_STRING, &bits) || !bits_of(&bits, &bytes) ||
        rest.len > 0) {
        return ERR_SYNTAX;
    }
    struct str parameters = algorithm.content;
    if (!tls_der_take(&parameters, TLS_DER_OID, &oid)) {
        return ERR_SYNTAX;
    }
    *out_has_kind = true;
    if (is_oid(oid.content, OID_EC)) {
        *out_kind = TLS_KEY_ECDSA;
        digest_of('e', parameters, bytes, out_id);
    } else if (is_oid(oid.content, OID_RSA)) {
        if (!tls_der_take(&bytes, TLS_DER_SEQUENCE, &key) || bytes.len > 0) {
            return ERR_SYNTAX;
        }
        *out_kind = TLS_KEY_RSA;
        digest_of('r', STR(""), key.content, out_id);
    } else {
        *out_has_kind = false;
        digest_of('o', STR(""), spki, out_id);
    }
    return OK;
}

/* ---- private keys ---- */

/* RSAPrivateKey (RFC 8017 appendix A.1.2), behind its version: modulus and exponent come first. */
static int rsa_id(struct str rest, uint8_t out_id[static TLS_PUBLIC_ID])
{
    struct tls_der modulus;
    struct tls_der exponent;

    if (!tls_der_take(&rest, TLS_DER_INTEGER, &modulus) ||
        !tls_der_take(&rest, TLS_DER_INTEGER, &exponent)) {
        return ERR_SYNTAX;
    }
    struct str both = str_n(modulus.whole.ptr, modulus.whole.len + exponent.whole.len);
    digest_of('r', STR(""), both, out_id);
    return OK;
}

/* ECPrivateKey (RFC 5915 section 3), behind its version. `parameters`: of the PKCS#8 around it, or
 * empty. */
static int ec_id(struct str rest, struct str parameters, uint8_t out_id[static TLS_PUBLIC_ID])
{
    struct tls_der secret;
    struct tls_der own;
    struct tls_der public;
    struct tls_der bits;
    struct str point;

    if (!tls_der_take(&rest, TLS_DER_OCTET_STRING, &secret)) {
        return ERR_SYNTAX;
    }
    if (tls_der_take(&rest, SEC1_PARAMETERS, &own) && parameters.len == 0) {
        parameters = own.content;
    }
    if (parameters.len == 0 || !tls_der_take(&rest, SEC1_PUBLIC, &public) ||
        !tls_der_take(&public.content, TLS_DER_BIT_STRING, &bits) || !bits_of(&bits, &point)) {
        return ERR_AGAIN;
    }
    digest_of('e', parameters, point, out_id);
    return OK;
}

/* The key inside of PKCS#8, behind its version. */
static int pkcs8_id(const struct tls_der *algorithm, struct str rest,
                    uint8_t out_id[static TLS_PUBLIC_ID])
{
    struct tls_der oid;
    struct tls_der wrapped;
    struct tls_der inner;
    struct tls_der version;
    struct str parameters = algorithm->content;

    if (!tls_der_take(&parameters, TLS_DER_OID, &oid) ||
        !tls_der_take(&rest, TLS_DER_OCTET_STRING, &wrapped)) {
        return ERR_SYNTAX;
    }
    bool is_rsa = is_oid(oid.content, OID_RSA);
    if (!is_rsa && !is_oid(oid.content, OID_EC)) {
        return ERR_AGAIN;
    }
    if (!tls_der_take(&wrapped.content, TLS_DER_SEQUENCE, &inner) ||
        !tls_der_take(&inner.content, TLS_DER_INTEGER, &version)) {
        return ERR_SYNTAX;
    }
    return is_rsa ? rsa_id(inner.content, out_id) : ec_id(inner.content, parameters, out_id);
}

int tls_x509_key_id(struct str key_der, uint8_t out_id[static TLS_PUBLIC_ID])
{
    struct tls_der whole;
    struct tls_der version;
    struct tls_der algorithm;
    struct str rest = key_der;

    if (!tls_der_take(&rest, TLS_DER_SEQUENCE, &whole) || rest.len > 0) {
        return ERR_SYNTAX;
    }
    rest = whole.content;
    if (!tls_der_take(&rest, TLS_DER_INTEGER, &version)) {
        return ERR_SYNTAX;
    }
    if (tls_der_take(&rest, TLS_DER_SEQUENCE, &algorithm)) {
        return pkcs8_id(&algorithm, rest, out_id);
    }
    bool is_sec1 = rest.len > 0 && rest.ptr[0] == TLS_DER_OCTET_STRING;
    return is_sec1 ? ec_id(rest, STR(""), out_id) : rsa_id(rest, out_id);
}

/* ---- certificates ---- */

static bool two_digits(const char *p, int *out)
{
    if (p[0] < '0' || p[0] > '9' || p[1] < '0' || p[1] > '9') {
        return false;
    }
    *out = (p[0] - '0') * 10 + (p[1] - '0');
    return true;
}

/* YYMMDDHHMMSSZ or YYYYMMDDHHMMSSZ: no other form is allowed (RFC 5280 section 4.1.2.5). */
static bool read_time(struct str *rest, int64_t *out_seconds)
{
    struct tls_der e;
    int part[7] = {0}; /* century, year, month, day, hour, minute, second */
    struct tm tm = {0};

    if (!tls_der_next(rest, &e)) {
        return false;
    }
    size_t first = e.tag == TLS_DER_GENERALIZED_TIME ? 0 : 1;
    size_t digits = 2 * (7 - first);
    if ((first == 1 && e.tag != TLS_DER_UTC_TIME) || e.content.len != digits + 1 ||
        e.content.ptr[digits] != 'Z') {
        return false;
    }
    for (size_t i = first; i < 7; i++) {
        if (!two_digits(e.content.ptr + 2 * (i - first), &part[i])) {
            return false;
        }
    }
    if (first == 1) {
        part[0] = part[1] < 50 ? 20 : 19;
    }
    if (part[2] < 1 || part[2] > 12 || part[3] < 1 || part[3] > 31 || part[4] > 23 ||
        part[5] > 59 || part[6] > 59) {
        return false;
    }
    tm.tm_year = part[0] * 100 + part[1] - 1900;
    tm.tm_mon = part[2] - 1;
    tm.tm_mday = part[3];
    tm.tm_hour = part[4];
    tm.tm_min = part[5];
    tm.tm_sec = part[6];
    *out_seconds = (int64_t)timegm(&tm);
    return true;
}

/* What stands in an extension's OCTET STRING. False when it is not what it should be. */
static bool read_extension(struct str oid, struct str value, struct tls_x509 *out)
{
    struct tls_der e;
    struct tls_der part;

    if (is_oid(oid, OID_ALT_NAME)) {
        if (!tls_der_take(&value, TLS_DER_SEQUENCE, &e) || value.len > 0) {
            return false;
        }
        out->names = e.content;
    } else if (is_oid(oid, OID_CONSTRAINTS)) {
        if (!tls_der_take(&value, TLS_DER_SEQUENCE, &e)) {
            return false;
        }
        out->is_ca = tls_der_take(&e.content, TLS_DER_BOOLEAN, &part) && part.content.len == 1 &&
                     part.content.ptr[0] != 0;
    } else if (is_oid(oid, OID_SUBJECT_KEY_ID)) {
        if (!tls_der_take(&value, TLS_DER_OCTET_STRING, &e)) {
            return false;
        }
        out->subject_key_id = e.content;
    } else if (is_oid(oid, OID_AUTHORITY_KEY_ID)) {
        if (!tls_der_take(&value, TLS_DER_SEQUENCE, &e)) {
            return false;
        }
        if (tls_der_take(&e.content, TLS_DER_CONTEXT, &part)) {
            out->authority_key_id = part.content;
        }
    }
    return true;
}

static bool read_extensions(struct str rest, struct tls_x509 *out)
{
    struct tls_der list;
    struct tls_der extension;
    struct tls_der oid;
    struct tls_der critical;
    struct tls_der value;

    if (!tls_der_take(&rest, TLS_DER_SEQUENCE, &list) || rest.len > 0) {
        return false;
    }
    while (list.content.len > 0) {
        if (!tls_der_take(&list.content, TLS_DER_SEQUENCE, &extension) ||
            !tls_der_take(&extension.content, TLS_DER_OID, &oid)) {
            return false;
        }
        (void)tls_der_take(&extension.content, TLS_DER_BOOLEAN, &critical);
        if (!tls_der_take(&extension.content, TLS_DER_OCTET_STRING, &value) ||
            !read_extension(oid.content, value.content, out)) {
            return false;
        }
    }
    return true;
}

static bool read_names_and_times(struct str *rest, struct tls_x509 *out)
{
    struct tls_der e;

    if (!tls_der_take(rest, TLS_DER_SEQUENCE, &e)) {
        return false;
    }
    out->issuer = e.whole;
    if (!tls_der_take(rest, TLS_DER_SEQUENCE, &e) || !read_time(&e.content, &out->not_before) ||
        !read_time(&e.content, &out->not_after) || e.content.len > 0 ||
        !tls_der_take(rest, TLS_DER_SEQUENCE, &e)) {
        return false;
    }
    out->subject = e.whole;
    return true;
}

/* TBSCertificate. */
static bool read_tbs(struct str rest, struct tls_x509 *out)
{
    struct tls_der e;

    (void)tls_der_take(&rest, TBS_VERSION, &e);
    if (!tls_der_take(&rest, TLS_DER_INTEGER, &e)) {
        return false;
    }
    out->serial = e.content;
    if (!tls_der_take(&rest, TLS_DER_SEQUENCE, &e) || /* how it is signed */
        !read_names_and_times(&rest, out) || !tls_der_take(&rest, TLS_DER_SEQUENCE, &e) ||
        tls_x509_public_id(e.whole, out->public_id, &out->has_kind, &out->kind) != OK) {
        return false;
    }
    (void)tls_der_take(&rest, TBS_UNIQUE_ISSUER, &e);
    (void)tls_der_take(&rest, TBS_UNIQUE_OWNER, &e);
    if (tls_der_take(&rest, TBS_EXTENSIONS, &e) && !read_extensions(e.content, out)) {
        return false;
    }
    return rest.len == 0;
}

int tls_x509_read(struct str der, struct tls_x509 *out)
{
    struct tls_x509 c = {.has_kind = false};
    struct tls_der whole;
    struct tls_der tbs;
    struct tls_der algorithm;
    struct tls_der signature;
    struct str rest = der;

    if (!tls_der_take(&rest, TLS_DER_SEQUENCE, &whole)) {
        return ERR_SYNTAX;
    }
    c.der = whole.whole;
    rest = whole.content;
    if (!tls_der_take(&rest, TLS_DER_SEQUENCE, &tbs) ||
        !tls_der_take(&rest, TLS_DER_SEQUENCE, &algorithm) ||
        !tls_der_take(&rest, TLS_DER_BIT_STRING, &signature) || rest.len > 0 ||
        !read_tbs(tbs.content, &c)) {
        return ERR_SYNTAX;
    }
    *out = c;
    return OK;
}

static struct str moved(const struct tls_x509 *c, struct str s, const char *der)
{
    return s.len == 0 ? STR("") : str_n(der + (s.ptr - c->der.ptr), s.len);
}

struct tls_x509 tls_x509_moved(const struct tls_x509 *c, const char *der)
{
    struct tls_x509 copy = *c;

    copy.der = str_n(der, c->der.len);
    copy.serial = moved(c, c->serial, der);
    copy.issuer = moved(c, c->issuer, der);
    copy.subject = moved(c, c->subject, der);
    copy.names = moved(c, c->names, der);
    copy.subject_key_id = moved(c, c->subject_key_id, der);
    copy.authority_key_id = moved(c, c->authority_key_id, der);
    return copy;
}

bool tls_x509_next_name(struct str *rest, struct str *out_name)
{
    struct tls_der e;

    while (tls_der_next(rest, &e)) {
        if (e.tag == NAME_DNS) {
            *out_name = e.content;
            return true;
        }
    }
    return false;
}

bool tls_x509_is_self_issued(const struct tls_x509 *c)
{
    bool has_both = c->subject_key_id.len > 0 && c->authority_key_id.len > 0;
    return str_eq(c->issuer, c->subject) &&
           (!has_both || str_eq(c->subject_key_id, c->authority_key_id));
}
