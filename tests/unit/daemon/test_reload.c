/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "daemon/reload.h"

/* What the machine asked for, and what we make the world answer. */
struct world {
    struct reload reload;
    unsigned loads;
    unsigned stops;
    unsigned commits;
    unsigned aborts;
    uint64_t prepared;
    size_t processes;
    bool can_load;
    bool can_bind;
    uint64_t deadline_ms;
    unsigned dones;
    struct reload_result last;
    uint32_t askers[RELOAD_ASKERS_MAX];
    size_t asker_count;
};

static bool op_load(void *arg)
{
    struct world *w = arg;

    w->loads++;
    return w->can_load;
}

static void op_stop_load(void *arg)
{
    ((struct world *)arg)->stops++;
}

static size_t op_prepare(void *arg, uint64_t number, struct str *out_text)
{
    struct world *w = arg;

    if (!w->can_bind) {
        *out_text = STR("in use");
        return SIZE_MAX;
    }
    w->prepared = number;
    return w->processes;
}

static void op_commit(void *arg, uint64_t number)
{
    struct world *w = arg;

    assert_true(number == w->prepared);
    w->commits++;
}

static void op_abort(void *arg, uint64_t number)
{
    struct world *w = arg;

    assert_true(number == w->prepared);
    w->aborts++;
}

static void op_deadline(void *arg, uint64_t ms)
{
    ((struct world *)arg)->deadline_ms = ms;
}

static void op_done(void *arg, const struct reload_result *result, const uint32_t *askers,
                    size_t asker_count)
{
    struct world *w = arg;

    w->dones++;
    w->last = *result;
    w->asker_count = asker_count;
    for (size_t i = 0; i < asker_count; i++) {
        w->askers[i] = askers[i];
    }
}

static void world_init(struct world *w)
{
    static const struct reload_ops ops = {
        op_load, op_stop_load, op_prepare, op_commit, op_abort, op_deadline, op_done,
    };

    *w = (struct world){.processes = 3, .can_load = true, .can_bind = true};
    reload_init(&w->reload, &ops, w, 1);
}

static void test_reload_commits_when_all_are_prepared(void **state)
{
    struct world w;

    (void)state;
    world_init(&w);
    assert_true(reload_request(&w.reload, RELOAD_BY_SIGNAL, 0));
    assert_int_equal(w.loads, 1);
    assert_int_equal(w.deadline_ms, RELOAD_LOAD_MS);
    reload_on_loaded(&w.reload, RELOAD_FOUND_NEW, STR(""));
    assert_int_equal(w.deadline_ms, RELOAD_PREPARE_MS);
    assert_int_equal(w.prepared, 2);
    reload_on_prepared(&w.reload, 2);
    reload_on_prepared(&w.reload, 1); /* an older one counts for nothing */
    reload_on_prepared(&w.reload, 2);
    assert_int_equal(w.commits, 0);
    reload_on_prepared(&w.reload, 2);
    assert_int_equal(w.commits, 1);
    assert_int_equal(w.aborts, 0);
    assert_int_equal(w.last.outcome, RELOAD_OK);
    assert_true(w.last.generation == 2);
    assert_int_equal(w.deadline_ms, 0);
    assert_int_equal(w.reload.state, RELOAD_IDLE);
}

static void test_reload_aborts_when_one_fails(void **state)
{
    struct world w;

    (void)state;
    world_init(&w);
    (void)!reload_request(&w.reload, RELOAD_BY_FILES, 0);
    reload_on_loaded(&w.reload, RELOAD_FOUND_NEW, STR(""));
    reload_on_prepared(&w.reload, 2);
    reload_on_failed(&w.reload, STR("worker-1 died"));
    assert_int_equal(w.aborts, 1);
    assert_int_equal(w.commits, 0);
    assert_int_equal(w.last.outcome, RELOAD_FAILED);
    assert_true(w.last.generation == 1);
    reload_on_prepared(&w.reload, 2); /* too late */
    assert_int_equal(w.commits, 0);
    /* The next try has a number of its own. */
    (void)!reload_request(&w.reload, RELOAD_BY_FILES, 0);
    reload_on_loaded(&w.reload, RELOAD_FOUND_NEW, STR(""));
    assert_true(w.prepared == 3);
}

static void test_reload_without_change_does_nothing(void **state)
{
    struct world w;

    (void)state;
    world_init(&w);
    (void)!reload_request(&w.reload, RELOAD_BY_CLOCK, 0);
    reload_on_loaded(&w.reload, RELOAD_FOUND_SAME, STR(""));
    assert_int_equal(w.last.outcome, RELOAD_UNCHANGED);
    assert_true(w.prepared == 0);
    assert_true(w.last.generation == 1);
}

static void test_reload_with_errors_keeps_what_runs(void **state)
{
    struct world w;

    (void)state;
    world_init(&w);
    (void)!reload_request(&w.reload, RELOAD_BY_ADMIN, 5);
    reload_on_loaded(&w.reload, RELOAD_FOUND_ERRORS, STR("2 errors"));
    assert_int_equal(w.last.outcome, RELOAD_FAILED);
    assert_true(str_eq(w.last.text, STR("2 errors")));
    assert_int_equal(w.asker_count, 1);
    assert_int_equal(w.askers[0], 5);
    assert_int_equal(w.aborts, 0);
}

static void test_reload_coalesces_requests(void **state)
{
    struct world w;

    (void)state;
    world_init(&w);
    (void)!reload_request(&w.reload, RELOAD_BY_ADMIN, 1);
    (void)!reload_request(&w.reload, RELOAD_BY_ADMIN, 2);
    (void)!reload_request(&w.reload, RELOAD_BY_FILES, 0);
    (void)!reload_request(&w.reload, RELOAD_BY_ADMIN, 3);
    assert_int_equal(w.loads, 1);
    reload_on_loaded(&w.reload, RELOAD_FOUND_SAME, STR(""));
    assert_int_equal(w.askers[0], 1); /* those who asked later wait for a later look */
    assert_int_equal(w.asker_count, 1);
    assert_int_equal(w.loads, 2);
    reload_on_loaded(&w.reload, RELOAD_FOUND_SAME, STR(""));
    assert_int_equal(w.asker_count, 2);
    assert_int_equal(w.askers[0], 2);
    assert_int_equal(w.askers[1], 3);
    assert_int_equal(w.last.cause, RELOAD_BY_ADMIN);
    assert_int_equal(w.loads, 2);
    assert_int_equal(w.reload.state, RELOAD_IDLE);
}

static void test_reload_by_the_clock_does_not_pile_up(void **state)
{
    struct world w;

    (void)state;
    world_init(&w);
    (void)!reload_request(&w.reload, RELOAD_BY_SIGNAL, 0);
    (void)!reload_request(&w.reload, RELOAD_BY_CLOCK, 0);
    reload_on_loaded(&w.reload, RELOAD_FOUND_SAME, STR(""));
    assert_int_equal(w.loads, 1);
}

static void test_reload_bounds_askers(void **state)
{
    struct world w;

    (void)state;
    world_init(&w);
    (void)!reload_request(&w.reload, RELOAD_BY_SIGNAL, 0);
    for (uint32_t i = 1; i <= RELOAD_ASKERS_MAX; i++) {
        assert_true(reload_request(&w.reload, RELOAD_BY_ADMIN, i));
    }
    assert_false(reload_request(&w.reload, RELOAD_BY_ADMIN, 1000));
}

static void test_reload_deadlines(void **state)
{
    struct world w;

    (void)state;
    world_init(&w);
    clock_freeze(1000, 0);
    (void)!reload_request(&w.reload, RELOAD_BY_SIGNAL, 0);
    clock_advance(RELOAD_LOAD_MS);
    reload_on_deadline(&w.reload);
    assert_int_equal(w.stops, 1);
    assert_int_equal(w.last.outcome, RELOAD_FAILED);
    assert_true(w.last.ms == RELOAD_LOAD_MS);
    (void)!reload_request(&w.reload, RELOAD_BY_SIGNAL, 0);
    reload_on_loaded(&w.reload, RELOAD_FOUND_NEW, STR(""));
    reload_on_deadline(&w.reload);
    assert_int_equal(w.stops, 1);
    assert_int_equal(w.aborts, 1);
    assert_int_equal(w.dones, 2);
    clock_resume();
}

static void test_reload_that_cannot_begin_fails(void **state)
{
    struct world w;

    (void)state;
    world_init(&w);
    w.can_load = false;
    (void)!reload_request(&w.reload, RELOAD_BY_SIGNAL, 0);
    assert_int_equal(w.last.outcome, RELOAD_FAILED);
    w.can_load = true;
    w.can_bind = false;
    (void)!reload_request(&w.reload, RELOAD_BY_SIGNAL, 0);
    reload_on_loaded(&w.reload, RELOAD_FOUND_NEW, STR(""));
    assert_true(str_eq(w.last.text, STR("in use")));
    assert_int_equal(w.aborts, 0);
    assert_true(w.reload.current == 1);
}

static void test_reload_without_processes_commits(void **state)
{
    struct world w;

    (void)state;
    world_init(&w);
    w.processes = 0;
    (void)!reload_request(&w.reload, RELOAD_BY_SIGNAL, 0);
    reload_on_loaded(&w.reload, RELOAD_FOUND_NEW, STR(""));
    assert_int_equal(w.commits, 1);
}

static void test_reload_cancel_ends_all(void **state)
{
    struct world w;

    (void)state;
    world_init(&w);
    (void)!reload_request(&w.reload, RELOAD_BY_SIGNAL, 0);
    (void)!reload_request(&w.reload, RELOAD_BY_ADMIN, 4);
    reload_cancel(&w.reload);
    assert_int_equal(w.stops, 1);
    assert_int_equal(w.loads, 1);
    assert_int_equal(w.reload.state, RELOAD_IDLE);
    reload_on_loaded(&w.reload, RELOAD_FOUND_NEW, STR("")); /* nobody is there any more */
    assert_true(w.prepared == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reload_commits_when_all_are_prepared),
        cmocka_unit_test(test_reload_aborts_when_one_fails),
        cmocka_unit_test(test_reload_without_change_does_nothing),
        cmocka_unit_test(test_reload_with_errors_keeps_what_runs),
        cmocka_unit_test(test_reload_coalesces_requests),
        cmocka_unit_test(test_reload_by_the_clock_does_not_pile_up),
        cmocka_unit_test(test_reload_bounds_askers),
        cmocka_unit_test(test_reload_deadlines),
        cmocka_unit_test(test_reload_that_cannot_begin_fails),
        cmocka_unit_test(test_reload_without_processes_commits),
        cmocka_unit_test(test_reload_cancel_ends_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
