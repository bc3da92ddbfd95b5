/* SPDX-License-Identifier: MIT */
/* Services, endpoints, links and leases, against sockets on 127.0.0.1 that play the services. */
#include "upstream/upstream.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/mem.h"
#include "loop/timer.h"
#include "site.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define NAME       STR("app:5000")
#define IDLE_MS    60000
#define ATTEMPT_MS 250

struct rig {
    struct loop *loop;
    struct counters counters;
    struct slot *slot;
    struct h1_scratch scratch;
    struct deadline_class *idle;
    struct deadline_class *attempt;
    struct upstream *up;
    struct upstream_service *service;
    struct timer tick; /* so that a wait for nothing ends */
    unsigned hurries;
};

/* One request of a user. */
struct use {
    struct rig *rig;
    struct lease *lease;
    struct arena arena;
    unsigned ready;
    unsigned failed;
    unsigned ended;
    enum why why;
};

static void on_tick(void *arg)
{
    struct rig *r = arg;
    timer_set(&r->tick, 5);
}

static void on_hurry(void *arg, struct str service)
{
    struct rig *r = arg;
    assert_true(str_eq(service, NAME));
    r->hurries++;
}

static void rig_init(struct rig *r)
{
    *r = (struct rig){.loop = loop_new()};
    clock_freeze(1000000, 1000000);
    assert_int_equal(counters_create(1, &r->counters), OK);
    r->slot = slot_adopt(&r->counters, 0, SLOT_WORKER, 0);
    r->scratch = (struct h1_scratch){.bytes = mem_new(65536), .len = 65536};
    r->idle = deadline_class_new(r->loop, IDLE_MS);
    r->attempt = deadline_class_new(r->loop, ATTEMPT_MS);
    timer_init(&r->tick, r->loop, on_tick, r);
    on_tick(r);
    const struct upstream_env env = {.loop = r->loop,
                                     .slot = r->slot,
                                     .scratch = &r->scratch,
                                     .idle_class = r->idle,
                                     .hurry = on_hurry,
                                     .arg = r};
    r->up = upstream_new(&env);
    r->service = upstream_service_get(r->up, NAME, NULL);
}

static uint64_t value(struct rig *r, enum counter which)
{
    return counters_sum(&r->counters, which);
}

static void rig_fini(struct rig *r)
{
    upstream_service_unref(r->service);
    upstream_free(r->up);
    loop_turn(r->loop, false);
    assert_int_equal(value(r, COUNTER_LINKS_DIALING), 0);
    assert_int_equal(value(r, COUNTER_LINKS_BUSY), 0);
    assert_int_equal(value(r, COUNTER_LINKS_IDLE), 0);
    timer_fini(&r->tick);
    deadline_class_free(r->idle);
    deadline_class_free(r->attempt);
    loop_free(r->loop);
    counters_fini(&r->counters);
    free(r->scratch.bytes);
    clock_resume();
}

/* Turns until the condition holds; a thousand turns of 5 ms are a failure. */
#define WAIT_FOR(r, cond)                                                                          \
    do {                                                                                           \
        int turns = 0;                                                                             \
        while (!(cond)) {                                                                          \
            assert_true(turns++ < 1000);                                                           \
            loop_turn((r)->loop, true);                                                            \
        }                                                                                          \
    } while (0)

static void on_head(void *arg, struct message *m, struct body body)
{
    (void)arg;
    (void)m;
    (void)body;
}

static void on_data(void *arg, struct str data)
{
    (void)arg;
    (void)data;
}

/* As an exchange does: the lease ends with what ended it. */
static void use_over(struct use *u, enum why why)
{
    u->ended++;
    u->why = why;
    lease_end(u->lease, why);
    u->lease = NULL;
}

static void on_end(void *arg)
{
    use_over(arg, WHY_OK);
}

static void on_writable(void *arg)
{
    (void)arg;
}

static void on_abort(void *arg, enum why why)
{
    use_over(arg, why);
}

static const struct channel_events channel_events = {
    .on_head = on_head,
    .on_data = on_data,
    .on_end = on_end,
    .on_writable = on_writable,
    .on_abort = on_abort,
};

static void on_ready(void *arg)
{
    struct use *u = arg;
    u->ready++;
    struct message m;
    message_init(&m, &u->arena);
    m.version = HTTP_1_1;
    m.method = METHOD_GET;
    m.method_text = STR("GET");
    m.target = STR("/");
    message_add(&m, STR("Host"), STR("a.test"));
    struct channel *ch = lease_channel(u->lease);
    channel_bind(ch, &channel_events, u);
    channel_send_head(ch, &m, (struct body){.kind = BODY_NONE}, STR(""));
}

static void on_failed(void *arg, enum why why)
{
    struct use *u = arg;
    u->failed++;
    u->why = why;
    lease_end(u->lease, why);
    u->lease = NULL;
}

static const struct lease_events lease_events = {.on_ready = on_ready, .on_failed = on_failed};

static void use_begin(struct use *u, struct rig *r, bool fresh)
{
    static const struct h1_limits limits = {.head_bytes = 16384, .fields = 100};
    *u = (struct use){.rig = r};
    arena_init(&u->arena, 1024);
    const struct lease_want want = {
        .arena = &u->arena, .attempt_class = r->attempt, .limits = &limits, .fresh = fresh};
    u->lease = lease_new(r->service, &want, &lease_events, u);
    assert_int_equal(u->ready + u->failed, 0);
}

static void use_fini(struct use *u)
{
    lease_end(u->lease, WHY_CLIENT_ABORT);
    loop_turn(u->rig->loop, false);
    arena_fini(&u->arena);
}

/* A whole request that the site answers on connection `conn`. */
static void use_once(struct rig *r, struct site *s, size_t conn, bool fresh)
{
    struct use u;
    use_begin(&u, r, fresh);
    WAIT_FOR(r, site_read(s, conn) > 0);
    site_answer(s, conn);
    WAIT_FOR(r, u.ended == 1);
    assert_int_equal(u.why, WHY_OK);
    use_fini(&u);
}

static void publish(struct rig *r, const struct site *a, const struct site *b)
{
    struct addr addrs[2];
    size_t count = 0;
    if (a != NULL) {
        addrs[count++] = a->addr;
    }
    if (b != NULL) {
        addrs[count++] = b->addr;
    }
    upstream_update(r->up, NAME, addrs, count);
    assert_int_equal(upstream_service_endpoints(r->service), count);
}

/* What a service sends behind an answer in the very turn in which the answer ended, before the
 * next exchange begins in that turn too: the loop cannot have asked again. */
struct late {
    struct rig *rig;
    struct site *site;
    size_t conn;
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
    site_say(late->site, late->conn, late->bytes);
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

static void test_upstream_lends_the_newest_link(void **state)
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

static void test_upstream_idle_links_end(void **state)
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
static void test_upstream_looks_before_it_lends(void **state)
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

/* What arrives later is told by the loop's wait, before anything is lent in that turn. */
static void test_upstream_waits_before_it_lends(void **state)
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

static void test_upstream_keeps_a_bounded_pool(void **state)
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

static void test_upstream_goes_on_to_the_next_endpoint(void **state)
{
    (void)state;
    struct rig r;
    struct site dead;
    struct site good;
    rig_init(&r);
    site_init(&dead, false);
    site_init(&good, true);
    publish(&r, &dead, &good);
    size_t conn = 0;
    /* Sooner or later the dead one is drawn, is found out, and is not asked again. */
    for (; r.hurries == 0; conn++) {
        assert_true(conn < 60);
        use_once(&r, &good, conn, true);
    }
    for (int i = 0; i < 8; i++) {
        use_once(&r, &good, conn++, true);
    }
    assert_int_equal(r.hurries, 1);
    /* After its second it gets another try, and then twice the time. */
    clock_advance(1001);
    while (r.hurries == 1) {
        assert_true(conn < 75);
        upstream_close_idle(r.up);
        use_once(&r, &good, conn++, true);
    }
    clock_advance(1500);
    use_once(&r, &good, conn++, true);
    use_once(&r, &good, conn++, true);
    assert_int_equal(r.hurries, 2);
    rig_fini(&r);
    site_fini(&dead);
    site_fini(&good);
}

static void test_upstream_never_ejects_all(void **state)
{
    (void)state;
    struct rig r;
    struct site s;
    rig_init(&r);
    site_init(&s, false);
    publish(&r, &s, NULL);
    for (unsigned i = 1; i <= 3; i++) {
        struct use u;
        use_begin(&u, &r, false);
        WAIT_FOR(&r, u.failed == 1);
        assert_int_equal(u.why, WHY_CONNECT_REFUSED);
        assert_int_equal(r.hurries, i);
        use_fini(&u);
    }
    assert_int_equal(listen(s.listening, 8), 0);
    use_once(&r, &s, 0, false);
    rig_fini(&r);
    site_fini(&s);
}

static void test_upstream_gives_up_a_silent_endpoint(void **state)
{
    (void)state;
    struct rig r;
    struct site s;
    struct use u;
    rig_init(&r);
    site_init(&s, true);
    /* A full accept queue drops what else comes: nobody answers the connect. */
    assert_int_equal(listen(s.listening, 0), 0);
    int fill[4];
    for (size_t i = 0; i < 4; i++) {
        fill[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        (void)!connect(fill[i], &s.addr.sa, s.addr.len);
    }
    publish(&r, &s, NULL);
    use_begin(&u, &r, false);
    WAIT_FOR(&r, value(&r, COUNTER_LINKS_DIALING) == 1);
    assert_true(str_starts(lease_endpoint(u.lease), STR("127.0.0.1:")));
    clock_advance(ATTEMPT_MS + 1);
    WAIT_FOR(&r, u.failed == 1);
    assert_int_equal(u.why, WHY_CONNECT_TIMEOUT);
    assert_int_equal(r.hurries, 1);
    use_fini(&u);

    /* The caller's own deadline comes first. */
    use_begin(&u, &r, false);
    WAIT_FOR(&r, value(&r, COUNTER_LINKS_DIALING) == 1);
    lease_end(u.lease, WHY_CONNECT_TIMEOUT);
    u.lease = NULL;
    assert_int_equal(value(&r, COUNTER_LINKS_DIALING), 0);
    assert_int_equal(r.hurries, 2);
    use_fini(&u);
    for (size_t i = 0; i < 4; i++) {
        fd_close(&fill[i]);
    }
    rig_fini(&r);
    site_fini(&s);
}

static void test_upstream_update_keeps_and_drains(void **state)
{
    (void)state;
    struct rig r;
    struct site a;
    struct site b;
    struct use u;
    rig_init(&r);
    site_init(&a, true);
    site_init(&b, true);
    publish(&r, &a, NULL);
    use_once(&r, &a, 0, false);
    /* Another address comes, another name too: the link stays. */
    publish(&r, &b, &a);
    upstream_update(r.up, STR("other:80"), &b.addr, 1);
    assert_int_equal(value(&r, COUNTER_LINKS_IDLE), 1);
    publish(&r, &a, NULL);
    use_once(&r, &a, 0, false);

    /* The address leaves: idle links are closed at once, the running exchange ends in peace. */
    use_begin(&u, &r, true);
    WAIT_FOR(&r, site_read(&a, 1) > 0);
    publish(&r, &b, NULL);
    assert_int_equal(value(&r, COUNTER_LINKS_IDLE), 0);
    WAIT_FOR(&r, site_read(&a, 0) == 0);
    site_answer(&a, 1);
    WAIT_FOR(&r, u.ended == 1);
    assert_int_equal(u.why, WHY_OK);
    assert_int_equal(value(&r, COUNTER_LINKS_IDLE), 0);
    WAIT_FOR(&r, site_read(&a, 1) == 0);
    use_fini(&u);
    use_once(&r, &b, 0, false);
    rig_fini(&r);
    site_fini(&a);
    site_fini(&b);
}

static void test_upstream_waits_for_the_first_addresses(void **state)
{
    (void)state;
    struct rig r;
    struct site s;
    struct use u;
    struct use quitter;
    rig_init(&r);
    site_init(&s, true);
    use_begin(&u, &r, false);
    use_begin(&quitter, &r, false);
    loop_turn(r.loop, false);
    loop_turn(r.loop, false);
    assert_int_equal(u.ready + u.failed, 0);
    use_fini(&quitter);
    publish(&r, &s, NULL);
    WAIT_FOR(&r, site_read(&s, 0) > 0);
    use_fini(&u);

    /* A name known to have no address fails at once, with the reason that was told. */
    upstream_lack(r.up, NAME, WHY_NOT_PINNED);
    publish(&r, NULL, NULL);
    use_begin(&u, &r, false);
    loop_turn(r.loop, false);
    assert_int_equal(u.failed, 1);
    assert_int_equal(u.why, WHY_NOT_PINNED);
    use_fini(&u);
    rig_fini(&r);
    site_fini(&s);
}

static void test_upstream_literal_address(void **state)
{
    (void)state;
    struct rig r;
    struct site s;
    rig_init(&r);
    site_init(&s, true);
    upstream_service_unref(r.service);
    r.service = upstream_service_get(r.up, STR("127.0.0.1:1"), &s.addr);
    upstream_update(r.up, STR("127.0.0.1:1"), NULL, 0); /* not the keeper's to change */
    use_once(&r, &s, 0, false);
    struct upstream_service *again = upstream_service_get(r.up, STR("127.0.0.1:1"), &s.addr);
    assert_ptr_equal(again, r.service);
    upstream_service_unref(again);
    use_once(&r, &s, 0, false);
    rig_fini(&r);
    site_fini(&s);
}

static void test_upstream_link_that_dies(void **state)
{
    (void)state;
    struct rig r;
    struct site s;
    struct use u;
    rig_init(&r);
    site_init(&s, true);
    publish(&r, &s, NULL);
    use_once(&r, &s, 0, false);
    /* A kept link dies under a request: told so, and DNS is asked. */
    use_begin(&u, &r, false);
    WAIT_FOR(&r, site_read(&s, 0) > 0);
    assert_true(lease_is_reused(u.lease));
    assert_false(lease_answered(u.lease));
    fd_close(&s.conns[0]);
    WAIT_FOR(&r, u.ended == 1);
    assert_int_equal(u.why, WHY_UPSTREAM_CLOSED);
    assert_int_equal(r.hurries, 1);
    assert_int_equal(value(&r, COUNTER_LINKS_BUSY), 0);
    use_fini(&u);
    use_once(&r, &s, 1, true);

    /* An answer cut in the middle is the application's failure: no news for DNS. */
    use_begin(&u, &r, false);
    WAIT_FOR(&r, site_read(&s, 1) > 0);
    assert_int_equal(send(s.conns[1], "HTTP/1.1 2", 10, MSG_NOSIGNAL), 10);
    WAIT_FOR(&r, lease_answered(u.lease));
    fd_close(&s.conns[1]);
    WAIT_FOR(&r, u.ended == 1);
    assert_int_equal(u.why, WHY_UPSTREAM_CUT);
    assert_int_equal(r.hurries, 1);
    use_fini(&u);
    rig_fini(&r);
    site_fini(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_upstream_lends_the_newest_link),
        cmocka_unit_test(test_upstream_idle_links_end),
        cmocka_unit_test(test_upstream_looks_before_it_lends),
        cmocka_unit_test(test_upstream_waits_before_it_lends),
        cmocka_unit_test(test_upstream_keeps_a_bounded_pool),
        cmocka_unit_test(test_upstream_goes_on_to_the_next_endpoint),
        cmocka_unit_test(test_upstream_never_ejects_all),
        cmocka_unit_test(test_upstream_gives_up_a_silent_endpoint),
        cmocka_unit_test(test_upstream_update_keeps_and_drains),
        cmocka_unit_test(test_upstream_waits_for_the_first_addresses),
        cmocka_unit_test(test_upstream_literal_address),
        cmocka_unit_test(test_upstream_link_that_dies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
