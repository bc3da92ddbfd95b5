/* SPDX-License-Identifier: MIT */
#include "config/client_rules.h"

#include "base/mem.h"

static bool any_asks(const struct model *m)
{
    for (size_t i = 0; i < m->site_count; i++) {
        if (m->sites[i].client_auth.ca != NULL) {
            return true;
        }
    }
    return false;
}

static struct tls_auth_rule rule(const struct model_site *site, struct str name)
{
    const struct model_client_auth *c = &site->client_auth;
    return (struct tls_auth_rule){
        .name = name,
        .asks = c->ca != NULL,
        .required = c->mode == MODEL_CLIENT_AUTH_REQUIRE,
        .ca = c->ca == NULL ? STR("") : c->ca->bytes,
    };
}

/* Sites that ask for nothing are in it too: a wildcard beside them may ask. */
size_t client_rules(const struct model *m, struct tls_auth_rule **out_rules)
{
    struct tls_auth_rule *rules = NULL;
    size_t n = 0;
    size_t sites = any_asks(m) ? m->site_count : 0;
    for (size_t i = 0; i < sites; i++) {
        const struct model_site *site = &m->sites[i];
        rules = mem_grow(rules, n + 1 + site->alias_count, sizeof(*rules));
        rules[n++] = rule(site, site->name);
        for (size_t j = 0; j < site->alias_count; j++) {
            rules[n++] = rule(site, site->aliases[j]);
        }
    }
    *out_rules = rules;
    return n;
}
