/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "load_part.h"

static bool load_target(struct load *l, const struct yaml_node *node, struct model_target *out)
{
    struct values_fault fault;
    return node != NULL && node->kind == YAML_TREE_SCALAR &&
           names_target(&l->model->arena, node->text, out, &fault) == OK;
}

/* `node` is a URL or a map; false if it has no usable target. */
static bool load_route(struct load *l, struct str prefix, const struct yaml_node *node,
                       const struct load_inherited *from_site, struct model_route *out)
{
    struct model_route r = {.prefix = arena_dup(&l->model->arena, prefix)};
    struct load_inherited in = *from_site;
    bool is_map = node->kind == YAML_TREE_MAP;
    const struct yaml_node *to = is_map ? yaml_tree_get(node, "to") : node;
    if (!load_target(l, to, &r.to)) {
        return false;
    }
    if (is_map) {
        load_over(l, node, &in);
        r.strip = load_number(node, "sites.NAME.routes.PREFIX.strip") != 0;
    }
    r.timeouts = in.timeouts;
    r.body_bytes = in.body_bytes;
    r.replay_bytes = in.replay_bytes;
    r.rules = in.rules;
    r.to.pin = in.pin;
    r.to.is_external = in.is_external;
    r.balance = in.balance;
    r.health = in.health;
    r.eject = in.eject;
    r.hold = in.hold;
    r.bound = in.bound;
    r.to.verify.name = STR("");
    if (r.to.scheme == MODEL_SCHEME_HTTPS && in.verify.off) {
        r.to.verify.off = true;
    } else if (r.to.scheme == MODEL_SCHEME_HTTPS) {
        r.to.verify = in.verify;
        r.to.verify.ca = in.verify.ca != NULL ? in.verify.ca : load_system_ca(l, to);
    }
    *out = r;
    return true;
}

/* Longest first; of equal length in the order of bytes, so that the order is always the same. */
static int compare_routes(const void *left, const void *right)
{
    const struct model_route *a = left;
    const struct model_route *b = right;
    if (a->prefix.len != b->prefix.len) {
        return a->prefix.len > b->prefix.len ? -1 : 1;
    }
    return str_cmp(a->prefix, b->prefix);
}

static void load_routes(struct load *l, const struct yaml_node *node,
                        const struct load_inherited *from_site, struct model_site *site)
{
    if (node->kind != YAML_TREE_MAP) {
        return;
    }
    site->routes = arena_zalloc(&l->model->arena, (node->count + 1) * sizeof(*site->routes));
    for (size_t i = 0; i < node->count; i++) {
        struct values_fault fault;
        const struct yaml_node *key = &node->keys[i];
        if (key->kind == YAML_TREE_SCALAR && names_prefix(key->text, &fault) == OK &&
            load_route(l, key->text, &node->values[i], from_site,
                       &site->routes[site->route_count])) {
            site->route_count++;
        }
    }
    if (site->route_count > 1) {
        qsort(site->routes, site->route_count, sizeof(*site->routes), compare_routes);
    }
}

static void load_redirect(struct load *l, const struct yaml_node *node, struct model_site *site)
{
    struct names_redirect redirect;
    struct values_fault fault;
    const struct yaml_node *to = yaml_tree_get(node, "redirect");
    if (to->kind == YAML_TREE_SCALAR &&
        names_redirect(&l->model->arena, to->text, &redirect, &fault) == OK) {
        site->redirect = redirect.url;
    }
    static const uint16_t codes[] = {301, 302, 307, 308};
    site->redirect_code = codes[load_number(node, "sites.NAME.code")];
}

static void load_aliases(struct load *l, const struct yaml_node *node, struct model_site *site)
{
    struct str *texts = NULL;
    size_t count = load_texts(l, yaml_tree_get(node, "aliases"), &texts);
    site->aliases = texts;
    for (size_t i = 0; i < count; i++) {
        struct values_fault fault;
        if (names_site(&l->model->arena, texts[i], &texts[site->alias_count], &fault) == OK) {
            site->alias_count++;
        }
    }
}

static void load_long(struct load *l, const struct yaml_node *node,
                      struct load_inherited *from_site, struct model_site *site)
{
    load_over(l, node, from_site);
    load_client_auth(l, node, &site->client_auth);
    load_aliases(l, node, site);
    site->http = (enum model_http)load_number(node, "sites.NAME.http");
    if (yaml_tree_get(node, "redirect") != NULL) {
        load_redirect(l, node, site);
        site->rules = from_site->rules;
    } else if (yaml_tree_get(node, "routes") != NULL) {
        load_routes(l, yaml_tree_get(node, "routes"), from_site, site);
    }
}

/* "to: URL" and the short form are the one route "/". */
static void load_only_route(struct load *l, const struct yaml_node *to,
                            const struct load_inherited *from_site, struct model_site *site)
{
    site->routes = arena_zalloc(&l->model->arena, sizeof(*site->routes));
    site->route_count = load_route(l, STR("/"), to, from_site, &site->routes[0]);
}

static void load_site(struct load *l, const struct yaml_node *key, const struct yaml_node *node,
                      struct model_site *site)
{
    struct values_fault fault;
    struct load_inherited from_site = {.timeouts = l->model->timeouts,
                                       .body_bytes = l->model->limits.body_bytes,
                                       .replay_bytes = l->model->limits.replay_bytes,
                                       .verify = {.name = {"", 0}},
                                       .pin = {"", 0},
                                       .balance = {.name = {"", 0}},
                                       .health = {.path = {"", 0}, .host = {"", 0}},
                                       .eject = l->eject,
                                       .hold = l->model->hold};
    site->name = STR("");
    site->redirect = STR("");
    site->http = MODEL_HTTP_REDIRECT;
    site->line = key->line;
    if (key->kind == YAML_TREE_SCALAR) {
        struct str name;
        if (names_site(&l->model->arena, key->text, &name, &fault) == OK) {
            site->name = name;
        }
    }
    if (node->kind == YAML_TREE_SCALAR) {
        load_only_route(l, node, &from_site, site);
        return;
    }
    load_long(l, node, &from_site, site);
    const struct yaml_node *to = yaml_tree_get(node, "to");
    if (to != NULL && to->kind == YAML_TREE_SCALAR && site->redirect.len == 0 &&
        site->route_count == 0) {
        load_only_route(l, to, &from_site, site);
    }
}

void load_sites(struct load *l)
{
    struct model *m = l->model;
    const struct yaml_node *sites = yaml_tree_get(&l->tree->root, "sites");
    if (sites == NULL || sites->kind != YAML_TREE_MAP) {
        return;
    }
    m->sites = arena_zalloc(&m->arena, (sites->count + 1) * sizeof(*m->sites));
    m->site_count = sites->count;
    l->eject = load_eject_default();
    for (size_t i = 0; i < sites->count; i++) {
        load_site(l, &sites->keys[i], &sites->values[i], &m->sites[i]);
    }
}
