/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/clock.h"
#include "stats/text.h"

static unsigned count(const char *text, const char *needle)
{
    unsigned n = 0;

    for (const char *at = strstr(text, needle); at != NULL; at = strstr(at + 1, needle)) {
        n++;
    }
    return n;
}

static void fill(struct counters *c)
{
    clock_freeze(0, 1700000000000);
    struct slot *a = slot_adopt(c, 0, SLOT_WORKER, 0);
    struct slot *b = slot_adopt(c, 1, SLOT_WORKER, 1);
    clock_resume();
    counter_add(a, COUNTER_TLS_FULL, 2);
    counter_add(b, COUNTER_TLS_FULL, 3);
    counter_dec(b, COUNTER_CONNS_OPEN);
    counter_set(a, COUNTER_GENERATION_CURRENT, 4);
    counter_set(b, COUNTER_GENERATION_CURRENT, 5);
    cell_add(series_cell(a, SERIES_REQUESTS, STR("site=\"b\",code=\"200\"")), 10);
    cell_add(series_cell(b, SERIES_REQUESTS, STR("site=\"b\",code=\"200\"")), 20);
    cell_add(series_cell(b, SERIES_REQUESTS, STR("site=\"a\",code=\"404\"")), 1);
    cell_add(series_cell(a, SERIES_CERTIFICATE_EXPIRY, STR("name=\"b\"")), 1800);
    cell_add(series_cell(b, SERIES_CERTIFICATE_EXPIRY, STR("name=\"b\"")), 1800);
    (void)series_cell(b, SERIES_CERTIFICATE_EXPIRY, STR("name=\"gone\""));
}

static void test_text_metrics(void **state)
{
    struct counters c;
    struct buf out;

    (void)state;
    assert_int_equal(counters_create(3, &c), OK);
    fill(&c);
    buf_init(&out, 1 << 20);
    assert_int_equal(text_metrics(&c, &out), OK);
    assert_int_equal(buf_append(&out, "", 1), OK);
    const char *text = buf_ptr(&out);
    assert_int_equal(count(text, "# TYPE hivedoor_tls_handshakes_total counter\n"), 1);
    assert_int_equal(count(text, "# HELP hivedoor_tls_handshakes_total "), 1);
    assert_int_equal(count(text, "\nhivedoor_tls_handshakes_total{kind=\"full\"} 5\n"), 1);
    assert_int_equal(count(text, "\nhivedoor_connections{state=\"open\"} -1\n"), 1);
    assert_int_equal(count(text, "\nhivedoor_generation_current 5\n"), 1);
    assert_int_equal(count(text, "\nhivedoor_requests_total{site=\"a\",code=\"404\"} 1\n"
                                 "hivedoor_requests_total{site=\"b\",code=\"200\"} 30\n"),
                     1);
    assert_int_equal(count(text, "\nhivedoor_certificate_expiry_seconds{name=\"b\"} 1800\n"), 1);
    assert_int_equal(count(text, "\"gone\""), 0);
    assert_int_equal(count(text, "hivedoor_service_endpoints"), 0); /* no series, no head */
    assert_int_equal(count(text, "\nhivedoor_process_up{role=\"worker\",index=\"1\"} 1\n"), 1);
    assert_int_equal(count(text, "hivedoor_process_start_time_seconds{role=\"worker\",index=\"0\"}"
                                 " 1700000000\n"),
                     1);
    assert_int_equal(count(text, "role=\"free\""), 0);
    buf_fini(&out);
    counters_fini(&c);
}

static void test_text_limit_leaves_the_buffer(void **state)
{
    struct counters c;
    struct buf out;

    (void)state;
    assert_int_equal(counters_create(2, &c), OK);
    fill(&c);
    for (size_t limit = 3; limit < 5000; limit += 500) {
        buf_init(&out, limit);
        assert_int_equal(buf_append(&out, "abc", 3), OK);
        assert_int_equal(text_metrics(&c, &out), ERR_LIMIT);
        assert_true(str_eq(buf_str(&out), STR("abc")));
        buf_fini(&out);
    }
    counters_fini(&c);
}

static void test_text_label_escapes(void **state)
{
    struct buf out;

    (void)state;
    buf_init(&out, 64);
    assert_int_equal(text_label(&out, "site", STR("a\"b\\c\nd")), OK);
    assert_int_equal(text_label(&out, "code", STR("200")), OK);
    assert_true(str_eq(buf_str(&out), STR("site=\"a\\\"b\\\\c\\nd\",code=\"200\"")));
    buf_fini(&out);
    buf_init(&out, 8);
    assert_int_equal(text_label(&out, "site", STR("too long")), ERR_LIMIT);
    buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_metrics),
        cmocka_unit_test(test_text_limit_leaves_the_buffer),
        cmocka_unit_test(test_text_label_escapes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
