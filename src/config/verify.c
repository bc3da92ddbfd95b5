/* SPDX-License-Identifier: MIT */
#include "config/verify.h"

#include "config/values.h"
#include "verify_part.h"

#define LISTEN_MAX 32

struct diag_place verify_place(const struct verify *v, const struct yaml_node *map, const char *key,
                               const struct yaml_node *otherwise)
{
    const struct yaml_node *node = yaml_tree_get(map, key);
    return yaml_tree_place(v->tree, node != NULL ? node : otherwise);
}

/* One address to listen on, and where it is written. */
struct listener {
    const struct addr *addr;
    const char *key;
    struct diag_place place;
};

static bool is_any(const struct addr *a)
{
    static const uint8_t zeros[16];
    if (a->sa.sa_family == AF_INET6) {
        return memcmp(&a->in6.sin6_addr, zeros, 16) == 0;
    }
    return a->sa.sa_family == AF_INET && a->in4.sin_addr.s_addr == 0;
}

/* Whether one of two sockets could not be bound beside the other: [::] takes IPv4 as well. */
static bool is_clash(const struct addr *a, const struct addr *b)
{
    if (a->sa.sa_family == AF_UNIX || b->sa.sa_family == AF_UNIX) {
        return addr_eq(a, b);
    }
    if (addr_port(a) != addr_port(b)) {
        return false;
    }
    bool any6 =
        (is_any(a) && a->sa.sa_family == AF_INET6) || (is_any(b) && b->sa.sa_family == AF_INET6);
    bool same_family = a->sa.sa_family == b->sa.sa_family;
    return addr_eq(a, b) || any6 || (same_family && (is_any(a) || is_any(b)));
}

static size_t add_listeners(const struct verify *v, const char *key, const struct addr *addrs,
                            size_t count, struct listener out[static LISTEN_MAX + 1])
{
    const struct yaml_node *listen = yaml_tree_get(&v->tree->root, "listen");
    const struct yaml_node *node = yaml_tree_get(listen, key);
    size_t n = 0;
    for (size_t i = 0; i < count && n <= LISTEN_MAX; i++, n++) {
        bool is_item = node != NULL && node->kind == YAML_TREE_LIST && i < node->count;
        const struct yaml_node *at = is_item ? &node->values[i] : node;
        at = at != NULL ? at : listen != NULL ? listen : &v->tree->root;
        out[n] = (struct listener){&addrs[i], key, yaml_tree_place(v->tree, at)};
    }
    if (count > LISTEN_MAX) {
        diags_add(v->diags, DIAG_ERROR, verify_place(v, listen, key, &v->tree->root),
                  "found %zu addresses for listen.%s; expected at most %d", count, key, LISTEN_MAX);
    }
    return n;
}

static void verify_listen(const struct verify *v)
{
    const struct model *m = v->model;
    struct listener all[3 * (LISTEN_MAX + 1)];
    size_t n = add_listeners(v, "http", m->listen_http, m->listen_http_count, all);
    n += add_listeners(v, "https", m->listen_https, m->listen_https_count, all + n);
    n += add_listeners(v, "admin", &m->admin, m->admin.len > 0, all + n);
    for (size_t i = 1; i < n; i++) {
        for (size_t j = 0; j < i; j++) {
            char a[ADDR_TEXT_MAX];
            char b[ADDR_TEXT_MAX];
            if (is_clash(all[i].addr, all[j].addr)) {
                diags_add(v->diags, DIAG_ERROR, all[i].place,
                          "found %s for listen.%s, which %s for listen.%s takes already; expected "
                          "another address or port",
                          addr_print(all[i].addr, a), all[i].key, addr_print(all[j].addr, b),
                          all[j].key);
                break;
            }
        }
    }
    const struct yaml_node *listen = yaml_tree_get(&v->tree->root, "listen");
    const struct yaml_node *https = yaml_tree_get(listen, "https");
    if (m->listen_http_count == 0 && m->listen_https_count == 0 && https != NULL &&
        v->diags->errors == 0) {
        diags_add(v->diags, DIAG_ERROR, yaml_tree_place(v->tree, https),
                  "found listen.http and listen.https both off; expected an address for one of "
                  "them");
    }
}

void verify_deadlines(const struct verify *v, const struct yaml_node *map,
                      const struct model_timeouts *t)
{
    const struct yaml_node *timeouts = yaml_tree_get(map, "timeouts");
    bool is_written =
        yaml_tree_get(timeouts, "attempt") != NULL || yaml_tree_get(timeouts, "connect") != NULL;
    if (!is_written || t->attempt_ms <= t->connect_ms) {
        return;
    }
    char attempt[VALUES_TEXT_MAX];
    char connect[VALUES_TEXT_MAX];
    const char *key = yaml_tree_get(timeouts, "attempt") != NULL ? "attempt" : "connect";
    diags_add(v->diags, DIAG_ERROR, verify_place(v, timeouts, key, timeouts),
              "found attempt %s above connect %s; expected attempt to be at most connect, which "
              "covers all attempts",
              values_print_duration(t->attempt_ms, attempt),
              values_print_duration(t->connect_ms, connect));
}

static void verify_http2(const struct verify *v)
{
    const struct model_http2 *h = &v->model->http2;
    const struct yaml_node *map = yaml_tree_get(&v->tree->root, "http2");
    if (map == NULL || h->connection_window >= h->window) {
        return;
    }
    char window[VALUES_TEXT_MAX];
    char all[VALUES_TEXT_MAX];
    diags_add(v->diags, DIAG_ERROR, verify_place(v, map, "window", map),
              "found window %s above connection_window %s in http2; expected connection_window to "
              "be at least as large: it is for all requests together",
              values_print_size(h->window, window), values_print_size(h->connection_window, all));
}

static void verify_acme(const struct verify *v)
{
    const struct yaml_node *acme = yaml_tree_get(&v->tree->root, "acme");
    if (acme == NULL || acme->kind != YAML_TREE_MAP || yaml_tree_get(acme, "relay") != NULL ||
        yaml_tree_get(acme, "folder") != NULL) {
        return;
    }
    diags_add(v->diags, DIAG_ERROR, yaml_tree_place(v->tree, acme),
              "found acme without relay and folder; expected one of them, or no acme at all");
}

static bool is_close(struct str a, struct str b)
{
    return a.len <= 64 && b.len <= 64 && str_distance(a, b, 2) <= 2;
}

/* A name that is nearly one of the sites is a slip; any other one may be in a certificate. */
static void verify_unknown_site(const struct verify *v)
{
    const struct model *m = v->model;
    if (m->unknown_site.len == 0) {
        return;
    }
    const struct model_site *near = NULL;
    for (size_t i = 0; i < m->site_count; i++) {
        if (str_eq(m->sites[i].name, m->unknown_site)) {
            return;
        }
        for (size_t j = 0; j < m->sites[i].alias_count; j++) {
            if (str_eq(m->sites[i].aliases[j], m->unknown_site)) {
                return;
            }
        }
        near = m->unknown_site.len > 5 && is_close(m->sites[i].name, m->unknown_site) ? &m->sites[i]
                                                                                      : near;
    }
    if (near != NULL) {
        diags_add(v->diags, DIAG_WARNING,
                  verify_place(v, &v->tree->root, "unknown_site", &v->tree->root),
                  "found \"%.*s\" for unknown_site, which is no site; expected the name of a "
                  "certificate; did you mean \"%.*s\"?",
                  STR_FMT(m->unknown_site), STR_FMT(near->name));
    }
}

static void verify_certificates(const struct verify *v)
{
    const struct model *m = v->model;
    const struct yaml_node *root = &v->tree->root;
    if (m->site_count == 0 || m->listen_https_count == 0 ||
        yaml_tree_get(root, "certificates") != NULL) {
        return;
    }
    diags_add(v->diags, DIAG_WARNING, yaml_tree_place(v->tree, root),
              "found no certificates; expected \"certificates: [/etc/hivedoor/certs]\": without "
              "them nothing is served over HTTPS");
}

void verify_model(const struct yaml_tree *tree, const struct model *m, struct diags *diags)
{
    struct verify v = {.tree = tree, .model = m, .diags = diags};
    if (tree->root.kind != YAML_TREE_MAP) {
        return;
    }
    verify_listen(&v);
    verify_deadlines(&v, &tree->root, &m->timeouts);
    verify_http2(&v);
    verify_acme(&v);
    verify_certificates(&v);
    verify_sites(&v);
    verify_unknown_site(&v);
}
