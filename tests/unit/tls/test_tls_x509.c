/* SPDX-License-Identifier: MIT */
/* tls_x509 against OpenSSL, and against bytes that are no certificate and no key. */
#include "tls/tls_x509.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "tls/tls_pem.h"
#include "tls_kit.h"

static void free_str(struct str s)
{
    free((char *)(uintptr_t)s.ptr);
}

static void test_tls_x509_reads_what_openssl_wrote(void **state)
{
    EVP_PKEY *keys[] = {kit_ec_key(), kit_rsa_key()};
    (void)state;

    for (int i = 0; i < 2; i++) {
        struct kit_spec spec = {.subject = "me",
                                .names = "B.com a.com *.c.com",
                                .key = keys[i],
                                .is_ca = i == 1,
                                .to = KIT_NOW + 40 * 365 * KIT_DAY}; /* a GeneralizedTime */
        X509 *x = kit_issue(&spec);
        struct str der = kit_cert_der(x);
        struct tls_x509 c;
        struct str name;
        assert_int_equal(tls_x509_read(der, &c), OK);
        assert_true(str_eq(c.der, der));
        assert_int_equal(c.not_before, KIT_NOW - KIT_DAY);
        assert_int_equal(c.not_after, spec.to);
        assert_true(c.has_kind);
        assert_int_equal(c.kind, i == 0 ? TLS_KEY_ECDSA : TLS_KEY_RSA);
        assert_int_equal(c.is_ca, spec.is_ca);
        assert_true(str_eq(c.issuer, c.subject) && tls_x509_is_self_issued(&c));
        struct str rest = c.names;
        assert_true(tls_x509_next_name(&rest, &name) && str_eq(name, STR("B.com")));
        assert_true(tls_x509_next_name(&rest, &name) && str_eq(name, STR("a.com")));
        assert_true(tls_x509_next_name(&rest, &name) && str_eq(name, STR("*.c.com")));
        assert_false(tls_x509_next_name(&rest, &name));
        free_str(der);
        X509_free(x);
        EVP_PKEY_free(keys[i]);
    }
}

static void take_key(void *arg, enum tls_pem_kind kind, struct str der)
{
    assert_int_equal(kind, TLS_PEM_KEY);
    assert_int_equal(tls_cert_key_id(der, arg), OK);
}

static void id_of_pem(char *pem, uint8_t id[static TLS_PUBLIC_ID])
{
    assert_int_equal(tls_pem_read(str_of(pem), take_key, id), 1);
    free(pem);
}

/* EC keys may leave their public part out (RFC 5915 section 3). */
static char *without_public(EVP_PKEY *key)
{
    assert_int_equal(EVP_PKEY_set_int_param(key, "include-public", 0), 1);
    return kit_key_pem(key);
}

static void test_tls_x509_knows_a_key_in_every_form(void **state)
{
    EVP_PKEY *keys[] = {kit_ec_key(), kit_rsa_key()};
    (void)state;

    for (int i = 0; i < 2; i++) {
        X509 *x = kit_issue(&(struct kit_spec){.names = "a.com", .key = keys[i]});
        struct str der = kit_cert_der(x);
        struct tls_x509 c;
        uint8_t id[TLS_PUBLIC_ID];
        assert_int_equal(tls_x509_read(der, &c), OK);
        id_of_pem(kit_key_pem(keys[i]), id);
        assert_memory_equal(id, c.public_id, sizeof(id));
        id_of_pem(kit_key_pem_old(keys[i]), id);
        assert_memory_equal(id, c.public_id, sizeof(id));
        if (i == 0) {
            id_of_pem(without_public(keys[i]), id);
            assert_memory_equal(id, c.public_id, sizeof(id));
        }
        free_str(der);
        X509_free(x);
        EVP_PKEY_free(keys[i]);
    }
}

static void test_tls_x509_tells_keys_apart(void **state)
{
    EVP_PKEY *a = kit_ec_key();
    EVP_PKEY *b = kit_ec_key();
    uint8_t id_a[TLS_PUBLIC_ID];
    uint8_t id_b[TLS_PUBLIC_ID];
    (void)state;

    id_of_pem(kit_key_pem(a), id_a);
    id_of_pem(kit_key_pem(b), id_b);
    assert_memory_not_equal(id_a, id_b, sizeof(id_a));
    EVP_PKEY_free(a);
    EVP_PKEY_free(b);
}

/* Cut anywhere it is nothing; with any byte changed it is read or refused, and never past its end
 * (the copy is as long as its bytes). */
static void test_tls_x509_refuses_what_is_cut(void **state)
{
    EVP_PKEY *key = kit_ec_key();
    X509 *x = kit_issue(&(struct kit_spec){.names = "a.com b.com", .key = key});
    struct str ders[] = {kit_cert_der(x), kit_key_der(key)};
    struct tls_x509 c;
    uint8_t id[TLS_PUBLIC_ID];
    (void)state;

    for (int i = 0; i < 2; i++) {
        for (size_t len = 0; len < ders[i].len; len++) {
            char *copy = malloc(len + 1);
            memcpy(copy, ders[i].ptr, len);
            assert_int_not_equal(tls_x509_read(str_n(copy, len), &c), OK);
            assert_int_not_equal(tls_x509_key_id(str_n(copy, len), id), OK);
            free(copy);
        }
        for (size_t at = 0; at < ders[i].len; at++) {
            char *copy = malloc(ders[i].len);
            memcpy(copy, ders[i].ptr, ders[i].len);
            copy[at] = (char)(copy[at] + 1);
            (void)!tls_x509_read(str_n(copy, ders[i].len), &c);
            (void)!tls_x509_key_id(str_n(copy, ders[i].len), id);
            free(copy);
        }
        free_str(ders[i]);
    }
    X509_free(x);
    EVP_PKEY_free(key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tls_x509_reads_what_openssl_wrote),
        cmocka_unit_test(test_tls_x509_knows_a_key_in_every_form),
        cmocka_unit_test(test_tls_x509_tells_keys_apart),
        cmocka_unit_test(test_tls_x509_refuses_what_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
