/* SPDX-License-Identifier: MIT */
#include "base/map.h"
#include "config/names.h"
#include "verify_part.h"

#define REDIRECT_HOPS 10

static struct verify_pair pair_at(const struct verify *v, size_t i)
{
    const struct yaml_node *sites = yaml_tree_get(&v->tree->root, "sites");
    return (struct verify_pair){&sites->keys[i], &sites->values[i], &v->model->sites[i]};
}

static void claim(const struct verify *v, struct map *owners, struct str name,
                  const struct yaml_node *at, const struct model_site *site)
{
    if (name.len == 0) {
        return;
    }
    const struct model_site *owner = map_get(owners, name);
    if (owner == NULL) {
        union {
            const struct model_site *in;
            void *out;
        } value = {.in = site};
        map_put(owners, name, value.out);
        return;
    }
    if (owner == site && str_eq(at->text, name) && str_eq(name, site->name)) {
        diags_add(v->diags, DIAG_ERROR, yaml_tree_place(v->tree, at),
                  "found the name \"%.*s\" again as its own alias; expected other names",
                  STR_FMT(name));
        return;
    }
    diags_add(v->diags, DIAG_ERROR, yaml_tree_place(v->tree, at),
              "found the name \"%.*s\" a second time; expected it once: the site in line %u has it "
              "already",
              STR_FMT(name), owner->line);
}

/* Site names first, then aliases: an alias that is a site's name is the one at fault. */
static void verify_names(const struct verify *v, struct map *owners)
{
    for (size_t i = 0; i < v->model->site_count; i++) {
        struct verify_pair p = pair_at(v, i);
        /* Keys that are the same to the byte have been reported as such. */
        const struct model_site *first = map_get(owners, p.site->name);
        size_t at = first == NULL ? 0 : (size_t)(first - v->model->sites);
        if (first == NULL || !str_eq(pair_at(v, at).key->text, p.key->text)) {
            claim(v, owners, p.site->name, p.key, p.site);
        }
    }
    for (size_t i = 0; i < v->model->site_count; i++) {
        struct verify_pair p = pair_at(v, i);
        const struct yaml_node *aliases = yaml_tree_get(p.node, "aliases");
        bool is_list = aliases != NULL && aliases->kind == YAML_TREE_LIST;
        bool is_whole = !is_list || aliases->count == p.site->alias_count;
        for (size_t j = 0; is_whole && j < p.site->alias_count; j++) {
            const struct yaml_node *at = is_list ? &aliases->values[j] : aliases;
            claim(v, owners, p.site->aliases[j], at, p.site);
        }
    }
}

void verify_fault(const struct verify *v, const struct yaml_node *at, const struct verify_pair *p,
                  struct verify_words words)
{
    struct str shown = diag_cut(p->key->shown);
    diags_add(v->diags, DIAG_ERROR, yaml_tree_place(v->tree, at),
              "found %s site \"%.*s\"; expected %s", words.found, STR_FMT(shown), words.expected);
}

/* Exactly one of to, routes, redirect; nothing beside it that would have no effect. */
static void verify_shape(const struct verify *v, const struct verify_pair *p)
{
    if (p->node->kind != YAML_TREE_MAP) {
        return;
    }
    const struct yaml_node *to = yaml_tree_get(p->node, "to");
    const struct yaml_node *routes = yaml_tree_get(p->node, "routes");
    const struct yaml_node *redirect = yaml_tree_get(p->node, "redirect");
    int count = (to != NULL) + (routes != NULL) + (redirect != NULL);
    struct str shown = diag_cut(p->key->shown);
    if (count == 0) {
        diags_add(v->diags, DIAG_ERROR, yaml_tree_place(v->tree, p->key),
                  "found none of to, routes and redirect in site \"%.*s\"; expected one of them",
                  STR_FMT(shown));
    } else if (count > 1) {
        diags_add(v->diags, DIAG_ERROR, yaml_tree_place(v->tree, p->key),
                  "found %s and %s in site \"%.*s\"; expected only one of to, routes and redirect",
                  to != NULL ? "to" : "routes",
                  to != NULL && routes != NULL ? "routes" : "redirect", STR_FMT(shown));
    }
    static const char *const useless[] = {"timeouts",     "limits", "verify",  "gzip",
                                          "balance",      "hold",   "health",  "eject",
                                          "max_requests", "pin",    "external"};
    for (size_t i = 0; redirect != NULL && count == 1 && i < sizeof(useless) / sizeof(useless[0]);
         i++) {
        const struct yaml_node *node = yaml_tree_get(p->node, useless[i]);
        if (node != NULL) {
            diags_add(v->diags, DIAG_ERROR, yaml_tree_place(v->tree, node),
                      "found %s in site \"%.*s\", which only redirects; expected none there",
                      useless[i], STR_FMT(shown));
        }
    }
    const struct yaml_node *code = yaml_tree_get(p->node, "code");
    if (code != NULL && redirect == NULL) {
        diags_add(v->diags, DIAG_ERROR, yaml_tree_place(v->tree, code),
                  "found code in site \"%.*s\", which does not redirect; expected redirect beside "
                  "it",
                  STR_FMT(shown));
    }
}

static void verify_routes(const struct verify *v, const struct verify_pair *p)
{
    const struct yaml_node *routes = yaml_tree_get(p->node, "routes");
    if (routes == NULL || routes->kind != YAML_TREE_MAP) {
        return;
    }
    if (routes->count == 0) {
        verify_fault(v, routes, p,
                     (struct verify_words){"no route in", "at least /: http://SERVICE:PORT"});
    }
    for (size_t i = 0; i < routes->count; i++) {
        const struct yaml_node *route = &routes->values[i];
        if (route->kind == YAML_TREE_MAP && yaml_tree_get(route, "to") == NULL) {
            struct str prefix = diag_cut(routes->keys[i].shown);
            diags_add(v->diags, DIAG_ERROR, yaml_tree_place(v->tree, &routes->keys[i]),
                      "found no \"to\" in route \"%.*s\"; expected to: http://SERVICE:PORT",
                      STR_FMT(prefix));
        }
        const struct yaml_node *strip = yaml_tree_get(route, "strip");
        bool is_root = str_eq(routes->keys[i].text, STR("/"));
        if (strip != NULL && is_root && str_eq(strip->text, STR("true"))) {
            verify_fault(v, strip, p,
                         (struct verify_words){"strip: true in route \"/\" of",
                                               "it only where there is a prefix to cut off"});
        }
        for (size_t j = 0; j < p->site->route_count; j++) {
            if (str_eq(p->site->routes[j].prefix, routes->keys[i].text)) {
                verify_deadlines(v, route, &p->site->routes[j].timeouts);
                break;
            }
        }
    }
}

/* With routes, those that say nothing about deadlines have exactly what the site says. */
static void verify_site_deadlines(const struct verify *v, const struct verify_pair *p)
{
    const struct yaml_node *routes = yaml_tree_get(p->node, "routes");
    for (size_t i = 0; i < p->site->route_count; i++) {
        const struct yaml_node *route =
            routes == NULL ? NULL : yaml_tree_get(routes, p->site->routes[i].prefix.ptr);
        if (yaml_tree_get(route, "timeouts") == NULL) {
            verify_deadlines(v, p->node, &p->site->routes[i].timeouts);
            return;
        }
    }
}

/* The host of a redirect that keeps path and query; empty for other sites. */
static struct str next_host(const struct model_site *site, struct arena *scratch)
{
    struct names_redirect r;
    struct values_fault why;
    if (site->redirect.len == 0 || names_redirect(scratch, site->redirect, &r, &why) != OK ||
        !r.is_bare) {
        return STR("");
    }
    if (!r.is_pattern) {
        return r.host;
    }
    /* "{1}.b.com" keeps the label: it is any name of the site "*.b.com". */
    bool keeps_label = str_starts(r.host, STR(NAMES_CAPTURE "."));
    struct str rest = str_from(r.host, sizeof(NAMES_CAPTURE) - 1);
    return keeps_label ? arena_printf(scratch, "*%.*s", STR_FMT(rest)) : STR("");
}

/* Redirects are followed from site to site until they leave, end, or come back. */
static void verify_redirect(const struct verify *v, const struct map *owners,
                            const struct verify_pair *p, struct arena *scratch)
{
    const struct model_site *site = p->site;
    for (int hop = 0; hop < REDIRECT_HOPS; hop++) {
        struct str host = next_host(site, scratch);
        site = host.len == 0 ? NULL : map_get(owners, host);
        if (site == NULL) {
            return;
        }
        if (site != p->site) {
            continue;
        }
        const struct yaml_node *at = yaml_tree_get(p->node, "redirect");
        if (at == NULL) {
            return;
        }
        verify_fault(v, at, p,
                     (struct verify_words){
                         hop == 0 ? "a redirect to itself in"
                                  : "a redirect that comes back through other redirects in",
                         "another site"});
        return;
    }
}

static void verify_ports(const struct verify *v)
{
    const struct model *m = v->model;
    for (size_t i = 0; i < m->site_count && v->diags->errors == 0; i++) {
        struct verify_pair p = pair_at(v, i);
        struct str shown = diag_cut(p.key->shown);
        if (m->listen_https_count == 0 && m->listen_http_count > 0 &&
            p.site->http != MODEL_HTTP_SERVE) {
            diags_add(v->diags, DIAG_WARNING, yaml_tree_place(v->tree, p.key),
                      "found listen.https off, and site \"%.*s\" not served on http; expected "
                      "\"http: serve\" in it",
                      STR_FMT(shown));
            return; /* one is enough: the other sites are alike */
        }
    }
}

void verify_sites(const struct verify *v)
{
    const struct yaml_node *root = &v->tree->root;
    if (v->model->site_count == 0) {
        const struct yaml_node *sites = yaml_tree_get(root, "sites");
        if (sites == NULL || sites->kind == YAML_TREE_MAP) {
            diags_add(v->diags, DIAG_WARNING, verify_place(v, root, "sites", root),
                      "found no sites; expected at least one, such as \"a.com: "
                      "http://service-a:5000\" below \"sites:\"");
        }
        return;
    }
    struct map *owners = map_new();
    struct arena scratch;
    arena_init(&scratch, 4096);
    verify_names(v, owners);
    for (size_t i = 0; i < v->model->site_count; i++) {
        struct verify_pair p = pair_at(v, i);
        verify_shape(v, &p);
        verify_routes(v, &p);
        verify_site_deadlines(v, &p);
        verify_redirect(v, owners, &p, &scratch);
        verify_rules(v, &p);
        arena_reset(&scratch);
    }
    verify_ports(v);
    verify_addresses(v);
    arena_fini(&scratch);
    map_free(owners);
}
