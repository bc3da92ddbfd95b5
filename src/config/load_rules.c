/* SPDX-License-Identifier: MIT */
/* What is asked of a request and done to it and its answer, at a site or a route. */
#include "load_part.h"

#include "config/fields.h"

/* What is the same at both is described by the site's rows. */
#define AT "sites.NAME."

/* ---- header fields ---- */

struct changes {
    struct arena *arena;
    const struct yaml_node *node; /* `request` or `response`, may be NULL */
    struct model_header *items;
    size_t count;
};

static bool is_among(const struct str *names, size_t count, struct str name)
{
    for (size_t i = 0; i < count; i++) {
        if (str_ieq(names[i], name)) {
            return true;
        }
    }
    return false;
}

static bool is_set(const struct yaml_node *set, struct str name)
{
    for (size_t i = 0; set != NULL && set->kind == YAML_TREE_MAP && i < set->count; i++) {
        if (str_ieq(set->keys[i].text, name)) {
            return true;
        }
    }
    return false;
}

static void add_change(struct changes *c, struct model_header change)
{
    c->items[c->count++] = change;
}

/* What came from above and still has an effect: what is set or removed here has none before. */
static void add_earlier(struct changes *c, const struct model_headers *from,
                        enum model_header_op op, const struct str *removed, size_t removed_count)
{
    const struct yaml_node *set = yaml_tree_get(c->node, "set");
    for (size_t i = 0; i < from->count; i++) {
        struct str name = from->changes[i].name;
        if (from->changes[i].op == op && !is_among(removed, removed_count, name) &&
            !is_set(set, name)) {
            add_change(c, from->changes[i]);
        }
    }
}

static void add_values(struct changes *c, const char *key, enum model_header_op op)
{
    const struct yaml_node *map = yaml_tree_get(c->node, key);
    for (size_t i = 0; map != NULL && map->kind == YAML_TREE_MAP && i < map->count; i++) {
        const struct yaml_node *value = &map->values[i];
        bool is_list = value->kind == YAML_TREE_LIST;
        for (size_t j = 0; j < (is_list ? value->count : 1); j++) {
            const struct yaml_node *one = is_list ? &value->values[j] : value;
            if (one->kind == YAML_TREE_SCALAR) {
                add_change(c, (struct model_header){op, arena_dup(c->arena, map->keys[i].text),
                                                    arena_dup(c->arena, one->text)});
            }
        }
    }
}

static size_t count_values(const struct yaml_node *map)
{
    size_t n = 0;
    for (size_t i = 0; map != NULL && map->kind == YAML_TREE_MAP && i < map->count; i++) {
        n += map->values[i].kind == YAML_TREE_LIST ? map->values[i].count : 1;
    }
    return n;
}

/* Two lists of changes one after the other are one list: for each name, the last set or remove and
 * what was added behind it. */
static void load_head(struct load *l, const struct yaml_node *node, struct model_headers *h)
{
    if (node == NULL || node->kind != YAML_TREE_MAP) {
        return;
    }
    struct str *removed = NULL;
    size_t removed_count = load_texts(l, yaml_tree_get(node, "remove"), &removed);
    size_t most = h->count + removed_count + count_values(yaml_tree_get(node, "set")) +
                  count_values(yaml_tree_get(node, "add"));
    struct changes c = {.arena = &l->model->arena, .node = node};
    c.items = arena_zalloc(c.arena, (most + 1) * sizeof(*c.items));
    add_earlier(&c, h, MODEL_HEADER_REMOVE, removed, removed_count);
    for (size_t i = 0; i < removed_count; i++) {
        add_change(&c, (struct model_header){MODEL_HEADER_REMOVE, removed[i], {"", 0}});
    }
    add_earlier(&c, h, MODEL_HEADER_SET, removed, removed_count);
    add_values(&c, "set", MODEL_HEADER_SET);
    add_earlier(&c, h, MODEL_HEADER_ADD, removed, removed_count);
    add_values(&c, "add", MODEL_HEADER_ADD);
    *h = (struct model_headers){c.items, c.count};
}

/* ---- who gets in, and how often ---- */

static void load_lists(struct load *l, const struct yaml_node *map, struct model_rules *r)
{
    const struct yaml_node *allow = yaml_tree_get(map, "allow");
    const struct yaml_node *deny = yaml_tree_get(map, "deny");
    if (allow != NULL) {
        r->has_allow =
            allow->kind != YAML_TREE_SCALAR || !schema_is_word(schema_key(AT "allow"), allow->text);
        r->allow_count = load_networks(l, allow, &r->allow);
    }
    if (deny != NULL) {
        r->deny_count = load_networks(l, deny, &r->deny);
    }
}

static void load_basic_auth(struct load *l, const struct yaml_node *node, struct model_rules *r)
{
    if (node == NULL || node->kind == YAML_TREE_BAD) {
        return;
    }
    r->basic_auth = NULL;
    bool is_map = node->kind == YAML_TREE_MAP;
    const struct schema_key *realm_key = schema_key(AT "basic_auth.realm");
    const struct yaml_node *users = is_map ? yaml_tree_get(node, "users") : node;
    const struct yaml_node *realm = is_map ? yaml_tree_get(node, "realm") : NULL;
    bool is_off = !is_map && schema_is_word(schema_key(AT "basic_auth"), node->text);
    if (is_off || users == NULL || users->kind != YAML_TREE_SCALAR) {
        return;
    }
    struct model_basic_auth *auth = arena_zalloc(&l->model->arena, sizeof(*auth));
    auth->users = load_use_file(l, MODEL_FILE_USERS, users, "basic_auth");
    auth->realm = realm != NULL && realm->kind == YAML_TREE_SCALAR
                      ? arena_dup(&l->model->arena, realm->text)
                      : str_of(realm_key->fallback);
    r->basic_auth = auth;
}

static void load_rate(const struct yaml_node *node, struct model_rules *r)
{
    struct model_rate rate = {0};
    struct values_fault fault;
    uint64_t burst = 0;
    if (node == NULL) {
        return;
    }
    bool is_map = node->kind == YAML_TREE_MAP;
    const struct yaml_node *requests = is_map ? yaml_tree_get(node, "requests") : node;
    const struct yaml_node *many = is_map ? yaml_tree_get(node, "burst") : NULL;
    if (requests != NULL && requests->kind == YAML_TREE_SCALAR &&
        values_rate(requests->text, &rate.requests, &rate.period_ms, &fault) == OK) {
        rate.burst = rate.requests;
        if (many != NULL && many->kind == YAML_TREE_SCALAR &&
            schema_number(schema_key(AT "rate.burst"), many->text, &burst, &fault) == OK) {
            rate.burst = (uint32_t)burst;
        }
    }
    r->rate = rate;
}

static void load_rules(struct load *l, const struct yaml_node *map, struct model_rules *r)
{
    const struct yaml_node *headers = yaml_tree_get(map, "headers");
    load_head(l, yaml_tree_get(headers, "request"), &r->request);
    load_head(l, yaml_tree_get(headers, "response"), &r->response);
    load_lists(l, map, r);
    load_basic_auth(l, yaml_tree_get(map, "basic_auth"), r);
    load_rate(yaml_tree_get(map, "rate"), r);
    const struct yaml_node *gzip = yaml_tree_get(map, "gzip");
    if (gzip != NULL) {
        r->gzip = load_number(map, AT "gzip") != 0;
    }
}

/* ---- certificates ---- */

static void load_verify(struct load *l, const struct yaml_node *node, struct model_verify *v)
{
    struct values_fault fault;
    struct str host;
    if (node == NULL) {
        return;
    }
    v->off = node->kind == YAML_TREE_SCALAR;
    const struct yaml_node *ca = yaml_tree_get(node, "ca");
    const struct yaml_node *name = yaml_tree_get(node, "name");
    if (ca != NULL && ca->kind == YAML_TREE_SCALAR) {
        v->ca = load_use_file(l, MODEL_FILE_CA, ca, "verify.ca");
    }
    if (name != NULL && name->kind == YAML_TREE_SCALAR &&
        names_host(&l->model->arena, name->text, &host, &fault) == OK) {
        v->name = host;
    }
}

/* ---- the choice of an endpoint ---- */

static void load_balance(struct load *l, const struct yaml_node *node, struct model_balance *b)
{
    struct model_balance balance = {.kind = MODEL_BALANCE_LEAST, .name = STR("")};
    struct values_fault fault;
    if (node == NULL) {
        return;
    }
    const struct yaml_node *name = yaml_tree_get(node, "name");
    if (node->kind == YAML_TREE_MAP) {
        balance.kind = MODEL_BALANCE_HASH;
        balance.key = (enum model_hash_key)load_number(node, AT "balance.hash");
    } else if (str_eq(node->text, STR("round_robin"))) {
        balance.kind = MODEL_BALANCE_ROUND_ROBIN;
    } else if (str_eq(node->text, STR("hash"))) {
        balance.kind = MODEL_BALANCE_HASH;
    }
    if (name != NULL && name->kind == YAML_TREE_SCALAR && fields_token(name->text, &fault) == OK) {
        balance.name = arena_dup(&l->model->arena, name->text);
    }
    *b = balance;
}

/* ---- which endpoints are passed over ---- */

static void load_health(struct load *l, const struct yaml_node *node, struct model_health *health)
{
    const struct yaml_node *path = yaml_tree_get(node, "path");
    const struct yaml_node *host = yaml_tree_get(node, "host");
    struct values_fault fault;
    struct model_health h = {.path = STR(""), .host = STR("")};
    if (node == NULL || node->kind == YAML_TREE_BAD) {
        return;
    }
    if (node->kind == YAML_TREE_MAP) {
        h.interval_ms = load_u32(node, AT "health.interval");
        h.timeout_ms = load_u32(node, AT "health.timeout");
        h.fall = load_u32(node, AT "health.fall");
        h.rise = load_u32(node, AT "health.rise");
    }
    if (path != NULL && path->kind == YAML_TREE_SCALAR &&
        values_request_path(path->text, &fault) == OK) {
        h.path = arena_dup(&l->model->arena, path->text);
    }
    if (host != NULL && host->kind == YAML_TREE_SCALAR &&
        names_host(&l->model->arena, host->text, &h.host, &fault) != OK) {
        h.host = STR("");
    }
    *health = h;
}

static void load_eject(const struct yaml_node *node, struct model_eject *eject)
{
    *eject = (struct model_eject){.errors = load_u32(node, AT "eject.errors"),
                                  .first_ms = load_u32(node, AT "eject.first"),
                                  .longest_ms = load_u32(node, AT "eject.longest"),
                                  .percent = load_u32(node, AT "eject.percent")};
}

struct model_eject load_eject_default(void)
{
    struct model_eject eject;
    load_eject(NULL, &eject);
    return eject;
}

/* ---- how much a service gets, and how the rest waits ---- */

static void load_hold(const struct yaml_node *node, struct model_hold *hold)
{
    if (yaml_tree_get(node, "wait") != NULL) {
        hold->wait_ms = load_u32(node, "hold.wait");
    }
    if (yaml_tree_get(node, "requests") != NULL) {
        hold->requests = load_u32(node, "hold.requests");
    }
}

static void load_bound(const struct yaml_node *node, struct model_bound *bound)
{
    const struct schema_key *key = schema_key(AT "max_requests");
    struct values_fault fault;
    uint64_t requests = 0;
    if (node == NULL) {
        return;
    }
    bool is_map = node->kind == YAML_TREE_MAP;
    const struct yaml_node *number = is_map ? yaml_tree_get(node, "endpoint") : node;
    *bound = (struct model_bound){0};
    if (number != NULL && number->kind == YAML_TREE_SCALAR &&
        schema_number(key, number->text, &requests, &fault) == OK && requests > 0) {
        bound->requests = (uint32_t)requests;
        bound->queue = load_u32(is_map ? node : NULL, AT "max_requests.queue");
    }
}

void load_client_auth(struct load *l, const struct yaml_node *site, struct model_client_auth *out)
{
    const struct yaml_node *node = yaml_tree_get(site, "client_auth");
    const struct yaml_node *ca = yaml_tree_get(node, "ca");
    if (ca == NULL || ca->kind != YAML_TREE_SCALAR) {
        return;
    }
    out->ca = load_use_file(l, MODEL_FILE_CA, ca, "client_auth.ca");
    out->mode = (enum model_client_auth_mode)load_number(node, AT "client_auth.mode");
}

static void load_addresses(struct load *l, const struct yaml_node *map, struct load_inherited *in)
{
    const struct yaml_node *pin = yaml_tree_get(map, "pin");
    struct values_fault fault;
    if (pin != NULL && pin->kind == YAML_TREE_SCALAR) {
        in->pin = STR("");
        if (schema_is_word(schema_key(AT "pin"), pin->text) ||
            names_host(&l->model->arena, pin->text, &in->pin, &fault) != OK) {
            in->pin = STR("");
        }
    }
    if (yaml_tree_get(map, "external") != NULL) {
        in->is_external = load_number(map, AT "external") != 0;
    }
}

void load_over(struct load *l, const struct yaml_node *map, struct load_inherited *in)
{
    load_timeouts(map, &in->timeouts);
    in->body_bytes = load_limit(map, "limits.body", in->body_bytes);
    in->replay_bytes = load_limit(map, "limits.replay", in->replay_bytes);
    load_verify(l, yaml_tree_get(map, "verify"), &in->verify);
    load_rules(l, map, &in->rules);
    load_addresses(l, map, in);
    load_balance(l, yaml_tree_get(map, "balance"), &in->balance);
    load_health(l, yaml_tree_get(map, "health"), &in->health);
    if (yaml_tree_get(map, "eject") != NULL) {
        load_eject(yaml_tree_get(map, "eject"), &in->eject);
    }
    load_hold(yaml_tree_get(map, "hold"), &in->hold);
    load_bound(yaml_tree_get(map, "max_requests"), &in->bound);
}
