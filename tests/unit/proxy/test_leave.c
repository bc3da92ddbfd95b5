/* SPDX-License-Identifier: MIT */
/* The end of a worker's data path: nobody who was let in is lost. */
#include "proxy/proxy.h"

#include "proxy_rig.h"

static void test_leave_drains(void **state)
{
    struct rig r;
    (void)state;
    rig_open(&r, plain_site);
    ask(&r, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    await(&r, &r.asked, "\r\n\r\n");
    proxy_drain(r.proxy);
    assert_false(r.drained);
    serve(&r, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    await(&r, &r.got, "Connection: close\r\n");
    await(&r, &r.got, "\r\n\r\nok");
    await_closed(&r, &r.client);
    for (int i = 0; i < PATIENCE && !r.drained; i++) {
        turn(&r);
    }
    assert_true(r.drained);
    rig_close(&r);
}

static void await_drained(struct rig *r)
{
    for (int i = 0; i < PATIENCE && !r->drained; i++) {
        turn(r);
    }
    assert_true(r->drained);
}

static void test_leave_drains_though_others_come(void **state)
{
    struct rig r;
    (void)state;
    rig_open(&r, plain_site);
    ask(&r, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    await(&r, &r.asked, "\r\n\r\n");
    proxy_drain(r.proxy);
    int old_link = r.link;
    int old = r.client;
    r.client = -1;
    r.link = -1;
    buf_clear(&r.asked);
    ask(&r, "GET /late HTTP/1.1\r\nHost: a.test\r\n\r\n");
    await(&r, &r.asked, "\r\n\r\n");
    fd_close(&old); /* of before: it is gone, the late one is still there */
    await_drained(&r);
    assert_false(r.shut);
    fd_close(&old_link);
    r.drained = false;
    proxy_shut(r.proxy);
    turn(&r);
    assert_false(r.drained); /* it is owed an answer */
    serve(&r, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    await(&r, &r.got, "\r\n\r\nok");
    await_closed(&r, &r.client);
    await_drained(&r);
    assert_true(r.shut);
    rig_close(&r);
}

static void test_leave_shut_serves_the_queue(void **state)
{
    struct rig r;
    (void)state;
    rig_open(&r, plain_site);
    proxy_drain(r.proxy);
    await_drained(&r);
    r.drained = false;
    ask(&r, "GET / HTTP/1.1\r\nHost: old.test\r\n\r\n"); /* it waits in the queue */
    listener_refuse(r.door_fd);
    proxy_shut(r.proxy);
    await(&r, &r.got, "Location: https://a.test");
    await_closed(&r, &r.client);
    await_drained(&r);
    assert_true(r.shut);
    rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_leave_drains),
        cmocka_unit_test(test_leave_drains_though_others_come),
        cmocka_unit_test(test_leave_shut_serves_the_queue),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
