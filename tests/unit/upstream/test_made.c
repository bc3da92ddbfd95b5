/* SPDX-License-Identifier: MIT */
/* Services whose names requests made: asked for, renewed, bounded, and without series of their own.
 */
#include "upstream/made.h"

#include "base/clock.h"
#include "base/mem.h"
#include "loop/timer.h"
#include "site.h"

#include <stdio.h>
#include <stdlib.h>

#define LABEL STR("{1}_web:3000")
#define PR1   STR("tasks.pr1_web:3000")

struct rig {
    struct loop *loop;
    struct counters counters;
    struct slot *slot;
    struct h1_scratch scratch;
    struct deadline_class *idle;
    struct deadline_class *attempt;
    struct upstream *up;
    struct timer tick;
    unsigned tells; /* WANTs of something unknown */
    unsigned keeps;
    unsigned ready;
    unsigned failed;
    enum why why;
};

static void on_tick(void *arg)
{
    struct rig *r = arg;
    timer_set(&r->tick, 5);
}

static void on_want(void *arg, struct str service, bool tell)
{
    struct rig *r = arg;
    assert_true(str_starts(service, STR("tasks.")));
    r->tells += tell;
    r->keeps += !tell;
}

static void rig_init(struct rig *r)
{
    *r = (struct rig){.loop = loop_new()};
    clock_freeze(1000000, 1000000);
    assert_int_equal(counters_create(1, &r->counters), OK);
    r->slot = slot_adopt(&r->counters, 0, SLOT_WORKER, 0);
    r->scratch = (struct h1_scratch){.bytes = mem_new(65536), .len = 65536};
    r->idle = deadline_class_new(r->loop, 60000);
    r->attempt = deadline_class_new(r->loop, 250);
    timer_init(&r->tick, r->loop, on_tick, r);
    on_tick(r);
    const struct upstream_env env = {.loop = r->loop,
                                     .slot = r->slot,
                                     .scratch = &r->scratch,
                                     .idle_class = r->idle,
                                     .want = on_want,
                                     .arg = r};
    r->up = upstream_new(&env);
}

static void rig_fini(struct rig *r)
{
    upstream_free(r->up);
    loop_turn(r->loop, false);
    timer_fini(&r->tick);
    deadline_class_free(r->idle);
    deadline_class_free(r->attempt);
    loop_free(r->loop);
    counters_fini(&r->counters);
    free(r->scratch.bytes);
    clock_resume();
}

static void turns(struct rig *r, int n)
{
    for (int i = 0; i < n; i++) {
        loop_turn(r->loop, true);
    }
}

/* Time passes, and the loop notices. */
static void pass(struct rig *r, uint64_t ms)
{
    clock_advance(ms);
    loop_turn(r->loop, false);
}

/* A request comes and is over at once. */
static bool use(struct rig *r, struct str name)
{
    struct upstream_service *s = made_get(r->up, name, LABEL);
    upstream_service_unref(s);
    return s != NULL;
}

static void set(struct rig *r, const char *addrs)
{
    struct addr list[4];
    size_t count = 0;
    struct str rest = str_of(addrs);
    struct str one;
    while (rest.len > 0 && str_next(&rest, ' ', &one)) {
        assert_int_equal(addr_parse(one, &list[count++]), OK);
    }
    made_update(r->up, PR1, MADE_SET, list, count);
}

static void test_made_is_asked_for_and_renewed(void **state)
{
    struct rig r;
    (void)state;
    rig_init(&r);
    assert_true(use(&r, PR1));
    assert_int_equal(r.tells, 1);
    assert_true(use(&r, PR1));
    assert_int_equal(r.tells, 1);
    pass(&r, MADE_RETRY_MS);
    assert_true(use(&r, PR1)); /* the keeper may have been gone */
    assert_int_equal(r.tells, 2);
    set(&r, "10.0.0.1:3000");
    pass(&r, MADE_RETRY_MS);
    assert_true(use(&r, PR1));
    assert_int_equal(r.tells + r.keeps, 2);
    pass(&r, MADE_RENEW_MS);
    assert_true(use(&r, PR1));
    assert_int_equal(r.keeps, 1);
    made_restart(r.up);
    assert_true(use(&r, PR1));
    assert_int_equal(r.keeps, 2);
    assert_int_equal(r.tells, 2);
    rig_fini(&r);
}

static size_t endpoints(struct rig *r)
{
    struct upstream_service *s = made_get(r->up, PR1, LABEL);
    assert_non_null(s);
    size_t count = upstream_service_endpoints(s);
    upstream_service_unref(s);
    return count;
}

static void test_made_takes_news(void **state)
{
    struct rig r;
    (void)state;
    rig_init(&r);
    set(&r, "10.0.0.1:3000"); /* of a name that is not there */
    assert_int_equal(endpoints(&r), 0);
    set(&r, "10.0.0.1:3000 10.0.0.2:3000");
    assert_int_equal(endpoints(&r), 2);
    made_update(r.up, PR1, MADE_NONE, NULL, 0);
    assert_int_equal(endpoints(&r), 2);
    set(&r, "10.0.0.1:3000");
    assert_int_equal(endpoints(&r), 1);
    unsigned tells = r.tells;
    made_update(r.up, PR1, MADE_IDLE, NULL, 0);
    assert_int_equal(endpoints(&r), 0);
    assert_int_equal(r.tells, tells + 1);
    made_update(r.up, PR1, MADE_NONE, NULL, 0);
    assert_int_equal(endpoints(&r), 0);
    rig_fini(&r);
}

static void on_ready(void *arg)
{
    struct rig *r = arg;
    r->ready++;
}

static void on_failed(void *arg, enum why why)
{
    struct rig *r = arg;
    r->failed++;
    r->why = why;
}

static struct lease *lease(struct rig *r, struct arena *arena)
{
    static const struct lease_events events = {.on_ready = on_ready, .on_failed = on_failed};
    static const struct h1_limits limits = {.head_bytes = 16384, .fields = 100};
    const struct lease_want want = {.arena = arena, .attempt_class = r->attempt, .limits = &limits};
    struct upstream_service *s = made_get(r->up, PR1, LABEL);
    assert_non_null(s);
    struct lease *l = lease_new(s, &want, &events, r);
    upstream_service_unref(s);
    return l;
}

static void test_made_lets_requests_wait_or_refuses(void **state)
{
    struct rig r;
    struct arena arena;
    (void)state;
    rig_init(&r);
    arena_init(&arena, 1024);
    struct lease *l = lease(&r, &arena);
    turns(&r, 3);
    assert_int_equal(r.failed, 0); /* it waits */
    made_update(r.up, PR1, MADE_GONE, NULL, 0);
    turns(&r, 3);
    assert_int_equal(r.failed, 1);
    assert_int_equal(r.why, WHY_NAME_LIMIT);
    lease_end(l, WHY_NAME_LIMIT);
    l = lease(&r, &arena); /* refused for a while, without waiting */
    turns(&r, 3);
    assert_int_equal(r.failed, 2);
    lease_end(l, WHY_NAME_LIMIT);
    pass(&r, MADE_RETRY_MS);
    l = lease(&r, &arena);
    turns(&r, 3);
    assert_int_equal(r.failed, 2);
    assert_int_equal(r.tells, 2);
    made_restart(r.up); /* it waits: a new keeper is asked at once */
    assert_int_equal(r.tells, 3);
    made_update(r.up, PR1, MADE_NONE, NULL, 0);
    turns(&r, 3);
    assert_int_equal(r.why, WHY_NO_ENDPOINT);
    lease_end(l, WHY_NO_ENDPOINT);
    arena_fini(&arena);
    rig_fini(&r);
}

static void test_made_shares_its_series(void **state)
{
    struct rig r;
    struct arena arena;
    struct site site;
    (void)state;
    rig_init(&r);
    site_init(&site, true);
    arena_init(&arena, 1024);
    struct lease *l = lease(&r, &arena);
    made_update(r.up, PR1, MADE_SET, &site.addr, 1);
    for (int i = 0; i < 1000 && r.ready == 0; i++) {
        loop_turn(r.loop, true);
    }
    assert_int_equal(r.ready, 1);
    lease_end(l, WHY_CLIENT_ABORT);
    bool found = false;
    for (uint32_t i = 0; i < r.slot->series_count; i++) {
        const char *labels = r.slot->series[i].labels;
        assert_null(strstr(labels, "pr1"));
        assert_null(strstr(labels, "127.0.0.1"));
        found = found || strcmp(labels, "service=\"{1}_web:3000\",endpoint=\"any\"") == 0;
    }
    assert_true(found);
    arena_fini(&arena);
    rig_fini(&r);
    site_fini(&site);
}

static bool use_number(struct rig *r, unsigned i)
{
    char name[64];
    (void)snprintf(name, sizeof(name), "tasks.g%u_web:3000", i);
    return use(r, str_of(name));
}

static void test_made_is_bounded(void **state)
{
    struct rig r;
    unsigned begun = 0;
    (void)state;
    rig_init(&r);
    assert_true(use(&r, PR1));
    set(&r, "10.0.0.1:3000");
    for (unsigned i = 0; i < 2 * MADE_NEW_BURST; i++) {
        begun += use_number(&r, i);
    }
    assert_int_equal(begun, MADE_NEW_BURST - 1);
    for (unsigned i = 0; i < 2 * MADE_MAX; i++) {
        pass(&r, 1000 / MADE_NEW_PER_S);
        assert_true(use_number(&r, 10000 + i));
    }
    /* Guesses pushed out guesses only: it is not asked for as if it were new. */
    unsigned tells = r.tells;
    assert_true(use(&r, PR1));
    assert_int_equal(r.tells, tells);
    rig_fini(&r);
}

static void test_made_refuses_when_all_are_in_use(void **state)
{
    static struct upstream_service *held[MADE_MAX];
    struct rig r;
    char name[64];
    (void)state;
    rig_init(&r);
    for (unsigned i = 0; i < MADE_MAX; i++) {
        pass(&r, 1000 / MADE_NEW_PER_S);
        (void)snprintf(name, sizeof(name), "tasks.h%u_web:3000", i);
        held[i] = made_get(r.up, str_of(name), LABEL);
        assert_non_null(held[i]);
    }
    pass(&r, 1000);
    assert_false(use(&r, PR1));
    upstream_service_unref(held[7]);
    assert_true(use(&r, PR1));
    for (unsigned i = 0; i < MADE_MAX; i++) {
        if (i != 7) {
            upstream_service_unref(held[i]);
        }
    }
    rig_fini(&r);
}

static void test_made_forgets_the_idle(void **state)
{
    struct rig r;
    (void)state;
    rig_init(&r);
    assert_true(use(&r, PR1));
    set(&r, "10.0.0.1:3000");
    assert_true(use(&r, STR("tasks.absent_web:3000")));
    struct upstream_service *held = made_get(r.up, STR("tasks.held_web:3000"), LABEL);
    unsigned tells = r.tells;
    pass(&r, MADE_EMPTY_IDLE_MS + 1000);
    assert_true(use(&r, PR1));
    assert_int_equal(r.tells, tells);
    pass(&r, MADE_IDLE_MS + 1000);
    assert_true(use(&r, PR1));
    assert_int_equal(r.tells, tells + 1); /* as if it had never been there */
    upstream_service_unref(held);
    rig_fini(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_made_is_asked_for_and_renewed),
        cmocka_unit_test(test_made_takes_news),
        cmocka_unit_test(test_made_lets_requests_wait_or_refuses),
        cmocka_unit_test(test_made_shares_its_series),
        cmocka_unit_test(test_made_is_bounded),
        cmocka_unit_test(test_made_refuses_when_all_are_in_use),
        cmocka_unit_test(test_made_forgets_the_idle),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
