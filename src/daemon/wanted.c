/* SPDX-License-Identifier: MIT */
#include "daemon/wanted.h"

#include <stdlib.h>

#include "base/bucket.h"
#include "base/clock.h"
#include "base/map.h"
#include "base/mem.h"
#include "loop/deadline.h"
#include "net/reach.h"
#include "route/capture.h"

#define PREFIX STR("tasks.")

struct item {
    struct list node; /* in wanted->items */
    struct wanted *owner;
    char *name; /* "tasks.pr1_web:3000", owned */
    struct service *service;
    bool found; /* it had addresses at some time */
    bool told;  /* the DNS has spoken, and `fn` was called */
    uint64_t born_ms;
    uint64_t wanted_ms;
    struct deadline unwanted;
};

struct wanted {
    struct loop *loop;
    struct slot *slot;
    wanted_fn fn;
    void *arg;
    struct resolver *resolver;   /* borrowed, or NULL */
    struct service_group *group; /* of `resolver`; NULL without one */
    const struct model *model;   /* borrowed, or NULL */
    struct list items;           /* the least recently wanted first */
    struct map *by_name;
    size_t absent; /* items that were never found */
    struct bucket fresh;
    struct deadline_class *idle;        /* how long one is followed that nobody wants ... */
    struct deadline_class *absent_idle; /* ... and that was never found */
};

static struct item *item_of(struct list *node)
{
    return CONTAINER_OF(node, struct item, node);
}

/* ---- which names ---- */

/* "tasks.pr1_web:3000" taken apart; false if it is not written so. */
static bool split(struct str name, struct str *out_task, uint16_t *out_port)
{
    ptrdiff_t colon = str_rfind(name, ':');
    uint64_t port;

    if (!str_starts(name, PREFIX) || colon < (ptrdiff_t)PREFIX.len) {
        return false;
    }
    struct str digits = str_from(name, (size_t)colon + 1);
    /* One spelling only, so that there is one item. */
    if (str_to_u64(digits, UINT16_MAX, &port) != OK || port == 0 || digits.ptr[0] == '0') {
        return false;
    }
    *out_task = str_sub(name, PREFIX.len, (size_t)colon - PREFIX.len);
    *out_port = (uint16_t)port;
    return true;
}

static bool site_makes(const struct model_site *site, struct str task, uint16_t port)
{
    for (size_t i = 0; i < site->route_count; i++) {
        const struct model_target *to = &site->routes[i].to;
        if (to->is_pattern && to->port == port && capture_makes(to->host, task)) {
            return true;
        }
    }
    return false;
}

static bool model_makes(const struct model *m, struct str name)
{
    struct str task;
    uint16_t port;

    if (m == NULL || !split(name, &task, &port)) {
        return false;
    }
    for (size_t i = 0; i < m->site_count; i++) {
        if (site_makes(&m->sites[i], task, port)) {
            return true;
        }
    }
    return false;
}

/* A name with an address of our own would lead a request back to us, and with one of other doors
 * round and round: such an answer is refused as a whole. */
static size_t screen(void *arg, struct str name, struct addr *addrs, size_t count)
{
    const struct wanted *w = arg;
    const struct model *m = w->model;
    size_t kept = 0;

    (void)name;
    for (size_t i = 0; i < count; i++) {
        if (m->task_net_count > 0) {
            if (addr_net_any(m->task_nets, m->task_net_count, &addrs[i])) {
                addrs[kept++] = addrs[i];
            }
        } else if (!reach_is_special(&addrs[i])) {
            addrs[kept++] = addrs[i];
        }
    }
    for (size_t i = 0; i < kept; i++) {
        if (!reach_is_special(&addrs[i]) && reach_is_own(&addrs[i])) {
            return 0;
        }
    }
    return kept;
}

/* ---- items ---- */

static void item_free(struct item *it)
{
    struct wanted *w = it->owner;

    service_free(it->service);
    deadline_clear(&it->unwanted);
    list_remove(&it->node);
    (void)map_remove(w->by_name, str_of(it->name));
    w->absent -= !it->found;
    counter_set(w->slot, COUNTER_PATTERN_NAMES, map_count(w->by_name));
    loop_free_later(w->loop, it->name);
    loop_free_later(w->loop, it);
}

/* Forgets one and says so. */
static void item_drop(struct item *it, enum wire_wanted flag)
{
    struct wanted *w = it->owner;

    w->fn(w->arg, str_of(it->name), flag, NULL, 0);
    item_free(it);
}

/* Nothing was ever found, and not for long enough: what an earlier keeper found may be right. */
static bool is_unsure(const struct item *it)
{
    return !it->found && clock_ms() - it->born_ms < SERVICE_DOUBT_MS;
}

static void tell(struct item *it, const struct addr *addrs, size_t count)
{
    struct wanted *w = it->owner;

    it->told = true;
    w->fn(w->arg, str_of(it->name), is_unsure(it) ? WIRE_WANTED_NONE : WIRE_WANTED_SET, addrs,
          count);
}

static void on_service(void *arg, struct service *service, const struct addr *addrs, size_t count)
{
    struct item *it = arg;

    (void)service;
    if (!it->found && count > 0) {
        it->found = true;
        it->owner->absent--;
    }
    tell(it, addrs, count);
}

/* The least recently wanted, of those that were never found if there is one. */
static void give_up_one(struct wanted *w)
{
    struct item *oldest = item_of(w->items.next);

    LIST_EACH (&w->items, node, tmp) {
        if (!item_of(node)->found) {
            oldest = item_of(node);
            break;
        }
    }
    counter_inc(w->slot, COUNTER_PATTERN_NAMES_EVICTED);
    /* Where nothing was told yet, requests wait for it. */
    item_drop(oldest, oldest->told ? WIRE_WANTED_IDLE : WIRE_WANTED_GONE);
}

static void on_unwanted(void *arg)
{
    struct item *it = arg;
    struct deadline_class *patience = it->found ? it->owner->idle : it->owner->absent_idle;

    if (clock_ms() - it->wanted_ms >= deadline_class_ms(patience)) {
        item_drop(it, WIRE_WANTED_IDLE);
        return;
    }
    deadline_set(&it->unwanted, patience);
}

static void item_new(struct wanted *w, struct str name)
{
    struct item *it = NEW(struct item);
    struct str task;
    uint16_t port = 0;

    REQUIRE(split(name, &task, &port)); /* model_makes has looked */
    it->owner = w;
    it->name = str_dup(name);
    it->born_ms = clock_ms();
    it->wanted_ms = it->born_ms;
    list_push_back(&w->items, &it->node);
    (void)map_put(w->by_name, name, it);
    w->absent++;
    counter_set(w->slot, COUNTER_PATTERN_NAMES, map_count(w->by_name));
    struct service_spec spec = {.name = task, .port = port, .fn = on_service, .arg = it};
    it->service = service_new(w->group, spec);
    deadline_init(&it->unwanted, on_unwanted, it);
    deadline_set(&it->unwanted, w->absent_idle);
}

/* Nothing was asked of the last one, or nothing is any more. */
static void use_resolver(struct wanted *w, struct resolver *r)
{
    struct service_group_spec spec = {.tasks_only = true, .screen = screen, .screen_arg = w};

    if (r == w->resolver) {
        return;
    }
    service_group_free(w->group);
    w->group = r == NULL ? NULL : service_group_new(w->loop, r, spec);
    w->resolver = r;
}

/* ---- the interface ---- */

struct wanted *wanted_new(struct loop *loop, struct slot *slot, wanted_fn fn, void *arg)
{
    struct wanted *w = NEW(struct wanted);

    w->loop = loop;
    w->slot = slot;
    w->fn = fn;
    w->arg = arg;
    w->by_name = map_new();
    list_init(&w->items);
    bucket_init(&w->fresh, WANTED_NEW_PER_S, WANTED_NEW_BURST, clock_ms());
    w->idle = deadline_class_new(loop, WANTED_IDLE_MS);
    w->absent_idle = deadline_class_new(loop, WANTED_ABSENT_IDLE_MS);
    return w;
}

void wanted_drop_all(struct wanted *w)
{
    LIST_EACH (&w->items, node, tmp) {
        item_free(item_of(node));
    }
    use_resolver(w, NULL);
}

void wanted_free(struct wanted *w)
{
    if (w == NULL) {
        return;
    }
    wanted_drop_all(w);
    deadline_class_free(w->idle);
    deadline_class_free(w->absent_idle);
    map_free(w->by_name);
    loop_free_later(w->loop, w);
}

void wanted_set(struct wanted *w, struct resolver *r, const struct model *m)
{
    w->model = m;
    LIST_EACH (&w->items, node, tmp) {
        struct item *it = item_of(node);
        if (!model_makes(m, str_of(it->name))) {
            item_drop(it, WIRE_WANTED_GONE);
        }
    }
    use_resolver(w, r);
    if (w->group != NULL) {
        service_group_set_refresh(w->group, m->dns_refresh_ms);
    }
}

static void refuse(struct wanted *w, struct str name, enum counter why)
{
    counter_inc(w->slot, why);
    w->fn(w->arg, name, WIRE_WANTED_GONE, NULL, 0);
}

static void want_new(struct wanted *w, struct str name)
{
    if (!model_makes(w->model, name)) {
        refuse(w, name, COUNTER_PATTERN_NAMES_UNMATCHED);
        return;
    }
    if (w->resolver == NULL) {
        w->fn(w->arg, name, WIRE_WANTED_SET, NULL, 0);
        return;
    }
    if (!bucket_take(&w->fresh, clock_ms())) {
        refuse(w, name, COUNTER_PATTERN_NAMES_TOO_FAST);
        return;
    }
    if (w->absent >= WANTED_ABSENT_MAX || map_count(w->by_name) >= WANTED_MAX) {
        give_up_one(w);
    }
    item_new(w, name);
}

void wanted_want(struct wanted *w, struct str name, enum wire_want how)
{
    struct item *it = map_get(w->by_name, name);
    struct service_info info;

    if (it == NULL) {
        want_new(w, name);
        return;
    }
    it->wanted_ms = clock_ms();
    list_remove(&it->node);
    list_push_back(&w->items, &it->node);
    service_info(it->service, &info);
    if (it->told && (how == WIRE_WANT_TELL || info.count == 0)) {
        tell(it, info.addrs, info.count);
    }
}

void wanted_hurry(struct wanted *w, struct str name)
{
    struct item *it = map_get(w->by_name, name);

    if (it != NULL) {
        service_hurry(it->service);
    }
}

bool wanted_next(const struct wanted *w, const struct list **pos, struct str *out_name,
                 struct service_info *out_info)
{
    struct list *node = *pos == NULL ? w->items.next : (*pos)->next;

    if (node == &w->items) {
        return false;
    }
    *pos = node;
    const struct item *it = item_of(node);
    *out_name = str_of(it->name);
    service_info(it->service, out_info);
    return true;
}
