/* SPDX-License-Identifier: MIT */
#include "config/yaml_tree.h"

#include <stdlib.h>
#include <yaml.h>

#include "base/map.h"
#include "base/mem.h"
#include "yaml_error.h"

/* An open map or list. Its members gather in arrays of their own and move to the arena at its end.
 */
struct frame {
    struct yaml_node node;
    struct yaml_node *keys;
    struct yaml_node *values;
    size_t cap;
    bool has_key; /* keys[node.count] is there and waits for its value */
};

struct builder {
    struct yaml_tree *tree;
    struct diags *diags;
    struct frame frames[YAML_TREE_DEPTH];
    size_t depth;
    size_t nodes;
    size_t documents;
};

struct diag_place yaml_tree_place(const struct yaml_tree *tree, const struct yaml_node *node)
{
    return (struct diag_place){tree->file, node->line, node->column};
}

static void fault(struct builder *b, const struct yaml_node *at, const char *text)
{
    diags_add(b->diags, DIAG_ERROR, yaml_tree_place(b->tree, at), "%s", text);
}

static struct yaml_node node_at(enum yaml_tree_kind kind, const yaml_event_t *event)
{
    return (struct yaml_node){
        .kind = kind,
        .line = (uint32_t)event->start_mark.line + 1,
        .column = (uint32_t)event->start_mark.column + 1,
    };
}

static void frame_grow(struct frame *f)
{
    if (f->node.count < f->cap) {
        return;
    }
    f->cap = f->cap == 0 ? 8 : f->cap * 2;
    f->values = mem_grow(f->values, f->cap, sizeof(*f->values));
    if (f->node.kind == YAML_TREE_MAP) {
        f->keys = mem_grow(f->keys, f->cap, sizeof(*f->keys));
    }
}

/* A finished node goes where the innermost open frame wants it: as key, value, item or root. */
static int place_node(struct builder *b, const struct yaml_node *node)
{
    if (b->depth == 0) {
        b->tree->root = *node;
        return OK;
    }
    struct frame *f = &b->frames[b->depth - 1];
    frame_grow(f);
    if (f->node.kind == YAML_TREE_MAP && !f->has_key) {
        if (node->kind != YAML_TREE_SCALAR) {
            fault(b, node, "found a list, a map or an alias as a key; expected a plain word");
            return ERR_SYNTAX;
        }
        f->keys[f->node.count] = *node;
        f->has_key = true;
        return OK;
    }
    f->values[f->node.count] = *node;
    f->node.count++;
    f->has_key = false;
    return OK;
}

static int open_frame(struct builder *b, struct yaml_node node)
{
    if (b->depth == YAML_TREE_DEPTH) {
        fault(b, &node, "found lists and maps nested too deeply; expected at most 16 levels");
        return ERR_SYNTAX;
    }
    b->frames[b->depth] = (struct frame){.node = node};
    b->depth++;
    return OK;
}

static void *to_arena(struct arena *a, const void *src, size_t size)
{
    void *dst = arena_alloc(a, size);
    memcpy(dst, src, size);
    return dst;
}

static int close_frame(struct builder *b)
{
    struct frame *f = &b->frames[--b->depth];
    struct yaml_node node = f->node;
    size_t size = node.count * sizeof(struct yaml_node);
    if (node.count > 0) {
        node.values = to_arena(&b->tree->arena, f->values, size);
    }
    if (node.count > 0 && node.kind == YAML_TREE_MAP) {
        node.keys = to_arena(&b->tree->arena, f->keys, size);
    }
    free(f->values);
    free(f->keys);
    *f = (struct frame){0};
    return place_node(b, &node);
}

static void report_extras(struct builder *b, struct yaml_node *node, const yaml_char_t *anchor,
                          const yaml_char_t *tag)
{
    if (anchor != NULL) {
        diags_add(b->diags, DIAG_ERROR, yaml_tree_place(b->tree, node),
                  "found the anchor \"&%.40s\"; expected the value alone: write it out at every "
                  "place that needs it, or use ${NAME}; a text that starts with & stands in quotes",
                  (const char *)anchor);
    }
    if (tag != NULL) {
        diags_add(b->diags, DIAG_ERROR, yaml_tree_place(b->tree, node),
                  "found the tag \"%.40s\"; expected the value alone; a text that starts with ! "
                  "stands in quotes",
                  (const char *)tag);
    }
}

static int on_scalar(struct builder *b, const yaml_event_t *event)
{
    struct yaml_node node = node_at(YAML_TREE_SCALAR, event);
    const char *value = (const char *)event->data.scalar.value;
    node.text = arena_dup(&b->tree->arena, str_n(value, event->data.scalar.length));
    node.shown = node.text;
    node.quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    report_extras(b, &node, event->data.scalar.anchor, event->data.scalar.tag);
    return place_node(b, &node);
}

static int on_alias(struct builder *b, const yaml_event_t *event)
{
    struct yaml_node node = node_at(YAML_TREE_BAD, event);
    const char *name = (const char *)event->data.alias.anchor;
    diags_add(b->diags, DIAG_ERROR, yaml_tree_place(b->tree, &node),
              "found an unquoted \"*\"; expected quotes around a text that starts with *: "
              "\"*%.40s\"; aliases are not supported",
              name);
    struct frame *f = b->depth > 0 ? &b->frames[b->depth - 1] : NULL;
    if (f != NULL && f->node.kind == YAML_TREE_MAP && !f->has_key) {
        return ERR_SYNTAX;
    }
    return place_node(b, &node);
}

static int on_document(struct builder *b, const yaml_event_t *event)
{
    struct yaml_node node = node_at(YAML_TREE_BAD, event);
    b->documents++;
    if (b->documents > 1) {
        fault(b, &node, "found a second document (---); expected one document in the file");
        return ERR_SYNTAX;
    }
    return OK;
}

static int on_open(struct builder *b, const yaml_event_t *event)
{
    bool is_map = event->type == YAML_MAPPING_START_EVENT;
    struct yaml_node node = node_at(is_map ? YAML_TREE_MAP : YAML_TREE_LIST, event);
    const yaml_char_t *anchor =
        is_map ? event->data.mapping_start.anchor : event->data.sequence_start.anchor;
    const yaml_char_t *tag =
        is_map ? event->data.mapping_start.tag : event->data.sequence_start.tag;
    report_extras(b, &node, anchor, tag);
    return open_frame(b, node);
}

static int on_event(struct builder *b, const yaml_event_t *event)
{
    if (++b->nodes > YAML_TREE_NODES) {
        struct yaml_node node = node_at(YAML_TREE_BAD, event);
        fault(b, &node, "found too many values; expected at most 4 million");
        return ERR_SYNTAX;
    }
    switch (event->type) {
    case YAML_SCALAR_EVENT: return on_scalar(b, event);
    case YAML_ALIAS_EVENT: return on_alias(b, event);
    case YAML_SEQUENCE_START_EVENT:
    case YAML_MAPPING_START_EVENT: return on_open(b, event);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT: return close_frame(b);
    case YAML_DOCUMENT_START_EVENT: return on_document(b, event);
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
    case YAML_DOCUMENT_END_EVENT: return OK;
    }
    return OK;
}

static int read_events(struct builder *b, yaml_parser_t *parser, struct str text)
{
    int err = OK;
    bool done = false;
    while (err == OK && !done) {
        yaml_event_t event;
        if (!yaml_parser_parse(parser, &event)) {
            yaml_error_report(parser, text, b->tree->file, b->diags);
            return ERR_SYNTAX;
        }
        done = event.type == YAML_STREAM_END_EVENT;
        err = on_event(b, &event);
        yaml_event_delete(&event);
    }
    return err;
}

int yaml_tree_parse(struct str text, struct str file, struct diags *diags,
                    struct yaml_tree *out_tree)
{
    struct yaml_tree tree = {.file = file, .root = {.kind = YAML_TREE_BAD, .line = 1, .column = 1}};
    if (text.len > YAML_TREE_TEXT) {
        diags_add(diags, DIAG_ERROR, (struct diag_place){file, 0, 0},
                  "found more than 32 MiB; expected a smaller file");
        return ERR_SYNTAX;
    }
    struct builder b = {.tree = &tree, .diags = diags};
    yaml_parser_t parser;
    REQUIRE(yaml_parser_initialize(&parser));
    arena_init(&tree.arena, 64 * 1024);
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text.ptr, text.len);
    int err = read_events(&b, &parser, text);
    yaml_parser_delete(&parser);
    while (b.depth > 0) {
        b.depth--;
        free(b.frames[b.depth].keys);
        free(b.frames[b.depth].values);
    }
    if (err == OK && b.documents == 0) {
        diags_add(diags, DIAG_ERROR, (struct diag_place){file, 0, 0},
                  "found an empty file; expected at least \"version: 1\" and \"sites:\"");
        err = ERR_SYNTAX;
    }
    if (err != OK) {
        arena_fini(&tree.arena);
        return err;
    }
    *out_tree = tree;
    return OK;
}

void yaml_tree_fini(struct yaml_tree *tree)
{
    if (tree != NULL) {
        arena_fini(&tree->arena);
    }
}

static void check_map(const struct yaml_tree *tree, const struct yaml_node *node,
                      struct diags *diags)
{
    struct map *seen = map_new();
    for (size_t i = 0; i < node->count; i++) {
        struct yaml_node *key = &node->keys[i];
        const struct yaml_node *first = map_get(seen, key->text);
        if (first == NULL) {
            map_put(seen, key->text, key);
            continue;
        }
        struct str shown = diag_cut(key->shown);
        diags_add(diags, DIAG_ERROR, yaml_tree_place(tree, key),
                  "found the key \"%.*s\" a second time; expected it once: it stands in line %u "
                  "already",
                  STR_FMT(shown), first->line);
    }
    map_free(seen);
}

/* Depth is bounded by YAML_TREE_DEPTH. */
static void check_node(const struct yaml_tree *tree, const struct yaml_node *node,
                       struct diags *diags)
{
    if (node->kind == YAML_TREE_MAP && node->count > 1) {
        check_map(tree, node, diags);
    }
    bool has_values = node->kind == YAML_TREE_MAP || node->kind == YAML_TREE_LIST;
    for (size_t i = 0; has_values && i < node->count; i++) {
        check_node(tree, &node->values[i], diags);
    }
}

void yaml_tree_check_keys(const struct yaml_tree *tree, struct diags *diags)
{
    check_node(tree, &tree->root, diags);
}

const struct yaml_node *yaml_tree_get(const struct yaml_node *map, const char *key)
{
    if (map == NULL || map->kind != YAML_TREE_MAP) {
        return NULL;
    }
    for (size_t i = 0; i < map->count; i++) {
        if (str_eq(map->keys[i].text, str_of(key))) {
            return &map->values[i];
        }
    }
    return NULL;
}

bool yaml_tree_is_nothing(const struct yaml_node *node)
{
    return node->kind == YAML_TREE_SCALAR && node->text.len == 0 && !node->quoted;
}
