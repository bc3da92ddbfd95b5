/* SPDX-License-Identifier: MIT */
#include "daemon/explain.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "daemon/admin.h"
#include "daemon/endpoint_view.h"
#include "daemon/expiry.h"
#include "http/target.h"
#include "route/capture.h"
#include "route/path.h"
#include "route/table.h"
#include "stats/totals.h"
#include "tls/tls_sni.h"

#define CHALLENGES STR("/.well-known/acme-challenge/")

/* One URL on its way through the tables. */
struct explain {
    const struct admin_view *view;
    const struct model *model;
    struct arena arena;
    struct buf *out;
    int err; /* the first one of writing */
    bool is_tls;
    struct message request;
    struct target target;
    const struct model_site *site;
    struct str label; /* what stands for the site's "*" */
};

static void line(struct explain *e, const char *what, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static void line(struct explain *e, const char *what, const char *fmt, ...)
{
    va_list ap;

    if (e->err == OK) {
        e->err = buf_printf(e->out, "%-12s ", what);
    }
    va_start(ap, fmt);
    if (e->err == OK) {
        e->err = buf_vprintf(e->out, fmt, ap);
    }
    va_end(ap);
    if (e->err == OK) {
        e->err = buf_append_str(e->out, STR("\n"));
    }
}

/* What a client would be answered with. */
static void line_answer(struct explain *e, enum why why)
{
    line(e, "answer", "%d, reason %s: %s", why_status(why), why_label(why), why_text(why));
}

/* ---- the URL ---- */

/* The request that a client would send for it, as a worker reads it. */
static int read_url(struct explain *e, struct str url)
{
    struct message *m = &e->request;

    for (size_t i = 0; i < url.len; i++) {
        if ((unsigned char)url.ptr[i] <= ' ' || url.ptr[i] == 0x7f) {
            return ERR_SYNTAX;
        }
    }
    e->is_tls = true;
    if (str_starts(url, STR("http://"))) {
        e->is_tls = false;
        url = str_from(url, 7);
    } else if (str_starts(url, STR("https://"))) {
        url = str_from(url, 8);
    }
    ptrdiff_t hash = str_find(url, '#');
    url = hash < 0 ? url : str_sub(url, 0, (size_t)hash);
    size_t end = 0;
    while (end < url.len && url.ptr[end] != '/' && url.ptr[end] != '?') {
        end++;
    }
    if (end == 0) {
        return ERR_SYNTAX;
    }
    struct str rest = str_from(url, end);
    bool has_path = rest.len > 0 && rest.ptr[0] == '/';
    message_init(m, &e->arena);
    m->method = METHOD_GET;
    m->target = arena_printf(&e->arena, "%s%.*s", has_path ? "" : "/", STR_FMT(rest));
    message_add(m, STR("Host"), str_sub(url, 0, end));
    return OK;
}

/* ---- the certificate ---- */

static void one_certificate(struct explain *e, const struct tls_cert *c, const char *why)
{
    int64_t days = expiry_days(c->not_after, clock_wall_ms() / 1000);

    line(e, "certificate", "%s for %.*s, %s: %" PRId64 " days left%s, issued by %.*s",
         tls_key_kind_text(c->kind), STR_FMT(c->names[0]), why, days,
         expiry_is_staging(c) ? ", of a staging authority" : "", STR_FMT(c->issuer));
    line(e, "", "from %.*s", STR_FMT(c->source));
}

static bool has_name(const struct tls_cert *c, struct str name)
{
    for (size_t i = 0; i < c->name_count; i++) {
        if (str_eq(c->names[i], name)) {
            return true;
        }
    }
    return false;
}

/* Whether a request of this host would come to be routed at all. */
static bool certificates(struct explain *e)
{
    const struct model *m = e->model;
    struct tls_sni *sni = tls_sni_new(&e->view->bundle->certs, clock_wall_ms() / 1000);
    const struct tls_identity *id = tls_sni_find(sni, e->target.host);
    bool is_default = id == NULL && m->unknown_site.len > 0;

    if (is_default) {
        id = tls_sni_find(sni, m->unknown_site);
    }
    for (int kind = 0; id != NULL && kind < TLS_KEY_KINDS; kind++) {
        const struct tls_cert *c = id->certs[kind];
        if (c != NULL && c->name_count > 0) {
            one_certificate(e, c,
                            is_default                    ? "as unknown_site says"
                            : has_name(c, e->target.host) ? "which names this host"
                                                          : "by its wildcard");
        }
    }
    if (id == NULL) {
        line(e, "certificate", "none covers %.*s", STR_FMT(e->target.host));
        line(e, "answer", "none: the handshake ends with unrecognized_name, reason %s",
             why_label(WHY_UNKNOWN_NAME));
    } else if (is_default) {
        line_answer(e, WHY_MISDIRECTED);
    }
    tls_sni_free(sni);
    return id != NULL && !is_default;
}

/* ---- endpoints ---- */

static uint64_t figure(const struct totals *t, struct str service, struct str endpoint)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < totals_count(t); i++) {
        struct buf s;
        struct buf at;
        const struct total *one = totals_at(t, i);
        buf_init(&s, SERIES_LABELS_MAX);
        buf_init(&at, SERIES_LABELS_MAX);
        if (totals_label(one->labels, "service", &s) == OK &&
            totals_label(one->labels, "endpoint", &at) == OK && str_eq(buf_str(&s), service) &&
            str_eq(buf_str(&at), endpoint)) {
            sum += one->value;
        }
        buf_fini(&s);
        buf_fini(&at);
    }
    return sum;
}

/* ", listed, task web.3": what the DNS says of an address; nothing of one that it is not asked. */
static struct str said_of(struct explain *e, struct str service, const struct service_info *info,
                          const struct addr *a)
{
    const struct task_name *task = services_task(e->view->services, a);
    bool is_used = services_uses(e->view->services, service, a);

    if (info == NULL) {
        return STR("");
    }
    return arena_printf(&e->arena, ", %s%s%s%s%s",
                        service_is_remembered(info->service, a) ? "remembered" : "listed",
                        task != NULL ? ", task " : "", task != NULL ? task->text : "",
                        is_used ? "" : ", not used: ", is_used ? "" : why_label(WHY_NOT_PINNED));
}

/* What speaks against it, if anything does. */
static void passed_over(struct explain *e, const struct endpoint_views *views, struct str service,
                        const struct addr *a)
{
    struct endpoint_view v;

    endpoint_view(views, service, NULL, a, &v);
    int64_t seconds = (clock_wall_ms() - v.since_wall_ms) / 1000;
    if (v.workers > 0) {
        line(e, "", "passed over by %" PRIu64 " workers for %" PRId64 " s, reason %.*s", v.workers,
             seconds, STR_FMT(v.reason));
    } else if (v.status != 0) {
        line(e, "", "down for %" PRId64 " s: its check was answered with %u", seconds, v.status);
    } else if (!v.is_well) {
        line(e, "", "down for %" PRId64 " s: its check fails, reason %.*s", seconds,
             STR_FMT(v.reason));
    }
}

static void endpoints(struct explain *e, struct str service, const struct service_info *info,
                      const struct addr *addrs, size_t count)
{
    struct totals *sent = totals_new(e->view->counters, SERIES_UPSTREAM_REQUESTS);
    struct totals *failed = totals_new(e->view->counters, SERIES_UPSTREAM_FAILURES);
    struct totals *active = totals_new(e->view->counters, SERIES_UPSTREAM_ACTIVE);
    struct endpoint_views views;
    char text[ADDR_TEXT_MAX];

    endpoint_views_init(&views, e->view);
    for (size_t i = 0; i < count; i++) {
        struct str at = str_of(addr_print(&addrs[i], text));
        struct str said = said_of(e, service, info, &addrs[i]);
        line(e, "endpoint",
             "%s, %" PRIu64 " requests sent, %" PRIu64 " running, %" PRIu64 " failures%.*s", text,
             figure(sent, service, at), figure(active, service, at), figure(failed, service, at),
             STR_FMT(said));
        passed_over(e, &views, service, &addrs[i]);
    }
    endpoint_views_fini(&views);
    totals_free(active);
    totals_free(failed);
    totals_free(sent);
}

static bool find_service(const struct explain *e, struct str name, struct service_info *out_info)
{
    const struct list *pos = NULL;
    struct str found;

    while (services_next(e->view->services, &pos, &found, out_info)) {
        if (str_eq(found, name)) {
            return true;
        }
    }
    return false;
}

/* What to look at when a service has no address. */
static const char *advice(enum why lack)
{
    if (lack == WHY_NOT_PINNED) {
        return "its tasks must be of the service that \"pin\" names, as DNS (PTR) tells it";
    }
    if (lack == WHY_EXTERNAL_ANSWER) {
        return "no task has this name; if it is meant to lead outside, write \"external: true\"";
    }
    return "a task must run, be healthy, and share a network with the door";
}

/* Who waits for an address in vain is told that; who does not wait, that there is none. */
static enum why lack_at(const struct model_route *r, enum why lack)
{
    return lack == WHY_NO_ENDPOINT && r->hold.wait_ms > 0 ? WHY_HOLD_TIMEOUT : lack;
}

/* The name of a task that a pattern makes; figures are kept of the pattern, not of each name. */
static void to_made(struct explain *e, struct str name)
{
    const struct list *pos = NULL;
    struct service_info info;
    struct str found = STR("");
    char text[ADDR_TEXT_MAX];

    while (!str_eq(found, name)) {
        if (!wanted_next(services_wanted(e->view->services), &pos, &found, &info)) {
            line(e, "service", "%.*s, which DNS is asked for when a request comes", STR_FMT(name));
            line(e, "answer", "what the service answers, or %d, reason %s",
                 why_status(WHY_NO_ENDPOINT), why_label(WHY_NO_ENDPOINT));
            return;
        }
    }
    line(e, "service", "%.*s, %s", STR_FMT(name), service_state_text(info.state));
    for (size_t i = 0; i < info.count; i++) {
        line(e, "endpoint", "%s", addr_print(&info.addrs[i], text));
    }
    if (info.count > 0) {
        line(e, "answer", "what the service answers");
    } else {
        line(e, "", "%s", advice(WHY_NO_ENDPOINT));
        line_answer(e, WHY_NO_ENDPOINT);
    }
}

static void to_service(struct explain *e, const struct model_route *r, struct str name)
{
    struct service_info info;

    if (!find_service(e, name, &info)) {
        to_made(e, name);
        return;
    }
    line(e, "service", "%.*s, %s", STR_FMT(name), service_state_text(info.state));
    if (info.last_answer_ms > 0) {
        line(e, "", "last found %" PRIu64 " ms ago", clock_ms() - info.last_answer_ms);
    }
    endpoints(e, name, &info, info.addrs, info.count);
    enum why lack = services_lack(e->view->services, name);
    if (lack != WHY_OK) {
        line(e, "", "%s", advice(lack));
        line_answer(e, lack_at(r, lack));
    } else {
        line(e, "answer", "what the service answers");
    }
}

/* ---- the site ---- */

static void nets(struct explain *e, const char *what, const struct addr_net *list, size_t count)
{
    char text[ADDR_TEXT_MAX];

    for (size_t i = 0; i < count; i++) {
        line(e, i == 0 ? what : "", "%s", addr_net_print(&list[i], text));
    }
}

static void rules(struct explain *e, const struct model_rules *r)
{
    nets(e, "deny", r->deny, r->deny_count);
    nets(e, "allow only", r->allow, r->allow_count);
    if (r->rate.requests > 0) {
        line(e, "rate", "%u requests in %u ms for each client, %u at once", r->rate.requests,
             r->rate.period_ms, r->rate.burst);
    }
    if (r->basic_auth != NULL) {
        line(e, "password", "asked for; users of %.*s", STR_FMT(r->basic_auth->users->path));
    }
    if (e->site->client_auth.ca != NULL) {
        line(e, "client", "a certificate of %.*s is %s", STR_FMT(e->site->client_auth.ca->path),
             e->site->client_auth.mode == MODEL_CLIENT_AUTH_REQUIRE ? "needed" : "asked for");
    }
}

/* What may keep a request back. */
static void waits(struct explain *e, const struct model_route *r)
{
    if (r->bound.requests > 0) {
        line(e, "at most", "%u requests at an endpoint, %u wait for their turn", r->bound.requests,
             r->hold.wait_ms > 0 ? r->bound.queue : 0);
    }
    if (r->hold.wait_ms > 0) {
        line(e, "waits", "%u ms for an endpoint", r->hold.wait_ms);
    }
}

static void redirects(struct explain *e)
{
    struct str to;

    rules(e, &e->site->rules);
    if (capture_fill(&e->arena, e->site->redirect, e->label, &to) != OK) {
        line_answer(e, WHY_NO_SITE);
        return;
    }
    line(e, "answer", "%u to %.*s%.*s%.*s", e->site->redirect_code, STR_FMT(to),
         STR_FMT(e->target.path), STR_FMT(e->target.query));
}

/* The path that goes on; false if there is none. */
static bool sent_path(struct explain *e, const struct model_route *r)
{
    struct str path = e->target.path;

    if (r->strip && path_strip(e->target.path, r->prefix, &path) != OK) {
        line_answer(e, WHY_BAD_TARGET);
        return false;
    }
    line(e, "asked as", "%.*s%.*s", STR_FMT(path), STR_FMT(e->target.query));
    return true;
}

static void routes(struct explain *e)
{
    const struct model_route *r = route_match(e->site, e->target.match);
    struct str task;

    if (r == NULL) {
        line(e, "route", "none takes %.*s", STR_FMT(e->target.match));
        line_answer(e, WHY_NO_ROUTE);
        return;
    }
    line(e, "route", "%.*s to %.*s", STR_FMT(r->prefix), STR_FMT(r->to.text));
    rules(e, &r->rules);
    waits(e, r);
    if (!sent_path(e, r)) {
        return;
    }
    if (r->to.is_literal) {
        endpoints(e, r->to.service, NULL, &r->to.addr, 1);
        line(e, "answer", "what the service answers");
    } else if (!r->to.is_pattern) {
        to_service(e, r, r->to.service);
    } else if (capture_task(&e->arena, r->to.host, e->label, &task) == OK) {
        to_service(e, r, arena_printf(&e->arena, "tasks.%.*s:%u", STR_FMT(task), r->to.port));
    } else {
        line(e, "service", "none: \"%.*s\" does not make the name of a task", STR_FMT(e->label));
        line_answer(e, WHY_NO_SITE);
    }
}

static void challenges(struct explain *e)
{
    const struct model_acme *acme = &e->model->acme;

    if (acme->folder.len > 0) {
        line(e, "challenge", "looked for in %.*s", STR_FMT(acme->folder));
    }
    if (acme->has_relay) {
        line(e, "challenge", "%sasked of %.*s", acme->folder.len > 0 ? "then " : "",
             STR_FMT(acme->relay.text));
    }
    line(e, "answer", "the token's answer, or 404");
}

static void on_plain_port(struct explain *e)
{
    bool is_secret = e->site->client_auth.ca != NULL ||
                     (e->site->rules.basic_auth != NULL && e->site->http != MODEL_HTTP_SERVE);
    if (e->site->redirect.len > 0 && e->site->http != MODEL_HTTP_OFF && !is_secret) {
        redirects(e);
        return;
    }
    switch (e->site->http) {
    case MODEL_HTTP_REDIRECT:
        line(e, "answer", "301 to https://%.*s%.*s%.*s", STR_FMT(e->target.host),
             STR_FMT(e->target.path), STR_FMT(e->target.query));
        return;
    case MODEL_HTTP_SERVE: routes(e); return;
    case MODEL_HTTP_OFF: line_answer(e, WHY_SITE_OFF); return;
    }
}

static void sites(struct explain *e)
{
    struct route_table *table = route_table_new(e->model);
    size_t index;

    e->site = route_site(table, e->target.host, &index, &e->label);
    route_table_free(table);
    if (e->site == NULL) {
        line(e, "site", "none of %zu is called %.*s", e->model->site_count,
             STR_FMT(e->target.host));
        line_answer(e, WHY_NO_SITE);
        return;
    }
    bool is_own = str_eq(e->site->name, e->target.host);
    line(e, "site", "%.*s%s, line %u of the configuration", STR_FMT(e->site->name),
         is_own             ? ""
         : e->label.len > 0 ? ", by its wildcard"
                            : ", by an alias",
         e->site->line);
    if (!e->is_tls) {
        on_plain_port(e);
    } else if (e->site->redirect.len > 0) {
        redirects(e);
    } else {
        routes(e);
    }
}

static void explain(struct explain *e)
{
    const struct model_acme *acme = &e->model->acme;
    enum why why = WHY_BAD_TARGET;
    const struct field *host = message_find(&e->request, FIELD_HOST);

    line(e, "url", "%s://%.*s%.*s", e->is_tls ? "https" : "http", STR_FMT(host->value),
         STR_FMT(e->request.target));
    if (target_parse(&e->request, &e->arena, &e->target, &why) != OK) {
        line_answer(e, why);
    } else if (e->is_tls && !certificates(e)) {
        return;
    } else if (!e->is_tls && (acme->has_relay || acme->folder.len > 0) &&
               str_starts(e->target.path, CHALLENGES)) {
        challenges(e);
    } else {
        sites(e);
    }
}

int explain_write(const struct admin_view *view, struct str url, struct buf *out)
{
    struct explain e = {.view = view, .out = out, .err = OK};

    arena_init(&e.arena, 4096);
    int err = read_url(&e, url);
    if (err == OK && view->bundle == NULL) {
        line(&e, "answer", "none: no configuration is served yet");
        err = e.err;
    } else if (err == OK) {
        e.model = view->bundle->model;
        explain(&e);
        err = e.err;
    }
    arena_fini(&e.arena);
    return err;
}
