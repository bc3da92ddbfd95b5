/* SPDX-License-Identifier: MIT */
#include "daemon/prove.h"

#include "base/bucket.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/list.h"
#include "base/mem.h"
#include "loop/deadline.h"
#include "loop/timer.h"
#include "net/dial.h"

/* When there is no room or no descriptor: how long until it is looked for again. */
#define BUSY_MS 20

struct candidate {
    struct list node; /* in prove->waiting, or in prove->dialing */
    struct prove *home;
    void *owner; /* borrowed */
    struct addr addr;
    unsigned failures; /* in a row */
    uint64_t next_ms;
    struct dial *dial; /* owned, while it is under way */
    struct deadline attempt;
};

struct prove {
    struct loop *loop; /* borrowed */
    struct slot *slot; /* borrowed */
    prove_fn fn;
    struct list waiting; /* struct candidate, the next one first */
    struct list dialing;
    size_t dialing_count;
    struct bucket rate;
    struct deadline_class *attempts;
    struct timer next;
};

static struct candidate *candidate_of(struct list *node)
{
    return CONTAINER_OF(node, struct candidate, node);
}

static void plan(struct prove *p)
{
    uint64_t now = clock_ms();

    if (list_is_empty(&p->waiting)) {
        timer_clear(&p->next);
        return;
    }
    uint64_t at = candidate_of(p->waiting.next)->next_ms;
    timer_set(&p->next, at > now ? at - now : 0);
}

static void stop_dialing(struct candidate *c)
{
    deadline_clear(&c->attempt);
    dial_cancel(c->dial);
    c->dial = NULL;
    c->home->dialing_count--;
}

static void candidate_free(struct candidate *c)
{
    if (c->dial != NULL) {
        stop_dialing(c);
    }
    list_remove(&c->node);
    loop_free_later(c->home->loop, c);
}

static void wait_for_turn(struct candidate *c)
{
    c->next_ms = clock_ms() + PROVE_EVERY_MS;
    list_remove(&c->node);
    list_push_back(&c->home->waiting, &c->node);
    if (!timer_is_set(&c->home->next)) {
        plan(c->home);
    }
}

static void judge(struct candidate *c, bool answered)
{
    struct prove *p = c->home;

    c->failures = answered ? 0 : c->failures + 1;
    if (c->failures < PROVE_FAILURES) {
        wait_for_turn(c);
        return;
    }
    struct addr addr = c->addr;
    void *owner = c->owner;
    candidate_free(c);
    counter_inc(p->slot, COUNTER_ENDPOINTS_DROPPED);
    p->fn(owner, &addr);
}

static void on_dial(void *arg, int err, int fd)
{
    struct candidate *c = arg;

    c->dial = NULL; /* gone by itself */
    stop_dialing(c);
    fd_close(&fd);
    if (err == ERR_NO_FD) {
        wait_for_turn(c); /* our own want says nothing of the address */
        return;
    }
    judge(c, err == OK);
}

static void on_attempt_over(void *arg)
{
    struct candidate *c = arg;

    stop_dialing(c);
    judge(c, false);
}

static void begin(struct candidate *c)
{
    struct prove *p = c->home;

    counter_inc(p->slot, COUNTER_ENDPOINT_PROOFS);
    int err = dial_start(p->loop, &c->addr, on_dial, c, &c->dial);
    if (err == ERR_UNREACHABLE) {
        judge(c, false);
    } else if (err != OK) {
        wait_for_turn(c);
    } else {
        list_remove(&c->node);
        list_push_back(&p->dialing, &c->node);
        p->dialing_count++;
        deadline_set(&c->attempt, p->attempts);
    }
}

/* One at a time: what `begin` says may change the list. */
static void on_next(void *arg)
{
    struct prove *p = arg;

    if (list_is_empty(&p->waiting)) {
        return;
    }
    struct candidate *c = candidate_of(p->waiting.next);
    uint64_t now = clock_ms();
    if (c->next_ms > now) {
        plan(p);
        return;
    }
    if (p->dialing_count >= PROVE_AT_ONCE || !bucket_take(&p->rate, now)) {
        timer_set(&p->next, BUSY_MS);
        return;
    }
    timer_set(&p->next, 0);
    begin(c);
}

struct prove *prove_new(struct loop *loop, struct slot *slot, prove_fn fn)
{
    struct prove *p = NEW(struct prove);

    p->loop = loop;
    p->slot = slot;
    p->fn = fn;
    list_init(&p->waiting);
    list_init(&p->dialing);
    bucket_init(&p->rate, PROVE_PER_S, PROVE_AT_ONCE, clock_ms());
    p->attempts = deadline_class_new(loop, PROVE_ATTEMPT_MS);
    timer_init(&p->next, loop, on_next, p);
    return p;
}

/* Frees those of one owner (NULL: of all) that are not among `addrs`. */
static void drop_others(struct prove *p, const void *owner, const struct addr *addrs, size_t count)
{
    struct list *both[] = {&p->waiting, &p->dialing};

    for (size_t i = 0; i < 2; i++) {
        LIST_EACH (both[i], it, tmp) {
            struct candidate *c = candidate_of(it);
            bool is_kept = owner != NULL && c->owner != owner;
            for (size_t k = 0; k < count && !is_kept; k++) {
                is_kept = addr_eq(&c->addr, &addrs[k]);
            }
            if (!is_kept) {
                candidate_free(c);
            }
        }
    }
}

void prove_free(struct prove *p)
{
    if (p == NULL) {
        return;
    }
    drop_others(p, NULL, NULL, 0);
    deadline_class_free(p->attempts);
    timer_fini(&p->next);
    loop_free_later(p->loop, p);
}

static bool is_known(const struct prove *p, const void *owner, const struct addr *addr)
{
    const struct list *both[] = {&p->waiting, &p->dialing};

    for (size_t i = 0; i < 2; i++) {
        for (struct list *it = both[i]->next; it != both[i]; it = it->next) {
            const struct candidate *c = candidate_of(it);
            if (c->owner == owner && addr_eq(&c->addr, addr)) {
                return true;
            }
        }
    }
    return false;
}

void prove_set(struct prove *p, void *owner, const struct addr *addrs, size_t count)
{
    drop_others(p, owner, addrs, count);
    for (size_t i = 0; i < count; i++) {
        if (is_known(p, owner, &addrs[i])) {
            continue;
        }
        struct candidate *c = NEW(struct candidate);
        c->home = p;
        c->owner = owner;
        c->addr = addrs[i];
        c->next_ms = clock_ms();
        deadline_init(&c->attempt, on_attempt_over, c);
        list_push_front(&p->waiting, &c->node); /* the others wait for a later moment */
    }
    plan(p);
}
