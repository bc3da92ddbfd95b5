/* SPDX-License-Identifier: MIT */
#include "daemon/services.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "daemon/owners.h"
#include "daemon/prove.h"
#include "daemon/tasks.h"
#include "daemon/wire.h"
#include "dns/resolver.h"
#include "loop/timer.h"
#include "net/reach.h"
#include "stats/text.h"

#define RENAMED_MS 50

struct item {
    struct list node;
    struct services *owner;
    struct str name; /* "host:port", owned */
    struct service *service;
    bool wanted;           /* by the model that is taken over */
    bool held;             /* nothing was ever found, and that is not told as sure yet */
    bool found;            /* it had addresses at some time */
    bool is_external;      /* addresses outside our networks are taken */
    bool external_is_said; /* that such addresses came and were refused */
    bool is_renamed;       /* tasks' names are known that were not told */
    size_t remembered;
    struct owners *owners;
    uint64_t *cell;
};

struct services {
    struct loop *loop;
    struct slot *slot;
    const struct services_events *events;
    void *arg;
    struct resolver *system;   /* of resolv.conf, NULL: it names nobody */
    struct resolver *resolver; /* in use: `system`, or one for configured servers */
    struct addr *servers;      /* configured ones, owned */
    size_t server_count;
    struct list items; /* struct item, in the order of the model */
    struct map *by_name;
    struct wanted *wanted;
    struct prove *prove; /* what the DNS does not speak of now */
    struct tasks *tasks;
    struct timer renamed;      /* names of many addresses are told together */
    const struct model *model; /* borrowed */
    uint64_t started_ms;
    struct timer doubt;            /* not told as sure for SERVICE_DOUBT_MS after the start */
    struct resolver_stats counted; /* of the resolver in use, already in the counters */
};

static struct item *item_of(struct list *node)
{
    return CONTAINER_OF(node, struct item, node);
}

static void on_doubt_over(void *arg)
{
    struct services *s = arg;

    LIST_EACH (&s->items, it, tmp) {
        struct item *item = item_of(it);
        if (item->held) {
            item->held = false;
            struct services_set none = {.sure = true, .names = STR("")};
            s->events->on_endpoints(s->arg, item->name, &none);
        }
    }
}

/* ---- which addresses may be used ---- */

/* Tells what may be used. `renamed`: the addresses are those of before. */
static void publish(struct item *it, bool renamed)
{
    struct services *s = it->owner;
    struct service_info info;
    struct buf names;

    service_info(it->service, &info);
    struct addr *addrs = mem_array(info.count, sizeof(*addrs));
    buf_init(&names, WIRE_TEXT_MAX);
    size_t count = owners_use(it->owners, addrs, &names);
    __atomic_store_n(it->cell, count, __ATOMIC_RELAXED);
    it->is_renamed = false;
    it->found = it->found || count > 0;
    it->held = !it->found && clock_ms() - s->started_ms < SERVICE_DOUBT_MS;
    struct services_set set = {addrs, count, buf_str(&names), !it->held, renamed};
    s->events->on_endpoints(s->arg, it->name, &set);
    buf_fini(&names);
    free(addrs);
}

static void on_renamed(void *arg)
{
    struct services *s = arg;

    LIST_EACH (&s->items, it, tmp) {
        struct item *item = item_of(it);
        if (item->is_renamed) {
            publish(item, true);
            owners_judge(item->owners);
        }
    }
}

static void drop_reassigned(struct item *it, const struct addr *addr, const struct task_name *was,
                            const struct task_name *now)
{
    struct log_line line;
    char text[ADDR_TEXT_MAX];

    counter_inc(it->owner->slot, COUNTER_ENDPOINTS_REASSIGNED);
    log_begin(&line, LOG_WARN, "endpoint_reassigned");
    log_field(&line, "service", it->name);
    log_field(&line, "endpoint", str_of(addr_print(addr, text)));
    log_field(&line, "was", str_of(was->text));
    log_field(&line, "is", str_of(now->text));
    log_end(&line);
    service_forget(it->service, addr);
}

/* A name is known. What the DNS lists is the name's by that; what is only remembered is no longer
 * ours when it has become another service's. */
static void on_task(void *arg, const struct addr *addr, const struct task_name *was,
                    const struct task_name *now)
{
    struct services *s = arg;
    bool is_other = was != NULL && now != NULL && !task_name_same_service(was, now);

    LIST_EACH (&s->items, it, tmp) {
        struct item *item = item_of(it);
        struct service_info info;
        struct addr at = *addr;
        if (!owners_has(item->owners, addr)) {
            continue;
        }
        service_info(item->service, &info);
        addr_set_port(&at, info.port);
        if (is_other && service_is_remembered(item->service, &at)) {
            drop_reassigned(item, &at, was, now);
            continue;
        }
        item->is_renamed = true;
        if (!timer_is_set(&s->renamed)) {
            timer_set(&s->renamed, RENAMED_MS);
        }
    }
}

static void refuse_external(struct item *it, const struct addr *addr)
{
    char text[ADDR_TEXT_MAX];

    counter_inc(it->owner->slot, COUNTER_ENDPOINTS_REFUSED_EXTERNAL);
    if (it->external_is_said) {
        return;
    }
    it->external_is_said = true;
    log_event(LOG_WARN, "endpoint_external",
              "%.*s: %s is not used: no task has this name, and Docker asked the outside for it; "
              "for a name that is meant to lead outside write \"external: true\" in the site",
              STR_FMT(it->name), addr_print_ip(addr, text));
}

/* Docker asks the outside for names that it does not know: with a service of no task, what comes
 * back may be anybody's. */
static size_t screen_external(void *arg, struct addr *addrs, size_t count)
{
    struct item *it = arg;
    const struct model *m = it->owner->model;
    size_t kept = 0;

    if (it->is_external || !resolver_is_docker(it->owner->resolver)) {
        return count;
    }
    for (size_t i = 0; i < count; i++) {
        if (reach_is_private(&addrs[i]) ||
            addr_net_any(m->task_nets, m->task_net_count, &addrs[i])) {
            addrs[kept++] = addrs[i];
        } else {
            refuse_external(it, &addrs[i]);
        }
    }
    return kept;
}

/* ---- what is remembered ---- */

static void count_remembered(struct item *it, size_t count)
{
    struct services *s = it->owner;

    counter_add(s->slot, COUNTER_ENDPOINTS_REMEMBERED, (uint64_t)count - it->remembered);
    it->remembered = count;
}

/* A remembered address does not answer any more. */
static void on_dead(void *owner, const struct addr *addr)
{
    struct item *it = owner;
    struct log_line line;
    char text[ADDR_TEXT_MAX];

    log_begin(&line, LOG_INFO, "endpoint_gone");
    log_field(&line, "service", it->name);
    log_field(&line, "endpoint", str_of(addr_print(addr, text)));
    log_end(&line);
    service_forget(it->service, addr);
}

static void on_remembered(void *arg, const struct addr *addrs, size_t count)
{
    struct item *it = arg;
    struct log_line line;
    struct service_info info;

    count_remembered(it, count);
    service_info(it->service, &info);
    for (size_t i = 0; i < info.count; i++) {
        bool is_remembered = service_is_remembered(it->service, &info.addrs[i]);
        tasks_watch(it->owner->tasks, &info.addrs[i], is_remembered);
    }
    log_begin(&line, LOG_INFO, "endpoints_remembered");
    log_field(&line, "service", it->name);
    log_field_int(&line, "count", (int64_t)count);
    log_end(&line);
    prove_set(it->owner->prove, it, addrs, count);
}

struct services *services_new(struct loop *loop, struct slot *slot,
                              const struct services_events *events, void *arg)
{
    struct services *s = NEW(struct services);

    s->loop = loop;
    s->slot = slot;
    s->events = events;
    s->arg = arg;
    s->by_name = map_new();
    s->wanted = wanted_new(loop, slot, events->on_wanted, arg);
    s->prove = prove_new(loop, slot, on_dead);
    s->tasks = tasks_new(loop, on_task, s);
    timer_init(&s->renamed, loop, on_renamed, s);
    s->started_ms = clock_ms();
    timer_init(&s->doubt, loop, on_doubt_over, s);
    timer_set(&s->doubt, SERVICE_DOUBT_MS);
    list_init(&s->items);
    if (resolver_new(loop, NULL, 0, &s->system) != OK) {
        s->system = NULL;
    }
    s->resolver = s->system;
    return s;
}

static void item_free(struct item *it)
{
    struct services *s = it->owner;

    count_remembered(it, 0);
    prove_set(s->prove, it, NULL, 0);
    service_free(it->service);
    owners_free(it->owners);
    __atomic_store_n(it->cell, 0, __ATOMIC_RELAXED);
    list_remove(&it->node);
    (void)map_remove(s->by_name, it->name);
    free((void *)(uintptr_t)it->name.ptr);
    loop_free_later(s->loop, it);
}

static void drop_all(struct services *s)
{
    LIST_EACH (&s->items, it, tmp) {
        item_free(item_of(it));
    }
}

void services_free(struct services *s)
{
    if (s == NULL) {
        return;
    }
    drop_all(s);
    prove_free(s->prove);
    tasks_free(s->tasks);
    timer_fini(&s->renamed);
    wanted_free(s->wanted);
    if (s->resolver != s->system) {
        resolver_free(s->resolver);
    }
    resolver_free(s->system);
    timer_fini(&s->doubt);
    map_free(s->by_name);
    free(s->servers);
    loop_free_later(s->loop, s);
}

static void on_service(void *arg, struct service *service, const struct addr *addrs, size_t count)
{
    struct item *it = arg;

    it->service = service; /* the first call may come from inside service_new */
    owners_set(it->owners, addrs, count);
    publish(it, false);
    owners_judge(it->owners);
}

static uint64_t *gauge_of(struct services *s, struct str name)
{
    struct buf labels;

    buf_init(&labels, 2 * SERIES_LABELS_MAX); /* series_cell cuts it to fit */
    (void)!text_label(&labels, "service", name);
    uint64_t *cell = series_cell(s->slot, SERIES_SERVICE_ENDPOINTS, buf_str(&labels));
    buf_fini(&labels);
    return cell;
}

static void item_new(struct services *s, const struct model_target *t, uint32_t refresh_ms)
{
    struct item *it = NEW(struct item);

    it->owner = s;
    it->name = str_n(str_dup(t->service), t->service.len);
    it->wanted = true;
    it->is_external = t->is_external;
    it->owners = owners_new(s->tasks, s->slot, it->name);
    (void)owners_pin(it->owners, t->pin);
    it->cell = gauge_of(s, it->name);
    list_push_back(&s->items, &it->node);
    (void)map_put(s->by_name, it->name, it);
    struct service_spec spec = {.name = t->host,
                                .port = t->port,
                                .refresh_ms = refresh_ms,
                                .screen = screen_external,
                                .screen_arg = it,
                                .screened_is_doubt = true,
                                .on_remembered = on_remembered};
    it->service = service_new(s->loop, s->resolver, spec, on_service, it);
}

static bool has_same_servers(const struct services *s, const struct model *m)
{
    if (s->server_count != m->dns_server_count) {
        return false;
    }
    for (size_t i = 0; i < s->server_count; i++) {
        if (!addr_eq(&s->servers[i], &m->dns_servers[i])) {
            return false;
        }
    }
    return true;
}

/* Other servers: everything is asked anew. The workers keep what they know meanwhile. */
static void take_servers(struct services *s, const struct model *m)
{
    if (has_same_servers(s, m)) {
        return;
    }
    drop_all(s);
    wanted_drop_all(s->wanted);
    services_count_up(s);
    tasks_use(s->tasks, NULL);
    if (s->resolver != s->system) {
        resolver_free(s->resolver);
    }
    free(s->servers);
    s->server_count = m->dns_server_count;
    s->servers = mem_array(m->dns_server_count, sizeof(struct addr));
    for (size_t i = 0; i < m->dns_server_count; i++) {
        s->servers[i] = m->dns_servers[i];
    }
    s->resolver = s->system;
    if (m->dns_server_count > 0 &&
        resolver_new(s->loop, s->servers, s->server_count, &s->resolver) != OK) {
        s->resolver = NULL;
    }
    s->counted = (struct resolver_stats){.asked = 0};
    if (s->resolver == s->system && s->system != NULL) {
        resolver_stats(s->system, &s->counted); /* counted when it was in use before */
    }
}

/* What no target names any more goes, and is told. */
static void drop_unwanted(struct services *s, const struct model_target **targets, size_t count)
{
    LIST_EACH (&s->items, it, tmp) {
        item_of(it)->wanted = false;
    }
    for (size_t i = 0; i < count; i++) {
        struct item *it = map_get(s->by_name, targets[i]->service);
        if (it != NULL && !targets[i]->is_literal) {
            it->wanted = true;
        }
    }
    LIST_EACH (&s->items, it, tmp) {
        struct item *item = item_of(it);
        if (!item->wanted) {
            s->events->on_gone(s->arg, item->name);
            item_free(item);
        }
    }
}

static void take_target(struct services *s, const struct model_target *t, uint32_t refresh_ms)
{
    struct item *it = map_get(s->by_name, t->service);

    if (t->is_literal) {
        return;
    }
    if (it == NULL) {
        item_new(s, t, refresh_ms);
        return;
    }
    it->is_external = t->is_external;
    it->external_is_said = false;
    if (owners_pin(it->owners, t->pin)) {
        publish(it, false);
    }
    service_set_refresh(it->service, refresh_ms);
}

/* Elsewhere nobody has given names to tasks, and the questions would only tell our addresses. */
static bool asks_for_tasks(const struct services *s, const struct model_target **targets,
                           size_t count)
{
    bool is_asked = s->resolver != NULL && resolver_is_docker(s->resolver);

    for (size_t i = 0; i < count && !is_asked; i++) {
        is_asked = targets[i]->pin.len > 0;
    }
    return is_asked;
}

int services_set(struct services *s, const struct model *m)
{
    const struct model_target **targets = NULL;
    size_t count = model_targets(m, &targets);

    s->model = m;
    drop_unwanted(s, targets, count);
    take_servers(s, m);
    tasks_use(s->tasks, asks_for_tasks(s, targets, count) ? s->resolver : NULL);
    for (size_t i = 0; i < count && s->resolver != NULL; i++) {
        take_target(s, targets[i], m->dns_refresh_ms);
    }
    free(targets);
    wanted_set(s->wanted, s->resolver, m);
    return s->resolver != NULL ? OK : ERR_NOT_FOUND;
}

void services_hurry(struct services *s, struct str name)
{
    struct item *it = map_get(s->by_name, name);

    if (it != NULL) {
        service_hurry(it->service);
    }
    wanted_hurry(s->wanted, name);
}

struct wanted *services_wanted(const struct services *s)
{
    return s->wanted;
}

bool services_next(const struct services *s, const struct list **pos, struct str *out_name,
                   struct service_info *out_info)
{
    struct list *node = *pos == NULL ? s->items.next : (*pos)->next;

    if (node == &s->items) {
        return false;
    }
    *pos = node;
    const struct item *it = item_of(node);
    *out_name = it->name;
    service_info(it->service, out_info);
    return true;
}

const struct task_name *services_task(const struct services *s, const struct addr *addr)
{
    return tasks_of(s->tasks, addr);
}

void services_count_up(struct services *s)
{
    struct resolver_stats now;

    if (s->resolver == NULL) {
        return;
    }
    resolver_stats(s->resolver, &now);
    counter_add(s->slot, COUNTER_DNS_QUERIES, now.asked - s->counted.asked);
    counter_add(s->slot, COUNTER_DNS_FAILURES, now.failed - s->counted.failed);
    counter_add(s->slot, COUNTER_DNS_TRUNCATED, now.truncated - s->counted.truncated);
    s->counted = now;
}
