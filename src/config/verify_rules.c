/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "config/names.h"
#include "verify_part.h"

/* A site or one of its routes. */
struct scope {
    const struct verify *v;
    const struct verify_pair *p;
    const struct yaml_node *node;
};

static void fault(const struct scope *s, const struct yaml_node *at, const char *found,
                  const char *expected)
{
    verify_fault(s->v, at, s->p, (struct verify_words){found, expected});
}

/* ---- header fields ---- */

static const struct yaml_node *item(const struct yaml_node *list, size_t i)
{
    return list->kind == YAML_TREE_LIST ? &list->values[i] : list;
}

static size_t item_count(const struct yaml_node *list)
{
    return list == NULL                     ? 0
           : list->kind == YAML_TREE_LIST   ? list->count
           : list->kind == YAML_TREE_SCALAR ? 1
                                            : 0;
}

static void twice(const struct scope *s, const struct yaml_node *at, const char *where)
{
    struct str shown = diag_cut(at->shown);
    diags_add(s->v->diags, DIAG_ERROR, yaml_tree_place(s->v->tree, at),
              "found the field \"%.*s\" a second time in %s; expected it once in remove and set",
              STR_FMT(shown), where);
}

/* Of a field it is said once that it goes or what it is; letters in another case change nothing. */
static void verify_head(const struct scope *s, const char *name)
{
    const struct yaml_node *head = yaml_tree_get(yaml_tree_get(s->node, "headers"), name);
    const struct yaml_node *remove = yaml_tree_get(head, "remove");
    const struct yaml_node *set = yaml_tree_get(head, "set");
    size_t removed = item_count(remove);
    size_t all = set == NULL || set->kind != YAML_TREE_MAP ? 0 : set->count;
    for (size_t i = 0; i < removed + all; i++) {
        const struct yaml_node *at = i < removed ? item(remove, i) : &set->keys[i - removed];
        for (size_t j = 0; j < i; j++) {
            const struct yaml_node *before =
                j < removed ? item(remove, j) : &set->keys[j - removed];
            bool is_same_key = i >= removed && j >= removed && str_eq(at->text, before->text);
            if (at->kind == YAML_TREE_SCALAR && str_ieq(at->text, before->text) && !is_same_key) {
                twice(s, at, name);
                break;
            }
        }
    }
}

/* ---- one site or route ---- */

static void need(const struct scope *s, const char *map, const char *key, const char *expected)
{
    const struct yaml_node *node = yaml_tree_get(s->node, map);
    char found[64];
    if (node == NULL || node->kind != YAML_TREE_MAP || yaml_tree_get(node, key) != NULL) {
        return;
    }
    (void)snprintf(found, sizeof(found), "%s without %s in", map, key);
    fault(s, node, found, expected);
}

/* A name belongs to a header or a cookie, and they to a name. */
static void verify_balance(const struct scope *s)
{
    const struct yaml_node *balance = yaml_tree_get(s->node, "balance");
    const struct yaml_node *hash = yaml_tree_get(balance, "hash");
    const struct yaml_node *name = yaml_tree_get(balance, "name");
    if (balance == NULL || balance->kind != YAML_TREE_MAP) {
        return;
    }
    if (hash == NULL) {
        fault(s, balance, "balance without hash in", "hash: cookie and a name in it, or least");
    } else if (hash->kind != YAML_TREE_SCALAR) {
        return; /* reported */
    } else if (name == NULL &&
               (str_eq(hash->text, STR("header")) || str_eq(hash->text, STR("cookie")))) {
        fault(s, balance, "balance without name in",
              "name: session in it, of the header or cookie");
    } else if (name != NULL && str_eq(hash->text, STR("client"))) {
        fault(s, name, "name beside hash: client in", "hash: cookie or hash: header beside it");
    }
}

static void verify_scope(const struct scope *s)
{
    const struct yaml_node *allow = yaml_tree_get(s->node, "allow");
    const struct yaml_node *verify = yaml_tree_get(s->node, "verify");
    verify_head(s, "request");
    verify_head(s, "response");
    verify_balance(s);
    need(s, "basic_auth", "users", "users: /etc/hivedoor/users in it");
    need(s, "rate", "requests", "requests: 10/s in it");
    need(s, "max_requests", "endpoint", "endpoint: 100 in it");
    if (allow != NULL && allow->kind == YAML_TREE_LIST && allow->count == 0) {
        fault(s, allow, "an empty list for allow in", "a network, or all");
    }
    if (verify != NULL && verify->kind == YAML_TREE_MAP && verify->count == 0) {
        fault(s, verify, "an empty verify in", "ca or name in it, or off");
    }
}

static void useless_verify(const struct scope *s)
{
    const struct yaml_node *verify = yaml_tree_get(s->node, "verify");
    if (verify != NULL && yaml_tree_get(s->p->node, "redirect") == NULL) {
        fault(s, verify, "verify without an https:// service in", "to: https://SERVICE beside it");
    }
}

/* What stands at a service of the site under this prefix; NULL: it was at fault. */
static const struct model_route *route_of(const struct verify_pair *p, struct str prefix)
{
    for (size_t i = 0; i < p->site->route_count; i++) {
        if (str_eq(p->site->routes[i].prefix, prefix)) {
            return &p->site->routes[i];
        }
    }
    return NULL;
}

static void verify_pattern(const struct scope *s, const struct yaml_node *to,
                           const struct model_target *t)
{
    if (!t->is_pattern || to == NULL || s->p->site->name.len == 0) {
        return;
    }
    if (!names_is_wild(s->p->site->name)) {
        fault(s, to, "{1} in", "the site's name to begin with *. for it to stand for something");
    }
    if (t->scheme == MODEL_SCHEME_HTTPS && !t->verify.off && t->verify.name.len == 0) {
        fault(s, to, "https:// and {1} without a name to check in",
              "verify: {name: NAME} beside it, the name that their certificates are for");
    }
    if (str_eq(t->host, STR(NAMES_CAPTURE))) {
        struct str shown = diag_cut(s->p->key->shown);
        diags_add(s->v->diags, DIAG_WARNING, yaml_tree_place(s->v->tree, to),
                  "found {1} alone for site \"%.*s\"; expected a fixed part such as {1}_web: "
                  "visitors reach every service with this port, and names of letters alone are "
                  "refused",
                  STR_FMT(shown));
    }
}

/* ---- a whole site ---- */

static bool has_pattern(const struct verify_pair *p)
{
    bool has = memmem(p->site->redirect.ptr, p->site->redirect.len, NAMES_CAPTURE, 3) != NULL;
    for (size_t i = 0; i < p->site->route_count; i++) {
        has = has || p->site->routes[i].to.is_pattern;
    }
    return has;
}

static void verify_wild(const struct scope *s)
{
    const struct model_site *site = s->p->site;
    const struct yaml_node *redirect = yaml_tree_get(s->node, "redirect");
    const struct yaml_node *aliases = yaml_tree_get(s->node, "aliases");
    if (!has_pattern(s->p) || site->name.len == 0) {
        return;
    }
    if (redirect != NULL && site->redirect.len > 0 && !names_is_wild(site->name)) {
        fault(s, redirect, "{1} in",
              "the site's name to begin with *. for it to stand for something");
    }
    for (size_t i = 0; i < site->alias_count && names_is_wild(site->name); i++) {
        if (!names_is_wild(site->aliases[i])) {
            bool is_whole = item_count(aliases) == site->alias_count;
            fault(s, is_whole ? item(aliases, i) : aliases, "an alias without * beside {1} in",
                  "aliases that begin with *. as the name does");
        }
    }
}

static void verify_client_auth(const struct scope *s)
{
    const struct yaml_node *node = yaml_tree_get(s->node, "client_auth");
    if (node == NULL) {
        return;
    }
    need(s, "client_auth", "ca", "ca: /etc/hivedoor/clients.pem in it");
    if (s->p->site->http == MODEL_HTTP_SERVE) {
        fault(s, yaml_tree_get(s->node, "http"), "http: serve beside client_auth in",
              "redirect or off: without TLS there are no certificates");
    }
    if (s->v->model->listen_https_count == 0) {
        fault(s, node, "client_auth with listen.https off in",
              "an address for listen.https: without TLS there are no certificates");
    }
}

/* Asked on port 80 a password is anybody's who listens. */
static void warn_plain_password(const struct scope *s)
{
    const struct yaml_node *at = yaml_tree_get(s->node, "basic_auth");
    if (at == NULL || s->p->site->http != MODEL_HTTP_SERVE || s->v->model->listen_http_count == 0) {
        return;
    }
    struct str shown = diag_cut(s->p->key->shown);
    diags_add(s->v->diags, DIAG_WARNING, yaml_tree_place(s->v->tree, at),
              "found basic_auth with \"http: serve\" in site \"%.*s\", so that passwords come "
              "unencrypted; expected \"http: redirect\" or \"http: off\"",
              STR_FMT(shown));
}

static void verify_redirecting(const struct scope *s)
{
    const struct yaml_node *headers = yaml_tree_get(s->node, "headers");
    const struct yaml_node *request = yaml_tree_get(headers, "request");
    if (request != NULL && yaml_tree_get(s->node, "redirect") != NULL) {
        fault(s, request, "headers.request in redirecting", "none: no service gets the request");
    }
}

static void verify_each_route(const struct scope *site)
{
    const struct yaml_node *routes = yaml_tree_get(site->node, "routes");
    for (size_t i = 0; routes != NULL && routes->kind == YAML_TREE_MAP && i < routes->count; i++) {
        struct scope s = {site->v, site->p, &routes->values[i]};
        const struct model_route *r = route_of(site->p, routes->keys[i].text);
        verify_scope(&s);
        warn_plain_password(&s);
        if (r == NULL) {
            continue;
        }
        bool is_map = s.node->kind == YAML_TREE_MAP;
        verify_pattern(&s, is_map ? yaml_tree_get(s.node, "to") : s.node, &r->to);
        if (r->to.scheme != MODEL_SCHEME_HTTPS) {
            useless_verify(&s);
        }
    }
}

void verify_rules(const struct verify *v, const struct verify_pair *p)
{
    struct scope s = {v, p, p->node};
    bool has_https = false;
    bool has_routes = yaml_tree_get(p->node, "routes") != NULL;
    if (p->node->kind == YAML_TREE_SCALAR && p->site->route_count == 1) {
        verify_pattern(&s, p->node, &p->site->routes[0].to);
        return;
    }
    verify_scope(&s);
    verify_wild(&s);
    verify_client_auth(&s);
    warn_plain_password(&s);
    verify_redirecting(&s);
    for (size_t i = 0; i < p->site->route_count; i++) {
        has_https = has_https || p->site->routes[i].to.scheme == MODEL_SCHEME_HTTPS;
        if (!has_routes) {
            verify_pattern(&s, yaml_tree_get(p->node, "to"), &p->site->routes[i].to);
        }
    }
    if (!has_https && p->site->route_count > 0) {
        useless_verify(&s);
    }
    verify_each_route(&s);
}
