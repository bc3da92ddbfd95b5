/* SPDX-License-Identifier: MIT */
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
#include "config/store.h"
#include "tls/tls_local_ca.h"

/* A folder with h.yml, ca/ (the authority) and certs/. */
struct place {
    char folder[64];
    char config[128];
    struct tls_cert *cert; /* for a.test */
};

static void write_bytes(const struct place *p, const char *name, struct str bytes)
{
    char path[200];
    (void)snprintf(path, sizeof(path), "%s/%s", p->folder, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes.ptr, 1, bytes.len, f), bytes.len);
    assert_int_equal(fclose(f), 0);
}

static void remove_file(const struct place *p, const char *name)
{
    char path[200];
    (void)snprintf(path, sizeof(path), "%s/%s", p->folder, name);
    assert_int_equal(unlink(path), 0);
}

static void make_dir(const struct place *p, const char *name)
{
    char path[200];
    (void)snprintf(path, sizeof(path), "%s/%s", p->folder, name);
    assert_int_equal(mkdir(path, 0700), 0);
}

#define CONFIG "version: 1\ncertificates: certs\nsites:\n  a.test: http://a:1\n"

static int place_init(void **state)
{
    static const struct str names[] = {{"a.test", 6}};
    static struct place place;
    struct place *p = &place;
    char ca[128];
    bool created;
    *p = (struct place){.folder = "/tmp/hivedoor-test-XXXXXX"};
    assert_non_null(mkdtemp(p->folder));
    (void)snprintf(p->config, sizeof(p->config), "%s/h.yml", p->folder);
    (void)snprintf(ca, sizeof(ca), "%s/ca", p->folder);
    assert_int_equal(tls_local_ca_ensure(ca, &created), OK);
    assert_int_equal(tls_local_ca_sign(ca, names, 1, &p->cert), OK);
    make_dir(p, "certs");
    make_dir(p, "certs/sub");
    make_dir(p, "certs/sub/deep");
    write_bytes(p, "h.yml", STR(CONFIG));
    write_bytes(p, "certs/one.crt", p->cert->chain[0]);
    write_bytes(p, "certs/sub/any.name", p->cert->key);
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
    tls_cert_unref(p->cert);
    return nftw(p->folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

struct result {
    struct diags diags;
    struct store_found all;
    struct bundle found; /* borrowed from it */
    int err;
};

static void result_init_past(struct result *r, const struct place *p,
                             const struct bundle_past *past)
{
    *r = (struct result){.err = OK};
    diags_init(&r->diags);
    r->err = store_load(p->config, past, &r->diags, &r->all);
    if (r->err == OK) {
        r->found = r->all.bundle;
        store_report_missing(p->config, r->found.model, &r->found.certs, &r->diags);
    }
}

static void result_init(struct result *r, const struct place *p, const struct tls_set *previous)
{
    struct bundle_past past = {.home = NULL};
    if (previous != NULL) {
        past.certs = *previous;
    }
    result_init_past(r, p, previous == NULL ? NULL : &past);
}

static void result_fini(struct result *r)
{
    store_found_fini(&r->all);
    diags_fini(&r->diags);
}

static bool says(const struct result *r, const char *part)
{
    for (size_t i = 0; i < r->diags.count; i++) {
        struct str t = r->diags.items[i].text;
        if (memmem(t.ptr, t.len, part, strlen(part)) != NULL) {
            return true;
        }
    }
    return false;
}

static void test_store_matches_across_folders(void **state)
{
    struct place *p = *state;
    struct result r;
    result_init(&r, p, NULL);
    assert_int_equal(r.err, OK);
    assert_int_equal(r.found.certs.count, 1);
    assert_true(r.found.certs.certs[0]->key.len > 0);
    assert_false(says(&r, "found no certificate for"));
    result_fini(&r);
}

struct digest {
    uint8_t bytes[32];
};

static struct digest digest_of(const struct place *p)
{
    struct digest d;
    struct result r;
    result_init(&r, p, NULL);
    assert_int_equal(r.err, OK);
    memcpy(d.bytes, r.all.digest, sizeof(d.bytes));
    result_fini(&r);
    return d;
}

/* The digest changes with every file that is read, and with nothing else. */
static void test_store_digest_sees_changes(void **state)
{
    struct place *p = *state;
    struct digest before = digest_of(p);
    write_bytes(p, "certs/.hidden", STR("x"));
    write_bytes(p, "certs/sub/deep/x", STR("x"));
    assert_memory_equal(before.bytes, digest_of(p).bytes, 32);
    write_bytes(p, "certs/other", STR("x"));
    assert_memory_not_equal(before.bytes, digest_of(p).bytes, 32);
    remove_file(p, "certs/other");
    assert_memory_equal(before.bytes, digest_of(p).bytes, 32);
    write_bytes(p, "h.yml", STR(CONFIG "# x\n"));
    assert_memory_not_equal(before.bytes, digest_of(p).bytes, 32);
    write_bytes(p, "w", STR("2"));
    write_bytes(p, "h.yml", STR(CONFIG "workers: ${file:w}\n"));
    before = digest_of(p);
    write_bytes(p, "w", STR("3"));
    assert_memory_not_equal(before.bytes, digest_of(p).bytes, 32);
}

static void test_store_keeps_what_runs(void **state)
{
    struct place *p = *state;
    struct result first;
    struct result second;
    result_init(&first, p, NULL);
    remove_file(p, "certs/sub/any.name");
    result_init(&second, p, &first.found.certs);
    assert_int_equal(second.err, OK);
    assert_int_equal(second.found.certs.count, 1);
    assert_true(second.diags.count > 0);
    assert_int_equal(second.diags.errors, 0);
    result_fini(&second);
    result_init(&second, p, NULL);
    assert_int_equal(second.err, OK);
    assert_int_equal(second.found.certs.count, 0);
    assert_true(says(&second, "found no certificate for \"a.test\""));
    result_fini(&second);
    result_fini(&first);
}

static void test_store_warns_and_goes_on(void **state)
{
    struct place *p = *state;
    struct result r;
    char *big = calloc(1, (1 << 20) + 1);
    assert_non_null(big);
    write_bytes(p, "certs/big", str_n(big, (1 << 20) + 1));
    free(big);
    write_bytes(p, "h.yml",
                STR("version: 1\ncertificates: [certs, none]\nunknown_site: x.test\n"
                    "sites:\n  a.test: {to: \"http://a:1\", aliases: [b.test]}\n"));
    result_init(&r, p, NULL);
    assert_int_equal(r.err, OK);
    assert_int_equal(r.found.certs.count, 1);
    assert_true(says(&r, "larger than 1 MiB"));
    assert_true(says(&r, "No such file"));
    assert_true(says(&r, "found no certificate for \"b.test\""));
    assert_true(says(&r, "found no certificate for \"x.test\""));
    assert_false(says(&r, "found no certificate for \"a.test\""));
    result_fini(&r);
    write_bytes(p, "h.yml", STR("version: 2\n"));
    result_init(&r, p, NULL);
    assert_int_equal(r.err, ERR_SYNTAX);
    assert_int_equal(r.diags.errors, 1);
    result_fini(&r);
}

static bool has_path(char **paths, size_t count, const struct place *p, const char *name)
{
    char path[200];
    (void)snprintf(path, sizeof(path), "%s/%s", p->folder, name);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(paths[i], path) == 0) {
            return true;
        }
    }
    return false;
}

static void test_store_watch_lists_folders(void **state)
{
    struct place *p = *state;
    struct result r;
    write_bytes(p, "w", STR("3\n"));
    write_bytes(p, "h.yml", STR(CONFIG "workers: ${file:w}\n"));
    result_init(&r, p, NULL);
    assert_int_equal(r.err, OK);
    char **paths = r.all.watch;
    size_t count = r.all.watch_count;
    assert_int_equal(count, 4);
    assert_true(has_path(paths, count, p, "h.yml"));
    assert_true(has_path(paths, count, p, "w"));
    assert_true(has_path(paths, count, p, "certs"));
    assert_true(has_path(paths, count, p, "certs/sub"));
    result_fini(&r);
}

int main(void)
{
#define WITH_PLACE(test) cmocka_unit_test_setup_teardown(test, place_init, place_fini)
    const struct CMUnitTest tests[] = {
        WITH_PLACE(test_store_matches_across_folders), WITH_PLACE(test_store_digest_sees_changes),
        WITH_PLACE(test_store_keeps_what_runs),        WITH_PLACE(test_store_warns_and_goes_on),
        WITH_PLACE(test_store_watch_lists_folders),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
