/* SPDX-License-Identifier: MIT */
#include "daemon/owners.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "stats/text.h"

/* What metrics say of an address's name. */
struct told {
    uint64_t *cell; /* NULL: nothing */
    uint64_t hash;  /* of the name */
};

struct pair {
    struct task_name a;
    struct task_name b;
};

struct owners {
    struct tasks *tasks; /* borrowed */
    struct slot *slot;   /* borrowed */
    struct str name;     /* borrowed */
    char *pin;           /* owned, lower case; NULL: none */
    struct addr *addrs;  /* owned */
    size_t count;
    struct told *told; /* owned: of each address */
    struct pair said[OWNERS_PAIRS_MAX];
    size_t said_count;
    size_t unused;
};

struct owners *owners_new(struct tasks *tasks, struct slot *slot, struct str name)
{
    struct owners *o = NEW(struct owners);

    o->tasks = tasks;
    o->slot = slot;
    o->name = name;
    return o;
}

void owners_free(struct owners *o)
{
    if (o == NULL) {
        return;
    }
    owners_set(o, NULL, 0);
    free(o->addrs);
    free(o->told);
    free(o->pin);
    free(o);
}

bool owners_pin(struct owners *o, struct str service)
{
    struct str old = o->pin == NULL ? STR("") : str_of(o->pin);

    if (str_eq(old, service)) {
        return false;
    }
    free(o->pin);
    o->pin = service.len == 0 ? NULL : str_dup(service);
    return true;
}

static void say_nothing(struct owners *o, size_t i)
{
    if (o->told[i].cell != NULL) {
        __atomic_store_n(o->told[i].cell, 0, __ATOMIC_RELAXED);
        o->told[i].cell = NULL;
    }
}

void owners_set(struct owners *o, const struct addr *addrs, size_t count)
{
    struct addr *copy = mem_array(count, sizeof(*copy));

    /* First held, then dropped: what stays keeps its name. */
    for (size_t i = 0; i < count; i++) {
        copy[i] = addrs[i];
        tasks_hold(o->tasks, &copy[i]);
    }
    for (size_t i = 0; i < o->count; i++) {
        bool stays = false;
        for (size_t k = 0; k < count && !stays; k++) {
            stays = addr_eq(&copy[k], &o->addrs[i]);
        }
        counter_add(o->slot, COUNTER_ENDPOINTS_GONE, stays ? 0 : 1);
        say_nothing(o, i);
        tasks_drop(o->tasks, &o->addrs[i]);
    }
    free(o->addrs);
    free(o->told);
    o->addrs = copy;
    o->count = count;
    o->told = mem_array(count, sizeof(*o->told));
}

size_t owners_count(const struct owners *o)
{
    return o->count;
}

bool owners_has(const struct owners *o, const struct addr *addr)
{
    struct addr a = *addr;

    for (size_t i = 0; i < o->count; i++) {
        addr_set_port(&a, addr_port(&o->addrs[i]));
        if (addr_eq(&a, &o->addrs[i])) {
            return true;
        }
    }
    return false;
}

/* ---- two services, one name ---- */

static bool was_said(const struct owners *o, const struct task_name *a, const struct task_name *b)
{
    for (size_t i = 0; i < o->said_count; i++) {
        const struct pair *p = &o->said[i];
        if ((task_name_same_service(&p->a, a) && task_name_same_service(&p->b, b)) ||
            (task_name_same_service(&p->a, b) && task_name_same_service(&p->b, a))) {
            return true;
        }
    }
    return false;
}

static const char *shown(const struct task_name *t)
{
    return t->is_task ? t->service : t->text;
}

static void say(struct owners *o, const struct task_name *a, const struct task_name *b)
{
    if (o->said_count == OWNERS_PAIRS_MAX || was_said(o, a, b)) {
        return;
    }
    o->said[o->said_count++] = (struct pair){*a, *b};
    counter_inc(o->slot, COUNTER_NAME_CONFLICTS);
    log_event(LOG_WARN, "two_services_one_name",
              "%.*s is answered for by \"%s\" and by \"%s\": anybody on the network can add an "
              "alias; write \"pin: SERVICE\" in the site to keep to one",
              STR_FMT(o->name), shown(a), shown(b));
}

void owners_judge(struct owners *o)
{
    const struct task_name *first = NULL;

    for (size_t i = 0; i < o->count && o->pin == NULL; i++) {
        const struct task_name *t = tasks_of(o->tasks, &o->addrs[i]);
        if (t == NULL) {
            continue;
        }
        if (first == NULL) {
            first = t;
        } else if (!task_name_same_service(first, t)) {
            say(o, first, t);
        }
    }
}

/* ---- what may be used ---- */

static bool is_used(const struct owners *o, const struct task_name *t)
{
    return o->pin == NULL || (t != NULL && t->is_task && strcmp(t->service, o->pin) == 0);
}

bool owners_uses(const struct owners *o, const struct addr *addr)
{
    return is_used(o, tasks_of(o->tasks, addr));
}

bool owners_has_others_only(const struct owners *o)
{
    return o->count > 0 && o->unused == o->count;
}

static void refuse(struct owners *o, const struct addr *a, const struct task_name *t)
{
    char text[ADDR_TEXT_MAX];

    counter_inc(o->slot, COUNTER_ENDPOINTS_REFUSED_PIN);
    log_event(LOG_WARN, "endpoint_not_pinned",
              "%.*s: %s is not used, as it %s%s%s; the site pins \"%s\"", STR_FMT(o->name),
              addr_print(a, text), t == NULL ? "has no name in the DNS (PTR)" : "belongs to \"",
              t == NULL ? "" : shown(t), t == NULL ? "" : "\"", o->pin);
}

/* A series of value 1 for an address and its name, to be joined with others by its labels. */
static void say_name(struct owners *o, size_t i, const struct task_name *t)
{
    struct buf labels;
    char text[ADDR_TEXT_MAX];

    if (t == NULL || (o->told[i].cell != NULL && o->told[i].hash == map_hash(str_of(t->text)))) {
        return;
    }
    say_nothing(o, i); /* an address that is another task's now */
    buf_init(&labels, SERIES_LABELS_MAX);
    int err = text_label(&labels, "service", o->name);
    err = err == OK ? text_label(&labels, "endpoint", str_of(addr_print(&o->addrs[i], text))) : err;
    err = err == OK ? text_label(&labels, "task", str_of(t->text)) : err;
    if (err == OK) {
        o->told[i].cell = series_cell(o->slot, SERIES_ENDPOINT_TASK, buf_str(&labels));
        o->told[i].hash = map_hash(str_of(t->text));
        __atomic_store_n(o->told[i].cell, 1, __ATOMIC_RELAXED);
    }
    buf_fini(&labels);
}

/* One line a change: the others are alike. What is being asked about is not judged yet. */
static void judge_unused(struct owners *o)
{
    size_t unused = 0, last = 0;

    for (size_t i = 0; i < o->count; i++) {
        const struct addr *a = &o->addrs[i];
        if (!is_used(o, tasks_of(o->tasks, a)) && tasks_is_asked(o->tasks, a)) {
            unused++;
            last = i;
        }
    }
    if (unused > o->unused) {
        refuse(o, &o->addrs[last], tasks_of(o->tasks, &o->addrs[last]));
    }
    o->unused = unused;
}

size_t owners_use(struct owners *o, struct addr *out_addrs, struct buf *out_names)
{
    size_t used = 0;
    bool fits = true;

    for (size_t i = 0; i < o->count; i++) {
        const struct task_name *t = tasks_of(o->tasks, &o->addrs[i]);
        if (!is_used(o, t)) {
            continue;
        }
        say_name(o, i, t);
        out_addrs[used++] = o->addrs[i];
        fits = fits && buf_printf(out_names, "%s\n", t == NULL ? "" : t->text) == OK;
    }
    judge_unused(o);
    return used;
}
