/* SPDX-License-Identifier: MIT */
/* tls_sni, and tls_hello that gives it the name. */
#include "tls/tls_sni.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "tls/tls_hello.h"
#include "tls_kit.h"

static void test_tls_sni_finds_exact_and_wildcard(void **state)
{
    EVP_PKEY *ec = kit_ec_key();
    EVP_PKEY *rsa = kit_rsa_key();
    struct tls_set set =
        kit_set(kit_site("www.a.com a.com", ec, 0, 0), kit_site("*.a.com a.com", rsa, 0, 0), NULL);
    struct tls_sni *t = tls_sni_new(&set, KIT_NOW);
    (void)state;

    const struct tls_identity *both = tls_sni_find(t, STR("a.com"));
    assert_non_null(both);
    assert_non_null(both->certs[TLS_KEY_ECDSA]);
    assert_non_null(both->certs[TLS_KEY_RSA]);
    /* The wildcard fills in the RSA side; the pair is the same, so is the identity. */
    assert_ptr_equal(tls_sni_find(t, STR("www.a.com")), both);
    const struct tls_identity *wild = tls_sni_find(t, STR("x.a.com"));
    assert_non_null(wild);
    assert_null(wild->certs[TLS_KEY_ECDSA]);
    assert_ptr_equal(tls_sni_find(t, STR("*.a.com")), wild);
    /* Asked for a certificate alone, the answer is the same. */
    assert_ptr_equal(tls_sni_cert(t, STR("x.a.com"), TLS_KEY_RSA), wild->certs[TLS_KEY_RSA]);
    assert_null(tls_sni_cert(t, STR("x.a.com"), TLS_KEY_ECDSA));
    assert_null(tls_sni_cert(t, STR("b.com"), TLS_KEY_RSA));
    assert_true(tls_sni_has(t, STR("x.a.com")));
    assert_false(tls_sni_has(t, STR("x.y.a.com")));
    assert_null(tls_sni_find(t, STR("x.y.a.com")));
    assert_null(tls_sni_find(t, STR("b.com")));
    assert_null(tls_sni_find(t, STR("com")));
    assert_null(tls_sni_find(t, STR("")));
    assert_int_equal(tls_sni_name_count(t), 3);
    tls_sni_free(t);
    tls_set_fini(&set);
    EVP_PKEY_free(ec);
    EVP_PKEY_free(rsa);
}

static void test_tls_sni_prefers_valid_certificates(void **state)
{
    EVP_PKEY *ec = kit_ec_key();
    EVP_PKEY *rsa = kit_rsa_key();
    struct tls_set set = kit_set(
        kit_site("a.com www.a.com", ec, KIT_NOW - 9 * KIT_DAY, KIT_NOW - KIT_DAY),
        kit_site("*.a.com a.com", rsa, 0, 0), kit_site("b.com", ec, 1, KIT_NOW - KIT_DAY), NULL);
    struct tls_sni *t = tls_sni_new(&set, KIT_NOW);
    (void)state;

    /* The expired ECDSA one must not be shown to a client that could have had the RSA one. */
    assert_null(tls_sni_find(t, STR("a.com"))->certs[TLS_KEY_ECDSA]);
    assert_non_null(tls_sni_find(t, STR("www.a.com"))->certs[TLS_KEY_RSA]);
    /* Expired is better than nothing. */
    assert_non_null(tls_sni_find(t, STR("b.com"))->certs[TLS_KEY_ECDSA]);
    tls_sni_free(t);
    tls_set_fini(&set);
    EVP_PKEY_free(ec);
    EVP_PKEY_free(rsa);
}

static int hello(const char *bytes, size_t len, char name[static TLS_NAME_MAX + 1])
{
    size_t n = 0;
    int rc = tls_hello_name(str_n(bytes, len), name, &n);

    assert_true(rc != OK || name[n] == '\0');
    return rc;
}

static void test_tls_hello_reads_the_name(void **state)
{
    char name[TLS_NAME_MAX + 1];
    (void)state;

    assert_int_equal(hello("\0\x08\0\0\x05"
                           "A.cOm",
                           10, name),
                     OK);
    assert_string_equal(name, "a.com");
}

static void test_tls_hello_is_strict(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
    } bad[] = {
        {"", 0},
        {"\0\0", 2},
        {"\0\x03\0\0\0", 5}, /* empty name */
        {"\0\x09\0\0\x05"
         "a.com",
         10}, /* list longer than it is */
        {"\0\x07\0\0\x05"
         "a.com",
         10}, /* and shorter */
        {"\0\x08\0\0\x06"
         "a.com",
         10}, /* name longer */
        {"\0\x08\0\0\x04"
         "a.com",
         10}, /* something behind it */
        {"\0\x08\1\0\x05"
         "a.com",
         10}, /* another type */
        {"\0\x10\0\0\x05"
         "a.com\0\0\x05"
         "b.com",
         18}, /* two names */
        {"\0\x09\0\0\x06"
         "a.com.",
         11}, /* dot at the end */
        {"\0\x08\0\0\x05"
         "a..co",
         10}, /* empty label */
        {"\0\x08\0\0\x05"
         "a\0com",
         10}, /* NUL */
        {"\0\x08\0\0\x05"
         "*.com",
         10}, /* nobody is called so */
        {"\0\x06\0\0\x03"
         "::1",
         8}, /* RFC 6066: no literal */
    };
    char name[TLS_NAME_MAX + 1];
    (void)state;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(hello(bad[i].bytes, bad[i].len, name), ERR_SYNTAX);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tls_sni_finds_exact_and_wildcard),
        cmocka_unit_test(test_tls_sni_prefers_valid_certificates),
        cmocka_unit_test(test_tls_hello_reads_the_name),
        cmocka_unit_test(test_tls_hello_is_strict),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
