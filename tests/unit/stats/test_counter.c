/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "stats/counter.h"

static void test_counter_add_and_sum(void **state)
{
    struct counters c;

    (void)state;
    assert_int_equal(counters_create(3, &c), OK);
    clock_freeze(0, 5000);
    struct slot *a = slot_adopt(&c, 0, SLOT_WORKER, 0);
    struct slot *b = slot_adopt(&c, 2, SLOT_WORKER, 1);
    clock_resume();
    assert_int_equal(a->pid, getpid());
    assert_int_equal(a->started_wall_ms, 5000);
    assert_int_equal(b->index, 1);
    counter_inc(a, COUNTER_CONNS_OPEN);
    counter_inc(b, COUNTER_CONNS_OPEN);
    counter_dec(b, COUNTER_CONNS_OPEN);
    counter_add(b, COUNTER_CLIENT_BYTES_IN, 1000);
    counter_set(a, COUNTER_GENERATION_CURRENT, 7);
    assert_int_equal(counters_sum(&c, COUNTER_CONNS_OPEN), 1);
    assert_int_equal(counters_sum(&c, COUNTER_CLIENT_BYTES_IN), 1000);
    counters_fini(&c);
    counters_fini(&c);
}

static void test_counter_is_shared_between_processes(void **state)
{
    struct counters c;
    struct counters again;
    int status;

    (void)state;
    assert_int_equal(counters_create(2, &c), OK);
    pid_t pid = fork();
    if (pid == 0) {
        struct slot *s = slot_adopt(&c, 1, SLOT_KEEPER, 0);
        counter_inc(s, COUNTER_DNS_QUERIES);
        cell_add(series_cell(s, SERIES_CONN_ENDS, STR("reason=\"ok\"")), 3);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(counters_sum(&c, COUNTER_DNS_QUERIES), 1);
    assert_int_equal(c.slots[1].pid, pid);
    assert_int_equal(counters_open(c.fd, 3, &again), ERR_MISMATCH);
    assert_int_equal(counters_open(dup(c.fd), 2, &again), OK);
    assert_int_equal(counters_sum(&again, COUNTER_DNS_QUERIES), 1);
    counters_fini(&again);
    counters_fini(&c);
}

static void test_counter_series_are_found_again(void **state)
{
    struct counters c;

    (void)state;
    assert_int_equal(counters_create(1, &c), OK);
    struct slot *s = slot_adopt(&c, 0, SLOT_WORKER, 0);
    uint64_t *a = series_cell(s, SERIES_REQUESTS, STR("site=\"a\""));
    uint64_t *b = series_cell(s, SERIES_UPSTREAM_ACTIVE, STR("site=\"a\""));
    assert_ptr_not_equal(a, b);
    assert_ptr_equal(series_cell(s, SERIES_REQUESTS, STR("site=\"a\"")), a);
    cell_add(a, 2);
    cell_add(b, 5);
    /* A successor of the slot: counters go on, gauges begin anew, cells are found. */
    s = slot_adopt(&c, 0, SLOT_WORKER, 0);
    assert_ptr_equal(series_cell(s, SERIES_REQUESTS, STR("site=\"a\"")), a);
    assert_int_equal(*a, 2);
    assert_ptr_equal(series_cell(s, SERIES_UPSTREAM_ACTIVE, STR("site=\"a\"")), b);
    assert_int_equal(*b, 0);
    assert_int_equal(s->series_count, 2);
    counters_fini(&c);
}

static void test_counter_series_spill_when_full(void **state)
{
    struct counters c;
    char text[32];

    (void)state;
    assert_int_equal(counters_create(1, &c), OK);
    struct slot *s = slot_adopt(&c, 0, SLOT_WORKER, 0);
    uint64_t *first = series_cell(s, SERIES_REQUESTS, STR("n=\"0\""));
    for (int i = 1; i < SERIES_PER_SLOT; i++) {
        int n = snprintf(text, sizeof(text), "n=\"%d\"", i);
        assert_ptr_not_equal(series_cell(s, SERIES_REQUESTS, str_n(text, (size_t)n)), first);
    }
    assert_int_equal(s->series_overflow, 0);
    assert_ptr_equal(series_cell(s, SERIES_REQUESTS, STR("one more")), &s->series_spill);
    assert_int_equal(s->series_overflow, 1);
    assert_ptr_equal(series_cell(s, SERIES_REQUESTS, STR("n=\"0\"")), first);
    counters_fini(&c);
}

/* The labels of the newest cell after asking for `labels`. */
static const char *stored(struct slot *s, struct str labels)
{
    uint64_t *cell = series_cell(s, SERIES_REQUESTS, labels);
    assert_ptr_equal(series_cell(s, SERIES_REQUESTS, labels), cell);
    return s->series[s->series_count - 1].labels;
}

static void test_counter_long_labels_stay_well_formed(void **state)
{
    struct counters c;
    char text[512];

    (void)state;
    assert_int_equal(counters_create(1, &c), OK);
    struct slot *s = slot_adopt(&c, 0, SLOT_WORKER, 0);
    for (size_t site = 200; site < 300; site++) {
        /* site="aaaa...\"",code="200" in all positions of the edge */
        size_t n = str_copy(text, sizeof(text), STR("site=\""));
        memset(text + n, 'a', site);
        n += site;
        n += str_copy(text + n, sizeof(text) - n, STR("\\\"\",code=\"200\""));
        const char *kept = stored(s, str_n(text, n));
        size_t len = strlen(kept);
        assert_true(len < SERIES_LABELS_MAX);
        assert_int_equal(kept[len - 1], '"');
        /* An even number of quotes that are not escaped. */
        unsigned quotes = 0;
        for (size_t i = 0; i < len; i++) {
            if (kept[i] == '\\') {
                i++;
            } else if (kept[i] == '"') {
                quotes++;
            }
        }
        assert_int_equal(quotes % 2, 0);
    }
    assert_string_equal(stored(s, str_n("a=\"b\"\0c", 7)), "a=\"b\"");
    counters_fini(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counter_add_and_sum),
        cmocka_unit_test(test_counter_is_shared_between_processes),
        cmocka_unit_test(test_counter_series_are_found_again),
        cmocka_unit_test(test_counter_series_spill_when_full),
        cmocka_unit_test(test_counter_long_labels_stay_well_formed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
