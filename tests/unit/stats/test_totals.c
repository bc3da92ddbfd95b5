/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "stats/text.h"
#include "stats/totals.h"

static void test_totals_sum_over_slots_in_order(void **state)
{
    struct counters c;

    (void)state;
    assert_int_equal(counters_create(2, &c), OK);
    struct slot *a = slot_adopt(&c, 0, SLOT_WORKER, 0);
    struct slot *b = slot_adopt(&c, 1, SLOT_WORKER, 1);
    cell_add(series_cell(a, SERIES_REQUESTS, STR("site=\"b\"")), 1);
    cell_add(series_cell(b, SERIES_REQUESTS, STR("site=\"b\"")), 2);
    cell_add(series_cell(b, SERIES_REQUESTS, STR("site=\"a\"")), 4);
    cell_add(series_cell(a, SERIES_SERVICE_ENDPOINTS, STR("service=\"s\"")), 3);
    cell_add(series_cell(b, SERIES_SERVICE_ENDPOINTS, STR("service=\"s\"")), 2);

    struct totals *t = totals_new(&c, SERIES_REQUESTS);
    assert_int_equal(totals_count(t), 2);
    assert_true(str_eq(totals_at(t, 0)->labels, STR("site=\"a\"")));
    assert_int_equal(totals_at(t, 0)->value, 4);
    assert_int_equal(totals_at(t, 1)->value, 3);
    totals_free(t);

    t = totals_new(&c, SERIES_SERVICE_ENDPOINTS);
    assert_int_equal(totals_count(t), 1);
    assert_int_equal(totals_at(t, 0)->value, 3); /* the highest, not the sum */
    totals_free(t);

    t = totals_new(&c, SERIES_CONN_ENDS);
    assert_int_equal(totals_count(t), 0);
    totals_free(t);
    totals_free(NULL);
    counters_fini(&c);
}

static void assert_label(struct str labels, const char *key, struct str expected)
{
    struct buf out;

    buf_init(&out, 256);
    assert_int_equal(totals_label(labels, key, &out), OK);
    assert_true(str_eq(buf_str(&out), expected));
    buf_fini(&out);
}

static void test_totals_label_undoes_text_label(void **state)
{
    struct buf labels;
    struct buf out;

    (void)state;
    buf_init(&labels, 256);
    assert_int_equal(text_label(&labels, "site", STR("a\"b\\c\nd,e=\"")), OK);
    assert_int_equal(text_label(&labels, "code", STR("502")), OK);
    assert_int_equal(text_label(&labels, "empty", STR("")), OK);
    assert_label(buf_str(&labels), "site", STR("a\"b\\c\nd,e=\""));
    assert_label(buf_str(&labels), "code", STR("502"));
    assert_label(buf_str(&labels), "empty", STR(""));
    buf_init(&out, 2);
    assert_int_equal(totals_label(buf_str(&labels), "none", &out), ERR_NOT_FOUND);
    assert_int_equal(totals_label(buf_str(&labels), "code", &out), ERR_LIMIT);
    buf_fini(&out);
    buf_init(&out, 64);
    assert_int_equal(totals_label(STR("site=\"cut"), "site", &out), ERR_NOT_FOUND);
    assert_int_equal(totals_label(STR("site"), "site", &out), ERR_NOT_FOUND);
    buf_fini(&out);
    buf_fini(&labels);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_totals_sum_over_slots_in_order),
        cmocka_unit_test(test_totals_label_undoes_text_label),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
