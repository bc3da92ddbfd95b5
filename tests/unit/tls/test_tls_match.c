/* SPDX-License-Identifier: MIT */
#include "tls/tls_match.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "tls_kit.h"

#define NOTES 9

/* One run: counts the notes and keeps the last one. */
struct run {
    struct tls_matcher *m;
    unsigned notes[NOTES];
    char last_file[64];
    struct tls_set set;
};

static EVP_PKEY *ec_key;
static EVP_PKEY *ec_other;
static EVP_PKEY *rsa_key;

static void on_note(void *arg, const struct tls_note *note)
{
    struct run *r = arg;

    assert_true((size_t)note->kind < NOTES);
    assert_true(strlen(note->text) > 10);
    r->notes[note->kind]++;
    (void)str_copy(r->last_file, sizeof(r->last_file),
                   str_of(note->file == NULL ? "" : note->file));
}

static void run_start(struct run *r)
{
    *r = (struct run){.m = NULL};
    r->m = tls_matcher_new(on_note, r);
}

/* Frees `pem`. */
static size_t add(struct run *r, const char *file, char *pem)
{
    size_t n = tls_matcher_add(r->m, file, str_of(pem));
    free(pem);
    return n;
}

static void finish(struct run *r, const struct tls_set *previous, const char *wanted)
{
    struct str names[8];
    size_t count = 0;
    struct str rest = str_of(wanted);

    while (count < 8 && wanted[0] != '\0' && str_next(&rest, ' ', &names[count])) {
        count++;
    }
    tls_matcher_finish(r->m, &(struct tls_match_context){previous, names, count, KIT_NOW}, &r->set);
    tls_matcher_free(r->m);
}

static unsigned all_notes(const struct run *r)
{
    unsigned n = 0;
    for (size_t i = 0; i < NOTES; i++) {
        n += r->notes[i];
    }
    return n;
}

static char *cert_of(const char *names, EVP_PKEY *key, int64_t from, int64_t to)
{
    X509 *x = kit_issue(&(struct kit_spec){.names = names, .key = key, .from = from, .to = to});
    char *pem = kit_cert_pem(x);
    X509_free(x);
    return pem;
}

/* A CA with an intermediate and a leaf, as three PEM texts. */
struct tree {
    EVP_PKEY *root_key;
    EVP_PKEY *mid_key;
    X509 *root;
    X509 *mid;
    X509 *leaf;
};

static void tree_make(struct tree *t, const char *root_name, const char *names)
{
    t->root_key = kit_ec_key();
    t->mid_key = kit_ec_key();
    t->root =
        kit_issue(&(struct kit_spec){.subject = root_name, .key = t->root_key, .is_ca = true});
    t->mid = kit_issue(&(struct kit_spec){.subject = "mid",
                                          .key = t->mid_key,
                                          .issuer = t->root,
                                          .issuer_key = t->root_key,
                                          .is_ca = true});
    t->leaf = kit_issue(&(struct kit_spec){.subject = "leaf",
                                           .names = names,
                                           .key = ec_key,
                                           .issuer = t->mid,
                                           .issuer_key = t->mid_key});
}

static void tree_free(struct tree *t)
{
    X509_free(t->root);
    X509_free(t->mid);
    X509_free(t->leaf);
    EVP_PKEY_free(t->root_key);
    EVP_PKEY_free(t->mid_key);
}

static void test_tls_match_takes_swapped_names(void **state)
{
    struct run r;
    (void)state;

    run_start(&r);
    assert_int_equal(add(&r, "request.pem", kit_key_pem(ec_key)), 1);
    assert_int_equal(add(&r, "swarm.pem", cert_of("a.com B.com c.com", ec_key, 0, 0)), 1);
    assert_int_equal(add(&r, "readme.txt", kit_join(mem_dup("hello\n", 6), NULL)), 0);
    finish(&r, NULL, "");
    assert_int_equal(r.set.count, 1);
    assert_int_equal(r.set.certs[0]->name_count, 3);
    assert_true(tls_cert_covers(r.set.certs[0], STR("b.com")));
    assert_true(str_eq(r.set.certs[0]->source, STR("swarm.pem + request.pem")));
    assert_int_equal(all_notes(&r), 0);
    tls_set_fini(&r.set);
}

static void test_tls_match_builds_chain_from_shuffled_files(void **state)
{
    struct tree t;
    (void)state;

    tree_make(&t, "root", "a.com");
    for (int order = 0; order < 6; order++) {
        static const int orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                         {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
        struct run r;
        run_start(&r);
        for (int i = 0; i < 3; i++) {
            int what = orders[order][i];
            (void)add(&r, "x",
                      what == 0   ? kit_key_pem_old(ec_key)
                      : what == 1 ? kit_join(kit_cert_pem(t.mid), kit_cert_pem(t.leaf), NULL)
                                  : kit_cert_pem(t.root));
        }
        finish(&r, NULL, "");
        assert_int_equal(r.set.count, 1);
        assert_int_equal(r.set.certs[0]->chain_count, 2);
        struct str mid = kit_cert_der(t.mid);
        assert_true(str_eq(r.set.certs[0]->chain[1], mid));
        free((char *)(uintptr_t)mid.ptr);
        assert_int_equal(all_notes(&r), 0);
        tls_set_fini(&r.set);
    }
    tree_free(&t);
}

/* certbot's folder: cert.pem, chain.pem, fullchain.pem, privkey.pem. */
static void test_tls_match_takes_repeated_certificates_once(void **state)
{
    struct tree t;
    struct run r;
    (void)state;

    tree_make(&t, "root", "a.com");
    run_start(&r);
    (void)add(&r, "cert.pem", kit_cert_pem(t.leaf));
    (void)add(&r, "chain.pem", kit_cert_pem(t.mid));
    (void)add(&r, "fullchain.pem", kit_join(kit_cert_pem(t.leaf), kit_cert_pem(t.mid), NULL));
    (void)add(&r, "privkey.pem", kit_key_pem(ec_key));
    finish(&r, NULL, "");
    assert_int_equal(r.set.count, 1);
    assert_int_equal(r.set.certs[0]->chain_count, 2);
    assert_int_equal(all_notes(&r), 0);
    tls_set_fini(&r.set);
    tree_free(&t);
}

static void test_tls_match_notes_missing_chain_and_staging(void **state)
{
    struct tree t;
    struct run r;
    (void)state;

    tree_make(&t, "root", "a.com");
    run_start(&r);
    (void)add(&r, "a.pem", kit_join(kit_cert_pem(t.leaf), kit_key_pem(ec_key), NULL));
    finish(&r, NULL, "");
    assert_int_equal(r.set.count, 1);
    assert_int_equal(r.notes[TLS_NOTE_CHAIN], 1);
    assert_string_equal(r.last_file, "a.pem");
    tls_set_fini(&r.set);
    tree_free(&t);

    tree_make(&t, "(STAGING) Root", "a.com");
    X509 *leaf = kit_issue(&(struct kit_spec){
        .names = "a.com", .key = ec_key, .issuer = t.root, .issuer_key = t.root_key});
    run_start(&r);
    (void)add(&r, "a.pem", kit_join(kit_cert_pem(leaf), kit_key_pem(ec_key), NULL));
    (void)add(&r, "root.pem", kit_cert_pem(t.root));
    finish(&r, NULL, "");
    assert_int_equal(r.set.certs[0]->chain_count, 1);
    assert_int_equal(r.notes[TLS_NOTE_CHAIN], 0);
    assert_int_equal(r.notes[TLS_NOTE_STAGING], 1);
    tls_set_fini(&r.set);
    X509_free(leaf);
    tree_free(&t);
}

static void test_tls_match_half_written_pair_keeps_previous(void **state)
{
    struct tls_set previous = kit_set(kit_site("a.com", ec_key, 0, 0), NULL);
    struct run r;
    (void)state;

    /* The chain of a new key is there, the old key still lies beside it. */
    run_start(&r);
    (void)add(&r, "swarm.pem", cert_of("a.com", ec_other, 0, KIT_NOW + 200 * KIT_DAY));
    (void)add(&r, "request.pem", kit_key_pem(ec_key));
    finish(&r, &previous, "a.com");
    assert_int_equal(r.set.count, 1);
    assert_ptr_equal(r.set.certs[0], previous.certs[0]);
    assert_int_equal(r.notes[TLS_NOTE_NO_KEY], 1);
    assert_int_equal(r.notes[TLS_NOTE_NO_LEAF], 1);
    assert_int_equal(r.notes[TLS_NOTE_KEPT], 1);
    tls_set_fini(&r.set);

    /* Cut in the middle of the block. */
    char *cut = cert_of("a.com", ec_other, 0, 0);
    cut[300] = '\0';
    run_start(&r);
    (void)add(&r, "swarm.pem", cut);
    finish(&r, &previous, "a.com");
    assert_int_equal(r.set.count, 1);
    assert_int_equal(r.notes[TLS_NOTE_BAD_FILE], 1);
    assert_int_equal(r.notes[TLS_NOTE_KEPT], 1);
    tls_set_fini(&r.set);

    /* Both halves new: it is taken. */
    run_start(&r);
    (void)add(&r, "swarm.pem", cert_of("a.com", ec_other, 0, KIT_NOW + 200 * KIT_DAY));
    (void)add(&r, "request.pem", kit_key_pem(ec_other));
    finish(&r, &previous, "a.com");
    assert_int_equal(r.set.count, 1);
    assert_ptr_not_equal(r.set.certs[0], previous.certs[0]);
    assert_int_equal(all_notes(&r), 0);
    tls_set_fini(&r.set);
    tls_set_fini(&previous);
}

static void test_tls_match_keeps_only_what_sites_want(void **state)
{
    struct tls_set previous = kit_set(kit_site("a.com", ec_key, 0, 0), NULL);
    struct run r;
    (void)state;

    run_start(&r);
    finish(&r, &previous, "b.com");
    assert_int_equal(r.set.count, 0);
    tls_set_fini(&r.set);
    tls_set_fini(&previous);
}

static void test_tls_match_older_never_replaces_newer(void **state)
{
    struct tls_set previous = kit_set(kit_site("a.com", ec_key, 0, KIT_NOW + 90 * KIT_DAY), NULL);
    struct run r;
    (void)state;

    /* A stale copy, then an expired one, instead of the running one. */
    for (int i = 0; i < 2; i++) {
        run_start(&r);
        (void)add(&r, "old.pem",
                  kit_site("a.com", ec_other, KIT_NOW - 80 * KIT_DAY,
                           i == 0 ? KIT_NOW + 10 * KIT_DAY : KIT_NOW - KIT_DAY));
        finish(&r, &previous, "a.com");
        assert_int_equal(r.notes[TLS_NOTE_KEPT], 1);
        bool kept = false;
        for (size_t k = 0; k < r.set.count; k++) {
            kept = kept || r.set.certs[k] == previous.certs[0];
        }
        assert_true(kept);
        tls_set_fini(&r.set);
    }
    /* A shorter life that was issued later is no stale copy. */
    run_start(&r);
    (void)add(&r, "new.pem",
              kit_site("a.com", ec_other, KIT_NOW - KIT_DAY / 2, KIT_NOW + 10 * KIT_DAY));
    finish(&r, &previous, "a.com");
    assert_int_equal(r.set.count, 1);
    assert_ptr_not_equal(r.set.certs[0], previous.certs[0]);
    tls_set_fini(&r.set);
    tls_set_fini(&previous);
}

static void test_tls_match_best_of_equal_places_wins(void **state)
{
    struct run r;
    (void)state;

    run_start(&r);
    (void)add(&r, "1.pem", kit_site("a.com", ec_key, 0, KIT_NOW + 10 * KIT_DAY));
    (void)add(&r, "2.pem", kit_site("a.com", ec_other, 0, KIT_NOW + 20 * KIT_DAY));
    (void)add(&r, "3.pem", kit_site("a.com", ec_other, KIT_NOW + KIT_DAY, KIT_NOW + 900 * KIT_DAY));
    finish(&r, NULL, "");
    assert_int_equal(r.set.count, 1);
    assert_true(r.set.certs[0]->not_after == KIT_NOW + 20 * KIT_DAY);
    assert_int_equal(r.notes[TLS_NOTE_OLDER], 2);
    tls_set_fini(&r.set);
}

static void test_tls_match_notes_expired(void **state)
{
    struct run r;
    (void)state;

    run_start(&r);
    (void)add(&r, "1.pem", kit_site("a.com", ec_key, KIT_NOW - 9 * KIT_DAY, KIT_NOW - KIT_DAY));
    finish(&r, NULL, "");
    assert_int_equal(r.set.count, 1);
    assert_int_equal(r.notes[TLS_NOTE_EXPIRED], 1);
    tls_set_fini(&r.set);
}

static void test_tls_match_rsa_and_ecdsa_side_by_side(void **state)
{
    struct run r;
    (void)state;

    run_start(&r);
    (void)add(&r, "all.pem",
              kit_join(kit_site("a.com", ec_key, 0, 0), cert_of("a.com", rsa_key, 0, 0),
                       kit_key_pem_old(rsa_key), NULL));
    finish(&r, NULL, "");
    assert_int_equal(r.set.count, 2);
    assert_int_equal(r.set.certs[0]->kind, TLS_KEY_ECDSA);
    assert_int_equal(r.set.certs[1]->kind, TLS_KEY_RSA);
    assert_int_equal(all_notes(&r), 0);
    tls_set_fini(&r.set);
}

/* "n0.example.com n1.example.com ..." */
static char *many_names(unsigned count)
{
    char *names = mem_new(count * 24 + 1);
    size_t len = 0;
    for (unsigned i = 0; i < count; i++) {
        len += (size_t)snprintf(names + len, 24, "%sn%u.example.com", i == 0 ? "" : " ", i);
    }
    return names;
}

static void test_tls_match_thousand_names(void **state)
{
    struct run r;
    char *names = many_names(1000);
    char *too_many = many_names(1001);
    (void)state;

    run_start(&r);
    (void)add(&r, "1.pem", kit_site(names, ec_key, 0, 0));
    finish(&r, NULL, "");
    assert_int_equal(r.set.certs[0]->name_count, 1000);
    assert_true(tls_cert_covers(r.set.certs[0], STR("n999.example.com")));
    assert_false(tls_cert_covers(r.set.certs[0], STR("n1000.example.com")));
    tls_set_fini(&r.set);

    run_start(&r);
    (void)add(&r, "1.pem", kit_site(too_many, ec_key, 0, 0));
    finish(&r, NULL, "");
    assert_int_equal(r.set.count, 0);
    assert_int_equal(r.notes[TLS_NOTE_BAD_FILE], 1);
    tls_set_fini(&r.set);
    free(names);
    free(too_many);
}

static void test_tls_match_reports_encrypted_and_nameless(void **state)
{
    struct run r;
    (void)state;

    run_start(&r);
    assert_int_equal(add(&r, "k.pem", kit_key_pem_encrypted(ec_key)), 1);
    (void)add(&r, "c.pem", cert_of("a.com", ec_key, 0, 0));
    finish(&r, NULL, "");
    assert_int_equal(r.set.count, 0);
    assert_int_equal(r.notes[TLS_NOTE_BAD_FILE], 1);
    assert_int_equal(r.notes[TLS_NOTE_NO_KEY], 1);
    tls_set_fini(&r.set);

    /* The common name is no name. */
    run_start(&r);
    (void)add(&r, "c.pem", kit_join(cert_of(NULL, ec_key, 0, 0), kit_key_pem(ec_key), NULL));
    finish(&r, NULL, "");
    assert_int_equal(r.set.count, 0);
    assert_int_equal(r.notes[TLS_NOTE_BAD_FILE], 1);
    tls_set_fini(&r.set);
}

static int make_keys(void **state)
{
    (void)state;
    ec_key = kit_ec_key();
    ec_other = kit_ec_key();
    rsa_key = kit_rsa_key();
    return 0;
}

static int free_keys(void **state)
{
    (void)state;
    EVP_PKEY_free(ec_key);
    EVP_PKEY_free(ec_other);
    EVP_PKEY_free(rsa_key);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tls_match_takes_swapped_names),
        cmocka_unit_test(test_tls_match_builds_chain_from_shuffled_files),
        cmocka_unit_test(test_tls_match_takes_repeated_certificates_once),
        cmocka_unit_test(test_tls_match_notes_missing_chain_and_staging),
        cmocka_unit_test(test_tls_match_half_written_pair_keeps_previous),
        cmocka_unit_test(test_tls_match_keeps_only_what_sites_want),
        cmocka_unit_test(test_tls_match_older_never_replaces_newer),
        cmocka_unit_test(test_tls_match_best_of_equal_places_wins),
        cmocka_unit_test(test_tls_match_notes_expired),
        cmocka_unit_test(test_tls_match_rsa_and_ecdsa_side_by_side),
        cmocka_unit_test(test_tls_match_thousand_names),
        cmocka_unit_test(test_tls_match_reports_encrypted_and_nameless),
    };

    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
