/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/mem.h"
#include "config/bundle.h"
#include "config/load.h"
#include "tls/tls_local_ca.h"

static char folder[] = "/tmp/hivedoor-test-XXXXXX";

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) == NULL ? -1 : 0;
}

static int remove_folder(void **state)
{
    char path[128];
    (void)state;
    (void)snprintf(path, sizeof(path), "%s/%s", folder, TLS_LOCAL_CA_FILE);
    (void)unlink(path);
    (void)snprintf(path, sizeof(path), "%s/%s", folder, TLS_LOCAL_CA_KEY);
    (void)unlink(path);
    return rmdir(folder);
}

static struct model *load(const char *text)
{
    struct diags d;
    struct model *m = NULL;
    diags_init(&d);
    assert_int_equal(load_text(str_of(text), "f", false, &d, &m), OK);
    diags_fini(&d);
    return m;
}

static void plan_init(struct bundle_plan *plan)
{
    *plan = (struct bundle_plan){.http_count = 2, .https_count = 1, .workers = 4, .drain_ms = 8000};
    assert_int_equal(addr_parse(STR("127.0.0.1:80"), &plan->http[0]), OK);
    assert_int_equal(addr_parse(STR("unix:/run/x"), &plan->http[1]), OK);
    assert_int_equal(addr_parse(STR("[::]:443"), &plan->https[0]), OK);
    assert_int_equal(addr_parse(STR("127.0.0.1:9180"), &plan->admin), OK);
    plan->log_level = LOG_WARN;
    plan->access = MODEL_ACCESS_OFF;
    memset(plan->digest, 0xAB, sizeof(plan->digest));
    plan->challenge_folder = str_dup(STR("/challenges"));
    plan->watch = mem_array(2, sizeof(*plan->watch));
    plan->watch[0] = str_dup(STR("/etc/h.yml"));
    plan->watch[1] = str_dup(STR("/etc/certs"));
    plan->watch_count = 2;
}

static void set_init(struct tls_set *set)
{
    static const struct str names[] = {{"a.test", 6}, {"b.test", 6}};
    bool created;
    assert_int_equal(tls_local_ca_ensure(folder, &created), OK);
    set->certs = mem_array(1, sizeof(*set->certs));
    set->count = 1;
    assert_int_equal(tls_local_ca_sign(folder, names, 2, &set->certs[0]), OK);
}

static void test_bundle_plan_comes_back(void **state)
{
    struct bundle_plan plan;
    struct bundle_plan back;
    struct tls_set none = {NULL, 0};
    struct model *m = load("version: 1\n");
    struct bundle_fds fds;
    (void)state;
    plan_init(&plan);
    assert_int_equal(bundle_write(&(struct bundle_content){&plan, m, &none, STR("")}, &fds), OK);
    assert_int_equal(bundle_read_plan(fds.common, &back), OK);
    assert_int_equal(back.http_count, 2);
    assert_true(addr_eq(&back.http[1], &plan.http[1]));
    assert_int_equal(back.https_count, 1);
    assert_true(addr_eq(&back.https[0], &plan.https[0]));
    assert_true(addr_eq(&back.admin, &plan.admin));
    assert_int_equal(back.workers, 4);
    assert_int_equal(back.drain_ms, 8000);
    assert_int_equal(back.log_level, LOG_WARN);
    assert_int_equal(back.access, MODEL_ACCESS_OFF);
    assert_memory_equal(back.digest, plan.digest, sizeof(plan.digest));
    assert_string_equal(back.challenge_folder, "/challenges");
    assert_int_equal(back.watch_count, 2);
    assert_string_equal(back.watch[1], "/etc/certs");
    bundle_plan_fini(&back);
    bundle_plan_fini(&plan);
    model_free(m);
    bundle_fds_close(&fds);
}

static bool file_has(int fd, struct str what)
{
    const void *data;
    size_t len;
    assert_int_equal(fd_map_sealed(fd, BUNDLE_MAX, &data, &len), OK);
    bool found = memmem(data, len, what.ptr, what.len) != NULL;
    fd_unmap(data, len);
    return found;
}

/* As a worker reads it, or without the secrets. */
static int read_with(const struct bundle_fds *fds, bool with_secrets, struct bundle *out)
{
    struct bundle_source source = {.common = fds->common};
    int err = with_secrets ? sealed_open(fds->secrets, BUNDLE_MAX, &source.secrets) : OK;
    err = err != OK ? err : bundle_read(&source, out);
    sealed_unref(source.secrets);
    return err;
}

static void test_bundle_keys_lie_apart(void **state)
{
    struct bundle_plan plan = {0};
    struct tls_set set;
    struct model *m = load("version: 1\nsites: {a.test: \"http://a:1\"}\n");
    struct bundle_fds fds;
    (void)state;
    set_init(&set);
    struct str key = set.certs[0]->key;
    assert_int_equal(bundle_write(&(struct bundle_content){&plan, m, &set, STR("")}, &fds), OK);
    assert_false(file_has(fds.common, key));
    assert_true(file_has(fds.secrets, key));
    for (int with_keys = 0; with_keys < 2; with_keys++) {
        struct bundle b;
        assert_int_equal(read_with(&fds, with_keys, &b), OK);
        assert_int_equal(b.model->site_count, 1);
        assert_int_equal(b.certs.count, 1);
        assert_int_equal(b.certs.certs[0]->name_count, 2);
        assert_true(str_eq(b.certs.certs[0]->key, with_keys ? key : STR("")));
        assert_memory_equal(b.certs.certs[0]->fingerprint, set.certs[0]->fingerprint, 32);
        bundle_fini(&b);
    }
    bundle_fds_close(&fds);
    tls_set_fini(&set);
    model_free(m);
}

/* An equal configuration is not read again; one that differs is. */
static void test_bundle_shares_an_equal_model(void **state)
{
    struct bundle_plan plan = {0};
    struct tls_set none = {NULL, 0};
    const char *texts[] = {"version: 1\nsites: {a.test: \"http://a:1\"}\n",
                           "version: 1\nsites: {a.test: \"http://a:2\"}\n"};
    struct bundle first = {.model = NULL};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct model *m = load(texts[i / 2]);
        struct bundle_fds fds;
        struct bundle b;
        struct bundle_known known = {.model = first.model};
        memcpy(known.id, first.id, sizeof(known.id));
        assert_int_equal(bundle_write(&(struct bundle_content){&plan, m, &none, STR("")}, &fds),
                         OK);
        model_free(m);
        struct bundle_source source = {.common = fds.common, .known = i == 0 ? NULL : &known};
        assert_int_equal(bundle_read(&source, &b), OK);
        bundle_fds_close(&fds);
        if (i == 0) {
            first = b;
            continue;
        }
        assert_true((b.model == first.model) == (i == 1));
        assert_int_equal(b.model->sites[0].routes[0].to.port, i == 1 ? 1 : 2);
        bundle_fini(&b);
    }
    assert_int_equal(first.model->site_count, 1); /* the last reference is ours */
    bundle_fini(&first);
}

/* A certificate keeps what it lies in, whatever becomes of the bundle and its descriptors. */
static void test_bundle_certificates_outlive_it(void **state)
{
    struct bundle_plan plan = {0};
    struct tls_set set;
    struct bundle b;
    struct bundle_fds fds;
    struct model *m = load("version: 1\n");
    (void)state;
    set_init(&set);
    assert_int_equal(bundle_write(&(struct bundle_content){&plan, m, &set, STR("")}, &fds), OK);
    assert_int_equal(read_with(&fds, true, &b), OK);
    struct tls_cert *kept = tls_cert_ref(b.certs.certs[0]);
    bundle_fini(&b);
    bundle_fds_close(&fds);
    assert_true(tls_cert_covers(kept, STR("b.test")));
    assert_true(str_eq(kept->chain[0], set.certs[0]->chain[0]));
    tls_cert_unref(kept);
    tls_set_fini(&set);
    model_free(m);
}

static void read_bent(const struct bundle_fds *fds)
{
    struct bundle b;
    struct bundle_plan plan;
    if (read_with(fds, true, &b) == OK) {
        bundle_fini(&b);
    }
    if (bundle_read_plan(fds->common, &plan) == OK) {
        bundle_plan_fini(&plan);
    }
}

/* Every cut and every changed byte of one of the two is refused or read. */
static void damage(const struct bundle_fds *fds, bool secrets)
{
    const void *data;
    size_t len;
    assert_int_equal(fd_map_sealed(secrets ? fds->secrets : fds->common, BUNDLE_MAX, &data, &len),
                     OK);
    uint8_t *copy = mem_dup(data, len);
    for (size_t i = 0; i < len; i += i < 400 ? 1 : 37) {
        struct bundle b;
        struct bundle_fds bad = *fds;
        int *fd = secrets ? &bad.secrets : &bad.common;
        assert_int_equal(fd_sealed("cut", copy, i, fd), OK);
        assert_int_not_equal(read_with(&bad, true, &b), OK);
        fd_close(fd);
        copy[i] ^= 0x81;
        assert_int_equal(fd_sealed("bent", copy, len, fd), OK);
        copy[i] ^= 0x81;
        read_bent(&bad);
        fd_close(fd);
    }
    free(copy);
    fd_unmap(data, len);
}

/* Nothing is read past the end. */
static void test_bundle_survives_damage(void **state)
{
    struct bundle_plan plan;
    struct tls_set set;
    struct bundle_fds fds;
    struct model *m = load("version: 1\n");
    (void)state;
    plan_init(&plan);
    set_init(&set);
    assert_int_equal(bundle_write(&(struct bundle_content){&plan, m, &set, STR("")}, &fds), OK);
    damage(&fds, false);
    damage(&fds, true);
    bundle_fds_close(&fds);
    tls_set_fini(&set);
    bundle_plan_fini(&plan);
    model_free(m);
}

static void test_bundle_must_be_sealed(void **state)
{
    struct bundle b;
    struct bundle_plan plan;
    int fd = memfd_create("open", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(fd_write_all(fd, "x", 1), OK);
    assert_int_equal(bundle_read(&(struct bundle_source){.common = fd}, &b), ERR_DENIED);
    assert_int_equal(bundle_read_plan(fd, &plan), ERR_DENIED);
    fd_close(&fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bundle_plan_comes_back),
        cmocka_unit_test(test_bundle_keys_lie_apart),
        cmocka_unit_test(test_bundle_certificates_outlive_it),
        cmocka_unit_test(test_bundle_shares_an_equal_model),
        cmocka_unit_test(test_bundle_survives_damage),
        cmocka_unit_test(test_bundle_must_be_sealed),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
