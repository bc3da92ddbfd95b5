/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "config/values.h"
#include "load_part.h"

uint64_t load_number(const struct yaml_node *map, const char *path)
{
    const struct schema_key *key = schema_key(path);
    return schema_number_or_default(key, yaml_tree_get(map, schema_name(key)));
}

uint32_t load_u32(const struct yaml_node *map, const char *path)
{
    return (uint32_t)load_number(map, path);
}

size_t load_texts(struct load *l, const struct yaml_node *node, struct str **out_texts)
{
    struct arena *a = &l->model->arena;
    if (node == NULL || node->kind == YAML_TREE_BAD || node->kind == YAML_TREE_MAP) {
        return 0;
    }
    bool is_list = node->kind == YAML_TREE_LIST;
    size_t max = is_list ? node->count : 1;
    struct str *texts = arena_alloc(a, (max + 1) * sizeof(*texts));
    size_t n = 0;
    for (size_t i = 0; i < max; i++) {
        const struct yaml_node *item = is_list ? &node->values[i] : node;
        if (item->kind == YAML_TREE_SCALAR) {
            texts[n++] = arena_dup(a, item->text);
        }
    }
    *out_texts = texts;
    return n;
}

typedef int (*address_fn)(struct str text, struct addr *out_addr, struct values_fault *fault);

/* Addresses of a list key; its default when the key is absent, none for its word. */
static size_t load_addrs(struct load *l, const struct yaml_node *map, const char *path,
                         address_fn parse, struct addr **out_addrs)
{
    const struct schema_key *key = schema_key(path);
    const struct yaml_node *node = yaml_tree_get(map, schema_name(key));
    struct str fallback = str_of(key->fallback);
    struct str *texts = &fallback;
    size_t count = node == NULL ? 1 : load_texts(l, node, &texts);
    struct addr *addrs = arena_zalloc(&l->model->arena, (count + 1) * sizeof(*addrs));
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        struct values_fault fault;
        bool is_word = str_eq(texts[i], str_of(key->word));
        if (!is_word && parse(texts[i], &addrs[n], &fault) == OK) {
            n++;
        }
    }
    *out_addrs = addrs;
    return n;
}

size_t load_networks(struct load *l, const struct yaml_node *node, struct addr_net **out_nets)
{
    struct str *texts = NULL;
    size_t count = load_texts(l, node, &texts);
    struct addr_net *nets = arena_zalloc(&l->model->arena, (count + 1) * sizeof(*nets));
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        struct values_fault fault;
        n += values_network(texts[i], &nets[n], &fault) == OK;
    }
    *out_nets = nets;
    return n;
}

struct str load_absolute(const struct load *l, struct str path)
{
    if (l->folder == NULL || path.len == 0 || path.ptr[0] == '/') {
        return path;
    }
    return arena_printf(&l->model->arena, "%s/%.*s", l->folder, STR_FMT(path));
}

static void load_listen(struct load *l)
{
    struct model *m = l->model;
    const struct yaml_node *map = yaml_tree_get(&l->tree->root, "listen");
    struct addr *admin;
    m->listen_http_count = load_addrs(l, map, "listen.http", values_listen, &m->listen_http);
    m->listen_https_count = load_addrs(l, map, "listen.https", values_listen, &m->listen_https);
    if (load_addrs(l, map, "listen.admin", values_listen, &admin) > 0) {
        m->admin = admin[0];
    }
}

static void load_acme(struct load *l)
{
    struct model_acme *acme = &l->model->acme;
    struct values_fault fault;
    const struct yaml_node *map = yaml_tree_get(&l->tree->root, "acme");
    const struct yaml_node *relay = yaml_tree_get(map, "relay");
    const struct yaml_node *folder = yaml_tree_get(map, "folder");
    acme->relay_path = STR("");
    acme->folder = STR("");
    acme->strip = load_number(map, "acme.strip") != 0;
    if (relay != NULL && relay->kind == YAML_TREE_SCALAR) {
        acme->has_relay = names_relay(&l->model->arena, relay->text, &acme->relay,
                                      &acme->relay_path, &fault) == OK;
        acme->relay.pin = STR("");
        acme->relay.is_external = true; /* a support server may be anywhere */
    }
    if (folder != NULL && folder->kind == YAML_TREE_SCALAR) {
        acme->folder = load_absolute(l, arena_dup(&l->model->arena, folder->text));
    }
}

void load_timeouts(const struct yaml_node *map, struct model_timeouts *t)
{
    const struct {
        const char *path;
        uint32_t *value;
    } fields[] = {{"timeouts.attempt", &t->attempt_ms},
                  {"timeouts.connect", &t->connect_ms},
                  {"timeouts.response", &t->response_ms},
                  {"timeouts.tunnel", &t->tunnel_ms}};
    const struct yaml_node *timeouts = yaml_tree_get(map, "timeouts");
    for (size_t i = 0; timeouts != NULL && i < sizeof(fields) / sizeof(fields[0]); i++) {
        const struct schema_key *key = schema_key(fields[i].path);
        if (yaml_tree_get(timeouts, schema_name(key)) != NULL) {
            *fields[i].value = load_u32(timeouts, fields[i].path);
        }
    }
}

uint64_t load_limit(const struct yaml_node *map, const char *path, uint64_t inherited)
{
    const struct yaml_node *limits = yaml_tree_get(map, "limits");
    if (yaml_tree_get(limits, schema_name(schema_key(path))) == NULL) {
        return inherited;
    }
    return load_number(limits, path);
}

static void load_bounds(struct load *l)
{
    struct model *m = l->model;
    const struct yaml_node *root = &l->tree->root;
    const struct yaml_node *timeouts = yaml_tree_get(root, "timeouts");
    const struct yaml_node *limits = yaml_tree_get(root, "limits");
    m->timeouts.handshake_ms = load_u32(timeouts, "timeouts.handshake");
    m->timeouts.header_ms = load_u32(timeouts, "timeouts.header");
    m->timeouts.idle_ms = load_u32(timeouts, "timeouts.idle");
    m->timeouts.attempt_ms = load_u32(timeouts, "timeouts.attempt");
    m->timeouts.connect_ms = load_u32(timeouts, "timeouts.connect");
    m->timeouts.response_ms = load_u32(timeouts, "timeouts.response");
    m->timeouts.tunnel_ms = load_u32(timeouts, "timeouts.tunnel");
    m->limits.header_bytes = load_u32(limits, "limits.header");
    m->limits.headers = load_u32(limits, "limits.headers");
    m->limits.connections = load_u32(limits, "limits.connections");
    m->limits.body_bytes = load_number(limits, "limits.body");
    m->limits.memory_bytes = load_number(limits, "limits.memory");
    m->limits.replay_bytes = load_number(limits, "limits.replay");
    const struct yaml_node *hold = yaml_tree_get(root, "hold");
    m->hold.wait_ms = load_u32(hold, "hold.wait");
    m->hold.requests = load_u32(hold, "hold.requests");
}

static void load_unknown_site(struct load *l)
{
    struct values_fault fault;
    const struct yaml_node *node = yaml_tree_get(&l->tree->root, "unknown_site");
    l->model->unknown_site = STR("");
    if (node == NULL || node->kind != YAML_TREE_SCALAR || str_eq(node->text, STR("refuse"))) {
        return;
    }
    struct str name;
    if (names_host(&l->model->arena, node->text, &name, &fault) == OK) {
        l->model->unknown_site = name;
    }
}

static void load_masked(struct load *l)
{
    struct model *m = l->model;
    const struct yaml_node *node = yaml_tree_get(&l->tree->root, "masked");
    m->masked_auto =
        node == NULL || (node->kind == YAML_TREE_SCALAR && str_eq(node->text, STR("auto")));
    m->masked_count = load_networks(l, node, &m->masked);
}

static void load_http2(struct load *l)
{
    struct model_http2 *h = &l->model->http2;
    const struct yaml_node *map = yaml_tree_get(&l->tree->root, "http2");
    h->enabled = load_number(map, "http2.enabled") != 0;
    h->streams = load_u32(map, "http2.streams");
    h->window = load_u32(map, "http2.window");
    h->connection_window = load_u32(map, "http2.connection_window");
    h->frame = load_u32(map, "http2.frame");
    h->table = load_u32(map, "http2.table");
    h->requests = load_u32(map, "http2.requests");
}

static void load_log(struct load *l)
{
    struct model *m = l->model;
    const struct yaml_node *log = yaml_tree_get(&l->tree->root, "log");
    const struct yaml_node *access = yaml_tree_get(log, "access");
    struct values_fault fault;
    uint64_t value = MODEL_ACCESS_AUTO;
    m->log_level = (enum log_level)load_u32(log, "log.level");
    m->access = MODEL_ACCESS_AUTO;
    /* The order of the choices is the order of enum model_access. */
    if (access != NULL && access->kind == YAML_TREE_SCALAR &&
        schema_number(schema_key("log.access"), access->text, &value, &fault) == OK) {
        m->access = (enum model_access)value;
    }
}

static void load_tickets(struct load *l)
{
    const struct yaml_node *tls = yaml_tree_get(&l->tree->root, "tls");
    const struct yaml_node *secret = yaml_tree_get(yaml_tree_get(tls, "tickets"), "secret");
    if (secret != NULL && secret->kind == YAML_TREE_SCALAR) {
        l->model->ticket_secret = load_use_file(l, MODEL_FILE_SECRET, secret, "tls.tickets.secret");
    }
}

void load_settings(struct load *l)
{
    struct model *m = l->model;
    const struct yaml_node *root = &l->tree->root;
    const struct yaml_node *dns = yaml_tree_get(root, "dns");
    m->certificate_count = load_texts(l, yaml_tree_get(root, "certificates"), &m->certificates);
    for (size_t i = 0; i < m->certificate_count; i++) {
        m->certificates[i] = load_absolute(l, m->certificates[i]);
    }
    load_acme(l);
    load_listen(l);
    load_bounds(l);
    load_unknown_site(l);
    m->workers = load_u32(root, "workers");
    const struct yaml_node *proxy = yaml_tree_get(root, "proxy_protocol");
    const struct yaml_node *forwarded = yaml_tree_get(root, "forwarded");
    m->proxy_trust_count = load_networks(l, yaml_tree_get(proxy, "trust"), &m->proxy_trust);
    m->forwarded_trust_count =
        load_networks(l, yaml_tree_get(forwarded, "trust"), &m->forwarded_trust);
    load_masked(l);
    load_http2(l);
    load_tickets(l);
    m->tls_min = load_number(yaml_tree_get(root, "tls"), "tls.min") == 0 ? 0x0303 : 0x0304;
    m->dns_refresh_ms = load_u32(dns, "dns.refresh");
    m->dns_server_count = load_addrs(l, dns, "dns.servers", values_server, &m->dns_servers);
    m->task_net_count = load_networks(l, yaml_tree_get(dns, "tasks"), &m->task_nets);
    m->drain_ms = load_u32(yaml_tree_get(root, "drain"), "drain.timeout");
    load_log(l);
}
