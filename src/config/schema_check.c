/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "config/fields.h"
#include "config/names.h"
#include "config/schema.h"
#include "schema_near.h"

#define LABEL_MAX 320

struct checker {
    const struct yaml_tree *tree;
    struct diags *diags;
    struct arena scratch;
    struct str site;  /* in which site the walk is; empty outside */
    struct str route; /* in which of its routes; empty outside */
};

/* The path below the user's own name: "headers.request" for "sites.NAME.headers.request". */
static const char *inner_name(const struct schema_key *key)
{
    static const char *const homes[] = {"sites.NAME.routes.PREFIX.", "sites.NAME."};
    for (size_t i = 0; i < sizeof(homes) / sizeof(homes[0]); i++) {
        if (strncmp(key->path, homes[i], strlen(homes[i])) == 0) {
            return key->path + strlen(homes[i]);
        }
    }
    return schema_name(key);
}

/* 'site "c.com"', 'route "/api" of site "c.com"', 'timeouts of site "c.com"', 'listen'. */
static void map_label(const struct checker *c, const struct schema_key *key, char *dst, size_t cap)
{
    struct str site = diag_cut(c->site);
    struct str route = diag_cut(c->route);
    bool is_free = key->type == SCHEMA_TARGET_MAP;
    const char *name = is_free ? "" : inner_name(key);
    const char *of = is_free ? "" : " of ";
    if (strncmp(key->path, "sites.", 6) != 0) {
        (void)snprintf(dst, cap, "%s", name);
    } else if (c->route.len > 0) {
        (void)snprintf(dst, cap, "%s%sroute \"%.*s\" of site \"%.*s\"", name, of, STR_FMT(route),
                       STR_FMT(site));
    } else {
        (void)snprintf(dst, cap, "%s%ssite \"%.*s\"", name, of, STR_FMT(site));
    }
}

/* What a value is for: 'site "c.com"', 'connect in timeouts of site "c.com"', 'workers'. */
static void value_label(const struct checker *c, const struct schema_key *parent,
                        const struct schema_key *key, char *dst, size_t cap)
{
    if (key->type == SCHEMA_TARGET_MAP || parent == NULL) {
        map_label(c, key, dst, cap);
        return;
    }
    char in[LABEL_MAX - 40];
    map_label(c, parent, in, sizeof(in));
    (void)snprintf(dst, cap, "%s in %s", schema_name(key), in);
}

static void found_text(const struct yaml_node *node, char *dst, size_t cap)
{
    struct str shown = diag_cut(node->shown);
    if (node->kind == YAML_TREE_LIST || node->kind == YAML_TREE_MAP) {
        (void)snprintf(dst, cap, "a %s", node->kind == YAML_TREE_LIST ? "list" : "map");
    } else if (yaml_tree_is_nothing(node)) {
        (void)snprintf(dst, cap, "nothing");
    } else {
        (void)snprintf(dst, cap, "\"%.*s\"", STR_FMT(shown));
    }
}

static bool is_list_type(enum schema_type type)
{
    return type == SCHEMA_LISTEN_LIST || type == SCHEMA_SERVERS || type == SCHEMA_NETWORKS ||
           type == SCHEMA_PATHS || type == SCHEMA_SITE_NAMES || type == SCHEMA_FIELD_NAMES;
}

/* A map that one value may stand for. */
static bool has_short_form(enum schema_type type)
{
    return type == SCHEMA_TARGET_MAP || type == SCHEMA_PATH_MAP || type == SCHEMA_RATE_MAP ||
           type == SCHEMA_NUMBER_MAP;
}

static bool is_map_type(enum schema_type type)
{
    return type == SCHEMA_MAP || type == SCHEMA_SITES || type == SCHEMA_ROUTES ||
           type == SCHEMA_FIELDS || has_short_form(type);
}

/* ", or off" for each word that is right beside the type. */
static void words_text(const struct schema_key *key, char *dst, size_t cap)
{
    struct str rest = str_of(key->word);
    struct str word;
    size_t len = 0;
    while (rest.len > 0 && len < cap && str_next(&rest, '|', &word)) {
        int n = snprintf(dst + len, cap - len, ", or %.*s", STR_FMT(word));
        len += n < 0 ? 0 : (size_t)n;
    }
}

/* One value at fault. What came out of a variable or a file is never shown, also not as a hint. */
static void report(struct checker *c, const struct schema_key *parent, const struct schema_key *key,
                   const struct yaml_node *node, const struct values_fault *fault)
{
    char found[128];
    char label[LABEL_MAX];
    found_text(node, found, sizeof(found));
    value_label(c, parent, key, label, sizeof(label));
    bool is_range =
        key->type == SCHEMA_NUMBER || key->type == SCHEMA_DURATION || key->type == SCHEMA_SIZE;
    char words[64] = "";
    if (is_range || key->type == SCHEMA_HOST || key->type == SCHEMA_NETWORKS ||
        has_short_form(key->type)) {
        words_text(key, words, sizeof(words));
    }
    bool has_near = fault->near[0] != '\0' && str_eq(node->shown, node->text);
    diags_add(c->diags, DIAG_ERROR, yaml_tree_place(c->tree, node),
              "found %s for %s; expected %s%s%s%s%s", found, label, fault->expected, words,
              has_near ? "; did you mean \"" : "", has_near ? fault->near : "",
              has_near ? "\"?" : "");
}

static void report_kind(struct checker *c, const struct schema_key *parent,
                        const struct schema_key *key, const struct yaml_node *node)
{
    struct values_fault fault;
    const char *type = schema_type_text(key->type);
    char words[64] = "";
    if (is_map_type(key->type)) {
        words_text(key, words, sizeof(words));
    }
    (void)values_refuse(&fault, NULL, "%s %s such as %s%s", type[0] == 'a' ? "an" : "a", type,
                        key->example, words);
    char found[128];
    char label[LABEL_MAX];
    found_text(node, found, sizeof(found));
    value_label(c, parent, key, label, sizeof(label));
    diags_add(c->diags, DIAG_ERROR, yaml_tree_place(c->tree, node), "found %s for %s; expected %s",
              found, label, fault.expected);
}

/* "a.com:http://x" where "a.com: http://x" was meant. */
static bool report_tight_colon(struct checker *c, const struct yaml_node *node)
{
    ptrdiff_t colon =
        node->kind == YAML_TREE_SCALAR && !node->quoted ? str_find(node->shown, ':') : -1;
    if (colon <= 0 || !str_eq(node->shown, node->text) ||
        str_starts(str_from(node->text, (size_t)colon), STR("://"))) {
        return false;
    }
    struct str key = diag_cut(str_sub(node->text, 0, (size_t)colon));
    diags_add(c->diags, DIAG_ERROR, yaml_tree_place(c->tree, node),
              "found no space behind the colon of \"%.*s\"; expected \"%.*s: VALUE\"", STR_FMT(key),
              STR_FMT(key));
    return true;
}

/* The word of a host-typed key, misspelt: "refuze" is no host name. Too many names are near a short
 * word: "node" and "mine" may be services, and are not "none". */
static int check_host(struct checker *c, const struct schema_key *key, struct str text,
                      struct values_fault *fault)
{
    struct str host;
    if (key->word != NULL && strlen(key->word) > 4 && text.len <= 64 && str_find(text, '.') < 0 &&
        str_distance(text, str_of(key->word), 2) <= 2) {
        return values_refuse(fault, key->word, "a host name");
    }
    return names_host(&c->scratch, text, &host, fault);
}

/* Of which head the fields of "....headers.request.set" are, and whether they only go. */
static enum fields_use fields_use(const struct schema_key *key)
{
    bool is_request = strstr(key->path, ".request.") != NULL;
    if (key->type == SCHEMA_FIELD_NAMES) {
        return is_request ? FIELDS_REQUEST_REMOVE : FIELDS_RESPONSE_REMOVE;
    }
    return is_request ? FIELDS_REQUEST : FIELDS_RESPONSE;
}

static int check_text(struct checker *c, const struct schema_key *key, struct str text,
                      struct values_fault *fault)
{
    struct addr addr;
    struct addr_net net;
    struct model_target target;
    struct names_redirect redirect;
    uint64_t number;
    uint32_t period;
    uint32_t count;
    struct str path;
    switch (key->type) {
    case SCHEMA_NUMBER:
    case SCHEMA_NUMBER_MAP:
    case SCHEMA_DURATION:
    case SCHEMA_SIZE:
    case SCHEMA_BOOL:
    case SCHEMA_CHOICE: return schema_number(key, text, &number, fault);
    case SCHEMA_LISTEN:
    case SCHEMA_LISTEN_LIST: return values_listen(text, &addr, fault);
    case SCHEMA_SERVERS: return values_server(text, &addr, fault);
    case SCHEMA_NETWORKS: return values_network(text, &net, fault);
    case SCHEMA_PATH:
    case SCHEMA_PATHS:
    case SCHEMA_PATH_MAP: return values_path(text, fault);
    case SCHEMA_HOST: return check_host(c, key, text, fault);
    case SCHEMA_SITE_NAMES: return names_site(&c->scratch, text, &path, fault);
    case SCHEMA_FIELD_NAMES: return fields_name(text, fields_use(key), fault);
    case SCHEMA_TOKEN: return fields_token(text, fault);
    case SCHEMA_RATE:
    case SCHEMA_RATE_MAP: return values_rate(text, &count, &period, fault);
    case SCHEMA_REALM: return values_realm(text, fault);
    case SCHEMA_REQUEST_PATH: return values_request_path(text, fault);
    case SCHEMA_TARGET:
    case SCHEMA_TARGET_MAP: return names_target(&c->scratch, text, &target, fault);
    case SCHEMA_RELAY: return names_relay(&c->scratch, text, &target, &path, fault);
    case SCHEMA_REDIRECT: return names_redirect(&c->scratch, text, &redirect, fault);
    case SCHEMA_MAP:
    case SCHEMA_SITES:
    case SCHEMA_ROUTES:
    case SCHEMA_FIELDS: break;
    }
    return OK;
}

static void check_scalar(struct checker *c, const struct schema_key *parent,
                         const struct schema_key *key, const struct yaml_node *node)
{
    struct values_fault fault = {.expected = "", .near = ""};
    if (node->kind == YAML_TREE_BAD) {
        return;
    }
    if (node->kind != YAML_TREE_SCALAR || yaml_tree_is_nothing(node)) {
        report_kind(c, parent, key, node);
        return;
    }
    if (schema_is_word(key, node->text)) {
        return;
    }
    if (check_text(c, key, node->text, &fault) != OK) {
        report(c, parent, key, node, &fault);
    }
}

static void check_list(struct checker *c, const struct schema_key *parent,
                       const struct schema_key *key, const struct yaml_node *node)
{
    if (node->count == 0 && (key->type == SCHEMA_LISTEN_LIST || key->type == SCHEMA_SERVERS)) {
        diags_add(c->diags, DIAG_ERROR, yaml_tree_place(c->tree, node),
                  "found an empty list for %s in %s; expected an address, or %s", schema_name(key),
                  schema_name(parent), key->word);
    }
    for (size_t i = 0; i < node->count; i++) {
        const struct yaml_node *item = &node->values[i];
        if (item->kind == YAML_TREE_SCALAR && schema_is_word(key, item->text)) {
            diags_add(c->diags, DIAG_ERROR, yaml_tree_place(c->tree, item),
                      "found \"%.*s\" in a list for %s; expected it alone, without a list",
                      STR_FMT(item->text), schema_name(key));
            continue;
        }
        check_scalar(c, parent, key, item);
    }
}

/* One field: `set` takes a value, `add` a value or some. */
static void check_field(struct checker *c, const struct schema_key *key,
                        const struct yaml_node *name, const struct yaml_node *value)
{
    struct values_fault fault = {.expected = "", .near = ""};
    char label[LABEL_MAX];
    char found[128];
    map_label(c, key, label, sizeof(label));
    if (name->kind != YAML_TREE_BAD && fields_name(name->text, fields_use(key), &fault) != OK) {
        found_text(name, found, sizeof(found));
        bool has_near = fault.near[0] != '\0' && str_eq(name->shown, name->text);
        diags_add(c->diags, DIAG_ERROR, yaml_tree_place(c->tree, name),
                  "found %s in %s; expected %s%s%s%s", found, label, fault.expected,
                  has_near ? "; did you mean \"" : "", has_near ? fault.near : "",
                  has_near ? "\"?" : "");
    }
    bool is_add = strcmp(schema_name(key), "add") == 0;
    bool is_list = value->kind == YAML_TREE_LIST && is_add;
    for (size_t i = 0; i < (is_list ? value->count : 1); i++) {
        const struct yaml_node *one = is_list ? &value->values[i] : value;
        struct str shown = diag_cut(name->shown);
        bool is_text = one->kind == YAML_TREE_SCALAR && !yaml_tree_is_nothing(one);
        if (one->kind == YAML_TREE_BAD || (is_text && fields_value(one->text, &fault) == OK)) {
            continue;
        }
        found_text(one, found, sizeof(found));
        diags_add(c->diags, DIAG_ERROR, yaml_tree_place(c->tree, one),
                  "found %s for \"%.*s\" in %s; expected %s", found, STR_FMT(shown), label,
                  is_text  ? fault.expected
                  : is_add ? "a value, or a list of values"
                           : "a value; an empty one is written \"\"");
    }
}

static void check_fields(struct checker *c, const struct schema_key *key,
                         const struct yaml_node *node)
{
    for (size_t i = 0; i < node->count; i++) {
        check_field(c, key, &node->keys[i], &node->values[i]);
    }
}

static void check_map(struct checker *c, const struct schema_key *key,
                      const struct yaml_node *node);

static void check_value(struct checker *c, const struct schema_key *parent,
                        const struct schema_key *key, const struct yaml_node *node)
{
    bool is_word = node->kind == YAML_TREE_SCALAR && schema_is_word(key, node->text);
    if (node->kind == YAML_TREE_MAP && key->type == SCHEMA_FIELDS) {
        check_fields(c, key, node);
    } else if (node->kind == YAML_TREE_MAP && is_map_type(key->type)) {
        check_map(c, key, node);
    } else if (node->kind == YAML_TREE_LIST && is_list_type(key->type)) {
        check_list(c, parent, key, node);
    } else if (is_map_type(key->type) && !has_short_form(key->type)) {
        if (!is_word && node->kind != YAML_TREE_BAD && !report_tight_colon(c, node)) {
            report_kind(c, parent, key, node);
        }
    } else {
        check_scalar(c, parent, key, node);
    }
}

/* The key of a site or a route, which is a name of the user's. */
static void check_free_name(struct checker *c, const struct schema_key *parent,
                            const struct yaml_node *name)
{
    struct values_fault fault = {.expected = "", .near = ""};
    struct str host;
    bool is_site = parent->type == SCHEMA_SITES;
    int err = is_site ? names_site(&c->scratch, name->text, &host, &fault)
                      : names_prefix(name->text, &fault);
    if (err == OK) {
        return;
    }
    struct str shown = diag_cut(name->shown);
    bool has_near = fault.near[0] != '\0' && str_eq(name->shown, name->text);
    diags_add(c->diags, DIAG_ERROR, yaml_tree_place(c->tree, name),
              "found \"%.*s\" as the %s; expected %s%s%s%s", STR_FMT(shown),
              is_site ? "name of a site" : "prefix of a route", fault.expected,
              has_near ? "; did you mean \"" : "", has_near ? fault.near : "",
              has_near ? "\"?" : "");
}

static void report_unknown(struct checker *c, const struct schema_key *map,
                           const struct yaml_node *name)
{
    char near[400];
    char label[LABEL_MAX];
    struct str shown = diag_cut(name->shown);
    schema_near_key(map, name->text, near, sizeof(near));
    if (map != NULL) {
        map_label(c, map, label, sizeof(label));
    }
    diags_add(c->diags, DIAG_ERROR, yaml_tree_place(c->tree, name), "unknown key \"%.*s\" %s%s%s",
              STR_FMT(shown), map == NULL ? "at the top level" : "in ", map == NULL ? "" : label,
              near);
}

static void check_member(struct checker *c, const struct schema_key *map,
                         const struct yaml_node *name, const struct yaml_node *value)
{
    const struct schema_key *key = schema_child(map, name->text);
    if (name->kind == YAML_TREE_BAD) {
        return;
    }
    bool is_free = map != NULL && (map->type == SCHEMA_SITES || map->type == SCHEMA_ROUTES);
    if ((is_free || key == NULL) && yaml_tree_is_nothing(value) && report_tight_colon(c, name)) {
        return;
    }
    if (key == NULL) {
        report_unknown(c, map, name);
        return;
    }
    struct str *scope = NULL;
    if (is_free) {
        check_free_name(c, map, name);
        scope = map->type == SCHEMA_SITES ? &c->site : &c->route;
        *scope = name->shown;
    }
    check_value(c, map, key, value);
    if (scope != NULL) {
        *scope = (struct str){"", 0};
    }
    arena_reset(&c->scratch);
}

/* Depth is bounded by the table. */
static void check_map(struct checker *c, const struct schema_key *key, const struct yaml_node *node)
{
    for (size_t i = 0; i < node->count; i++) {
        check_member(c, key, &node->keys[i], &node->values[i]);
    }
}

static void check_root(struct checker *c)
{
    const struct yaml_node *root = &c->tree->root;
    struct diag_place place = yaml_tree_place(c->tree, root);
    if (root->kind == YAML_TREE_BAD || report_tight_colon(c, root)) {
        return;
    }
    if (root->kind != YAML_TREE_MAP) {
        char found[128];
        found_text(root, found, sizeof(found));
        diags_add(c->diags, DIAG_ERROR, place,
                  "found %s; expected keys and values such as \"version: 1\"", found);
        return;
    }
    check_map(c, NULL, root);
    if (yaml_tree_get(root, "version") == NULL) {
        diags_add(c->diags, DIAG_ERROR, place,
                  "found no \"version\"; expected \"version: 1\" as the first line");
    }
}

void schema_check(const struct yaml_tree *tree, struct diags *diags)
{
    struct checker c = {.tree = tree, .diags = diags, .site = {"", 0}, .route = {"", 0}};
    arena_init(&c.scratch, 4096);
    check_root(&c);
    arena_fini(&c.scratch);
}
