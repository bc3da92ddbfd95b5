/* SPDX-License-Identifier: MIT */
/* The parts of config/verify. Private to src/config. */
#ifndef HIVEDOOR_SRC_CONFIG_VERIFY_PART_H
#define HIVEDOOR_SRC_CONFIG_VERIFY_PART_H

#include "config/verify.h"

struct verify {
    const struct yaml_tree *tree;
    const struct model *model;
    struct diags *diags;
};

/* The tree's view of a site beside the model's. */
struct verify_pair {
    const struct yaml_node *key;
    const struct yaml_node *node;
    const struct model_site *site;
};

/* "found FOUND site ...; expected EXPECTED" */
struct verify_words {
    const char *found;
    const char *expected;
};
void verify_fault(const struct verify *v, const struct yaml_node *at, const struct verify_pair *p,
                  struct verify_words words);

/* What a site and its routes ask of requests, and what only makes sense together. */
void verify_rules(const struct verify *v, const struct verify_pair *p);
/* pin and external: where they mean something, and that all who use a name agree on them. */
void verify_addresses(const struct verify *v);
/* Everything about single sites and sites among each other. */
void verify_sites(const struct verify *v);
/* The place of the value below `map`, or that of `otherwise`. */
struct diag_place verify_place(const struct verify *v, const struct yaml_node *map, const char *key,
                               const struct yaml_node *otherwise);
/* attempt <= connect, where `map` (a site, a route, or the root) says one of them. */
void verify_deadlines(const struct verify *v, const struct yaml_node *map,
                      const struct model_timeouts *t);

#endif
