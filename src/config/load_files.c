/* SPDX-License-Identifier: MIT */
/* Which files a model refers to. They are read by config/files, not here. */
#include <stdlib.h>

#include "base/mem.h"
#include "load_part.h"
#include "tls/tls_ca.h"

static struct model_file *file_of(struct load *l, enum model_file_kind kind, struct str path)
{
    struct arena *a = &l->model->arena;
    struct str key = arena_printf(a, "%u%.*s", (unsigned)kind, STR_FMT(path));
    struct model_file *f = map_get(l->files, key);
    if (f == NULL) {
        f = arena_zalloc(a, sizeof(*f));
        f->kind = kind;
        f->path = str_from(key, 1);
        f->bytes = STR("");
        (void)map_put(l->files, key, f);
    }
    return f;
}

static const struct model_file *use(struct load *l, enum model_file_kind kind, struct str path,
                                    const struct yaml_node *node, const char *key)
{
    struct model_file *f = file_of(l, kind, path);
    if (f->line == 0) {
        f->key = str_of(key);
        f->line = node->line;
        f->column = node->column;
    }
    return f;
}

const struct model_file *load_use_file(struct load *l, enum model_file_kind kind,
                                       const struct yaml_node *node, const char *key)
{
    return use(l, kind, load_absolute(l, node->text), node, key);
}

const struct model_file *load_system_ca(struct load *l, const struct yaml_node *node)
{
    /* Without a folder this is text alone: nothing is looked at. */
    const char *path = l->folder == NULL ? TLS_CA_SYSTEM : tls_ca_system();
    return use(l, MODEL_FILE_CA, str_of(path), node, "the system's authorities");
}

struct list {
    struct load *load;
    struct map *seen;
    struct model_file **items;
    size_t count;
};

static void add(struct list *list, const struct model_file *file)
{
    if (file == NULL) {
        return;
    }
    struct model_file *f = file_of(list->load, file->kind, file->path);
    struct str key = str_n((const char *)&f, sizeof(f));
    if (map_put(list->seen, key, f) == NULL) {
        list->items = mem_grow(list->items, list->count + 1, sizeof(*list->items));
        list->items[list->count++] = f;
    }
}

static void add_rules(struct list *list, const struct model_rules *r)
{
    add(list, r->basic_auth == NULL ? NULL : r->basic_auth->users);
}

void load_list_files(struct load *l)
{
    struct model *m = l->model;
    struct list list = {.load = l, .seen = map_new()};
    add(&list, m->ticket_secret);
    for (size_t i = 0; i < m->site_count; i++) {
        const struct model_site *site = &m->sites[i];
        add(&list, site->client_auth.ca);
        add_rules(&list, &site->rules);
        for (size_t j = 0; j < site->route_count; j++) {
            add(&list, site->routes[j].to.verify.ca);
            add_rules(&list, &site->routes[j].rules);
        }
    }
    m->files = arena_zalloc(&m->arena, (list.count + 1) * sizeof(struct model_file *));
    for (size_t i = 0; i < list.count; i++) {
        m->files[i] = list.items[i];
    }
    m->file_count = list.count;
    free(list.items);
    map_free(list.seen);
}
