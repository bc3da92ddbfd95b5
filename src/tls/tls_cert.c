/* SPDX-License-Identifier: MIT */
#include "tls/tls_cert.h"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <time.h>

#include "base/arena.h"
#include "base/list.h"
#include "base/mem.h"
#include "tls/tls_hello.h"

#define DER_MAX    (64 * 1024)
#define KEY_MAX    (16 * 1024)
#define TEXT_MAX   1024
#define SERIAL_MAX 128

/* What tls_cert_new and tls_cert_unpack really allocate: everything but the key is in the arena. */
struct cert_box {
    struct tls_cert cert;
    struct arena arena;
};

static struct cert_box *box_new(void)
{
    struct cert_box *box = NEW(struct cert_box);

    arena_init(&box->arena, 1024);
    box->cert.refs = 1;
    return box;
}

static void box_free(struct cert_box *box)
{
    mem_secret_free((char *)(uintptr_t)box->cert.key.ptr, box->cert.key.len);
    arena_fini(&box->arena);
    free(box);
}

const char *tls_key_kind_text(enum tls_key_kind kind)
{
    return kind == TLS_KEY_RSA ? "rsa" : "ecdsa";
}

static int kind_of(const EVP_PKEY *key, enum tls_key_kind *out_kind)
{
    if (key != NULL && EVP_PKEY_get_base_id(key) == EVP_PKEY_EC) {
        *out_kind = TLS_KEY_ECDSA;
        return OK;
    }
    if (key != NULL && EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA) {
        *out_kind = TLS_KEY_RSA;
        return OK;
    }
    return ERR_UNSUPPORTED;
}

static X509 *parse_x509(struct str der)
{
    const unsigned char *p = (const unsigned char *)der.ptr;
    if (der.len > DER_MAX) {
        return NULL;
    }
    X509 *x = d2i_X509(NULL, &p, (long)der.len);
    if (x == NULL) {
        ERR_clear_error();
    }
    return x;
}

/* SEQUENCE { INTEGER ...: every unencrypted form of a key begins so. An encrypted one must not come
 * near OpenSSL's decoders, which would ask for a passphrase. */
static bool is_plain_key(struct str der)
{
    const unsigned char *p = (const unsigned char *)der.ptr;

    if (der.len < 8 || der.len > KEY_MAX || p[0] != 0x30) {
        return false;
    }
    size_t header = p[1] < 0x80 ? 2 : 2u + (p[1] & 0x7fu);
    return header < 6 && p[header] == 0x02;
}

static EVP_PKEY *parse_key(struct str der)
{
    const unsigned char *p = (const unsigned char *)der.ptr;
    if (!is_plain_key(der)) {
        return NULL;
    }
    EVP_PKEY *key = d2i_AutoPrivateKey(NULL, &p, (long)der.len);
    /* OpenSSL leaves the errors of the forms that it tried first, also when one fitted. */
    ERR_clear_error();
    return key;
}

static int public_id(EVP_PKEY *key, uint8_t out_id[static 32])
{
    unsigned char *der = NULL;
    int len = key == NULL ? -1 : i2d_PUBKEY(key, &der);

    if (len <= 0) {
        ERR_clear_error();
        return ERR_SYNTAX;
    }
    SHA256(der, (size_t)len, out_id);
    OPENSSL_free(der);
    return OK;
}

int tls_cert_key_id(struct str key_der, uint8_t out_id[static 32])
{
    EVP_PKEY *key = parse_key(key_der);
    int rc = public_id(key, out_id);

    EVP_PKEY_free(key);
    return rc;
}

int tls_cert_spki(struct x509_st *x, uint8_t out_id[static 32])
{
    EVP_PKEY *key = X509_get0_pubkey(x);
    if (key == NULL) {
        ERR_clear_error();
        return ERR_UNSUPPORTED;
    }
    return public_id(key, out_id);
}

static int unix_time(const ASN1_TIME *t, int64_t *out_seconds)
{
    struct tm tm = {0};
    if (ASN1_TIME_to_tm(t, &tm) != 1) {
        ERR_clear_error();
        return ERR_SYNTAX;
    }
    *out_seconds = (int64_t)timegm(&tm);
    return OK;
}

static struct str issuer_line(struct arena *a, const X509 *x)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *text = NULL;
    struct str line = STR("");

    REQUIRE(bio != NULL);
    /* RFC 2253 form: control characters come out escaped, so the line is fit for a log. */
    if (X509_NAME_print_ex(bio, X509_get_issuer_name(x), 0, XN_FLAG_RFC2253) >= 0) {
        long len = BIO_get_mem_data(bio, &text);
        line = arena_dup(a, str_sub(str_n(text, (size_t)len), 0, TEXT_MAX));
    }
    ERR_clear_error();
    BIO_free(bio);
    return line;
}

static struct str serial_hex(struct arena *a, const X509 *x)
{
    BIGNUM *bn = ASN1_INTEGER_to_BN(X509_get0_serialNumber(x), NULL);
    char *hex = bn == NULL ? NULL : BN_bn2hex(bn);
    struct str serial = arena_dup(a, str_sub(str_of(hex == NULL ? "" : hex), 0, SERIAL_MAX));

    OPENSSL_free(hex);
    BN_free(bn);
    ERR_clear_error();
    return serial;
}

static int compare_names(const void *a, const void *b)
{
    return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

/* One dNSName in lower case, if it can be a name that a client asks for. */
static bool take_name(struct arena *a, const GENERAL_NAME *gn, struct str *out_name)
{
    char lower[TLS_NAME_MAX];
    int type = 0;
    const ASN1_STRING *value = GENERAL_NAME_get0_value(gn, &type);

    if (type != GEN_DNS || value == NULL) {
        return false;
    }
    size_t len = (size_t)ASN1_STRING_length(value);
    if (len < 1 || len > sizeof(lower)) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        lower[i] = chr_lower((char)ASN1_STRING_get0_data(value)[i]);
    }
    if (!tls_hello_is_host(str_n(lower, len), true)) {
        return false;
    }
    *out_name = arena_dup(a, str_n(lower, len));
    return true;
}

/* The dNSNames, sorted and without repetition, so that tls_cert_covers can search by halves. */
static int read_names(struct cert_box *box, X509 *x)
{
    struct tls_cert *c = &box->cert;
    GENERAL_NAMES *san = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
    int total = san == NULL ? 0 : sk_GENERAL_NAME_num(san);
    int rc = OK;

    ERR_clear_error();
    if (total > TLS_NAMES_MAX) {
        rc = ERR_LIMIT;
        goto out;
    }
    c->names = arena_alloc(&box->arena, sizeof(struct str) * (size_t)(total + 1));
    size_t n = 0;
    for (int i = 0; i < total; i++) {
        if (take_name(&box->arena, sk_GENERAL_NAME_value(san, i), &c->names[n])) {
            n++;
        }
    }
    qsort(c->names, n, sizeof(struct str), compare_names);
    for (size_t i = 0; i < n; i++) {
        if (c->name_count == 0 || !str_eq(c->names[c->name_count - 1], c->names[i])) {
            c->names[c->name_count++] = c->names[i];
        }
    }
out:
    GENERAL_NAMES_free(san);
    return rc;
}

static void set_key(struct cert_box *box, const void *der, size_t len)
{
    char *key = mem_secret_new(len);
    memcpy(key, der, len);
    box->cert.key = str_n(key, len);
}

/* Stores the key as PKCS#8, whatever it came as. */
static int read_key(struct cert_box *box, X509 *leaf, struct str key_der)
{
    enum tls_key_kind kind;
    EVP_PKEY *key = parse_key(key_der);
    PKCS8_PRIV_KEY_INFO *p8 = NULL;
    unsigned char *der = NULL;
    int rc = ERR_MISMATCH;

    if (key == NULL || kind_of(key, &kind) != OK) {
        rc = ERR_UNSUPPORTED;
        goto out;
    }
    if (X509_check_private_key(leaf, key) != 1) {
        goto out;
    }
    p8 = EVP_PKEY2PKCS8(key);
    int len = p8 == NULL ? -1 : i2d_PKCS8_PRIV_KEY_INFO(p8, &der);
    rc = len > KEY_MAX ? ERR_LIMIT : ERR_UNSUPPORTED;
    if (len > 0 && len <= KEY_MAX) {
        set_key(box, der, (size_t)len);
        rc = OK;
    }
    OPENSSL_clear_free(der, len > 0 ? (size_t)len : 0);
out:
    PKCS8_PRIV_KEY_INFO_free(p8);
    EVP_PKEY_free(key);
    ERR_clear_error();
    return rc;
}

/* Everything that is known from the leaf. */
static int read_leaf(struct cert_box *box, X509 *leaf, struct str der)
{
    struct tls_cert *c = &box->cert;
    int rc = kind_of(X509_get0_pubkey(leaf), &c->kind);

    ERR_clear_error();
    if (rc == OK) {
        rc = unix_time(X509_get0_notBefore(leaf), &c->not_before);
    }
    if (rc == OK) {
        rc = unix_time(X509_get0_notAfter(leaf), &c->not_after);
    }
    if (rc == OK) {
        rc = read_names(box, leaf);
    }
    if (rc == OK) {
        SHA256((const unsigned char *)der.ptr, der.len, c->fingerprint);
        c->serial = serial_hex(&box->arena, leaf);
        c->issuer = issuer_line(&box->arena, leaf);
    }
    return rc;
}

static int copy_chain(struct cert_box *box, const struct str *chain, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        X509 *x = parse_x509(chain[i]);
        if (x == NULL) {
            return ERR_SYNTAX;
        }
        X509_free(x);
        box->cert.chain[i] = arena_dup(&box->arena, chain[i]);
    }
    box->cert.chain_count = count;
    return OK;
}

int tls_cert_new(const struct str *chain, size_t chain_count, struct str key_der, struct str source,
                 struct tls_cert **out_cert)
{
    if (chain_count == 0) {
        return ERR_SYNTAX;
    }
    if (chain_count > TLS_CHAIN_MAX) {
        return ERR_LIMIT;
    }
    X509 *leaf = parse_x509(chain[0]);
    if (leaf == NULL) {
        return ERR_SYNTAX;
    }
    struct cert_box *box = box_new();
    int rc = read_leaf(box, leaf, chain[0]);
    if (rc == OK) {
        rc = copy_chain(box, chain, chain_count);
    }
    if (rc == OK && key_der.len > 0) {
        rc = read_key(box, leaf, key_der);
    }
    X509_free(leaf);
    if (rc != OK) {
        box_free(box);
        return rc;
    }
    box->cert.source = arena_dup(&box->arena, str_sub(source, 0, TEXT_MAX));
    *out_cert = &box->cert;
    return OK;
}

struct tls_cert *tls_cert_ref(struct tls_cert *c)
{
    c->refs++;
    return c;
}

void tls_cert_unref(struct tls_cert *c)
{
    if (c == NULL) {
        return;
    }
    REQUIRE(c->refs > 0);
    if (--c->refs == 0) {
        box_free(CONTAINER_OF(c, struct cert_box, cert));
    }
}

static bool has_name(const struct tls_cert *c, struct str name)
{
    return c->name_count > 0 &&
           bsearch(&name, c->names, c->name_count, sizeof(name), compare_names) != NULL;
}

bool tls_cert_covers(const struct tls_cert *c, struct str host)
{
    char wild[TLS_NAME_MAX + 1] = {'*'};
    ptrdiff_t dot = str_find(host, '.');

    if (has_name(c, host)) {
        return true;
    }
    /* "*.example.com" stands for exactly one label in front (RFC 6125 section 6.4.3). */
    if (dot < 1 || host.len - (size_t)dot > TLS_NAME_MAX || host.ptr[0] == '*') {
        return false;
    }
    memcpy(wild + 1, host.ptr + dot, host.len - (size_t)dot);
    return has_name(c, str_n(wild, 1 + host.len - (size_t)dot));
}

bool tls_cert_is_valid_at(const struct tls_cert *c, int64_t unix_seconds)
{
    return unix_seconds >= c->not_before && unix_seconds <= c->not_after;
}

int tls_cert_rank(const struct tls_cert *a, const struct tls_cert *b, int64_t now)
{
    bool valid_a = tls_cert_is_valid_at(a, now);
    bool valid_b = tls_cert_is_valid_at(b, now);

    if (valid_a != valid_b) {
        return valid_a ? -1 : 1;
    }
    if (a->not_after != b->not_after) {
        return a->not_after > b->not_after ? -1 : 1;
    }
    if (a->not_before != b->not_before) {
        return a->not_before > b->not_before ? -1 : 1;
    }
    return memcmp(a->fingerprint, b->fingerprint, sizeof(a->fingerprint));
}

void tls_cert_pack(const struct tls_cert *c, struct packer *p, bool with_key)
{
    pack_u8(p, (uint8_t)c->kind);
    pack_u64(p, (uint64_t)c->not_before);
    pack_u64(p, (uint64_t)c->not_after);
    pack_str(p, str_n((const char *)c->fingerprint, sizeof(c->fingerprint)));
    pack_str(p, c->serial);
    pack_str(p, c->issuer);
    pack_str(p, c->source);
    pack_u16(p, (uint16_t)c->name_count);
    for (size_t i = 0; i < c->name_count; i++) {
        pack_str(p, c->names[i]);
    }
    pack_u8(p, (uint8_t)c->chain_count);
    for (size_t i = 0; i < c->chain_count; i++) {
        pack_str(p, c->chain[i]);
    }
    pack_str(p, with_key ? c->key : STR(""));
}

/* Names come back as they were written: valid, ascending, none twice. */
static int unpack_names(struct unpacker *u, struct cert_box *box)
{
    struct tls_cert *c = &box->cert;
    size_t count = unpack_u16(u);

    if (u->failed || count > TLS_NAMES_MAX) {
        return ERR_SYNTAX;
    }
    c->names = arena_alloc(&box->arena, sizeof(struct str) * (count + 1));
    for (size_t i = 0; i < count; i++) {
        struct str name = unpack_str(u, TLS_NAME_MAX);
        if (u->failed || !tls_hello_is_host(name, true) ||
            (i > 0 && str_cmp(c->names[i - 1], name) >= 0)) {
            return ERR_SYNTAX;
        }
        c->names[i] = arena_dup(&box->arena, name);
        c->name_count = i + 1;
    }
    return OK;
}

static int unpack_chain(struct unpacker *u, struct cert_box *box)
{
    size_t count = unpack_u8(u);

    if (u->failed || count < 1 || count > TLS_CHAIN_MAX) {
        return ERR_SYNTAX;
    }
    for (size_t i = 0; i < count; i++) {
        struct str der = unpack_str(u, DER_MAX);
        if (u->failed || der.len == 0) {
            return ERR_SYNTAX;
        }
        box->cert.chain[i] = arena_dup(&box->arena, der);
        box->cert.chain_count = i + 1;
    }
    return OK;
}

static int unpack_box(struct unpacker *u, struct cert_box *box)
{
    struct tls_cert *c = &box->cert;
    uint8_t kind = unpack_u8(u);

    c->not_before = (int64_t)unpack_u64(u);
    c->not_after = (int64_t)unpack_u64(u);
    struct str fingerprint = unpack_str(u, sizeof(c->fingerprint));
    if (kind >= TLS_KEY_KINDS || fingerprint.len != sizeof(c->fingerprint)) {
        return ERR_SYNTAX;
    }
    c->kind = kind == TLS_KEY_RSA ? TLS_KEY_RSA : TLS_KEY_ECDSA;
    memcpy(c->fingerprint, fingerprint.ptr, fingerprint.len);
    c->serial = arena_dup(&box->arena, unpack_str(u, SERIAL_MAX));
    c->issuer = arena_dup(&box->arena, unpack_str(u, TEXT_MAX));
    c->source = arena_dup(&box->arena, unpack_str(u, TEXT_MAX));
    int rc = unpack_names(u, box);
    if (rc == OK) {
        rc = unpack_chain(u, box);
    }
    if (rc != OK) {
        return rc;
    }
    struct str key = unpack_str(u, KEY_MAX);
    if (u->failed) {
        return ERR_SYNTAX;
    }
    if (key.len > 0) {
        set_key(box, key.ptr, key.len);
    }
    return OK;
}

int tls_cert_unpack(struct unpacker *u, struct tls_cert **out_cert)
{
    struct cert_box *box = box_new();
    int rc = unpack_box(u, box);

    if (rc != OK) {
        box_free(box);
        return ERR_SYNTAX;
    }
    *out_cert = &box->cert;
    return OK;
}

int tls_cert_install(const struct tls_cert *c, struct ssl_ctx_st *ctx)
{
    int type = c->kind == TLS_KEY_RSA ? EVP_PKEY_RSA : EVP_PKEY_EC;
    const unsigned char *p = (const unsigned char *)c->key.ptr;
    STACK_OF(X509) *chain = sk_X509_new_null();
    X509 *leaf = c->chain_count == 0 ? NULL : parse_x509(c->chain[0]);
    EVP_PKEY *key = NULL;
    int rc = ERR_TLS;

    REQUIRE(chain != NULL);
    /* The kind is known, so OpenSSL need not try one decoder after the other. */
    if (is_plain_key(c->key)) {
        key = d2i_PrivateKey(type, NULL, &p, (long)c->key.len);
    }
    for (size_t i = 1; i < c->chain_count; i++) {
        X509 *x = parse_x509(c->chain[i]);
        if (x == NULL || sk_X509_push(chain, x) <= 0) {
            X509_free(x);
            goto out;
        }
    }
    if (leaf != NULL && key != NULL && SSL_CTX_use_cert_and_key(ctx, leaf, key, chain, 1) == 1) {
        rc = OK;
    }
out:
    sk_X509_pop_free(chain, X509_free);
    EVP_PKEY_free(key);
    X509_free(leaf);
    return rc;
}
