/* SPDX-License-Identifier: MIT */
/* tls_cert and tls_pem: reading, covering names, packing. */
#include "tls/tls_cert.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "tls/tls_pem.h"
#include "tls_kit.h"

struct seen {
    unsigned kinds[4];
    size_t bytes;
};

static void on_object(void *arg, enum tls_pem_kind kind, struct str der)
{
    struct seen *seen = arg;

    seen->kinds[kind]++;
    seen->bytes += der.len;
}

static struct seen read_pem(const char *text)
{
    struct seen seen = {{0}, 0};

    (void)tls_pem_read(str_of(text), on_object, &seen);
    return seen;
}

static void test_tls_pem_takes_garbage_around(void **state)
{
    EVP_PKEY *key = kit_ec_key();
    X509 *x = kit_issue(&(struct kit_spec){.names = "a.com", .key = key});
    struct str der = kit_cert_der(x);
    char *pem = kit_cert_pem(x);
    char *old = kit_key_pem_old(key);
    char *both = NULL;
    (void)state;

    assert_true(asprintf(&both,
                         "subject=CN = x\r\n-----\n%s trailing\n-----BEGIN EC PARAMETERS-----\n"
                         "BggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n%s\n-----BEGIN ",
                         pem, old) > 0);
    struct seen seen = read_pem(both);
    assert_int_equal(seen.kinds[TLS_PEM_CERT], 1);
    assert_int_equal(seen.kinds[TLS_PEM_KEY], 1);
    assert_int_equal(seen.kinds[TLS_PEM_BROKEN], 1);
    assert_true(seen.bytes > der.len);

    seen = (struct seen){{0}, 0};
    assert_int_equal(tls_pem_read(der, on_object, &seen), 1);
    assert_int_equal(seen.kinds[TLS_PEM_CERT], 1);
    free(both);
    free(old);
    free(pem);
    free((char *)(uintptr_t)der.ptr);
    X509_free(x);
    EVP_PKEY_free(key);
}

static void test_tls_pem_reports_what_it_cannot_take(void **state)
{
    (void)state;
    assert_int_equal(read_pem("").kinds[TLS_PEM_BROKEN], 0);
    assert_int_equal(read_pem("-----BEGIN CERTIFICATE-----\nAAAA").kinds[TLS_PEM_BROKEN], 1);
    assert_int_equal(read_pem("-----BEGIN CERTIFICATE-----\nA*AA\n-----END CERTIFICATE-----\n")
                         .kinds[TLS_PEM_BROKEN],
                     1);
    assert_int_equal(read_pem("-----BEGIN CERTIFICATE-----\nAAA\n-----END CERTIFICATE-----\n")
                         .kinds[TLS_PEM_BROKEN],
                     1);
    assert_int_equal(read_pem("-----BEGIN CERTIFICATE-----\nAAAA\n-----END PRIVATE KEY-----\n")
                         .kinds[TLS_PEM_BROKEN],
                     1);
    assert_int_equal(read_pem("-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n"
                              "DEK-Info: AES-128-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n")
                         .kinds[TLS_PEM_ENCRYPTED],
                     1);
    /* A block cut short does not swallow the next. */
    struct seen seen = read_pem("-----BEGIN CERTIFICATE-----\nAAAA\n-----BEGIN PRIVATE KEY-----\n"
                                "AAA=\n-----END PRIVATE KEY-----\n");
    assert_int_equal(seen.kinds[TLS_PEM_BROKEN], 1);
    assert_int_equal(seen.kinds[TLS_PEM_KEY], 1);
    assert_int_equal(seen.bytes, 2);
}

static void test_tls_cert_covers_one_label(void **state)
{
    EVP_PKEY *key = kit_ec_key();
    struct tls_set set =
        kit_set(kit_site("*.Example.com example.com a.b.example.com *.*.x.com", key, 0, 0), NULL);
    const struct tls_cert *c = set.certs[0];
    (void)state;

    assert_int_equal(c->name_count, 3);
    assert_true(tls_cert_covers(c, STR("example.com")));
    assert_true(tls_cert_covers(c, STR("www.example.com")));
    assert_true(tls_cert_covers(c, STR("a.b.example.com")));
    assert_false(tls_cert_covers(c, STR("c.b.example.com")));
    assert_false(tls_cert_covers(c, STR(".example.com")));
    assert_false(tls_cert_covers(c, STR("com")));
    assert_false(tls_cert_covers(c, STR("")));
    tls_set_fini(&set);
    EVP_PKEY_free(key);
}

static void test_tls_cert_refuses_foreign_key(void **state)
{
    EVP_PKEY *key = kit_ec_key();
    EVP_PKEY *other = kit_ec_key();
    EVP_PKEY *ed = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    X509 *x = kit_issue(&(struct kit_spec){.names = "a.com", .key = key});
    struct str der = kit_cert_der(x);
    struct str foreign = kit_key_der(other);
    struct str odd = kit_key_der(ed);
    struct tls_cert *c = NULL;
    (void)state;

    assert_int_equal(tls_cert_new(&der, 1, foreign, STR("x"), &c), ERR_MISMATCH);
    assert_int_equal(tls_cert_new(&der, 1, odd, STR("x"), &c), ERR_UNSUPPORTED);
    assert_int_equal(tls_cert_new(&foreign, 1, STR(""), STR("x"), &c), ERR_SYNTAX);
    assert_int_equal(tls_cert_new(&der, 0, STR(""), STR("x"), &c), ERR_SYNTAX);
    assert_null(c);
    free((char *)(uintptr_t)der.ptr);
    free((char *)(uintptr_t)foreign.ptr);
    free((char *)(uintptr_t)odd.ptr);
    X509_free(x);
    EVP_PKEY_free(key);
    EVP_PKEY_free(other);
    EVP_PKEY_free(ed);
}

static void pack(const struct tls_cert *c, struct buf *out)
{
    struct packer p;

    buf_init(out, 1 << 20);
    pack_init(&p, out);
    tls_cert_pack(c, &p);
    assert_false(p.failed);
}

static void test_tls_cert_packs_and_unpacks(void **state)
{
    EVP_PKEY *key = kit_rsa_key();
    struct tls_set set = kit_set(kit_site("a.com b.com", key, 0, 0), NULL);
    const struct tls_cert *c = set.certs[0];
    struct tls_cert *back = NULL;
    struct unpacker u;
    struct buf out;
    (void)state;

    pack(c, &out);
    unpack_init(&u, buf_ptr(&out), buf_len(&out));
    assert_int_equal(tls_cert_unpack(&u, NULL, &back), OK);
    assert_true(unpack_done(&u));
    assert_int_equal(back->kind, TLS_KEY_RSA);
    assert_int_equal(back->key.len, 0);
    assert_int_equal(tls_cert_give_key(back, STR("")), ERR_SYNTAX);
    assert_int_equal(tls_cert_give_key(back, c->key), OK);
    assert_true(str_eq(back->key, c->key) && c->key.len > 0);
    assert_int_equal(tls_cert_give_key(back, c->key), ERR_SYNTAX);
    assert_true(str_eq(back->chain[0], c->chain[0]));
    assert_true(str_eq(back->serial, c->serial) && str_eq(back->issuer, c->issuer));
    assert_true(str_eq(back->source, STR("file0.pem")));
    assert_int_equal(back->not_after, KIT_NOW + 90 * KIT_DAY);
    assert_memory_equal(back->fingerprint, c->fingerprint, 32);
    assert_true(tls_cert_covers(back, STR("b.com")));
    tls_cert_unref(back);

    /* Every shorter input is refused. */
    for (size_t n = 0; n < buf_len(&out); n += n < 400 ? 1 : 37) {
        unpack_init(&u, buf_ptr(&out), n);
        assert_int_equal(tls_cert_unpack(&u, NULL, &back), ERR_SYNTAX);
    }
    buf_fini(&out);
    tls_set_fini(&set);
    EVP_PKEY_free(key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tls_pem_takes_garbage_around),
        cmocka_unit_test(test_tls_pem_reports_what_it_cannot_take),
        cmocka_unit_test(test_tls_cert_covers_one_label),
        cmocka_unit_test(test_tls_cert_refuses_foreign_key),
        cmocka_unit_test(test_tls_cert_packs_and_unpacks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
