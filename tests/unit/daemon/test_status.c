/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "daemon/admin.h"
#include "daemon/status.h"

struct rig {
    struct loop *loop;
    struct counters counters;
    struct admin_view view;
    struct traffic *traffic;
    struct services *services;
    struct buf out;
};

static void on_endpoints(void *arg, struct str name, const struct services_set *set)
{
    (void)arg;
    (void)name;
    (void)set;
}

static void on_gone(void *arg, struct str name)
{
    (void)arg;
    (void)name;
}

static void on_wanted(void *arg, struct str name, enum wire_wanted flag, const struct addr *addrs,
                      size_t count)
{
    (void)arg;
    (void)name;
    (void)flag;
    (void)addrs;
    (void)count;
}

static void rig_init(struct rig *r)
{
    static const struct services_events events = {on_endpoints, on_gone, on_wanted};

    r->loop = loop_new();
    assert_int_equal(counters_create(3, &r->counters), OK);
    struct slot *first = slot_adopt(&r->counters, 0, SLOT_SUPERVISOR, 0);
    r->traffic = traffic_new(&r->counters);
    r->services = services_new(r->loop, first, &events, NULL);
    r->view = (struct admin_view){
        .counters = &r->counters, .services = r->services, .traffic = r->traffic, .generation = 7};
    buf_init(&r->out, 1 << 20);
}

static void rig_fini(struct rig *r)
{
    buf_fini(&r->out);
    traffic_free(r->traffic);
    services_free(r->services);
    counters_fini(&r->counters);
    loop_free(r->loop);
}

/* Everything written so far, as a C string. */
static const char *written(struct rig *r)
{
    assert_int_equal(buf_append(&r->out, "", 1), OK);
    return buf_ptr(&r->out);
}

static void write_with(struct rig *r, int (*write)(const struct status *s, struct buf *out))
{
    struct status s;

    status_build(&r->view, &s);
    assert_int_equal(write(&s, &r->out), OK);
    status_fini(&s);
}

/* An answer 502 of a site whose name an attacker would like to see on somebody's screen. */
static void fail_once(struct rig *r, const char *labels)
{
    cell_add(series_cell(&r->counters.slots[0], SERIES_REQUESTS, str_of(labels)), 1);
    traffic_sample(r->traffic);
}

static void test_status_without_a_generation(void **state)
{
    struct rig r;

    (void)state;
    rig_init(&r);
    write_with(&r, status_text);
    const char *text = written(&r);
    assert_non_null(strstr(text, "not ready, generation 7"));
    assert_non_null(strstr(text, "\nSites\n  no site is configured\n"));
    assert_non_null(strstr(text, "\nErrors of the last hour\n  none\n"));
    assert_non_null(strstr(text, "supervisor"));
    rig_fini(&r);
}

static void test_status_begins_with_warnings(void **state)
{
    struct rig r;

    (void)state;
    rig_init(&r);
    r.view.reload_wall_ms = clock_wall_ms();
    r.view.reload_outcome = RELOAD_FAILED;
    r.view.sandbox_missing = 1;
    write_with(&r, status_text);
    const char *text = written(&r);
    const char *warnings = strstr(text, "\nWarnings\n");
    assert_non_null(warnings);
    assert_true(warnings < strstr(text, "\nTraffic\n"));
    assert_non_null(strstr(warnings, "the last reload failed; generation 7 serves on"));
    assert_non_null(strstr(warnings, "runs without "));
    rig_fini(&r);
}

static void test_status_text_cannot_command_a_terminal(void **state)
{
    struct rig r;

    (void)state;
    rig_init(&r);
    fail_once(&r, "site=\"a\x1b[2J\\nb\",code=\"502\",reason=\"connect_refused\"");
    write_with(&r, status_text);
    const char *text = written(&r);
    assert_non_null(strstr(text, "a?[2J?b"));
    assert_null(strchr(text, '\x1b'));
    rig_fini(&r);
}

static void test_status_page_escapes(void **state)
{
    struct rig r;

    (void)state;
    rig_init(&r);
    fail_once(&r, "site=\"<script>\\\"&\",code=\"502\",reason=\"r\"");
    write_with(&r, status_page);
    const char *text = written(&r);
    assert_non_null(strstr(text, "<td>&lt;script&gt;&quot;&amp;</td>"));
    assert_non_null(strstr(text, "<h1 class=\"bad\">hivedoor "));
    assert_null(strstr(text, "<td><script>"));
    rig_fini(&r);
}

static void test_status_columns_are_aligned(void **state)
{
    struct rig r;

    (void)state;
    rig_init(&r);
    fail_once(&r, "site=\"\xc3\xa4\",code=\"502\",reason=\"x\"");
    fail_once(&r, "site=\"bb\",code=\"503\",reason=\"y\"");
    write_with(&r, status_text);
    const char *text = written(&r);
    assert_non_null(strstr(text, "bb    503"));
    assert_non_null(strstr(text, "\xc3\xa4     502")); /* two bytes, one column */
    rig_fini(&r);
}

static void test_status_of_a_small_buffer(void **state)
{
    struct status s;
    struct buf small;
    struct rig r;

    (void)state;
    rig_init(&r);
    status_build(&r.view, &s);
    buf_init(&small, 100);
    assert_int_equal(status_text(&s, &small), ERR_LIMIT);
    buf_clear(&small);
    assert_int_equal(status_page(&s, &small), ERR_LIMIT);
    buf_fini(&small);
    status_fini(&s);
    rig_fini(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_status_without_a_generation),
        cmocka_unit_test(test_status_begins_with_warnings),
        cmocka_unit_test(test_status_text_cannot_command_a_terminal),
        cmocka_unit_test(test_status_page_escapes),
        cmocka_unit_test(test_status_columns_are_aligned),
        cmocka_unit_test(test_status_of_a_small_buffer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
