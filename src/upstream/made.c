/* SPDX-License-Identifier: MIT */
#include "upstream/made.h"

#include "base/map.h"
#include "service.h"

static struct upstream_service *service_of(struct list *node)
{
    return CONTAINER_OF(node, struct upstream_service, made);
}

static uint64_t now_ms(const struct upstream *u)
{
    return loop_now_ms(u->env.loop);
}

static bool is_empty(const struct upstream_service *s)
{
    return upstream_service_endpoints(s) == 0;
}

static struct deadline_class *patience(const struct upstream_service *s)
{
    const struct made *made = &s->upstream->made;

    return is_empty(s) ? made->empty_idle : made->idle;
}

static void on_unused(void *arg)
{
    struct upstream_service *s = arg;

    if (s->refs == 0 && now_ms(s->upstream) - s->used_ms >= deadline_class_ms(patience(s))) {
        upstream_service_free(s);
        return;
    }
    deadline_set(&s->unused, patience(s));
}

void made_init(struct upstream *u)
{
    u->made.names = map_new();
    list_init(&u->made.used);
    bucket_init(&u->made.fresh, MADE_NEW_PER_S, MADE_NEW_BURST, now_ms(u));
    u->made.idle = deadline_class_new(u->env.loop, MADE_IDLE_MS);
    u->made.empty_idle = deadline_class_new(u->env.loop, MADE_EMPTY_IDLE_MS);
}

void made_fini(struct upstream *u)
{
    LIST_EACH (&u->made.used, node, tmp) {
        upstream_service_free(service_of(node));
    }
    deadline_class_free(u->made.idle);
    deadline_class_free(u->made.empty_idle);
    map_free(u->made.names);
}

/* Makes room for a new one; false when every one is in use. */
static bool give_up_one(struct upstream *u)
{
    struct upstream_service *oldest = NULL;

    LIST_EACH (&u->made.used, node, tmp) {
        struct upstream_service *s = service_of(node);
        if (s->refs == 0 && is_empty(s)) {
            oldest = s;
            break;
        }
        oldest = oldest == NULL && s->refs == 0 ? s : oldest;
    }
    if (oldest == NULL) {
        return false;
    }
    upstream_service_free(oldest);
    return true;
}

static struct upstream_service *begin(struct upstream *u, struct str name, struct str label)
{
    if (!bucket_take(&u->made.fresh, now_ms(u))) {
        return NULL;
    }
    if (map_count(u->made.names) >= MADE_MAX && !give_up_one(u)) {
        return NULL;
    }
    struct upstream_service *s = upstream_service_new(u, u->made.names, name, label);
    s->is_made = true;
    deadline_init(&s->unused, on_unused, s);
    deadline_set(&s->unused, u->made.empty_idle);
    return s;
}

/* Tells the keeper that it is wanted, unless it has just been told. */
static void want(struct upstream_service *s)
{
    const struct upstream_env *env = &s->upstream->env;
    bool is_known = s->set != NULL;
    uint64_t now = now_ms(s->upstream);

    if (s->asked_ms != 0 && now - s->asked_ms < (is_known ? MADE_RENEW_MS : MADE_RETRY_MS)) {
        return;
    }
    s->asked_ms = now;
    s->refused = false;
    if (env->want != NULL) {
        env->want(env->arg, str_of(s->name), !is_known);
    }
}

struct upstream_service *made_get(struct upstream *u, struct str name, struct str label)
{
    struct upstream_service *s = map_get(u->made.names, name);

    if (s == NULL) {
        s = begin(u, name, label);
    }
    if (s == NULL) {
        return NULL;
    }
    s->used_ms = now_ms(u);
    list_remove(&s->made);
    list_push_back(&u->made.used, &s->made);
    want(s);
    return upstream_service_ref(s);
}

void made_update(struct upstream *u, struct str name, enum made_news news, const struct addr *addrs,
                 size_t count)
{
    struct upstream_service *s = map_get(u->made.names, name);

    if (s == NULL) {
        return;
    }
    switch (news) {
    case MADE_NONE:
        if (s->set != NULL) {
            return;
        }
        upstream_service_set(s, NULL, 0);
        return;
    case MADE_SET: upstream_service_set(s, addrs, count); return;
    case MADE_GONE:
        upstream_service_clear(s);
        s->refused = true;
        hold_open(&s->room);
        return;
    case MADE_IDLE:
        upstream_service_clear(s);
        s->asked_ms = 0;
        return;
    }
}

void made_restart(struct upstream *u)
{
    LIST_EACH (&u->made.used, node, tmp) {
        struct upstream_service *s = service_of(node);
        s->asked_ms = 0;
        if (!hold_is_empty(&s->room)) {
            want(s); /* the keeper that was asked is no more */
        }
    }
}
