/* SPDX-License-Identifier: MIT */
/*
 * A YAML document as a tree in which every node knows its line and column. Loader, `check`, and,
 * for the bundle's text, keeper and workers.
 *
 * What it refuses: anchors, aliases, tags, several documents, keys that are not plain text, nesting
 * deeper than YAML_TREE_DEPTH, more than YAML_TREE_NODES nodes, texts above YAML_TREE_TEXT bytes.
 * It never gives a meaning to a scalar: "off", "1.2" and "null" are texts.
 */
#ifndef HIVEDOOR_CONFIG_YAML_TREE_H
#define HIVEDOOR_CONFIG_YAML_TREE_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "config/diag.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define YAML_TREE_DEPTH 16
#define YAML_TREE_NODES (4u * 1024 * 1024)
#define YAML_TREE_TEXT  (32u * 1024 * 1024)

enum yaml_tree_kind {
    YAML_TREE_BAD, /* already reported; say nothing more about it */
    YAML_TREE_SCALAR,
    YAML_TREE_LIST,
    YAML_TREE_MAP,
};

/* A node, or a key of a map (then always a scalar). */
struct yaml_node {
    enum yaml_tree_kind kind;
    uint32_t line;   /* from 1 */
    uint32_t column; /* from 1 */
    bool quoted;
    struct str text;          /* scalar: its value, after substitution */
    struct str shown;         /* scalar: as the file says it; what diagnostics quote */
    struct yaml_node *keys;   /* map: `count` keys, in the order of the file */
    struct yaml_node *values; /* map or list: `count` values */
    size_t count;
};

struct yaml_tree {
    struct arena arena; /* owns every node and text */
    struct str file;    /* for diagnostics; borrowed, must outlive the tree */
    struct yaml_node root;
};

void yaml_tree_fini(struct yaml_tree *tree);
/*
 * Parses `text`. Every fault goes into `diags` under the name `file`. ERR_SYNTAX when the text
 * could not be read to its end: there is no tree then. OK otherwise, also when faults were
 * reported; the nodes at fault are YAML_TREE_BAD. The tree is the caller's (yaml_tree_fini).
 */
int yaml_tree_parse(struct str text, struct str file, struct diags *diags,
                    struct yaml_tree *out_tree) MUST_USE;
/* Reports every key that stands twice in one map. Called after substitution. */
void yaml_tree_check_keys(const struct yaml_tree *tree, struct diags *diags);
/* The value under `key`, or NULL; also NULL when `map` is NULL or no map. */
const struct yaml_node *yaml_tree_get(const struct yaml_node *map, const char *key);
/* Whether a scalar is there but empty and unquoted, as in "key:" with nothing behind it. */
bool yaml_tree_is_nothing(const struct yaml_node *node);
/* Where a node stands, for diags_add. */
struct diag_place yaml_tree_place(const struct yaml_tree *tree, const struct yaml_node *node);

#endif
