/* SPDX-License-Identifier: MIT */
#include "tls/tls_cert.h"

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/list.h"
#include "base/mem.h"
#include "tls/tls_digest.h"
#include "tls/tls_hello.h"
#include "tls/tls_x509.h"

#define DER_MAX    (64 * 1024)
#define KEY_MAX    (16 * 1024)
#define TEXT_MAX   1024
#define SERIAL_MAX 128

/* What is really allocated. Everything but the key is in the arena (tls_cert_new), or in `home`,
 * and the lists of names and chain behind the box (tls_cert_unpack). */
struct cert_box {
    struct tls_cert cert;
    struct arena arena;
    struct sealed *home; /* a reference, or NULL */
    struct str lists[];
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
    sealed_unref(box->home);
    free(box);
}

const char *tls_key_kind_text(enum tls_key_kind kind)
{
    return kind == TLS_KEY_RSA ? "rsa" : "ecdsa";
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

/* OpenSSL's word on a key that does not carry its public part, or is neither RSA nor EC. */
static int slow_key_id(struct str key_der, uint8_t out_id[static TLS_PUBLIC_ID], bool *out_is_ours)
{
    EVP_PKEY *key = parse_key(key_der);
    unsigned char *der = NULL;
    enum tls_key_kind kind;
    int len = key == NULL ? -1 : i2d_PUBKEY(key, &der);
    int rc = ERR_SYNTAX;

    if (len > 0) {
        rc = tls_x509_public_id(str_n((const char *)der, (size_t)len), out_id, out_is_ours, &kind);
    }
    OPENSSL_free(der);
    EVP_PKEY_free(key);
    ERR_clear_error();
    return rc;
}

static int key_id(struct str key_der, uint8_t out_id[static TLS_PUBLIC_ID], bool *out_is_ours)
{
    if (!is_plain_key(key_der)) {
        return ERR_SYNTAX;
    }
    int rc = tls_x509_key_id(key_der, out_id);
    *out_is_ours = rc == OK;
    return rc == ERR_AGAIN ? slow_key_id(key_der, out_id, out_is_ours) : rc;
}

int tls_cert_key_id(struct str key_der, uint8_t out_id[static TLS_PUBLIC_ID])
{
    bool is_ours;
    return key_id(key_der, out_id, &is_ours);
}

/* RFC 2253 form: control characters come out escaped, so the line is fit for a log. */
static struct str issuer_line(struct arena *a, struct str der)
{
    const unsigned char *p = (const unsigned char *)der.ptr;
    X509_NAME *name = d2i_X509_NAME(NULL, &p, (long)der.len);
    BIO *bio = BIO_new(BIO_s_mem());
    char *text = NULL;
    struct str line = STR("");

    REQUIRE(bio != NULL);
    if (name != NULL && X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253) >= 0) {
        long len = BIO_get_mem_data(bio, &text);
        line = arena_dup(a, str_sub(str_n(text, (size_t)len), 0, TEXT_MAX));
    }
    ERR_clear_error();
    BIO_free(bio);
    X509_NAME_free(name);
    return line;
}

static struct str serial_hex(struct arena *a, struct str serial)
{
    while (serial.len > 1 && serial.ptr[0] == '\0') {
        serial = str_from(serial, 1);
    }
    serial = str_sub(serial, 0, SERIAL_MAX / 2);
    char *hex = arena_alloc(a, 2 * serial.len + 1);
    for (size_t i = 0; i < serial.len; i++) {
        (void)snprintf(hex + 2 * i, 3, "%02X", (unsigned char)serial.ptr[i]);
    }
    return str_n(hex, 2 * serial.len);
}

static int compare_names(const void *a, const void *b)
{
    return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

/* A dNSName in lower case, if it can be a name that a client asks for. */
static bool take_name(struct arena *a, struct str written, struct str *out_name)
{
    char lower[TLS_NAME_MAX];

    if (written.len < 1 || written.len > sizeof(lower)) {
        return false;
    }
    for (size_t i = 0; i < written.len; i++) {
        lower[i] = chr_lower(written.ptr[i]);
    }
    if (!tls_hello_is_host(str_n(lower, written.len), true)) {
        return false;
    }
    *out_name = arena_dup(a, str_n(lower, written.len));
    return true;
}

static size_t count_names(struct str rest)
{
    struct str name;
    size_t n = 0;
    while (tls_x509_next_name(&rest, &name)) {
        n++;
    }
    return n;
}

/* The dNSNames, sorted and without repetition, so that tls_cert_covers can search by halves. */
static int read_names(struct cert_box *box, const struct tls_x509 *x)
{
    struct tls_cert *c = &box->cert;
    struct str rest = x->names;
    struct str name;
    size_t total = count_names(rest);
    size_t n = 0;

    if (total > TLS_NAMES_MAX) {
        return ERR_LIMIT;
    }
    c->names = arena_alloc(&box->arena, sizeof(struct str) * (total + 1));
    while (tls_x509_next_name(&rest, &name)) {
        if (take_name(&box->arena, name, &c->names[n])) {
            n++;
        }
    }
    qsort(c->names, n, sizeof(struct str), compare_names);
    for (size_t i = 0; i < n; i++) {
        if (c->name_count == 0 || !str_eq(c->names[c->name_count - 1], c->names[i])) {
            c->names[c->name_count++] = c->names[i];
        }
    }
    return OK;
}

static void set_key(struct cert_box *box, const void *der, size_t len)
{
    char *key = mem_secret_new(len);
    memcpy(key, der, len);
    box->cert.key = str_n(key, len);
}

static int read_key(struct cert_box *box, const struct tls_x509 *leaf, struct str key_der)
{
    uint8_t id[TLS_PUBLIC_ID];
    bool is_ours = false;

    if (key_der.len > KEY_MAX) {
        return ERR_LIMIT;
    }
    if (key_id(key_der, id, &is_ours) != OK || !is_ours) {
        return ERR_UNSUPPORTED;
    }
    if (memcmp(id, leaf->public_id, sizeof(id)) != 0) {
        return ERR_MISMATCH;
    }
    set_key(box, key_der.ptr, key_der.len);
    return OK;
}

/* Everything that is known from the leaf. */
static int read_leaf(struct cert_box *box, const struct tls_x509 *leaf)
{
    struct tls_cert *c = &box->cert;

    if (!leaf->has_kind) {
        return ERR_UNSUPPORTED;
    }
    c->kind = leaf->kind;
    c->not_before = leaf->not_before;
    c->not_after = leaf->not_after;
    tls_digest_once(leaf->der, c->fingerprint);
    c->serial = serial_hex(&box->arena, leaf->serial);
    c->issuer = issuer_line(&box->arena, leaf->issuer);
    return read_names(box, leaf);
}

static int copy_chain(struct cert_box *box, const struct str *chain, size_t count)
{
    struct tls_x509 x;

    box->cert.chain = arena_alloc(&box->arena, count * sizeof(struct str));
    for (size_t i = 0; i < count; i++) { /* the leaf was read already */
        if (chain[i].len > DER_MAX || (i > 0 && tls_x509_read(chain[i], &x) != OK)) {
            return ERR_SYNTAX;
        }
        box->cert.chain[i] = arena_dup(&box->arena, chain[i]);
    }
    box->cert.chain_count = count;
    return OK;
}

int tls_cert_new(const struct str *chain, size_t chain_count, struct str key_der, struct str source,
                 struct tls_cert **out_cert)
{
    struct tls_x509 leaf;

    if (chain_count == 0) {
        return ERR_SYNTAX;
    }
    if (chain_count > TLS_CHAIN_MAX) {
        return ERR_LIMIT;
    }
    if (tls_x509_read(chain[0], &leaf) != OK) {
        return ERR_SYNTAX;
    }
    struct cert_box *box = box_new();
    int rc = read_leaf(box, &leaf);
    if (rc == OK) {
        rc = copy_chain(box, chain, chain_count);
    }
    if (rc == OK && key_der.len > 0) {
        rc = read_key(box, &leaf, key_der);
    }
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

void tls_cert_pack(const struct tls_cert *c, struct packer *p)
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
}

/* Names as they were written: valid, ascending, none twice. NULL: they are only counted. */
static int unpack_names(struct unpacker *u, struct str *out_names, size_t *out_count)
{
    size_t count = unpack_u16(u);
    struct str before = STR("");

    if (u->failed || count > TLS_NAMES_MAX) {
        return ERR_SYNTAX;
    }
    for (size_t i = 0; i < count; i++) {
        struct str name = unpack_str(u, TLS_NAME_MAX);
        if (u->failed || !tls_hello_is_host(name, true) || str_cmp(before, name) >= 0) {
            return ERR_SYNTAX;
        }
        if (out_names != NULL) {
            out_names[i] = name;
        }
        before = name;
    }
    *out_count = count;
    return OK;
}

static int unpack_chain(struct unpacker *u, struct str *out_chain, size_t *out_count)
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
        if (out_chain != NULL) {
            out_chain[i] = der;
        }
    }
    *out_count = count;
    return OK;
}

/* What stands in front of names and chain. */
static int unpack_head(struct unpacker *u, struct tls_cert *out)
{
    uint8_t kind = unpack_u8(u);

    *out = (struct tls_cert){.refs = 1, .kind = kind == TLS_KEY_RSA ? TLS_KEY_RSA : TLS_KEY_ECDSA};
    out->not_before = (int64_t)unpack_u64(u);
    out->not_after = (int64_t)unpack_u64(u);
    struct str fingerprint = unpack_str(u, sizeof(out->fingerprint));
    if (kind >= TLS_KEY_KINDS || fingerprint.len != sizeof(out->fingerprint)) {
        return ERR_SYNTAX;
    }
    memcpy(out->fingerprint, fingerprint.ptr, fingerprint.len);
    out->serial = unpack_str(u, SERIAL_MAX);
    out->issuer = unpack_str(u, TEXT_MAX);
    out->source = unpack_str(u, TEXT_MAX);
    return u->failed ? ERR_SYNTAX : OK;
}

int tls_cert_unpack(struct unpacker *u, struct sealed *home, struct tls_cert **out_cert)
{
    struct tls_cert head;

    if (unpack_head(u, &head) != OK) {
        return ERR_SYNTAX;
    }
    struct unpacker again = *u; /* first counted, then taken */
    if (unpack_names(u, NULL, &head.name_count) != OK ||
        unpack_chain(u, NULL, &head.chain_count) != OK) {
        return ERR_SYNTAX;
    }
    size_t lists = head.name_count + head.chain_count;
    struct cert_box *box = mem_array(1, sizeof(*box) + lists * sizeof(struct str));
    arena_init(&box->arena, 1024);
    box->cert = head;
    box->cert.names = box->lists;
    box->cert.chain = box->lists + head.name_count;
    REQUIRE(unpack_names(&again, box->cert.names, &head.name_count) == OK &&
            unpack_chain(&again, box->cert.chain, &head.chain_count) == OK);
    box->home = home == NULL ? NULL : sealed_ref(home);
    *out_cert = &box->cert;
    return OK;
}

int tls_cert_give_key(struct tls_cert *c, struct str der)
{
    if (der.len == 0 || der.len > KEY_MAX || c->key.len > 0) {
        return ERR_SYNTAX;
    }
    set_key(CONTAINER_OF(c, struct cert_box, cert), der.ptr, der.len);
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
