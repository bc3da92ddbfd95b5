/* SPDX-License-Identifier: MIT */
/* The room where requests wait for an endpoint: order, scouts, limits, patience. */
#include "../../../src/upstream/hold.h"

#include "base/clock.h"
#include "base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define GUESTS  4
#define WAIT_MS 1000

struct rig {
    struct loop *loop;
    struct counters counters;
    struct slot *slot;
    struct deadline_class *pause;
    struct deadline_class *wait;
    struct hold_room room;
    bool has_endpoints;
    unsigned pauses;
    int inside;
    int went[16]; /* who went out, in order */
    unsigned went_count;
    struct guest {
        struct rig *rig;
        int number;
        struct hold_guest base;
        bool over;
    } guests[GUESTS];
};

static void on_pause(void *arg)
{
    struct rig *r = arg;
    r->pauses++;
}

static bool has_endpoints(const void *arg)
{
    const struct rig *r = arg;
    return r->has_endpoints;
}

static void on_count(void *arg, bool is_more)
{
    struct rig *r = arg;
    r->inside += is_more ? 1 : -1;
}

static void on_go(void *arg)
{
    struct guest *g = arg;
    g->rig->went[g->rig->went_count++] = g->number;
}

static void on_over(void *arg)
{
    struct guest *g = arg;
    g->over = true;
    hold_leave(&g->base);
}

static const struct hold_room_events room_events = {HOLD_FOR_ENDPOINT, on_pause, has_endpoints,
                                                    on_count};
static const struct hold_guest_events guest_events = {on_go, on_over};

static void rig_init(struct rig *r)
{
    *r = (struct rig){.loop = loop_new(), .has_endpoints = true};
    clock_freeze(1000000, 1000000);
    loop_turn(r->loop, false);
    assert_int_equal(counters_create(1, &r->counters), OK);
    r->slot = slot_adopt(&r->counters, 0, SLOT_WORKER, 0);
    r->pause = deadline_class_new(r->loop, HOLD_PAUSE_MS);
    r->wait = deadline_class_new(r->loop, WAIT_MS);
    hold_room_init(&r->room, r->pause, r->slot, &room_events, r);
    for (int i = 0; i < GUESTS; i++) {
        r->guests[i].rig = r;
        r->guests[i].number = i;
        hold_guest_init(&r->guests[i].base, &guest_events, &r->guests[i]);
    }
}

static void rig_fini(struct rig *r)
{
    for (int i = 0; i < GUESTS; i++) {
        hold_leave(&r->guests[i].base);
    }
    assert_int_equal(r->slot->values[COUNTER_HELD], 0);
    assert_int_equal(r->inside, 0);
    hold_room_fini(&r->room);
    deadline_class_free(r->pause);
    deadline_class_free(r->wait);
    loop_free(r->loop);
    counters_fini(&r->counters);
    clock_resume();
}

static int enter(struct rig *r, int number)
{
    return hold_enter(&r->room, &r->guests[number].base, r->wait, GUESTS - 1);
}

static void pass(struct rig *r, uint64_t ms)
{
    clock_advance(ms);
    loop_turn(r->loop, false);
}

static void test_hold_sends_a_scout_each_pause(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(enter(&r, i), OK);
    }
    assert_int_equal(r.slot->values[COUNTER_HELD], 3);
    assert_int_equal(r.went_count, 0);
    pass(&r, HOLD_PAUSE_MS + 1);
    assert_int_equal(r.pauses, 1);
    assert_int_equal(r.went_count, 1);
    assert_int_equal(r.went[0], 0);
    /* In vain: it stays the first. */
    assert_int_equal(enter(&r, 0), OK);
    pass(&r, HOLD_PAUSE_MS + 1);
    assert_int_equal(r.went_count, 2);
    assert_int_equal(r.went[1], 0);
    /* This time there is a connection: all go on, in their order. */
    hold_leave(&r.guests[0].base);
    hold_open(&r.room);
    assert_int_equal(r.went_count, 4);
    assert_int_equal(r.went[2], 1);
    assert_int_equal(r.went[3], 2);
    assert_true(hold_is_empty(&r.room));
    assert_int_equal(r.slot->values[COUNTER_HELD_TOTAL], 3);
    pass(&r, HOLD_PAUSE_MS + 1);
    assert_int_equal(r.pauses, 2); /* nobody waits: nobody asks */
    rig_fini(&r);
}

static void test_hold_asks_while_there_is_nothing_to_try(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    r.has_endpoints = false;
    assert_int_equal(enter(&r, 0), OK);
    assert_int_equal(enter(&r, 1), OK);
    pass(&r, HOLD_PAUSE_MS + 1);
    pass(&r, HOLD_PAUSE_MS + 1);
    assert_int_equal(r.pauses, 2);
    assert_int_equal(r.went_count, 0);
    r.has_endpoints = true;
    hold_news(&r.room);
    assert_int_equal(r.went_count, 1);
    /* Served by a link that was there: the next one may find another such. */
    assert_true(hold_resign(&r.guests[0].base, &r.room));
    hold_news(&r.room);
    assert_int_equal(r.went_count, 2);
    assert_int_equal(r.went[1], 1);
    rig_fini(&r);
}

static void test_hold_replaces_a_scout_that_leaves(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    assert_int_equal(enter(&r, 0), OK);
    assert_int_equal(enter(&r, 1), OK);
    hold_news(&r.room);
    hold_leave(&r.guests[0].base);
    pass(&r, HOLD_PAUSE_MS + 1);
    assert_int_equal(r.went_count, 2);
    assert_int_equal(r.went[1], 1);
    rig_fini(&r);
}

static void test_hold_has_a_limit(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(enter(&r, i), OK);
    }
    assert_int_equal(enter(&r, 3), ERR_LIMIT);
    hold_leave(&r.guests[1].base);
    assert_int_equal(enter(&r, 3), OK);
    hold_open(&r.room);
    assert_int_equal(r.went_count, 3);
    assert_int_equal(r.went[1], 2);
    assert_int_equal(r.went[2], 3);
    rig_fini(&r);
}

static void test_hold_patience_counts_from_the_first_entry(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    assert_int_equal(enter(&r, 0), OK);
    assert_int_equal(enter(&r, 1), OK);
    pass(&r, HOLD_PAUSE_MS + 1);
    assert_int_equal(r.went_count, 1);
    r.has_endpoints = false;
    pass(&r, WAIT_MS - HOLD_PAUSE_MS);
    loop_turn(r.loop, false);
    /* Inside it is over; outside the attempt may still end well, but there is no second wait. */
    assert_true(r.guests[1].over);
    assert_false(r.guests[0].over);
    assert_int_equal(enter(&r, 0), ERR_TIMEOUT);
    rig_fini(&r);
}

/* Whoever comes back stands where it stood, before those that came after it. */
static void test_hold_keeps_the_order_of_arrival(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(enter(&r, i), OK);
        clock_advance(1);
    }
    hold_call(&r.room);
    hold_call(&r.room);
    assert_true(hold_is_scout(&r.guests[0].base, &r.room));
    assert_int_equal(enter(&r, 0), OK);
    assert_int_equal(enter(&r, 1), OK);
    hold_open(&r.room);
    assert_int_equal(enter(&r, 2), OK);
    assert_int_equal(enter(&r, 0), OK);
    r.went_count = 0;
    hold_open(&r.room);
    assert_int_equal(r.went_count, 2);
    assert_int_equal(r.went[0], 0);
    assert_int_equal(r.went[1], 2);
    rig_fini(&r);
}

/* One that comes for the second time (it is sent again) stands before those that came after it. */
static void test_hold_knows_who_came_earlier(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    r.guests[2].base.came_us = clock_us();
    clock_advance(1);
    assert_int_equal(enter(&r, 0), OK);
    assert_int_equal(enter(&r, 1), OK);
    assert_int_equal(enter(&r, 2), OK);
    hold_open(&r.room);
    assert_int_equal(r.went[0], 2);
    assert_int_equal(r.went[1], 0);
    rig_fini(&r);
}

static void test_hold_counts_the_time_inside(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    const struct hold_guest *g = &r.guests[0].base;
    assert_int_equal(enter(&r, 0), OK);
    clock_advance(20);
    assert_int_equal(hold_inside_us(g, HOLD_FOR_ENDPOINT), 20000);
    hold_call(&r.room);
    clock_advance(50);
    assert_int_equal(enter(&r, 0), OK);
    clock_advance(10);
    hold_leave(&r.guests[0].base);
    clock_advance(10);
    assert_int_equal(hold_inside_us(g, HOLD_FOR_ENDPOINT), 30000);
    assert_int_equal(hold_inside_us(g, HOLD_FOR_TURN), 0);
    assert_true(g->was_inside[HOLD_FOR_ENDPOINT] && !g->was_inside[HOLD_FOR_TURN]);
    rig_fini(&r);
}

static void test_hold_counts_who_waited_in_vain(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    r.has_endpoints = false;
    assert_int_equal(enter(&r, 0), OK);
    assert_int_equal(enter(&r, 1), OK);
    hold_leave(&r.guests[1].base);
    pass(&r, WAIT_MS + 1);
    assert_true(r.guests[0].over);
    assert_int_equal(r.slot->values[COUNTER_HELD_TIMEOUTS], 1);
    rig_fini(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hold_sends_a_scout_each_pause),
        cmocka_unit_test(test_hold_asks_while_there_is_nothing_to_try),
        cmocka_unit_test(test_hold_replaces_a_scout_that_leaves),
        cmocka_unit_test(test_hold_has_a_limit),
        cmocka_unit_test(test_hold_patience_counts_from_the_first_entry),
        cmocka_unit_test(test_hold_keeps_the_order_of_arrival),
        cmocka_unit_test(test_hold_knows_who_came_earlier),
        cmocka_unit_test(test_hold_counts_the_time_inside),
        cmocka_unit_test(test_hold_counts_who_waited_in_vain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
