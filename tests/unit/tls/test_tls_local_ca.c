/* SPDX-License-Identifier: MIT */
/* tls_local_ca: what it vouches for, what it leaves on disk, when it is made anew. */
#include "tls/tls_local_ca.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "tls_kit.h"

#define PATH_BYTES 300
#define YEARS_10   (3650 * KIT_DAY)

struct fixture {
    char top[64];
    char dir[128]; /* does not exist yet */
};

static void set_now(int64_t unix_seconds)
{
    clock_freeze(1000, unix_seconds * 1000);
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    snprintf(f->top, sizeof(f->top), "/tmp/hivedoor-ca-XXXXXX");
    assert_non_null(mkdtemp(f->top));
    snprintf(f->dir, sizeof(f->dir), "%s/deep/er", f->top);
    set_now(KIT_NOW);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    char path[PATH_BYTES];

    clock_resume();
    snprintf(path, sizeof(path), "%s/" TLS_LOCAL_CA_FILE, f->dir);
    unlink(path);
    snprintf(path, sizeof(path), "%s/" TLS_LOCAL_CA_KEY, f->dir);
    unlink(path);
    rmdir(f->dir);
    snprintf(path, sizeof(path), "%s/deep", f->top);
    rmdir(path);
    /* Also that nothing else was left behind. */
    assert_int_equal(rmdir(f->top), 0);
    free(f);
    return 0;
}

static bool ensure(const struct fixture *f)
{
    bool created = false;

    assert_int_equal(tls_local_ca_ensure(f->dir, &created), OK);
    return created;
}

static void path_in(const struct fixture *f, const char *file, char dst[static PATH_BYTES])
{
    snprintf(dst, PATH_BYTES, "%s/%s", f->dir, file);
}

static unsigned mode_of(const char *path)
{
    struct stat st;

    assert_int_equal(stat(path, &st), 0);
    return st.st_mode & 07777;
}

static X509 *read_ca(const struct fixture *f)
{
    char path[PATH_BYTES];

    path_in(f, TLS_LOCAL_CA_FILE, path);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    X509 *ca = PEM_read_X509(file, NULL, NULL, NULL);
    (void)fclose(file);
    assert_non_null(ca);
    return ca;
}

static X509 *leaf_of(const struct tls_cert *cert)
{
    const unsigned char *at = (const unsigned char *)cert->chain[0].ptr;
    X509 *leaf = d2i_X509(NULL, &at, (long)cert->chain[0].len);

    assert_non_null(leaf);
    return leaf;
}

/* X509_V_OK, or why a client that trusts `ca` does not take `leaf` for `host` (NULL: any name). */
static int verify(X509 *ca, X509 *leaf, const char *host)
{
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();

    assert_int_equal(X509_STORE_add_cert(store, ca), 1);
    assert_int_equal(X509_STORE_CTX_init(ctx, store, leaf, NULL), 1);
    X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(ctx);
    X509_VERIFY_PARAM_set_time(param, (time_t)(clock_wall_ms() / 1000));
    X509_VERIFY_PARAM_set_purpose(param, X509_PURPOSE_SSL_SERVER);
    if (host != NULL) { /* ours, not one of the kit: by every rule of RFC 5280 */
        (void)X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_X509_STRICT);
        assert_int_equal(X509_VERIFY_PARAM_set1_host(param, host, 0), 1);
    }
    int result = X509_verify_cert(ctx) == 1 ? X509_V_OK : X509_STORE_CTX_get_error(ctx);
    X509_STORE_CTX_free(ctx);
    X509_STORE_free(store);
    return result;
}

static void test_tls_local_ca_permits_local_names_alone(void **state)
{
    static const char *const good[] = {"localhost",     "app.localhost", "a.b.localhost", "x.test",
                                       "printer.local", "git.internal",  "nas.home.arpa", "test"};
    static const char *const bad[] = {"",
                                      "example.com",
                                      "localhost.example.com",
                                      "notlocalhost",
                                      "xtest",
                                      ".test",
                                      "home.arpa.com",
                                      "arpa",
                                      "evil-internal",
                                      "test."};
    (void)state;

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_true(tls_local_ca_permits(str_of(good[i])));
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(tls_local_ca_permits(str_of(bad[i])));
    }
}

static void test_tls_local_ca_is_made_once(void **state)
{
    struct fixture *f = *state;

    assert_true(ensure(f));
    X509 *first = read_ca(f);
    assert_false(ensure(f));
    set_now(KIT_NOW + 365 * KIT_DAY);
    assert_false(ensure(f));
    X509 *second = read_ca(f);
    assert_int_equal(X509_cmp(first, second), 0);
    X509_free(first);
    X509_free(second);
}

static void test_tls_local_ca_is_private(void **state)
{
    struct fixture *f = *state;
    char path[PATH_BYTES];
    mode_t before = umask(0);

    assert_true(ensure(f));
    umask(before);
    assert_int_equal(mode_of(f->dir), 0700);
    path_in(f, TLS_LOCAL_CA_KEY, path);
    assert_int_equal(mode_of(path), 0600);
    path_in(f, TLS_LOCAL_CA_FILE, path);
    assert_int_equal(mode_of(path), 0600);
}

static void test_tls_local_ca_a_slash_behind_the_folder(void **state)
{
    struct fixture *f = *state;
    char path[PATH_BYTES];
    bool created = false;

    path_in(f, "", path);
    assert_int_equal(tls_local_ca_ensure(path, &created), OK);
    assert_true(created);
    assert_int_equal(mode_of(f->dir), 0700);
    assert_false(ensure(f));
}

/* A key file that anybody may read, from whatever time: the new key never lands in it. */
static void test_tls_local_ca_never_writes_into_an_open_file(void **state)
{
    struct fixture *f = *state;
    char path[PATH_BYTES];
    char held[16];

    assert_true(ensure(f));
    path_in(f, TLS_LOCAL_CA_KEY, path);
    FILE *spoilt = fopen(path, "w");
    assert_non_null(spoilt);
    (void)fputs("nothing", spoilt);
    (void)fclose(spoilt);
    assert_int_equal(chmod(path, 0666), 0);
    FILE *reader = fopen(path, "r");
    assert_non_null(reader);
    assert_true(ensure(f));
    assert_int_equal(mode_of(path), 0600);
    assert_int_equal(fread(held, 1, sizeof(held), reader), strlen("nothing"));
    (void)fclose(reader);
}

static void test_tls_local_ca_is_made_anew_in_time(void **state)
{
    struct fixture *f = *state;

    assert_true(ensure(f));
    X509 *old = read_ca(f);
    set_now(KIT_NOW + YEARS_10 - 31 * KIT_DAY);
    assert_false(ensure(f));
    set_now(KIT_NOW + YEARS_10 - 29 * KIT_DAY);
    assert_true(ensure(f));
    X509 *new = read_ca(f);
    assert_int_not_equal(X509_cmp(old, new), 0);
    assert_false(ensure(f));
    X509_free(old);
    X509_free(new);
}

static void test_tls_local_ca_a_lost_key_makes_it_anew(void **state)
{
    struct fixture *f = *state;
    char path[PATH_BYTES];

    assert_true(ensure(f));
    path_in(f, TLS_LOCAL_CA_KEY, path);
    assert_int_equal(unlink(path), 0);
    assert_true(ensure(f));
}

static void test_tls_local_ca_says_why_it_cannot(void **state)
{
    struct fixture *f = *state;
    char path[PATH_BYTES + 4200];
    bool created = false;

    assert_true(ensure(f));
    snprintf(path, sizeof(path), "%s/" TLS_LOCAL_CA_FILE "/below", f->dir);
    assert_int_equal(tls_local_ca_ensure(path, &created), ERR_IO);
    assert_int_equal(errno, ENOTDIR);
    memset(path, 'a', sizeof(path));
    path[sizeof(path) - 1] = '\0';
    assert_int_equal(tls_local_ca_ensure(path, &created), ERR_IO);
    assert_int_equal(errno, ENAMETOOLONG);
}

static void test_tls_local_ca_leaf_is_accepted(void **state)
{
    struct fixture *f = *state;
    struct str names[] = {STR("app.localhost"), STR("api.test"), STR("localhost")};
    struct tls_cert *cert = NULL;

    assert_true(ensure(f));
    assert_int_equal(tls_local_ca_sign(f->dir, names, 3, &cert), OK);
    assert_int_equal(cert->kind, TLS_KEY_ECDSA);
    assert_true(cert->key.len > 0);
    assert_true(tls_cert_is_valid_at(cert, KIT_NOW));
    assert_true(tls_cert_is_valid_at(cert, KIT_NOW + 89 * KIT_DAY));
    assert_false(tls_cert_is_valid_at(cert, KIT_NOW + 91 * KIT_DAY));
    X509 *ca = read_ca(f);
    X509 *leaf = leaf_of(cert);
    for (size_t i = 0; i < 3; i++) {
        assert_true(tls_cert_covers(cert, names[i]));
        assert_int_equal(verify(ca, leaf, names[i].ptr), X509_V_OK);
    }
    assert_int_equal(verify(ca, leaf, "other.localhost"), X509_V_ERR_HOSTNAME_MISMATCH);
    X509_free(leaf);
    X509_free(ca);
    tls_cert_unref(cert);
}

static void test_tls_local_ca_does_not_sign_for_others(void **state)
{
    struct fixture *f = *state;
    struct str names[] = {STR("app.localhost"), STR("example.com")};
    struct tls_cert *cert = NULL;

    assert_int_equal(tls_local_ca_sign(f->dir, names, 1, &cert), ERR_NOT_FOUND);
    assert_true(ensure(f));
    assert_int_equal(tls_local_ca_sign(f->dir, names, 2, &cert), ERR_DENIED);
    assert_null(cert);
}

static EVP_PKEY *read_key(const struct fixture *f)
{
    char path[PATH_BYTES];

    path_in(f, TLS_LOCAL_CA_KEY, path);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    EVP_PKEY *key = PEM_read_PrivateKey(file, NULL, NULL, NULL);
    (void)fclose(file);
    assert_non_null(key);
    return key;
}

static int verify_signed_for(const struct fixture *f, const char *name)
{
    X509 *ca = read_ca(f);
    EVP_PKEY *ca_key = read_key(f);
    EVP_PKEY *key = kit_ec_key();
    X509 *leaf = kit_issue(
        &(struct kit_spec){.names = name, .key = key, .issuer = ca, .issuer_key = ca_key});
    int result = verify(ca, leaf, NULL);
    X509_free(leaf);
    EVP_PKEY_free(key);
    EVP_PKEY_free(ca_key);
    X509_free(ca);
    return result;
}

/* Whoever gets hold of the key signs for local names and nothing else: clients see to it. */
static void test_tls_local_ca_constrains_whoever_has_its_key(void **state)
{
    struct fixture *f = *state;

    assert_true(ensure(f));
    assert_int_equal(verify_signed_for(f, "app.localhost"), X509_V_OK);
    assert_int_equal(verify_signed_for(f, "x.home.arpa"), X509_V_OK);
    assert_int_equal(verify_signed_for(f, "example.com"), X509_V_ERR_PERMITTED_VIOLATION);
    assert_int_equal(verify_signed_for(f, "notlocalhost"), X509_V_ERR_PERMITTED_VIOLATION);
    assert_int_equal(verify_signed_for(f, "a.test example.com"), X509_V_ERR_PERMITTED_VIOLATION);
}

int main(void)
{
#define CA_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tls_local_ca_permits_local_names_alone),
        CA_TEST(test_tls_local_ca_is_made_once),
        CA_TEST(test_tls_local_ca_is_private),
        CA_TEST(test_tls_local_ca_a_slash_behind_the_folder),
        CA_TEST(test_tls_local_ca_never_writes_into_an_open_file),
        CA_TEST(test_tls_local_ca_is_made_anew_in_time),
        CA_TEST(test_tls_local_ca_a_lost_key_makes_it_anew),
        CA_TEST(test_tls_local_ca_says_why_it_cannot),
        CA_TEST(test_tls_local_ca_leaf_is_accepted),
        CA_TEST(test_tls_local_ca_does_not_sign_for_others),
        CA_TEST(test_tls_local_ca_constrains_whoever_has_its_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
