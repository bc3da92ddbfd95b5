/* SPDX-License-Identifier: MIT */
/*
 * The parts of loading. Private to src/config. They run after schema_check and are silent: a value
 * at fault has been reported and is replaced by its default, so that config/verify can look at
 * the rest and all faults come out at once.
 */
#ifndef HIVEDOOR_SRC_CONFIG_LOAD_PART_H
#define HIVEDOOR_SRC_CONFIG_LOAD_PART_H

#include "base/map.h"
#include "config/model.h"
#include "config/names.h"
#include "config/schema.h"
#include "config/yaml_tree.h"

struct load {
    const struct yaml_tree *tree;
    struct model *model;      /* being filled */
    const char *folder;       /* where relative paths start; NULL: they stay as they are */
    struct map *files;        /* kind and path -> the model_file of both */
    struct model_eject eject; /* where a site says nothing: found once, not for each site */
};

/* What a site hands down to its routes. */
struct load_inherited {
    struct model_timeouts timeouts;
    uint64_t body_bytes;
    uint64_t replay_bytes;
    struct model_verify verify;
    struct model_rules rules;
    struct str pin;
    bool is_external;
    struct model_balance balance;
    struct model_health health;
    struct model_eject eject;
    struct model_hold hold;
    struct model_bound bound;
};

/* The number below `map` for a path of the schema, or the default. */
uint64_t load_number(const struct yaml_node *map, const char *path);
uint32_t load_u32(const struct yaml_node *map, const char *path);
/* The texts of a scalar or of a list, in the model's arena. */
size_t load_texts(struct load *l, const struct yaml_node *node, struct str **out_texts);
/* The four deadlines that sites and routes may set; `t` holds what is inherited. */
void load_timeouts(const struct yaml_node *map, struct model_timeouts *t);
/* A limit (its path at the top level) of a site or a route; `inherited` if there is none. */
uint64_t load_limit(const struct yaml_node *map, const char *path, uint64_t inherited);
size_t load_networks(struct load *l, const struct yaml_node *node, struct addr_net **out_nets);
/* In the model's arena, or `path` itself. */
struct str load_absolute(const struct load *l, struct str path);

/* What a site or a route says, over what it has from above: all keys that both may have. */
void load_over(struct load *l, const struct yaml_node *map, struct load_inherited *in);
/* Of who says nothing of it. */
struct model_eject load_eject_default(void);
void load_client_auth(struct load *l, const struct yaml_node *site, struct model_client_auth *out);
/* The file that a node names; the same for the same kind and path. `key` says of which key. */
const struct model_file *load_use_file(struct load *l, enum model_file_kind kind,
                                       const struct yaml_node *node, const char *key);
/* The system's authorities, for the target that `node` writes. */
const struct model_file *load_system_ca(struct load *l, const struct yaml_node *node);
/* Lists the files that the finished model refers to, in the order of the sites. */
void load_list_files(struct load *l);

/* Everything but the sites. */
void load_settings(struct load *l);
/* The sites: one for each member of `sites:`, in its order, also where it is at fault. */
void load_sites(struct load *l);

#endif
