/* SPDX-License-Identifier: MIT */
#include "route/table.h"

#include <stdlib.h>

#include "base/map.h"
#include "base/mem.h"
#include "route/path.h"

struct route_table {
    const struct model *model; /* borrowed */
    struct map *hosts;         /* host -> struct model_site of the model */
};

/* The map's values are plain pointers; the sites behind them are never written. */
static void put_host(struct route_table *t, struct str host, struct model_site *site)
{
    if (map_get(t->hosts, host) == NULL) {
        (void)map_put(t->hosts, host, site);
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

const struct model_site *route_site(const struct route_table *t, struct str host, size_t *out_index)
{
    const struct model_site *site = map_get(t->hosts, host);

    if (site != NULL) {
        *out_index = (size_t)(site - t->model->sites);
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
