/* SPDX-License-Identifier: MIT */
#include "daemon/tasks.h"

#include <string.h>

#include "base/bucket.h"
#include "base/clock.h"
#include "base/list.h"
#include "base/map.h"
#include "base/mem.h"
#include "loop/timer.h"

#define BUSY_MS 20

struct entry {
    struct list node; /* in tasks->waiting or tasks->asking */
    struct tasks *home;
    unsigned refs;
    struct addr addr; /* port 0 */
    bool is_close;
    bool is_asking;
    bool is_asked; /* a question has ended */
    bool has_name;
    struct task_name name;
    uint64_t next_ms;
};

struct tasks {
    struct loop *loop;  /* borrowed */
    struct resolver *r; /* borrowed, or NULL */
    tasks_fn fn;
    void *arg;
    struct map *by_addr;
    struct list waiting; /* struct entry, the next one first */
    struct list asking;
    size_t asking_count;
    struct bucket rate;
    struct timer next;
};

static struct entry *entry_of(struct list *node)
{
    return CONTAINER_OF(node, struct entry, node);
}

static struct entry *find(const struct tasks *t, const struct addr *addr)
{
    char text[ADDR_TEXT_MAX];

    return map_get(t->by_addr, str_of(addr_print_ip(addr, text)));
}

static void plan(struct tasks *t)
{
    uint64_t now = clock_ms();

    if (t->r == NULL || list_is_empty(&t->waiting)) {
        timer_clear(&t->next);
        return;
    }
    uint64_t at = entry_of(t->waiting.next)->next_ms;
    timer_set(&t->next, at > now ? at - now : 0);
}

/* Puts it where its time says; most are the last, so that is looked at first. */
static void wait_until(struct entry *e, uint64_t at_ms)
{
    e->next_ms = at_ms;
    list_remove(&e->node);
    struct list *after = e->home->waiting.prev;
    while (after != &e->home->waiting && entry_of(after)->next_ms > at_ms) {
        after = after->prev;
    }
    list_push_front(after, &e->node); /* behind `after` */
    plan(e->home);
}

static void not_asking(struct entry *e)
{
    e->is_asking = false;
    e->home->asking_count--;
}

static void on_name(void *arg, enum resolver_outcome outcome, const struct answer_name *name)
{
    struct entry *e = arg;
    struct tasks *t = e->home;
    struct task_name now, was = e->name;
    bool had_name = e->has_name, was_asked = e->is_asked;

    not_asking(e);
    e->is_asked = true;
    bool is_named = outcome == RESOLVER_ANSWER && task_name_parse(name, &now);
    if (is_named) {
        e->name = now;
        e->has_name = true;
    }
    bool is_often = e->is_close || !e->has_name;
    wait_until(e, clock_ms() + (is_often ? TASKS_CLOSE_MS : TASKS_EVERY_MS));
    bool is_news = is_named ? !had_name || strcmp(was.text, now.text) != 0 : !was_asked;
    if (is_news) {
        struct addr addr = e->addr;
        t->fn(t->arg, &addr, had_name ? &was : NULL, is_named ? &now : NULL);
    }
}

static void ask(struct entry *e)
{
    struct tasks *t = e->home;

    list_remove(&e->node);
    list_push_back(&t->asking, &e->node);
    e->is_asking = true;
    t->asking_count++;
    resolver_ask_ptr(t->r, &e->addr, on_name, e);
}

static void on_next(void *arg)
{
    struct tasks *t = arg;

    while (t->r != NULL && !list_is_empty(&t->waiting)) {
        struct entry *e = entry_of(t->waiting.next);
        uint64_t now = clock_ms();
        if (e->next_ms > now) {
            break;
        }
        if (t->asking_count >= TASKS_AT_ONCE || !bucket_take(&t->rate, now)) {
            timer_set(&t->next, BUSY_MS);
            return;
        }
        ask(e);
    }
    plan(t);
}

struct tasks *tasks_new(struct loop *loop, tasks_fn fn, void *arg)
{
    struct tasks *t = NEW(struct tasks);

    t->loop = loop;
    t->fn = fn;
    t->arg = arg;
    t->by_addr = map_new();
    list_init(&t->waiting);
    list_init(&t->asking);
    bucket_init(&t->rate, TASKS_PER_S, TASKS_AT_ONCE, clock_ms());
    timer_init(&t->next, loop, on_next, t);
    return t;
}

void tasks_free(struct tasks *t)
{
    if (t == NULL) {
        return;
    }
    REQUIRE(map_count(t->by_addr) == 0);
    timer_fini(&t->next);
    map_free(t->by_addr);
    loop_free_later(t->loop, t);
}

void tasks_use(struct tasks *t, struct resolver *r)
{
    if (r == t->r) {
        return;
    }
    while (!list_is_empty(&t->asking)) {
        struct entry *e = entry_of(t->asking.next);
        resolver_cancel(t->r, e);
        not_asking(e);
        wait_until(e, clock_ms());
    }
    t->r = r;
    plan(t);
}

void tasks_hold(struct tasks *t, const struct addr *addr)
{
    struct entry *e = find(t, addr);
    char text[ADDR_TEXT_MAX];

    if (e != NULL) {
        e->refs++;
        return;
    }
    e = NEW(struct entry);
    e->home = t;
    e->refs = 1;
    e->addr = *addr;
    addr_set_port(&e->addr, 0);
    list_init(&e->node);
    (void)map_put(t->by_addr, str_of(addr_print_ip(addr, text)), e);
    wait_until(e, clock_ms());
}

void tasks_drop(struct tasks *t, const struct addr *addr)
{
    struct entry *e = find(t, addr);
    char text[ADDR_TEXT_MAX];

    if (e == NULL || --e->refs > 0) {
        return;
    }
    if (e->is_asking) {
        resolver_cancel(t->r, e);
        not_asking(e);
    }
    list_remove(&e->node);
    (void)map_remove(t->by_addr, str_of(addr_print_ip(addr, text)));
    loop_free_later(t->loop, e);
}

void tasks_watch(struct tasks *t, const struct addr *addr, bool closely)
{
    struct entry *e = find(t, addr);

    if (e == NULL || e->is_close == closely) {
        return;
    }
    e->is_close = closely;
    if (!e->is_asking) {
        wait_until(e, clock_ms());
    }
}

bool tasks_is_asked(const struct tasks *t, const struct addr *addr)
{
    const struct entry *e = find(t, addr);

    return e != NULL && e->is_asked;
}

const struct task_name *tasks_of(const struct tasks *t, const struct addr *addr)
{
    const struct entry *e = find(t, addr);

    return e != NULL && e->has_name ? &e->name : NULL;
}
