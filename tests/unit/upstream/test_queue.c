/* SPDX-License-Identifier: MIT */
/* Two workers whose requests take turns at one service: what each sees of the other, and who leaves
 * a place to whom. */
#include "../../../src/upstream/queue.h"

#include "base/clock.h"
#include "base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define GUESTS  8
#define WAIT_MS 1000

static const struct model_bound bound = {.requests = 4, .queue = 6};

struct worker {
    struct rig *rig;
    struct queue queue;
    unsigned calls; /* guests that were told to try */
    struct guest {
        struct worker *worker;
        struct hold_guest base;
        bool over;
    } guests[GUESTS];
};

struct rig {
    struct loop *loop;
    struct counters counters;
    struct deadline_class *pause;
    struct deadline_class *wait;
    struct worker one;
    struct worker other;
};

static void on_go(void *arg)
{
    struct guest *g = arg;
    g->worker->calls++;
}

static void on_over(void *arg)
{
    struct guest *g = arg;
    g->over = true;
    hold_leave(&g->base);
}

static const struct hold_guest_events guest_events = {on_go, on_over};

static void worker_init(struct worker *w, struct rig *r, size_t slot)
{
    const struct flight_tables flight = {
        &r->counters, slot_adopt(&r->counters, slot, SLOT_WORKER, (uint32_t)slot)};
    w->rig = r;
    queue_init(&w->queue, &flight, STR("app:80"));
    queue_set_endpoints(&w->queue, 1);
    for (int i = 0; i < GUESTS; i++) {
        w->guests[i].worker = w;
        hold_guest_init(&w->guests[i].base, &guest_events, &w->guests[i]);
    }
}

static void rig_init(struct rig *r)
{
    *r = (struct rig){.loop = loop_new()};
    clock_freeze(1000000, 1000000);
    loop_turn(r->loop, false);
    assert_int_equal(counters_create(2, &r->counters), OK);
    r->pause = deadline_class_new(r->loop, QUEUE_PAUSE_MS);
    r->wait = deadline_class_new(r->loop, WAIT_MS);
    worker_init(&r->one, r, 0);
    worker_init(&r->other, r, 1);
}

static void worker_fini(struct worker *w)
{
    for (int i = 0; i < GUESTS; i++) {
        hold_leave(&w->guests[i].base);
    }
    while (w->queue.demand > 0) {
        queue_quit(&w->queue, true);
    }
    queue_fini(&w->queue);
}

static void rig_fini(struct rig *r)
{
    worker_fini(&r->one);
    worker_fini(&r->other);
    assert_int_equal(counters_sum(&r->counters, COUNTER_QUEUED), 0);
    assert_int_equal(flight_here(&r->one.queue.flight, r->one.queue.waiting_tag), 0);
    assert_int_equal(flight_here(&r->one.queue.flight, r->one.queue.demand_tag), 0);
    deadline_class_free(r->pause);
    deadline_class_free(r->wait);
    loop_free(r->loop);
    counters_fini(&r->counters);
    clock_resume();
}

/* So many are in flight. */
static void fly(struct worker *w, int count)
{
    for (int i = 0; i < count; i++) {
        assert_true(queue_join(&w->queue));
    }
}

static int enter(struct worker *w, int guest)
{
    return queue_enter(&w->queue, &w->guests[guest].base, &bound, w->rig->wait, w->rig->pause);
}

static void wait_for_turn(struct worker *w, int guest)
{
    assert_true(queue_join(&w->queue));
    assert_int_equal(enter(w, guest), OK);
}

/* One in flight ends. */
static void land_one(struct worker *w)
{
    queue_freed(&w->queue);
    queue_quit(&w->queue, true);
}

static void pass(struct rig *r, uint64_t ms)
{
    clock_advance(ms);
    loop_turn(r->loop, false);
}

static void test_queue_goes_on_at_once(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    fly(&r.one, 4);
    wait_for_turn(&r.one, 0);
    wait_for_turn(&r.one, 1);
    pass(&r, QUEUE_PAUSE_MS);
    assert_int_equal(r.one.calls, 0); /* it is known that there is no room */
    land_one(&r.one);
    assert_int_equal(r.one.calls, 1);
    assert_false(queue_must_wait(&r.one.queue, &r.one.guests[0].base));
    assert_true(queue_must_wait(&r.one.queue, &r.one.guests[2].base));
    queue_resign(&r.one.queue, &r.one.guests[0].base); /* it has its place: four again */
    assert_int_equal(r.one.calls, 1);
    rig_fini(&r);
}

static void test_queue_sees_what_ends_elsewhere(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    fly(&r.other, 4);
    wait_for_turn(&r.one, 0);
    wait_for_turn(&r.one, 1);
    wait_for_turn(&r.one, 2);
    pass(&r, QUEUE_PAUSE_MS);
    assert_int_equal(r.one.calls, 0);
    land_one(&r.other);
    land_one(&r.other);
    pass(&r, QUEUE_PAUSE_MS);
    assert_int_equal(r.one.calls, 1);
    /* One look finds both places: the next one goes as soon as the first has its own. */
    queue_resign(&r.one.queue, &r.one.guests[0].base);
    assert_int_equal(r.one.calls, 2);
    queue_resign(&r.one.queue, &r.one.guests[1].base);
    assert_int_equal(r.one.calls, 2);
    rig_fini(&r);
}

static void test_queue_forgets_a_worker_that_died(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    fly(&r.other, 4);
    wait_for_turn(&r.other, 0);
    wait_for_turn(&r.one, 0);
    flight_clear(r.other.queue.flight.own);
    pass(&r, QUEUE_PAUSE_MS);
    assert_int_equal(r.one.calls, 1);
    rig_fini(&r);
}

/* Who has all places leaves one to a worker that has none, and then no more. */
static void test_queue_is_fair(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    fly(&r.one, 4);
    for (int i = 0; i < 4; i++) {
        wait_for_turn(&r.one, i);
    }
    wait_for_turn(&r.other, 0);
    land_one(&r.one);
    assert_int_equal(r.one.calls, 0);
    pass(&r, 1);
    land_one(&r.one); /* its pause is not put off again and again */
    assert_int_equal(r.one.calls, 0);
    pass(&r, QUEUE_PAUSE_MS - 1);
    assert_int_equal(r.other.calls, 1);
    queue_resign(&r.other.queue, &r.other.guests[0].base);
    pass(&r, 1);
    assert_int_equal(r.one.calls, 1);
    queue_resign(&r.one.queue, &r.one.guests[0].base);
    land_one(&r.one);
    assert_int_equal(r.one.calls, 2); /* nobody waits elsewhere */
    rig_fini(&r);
}

/* A new request does not take the place that others wait for in another worker. */
static void test_queue_is_fair_to_those_before(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    fly(&r.one, 1);
    assert_false(queue_must_wait(&r.one.queue, &r.one.guests[0].base));
    fly(&r.one, 3);
    wait_for_turn(&r.other, 0);
    land_one(&r.one);
    fly(&r.one, 1);
    assert_true(queue_must_wait(&r.one.queue, &r.one.guests[0].base));
    rig_fini(&r);
}

/* Who may go where others may not is not kept back by those behind it. */
static void test_queue_looks_for_the_greatest_bound(void **state)
{
    (void)state;
    static const struct model_bound small = {.requests = 1, .queue = 6};
    struct rig r;
    rig_init(&r);
    fly(&r.other, 4);
    wait_for_turn(&r.one, 0);
    fly(&r.one, 1);
    assert_int_equal(queue_enter(&r.one.queue, &r.one.guests[1].base, &small, r.wait, r.pause), OK);
    land_one(&r.other);
    pass(&r, QUEUE_PAUSE_MS);
    assert_int_equal(r.one.calls, 1);
    rig_fini(&r);
}

/* The queue is as long as it may be with those of all workers. */
static void test_queue_is_bounded(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    fly(&r.one, 4);
    for (int i = 0; i < 3; i++) {
        wait_for_turn(&r.one, i);
        wait_for_turn(&r.other, i);
    }
    assert_int_equal(enter(&r.one, 3), ERR_LIMIT);
    assert_int_equal(enter(&r.other, 3), ERR_LIMIT);
    hold_leave(&r.one.guests[2].base);
    assert_int_equal(enter(&r.other, 3), OK);
    assert_int_equal(enter(&r.one, 4), ERR_LIMIT);
    pass(&r, WAIT_MS);
    assert_true(r.one.guests[0].over && r.other.guests[3].over && !r.one.guests[2].over);
    assert_int_equal(counters_sum(&r.counters, COUNTER_QUEUE_TIMEOUTS), 6);
    rig_fini(&r);
}

static void test_queue_opens_without_endpoints(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    fly(&r.one, 4);
    wait_for_turn(&r.one, 0);
    wait_for_turn(&r.one, 1);
    queue_set_endpoints(&r.one.queue, 2);
    assert_int_equal(r.one.calls, 1); /* room for four more */
    queue_set_endpoints(&r.one.queue, 0);
    assert_int_equal(r.one.calls, 2);
    assert_true(hold_is_empty(&r.one.queue.room));
    rig_fini(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_queue_goes_on_at_once),
        cmocka_unit_test(test_queue_sees_what_ends_elsewhere),
        cmocka_unit_test(test_queue_forgets_a_worker_that_died),
        cmocka_unit_test(test_queue_is_fair),
        cmocka_unit_test(test_queue_is_fair_to_those_before),
        cmocka_unit_test(test_queue_looks_for_the_greatest_bound),
        cmocka_unit_test(test_queue_is_bounded),
        cmocka_unit_test(test_queue_opens_without_endpoints),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
