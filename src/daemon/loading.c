/* SPDX-License-Identifier: MIT */
#include "daemon/loading.h"

#include <stdlib.h>

#include "base/mem.h"
#include "config/client_rules.h"
#include "config/coverage.h"
#include "config/store.h"
#include "daemon/masked.h"
#include "route/table.h"
#include "tls/tls_local_ca.h"
#include "tls/tls_server.h"

/* ---- the local authority of `hivedoor dev` ---- */

static void add_cert(struct tls_set *set, struct tls_cert *cert)
{
    set->certs = mem_grow(set->certs, set->count + 1, sizeof(struct tls_cert *));
    set->certs[set->count++] = cert;
}

static void sign_missing(const struct loading_want *want, const struct model *m,
                         struct tls_set *set, struct diags *diags)
{
    struct str *names = NULL;
    size_t count = model_names(m, &names);
    struct str *missing = mem_array(count + 1, sizeof(*missing));
    size_t missing_count = 0;
    struct coverage *covered = coverage_new(set);
    struct tls_cert *cert;

    for (size_t i = 0; i < count; i++) {
        if (!coverage_has(covered, names[i]) && tls_local_ca_permits(names[i])) {
            missing[missing_count++] = names[i];
        }
    }
    coverage_free(covered);
    if (missing_count > 0) {
        int err = tls_local_ca_sign(want->local_ca, missing, missing_count, &cert);
        if (err == OK) {
            add_cert(set, cert);
        } else {
            struct diag_place place = {str_of(want->local_ca), 0, 0};
            diags_add(diags, DIAG_WARNING, place,
                      "the local authority could not sign a certificate: %s", err_text(err));
        }
    }
    free(missing);
    free(names);
}

/* ---- the proof ---- */

static void drop_cert(struct tls_set *set, const struct tls_cert *bad, struct diags *diags)
{
    struct diag_place place = {bad->source, 0, 0};

    diags_add(
        diags, DIAG_WARNING, place,
        "this certificate cannot be used (serial %.*s): the TLS library refuses it; its names "
        "have no certificate until it is replaced",
        STR_FMT(bad->serial));
    for (size_t i = 0; i < set->count; i++) {
        if (set->certs[i] == bad) {
            tls_cert_unref(set->certs[i]);
            set->certs[i] = set->certs[--set->count];
            return;
        }
    }
}

/* Builds what a worker will build. ERR_MISMATCH: `out_bad` is a certificate that does not serve. */
static int try_once(const struct model *m, const struct tls_set *set, const struct tls_set *known,
                    const struct tls_cert **out_bad)
{
    static const char *const protocols[] = {"http/1.1", NULL};
    struct tls_ticket_ring ring;
    struct tls_server *server;

    int err = tls_ticket_ring_init(&ring);
    if (err != OK) {
        return err;
    }
    struct tls_auth_rule *rules = NULL;
    size_t rule_count = client_rules(m, &rules);
    struct tls_settings settings = {
        .auth = rules,
        .auth_count = rule_count,
        .min_version = m->tls_min,
        .default_name = m->unknown_site,
        .tickets = &ring,
        .alpn = protocols,
    };
    err = tls_server_new(set, &settings, &server);
    if (err == OK) {
        const struct tls_cert *bad = NULL;
        err = tls_server_verify(server, known, &bad);
        *out_bad = bad;
        tls_server_unref(server);
    }
    free(rules);
    mem_wipe(&ring, sizeof(ring));
    return err;
}

static int prove(const struct model *m, struct tls_set *set, const struct tls_set *known,
                 struct diags *diags)
{
    int err;

    route_table_free(route_table_new(m));
    do {
        const struct tls_cert *bad = NULL;
        err = try_once(m, set, known, &bad);
        if (err != OK && bad == NULL) {
            struct diag_place place = {STR("certificates"), 0, 0};
            diags_add(diags, DIAG_ERROR, place, "TLS cannot be set up: %s", err_text(err));
            return ERR_SYNTAX;
        }
        if (err != OK) {
            drop_cert(set, bad, diags);
        }
    } while (err != OK);
    return OK;
}

/* ---- the supervisor's part ---- */

static size_t copy_addrs(struct addr dst[static BUNDLE_LISTEN_MAX], const struct addr *src,
                         size_t count)
{
    size_t n = count < BUNDLE_LISTEN_MAX ? count : BUNDLE_LISTEN_MAX;

    for (size_t i = 0; i < n; i++) {
        dst[i] = src[i];
    }
    return n;
}

/* Takes the paths of `found`. */
static void make_plan(struct store_found *found, struct loading *l)
{
    const struct model *m = l->model;
    struct bundle_plan *plan = &l->plan;

    plan->http_count = copy_addrs(plan->http, m->listen_http, m->listen_http_count);
    plan->https_count = copy_addrs(plan->https, m->listen_https, m->listen_https_count);
    plan->admin = m->admin;
    plan->workers = m->workers;
    plan->drain_ms = m->drain_ms;
    plan->log_level = (uint8_t)m->log_level;
    plan->access = (uint8_t)m->access;
    memcpy(plan->digest, found->digest, sizeof(plan->digest));
    if (m->acme.folder.len > 0) {
        plan->challenge_folder = str_dup(m->acme.folder);
    }
    plan->watch = found->watch;
    plan->watch_count = found->watch_count;
}

int loading_run(const struct loading_want *want, struct diags *diags, struct loading *out)
{
    struct loading l = {.model = NULL};
    struct store_found found;

    int err = store_load(want->config_path, want->past, diags, &found);
    if (err != OK) {
        return err;
    }
    l.model = found.bundle.model;
    l.certs = found.bundle.certs;
    l.recall = found.recall;
    make_plan(&found, &l);
    size_t found_count = l.certs.count;
    masked_detect(l.model, NULL);
    if (want->local_ca != NULL) {
        sign_missing(want, l.model, &l.certs, diags);
    }
    store_report_missing(want->config_path, l.model, &l.certs, diags);
    err = prove(l.model, &l.certs, want->past == NULL ? NULL : &want->past->certs, diags);
    if (err != OK) {
        loading_fini(&l);
        return err;
    }
    if (want->local_ca != NULL || l.certs.count != found_count) {
        buf_clear(&l.recall); /* it speaks of other places */
    }
    *out = l;
    return OK;
}

void loading_fini(struct loading *l)
{
    model_free(l->model);
    tls_set_fini(&l->certs);
    bundle_plan_fini(&l->plan);
    buf_fini(&l->recall);
}

void loading_count_names(struct loading *l)
{
    struct str *names = NULL;
    struct coverage *covered = coverage_new(&l->certs);

    l->names = model_names(l->model, &names);
    for (size_t i = 0; i < l->names; i++) {
        l->names_covered += coverage_has(covered, names[i]);
    }
    coverage_free(covered);
    free(names);
}
