/* SPDX-License-Identifier: MIT */
/* The turns of what is checked, and what the results make of it. */
#include "checks_impl.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

/* When there is no room: how long until it is looked for again. */
#define BUSY_MS 20

/* ---- results ---- */

static size_t count_well(const struct served *s)
{
    bool *fails = checks_list_failing(s);
    size_t well = 0;

    for (size_t i = 0; i < s->count; i++) {
        well += !fails[i];
    }
    free(fails);
    return well;
}

static void say(const struct target *t)
{
    const struct check *k = t->check;
    const struct checks_verdict *v = &t->verdict;
    struct log_line line;
    char text[ADDR_TEXT_MAX];

    log_begin(&line, v->is_failing ? LOG_WARN : LOG_INFO,
              v->is_failing ? "endpoint_down" : "endpoint_up");
    log_field(&line, "service", str_of(k->served->name));
    log_field(&line, "endpoint", str_of(addr_print(&t->addr, text)));
    if (k->path[0] != '\0') {
        log_field(&line, "path", str_of(k->path));
    }
    if (v->is_failing) {
        log_field(&line, "reason", str_of(why_label(v->why)));
    }
    if (v->is_failing && v->status != 0) {
        log_field_int(&line, "status", v->status);
    }
    log_field_int(&line, "well", (int64_t)count_well(k->served));
    log_field_int(&line, "of", (int64_t)k->served->count);
    log_end(&line);
}

static void turn_over(struct target *t)
{
    struct checks *c = t->check->served->home;
    bool is_failing = !t->verdict.is_failing;

    t->row = 0;
    t->verdict.is_failing = is_failing;
    t->verdict.since_wall_ms = clock_wall_ms();
    if (is_failing) {
        counter_inc(c->slot, COUNTER_ENDPOINTS_FAILING);
        counter_inc(c->slot, COUNTER_ENDPOINTS_TAKEN_OUT);
    } else {
        counter_dec(c->slot, COUNTER_ENDPOINTS_FAILING);
    }
    say(t);
    c->fn(c->arg, str_of(t->check->served->name));
}

static void judge(struct target *t, enum why why, uint16_t status)
{
    const struct model_health *how = &t->check->how;
    struct slot *slot = t->check->served->home->slot;
    bool is_good = why == WHY_OK;

    counter_inc(slot, is_good ? COUNTER_HEALTH_GOOD : COUNTER_HEALTH_BAD);
    if (!is_good) {
        t->verdict.why = why;
        t->verdict.status = status;
    }
    if (is_good != t->verdict.is_failing) {
        t->row = 0; /* as it was */
    } else if (++t->row >= (is_good ? how->rise : how->fall)) {
        turn_over(t);
    }
}

/* ---- turns ---- */

static void plan_pump(struct checks *c, uint64_t ms)
{
    if (!timer_is_set(&c->pump)) {
        timer_set(&c->pump, ms);
    }
}

static void on_probed(void *arg, enum why why, uint16_t status)
{
    struct target *t = arg;
    struct checks *c = t->check->served->home;
    uint64_t took_ms = clock_ms() - t->began_ms;
    uint64_t interval_ms = t->check->how.interval_ms;

    t->probe = NULL;
    c->under_way--;
    timer_set(&t->next, took_ms < interval_ms ? interval_ms - took_ms : 0);
    if (!list_is_empty(&c->ready)) {
        plan_pump(c, 0);
    }
    if (why != WHY_NO_FD) { /* our own want says nothing of the address */
        judge(t, why, status);
    }
}

static void begin(struct target *t)
{
    struct check *k = t->check;
    struct checks *c = k->served->home;
    const struct probe_ask ask = {
        .addr = &t->addr,
        .scheme = k->scheme,
        .tls = k->tls,
        .path = str_of(k->path),
        .host = str_of(k->host),
        .timeout_ms = k->how.timeout_ms,
    };

    list_remove(&t->ready);
    c->under_way++;
    t->began_ms = clock_ms();
    t->probe = probe_start(&c->env, &ask, on_probed, t);
}

void checks_on_pump(void *arg)
{
    struct checks *c = arg;

    while (!list_is_empty(&c->ready)) {
        if (c->under_way >= CHECKS_AT_ONCE || !bucket_take(&c->rate, clock_ms())) {
            plan_pump(c, BUSY_MS);
            return;
        }
        begin(LIST_FIRST(&c->ready, struct target, ready));
    }
}

static void on_turn(void *arg)
{
    struct target *t = arg;
    struct checks *c = t->check->served->home;

    list_push_back(&c->ready, &t->ready);
    plan_pump(c, 0);
}

/* ---- targets ---- */

/* Its place in the interval: the same for this address as long as the process lives, and another
 * for every other. */
static uint64_t place_of(const struct check *k, const struct addr *addr)
{
    char text[ADDR_TEXT_MAX];

    return (map_hash(str_of(k->key)) ^ map_hash(str_of(addr_print(addr, text)))) %
           k->how.interval_ms;
}

struct target *checks_target_new(struct check *k, const struct addr *addr)
{
    struct target *t = NEW(struct target);

    t->check = k;
    t->addr = *addr;
    list_init(&t->ready);
    timer_init(&t->next, k->served->home->loop, on_turn, t);
    timer_set(&t->next, place_of(k, addr));
    list_push_back(&k->targets, &t->node);
    return t;
}

void checks_target_free(struct target *t)
{
    struct checks *c = t->check->served->home;

    if (t->probe != NULL) {
        probe_cancel(t->probe);
        c->under_way--;
    }
    if (t->verdict.is_failing) {
        counter_dec(c->slot, COUNTER_ENDPOINTS_FAILING);
    }
    list_remove(&t->ready);
    list_remove(&t->node);
    timer_fini(&t->next);
    loop_free_later(c->loop, t);
}
