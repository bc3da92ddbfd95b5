/* SPDX-License-Identifier: MIT */
#include "config/model.h"

#include <stdlib.h>

#include "base/map.h"
#include "base/mem.h"

/* Secrets and hashes of passwords do not outlive the last generation that knows them. */
static void wipe_files(const struct model *m)
{
    for (size_t i = 0; i < m->file_count; i++) {
        const struct model_file *f = m->files[i];
        if (f->kind != MODEL_FILE_CA && f->bytes.len > 0) {
            mem_wipe((void *)(uintptr_t)f->bytes.ptr, f->bytes.len);
        }
    }
}

struct model *model_share(struct model *m)
{
    m->shares++;
    return m;
}

void model_free(struct model *m)
{
    if (m == NULL || m->shares-- > 0) {
        return;
    }
    wipe_files(m);
    arena_fini(&m->arena); /* arrays and texts all live there */
    free(m);
}

static size_t count_routes(const struct model *m)
{
    size_t n = 0;
    for (size_t i = 0; i < m->site_count; i++) {
        n += m->sites[i].route_count;
    }
    return n;
}

struct targets {
    struct map *seen;
    const struct model_target **items;
    size_t count;
};

static void add_target(struct targets *t, struct model_target *target)
{
    if (target->is_pattern) {
        return; /* stands for names that requests bring */
    }
    if (map_get(t->seen, target->service) == NULL) {
        map_put(t->seen, target->service, target);
        t->items[t->count++] = target;
    }
}

size_t model_targets(const struct model *m, const struct model_target ***out_targets)
{
    struct targets t = {
        .seen = map_new(),
        .items = mem_array(count_routes(m) + 1, sizeof(*t.items)),
    };
    for (size_t i = 0; i < m->site_count; i++) {
        for (size_t j = 0; j < m->sites[i].route_count; j++) {
            add_target(&t, &m->sites[i].routes[j].to);
        }
    }
    struct model_target relay = m->acme.relay;
    if (m->acme.has_relay && map_get(t.seen, relay.service) == NULL) {
        t.items[t.count++] = &m->acme.relay;
    }
    map_free(t.seen);
    *out_targets = t.items;
    return t.count;
}

size_t model_names(const struct model *m, struct str **out_names)
{
    size_t count = m->site_count;
    for (size_t i = 0; i < m->site_count; i++) {
        count += m->sites[i].alias_count;
    }
    struct str *names = mem_array(count + 1, sizeof(*names));
    size_t n = 0;
    for (size_t i = 0; i < m->site_count; i++) {
        names[n++] = m->sites[i].name;
        for (size_t j = 0; j < m->sites[i].alias_count; j++) {
            names[n++] = m->sites[i].aliases[j];
        }
    }
    *out_names = names;
    return n;
}
