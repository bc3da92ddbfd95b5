/* SPDX-License-Identifier: MIT */
/* Which link is lent, and which is not any more. */
#include "upstream_rig.h"

/* What a service sends behind an answer in the very turn in which the answer ended, before the
 * next exchange begins in that turn too: the loop cannot have asked again. */
struct late {
    struct rig *rig;
    struct site *site;
    size_t conn;
    bool is_silent;
    struct str bytes; /* empty: it closes */
    const struct use *before;
    struct use *next;
    struct loop_task task;
};

static void on_late(void *arg)
{
    struct late *late = arg;
    if (late->before->ended == 0) {
        loop_defer(late->rig->loop, &late->task);
        return;
    }
    if (!late->is_silent) {
        site_say(late->site, late->conn, late->bytes);
    }
    use_begin(late->next, late->rig, false);
}

/* One exchange on a connection of the site, then what `late` says, then another on `next_conn`. */
static void use_and_say_late(struct late *late, size_t next_conn)
{
    struct use before;
    struct use next = {0};
    late->before = &before;
    late->next = &next;
    use_begin(&before, late->rig, false);
    WAIT_FOR(late->rig, site_read(late->site, late->conn) > 0);
    loop_task_init(&late->task, on_late, late);
    loop_defer(late->rig->loop, &late->task);
    site_answer(late->site, late->conn);
    WAIT_FOR(late->rig, site_read(late->site, next_conn) > 0);
    site_answer(late->site, next_conn);
    WAIT_FOR(late->rig, next.ended == 1);
    use_fini(&before);
    use_fini(&next);
}

static void test_lending_lends_the_newest_link(void **state)
{
    (void)state;
    struct rig r;
    struct site s;
    struct use a;
    struct use b;
    rig_init(&r);
    site_init(&s, true);
    publish(&r, &s, NULL);
    use_begin(&a, &r, false);
    WAIT_FOR(&r, site_read(&s, 0) > 0);
    use_begin(&b, &r, false);
    WAIT_FOR(&r, site_read(&s, 1) > 0);
    assert_int_equal(value(&r, COUNTER_LINKS_BUSY), 2);
    assert_false(lease_is_reused(b.lease));
    site_answer(&s, 1);
    WAIT_FOR(&r, b.ended == 1);
    site_answer(&s, 0);
    WAIT_FOR(&r, a.ended == 1);
    assert_int_equal(value(&r, COUNTER_LINKS_IDLE), 2);
    /* Connection 0 was laid aside last. */
    use_once(&r, &s, 0, false);
    use_once(&r, &s, 0, false);
    assert_int_equal(value(&r, COUNTER_LINKS_REUSED), 2);
    assert_int_equal(value(&r, COUNTER_LINKS_OPENED), 2);
    assert_true(value(&r, COUNTER_UPSTREAM_BYTES_OUT) > 0);
    assert_int_equal(value(&r, COUNTER_UPSTREAM_BYTES_IN), 4 * 27);
    use_once(&r, &s, 2, true); /* asked for a new one */
    use_fini(&a);
    use_fini(&b);
    rig_fini(&r);
    site_fini(&s);
}

static void test_lending_idle_links_end(void **state)
{
    (void)state;
    struct rig r;
    struct site s;
    rig_init(&r);
    site_init(&s, true);
    publish(&r, &s, NULL);
    use_once(&r, &s, 0, false);
    assert_int_equal(value(&r, COUNTER_LINKS_IDLE), 1);
    clock_advance(IDLE_MS + 100);
    WAIT_FOR(&r, value(&r, COUNTER_LINKS_IDLE) == 0);
    WAIT_FOR(&r, site_read(&s, 0) == 0);

    use_once(&r, &s, 1, false);
    fd_close(&s.conns[1]); /* the service closes it */
    WAIT_FOR(&r, value(&r, COUNTER_LINKS_IDLE) == 0);

    use_once(&r, &s, 2, false);
    upstream_close_idle(r.up);
    assert_int_equal(value(&r, COUNTER_LINKS_IDLE), 0);
    rig_fini(&r);
    site_fini(&s);
}

static const char stray_answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nstolen";

/* The link would be lent at the end of the turn in which its answer ended and more arrived. */
static void test_lending_looks_before_it_lends(void **state)
{
    (void)state;
    struct rig r;
    struct site s;
    rig_init(&r);
    site_init(&s, true);
    publish(&r, &s, NULL);
    use_once(&r, &s, 0, false);
    struct late late = {.rig = &r, .site = &s, .conn = 0, .bytes = str_of(stray_answer)};
    use_and_say_late(&late, 1); /* not on 0, whose bytes would have been its answer */
    assert_int_equal(site_read(&s, 0), 0);

    late = (struct late){.rig = &r, .site = &s, .conn = 1};
    use_and_say_late(&late, 2);
    assert_int_equal(value(&r, COUNTER_LINKS_REUSED), 2);
    rig_fini(&r);
    site_fini(&s);
}

/* Requests that begin in the turn in which an answer ended go on needing looks, until there is one
 * link more. */
static void test_lending_makes_a_link_for_many_looks(void **state)
{
    (void)state;
    enum { LOOKS = 32 };
    struct rig r;
    struct site s;
    rig_init(&r);
    site_init(&s, true);
    publish(&r, &s, NULL);
    use_once(&r, &s, 0, false);
    for (int i = 0; i < LOOKS; i++) {
        struct late late = {.rig = &r, .site = &s, .conn = 0, .is_silent = true};
        use_and_say_late(&late, 0);
    }
    assert_int_equal(value(&r, COUNTER_LINKS_OPENED), 1);
    struct late late = {.rig = &r, .site = &s, .conn = 0, .is_silent = true};
    use_and_say_late(&late, 1);
    assert_int_equal(value(&r, COUNTER_LINKS_OPENED), 2);
    late = (struct late){.rig = &r, .site = &s, .conn = 1, .is_silent = true};
    use_and_say_late(&late, 0); /* the other one was waited for */
    rig_fini(&r);
    site_fini(&s);
}

/* What arrives later is told by the loop's wait, before anything is lent in that turn. */
static void test_lending_waits_before_it_lends(void **state)
{
    (void)state;
    struct rig r;
    struct site s;
    rig_init(&r);
    site_init(&s, true);
    publish(&r, &s, NULL);
    use_once(&r, &s, 0, false);
    site_say(&s, 0, str_of(stray_answer));
    use_once(&r, &s, 1, false);
    assert_int_equal(site_read(&s, 0), 0);
    site_say(&s, 1, STR(""));
    use_once(&r, &s, 2, false);
    assert_int_equal(value(&r, COUNTER_LINKS_REUSED), 0);
    rig_fini(&r);
    site_fini(&s);
}

static void test_lending_keeps_a_bounded_pool(void **state)
{
    (void)state;
    enum { USES = 262 };
    static struct use uses[USES];
    struct rig r;
    struct site s;
    rig_init(&r);
    site_init(&s, true);
    publish(&r, &s, NULL);
    for (int i = 0; i < USES; i++) {
        use_begin(&uses[i], &r, false);
    }
    WAIT_FOR(&r, site_conns(&s) == USES && value(&r, COUNTER_LINKS_BUSY) == USES);
    for (size_t i = 0; i < USES; i++) {
        WAIT_FOR(&r, site_read(&s, i) > 0);
        site_answer(&s, i);
    }
    for (size_t i = 0; i < USES; i++) {
        WAIT_FOR(&r, uses[i].ended == 1);
        use_fini(&uses[i]);
    }
    assert_int_equal(value(&r, COUNTER_LINKS_IDLE), 256);
    rig_fini(&r);
    site_fini(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lending_lends_the_newest_link),
        cmocka_unit_test(test_lending_idle_links_end),
        cmocka_unit_test(test_lending_looks_before_it_lends),
        cmocka_unit_test(test_lending_makes_a_link_for_many_looks),
        cmocka_unit_test(test_lending_waits_before_it_lends),
        cmocka_unit_test(test_lending_keeps_a_bounded_pool),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
