/* SPDX-License-Identifier: MIT */
/* Loads that remember the one before give what a load that knows nothing gives. */
#include "config/store.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../../src/config/recall.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/mem.h"
#include "tls/tls_local_ca.h"

#define SITES 4

struct place {
    char folder[64];
    char config[128];
    char ca[128];
    struct bundle_past past; /* of the last load */
};

static void path_of(const struct place *p, const char *name, char out[static 200])
{
    (void)snprintf(out, 200, "%.63s/%s", p->folder, name);
}

/* Under a hidden name first, as everybody does who replaces a file. */
static void write_bytes(const struct place *p, const char *name, struct str bytes)
{
    char path[200];
    path_of(p, name, path);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes.ptr, 1, bytes.len, f), bytes.len);
    assert_int_equal(fclose(f), 0);
}

/* Chain and key as DER in two files. */
static void write_site(const struct place *p, const char *site)
{
    struct str names[] = {str_of(site)};
    struct tls_cert *cert;
    char file[64];
    assert_int_equal(tls_local_ca_sign(p->ca, names, 1, &cert), OK);
    (void)snprintf(file, sizeof(file), "certs/%s.crt", site);
    write_bytes(p, file, cert->chain[0]);
    (void)snprintf(file, sizeof(file), "certs/%s.key", site);
    write_bytes(p, file, cert->key);
    tls_cert_unref(cert);
}

#define PLACES 4

/* One for each test, made together: files are old enough to be remembered only after a while. */
static struct place places[PLACES];

static void place_init(struct place *p)
{
    char path[200];
    bool created;
    *p = (struct place){.folder = "/tmp/hivedoor-test-XXXXXX"};
    assert_non_null(mkdtemp(p->folder));
    (void)snprintf(p->config, sizeof(p->config), "%.63s/h.yml", p->folder);
    (void)snprintf(p->ca, sizeof(p->ca), "%.63s/ca", p->folder);
    assert_int_equal(tls_local_ca_ensure(p->ca, &created), OK);
    path_of(p, "certs", path);
    assert_int_equal(mkdir(path, 0700), 0);
    write_bytes(p, "h.yml",
                STR("version: 1\ncertificates: certs\nsites:\n  s0.test: http://a:1\n"
                    "  s1.test: http://a:1\n  s2.test: http://a:1\n  s3.test: http://a:1\n"));
    for (int i = 0; i < SITES; i++) {
        char site[32];
        (void)snprintf(site, sizeof(site), "s%d.test", i);
        write_site(p, site);
    }
}

static int remove_entry(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st;
    (void)flag;
    (void)ftw;
    return remove(path);
}

static int places_fini(void **state)
{
    (void)state;
    for (size_t i = 0; i < PLACES; i++) {
        bundle_past_fini(&places[i].past);
        (void)nftw(places[i].folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    }
    return 0;
}

/* Until what was written last can be told from what comes later by its times. */
static void wait_settled(void)
{
    struct itimerspec when = {.it_value.tv_sec =
                                  (time_t)(clock_wall_ms() / 1000 + RECALL_FRESH_S + 1)};
    uint64_t times;
    int fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(timerfd_settime(fd, TFD_TIMER_ABSTIME, &when, NULL), 0);
    assert_int_equal(read(fd, &times, sizeof(times)), sizeof(times));
    fd_close(&fd);
}

static int places_init(void **state)
{
    (void)state;
    for (size_t i = 0; i < PLACES; i++) {
        place_init(&places[i]);
    }
    write_bytes(&places[3], "certs/README", STR("nothing of ours"));
    write_bytes(&places[3], "certs/broken.pem", STR("-----BEGIN CERTIFICATE-----\nxx\n"));
    wait_settled();
    return 0;
}

static void load(const struct place *p, const struct bundle_past *past, struct store_found *out)
{
    struct diags diags;
    diags_init(&diags);
    assert_int_equal(store_load(p->config, past, &diags, out), OK);
    diags_fini(&diags);
}

/* Through a bundle, as from one loader to the next. */
static void keep(struct place *p, const struct store_found *found)
{
    struct bundle_plan plan = {.workers = 1};
    struct bundle_content content = {&plan, found->bundle.model, &found->bundle.certs,
                                     buf_str(&found->recall)};
    struct bundle_source source = {.common = -1};
    struct bundle_fds fds;
    assert_int_equal(bundle_write(&content, &fds), OK);
    source.common = fds.common;
    assert_int_equal(sealed_open(fds.secrets, BUNDLE_MAX, &source.secrets), OK);
    bundle_past_fini(&p->past);
    assert_int_equal(bundle_read_past(&source, &p->past), OK);
    sealed_unref(source.secrets);
    bundle_fds_close(&fds);
}

static void assert_same(const struct store_found *a, const struct store_found *b)
{
    assert_memory_equal(a->digest, b->digest, sizeof(a->digest));
    assert_int_equal(a->bundle.certs.count, b->bundle.certs.count);
    for (size_t i = 0; i < a->bundle.certs.count; i++) {
        const struct tls_cert *x = a->bundle.certs.certs[i];
        const struct tls_cert *y = b->bundle.certs.certs[i];
        assert_memory_equal(x->fingerprint, y->fingerprint, sizeof(x->fingerprint));
        assert_true(str_eq(x->key, y->key) && str_eq(x->source, y->source));
        assert_int_equal(x->chain_count, y->chain_count);
        for (size_t k = 0; k < x->chain_count; k++) {
            assert_true(str_eq(x->chain[k], y->chain[k]));
        }
    }
}

/* Files in certs/ that are opened while loading. */
static size_t load_counted(struct place *p, struct store_found *out)
{
    char path[200];
    _Alignas(struct inotify_event) char bytes[4096];
    size_t count = 0;
    int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    path_of(p, "certs", path);
    assert_true(fd >= 0);
    assert_true(inotify_add_watch(fd, path, IN_OPEN) >= 0);
    load(p, &p->past, out);
    ssize_t n = read(fd, bytes, sizeof(bytes));
    for (ssize_t at = 0; at < n;) {
        const struct inotify_event *e = (const struct inotify_event *)(const void *)(bytes + at);
        count += (e->mask & IN_ISDIR) == 0;
        at += (ssize_t)(sizeof(*e) + e->len);
    }
    fd_close(&fd);
    return count;
}

/* After a change: `opened` files are read, and what is found is what a load without past finds. */
static void check(struct place *p, size_t opened)
{
    struct store_found quick;
    struct store_found whole;
    assert_int_equal(load_counted(p, &quick), opened);
    /* What runs is kept where files give nothing better, in both. */
    struct bundle_past blind = {.certs = p->past.certs};
    load(p, &blind, &whole);
    assert_same(&quick, &whole);
    keep(p, &quick);
    store_found_fini(&quick);
    store_found_fini(&whole);
}

static void first_load(struct place *p)
{
    struct store_found found;
    load(p, NULL, &found);
    assert_int_equal(found.bundle.certs.count, SITES);
    assert_true(buf_len(&found.recall) > 0);
    keep(p, &found);
    store_found_fini(&found);
    check(p, 0); /* nothing has changed, nothing is read */
}

static const struct tls_cert *cert_of(const struct place *p, const char *site)
{
    for (size_t i = 0; i < p->past.certs.count; i++) {
        if (tls_cert_covers(p->past.certs.certs[i], str_of(site))) {
            return p->past.certs.certs[i];
        }
    }
    return NULL;
}

static void test_recall_reads_what_changed(void **state)
{
    struct place *p = &places[0];
    uint8_t before[32];
    (void)state;
    first_load(p);
    memcpy(before, cert_of(p, "s1.test")->fingerprint, sizeof(before));
    write_site(p, "s1.test"); /* both files; mostly of the same size */
    check(p, 2);
    assert_memory_not_equal(before, cert_of(p, "s1.test")->fingerprint, sizeof(before));
    /* Once more within the same second: what has just changed is looked at again. */
    memcpy(before, cert_of(p, "s1.test")->fingerprint, sizeof(before));
    write_site(p, "s1.test");
    check(p, 2);
    assert_memory_not_equal(before, cert_of(p, "s1.test")->fingerprint, sizeof(before));
    check(p, 2);
    wait_settled();
    check(p, 2); /* read once more, and known from then on */
    check(p, 0);
}

static void test_recall_sees_what_comes_and_goes(void **state)
{
    struct place *p = &places[1];
    char path[200];
    char to[200];
    (void)state;
    first_load(p);
    write_bytes(p, "h.yml",
                STR("version: 1\ncertificates: certs\nsites:\n  s0.test: http://a:1\n"
                    "  s1.test: http://a:1\n  new.test: http://a:1\n"));
    write_site(p, "new.test");
    check(p, 2);
    assert_non_null(cert_of(p, "new.test"));
    path_of(p, "certs/s2.test.crt", path);
    assert_int_equal(unlink(path), 0); /* no site wants it any more, its key stays alone */
    check(p, 2);
    assert_null(cert_of(p, "s2.test"));
    path_of(p, "certs/s2.test.key", path);
    assert_int_equal(unlink(path), 0);
    check(p, 2);
    path_of(p, "certs/s3.test.crt", path);
    path_of(p, "certs/a-new-name.crt", to);
    assert_int_equal(rename(path, to), 0); /* first in the walk now; the new name is not known */
    check(p, 3);
    assert_true(str_ends(cert_of(p, "s3.test")->source, STR("s3.test.key")));
}

static void test_recall_key_alone_changes(void **state)
{
    struct place *p = &places[2];
    char path[200];
    uint8_t before[32];
    (void)state;
    first_load(p);
    memcpy(before, cert_of(p, "s0.test")->fingerprint, sizeof(before));
    struct str foreign = cert_of(p, "s1.test")->key;
    char *copy = str_dup(foreign);
    write_bytes(p, "certs/s0.test.key", str_n(copy, foreign.len));
    check(p, 1); /* it belongs to another one: what runs is kept */
    assert_memory_equal(before, cert_of(p, "s0.test")->fingerprint, sizeof(before));
    path_of(p, "certs/s0.test.key", path);
    assert_int_equal(unlink(path), 0);
    free(copy);
}

/* What has no place in the set is read each time, and others are not. */
static void test_recall_unused_files_are_read(void **state)
{
    struct place *p = &places[3];
    struct store_found found;
    (void)state;
    load(p, NULL, &found);
    keep(p, &found);
    store_found_fini(&found);
    check(p, 1); /* the warning about the broken one comes with every load */
}

static void test_recall_survives_nonsense(void **state)
{
    struct buf bytes;
    struct recall_file f = {.path = STR("/a"), .look = {1, 2, 3, 4, 5}, .ref_count = 2};
    struct recall_file got;
    (void)state;
    f.refs[0] = (struct tls_ref){7, 0};
    f.refs[1] = (struct tls_ref){7, TLS_REF_KEY};
    buf_init(&bytes, 4096);
    assert_int_equal(recall_add(&bytes, &f), OK);
    f.path = STR("/b");
    assert_int_equal(recall_add(&bytes, &f), OK);
    struct recall *r = recall_new(buf_str(&bytes));
    assert_true(recall_find(r, STR("/b"), &f.look, &got));
    assert_int_equal(got.ref_count, 2);
    assert_int_equal(got.refs[1].part, TLS_REF_KEY);
    assert_false(recall_find(r, STR("/c"), &f.look, &got));
    f.look.changed_ns++;
    assert_false(recall_find(r, STR("/b"), &f.look, &got));
    recall_free(r);
    for (size_t n = 0; n < buf_len(&bytes); n++) { /* every cut */
        char *cut = mem_dup(buf_ptr(&bytes), n + 1);
        r = recall_new(str_n(cut, n));
        (void)recall_find(r, STR("/a"), &f.look, &got);
        (void)recall_find(r, STR("/b"), &f.look, &got);
        recall_free(r);
        free(cut);
    }
    buf_fini(&bytes);
}

static void test_recall_takes_no_fresh_looks(void **state)
{
    struct recall_look look = {.modified_ns = UINT64_C(100000000000), .changed_ns = 1};
    (void)state;
    assert_false(recall_is_settled(&look, 100));
    assert_false(recall_is_settled(&look, 102));
    assert_true(recall_is_settled(&look, 103));
    look.changed_ns = UINT64_C(109000000000); /* a clock that is ahead */
    assert_false(recall_is_settled(&look, 103));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recall_reads_what_changed),
        cmocka_unit_test(test_recall_sees_what_comes_and_goes),
        cmocka_unit_test(test_recall_key_alone_changes),
        cmocka_unit_test(test_recall_unused_files_are_read),
        cmocka_unit_test(test_recall_survives_nonsense),
        cmocka_unit_test(test_recall_takes_no_fresh_looks),
    };
    return cmocka_run_group_tests(tests, places_init, places_fini);
}
