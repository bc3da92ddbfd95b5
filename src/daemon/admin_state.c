/* SPDX-License-Identifier: MIT */
#include "daemon/admin_state.h"

#include <stdio.h>

#include "base/clock.h"
#include "config/coverage.h"
#include "daemon/endpoint_view.h"
#include "daemon/expiry.h"
#include "daemon/json.h"
#include "daemon/sandbox.h"
#include "daemon/traffic.h"
#include "stats/totals.h"

#define COUNTER_KEY_MAX 128
#define ERRORS_MAX      50

static void write_processes(struct json *j, const struct counters *c)
{
    json_array(j, "processes");
    for (size_t i = 0; i < c->count; i++) {
        const struct slot *s = &c->slots[i];
        json_object(j, NULL);
        json_str(j, "role", str_of(slot_role_text(s->role)));
        json_int(j, "index", s->index);
        json_int(j, "pid", s->pid);
        json_str(j, "state", str_of(slot_state_text(__atomic_load_n(&s->state, __ATOMIC_ACQUIRE))));
        json_int(j, "generation", (int64_t)__atomic_load_n(&s->generation, __ATOMIC_ACQUIRE));
        json_time(j, "since", (int64_t)s->started_wall_ms);
        json_int(j, "starts", (int64_t)s->values[COUNTER_PROCESS_STARTS]);
        json_int(j, "crashes", (int64_t)s->values[COUNTER_PROCESS_CRASHES]);
        json_object_end(j);
    }
    json_array_end(j);
}

static void write_addr(struct json *j, const char *key, const struct addr *a)
{
    char text[ADDR_TEXT_MAX];

    json_str(j, key, str_of(addr_print(a, text)));
}

static void write_listeners(struct json *j, const struct model *m)
{
    json_object(j, "listeners");
    json_array(j, "http");
    for (size_t i = 0; i < m->listen_http_count; i++) {
        write_addr(j, NULL, &m->listen_http[i]);
    }
    json_array_end(j);
    json_array(j, "https");
    for (size_t i = 0; i < m->listen_https_count; i++) {
        write_addr(j, NULL, &m->listen_https[i]);
    }
    json_array_end(j);
    if (m->admin.len > 0) {
        write_addr(j, "admin", &m->admin);
    }
    json_object_end(j);
}

static void write_routes(struct json *j, const struct model_site *site)
{
    json_array(j, "routes");
    for (size_t i = 0; i < site->route_count; i++) {
        json_object(j, NULL);
        json_str(j, "prefix", site->routes[i].prefix);
        json_str(j, "to", site->routes[i].to.text);
        json_object_end(j);
    }
    json_array_end(j);
}

static void write_sites(struct json *j, const struct bundle *b)
{
    const struct model *m = b->model;
    struct coverage *covered = coverage_new(&b->certs);

    json_array(j, "sites");
    for (size_t i = 0; i < m->site_count; i++) {
        const struct model_site *site = &m->sites[i];
        json_object(j, NULL);
        json_str(j, "name", site->name);
        json_array(j, "aliases");
        for (size_t k = 0; k < site->alias_count; k++) {
            json_str(j, NULL, site->aliases[k]);
        }
        json_array_end(j);
        json_bool(j, "certificate", coverage_has(covered, site->name));
        if (site->redirect.len > 0) {
            json_str(j, "redirect", site->redirect);
        }
        write_routes(j, site);
        json_object_end(j);
    }
    json_array_end(j);
    coverage_free(covered);
}

static void write_certs(struct json *j, const struct tls_set *set)
{
    int64_t now = clock_wall_ms() / 1000;

    json_array(j, "certificates");
    for (size_t i = 0; i < set->count; i++) {
        const struct tls_cert *c = set->certs[i];
        json_object(j, NULL);
        json_array(j, "names");
        for (size_t k = 0; k < c->name_count; k++) {
            json_str(j, NULL, c->names[k]);
        }
        json_array_end(j);
        json_str(j, "kind", str_of(tls_key_kind_text(c->kind)));
        json_time(j, "not_before", c->not_before * 1000);
        json_time(j, "not_after", c->not_after * 1000);
        json_int(j, "days_left", expiry_days(c->not_after, now));
        json_str(j, "serial", c->serial);
        json_str(j, "issuer", c->issuer);
        json_bool(j, "staging", expiry_is_staging(c));
        json_str(j, "source", c->source);
        json_object_end(j);
    }
    json_array_end(j);
}

/* What the DNS, the checks and the workers say of it; and whose it is, where that is known. */
static void write_endpoint(struct json *j, const struct endpoint_views *views, struct str name,
                           const struct service_info *info, const struct addr *a)
{
    const struct services *s = views->view->services;
    const struct task_name *task = services_task(s, a);
    struct endpoint_view e;

    endpoint_view(views, name, info, a, &e);
    json_object(j, NULL);
    write_addr(j, "address", a);
    json_str(j, "state", str_of(e.state));
    if (!e.is_well) {
        json_str(j, "reason", e.reason);
        json_time(j, "since", e.since_wall_ms);
    }
    if (e.status != 0) {
        json_int(j, "status", e.status);
    }
    if (e.workers > 0) {
        json_int(j, "workers", (int64_t)e.workers);
    }
    json_int(j, "running", (int64_t)e.running);
    if (!services_uses(s, name, a)) {
        json_str(j, "unused", str_of(why_label(WHY_NOT_PINNED)));
    }
    if (task != NULL) {
        json_str(j, "task", str_of(task->text));
    }
    json_object_end(j);
}

/* `lack`: what requests end with now, WHY_OK when there is an address for them. */
static void write_service(struct json *j, const struct endpoint_views *views, struct str name,
                          const struct service_info *info, enum why lack)
{
    json_object(j, NULL);
    json_str(j, "name", name);
    json_str(j, "state", str_of(service_state_text(info->state)));
    if (lack != WHY_OK) {
        json_str(j, "reason", str_of(why_label(lack)));
    }
    if (info->last_answer_ms > 0) {
        json_int(j, "answered_ms_ago", (int64_t)(clock_ms() - info->last_answer_ms));
    }
    json_array(j, "endpoints");
    for (size_t k = 0; k < info->count; k++) {
        write_addr(j, NULL, &info->addrs[k]);
    }
    json_array_end(j);
    json_array(j, "endpoint_states");
    for (size_t k = 0; k < info->count; k++) {
        write_endpoint(j, views, name, info, &info->addrs[k]);
    }
    json_array_end(j);
    json_object_end(j);
}

static void write_services(struct json *j, const struct admin_view *view)
{
    const struct services *s = view->services;
    struct endpoint_views views;
    const struct list *pos = NULL;
    struct str name;
    struct service_info info;

    endpoint_views_init(&views, view);
    json_array(j, "services");
    while (services_next(s, &pos, &name, &info)) {
        write_service(j, &views, name, &info, services_lack(s, name));
    }
    json_array_end(j);
    pos = NULL;
    json_array(j, "pattern_services");
    while (wanted_next(services_wanted(s), &pos, &name, &info)) {
        write_service(j, &views, name, &info, info.count > 0 ? WHY_OK : WHY_NO_ENDPOINT);
    }
    json_array_end(j);
    endpoint_views_fini(&views);
}

static void write_sandbox(struct json *j, uint32_t missing)
{
    json_array(j, "sandbox_missing");
    for (unsigned i = 0; i < SANDBOX_COUNT; i++) {
        if ((missing & 1U << i) != 0) {
            json_str(j, NULL, str_of(sandbox_text((enum sandbox_step)i)));
        }
    }
    json_array_end(j);
}

static int64_t per_minute(uint64_t milli_a_second)
{
    return (int64_t)(milli_a_second * 60 / 1000);
}

/* What happened lately: see daemon/traffic. */
static void write_rates(struct json *j, const struct traffic *t)
{
    struct traffic_rates r;

    traffic_rates(t, &r);
    json_object(j, "per_minute");
    json_int(j, "requests", per_minute(r.requests));
    json_int(j, "connections", per_minute(r.connections));
    json_int(j, "handshakes_full", per_minute(r.handshakes_full));
    json_int(j, "handshakes_resumed", per_minute(r.handshakes_resumed));
    json_int(j, "handshakes_default", per_minute(r.handshakes_default));
    json_int(j, "bytes_in", per_minute(r.bytes_in));
    json_int(j, "bytes_out", per_minute(r.bytes_out));
    json_object_end(j);
}

static void write_errors(struct json *j, const struct traffic *t)
{
    static const char *const labels[] = {"site", "code", "reason"};
    struct traffic_error e;

    json_array(j, "errors");
    for (size_t i = 0; i < ERRORS_MAX && traffic_error_at(t, i, &e); i++) {
        json_object(j, NULL);
        for (size_t k = 0; k < sizeof(labels) / sizeof(labels[0]); k++) {
            struct buf text;
            buf_init(&text, SERIES_LABELS_MAX);
            if (totals_label(e.labels, labels[k], &text) == OK) {
                json_str(j, labels[k], buf_str(&text));
            }
            buf_fini(&text);
        }
        json_int(j, "count", (int64_t)e.count);
        json_time(j, "last", e.last_wall_ms);
        json_object_end(j);
    }
    json_array_end(j);
}

static void write_last_reload(struct json *j, const struct admin_view *view)
{
    if (view->reload_wall_ms == 0) {
        return;
    }
    json_object(j, "last_reload");
    json_str(j, "outcome", str_of(reload_outcome_text(view->reload_outcome)));
    json_int(j, "generation", (int64_t)view->reload_generation);
    json_time(j, "time", view->reload_wall_ms);
    json_object_end(j);
}

static void write_counters(struct json *j, const struct counters *c)
{
    static const struct {
        const char *name;
        const char *labels;
    } rows[COUNTER_COUNT] = {
#define ROW(name, metric, type, labels, help) [COUNTER_##name] = {metric, labels},
        COUNTER_TABLE(ROW)
#undef ROW
    };

    json_object(j, "counters");
    for (unsigned i = 0; i < COUNTER_COUNT; i++) {
        const char *labels = rows[i].labels;
        char key[COUNTER_KEY_MAX];
        bool plain = labels[0] == 0;
        (void)snprintf(key, sizeof(key), "%s%s%s%s", rows[i].name, plain ? "" : "{", labels,
                       plain ? "" : "}");
        if (i != COUNTER_GENERATION_CURRENT) { /* a number, not an amount: it stands above */
            json_int(j, key, (int64_t)counters_sum(c, (enum counter)i));
        }
    }
    json_object_end(j);
}

int admin_state_write(const struct admin_view *view, struct buf *out)
{
    struct json j;

    json_init(&j, out);
    json_object(&j, NULL);
    json_str(&j, "version", STR(HIVEDOOR_VERSION));
    json_time(&j, "time", clock_wall_ms());
    json_bool(&j, "ready", admin_is_ready(view->counters));
    json_int(&j, "generation", (int64_t)view->generation);
    write_last_reload(&j, view);
    write_processes(&j, view->counters);
    if (view->bundle != NULL) {
        write_listeners(&j, view->bundle->model);
        write_sites(&j, view->bundle);
        write_certs(&j, &view->bundle->certs);
    }
    write_services(&j, view);
    write_rates(&j, view->traffic);
    write_errors(&j, view->traffic);
    write_sandbox(&j, view->sandbox_missing);
    write_counters(&j, view->counters);
    json_object_end(&j);
    return j.failed || buf_append_str(out, STR("\n")) != OK ? ERR_LIMIT : OK;
}
