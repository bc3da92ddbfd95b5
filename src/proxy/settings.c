/* SPDX-License-Identifier: MIT */
#include "proxy/settings.h"

#include "base/mem.h"
#include "config/client_rules.h"
#include "proxy/policy_auth.h"
#include "proxy_impl.h"
#include "tally.h"

#include <stdlib.h>

/* An idle connection that nothing was asked for so long rests: that costs as much as half a
 * request, and so does the next one. */
#define REST_MS 1000

static const char *const offered_with_http2[] = {"h2", "http/1.1", NULL};
static const char *const offered_without[] = {"http/1.1", NULL};

/* What a model without the section http2 means. */
static const struct model_http2 http2_defaults = {.enabled = true,
                                                  .streams = 128,
                                                  .window = 256 * 1024,
                                                  .connection_window = 1024 * 1024,
                                                  .frame = 16 * 1024,
                                                  .table = 4096,
                                                  .requests = 10000};

static const struct model_http2 *http2_of(const struct model *m)
{
    return m->http2.streams == 0 ? &http2_defaults : &m->http2;
}

static void set_limits(struct proxy_settings *s)
{
    const struct model_http2 *http2 = http2_of(s->model);
    s->limits.head_bytes = s->model->limits.header_bytes;
    s->limits.fields = s->model->limits.headers;
    s->http2 = (struct h2_limits){.head = s->limits,
                                  .streams = http2->streams,
                                  .window = http2->window,
                                  .connection_window = http2->connection_window,
                                  .frame = http2->frame,
                                  .table = http2->table,
                                  .requests = http2->requests};
}

static int use_init(struct proxy *p, struct route_use *use, const struct model_target *to,
                    const struct model_timeouts *t)
{
    if (!to->is_pattern) {
        use->service =
            upstream_service_get(p->upstream, to->service, to->is_literal ? &to->addr : NULL);
    }
    use->attempt = proxy_deadline(p, t->attempt_ms);
    /* An address that takes connections but never comes to terms leaves time for another one. */
    uint32_t greet_ms = t->connect_ms / 2;
    use->greet = proxy_deadline(p, greet_ms > t->attempt_ms ? greet_ms : t->attempt_ms);
    use->connect = proxy_deadline(p, t->connect_ms);
    use->response = proxy_deadline(p, t->response_ms);
    use->tunnel = proxy_deadline(p, t->tunnel_ms);
    return transport_get(p->upstream, to, &use->transport);
}

static void use_fini(struct route_use *use)
{
    upstream_service_unref(use->service);
    transport_unref(use->transport);
}

static int uses_new(struct proxy_settings *s)
{
    const struct model *m = s->model;
    int err = OK;
    s->uses = mem_array(m->site_count, sizeof(*s->uses));
    for (size_t i = 0; i < m->site_count; i++) {
        const struct model_site *site = &m->sites[i];
        s->uses[i] = mem_array(site->route_count, sizeof(**s->uses));
        for (size_t k = 0; k < site->route_count && err == OK; k++) {
            const struct model_route *route = &site->routes[k];
            struct route_use *use = &s->uses[i][k];
            err = use_init(s->proxy, use, &route->to, &route->timeouts);
            if (route->hold.wait_ms > 0) {
                use->hold = proxy_deadline(s->proxy, route->hold.wait_ms);
            }
        }
    }
    if (m->acme.has_relay && err == OK) {
        err = use_init(s->proxy, &s->relay, &m->acme.relay, &m->timeouts);
    }
    return err;
}

static void uses_free(struct proxy_settings *s)
{
    for (size_t i = 0; s->uses != NULL && i < s->model->site_count; i++) {
        for (size_t k = 0; k < s->model->sites[i].route_count; k++) {
            use_fini(&s->uses[i][k]);
        }
        free(s->uses[i]);
    }
    free(s->uses);
    use_fini(&s->relay);
}

static struct str ticket_secret(const struct model *m)
{
    return m->ticket_secret == NULL ? STR("") : m->ticket_secret->bytes;
}

int proxy_settings_new(struct proxy *proxy, uint64_t number, struct model *model,
                       const struct tls_set *certs, struct proxy_settings **out_settings)
{
    struct proxy_settings *s = NEW(struct proxy_settings);
    s->refs = 1;
    s->number = number;
    s->proxy = proxy;
    s->model = model;
    struct tls_auth_rule *rules = NULL;
    size_t rule_count = client_rules(model, &rules);
    struct tls_settings tls = {.auth = rules,
                               .auth_count = rule_count,
                               .min_version = model->tls_min,
                               .default_name = model->unknown_site,
                               .tickets = proxy->env.tickets,
                               .ticket_secret = ticket_secret(model),
                               .alpn =
                                   http2_of(model)->enabled ? offered_with_http2 : offered_without};
    int err = tls_server_new(certs, &tls, &s->tls);
    free(rules);
    if (err != OK) {
        proxy_settings_unref(s);
        return err;
    }
    s->routes = route_table_new(model);
    s->users = policy_users_new(model);
    s->tally = tally_new(proxy->slot);
    s->handshake = proxy_deadline(proxy, model->timeouts.handshake_ms);
    s->header = proxy_deadline(proxy, model->timeouts.header_ms);
    s->idle = proxy_deadline(proxy, model->timeouts.idle_ms);
    if (model->timeouts.idle_ms >= 2 * REST_MS) {
        s->rest = proxy_deadline(proxy, REST_MS);
        s->resting = proxy_deadline(proxy, model->timeouts.idle_ms - REST_MS);
    }
    set_limits(s);
    err = uses_new(s);
    if (err != OK) {
        proxy_settings_unref(s);
        return err;
    }
    *out_settings = s;
    return OK;
}

struct proxy_settings *proxy_settings_ref(struct proxy_settings *s)
{
    s->refs++;
    return s;
}

void proxy_settings_unref(struct proxy_settings *s)
{
    if (s == NULL || --s->refs > 0) {
        return;
    }
    uses_free(s);
    route_table_free(s->routes);
    policy_users_free(s->users);
    tally_free(s->tally);
    tls_server_unref(s->tls);
    model_free(s->model);
    if (s->on_free != NULL) {
        s->on_free(s->arg, s->number);
    }
    free(s);
}
