/* SPDX-License-Identifier: MIT */
/* The files that keys name: read, checked, digested, watched, and carried in the bundle. */
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/fd.h"
#include "config/bundle.h"
#include "config/files.h"
#include "config/load.h"
#include "config/store.h"
#include "tls/tls_local_ca.h"

struct place {
    char folder[64];
    char config[128];
};

/* bcrypt and SHA-512 of "x". */
#define USERS                                                                                      \
    "# people\n\nann:$2y$05$abcdefghijklmnopqrstuuAu95p9VMXUVZxX2ubSbqMIYPTTmGpHC\n"               \
    "bob:$6$saltsalt$qFmFH.bQmmtXzyBY0s9v7Oicd2z4XSIecDzlB5KiA2/"                                  \
    "jctKu9YterLp8wwnSq.qc.eoxqOmSuNp2xS0ktL3nh/\n"
#define CONFIG                                                                                     \
    "version: 1\nlisten: {https: \":443\"}\nsites:\n"                                              \
    "  a.test: {to: \"http://a:1\", basic_auth: users, client_auth: {ca: ca/ca.pem}}\n"

static void write_file(const struct place *p, const char *name, const char *text)
{
    char path[200];
    (void)snprintf(path, sizeof(path), "%s/%s", p->folder, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static int place_init(void **state)
{
    static struct place place;
    struct place *p = &place;
    char ca[128];
    char from[200];
    char to[200];
    bool created;
    *p = (struct place){.folder = "/tmp/hivedoor-test-XXXXXX"};
    assert_non_null(mkdtemp(p->folder));
    (void)snprintf(p->config, sizeof(p->config), "%s/h.yml", p->folder);
    (void)snprintf(ca, sizeof(ca), "%s/ca", p->folder);
    assert_int_equal(tls_local_ca_ensure(ca, &created), OK);
    (void)snprintf(from, sizeof(from), "%s/%s", ca, TLS_LOCAL_CA_FILE);
    (void)snprintf(to, sizeof(to), "%s/ca.pem", ca);
    assert_true(strcmp(from, to) == 0 || link(from, to) == 0);
    write_file(p, "users", USERS);
    write_file(p, "h.yml", CONFIG);
    *state = p;
    return 0;
}

static int remove_entry(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st;
    (void)flag;
    (void)ftw;
    return remove(path);
}

static int place_fini(void **state)
{
    struct place *p = *state;
    return nftw(p->folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

/* Loads and reads; the diagnostics as text, without the folder's name. */
static int read_all(const struct place *p, struct model **out_model, char *text, size_t cap)
{
    struct diags d;
    struct buf out;
    struct model *m = NULL;
    diags_init(&d);
    buf_init(&out, 1 << 20);
    assert_int_equal(load_file(p->config, &d, NULL, &m), OK);
    diags_fini(&d);
    diags_init(&d);
    int err = files_read("f", m, &d);
    assert_int_equal(diags_print(&d, &out), OK);
    struct str rest = buf_str(&out);
    size_t len = 0;
    size_t skip = strlen(p->folder) + 1;
    text[0] = '\0';
    while (rest.len > 0 && len + 1 < cap) {
        if (str_starts(rest, str_of(p->folder))) {
            rest = str_from(rest, skip);
        } else {
            text[len++] = rest.ptr[0];
            rest = str_from(rest, 1);
        }
    }
    text[len] = '\0';
    buf_fini(&out);
    diags_fini(&d);
    if (err == OK && out_model != NULL) {
        *out_model = m;
    } else {
        model_free(m);
    }
    return err;
}

static void test_files_are_attached(void **state)
{
    struct place *p = *state;
    struct model *m = NULL;
    char text[4096];
    assert_int_equal(read_all(p, &m, text, sizeof(text)), OK);
    assert_string_equal(text, "");
    assert_int_equal(m->file_count, 2);
    assert_true(str_starts(m->sites[0].client_auth.ca->bytes, STR("-----BEGIN CERT")));
    assert_true(str_eq(m->sites[0].routes[0].rules.basic_auth->users->bytes, STR(USERS)));
    model_free(m);
}

static void test_files_are_checked(void **state)
{
    static const struct {
        const char *users;
        const char *text;
    } bad[] = {
        {"",
         "f:4:42: error: found no users in \"users\" for basic_auth; expected a file with users, "
         "as htpasswd -B writes it\n"},
        {"# nobody\n\n",
         "f:4:42: error: found no users in \"users\" for basic_auth; expected a file "
         "with users, as htpasswd -B writes it\n"},
        {"ann:secret\nbob:$apr1$x$y\neve\n",
         "users:1:1: error: found a password that is plain or weakly hashed (MD5, SHA-1, DES); "
         "expected bcrypt, as \"htpasswd -B FILE NAME\" writes it, or SHA-crypt ($5$, $6$)\n"
         "users:2:1: error: found a password that is plain or weakly hashed (MD5, SHA-1, DES); "
         "expected bcrypt, as \"htpasswd -B FILE NAME\" writes it, or SHA-crypt ($5$, $6$)\n"
         "users:3:1: error: found no NAME:HASH; expected lines as \"htpasswd -B FILE NAME\" writes "
         "them\n"},
        {"ann:$2y$15$abcdefghijklmnopqrstuuAu95p9VMXUVZxX2ubSbqMIYPTTmGpHC\n",
         "users:1:1: error: found a hash that takes too long to check; expected a bcrypt cost of "
         "at most 14, or at most 500000 rounds of SHA-crypt: \"htpasswd -B FILE NAME\"\n"},
        {"ann:$2y$05$abcdefghijklmnopqrstuuAu95p9VMXUVZxX2ubSbqMIYPTTmGpHC\n"
         "ann:$2y$05$abcdefghijklmnopqrstuuAu95p9VMXUVZxX2ubSbqMIYPTTmGpHC\n",
         "users:2:1: error: found the user \"ann\" a second time; expected each name once\n"},
    };
    struct place *p = *state;
    char text[4096];
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        write_file(p, "users", bad[i].users);
        assert_int_equal(read_all(p, NULL, text, sizeof(text)), ERR_SYNTAX);
        /* The folder stands in front of the file's name only where it is cut out. */
        assert_string_equal(text, bad[i].text);
    }
    write_file(p, "users", "ann:$2y$12$abcdefghijklmnopqrstuuAu95p9VMXUVZxX2ubSbqMIYPTTmGpHC\n");
    struct model *m = NULL;
    assert_int_equal(read_all(p, &m, text, sizeof(text)), OK);
    assert_non_null(strstr(text, "users:1:1: warning: found a hash that takes a quarter"));
    model_free(m);
}

static void test_files_ca_must_be_pem(void **state)
{
    struct place *p = *state;
    char text[4096];
    char path[200];
    (void)snprintf(path, sizeof(path), "%s/ca/ca.pem", p->folder);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(read_all(p, NULL, text, sizeof(text)), ERR_SYNTAX);
    assert_string_equal(text,
                        "f:4:67: error: found no readable file \"ca/ca.pem\" for "
                        "client_auth.ca (No such file or directory); expected a PEM file with "
                        "the certificates of authorities\n");
    write_file(p, "ca/ca.pem", "no PEM\n");
    assert_int_equal(read_all(p, NULL, text, sizeof(text)), ERR_SYNTAX);
    assert_non_null(strstr(text, "found no certificate in \"ca/ca.pem\" for client_auth.ca"));
    write_file(p, "ca/ca.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    assert_int_equal(read_all(p, NULL, text, sizeof(text)), ERR_SYNTAX);
    assert_non_null(strstr(text, "found a broken certificate in \"ca/ca.pem\""));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(read_all(p, NULL, text, sizeof(text)), ERR_SYNTAX);
    assert_non_null(strstr(text, "found no readable file \"ca/ca.pem\""));
}

static void test_files_are_bounded(void **state)
{
    struct place *p = *state;
    char text[4096];
    char *big = malloc(FILES_BYTES_MAX + 2);
    assert_non_null(big);
    memset(big, '#', FILES_BYTES_MAX + 1);
    big[FILES_BYTES_MAX + 1] = '\0';
    write_file(p, "users", big);
    free(big);
    assert_int_equal(read_all(p, NULL, text, sizeof(text)), ERR_SYNTAX);
    assert_non_null(strstr(text, "larger than 1 MiB"));
}

/* Without the system's authorities an https service cannot be checked: that is an error that says
 * how to mend it. */
static void test_files_system_ca(void **state)
{
    struct place *p = *state;
    char text[4096];
    char path[200];
    struct model *m = NULL;
    write_file(p, "h.yml", "version: 1\nsites:\n  a.test: https://a\n");
    assert_int_equal(setenv("SSL_CERT_FILE", "/nonexistent/ca.pem", 1), 0);
    assert_int_equal(read_all(p, NULL, text, sizeof(text)), ERR_SYNTAX);
    assert_string_equal(
        text, "f:3:11: error: found no readable file \"/nonexistent/ca.pem\" for the system's "
              "authorities (No such file or directory); expected the package ca-certificates to be "
              "installed, or \"verify: {ca: PATH}\" at the service\n");
    (void)snprintf(path, sizeof(path), "%s/ca/ca.pem", p->folder);
    assert_int_equal(setenv("SSL_CERT_FILE", path, 1), 0);
    assert_int_equal(read_all(p, &m, text, sizeof(text)), OK);
    assert_true(m->sites[0].routes[0].to.verify.ca->bytes.len > 0);
    model_free(m);
    assert_int_equal(unsetenv("SSL_CERT_FILE"), 0);
}

static void test_files_are_digested_and_watched(void **state)
{
    struct place *p = *state;
    uint8_t before[32];
    struct diags d;
    struct store_found found;
    bool has_users = false;
    diags_init(&d);
    assert_int_equal(store_load(p->config, NULL, &d, &found), OK);
    for (size_t i = 0; i < found.watch_count; i++) {
        has_users = has_users || str_ends(str_of(found.watch[i]), STR("/users"));
    }
    assert_true(has_users);
    assert_int_equal(found.watch_count, 3);
    memcpy(before, found.digest, sizeof(before));
    store_found_fini(&found);
    write_file(p, "users", USERS "# x\n");
    assert_int_equal(store_load(p->config, NULL, &d, &found), OK);
    assert_memory_not_equal(before, found.digest, 32);
    store_found_fini(&found);
    write_file(p, "users", "ann:plain\n");
    assert_int_equal(store_load(p->config, NULL, &d, &found), ERR_SYNTAX);
    diags_fini(&d);
}

static void test_files_travel_with_the_keys(void **state)
{
    struct place *p = *state;
    struct bundle_plan plan = {0};
    struct tls_set none = {NULL, 0};
    struct model *m = NULL;
    char text[4096];
    assert_int_equal(read_all(p, &m, text, sizeof(text)), OK);
    struct bundle_fds fds;
    assert_int_equal(bundle_write(&(struct bundle_content){&plan, m, &none, STR("")}, &fds), OK);
    for (int with_keys = 0; with_keys < 2; with_keys++) {
        struct bundle_source source = {.common = fds.common};
        struct bundle b;
        if (with_keys) {
            assert_int_equal(sealed_open(fds.secrets, BUNDLE_MAX, &source.secrets), OK);
        }
        assert_int_equal(bundle_read(&source, &b), OK);
        sealed_unref(source.secrets);
        assert_int_equal(b.model->file_count, 2);
        for (size_t i = 0; i < 2; i++) {
            assert_true(str_eq(b.model->files[i]->path, m->files[i]->path));
            assert_true(str_eq(b.model->files[i]->bytes, with_keys ? m->files[i]->bytes : STR("")));
        }
        bundle_fini(&b);
    }
    bundle_fds_close(&fds);
    model_free(m);
}

int main(void)
{
#define WITH_PLACE(test) cmocka_unit_test_setup_teardown(test, place_init, place_fini)
    const struct CMUnitTest tests[] = {
        WITH_PLACE(test_files_are_attached),
        WITH_PLACE(test_files_are_checked),
        WITH_PLACE(test_files_ca_must_be_pem),
        WITH_PLACE(test_files_are_bounded),
        WITH_PLACE(test_files_system_ca),
        WITH_PLACE(test_files_are_digested_and_watched),
        WITH_PLACE(test_files_travel_with_the_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
