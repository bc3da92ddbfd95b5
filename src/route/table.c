/* SPDX-License-Identifier: MIT */
#include "route/table.h"

#include <stdlib.h>

#include "base/map.h"
#include "base/mem.h"
#include "route/path.h"

#define HOST_MAX 253 /* RFC 1035 section 2.3.4 */

struct route_table {
    const struct model *model; /* borrowed */
    struct map *hosts;         /* host -> struct model_site of the model */
    bool has_wild;             /* some host begins with "*." */
};

/* The map's values are plain pointers; the sites behind them are never written. */
static void put_host(struct route_table *t, struct str host, struct model_site *site)
{
    if (map_get(t->hosts, host) == NULL) {
        (void)map_put(t->hosts, host, site);
        t->has_wild = t->has_wild || str_starts(host, STR("*."));
    }
}

struct route_table *route_table_new(const struct model *m)
{
    struct route_table *t = NEW(struct route_table);

    t->model = m;
    t->hosts = map_new();
    /* Names come first: an alias never takes a site's own name. */
    for (size_t i = 0; i < m->site_count; i++) {
        put_host(t, m->sites[i].name, &m->sites[i]);
    }
    for (size_t i = 0; i < m->site_count; i++) {
        struct model_site *site = &m->sites[i];
        for (size_t j = 0; j < site->alias_count; j++) {
            put_host(t, site->aliases[j], site);
        }
    }
    return t;
}

void route_table_free(struct route_table *t)
{
    if (t == NULL) {
        return;
    }
    map_free(t->hosts);
    free(t);
}

/* The site whose name is "*" and what follows the first label of `host`. */
static const struct model_site *wild_site(const struct route_table *t, struct str host,
                                          struct str *out_label)
{
    char wild[HOST_MAX + 2] = "*";
    ptrdiff_t dot = str_find(host, '.');

    if (!t->has_wild || dot <= 0 || host.len - (size_t)dot > HOST_MAX) {
        return NULL;
    }
    size_t len = 1 + str_copy(wild + 1, sizeof(wild) - 1, str_from(host, (size_t)dot));
    const struct model_site *site = map_get(t->hosts, str_n(wild, len));
    *out_label = site != NULL ? str_sub(host, 0, (size_t)dot) : STR("");
    return site;
}

const struct model_site *route_site(const struct route_table *t, struct str host, size_t *out_index,
                                    struct str *out_label)
{
    struct str label = STR("");
    const struct model_site *site = map_get(t->hosts, host);

    if (site == NULL) {
        site = wild_site(t, host, &label);
    }
    if (site != NULL) {
        *out_index = (size_t)(site - t->model->sites);
        *out_label = label;
    }
    return site;
}

const struct model_route *route_match(const struct model_site *site, struct str match)
{
    /* The model has the longest prefix first. */
    for (size_t i = 0; i < site->route_count; i++) {
        if (path_has_prefix(match, site->routes[i].prefix)) {
            return &site->routes[i];
        }
    }
    return NULL;
}
