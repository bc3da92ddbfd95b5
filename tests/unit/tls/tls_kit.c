/* SPDX-License-Identifier: MIT */
#include "tls_kit.h"

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"

EVP_PKEY *kit_ec_key(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    REQUIRE(key != NULL);
    return key;
}

EVP_PKEY *kit_rsa_key(void)
{
    EVP_PKEY *key = EVP_RSA_gen(2048);
    REQUIRE(key != NULL);
    return key;
}

static void add_ext(X509 *x, int nid, const char *value)
{
    X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
    REQUIRE(ext != NULL && X509_add_ext(x, ext, -1) == 1);
    X509_EXTENSION_free(ext);
}

static void add_names(X509 *x, const char *names)
{
    struct str rest = str_of(names);
    struct str name;
    GENERAL_NAMES *san = sk_GENERAL_NAME_new_null();

    while (str_next(&rest, ' ', &name)) {
        GENERAL_NAME *gn = GENERAL_NAME_new();
        ASN1_IA5STRING *text = ASN1_IA5STRING_new();
        REQUIRE(ASN1_STRING_set(text, name.ptr, (int)name.len) == 1);
        GENERAL_NAME_set0_value(gn, GEN_DNS, text);
        REQUIRE(sk_GENERAL_NAME_push(san, gn) > 0);
    }
    REQUIRE(X509_add1_ext_i2d(x, NID_subject_alt_name, san, 0, 0) == 1);
    GENERAL_NAMES_free(san);
}

static void set_serial(X509 *x)
{
    uint64_t n = 0;
    REQUIRE(RAND_bytes((unsigned char *)&n, sizeof(n)) == 1);
    REQUIRE(ASN1_INTEGER_set_uint64(X509_get_serialNumber(x), n >> 1 | 1) == 1);
}

X509 *kit_issue(const struct kit_spec *spec)
{
    X509 *x = X509_new();
    X509_NAME *name = X509_NAME_new();
    const char *cn = spec->subject != NULL ? spec->subject : "test";
    int64_t from = spec->from != 0 ? spec->from : KIT_NOW - KIT_DAY;
    int64_t to = spec->to != 0 ? spec->to : KIT_NOW + 90 * KIT_DAY;

    REQUIRE(x != NULL && name != NULL && X509_set_version(x, X509_VERSION_3) == 1);
    set_serial(x);
    REQUIRE(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)cn, -1, -1,
                                       0) == 1);
    REQUIRE(X509_set_subject_name(x, name) == 1);
    REQUIRE(X509_set_issuer_name(
                x, spec->issuer == NULL ? name : X509_get_subject_name(spec->issuer)) == 1);
    REQUIRE(ASN1_TIME_set(X509_getm_notBefore(x), (time_t)from) != NULL);
    REQUIRE(ASN1_TIME_set(X509_getm_notAfter(x), (time_t)to) != NULL);
    REQUIRE(X509_set_pubkey(x, spec->key) == 1);
    add_ext(x, NID_basic_constraints, spec->is_ca ? "critical,CA:TRUE" : "CA:FALSE");
    if (spec->names != NULL) {
        add_names(x, spec->names);
    }
    REQUIRE(X509_sign(x, spec->issuer == NULL ? spec->key : spec->issuer_key, EVP_sha256()) > 0);
    X509_NAME_free(name);
    return x;
}

static char *take_bio(BIO *bio)
{
    char *text = NULL;
    long len = BIO_get_mem_data(bio, &text);
    char *copy = mem_dup(text, (size_t)len);

    BIO_free(bio);
    return copy;
}

char *kit_cert_pem(X509 *x)
{
    BIO *bio = BIO_new(BIO_s_mem());
    REQUIRE(PEM_write_bio_X509(bio, x) == 1);
    return take_bio(bio);
}

char *kit_key_pem(EVP_PKEY *key)
{
    BIO *bio = BIO_new(BIO_s_mem());
    REQUIRE(PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1);
    return take_bio(bio);
}

char *kit_key_pem_old(EVP_PKEY *key)
{
    BIO *bio = BIO_new(BIO_s_mem());
    REQUIRE(PEM_write_bio_PrivateKey_traditional(bio, key, NULL, NULL, 0, NULL, NULL) == 1);
    return take_bio(bio);
}

char *kit_key_pem_encrypted(EVP_PKEY *key)
{
    char pass[] = "secret";
    BIO *bio = BIO_new(BIO_s_mem());
    REQUIRE(PEM_write_bio_PKCS8PrivateKey(bio, key, EVP_aes_128_cbc(), pass, 6, NULL, NULL) == 1);
    return take_bio(bio);
}

struct str kit_cert_der(X509 *x)
{
    unsigned char *der = NULL;
    int len = i2d_X509(x, &der);
    REQUIRE(len > 0);
    struct str copy = str_n(mem_dup(der, (size_t)len), (size_t)len);
    OPENSSL_free(der);
    return copy;
}

struct str kit_key_der(EVP_PKEY *key)
{
    unsigned char *der = NULL;
    int len = i2d_PrivateKey(key, &der);
    REQUIRE(len > 0);
    struct str copy = str_n(mem_dup(der, (size_t)len), (size_t)len);
    OPENSSL_free(der);
    return copy;
}

char *kit_join(char *first, ...)
{
    size_t len = 0;
    char *all = mem_dup("", 0);
    va_list ap;

    va_start(ap, first);
    for (char *part = first; part != NULL; part = va_arg(ap, char *)) {
        size_t n = strlen(part);
        all = mem_grow(all, len + n + 1, 1);
        memcpy(all + len, part, n + 1);
        len += n;
        free(part);
    }
    va_end(ap);
    return all;
}

char *kit_site(const char *names, EVP_PKEY *key, int64_t from, int64_t to)
{
    X509 *x = kit_issue(&(struct kit_spec){.names = names, .key = key, .from = from, .to = to});
    char *pem = kit_join(kit_cert_pem(x), kit_key_pem(key), NULL);

    X509_free(x);
    return pem;
}

struct tls_set kit_set(char *first, ...)
{
    struct tls_matcher *m = tls_matcher_new(NULL, NULL);
    struct tls_set set;
    char file[32];
    int i = 0;
    va_list ap;

    va_start(ap, first);
    for (char *pem = first; pem != NULL; pem = va_arg(ap, char *)) {
        (void)snprintf(file, sizeof(file), "file%d.pem", i++);
        (void)tls_matcher_add(m, file, str_of(pem));
        free(pem);
    }
    va_end(ap);
    tls_matcher_finish(m, &(struct tls_match_context){.now = KIT_NOW}, &set);
    tls_matcher_free(m);
    return set;
}
