/* SPDX-License-Identifier: MIT */
#include "dns/service.h"

#include <stdlib.h>

#include "asked.h"
#include "base/err.h"
#include "base/mem.h"
#include "loop/timer.h"

/* A name and all that use it. */
struct name {
    struct list node; /* in group->names */
    struct service_group *group;
    char *text; /* owned */
    struct asked *asked;
    struct list users; /* struct service */
};

struct set {
    struct addr *addrs; /* owned */
    size_t count;
};

struct service {
    struct list node; /* in name->users */
    struct name *name;
    struct service_spec spec; /* spec.name is name->text */
    struct timer first;       /* what others know already is told after service_new */
    bool is_told;
    bool is_screened; /* as last told */
    struct set published;
    struct set remembered; /* as last told */
    struct set forgotten;  /* remembered, but dead for us; without a port */
};

static struct service *service_of(struct list *node)
{
    return CONTAINER_OF(node, struct service, node);
}

/* ---- sets ---- */

static bool set_has(const struct set *set, const struct addr *addr)
{
    for (size_t i = 0; i < set->count; i++) {
        if (addr_eq(&set->addrs[i], addr)) {
            return true;
        }
    }
    return false;
}

/* Takes what `from` holds; true if it is another set than before. Both are sorted. */
static bool set_take(struct set *to, struct set from)
{
    bool is_same = to->count == from.count;

    for (size_t i = 0; i < to->count && is_same; i++) {
        is_same = addr_eq(&to->addrs[i], &from.addrs[i]);
    }
    if (is_same) {
        free(from.addrs);
        return false;
    }
    free(to->addrs);
    *to = from;
    return true;
}

/* ---- one user ---- */

/* What is no longer remembered is not forgotten either: it is listed again, or gone for all. */
static void keep_forgotten(struct service *s)
{
    size_t kept = 0;

    for (size_t i = 0; i < s->forgotten.count; i++) {
        if (asked_is_remembered(s->name->asked, &s->forgotten.addrs[i])) {
            s->forgotten.addrs[kept++] = s->forgotten.addrs[i];
        }
    }
    s->forgotten.count = kept;
}

/* Takes over what is known of the name, and tells what is news. The callback may free us: it comes
 * last. */
static void update(struct service *s)
{
    struct service_info info;

    asked_info(s->name->asked, &info);
    if (info.state == SERVICE_UNKNOWN) {
        return;
    }
    timer_clear(&s->first);
    keep_forgotten(s);
    struct set now = {.addrs = mem_array(info.count, sizeof(struct addr))};
    struct set remembered = {.addrs = mem_array(info.count, sizeof(struct addr))};
    for (size_t i = 0; i < info.count; i++) {
        struct addr addr = info.addrs[i];
        if (set_has(&s->forgotten, &addr)) {
            continue;
        }
        bool is_remembered = asked_is_remembered(s->name->asked, &addr);
        addr_set_port(&addr, s->spec.port);
        now.addrs[now.count++] = addr;
        if (is_remembered) {
            remembered.addrs[remembered.count++] = addr;
        }
    }
    bool is_news = !s->is_told || s->is_screened != info.is_screened;
    is_news = set_take(&s->published, now) || is_news;
    s->is_told = true;
    s->is_screened = info.is_screened;
    if (set_take(&s->remembered, remembered) && s->spec.on_remembered != NULL) {
        s->spec.on_remembered(s->spec.arg, s->remembered.addrs, s->remembered.count);
    }
    if (is_news) {
        s->spec.fn(s->spec.arg, s, s->published.addrs, s->published.count);
    }
}

static void on_first(void *arg)
{
    update(arg);
}

/* ---- one name ---- */

static void on_asked(void *arg)
{
    struct name *name = arg;

    LIST_EACH (&name->users, it, tmp) {
        update(service_of(it));
    }
}

static struct name *name_of(struct service_group *g, struct str text)
{
    struct name *name = map_get(g->by_name, text);

    if (name != NULL) {
        return name;
    }
    name = NEW(struct name);
    name->group = g;
    name->text = str_dup(text);
    list_init(&name->users);
    list_push_back(&g->names, &name->node);
    (void)map_put(g->by_name, text, name);
    name->asked = asked_new(g, text, on_asked, name);
    return name;
}

static void name_free(struct name *name)
{
    struct loop *loop = name->group->loop;

    asked_free(name->asked);
    (void)map_remove(name->group->by_name, str_of(name->text));
    list_remove(&name->node);
    loop_free_later(loop, name->text);
    loop_free_later(loop, name);
}

static bool is_wanted(const struct name *name, const struct addr *addr)
{
    LIST_EACH (&name->users, it, tmp) {
        if (!set_has(&service_of(it)->forgotten, addr)) {
            return true;
        }
    }
    return false;
}

/* ---- the interface ---- */

struct service_group *service_group_new(struct loop *loop, struct resolver *r,
                                        struct service_group_spec spec)
{
    struct service_group *g = NEW(struct service_group);

    g->loop = loop;
    g->r = r;
    g->spec = spec;
    list_init(&g->names);
    g->by_name = map_new();
    return g;
}

void service_group_free(struct service_group *g)
{
    if (g == NULL) {
        return;
    }
    REQUIRE(list_is_empty(&g->names));
    map_free(g->by_name);
    loop_free_later(g->loop, g);
}

void service_group_set_refresh(struct service_group *g, uint32_t refresh_ms)
{
    g->spec.refresh_ms = refresh_ms;
    LIST_EACH (&g->names, it, tmp) {
        asked_reschedule(CONTAINER_OF(it, struct name, node)->asked);
    }
}

struct service *service_new(struct service_group *g, struct service_spec spec)
{
    struct service *s = NEW(struct service);

    s->name = name_of(g, spec.name);
    s->spec = spec;
    s->spec.name = str_of(s->name->text);
    list_push_back(&s->name->users, &s->node);
    timer_init(&s->first, g->loop, on_first, s);
    timer_set(&s->first, 0);
    return s;
}

void service_free(struct service *s)
{
    if (s == NULL) {
        return;
    }
    struct loop *loop = s->name->group->loop;
    timer_fini(&s->first);
    list_remove(&s->node);
    if (list_is_empty(&s->name->users)) {
        name_free(s->name);
    }
    /* The callback that frees us may still hold the sets. */
    loop_free_later(loop, s->published.addrs);
    loop_free_later(loop, s->remembered.addrs);
    free(s->forgotten.addrs);
    loop_free_later(loop, s);
}

void service_hurry(struct service *s)
{
    asked_hurry(s->name->asked);
}

void service_forget(struct service *s, const struct addr *addr)
{
    struct addr dead = *addr;
    struct set *f = &s->forgotten;

    addr_set_port(&dead, 0);
    if (!asked_is_remembered(s->name->asked, &dead) || set_has(f, &dead)) {
        return;
    }
    f->addrs = mem_grow(f->addrs, f->count + 1, sizeof(dead));
    f->addrs[f->count++] = dead;
    if (is_wanted(s->name, &dead)) {
        update(s);
    } else {
        asked_drop(s->name->asked, &dead);
    }
}

bool service_is_remembered(const struct service *s, const struct addr *addr)
{
    return set_has(&s->remembered, addr);
}

void service_info(const struct service *s, struct service_info *out_info)
{
    asked_info(s->name->asked, out_info);
    out_info->name = s->spec.name;
    out_info->port = s->spec.port;
    out_info->addrs = s->published.addrs;
    out_info->count = s->published.count;
    out_info->service = s;
    if (!s->is_told) {
        out_info->state = SERVICE_UNKNOWN;
    } else if (s->published.count == 0) {
        out_info->state = SERVICE_ABSENT;
    }
}

const char *service_state_text(enum service_state state)
{
    switch (state) {
    case SERVICE_UNKNOWN: return "unknown";
    case SERVICE_RESOLVED: return "resolved";
    case SERVICE_DOUBTED: return "remembered";
    case SERVICE_ABSENT: return "absent";
    }
    return "?";
}
