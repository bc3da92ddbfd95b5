/* SPDX-License-Identifier: MIT */
#include "config/schema.h"

#include <stdio.h>

#include "schema_table.h"

const struct schema_key *schema_keys(size_t *out_count)
{
    *out_count = schema_table_count;
    return schema_table;
}

const struct schema_key *schema_key(const char *path)
{
    for (size_t i = 0; i < schema_table_count; i++) {
        if (strcmp(schema_table[i].path, path) == 0) {
            return &schema_table[i];
        }
    }
    err_require_failed(__FILE__, __LINE__, path);
}

const char *schema_name(const struct schema_key *key)
{
    const char *dot = strrchr(key->path, '.');
    return dot == NULL ? key->path : dot + 1;
}

/* Whether `key` stands anywhere below `parent`. */
static bool is_below(const struct schema_key *parent, const struct schema_key *key)
{
    size_t len = parent == NULL ? 0 : strlen(parent->path);
    return len == 0 || (strncmp(key->path, parent->path, len) == 0 && key->path[len] == '.');
}

const struct schema_key *schema_next_child(const struct schema_key *parent,
                                           const struct schema_key *previous)
{
    size_t len = parent == NULL ? 0 : strlen(parent->path) + 1;
    const struct schema_key *key = schema_table;
    if (previous != NULL) {
        key = previous + 1;
    } else if (parent != NULL) {
        key = parent + 1;
    }
    for (; key < schema_table + schema_table_count && is_below(parent, key); key++) {
        if (strchr(key->path + len, '.') == NULL) {
            return key;
        }
    }
    return NULL;
}

const struct schema_key *schema_child(const struct schema_key *parent, struct str name)
{
    const struct schema_key *key = schema_next_child(parent, NULL);
    if (parent != NULL && (parent->type == SCHEMA_SITES || parent->type == SCHEMA_ROUTES)) {
        return key; /* the user chooses the name */
    }
    while (key != NULL && !str_eq(str_of(schema_name(key)), name)) {
        key = schema_next_child(parent, key);
    }
    return key;
}

bool schema_is_word(const struct schema_key *key, struct str text)
{
    struct str rest = str_of(key->word);
    struct str word;
    while (rest.len > 0 && str_next(&rest, '|', &word)) {
        if (str_eq(word, text)) {
            return true;
        }
    }
    return false;
}

const char *schema_type_text(enum schema_type type)
{
    switch (type) {
    case SCHEMA_MAP: return "map";
    case SCHEMA_SITES: return "map of sites by name";
    case SCHEMA_ROUTES: return "map of routes by prefix";
    case SCHEMA_TARGET_MAP: return "URL or map";
    case SCHEMA_PATH_MAP: return "path or map";
    case SCHEMA_RATE_MAP: return "rate or map";
    case SCHEMA_NUMBER_MAP: return "number or map";
    case SCHEMA_FIELDS: return "map of header fields";
    case SCHEMA_NUMBER: return "number";
    case SCHEMA_DURATION: return "duration";
    case SCHEMA_SIZE: return "size";
    case SCHEMA_BOOL: return "true or false";
    case SCHEMA_CHOICE: return "word";
    case SCHEMA_LISTEN: return "address";
    case SCHEMA_LISTEN_LIST: return "address or list of addresses";
    case SCHEMA_SERVERS: return "address or list of addresses";
    case SCHEMA_NETWORKS: return "network or list of networks";
    case SCHEMA_PATH: return "path";
    case SCHEMA_PATHS: return "path or list of paths";
    case SCHEMA_HOST: return "host name";
    case SCHEMA_SITE_NAMES: return "host name or list of host names";
    case SCHEMA_FIELD_NAMES: return "name of a header field or list of them";
    case SCHEMA_TOKEN: return "name";
    case SCHEMA_RATE: return "rate";
    case SCHEMA_REALM: return "text";
    case SCHEMA_REQUEST_PATH: return "path of a request";
    case SCHEMA_TARGET: return "URL of a service";
    case SCHEMA_RELAY: return "URL";
    case SCHEMA_REDIRECT: return "URL";
    }
    return "";
}

/* "redirect|serve|off" -> "redirect, serve or off". */
static void refuse_choice(const struct schema_key *key, struct values_fault *fault)
{
    struct str rest = str_of(key->choices);
    struct str word;
    char list[120] = "";
    size_t len = 0;
    while (str_next(&rest, '|', &word) && len < sizeof(list)) {
        bool is_last = str_find(rest, '|') < 0 && len > 0 && rest.len == 0;
        int n = snprintf(list + len, sizeof(list) - len, "%s%.*s",
                         len == 0  ? ""
                         : is_last ? " or "
                                   : ", ",
                         STR_FMT(word));
        len += n < 0 ? 0 : (size_t)n;
    }
    (void)values_refuse(fault, NULL, "%s", list);
}

static int choice_index(const struct schema_key *key, struct str text, uint64_t *out_value,
                        struct values_fault *fault)
{
    struct str rest = str_of(key->choices);
    struct str word;
    unsigned best = 3;
    refuse_choice(key, fault);
    for (uint64_t i = 0; str_next(&rest, '|', &word); i++) {
        if (str_eq(word, text)) {
            *out_value = i;
            return OK;
        }
        unsigned distance = text.len > 64         ? 64
                            : str_ieq(word, text) ? 0
                                                  : str_distance(word, text, 2);
        if (text.len > word.len && str_starts(text, word)) {
            distance = 0; /* "warning" for "warn" */
        }
        if (distance < best && distance < word.len) {
            best = distance;
            (void)str_copy(fault->near, sizeof(fault->near), word);
        }
    }
    if (text.len > 0 && text.ptr[0] >= '0' && text.ptr[0] <= '9') {
        fault->near[0] = '\0'; /* one number is not near another */
    }
    return ERR_SYNTAX;
}

static bool is_plain_number(const struct schema_key *key)
{
    return key->type == SCHEMA_NUMBER || key->type == SCHEMA_NUMBER_MAP;
}

static int parse_number(const struct schema_key *key, struct str text, uint64_t *out_value,
                        struct values_fault *fault)
{
    if (key->type == SCHEMA_DURATION) {
        return values_duration(text, out_value, fault);
    }
    if (key->type == SCHEMA_SIZE) {
        return values_size(text, out_value, fault);
    }
    if (key->type == SCHEMA_CHOICE) {
        return choice_index(key, text, out_value, fault);
    }
    if (key->type == SCHEMA_BOOL) {
        bool value = false;
        int err = values_bool(text, &value, fault);
        *out_value = value;
        return err;
    }
    REQUIRE(is_plain_number(key));
    return values_number(text, out_value, fault);
}

static int refuse_range(const struct schema_key *key, struct values_fault *fault)
{
    char low[VALUES_TEXT_MAX];
    char high[VALUES_TEXT_MAX];
    if (key->min == key->max) {
        return values_refuse(fault, NULL, "%u", (unsigned)key->min);
    }
    if (key->type == SCHEMA_DURATION) {
        return values_refuse(fault, NULL, "a duration from %s to %s",
                             values_print_duration(key->min, low),
                             values_print_duration(key->max, high));
    }
    if (key->type == SCHEMA_SIZE) {
        return values_refuse(fault, NULL, "a size from %s to %s", values_print_size(key->min, low),
                             values_print_size(key->max, high));
    }
    return values_refuse(fault, NULL, "a number from %u to %u", (unsigned)key->min,
                         (unsigned)key->max);
}

int schema_number(const struct schema_key *key, struct str text, uint64_t *out_value,
                  struct values_fault *fault)
{
    uint64_t value = 0;
    if (schema_is_word(key, text)) {
        *out_value = key->word_value;
        return OK;
    }
    int err = parse_number(key, text, &value, fault);
    bool has_range =
        is_plain_number(key) || key->type == SCHEMA_DURATION || key->type == SCHEMA_SIZE;
    if (has_range && (err == ERR_RANGE || (err == OK && (value < key->min || value > key->max)))) {
        (void)refuse_range(key, fault);
        err = ERR_RANGE;
    } else if (err != OK && is_plain_number(key)) {
        (void)refuse_range(key, fault);
    }
    if (err == OK) {
        *out_value = value;
    }
    return err;
}

uint64_t schema_number_or_default(const struct schema_key *key, const struct yaml_node *node)
{
    struct values_fault fault;
    uint64_t value = 0;
    if (node != NULL && node->kind == YAML_TREE_SCALAR &&
        schema_number(key, node->text, &value, &fault) == OK) {
        return value;
    }
    REQUIRE(key->fallback != NULL);
    REQUIRE(schema_number(key, str_of(key->fallback), &value, &fault) == OK);
    return value;
}

static int print_default(const struct schema_key *key, struct buf *out)
{
    if (key->inherits != NULL) {
        return buf_printf(out, "    default: the value of %s\n", key->inherits);
    }
    return key->fallback == NULL ? OK : buf_printf(out, "    default: %s\n", key->fallback);
}

static int print_type(const struct schema_key *key, struct buf *out)
{
    bool has_range =
        is_plain_number(key) || key->type == SCHEMA_DURATION || key->type == SCHEMA_SIZE;
    struct values_fault fault = {.expected = "", .near = ""};
    if (key->choices != NULL) {
        return buf_printf(out, "    type: one of %s\n", key->choices);
    }
    if (has_range) {
        (void)refuse_range(key, &fault);
    }
    int err =
        buf_printf(out, "    type: %s", has_range ? fault.expected : schema_type_text(key->type));
    if (err == OK && key->type == SCHEMA_NUMBER_MAP) {
        err = buf_printf(out, ", or a map");
    }
    struct str rest = str_of(key->word);
    struct str word;
    while (err == OK && rest.len > 0 && str_next(&rest, '|', &word)) {
        err = buf_printf(out, ", or %.*s", STR_FMT(word));
    }
    return err != OK ? err : buf_printf(out, "\n");
}

int schema_print(struct buf *out)
{
    int err = OK;
    for (size_t i = 0; i < schema_table_count && err == OK; i++) {
        const struct schema_key *key = &schema_table[i];
        err = buf_printf(out, "%s\n", key->path);
        err = err != OK ? err : print_type(key, out);
        err = err != OK ? err : print_default(key, out);
        err = err != OK ? err
                        : buf_printf(out, "    %s\n    example: %s: %s\n", key->help,
                                     schema_name(key), key->example);
    }
    return err;
}
