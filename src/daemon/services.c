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
    struct str host; /* of it, borrowed from `service` */
    struct service *service;
    bool wanted;           /* by the model that is taken over */
    bool held;             /* nothing was ever found, and that is not told as sure yet */
    bool found;            /* it had addresses at some time */
    bool is_external;      /* addresses outside our networks are taken: which group it is of */
    bool external_is_said; /* that such addresses came and were refused */
    bool is_renamed;       /* tasks' names are known that were not told */
    enum why lack;         /* as told last */
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
    struct service_group *groups[2]; /* by is_external; NULL without a resolver */
    struct list items;               /* struct item, in the order of the model */
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

/* Why it has no address that may be used. */
static enum why lack_of(const struct item *it)
{
    struct service_info info;

    service_info(it->service, &info);
    if (info.is_screened) {
        return WHY_EXTERNAL_ANSWER;
    }
    return owners_has_others_only(it->owners) ? WHY_NOT_PINNED : WHY_NO_ENDPOINT;
}

static void on_doubt_over(void *arg)
{
    struct services *s = arg;

    LIST_EACH (&s->items, it, tmp) {
        struct item *item = item_of(it);
        if (item->held) {
            item->held = false;
            struct services_set none = {.sure = true, .names = STR(""), .lack = lack_of(item)};
            s->events->on_endpoints(s->arg, item->name, &none);
        }
    }
}

/* ---- which addresses may be used ---- */

/* Tells what may be used. `renamed`: the addresses are those of before. */
static void publish(struct item *it, bool renamed)
{
    struct services *s = it->owner;
    struct addr *addrs = mem_array(owners_count(it->owners), sizeof(*addrs));
    struct buf names;

    buf_init(&names, WIRE_TEXT_MAX);
    size_t count = owners_use(it->owners, addrs, &names);
    __atomic_store_n(it->cell, count, __ATOMIC_RELAXED);
    it->is_renamed = false;
    it->found = it->found || count > 0;
    it->held = !it->found && clock_ms() - s->started_ms < SERVICE_DOUBT_MS;
    it->lack = count > 0 ? WHY_OK : lack_of(it);
    struct services_set set = {addrs, count, buf_str(&names), !it->held, it->lack, renamed};
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

static void refuse_external(struct services *s, struct str host, const struct addr *addr)
{
    char text[ADDR_TEXT_MAX];
    bool is_said = true;

    counter_inc(s->slot, COUNTER_ENDPOINTS_REFUSED_EXTERNAL);
    LIST_EACH (&s->items, it, tmp) {
        struct item *item = item_of(it);
        if (!item->is_external && str_eq(item->host, host)) {
            is_said = is_said && item->external_is_said;
            item->external_is_said = true;
        }
    }
    if (is_said) {
        return;
    }
    log_event(LOG_WARN, "endpoint_external",
              "%.*s: %s is not used: no task has this name, and Docker asked the outside for it; "
              "for a name that is meant to lead outside write \"external: true\" in the site",
              STR_FMT(host), addr_print_ip(addr, text));
}

/* Docker asks the outside for names that it does not know: with a service of no task, what comes
 * back may be anybody's. */
static size_t screen_external(void *arg, struct str host, struct addr *addrs, size_t count)
{
    struct services *s = arg;
    const struct model *m = s->model;
    size_t kept = 0;

    if (!resolver_is_docker(s->resolver)) {
        return count;
    }
    for (size_t i = 0; i < count; i++) {
        if (reach_is_private(&addrs[i]) ||
            addr_net_any(m->task_nets, m->task_net_count, &addrs[i])) {
            addrs[kept++] = addrs[i];
        } else {
            refuse_external(s, host, &addrs[i]);
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

/* ---- life ---- */

/* Nothing is asked of the last one any more. */
static void use_resolver(struct services *s, struct resolver *r)
{
    struct service_group_spec spec = {.screened_is_doubt = true, .is_proved = true};

    s->resolver = r;
    for (int i = 0; i < 2; i++) {
        service_group_free(s->groups[i]);
        spec.screen = i == 0 ? screen_external : NULL;
        spec.screen_arg = s;
        s->groups[i] = r == NULL ? NULL : service_group_new(s->loop, r, spec);
    }
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
    use_resolver(s, s->system);
    return s;
}

static void stop_asking(struct item *it)
{
    count_remembered(it, 0);
    prove_set(it->owner->prove, it, NULL, 0);
    service_free(it->service);
}

static void item_free(struct item *it)
{
    struct services *s = it->owner;

    stop_asking(it);
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
    service_group_free(s->groups[0]);
    service_group_free(s->groups[1]);
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

    (void)service;
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

/* Asks for it as its target says, from now on. */
static void ask(struct item *it, const struct model_target *t)
{
    struct service_info info;

    stop_asking(it);
    it->is_external = t->is_external;
    it->service = service_new(it->owner->groups[it->is_external ? 1 : 0],
                              (struct service_spec){.name = t->host,
                                                    .port = t->port,
                                                    .fn = on_service,
                                                    .on_remembered = on_remembered,
                                                    .arg = it});
    service_info(it->service, &info);
    it->host = info.name;
}

static void item_new(struct services *s, const struct model_target *t)
{
    struct item *it = NEW(struct item);

    it->owner = s;
    it->name = str_n(str_dup(t->service), t->service.len);
    it->wanted = true;
    it->owners = owners_new(s->tasks, s->slot, it->name);
    (void)owners_pin(it->owners, t->pin);
    it->lack = WHY_NO_ENDPOINT;
    it->cell = gauge_of(s, it->name);
    list_push_back(&s->items, &it->node);
    (void)map_put(s->by_name, it->name, it);
    ask(it, t);
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
    struct resolver *r = s->system;
    if (m->dns_server_count > 0 && resolver_new(s->loop, s->servers, s->server_count, &r) != OK) {
        r = NULL;
    }
    use_resolver(s, r);
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

static void take_target(struct services *s, const struct model_target *t)
{
    struct item *it = map_get(s->by_name, t->service);

    if (t->is_literal) {
        return;
    }
    if (it == NULL) {
        item_new(s, t);
        return;
    }
    if (it->is_external != t->is_external) {
        ask(it, t);
    }
    it->external_is_said = false;
    if (owners_pin(it->owners, t->pin)) {
        publish(it, false);
    }
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
    for (int i = 0; i < 2 && s->resolver != NULL; i++) {
        service_group_set_refresh(s->groups[i], m->dns_refresh_ms);
    }
    for (size_t i = 0; i < count && s->resolver != NULL; i++) {
        take_target(s, targets[i]);
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

enum why services_lack(const struct services *s, struct str name)
{
    const struct item *it = map_get(s->by_name, name);

    return it != NULL ? it->lack : WHY_NO_ENDPOINT;
}

bool services_uses(const struct services *s, struct str name, const struct addr *addr)
{
    const struct item *it = map_get(s->by_name, name);

    return it == NULL || owners_uses(it->owners, addr);
}

const struct task_name *services_task(const struct services *s, const struct addr *addr)
{
    return tasks_of(s->tasks, addr);
}

void services_tell(struct services *s, struct str name)
{
    struct item *it = map_get(s->by_name, name);

    if (it != NULL) {
        publish(it, true);
    }
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
