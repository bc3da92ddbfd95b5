/* SPDX-License-Identifier: MIT */
#include "base/map.h"
#include "verify_part.h"

static void complain(const struct verify *v, const struct verify_pair *p, const char *found,
                     const char *expected)
{
    verify_fault(v, p->key, p, (struct verify_words){found, expected});
}

static void verify_target(const struct verify *v, const struct verify_pair *p,
                          const struct model_target *t)
{
    if (t->pin.len > 0 && (t->is_pattern || t->is_literal)) {
        complain(v, p, t->is_pattern ? "pin and {1} in" : "pin and a literal address in",
                 "pin only where the service has a name of its own");
    }
    if (t->is_external && (t->is_pattern || t->is_literal || str_find(t->host, '.') < 0)) {
        complain(v, p, "external: true for a service without a dot in its name in",
                 "the full name of something outside, or no external");
    }
}

/* What is checked must be known without a request, and have another to be chosen instead. */
static void verify_health(const struct verify *v, const struct verify_pair *p,
                          const struct model_route *r)
{
    if (r->health.interval_ms > 0 && (r->to.is_pattern || r->to.is_literal)) {
        complain(v, p, r->to.is_pattern ? "health and {1} in" : "health and a literal address in",
                 "health only where the service has a name of its own, or health: off");
    }
    if (r->eject.first_ms > r->eject.longest_ms) {
        complain(v, p, "eject.first above eject.longest in", "first to be the shorter one");
    }
}

/* One name is followed once, whatever the number of sites: they must want the same of it. */
static void verify_same(const struct verify *v, struct map *first, const struct verify_pair *p,
                        const struct model_target *t)
{
    union {
        const struct model_target *in;
        void *out;
    } value = {.in = t};
    const struct model_target *other = map_get(first, t->service);

    if (other == NULL) {
        map_put(first, t->service, value.out);
        return;
    }
    if (!str_eq(other->pin, t->pin)) {
        complain(v, p, "another pin than before for the same service and port in",
                 "the same pin wherever they are used");
    }
    if (other->is_external != t->is_external) {
        complain(v, p, "another external than before for the same service and port in",
                 "the same wherever they are used");
    }
}

void verify_addresses(const struct verify *v)
{
    const struct yaml_node *sites = yaml_tree_get(&v->tree->root, "sites");
    struct map *first = map_new();

    for (size_t i = 0; i < v->model->site_count; i++) {
        const struct model_site *site = &v->model->sites[i];
        struct verify_pair p = {&sites->keys[i], &sites->values[i], site};
        for (size_t k = 0; k < site->route_count; k++) {
            const struct model_target *t = &site->routes[k].to;
            verify_target(v, &p, t);
            verify_health(v, &p, &site->routes[k]);
            if (!t->is_pattern && !t->is_literal) {
                verify_same(v, first, &p, t);
            }
        }
    }
    map_free(first);
}
