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
    made_init(u);
    u->hold_pause = deadline_class_new(env->loop, HOLD_PAUSE_MS);
    list_init(&u->ending);
    /* The map's key is random, so its hash of anything is a seed that differs from process to
     * process: workers that start together must not draw alike. */
    u->rng = map_hash(STR("balance")) | 1;
    return u;
}

static void on_hold_pause(void *arg)
{
    upstream_service_hurry(arg);
}

static bool has_endpoints(const void *arg)
{
    return upstream_service_endpoints(arg) > 0;
}

static const struct hold_room_events room_events = {
    .what = HOLD_FOR_ENDPOINT,
    .on_pause = on_hold_pause,
    .can_try = has_endpoints,
};

struct upstream_service *upstream_service_new(struct upstream *u, struct map *home, struct str name,
                                              struct str label)
{
    struct upstream_service *s = NEW(struct upstream_service);
    s->upstream = u;
    s->home = home;
    s->name = str_dup(name);
    u->rng += 2; /* stays odd */
    s->balance = (struct balance){.rng = u->rng, .turn = u->rng};
    s->label = str_dup(label);
    s->lack = WHY_NO_ENDPOINT;
    retry_budget_init(&s->retries);
    hold_room_init(&s->room, u->hold_pause, u->env.slot, &room_events, s);
    const struct flight_tables flight = {.all = u->env.counters, .own = u->env.slot};
    queue_init(&s->queue, &flight, name);
    list_init(&s->made);
    deadline_init(&s->unused, NULL, NULL);
    map_put(home, name, s);
    return s;
}

static struct upstream_service *find(struct upstream *u, struct str name)
{
    struct upstream_service *s = map_get(u->services, name);
    return s != NULL ? s : upstream_service_new(u, u->services, name, name);
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
    queue_set_endpoints(&s->queue, set == NULL ? 0 : set->count);
}

static void replace(struct upstream_service *s, const struct addr *addrs, size_t count)
{
    const struct endpoint_owner owner = {.slot = s->upstream->env.slot,
                                         .counters = s->upstream->env.counters,
                                         .label = str_of(s->label),
                                         .is_made = s->is_made};
    bool is_first = s->set == NULL;
    publish(s, endpoint_set_new(s->set, &owner, addrs, count));
    if (is_first) {
        hold_open(&s->room);
    } else {
        hold_news(&s->room);
    }
}

void upstream_service_free(struct upstream_service *s)
{
    hold_room_fini(&s->room);
    queue_fini(&s->queue);
    map_remove(s->home, str_of(s->name));
    list_remove(&s->made);
    deadline_clear(&s->unused);
    publish(s, NULL);
    free(s->name);
    free(s->label);
    loop_free_later(s->upstream->env.loop, s); /* its own deadline may be what ends it */
}

void upstream_free(struct upstream *u)
{
    if (u == NULL) {
        return;
    }
    REQUIRE(u->leases == 0);
    while (!list_is_empty(&u->ending)) {
        link_close(LIST_FIRST(&u->ending, struct link, node));
    }
    size_t pos = 0;
    void *value = NULL;
    struct str name;
    while (map_next(u->services, &pos, &name, &value)) {
        upstream_service_free(value);
        pos = 0; /* the map has changed */
    }
    made_fini(u);
    map_free(u->services);
    REQUIRE(map_count(u->transports) == 0);
    map_free(u->transports);
    deadline_class_free(u->hold_pause);
    deadline_class_free(u->queue_pause);
    free(u);
}

struct upstream_service *upstream_service_get(struct upstream *u, struct str name,
                                              const struct addr *literal)
{
    struct upstream_service *s = find(u, name);
    if (literal != NULL && (!s->is_literal || !endpoint_set_is(s->set, literal, 1))) {
        s->is_literal = true;
        replace(s, literal, 1);
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
    if (s != NULL && --s->refs == 0 && !s->is_made) {
        upstream_service_free(s);
    }
}

void upstream_update(struct upstream *u, struct str name, const struct addr *addrs, size_t count)
{
    upstream_service_set(find(u, name), addrs, count);
}

void upstream_checked(struct upstream *u, struct str name, size_t well)
{
    const struct upstream_service *s = map_get(u->services, name);
    if (s != NULL && s->set != NULL && !s->is_literal) {
        endpoint_set_checked(s->set, well);
    }
}

void upstream_lack(struct upstream *u, struct str name, enum why why)
{
    find(u, name)->lack = why;
}

void upstream_service_set(struct upstream_service *s, const struct addr *addrs, size_t count)
{
    if (!s->is_literal && (s->set == NULL || !endpoint_set_is(s->set, addrs, count))) {
        replace(s, addrs, count);
    }
}

void upstream_service_clear(struct upstream_service *s)
{
    publish(s, NULL);
}

void upstream_name_tasks(struct upstream *u, struct str name, struct str lines)
{
    const struct upstream_service *s = map_get(u->services, name);
    struct str line;

    for (size_t i = 0; s != NULL && s->set != NULL && i < s->set->count; i++) {
        struct endpoint *e = s->set->endpoints[i];
        bool is_named = str_next(&lines, '\n', &line) && line.len < sizeof(e->task);
        str_copy(e->task, sizeof(e->task), is_named ? line : STR(""));
    }
}

static void close_idle(const struct map *services)
{
    size_t pos = 0;
    void *value = NULL;
    struct str name;
    while (map_next(services, &pos, &name, &value)) {
        const struct upstream_service *s = value;
        for (size_t i = 0; s->set != NULL && i < s->set->count; i++) {
            pool_drain(s->set->endpoints[i]);
        }
    }
}

void upstream_close_idle(struct upstream *u)
{
    close_idle(u->services);
    close_idle(u->made.names);
}

struct deadline_class *upstream_queue_pause(struct upstream *u)
{
    if (u->queue_pause == NULL) {
        u->queue_pause = deadline_class_new(u->env.loop, QUEUE_PAUSE_MS);
    }
    return u->queue_pause;
}

void upstream_service_hurry(struct upstream_service *s)
{
    const struct upstream_env *env = &s->upstream->env;
    uint64_t now = loop_now_ms(env->loop);
    if (!s->is_literal && env->hurry != NULL &&
        (s->hurried_ms == 0 || now - s->hurried_ms >= env->hurry_ms)) {
        s->hurried_ms = now;
        env->hurry(env->arg, str_of(s->name));
    }
}

size_t upstream_service_endpoints(const struct upstream_service *s)
{
    return s->set == NULL ? 0 : s->set->count;
}
