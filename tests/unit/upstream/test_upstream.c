/* SPDX-License-Identifier: MIT */
/* Services, endpoints, links and leases, against sockets on 127.0.0.1 that play the services. */
#include "upstream_rig.h"

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
    /* It never took a connection: it gets another try soon, and then twice the time. */
    clock_advance(126);
    while (r.hurries == 1) {
        assert_true(conn < 75);
        upstream_close_idle(r.up);
        use_once(&r, &good, conn++, true);
    }
    clock_advance(200);
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
