/* SPDX-License-Identifier: MIT */
/* Where a request goes: a challenge, a redirect, a service, or nowhere. */
#include "exchange_impl.h"

#include "http/forwarded.h"
#include "proxy/headers.h"
#include "route/capture.h"
#include "route/path.h"
#include "route/table.h"
#include "tls/tls_auth.h"
#include "upstream/made.h"

#include <stdio.h>

#define PORT_HTTPS 443

/* ---- redirects ---- */

/* The port that https is reached on by a client which named `port` in its Host: none for a client
 * on the usual port, ours for one that came to ours directly (a development machine). */
static uint16_t https_port(const struct exchange *ex)
{
    const struct model *m = ex->settings->model;
    if (ex->target.port == 0 || ex->target.port == 80 || m->listen_https_count == 0) {
        return PORT_HTTPS;
    }
    return addr_port(&m->listen_https[0]);
}

static void redirect_to(struct exchange *ex, uint16_t code, struct str location)
{
    struct reply reply;
    reply_redirect(ex->arena, code, location, str_of(exchange_id(ex)), &reply);
    exchange_reply(ex, &reply, WHY_REDIRECTED);
}

/* What comes behind the authority; "OPTIONS *" asks of no path, and a Location has to have one. */
static struct str redirect_path(const struct exchange *ex)
{
    return str_eq(ex->target.path, STR("*")) ? STR("/") : ex->target.path;
}

static void redirect_to_https(struct exchange *ex)
{
    struct str host = ex->target.host;
    struct str path = redirect_path(ex);
    const char *open = str_find(host, ':') >= 0 ? "[" : "";
    const char *close = *open ? "]" : "";
    char port[8] = "";
    if (https_port(ex) != PORT_HTTPS) {
        snprintf(port, sizeof(port), ":%u", https_port(ex));
    }
    redirect_to(ex, 301,
                arena_printf(ex->arena, "https://%s%.*s%s%s%.*s%.*s", open, STR_FMT(host), close,
                             port, STR_FMT(path), STR_FMT(ex->target.query)));
}

static void redirect_site(struct exchange *ex)
{
    if (!policy_admit(ex, &ex->site->rules)) {
        return;
    }
    struct str path = redirect_path(ex);
    struct str to;
    if (capture_fill(ex->arena, ex->site->redirect, ex->label, &to) != OK) {
        exchange_fail(ex, WHY_NO_SITE); /* the label cannot stand in a host name */
        return;
    }
    redirect_to(ex, ex->site->redirect_code,
                arena_printf(ex->arena, "%.*s%.*s%.*s", STR_FMT(to), STR_FMT(path),
                             STR_FMT(ex->target.query)));
}

/* ---- the request as the service gets it ---- */

static bool is_trusted(const struct exchange *ex)
{
    const struct model *m = ex->settings->model;
    return addr_net_any(m->forwarded_trust, m->forwarded_trust_count, conn_client(ex->conn));
}

/* RFC 9112 section 3.2.2: the authority of an absolute-form target replaces Host. */
static void set_host(struct exchange *ex)
{
    const struct field *host = message_find(ex->request, FIELD_HOST);
    if (host == NULL || !str_eq(host->value, ex->target.authority)) {
        message_remove(ex->request, FIELD_HOST);
        message_put(ex->request, FIELD_HOST, STR("Host"), ex->target.authority);
    }
}

/* A path that only normalising leads below the prefix ("/x/../api") has no rest of its own bytes to
 * send on; what was decoded must never be sent as if it had come so. */
static int set_target(struct exchange *ex)
{
    struct str path = ex->target.path;
    if (ex->route->strip && !str_eq(path, STR("*")) &&
        path_strip(ex->target.path, ex->route->prefix, &path) != OK) {
        return ERR_SYNTAX;
    }
    ex->request->target =
        ex->target.query.len == 0
            ? path
            : arena_printf(ex->arena, "%.*s%.*s", STR_FMT(path), STR_FMT(ex->target.query));
    return OK;
}

static int rewrite_request(struct exchange *ex)
{
    set_host(ex);
    hop_strip(ex->request, &ex->hop);
    if (ex->hop.te_trailers) {
        message_add(ex->request, STR("TE"), STR("trailers")); /* the relay takes them */
    }
    if (ex->request->version == HTTP_1_0) {
        message_remove(ex->request, FIELD_EXPECT); /* RFC 9110 section 10.1.1: means nothing */
    }
    if (ex->request_body.kind != BODY_NONE) {
        ex->hop.upgrade = (struct str){0}; /* a body and a switch of protocols: the body wins */
    }
    const struct tls_peer *peer = conn_peer(ex->conn);
    struct forwarded_cert cert = {.subject = {"", 0}};
    if (peer != NULL) {
        cert.subject = arena_dup(ex->arena, str_of(peer->subject));
        cert.fingerprint = arena_dup(ex->arena, str_of(peer->fingerprint));
    }
    struct forwarded f = {.asked = ex->site->client_auth.ca != NULL,
                          .cert = peer != NULL ? &cert : NULL,
                          .client = conn_client_text(ex->conn),
                          .tls = ex->port_tls,
                          .host = ex->target.authority,
                          .trusted = is_trusted(ex)};
    forwarded_apply(ex->request, &f);
    headers_apply(ex->request,
                  &ex->route->rules.request); /* the configuration's is the last word */
    return set_target(ex);
}

/* ---- the decision ---- */

/* RFC 9110 section 10.1.1: there is one expectation, however often it is said. */
static bool is_expectation_known(const struct message *m)
{
    if (m->version == HTTP_1_0 || !message_may_have(m, field_bit(FIELD_EXPECT))) {
        return true;
    }
    for (size_t i = 0; i < m->field_count; i++) {
        if (m->fields[i].id == FIELD_EXPECT && !str_ieq(m->fields[i].value, STR("100-continue"))) {
            return false;
        }
    }
    return true;
}

static enum why check_request(const struct exchange *ex)
{
    if (!is_expectation_known(ex->request)) {
        return WHY_EXPECTATION;
    }
    if (ex->request_body.kind == BODY_LENGTH && ex->request_body.length > ex->route->body_bytes) {
        return WHY_BODY_TOO_LARGE;
    }
    return WHY_OK;
}

/* The service of the route: the one it names, or the one that this request's label makes. Such a
 * name begins with the "tasks." under which it is asked for. */
static enum why find_service(struct exchange *ex)
{
    const struct model_target *to = &ex->route->to;
    struct str task;
    if (!to->is_pattern) {
        ex->to = upstream_service_ref(ex->use->service);
        return WHY_OK;
    }
    if (capture_task(ex->arena, to->host, ex->label, &task) != OK) {
        return WHY_NO_SITE;
    }
    ex->service = arena_printf(ex->arena, "tasks.%.*s:%u", STR_FMT(task), to->port);
    ex->to = made_get(ex->proxy->upstream, ex->service, to->service);
    return ex->to == NULL ? WHY_NAME_LIMIT : WHY_OK;
}

/* As the final recipient would: what may be asked of us is no more than whether we are there. */
static void answer_here(struct exchange *ex)
{
    if (ex->request->method == METHOD_TRACE) {
        exchange_fail(ex, WHY_METHOD_REFUSED);
        return;
    }
    struct reply reply;
    reply_make(ex->arena, 200, STR(""), STR(""), &reply);
    exchange_reply(ex, &reply, WHY_OK);
}

static void to_service(struct exchange *ex, size_t site_index)
{
    ex->route = route_match(ex->site, ex->target.match);
    if (ex->route == NULL) {
        exchange_fail(ex, WHY_NO_ROUTE);
        return;
    }
    if (proxy_is_full(ex->proxy)) {
        exchange_fail(ex, WHY_MEMORY_LIMIT);
        return;
    }
    ex->use = &ex->settings->uses[site_index][ex->route - ex->site->routes];
    ex->service = ex->route->to.service;
    if (!policy_admit(ex, &ex->route->rules)) {
        return;
    }
    enum why why = check_request(ex);
    if (why != WHY_OK) {
        exchange_fail(ex, why);
        return;
    }
    if (!hop_may_forward(ex->request)) {
        answer_here(ex);
        return;
    }
    exchange_balance(ex);
    if (rewrite_request(ex) != OK) {
        exchange_fail(ex, WHY_BAD_TARGET);
        return;
    }
    why = find_service(ex);
    if (why != WHY_OK) {
        exchange_fail(ex, why);
        return;
    }
    exchange_connect(ex);
}

static void on_plain_port(struct exchange *ex, size_t site_index)
{
    bool asks_cert = ex->site->client_auth.ca != NULL;
    bool asks_password = ex->site->rules.basic_auth != NULL && ex->site->http != MODEL_HTTP_SERVE;
    bool is_off = ex->site->http == MODEL_HTTP_OFF;
    if (ex->site->redirect.len > 0 && !is_off && !asks_password && !asks_cert) {
        redirect_site(ex);
        return;
    }
    switch (ex->site->http) {
    case MODEL_HTTP_REDIRECT: redirect_to_https(ex); return; /* before any policy */
    case MODEL_HTTP_SERVE:
        if (asks_cert) { /* no configuration loads with this */
            exchange_fail(ex, WHY_SITE_OFF);
            return;
        }
        to_service(ex, site_index);
        return;
    case MODEL_HTTP_OFF: exchange_fail(ex, WHY_SITE_OFF); return;
    }
}

/* Who has shown no certificate for this name gets nothing of its site, on whatever connection. */
static bool is_admitted(const struct exchange *ex)
{
    return ex->site->client_auth.ca == NULL ||
           conn_admits(ex->conn, ex->settings->tls, ex->target.host);
}

static void on_tls_port(struct exchange *ex, size_t site_index)
{
    if (!conn_covers(ex->conn, ex->target.host) || !is_admitted(ex)) {
        exchange_fail(ex, WHY_MISDIRECTED); /* RFC 9110 section 15.5.20 */
    } else if (ex->site->redirect.len > 0) {
        redirect_site(ex);
    } else {
        to_service(ex, site_index);
    }
}

void exchange_route(struct exchange *ex)
{
    exchange_set_state(ex, EX_ROUTE);
    enum why why = WHY_BAD_TARGET;
    if (target_parse(ex->request, ex->arena, &ex->target, &why) != OK) {
        exchange_fail(ex, why);
        return;
    }
    if (!ex->port_tls && challenge_is_for(ex)) {
        challenge_start(ex);
        return;
    }
    size_t index = 0;
    ex->site = route_site(ex->settings->routes, ex->target.host, &index, &ex->label);
    if (ex->site == NULL) {
        exchange_fail(ex, WHY_NO_SITE);
    } else if (ex->port_tls) {
        on_tls_port(ex, index);
    } else {
        on_plain_port(ex, index);
    }
}
