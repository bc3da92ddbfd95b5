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
    int fd = -1;
    (void)state;
    plan_init(&plan);
    assert_int_equal(bundle_write(&plan, m, &none, true, &fd), OK);
    assert_int_equal(bundle_read_plan(fd, &back), OK);
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
    fd_close(&fd);
}

static void test_bundle_keys_only_when_asked(void **state)
{
    struct bundle_plan plan = {0};
    struct tls_set set;
    struct model *m = load("version: 1\nsites: {a.test: \"http://a:1\"}\n");
    (void)state;
    set_init(&set);
    for (int with_keys = 0; with_keys < 2; with_keys++) {
        struct bundle b;
        int fd = -1;
        const void *data;
        size_t len;
        assert_int_equal(bundle_write(&plan, m, &set, with_keys, &fd), OK);
        assert_int_equal(bundle_read(fd, &b), OK);
        assert_int_equal(b.model->site_count, 1);
        assert_int_equal(b.certs.count, 1);
        assert_int_equal(b.certs.certs[0]->name_count, 2);
        assert_true((b.certs.certs[0]->key.len > 0) == (with_keys != 0));
        assert_memory_equal(b.certs.certs[0]->fingerprint, set.certs[0]->fingerprint, 32);
        assert_int_equal(fd_map_sealed(fd, BUNDLE_MAX, &data, &len), OK);
        struct str key = set.certs[0]->key;
        assert_true((memmem(data, len, key.ptr, key.len) != NULL) == (with_keys != 0));
        fd_unmap(data, len);
        bundle_fini(&b);
        fd_close(&fd);
    }
    tls_set_fini(&set);
    model_free(m);
}

/* Every cut and every changed byte is refused or read; nothing is read past the end. */
static void test_bundle_survives_damage(void **state)
{
    struct bundle_plan plan;
    struct tls_set set;
    struct model *m = load("version: 1\n");
    int fd = -1;
    const void *data;
    size_t len;
    (void)state;
    plan_init(&plan);
    set_init(&set);
    assert_int_equal(bundle_write(&plan, m, &set, true, &fd), OK);
    assert_int_equal(fd_map_sealed(fd, BUNDLE_MAX, &data, &len), OK);
    uint8_t *copy = mem_dup(data, len);
    for (size_t i = 0; i < len; i += i < 400 ? 1 : 37) {
        struct bundle b;
        struct bundle_plan back;
        int cut = -1;
        assert_int_equal(fd_sealed("cut", copy, i, &cut), OK);
        assert_int_not_equal(bundle_read(cut, &b), OK);
        fd_close(&cut);
        copy[i] ^= 0x81;
        assert_int_equal(fd_sealed("bent", copy, len, &cut), OK);
        copy[i] ^= 0x81;
        if (bundle_read(cut, &b) == OK) {
            bundle_fini(&b);
        }
        if (bundle_read_plan(cut, &back) == OK) {
            bundle_plan_fini(&back);
        }
        fd_close(&cut);
    }
    free(copy);
    fd_unmap(data, len);
    fd_close(&fd);
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
    assert_int_equal(bundle_read(fd, &b), ERR_DENIED);
    assert_int_equal(bundle_read_plan(fd, &plan), ERR_DENIED);
    fd_close(&fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bundle_plan_comes_back),
        cmocka_unit_test(test_bundle_keys_only_when_asked),
        cmocka_unit_test(test_bundle_survives_damage),
        cmocka_unit_test(test_bundle_must_be_sealed),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
