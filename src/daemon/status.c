/* SPDX-License-Identifier: MIT */
#include "daemon/status.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/map.h"
#include "base/mem.h"
#include "config/coverage.h"
#include "daemon/admin.h"
#include "daemon/endpoint_view.h"
#include "daemon/expiry.h"
#include "daemon/figures.h"
#include "daemon/role.h"
#include "daemon/traffic.h"
#include "stats/text.h"
#include "stats/totals.h"
#include "status_cells.h"

#define NAMES_SHOWN 4 /* of a certificate or a site */

/* ---- cells ---- */

/* What came from files and the network must not command a terminal. */
static struct str printable(struct status *s, struct str text)
{
    char *dst = arena_alloc(&s->arena, text.len + 1);

    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        dst[i] = c < ' ' || c == 0x7f ? '?' : text.ptr[i];
    }
    return str_n(dst, text.len);
}

void status_cell(struct status *s, enum status_part part, enum status_level level, struct str text)
{
    struct status_table *t = &s->tables[part];

    if ((t->cell_count & (t->cell_count - 1)) == 0) {
        size_t cap = t->cell_count == 0 ? 1 : 2 * t->cell_count;
        t->cells = mem_grow(t->cells, cap, sizeof(t->cells[0]));
    }
    t->cells[t->cell_count++] = (struct status_cell){printable(s, text), level};
}

static void cell_c(struct status *s, enum status_part part, const char *text)
{
    status_cell(s, part, STATUS_PLAIN, str_of(text));
}

static void cell_u64(struct status *s, enum status_part part, uint64_t value)
{
    status_cell(s, part, STATUS_PLAIN, arena_printf(&s->arena, "%" PRIu64, value));
}

/* "3 days ago", for a person. */
static struct str age(struct status *s, int64_t wall_ms)
{
    static const struct {
        int64_t ms;
        const char *unit;
    } units[] = {{86400000, "d"}, {3600000, "h"}, {60000, "min"}, {1000, "s"}};
    int64_t ms = clock_wall_ms() - wall_ms;

    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (ms >= units[i].ms) {
            return arena_printf(&s->arena, "%" PRId64 " %s", ms / units[i].ms, units[i].unit);
        }
    }
    return STR("now");
}

/* The first few, and how many more there are. */
static struct str join(struct status *s, const struct str *names, size_t count)
{
    struct str text = STR("");

    for (size_t i = 0; i < count && i < NAMES_SHOWN; i++) {
        text = arena_printf(&s->arena, "%.*s%s%.*s", STR_FMT(text), i > 0 ? ", " : "",
                            STR_FMT(names[i]));
    }
    if (count > NAMES_SHOWN) {
        text = arena_printf(&s->arena, "%.*s and %zu more", STR_FMT(text), count - NAMES_SHOWN);
    }
    return text;
}

bool status_is_full(const struct status *s, enum status_part part)
{
    const struct status_table *t = &s->tables[part];

    return t->cell_count / t->column_count >= STATUS_ROWS_MAX;
}

/* ---- tables ---- */

static struct str per_second(struct status *s, uint64_t milli)
{
    return arena_printf(&s->arena, "%" PRIu64 ".%" PRIu64, milli / 1000, milli % 1000 / 100);
}

static void rate(struct status *s, const char *what, uint64_t milli, uint64_t total)
{
    cell_c(s, STATUS_TRAFFIC, what);
    status_cell(s, STATUS_TRAFFIC, STATUS_PLAIN, per_second(s, milli));
    cell_u64(s, STATUS_TRAFFIC, total);
}

static uint64_t requests_in_all(const struct counters *c)
{
    struct totals *totals = totals_new(c, SERIES_REQUESTS);
    uint64_t sum = 0;

    for (size_t i = 0; i < totals_count(totals); i++) {
        sum += totals_at(totals, i)->value;
    }
    totals_free(totals);
    return sum;
}

static void build_traffic(struct status *s, const struct admin_view *view)
{
    const struct counters *c = view->counters;
    struct traffic_rates r;

    traffic_rates(view->traffic, &r);
    rate(s, "requests", r.requests, requests_in_all(c));
    rate(s, "connections", r.connections, counters_sum(c, COUNTER_CONNS_ACCEPTED));
    rate(s, "TLS handshakes, full", r.handshakes_full, counters_sum(c, COUNTER_TLS_FULL));
    rate(s, "TLS handshakes, resumed", r.handshakes_resumed, counters_sum(c, COUNTER_TLS_RESUMED));
    if (view->bundle != NULL && view->bundle->model->unknown_site.len > 0) {
        rate(s, "TLS handshakes for unknown names", r.handshakes_default,
             counters_sum(c, COUNTER_TLS_DEFAULT));
    }
    rate(s, "bytes from clients", r.bytes_in, counters_sum(c, COUNTER_CLIENT_BYTES_IN));
    rate(s, "bytes to clients", r.bytes_out, counters_sum(c, COUNTER_CLIENT_BYTES_OUT));
}

static void site_targets(struct status *s, const struct model_site *site)
{
    struct str text = STR("");

    for (size_t i = 0; i < site->route_count && i < NAMES_SHOWN; i++) {
        const struct model_route *r = &site->routes[i];
        bool is_only = site->route_count == 1;
        text = arena_printf(&s->arena, "%.*s%s%.*s%s%.*s", STR_FMT(text), i > 0 ? ", " : "",
                            is_only ? 0 : (int)r->prefix.len, r->prefix.ptr, is_only ? "" : " ",
                            STR_FMT(r->to.text));
    }
    if (site->redirect.len > 0) {
        text = arena_printf(&s->arena, "redirect to %.*s", STR_FMT(site->redirect));
    }
    status_cell(s, STATUS_SITES, STATUS_PLAIN, text);
}

static void build_sites(struct status *s, const struct bundle *b)
{
    struct coverage *covered = coverage_new(&b->certs);

    for (size_t i = 0; i < b->model->site_count && !status_is_full(s, STATUS_SITES); i++) {
        const struct model_site *site = &b->model->sites[i];
        bool has = coverage_has(covered, site->name);
        status_cell(s, STATUS_SITES, STATUS_PLAIN, site->name);
        status_cell(s, STATUS_SITES, STATUS_PLAIN, join(s, site->aliases, site->alias_count));
        status_cell(s, STATUS_SITES, has ? STATUS_GOOD : STATUS_BAD,
                    has ? STR("yes") : STR("missing"));
        site_targets(s, site);
    }
    coverage_free(covered);
}

static void build_certificates(struct status *s, const struct bundle *b)
{
    int64_t now = clock_wall_ms() / 1000;

    for (size_t i = 0; i < b->certs.count && !status_is_full(s, STATUS_CERTIFICATES); i++) {
        const struct tls_cert *c = b->certs.certs[i];
        int64_t days = expiry_days(c->not_after, now);
        bool staging = expiry_is_staging(c);
        enum status_level level = days >= EXPIRY_WARN_DAYS ? STATUS_GOOD : STATUS_WARN;
        status_cell(s, STATUS_CERTIFICATES, STATUS_PLAIN, join(s, c->names, c->name_count));
        cell_c(s, STATUS_CERTIFICATES, tls_key_kind_text(c->kind));
        status_cell(s, STATUS_CERTIFICATES, days < 0 ? STATUS_BAD : level,
                    arena_printf(&s->arena, "%" PRId64, days));
        status_cell(s, STATUS_CERTIFICATES, staging ? STATUS_WARN : STATUS_PLAIN, c->issuer);
        status_cell(s, STATUS_CERTIFICATES, STATUS_PLAIN, c->source);
    }
}

enum { SENT, ACTIVE, CONNECTS, EJECTED, FIGURES };

static void figure_cells(struct status *s, const struct figures *f, struct str service,
                         struct str endpoint)
{
    for (int i = 0; i < FIGURES; i++) {
        cell_u64(s, STATUS_ENDPOINTS, figures_of(&f[i], service, endpoint));
    }
}

static enum status_level service_level(enum service_state state)
{
    switch (state) {
    case SERVICE_RESOLVED: return STATUS_GOOD;
    case SERVICE_UNKNOWN:
    case SERVICE_DOUBTED: return STATUS_WARN;
    case SERVICE_ABSENT: return STATUS_BAD;
    }
    return STATUS_PLAIN;
}

/* What names of a pattern have together; visitors make them, so they are not shown one by one. */
static void pattern_rows(struct status *s, const struct figures *f, const struct model_site *site,
                         struct map *seen)
{
    for (size_t i = 0; i < site->route_count && !status_is_full(s, STATUS_ENDPOINTS); i++) {
        const struct model_target *to = &site->routes[i].to;
        if (to->is_pattern && map_put(seen, to->service, seen) == NULL) {
            status_cell(s, STATUS_ENDPOINTS, STATUS_PLAIN, to->service);
            status_cell(s, STATUS_ENDPOINTS, STATUS_PLAIN, STR("pattern"));
            status_cell(s, STATUS_ENDPOINTS, STATUS_PLAIN, STR("any"));
            figure_cells(s, f, to->service, STR("any"));
        }
    }
}

static void build_patterns(struct status *s, const struct figures *f, const struct bundle *b)
{
    struct map *seen = map_new();

    for (size_t i = 0; b != NULL && i < b->model->site_count; i++) {
        pattern_rows(s, f, &b->model->sites[i], seen);
    }
    map_free(seen);
}

/* What DNS says of the service, or why an address or all of them are not used. */
static void state_cell(struct status *s, const struct endpoint_views *views, struct str name,
                       const struct service_info *info, const struct addr *a)
{
    enum why lack = services_lack(views->view->services, name);
    struct endpoint_view e = {.is_well = true};

    if (a != NULL) {
        endpoint_view(views, name, info, a, &e);
    }
    if (!e.is_well) {
        status_cell(s, STATUS_ENDPOINTS, STATUS_WARN,
                    arena_printf(&s->arena, "%s (%.*s), %.*s", e.state, STR_FMT(e.reason),
                                 STR_FMT(age(s, e.since_wall_ms))));
    } else if (a != NULL && !services_uses(views->view->services, name, a)) {
        status_cell(s, STATUS_ENDPOINTS, STATUS_WARN, str_of(why_label(WHY_NOT_PINNED)));
    } else if (a == NULL && lack == WHY_EXTERNAL_ANSWER) {
        status_cell(s, STATUS_ENDPOINTS, STATUS_BAD, str_of(why_label(lack)));
    } else {
        status_cell(s, STATUS_ENDPOINTS, service_level(info->state),
                    str_of(service_state_text(info->state)));
    }
}

/* "10.0.1.5:5000 web.3", or none. */
static struct str address_text(struct status *s, const struct services *services,
                               const struct addr *a)
{
    const struct task_name *task = a == NULL ? NULL : services_task(services, a);
    char text[ADDR_TEXT_MAX];

    if (a == NULL) {
        return STR("none");
    }
    return arena_printf(&s->arena, "%s%s%s", addr_print(a, text), task != NULL ? " " : "",
                        task != NULL ? task->text : "");
}

static void build_endpoints(struct status *s, const struct admin_view *view)
{
    struct figures f[FIGURES];
    const struct list *pos = NULL;
    struct str name;
    struct service_info info;
    struct endpoint_views views;
    char text[ADDR_TEXT_MAX];

    endpoint_views_init(&views, view);
    figures_init(&f[SENT], view->counters, SERIES_UPSTREAM_REQUESTS);
    figures_init(&f[ACTIVE], view->counters, SERIES_UPSTREAM_ACTIVE);
    figures_init(&f[CONNECTS], view->counters, SERIES_UPSTREAM_CONNECTS);
    figures_init(&f[EJECTED], view->counters, SERIES_UPSTREAM_EJECTED);
    while (services_next(view->services, &pos, &name, &info)) {
        size_t rows = info.count > 0 ? info.count : 1;
        for (size_t i = 0; i < rows && !status_is_full(s, STATUS_ENDPOINTS); i++) {
            const struct addr *a = i < info.count ? &info.addrs[i] : NULL;
            struct str at = a == NULL ? STR("none") : str_of(addr_print(a, text));
            status_cell(s, STATUS_ENDPOINTS, STATUS_PLAIN, name);
            state_cell(s, &views, name, &info, a);
            status_cell(s, STATUS_ENDPOINTS, STATUS_PLAIN, address_text(s, view->services, a));
            figure_cells(s, f, name, at);
        }
    }
    build_patterns(s, f, view->bundle);
    for (int i = 0; i < FIGURES; i++) {
        figures_fini(&f[i]);
    }
    endpoint_views_fini(&views);
}

static void build_errors(struct status *s, const struct traffic *t)
{
    static const char *const labels[] = {"site", "code", "reason"};
    struct traffic_error e;

    for (size_t i = 0; traffic_error_at(t, i, &e) && i < 50; i++) {
        status_cell(s, STATUS_ERRORS, STATUS_PLAIN, age(s, e.last_wall_ms));
        for (size_t k = 0; k < sizeof(labels) / sizeof(labels[0]); k++) {
            struct buf text;
            buf_init(&text, SERIES_LABELS_MAX);
            if (totals_label(e.labels, labels[k], &text) != OK) {
                buf_clear(&text);
            }
            status_cell(s, STATUS_ERRORS, STATUS_PLAIN, buf_str(&text));
            buf_fini(&text);
        }
        cell_u64(s, STATUS_ERRORS, e.count);
    }
}

static void process_row(struct status *s, const struct slot *slot)
{
    uint32_t state = __atomic_load_n(&slot->state, __ATOMIC_ACQUIRE);
    uint64_t crashes = slot->values[COUNTER_PROCESS_CRASHES];

    status_cell(s, STATUS_PROCESSES, STATUS_PLAIN,
                slot->role == SLOT_WORKER ? arena_printf(&s->arena, "worker %u", slot->index)
                                          : str_of(slot_role_text(slot->role)));
    cell_u64(s, STATUS_PROCESSES, (uint64_t)slot->pid);
    status_cell(s, STATUS_PROCESSES, state == SLOT_READY ? STATUS_GOOD : STATUS_WARN,
                str_of(slot_state_text(state)));
    cell_u64(s, STATUS_PROCESSES, __atomic_load_n(&slot->generation, __ATOMIC_ACQUIRE));
    status_cell(s, STATUS_PROCESSES, STATUS_PLAIN, age(s, (int64_t)slot->started_wall_ms));
    status_cell(s, STATUS_PROCESSES, crashes == 0 ? STATUS_PLAIN : STATUS_WARN,
                arena_printf(&s->arena, "%" PRIu64, crashes));
}

static void build_processes(struct status *s, const struct counters *c)
{
    for (size_t i = 0; i < c->count; i++) {
        if (c->slots[i].role != SLOT_FREE) {
            process_row(s, &c->slots[i]);
        }
    }
}

/* ---- the whole ---- */

static const struct status_table layout[STATUS_PARTS] = {
    [STATUS_WARNINGS] = {.title = "Warnings", .columns = {"about", "what"}, .empty = "none"},
    [STATUS_TRAFFIC] = {.title = "Traffic", .columns = {"what", "a second", "in all"}},
    [STATUS_SITES] = {.title = "Sites",
                      .columns = {"site", "aliases", "certificate", "goes to"},
                      .empty = "no site is configured"},
    [STATUS_CERTIFICATES] = {.title = "Certificates",
                             .columns = {"names", "key", "days left", "issuer", "files"},
                             .empty = "no certificate was found"},
    [STATUS_ENDPOINTS] = {.title = "Endpoints",
                          .columns = {"service", "name", "address", "requests", "running",
                                      "connections", "passed over"},
                          .empty = "no service is asked for by name"},
    [STATUS_ERRORS] = {.title = "Errors of the last hour",
                       .columns = {"last", "site", "status", "reason", "in all"},
                       .empty = "none"},
    [STATUS_PROCESSES] = {.title = "Processes",
                          .columns = {"process", "pid", "state", "generation", "up for",
                                      "crashes"}},
};

static void write_headline(struct status *s, const struct admin_view *view)
{
    bool ready = admin_is_ready(view->counters);
    const struct slot *first = &view->counters->slots[ROLE_SLOT_SUPERVISOR];
    struct str up = age(s, (int64_t)first->started_wall_ms);
    struct str reload = STR("");

    if (view->reload_wall_ms != 0) {
        struct str ago = age(s, view->reload_wall_ms);
        reload = arena_printf(&s->arena, ", last reload %s (%.*s)",
                              reload_outcome_text(view->reload_outcome), STR_FMT(ago));
    }
    s->level = ready ? STATUS_GOOD : STATUS_BAD;
    s->headline = arena_printf(
        &s->arena, "hivedoor %s, %s, generation %" PRIu64 ", up for %.*s%.*s", HIVEDOOR_VERSION,
        ready ? "ready" : "not ready", view->generation, STR_FMT(up), STR_FMT(reload));
}

void status_build(const struct admin_view *view, struct status *s)
{
    *s = (struct status){.level = STATUS_PLAIN};
    arena_init(&s->arena, 16 * 1024);
    for (int i = 0; i < STATUS_PARTS; i++) {
        s->tables[i] = layout[i];
        while (s->tables[i].columns[s->tables[i].column_count] != NULL) {
            s->tables[i].column_count++;
        }
    }
    write_headline(s, view);
    status_warnings(s, view);
    build_traffic(s, view);
    if (view->bundle != NULL) {
        build_sites(s, view->bundle);
        build_certificates(s, view->bundle);
    }
    build_endpoints(s, view);
    build_errors(s, view->traffic);
    build_processes(s, view->counters);
}

void status_fini(struct status *s)
{
    for (int i = 0; i < STATUS_PARTS; i++) {
        free(s->tables[i].cells);
    }
    arena_fini(&s->arena);
}
