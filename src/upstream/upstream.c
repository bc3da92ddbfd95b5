/* SPDX-License-Identifier: MIT */
/* The directory of a worker's services. */
#include "upstream/upstream.h"

#include "base/map.h"
#include "base/mem.h"
#include "pool.h"
#include "service.h"

#include <stdlib.h>

struct upstream *upstream_new(const struct upstream_env *env)
{
    struct upstream *u = NEW(struct upstream);
    u->env = *env;
    u->services = map_new();
    u->transports = map_new();
    /* The map's key is random, so its hash of anything is a seed that differs from process to
     * process: workers that start together must not draw alike. */
    u->rng = map_hash(STR("balance")) | 1;
    return u;
}

static struct upstream_service *service_new(struct upstream *u, struct str name)
{
    struct upstream_service *s = NEW(struct upstream_service);
    s->upstream = u;
    s->name = str_dup(name);
    list_init(&s->waiting);
    map_put(u->services, name, s);
    return s;
}

/* Puts a set in place of the service's; what it no longer has is drained. */
static void publish(struct upstream_service *s, struct endpoint_set *set)
{
    struct endpoint_set *old = s->set;
    s->set = set;
    for (size_t i = 0; old != NULL && i < old->count; i++) {
        struct endpoint *e = old->endpoints[i];
        if (set == NULL || !endpoint_set_has(set, e)) {
            endpoint_set_state(e, EP_DRAINING);
            pool_drain(e);
        }
    }
    endpoint_set_unref(old);
}

static void service_free(struct upstream_service *s)
{
    REQUIRE(list_is_empty(&s->waiting));
    map_remove(s->upstream->services, str_of(s->name));
    publish(s, NULL);
    free(s->name);
    free(s);
}

void upstream_free(struct upstream *u)
{
    if (u == NULL) {
        return;
    }
    REQUIRE(u->leases == 0);
    size_t pos = 0;
    void *value = NULL;
    struct str name;
    while (map_next(u->services, &pos, &name, &value)) {
        service_free(value);
        pos = 0; /* the map has changed */
    }
    map_free(u->services);
    REQUIRE(map_count(u->transports) == 0);
    map_free(u->transports);
    free(u);
}

struct upstream_service *upstream_service_get(struct upstream *u, struct str name,
                                              const struct addr *literal)
{
    struct upstream_service *s = map_get(u->services, name);
    if (s == NULL) {
        s = service_new(u, name);
    }
    if (literal != NULL && (!s->is_literal || !endpoint_set_is(s->set, literal, 1))) {
        s->is_literal = true;
        publish(s, endpoint_set_new(s->set, u->env.slot, name, literal, 1));
        lease_wake_all(s);
    }
    return upstream_service_ref(s);
}

struct upstream_service *upstream_service_ref(struct upstream_service *s)
{
    s->refs++;
    return s;
}

void upstream_service_unref(struct upstream_service *s)
{
    if (s != NULL && --s->refs == 0) {
        service_free(s);
    }
}

void upstream_update(struct upstream *u, struct str name, const struct addr *addrs, size_t count)
{
    struct upstream_service *s = map_get(u->services, name);
    if (s == NULL) {
        s = service_new(u, name);
    }
    if (s->is_literal || (s->set != NULL && endpoint_set_is(s->set, addrs, count))) {
        return;
    }
    publish(s, endpoint_set_new(s->set, u->env.slot, name, addrs, count));
    lease_wake_all(s);
}

void upstream_close_idle(struct upstream *u)
{
    size_t pos = 0;
    void *value = NULL;
    struct str name;
    while (map_next(u->services, &pos, &name, &value)) {
        const struct upstream_service *s = value;
        for (size_t i = 0; s->set != NULL && i < s->set->count; i++) {
            pool_drain(s->set->endpoints[i]);
        }
    }
}

void upstream_service_hurry(struct upstream_service *s)
{
    const struct upstream_env *env = &s->upstream->env;
    if (!s->is_literal && env->hurry != NULL) {
        env->hurry(env->arg, str_of(s->name));
    }
}

size_t upstream_service_endpoints(const struct upstream_service *s)
{
    return s->set == NULL ? 0 : s->set->count;
}
