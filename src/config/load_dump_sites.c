/* SPDX-License-Identifier: MIT */
#include "load_dump_part.h"

#include <inttypes.h>

#include "load_part.h"

static bool are_equal(const struct model_timeouts *a, const struct model_timeouts *b)
{
    return a->attempt_ms == b->attempt_ms && a->connect_ms == b->connect_ms &&
           a->response_ms == b->response_ms && a->tunnel_ms == b->tunnel_ms;
}

static bool has_default_limits(const struct dump *d, const struct model_route *r)
{
    return r->body_bytes == d->model->limits.body_bytes &&
           r->replay_bytes == d->model->limits.replay_bytes;
}

static bool has_default_hold(const struct dump *d, const struct model_route *r)
{
    return r->hold.wait_ms == d->model->hold.wait_ms && r->hold.requests == d->model->hold.requests;
}

static bool has_default_eject(const struct dump *d, const struct model_route *r)
{
    return r->eject.errors == d->eject.errors && r->eject.first_ms == d->eject.first_ms &&
           r->eject.longest_ms == d->eject.longest_ms && r->eject.percent == d->eject.percent;
}

static void put_bounds(struct dump *d, const struct model_route *r)
{
    if (!d->is_brief || !are_equal(&r->timeouts, &d->model->timeouts)) {
        dump_duration(d, "        timeouts: {attempt: ", r->timeouts.attempt_ms);
        dump_duration(d, ", connect: ", r->timeouts.connect_ms);
        dump_duration(d, ", response: ", r->timeouts.response_ms);
        dump_duration(d, ", tunnel: ", r->timeouts.tunnel_ms);
        dump_put(d, "}\n");
    }
    if (!d->is_brief || !has_default_limits(d, r)) {
        dump_size(d, "        limits: {body: ", r->body_bytes);
        dump_size(d, ", replay: ", r->replay_bytes);
        dump_put(d, "}\n");
    }
    if (!d->is_brief || !has_default_hold(d, r)) {
        dump_duration(d, "        hold: {wait: ", r->hold.wait_ms);
        dump_put(d, ", requests: %" PRIu32 "}\n", r->hold.requests);
    }
    if (!d->is_brief || r->bound.requests > 0) {
        dump_bound(d, &r->bound);
    }
}

/* Nothing but where it goes. Every key that a route may have is asked about: what is forgotten here
 * is lost on its way to the workers. */
static bool is_bare(const struct dump *d, const struct model_route *r)
{
    return d->is_brief && !r->strip && r->to.scheme != MODEL_SCHEME_HTTPS &&
           are_equal(&r->timeouts, &d->model->timeouts) && r->to.pin.len == 0 &&
           !r->to.is_external && has_default_limits(d, r) && dump_are_defaults(&r->rules) &&
           r->balance.kind == MODEL_BALANCE_LEAST && has_default_hold(d, r) &&
           r->bound.requests == 0 && r->health.interval_ms == 0 && has_default_eject(d, r);
}

static void put_route(struct dump *d, const struct model_route *r)
{
    dump_put(d, "      ");
    dump_text(d, r->prefix);
    if (is_bare(d, r)) {
        dump_put(d, ": ");
        dump_text(d, r->to.text);
        dump_put(d, "\n");
        return;
    }
    dump_put(d, ":\n        to: ");
    dump_text(d, r->to.text);
    dump_put(d, "\n");
    if (!d->is_brief || r->strip) {
        dump_put(d, "        strip: %s\n", r->strip ? "true" : "false");
    }
    put_bounds(d, r);
    if (!d->is_brief || r->rules.gzip) {
        dump_put(d, "        gzip: %s\n", r->rules.gzip ? "true" : "false");
    }
    if (!d->is_brief || r->to.pin.len > 0) {
        dump_put(d, "        pin: ");
        dump_text(d, r->to.pin.len > 0 ? r->to.pin : STR("none"));
        dump_put(d, "\n");
    }
    if (!d->is_brief || r->to.is_external) {
        dump_put(d, "        external: %s\n", r->to.is_external ? "true" : "false");
    }
    if (!d->is_brief || r->balance.kind != MODEL_BALANCE_LEAST) {
        dump_balance(d, &r->balance);
    }
    if (!d->is_brief || r->health.interval_ms > 0) {
        dump_health(d, &r->health);
    }
    if (!d->is_brief || !has_default_eject(d, r)) {
        dump_eject(d, &r->eject);
    }
    dump_verify(d, "        ", &r->to);
    dump_rules(d, "        ", &r->rules);
}

static void put_redirect(struct dump *d, const struct model_site *s)
{
    dump_put(d, "    redirect: ");
    dump_text(d, s->redirect);
    dump_put(d, "\n    code: %u\n", s->redirect_code);
    dump_rules(d, "    ", &s->rules);
}

/* "NAME: URL" says it all. */
static bool is_short(const struct dump *d, const struct model_site *s)
{
    return s->redirect.len == 0 && s->alias_count == 0 && s->http == MODEL_HTTP_REDIRECT &&
           s->client_auth.ca == NULL && s->route_count == 1 &&
           str_eq(s->routes[0].prefix, STR("/")) && is_bare(d, &s->routes[0]);
}

void dump_site(struct dump *d, const struct model_site *s)
{
    static const char *const http[] = {
        [MODEL_HTTP_REDIRECT] = "redirect", [MODEL_HTTP_SERVE] = "serve", [MODEL_HTTP_OFF] = "off"};
    dump_put(d, "  ");
    dump_text(d, s->name);
    if (is_short(d, s)) {
        dump_put(d, ": ");
        dump_text(d, s->routes[0].to.text);
        dump_put(d, "\n");
        return;
    }
    dump_put(d, ":\n");
    if (!d->is_brief || s->alias_count > 0) {
        dump_put(d, "    aliases: ");
        dump_texts(d, s->aliases, s->alias_count);
    }
    if (!d->is_brief || s->http != MODEL_HTTP_REDIRECT) {
        dump_put(d, "    http: %s\n", http[s->http]);
    }
    dump_client_auth(d, &s->client_auth);
    if (s->redirect.len > 0) {
        put_redirect(d, s);
        return;
    }
    dump_put(d, "    routes:\n");
    for (size_t i = 0; i < s->route_count; i++) {
        put_route(d, &s->routes[i]);
    }
}
