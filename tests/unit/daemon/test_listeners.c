/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "daemon/listeners.h"
#include "net/listener.h"

static struct addr address(const char *text)
{
    struct addr a;

    assert_int_equal(addr_parse(str_of(text), &a), OK);
    return a;
}

static struct bundle_plan plan_of(const char *http, const char *admin)
{
    struct bundle_plan plan = {.http_count = 1};

    plan.http[0] = address(http);
    if (admin != NULL) {
        plan.admin = address(admin);
    }
    return plan;
}

static struct listeners_entry *first(struct listeners *l)
{
    return LIST_FIRST(&l->entries, struct listeners_entry, node);
}

static bool can_connect(const struct addr *to)
{
    int fd = socket(to->sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool ok = connect(fd, &to->sa, to->len) == 0;

    fd_close(&fd);
    return ok;
}

static void test_listeners_have_a_socket_for_each_worker(void **state)
{
    struct bundle_plan plan = plan_of("127.0.0.1:0", "127.0.0.1:0");
    char text[LISTENERS_TEXT_MAX];
    struct listeners l;

    (void)state;
    listeners_init(&l, 3);
    assert_int_equal(listeners_stage(&l, &plan, text), OK);
    struct listeners_entry *e = first(&l);
    assert_int_equal(e->fd_count, 3);
    assert_true(listeners_fd(e, 0) != listeners_fd(e, 2));
    assert_true(addr_port(&e->bound) != 0);
    assert_int_equal(e->state, LISTENERS_NEW);
    listeners_commit(&l);
    assert_int_equal(e->state, LISTENERS_OPEN);
    assert_true(can_connect(&e->bound));
    struct listeners_entry *admin = CONTAINER_OF(l.entries.prev, struct listeners_entry, node);
    assert_int_equal(admin->kind, LISTENERS_ADMIN);
    assert_int_equal(admin->fd_count, 1);
    listeners_fini(&l);
}

static void test_listeners_change_as_a_transaction(void **state)
{
    struct bundle_plan plan = plan_of("127.0.0.1:0", NULL);
    struct bundle_plan other = plan_of("127.0.0.2:0", NULL);
    char text[LISTENERS_TEXT_MAX];
    struct listeners l;

    (void)state;
    listeners_init(&l, 2);
    assert_int_equal(listeners_stage(&l, &plan, text), OK);
    listeners_commit(&l);
    struct listeners_entry *old = first(&l);
    struct addr at = old->bound;
    /* The same plan again keeps the very sockets. */
    assert_int_equal(listeners_stage(&l, &plan, text), OK);
    listeners_commit(&l);
    assert_ptr_equal(first(&l), old);
    assert_ptr_equal(l.entries.next, l.entries.prev);
    /* Another one, taken back. */
    assert_int_equal(listeners_stage(&l, &other, text), OK);
    assert_int_equal(old->state, LISTENERS_OLD);
    listeners_abort(&l);
    assert_ptr_equal(l.entries.next, l.entries.prev);
    assert_int_equal(old->state, LISTENERS_OPEN);
    assert_true(can_connect(&at));
    /* And for good. */
    assert_int_equal(listeners_stage(&l, &other, text), OK);
    listeners_commit(&l);
    assert_true(can_connect(&at));
    listeners_drop_old(&l);
    assert_false(can_connect(&at));
    assert_int_equal(first(&l)->number, 3);
    listeners_fini(&l);
}

static void test_listeners_say_what_is_in_use(void **state)
{
    char text[LISTENERS_TEXT_MAX];
    char where[ADDR_TEXT_MAX];
    struct listeners l;
    struct addr at = address("127.0.0.1:0");
    struct sockaddr_in got;
    socklen_t len = sizeof(got);
    int fd;

    (void)state;
    assert_int_equal(listener_bind(&at, true, &fd), OK); /* another daemon of the same user */
    assert_int_equal(getsockname(fd, (struct sockaddr *)&got, &len), 0);
    addr_set_port(&at, ntohs(got.sin_port));
    struct bundle_plan plan = plan_of(addr_print(&at, where), NULL);
    listeners_init(&l, 2);
    assert_int_equal(listeners_stage(&l, &plan, text), ERR_EXISTS);
    assert_non_null(strstr(text, where));
    assert_non_null(strstr(text, "in use"));
    assert_true(list_is_empty(&l.entries));
    fd_close(&fd);
    listeners_fini(&l);
}

static void test_listeners_replace_a_stale_unix_socket(void **state)
{
    char dir[] = "/tmp/hivedoor-listeners-XXXXXX";
    char path[128];
    char text[LISTENERS_TEXT_MAX];
    struct listeners l;
    int fd;

    (void)state;
    assert_non_null(mkdtemp(dir));
    (void)snprintf(path, sizeof(path), "unix:%s/s", dir);
    struct addr at = address(path);
    assert_int_equal(listener_bind(&at, false, &fd), OK);
    fd_close(&fd); /* the file stays, as after a kill */
    struct bundle_plan plan = plan_of(path, NULL);
    listeners_init(&l, 4);
    assert_int_equal(listeners_stage(&l, &plan, text), OK);
    assert_int_equal(first(&l)->fd_count, 1);
    assert_int_equal(listeners_fd(first(&l), 0), listeners_fd(first(&l), 3));
    assert_true(can_connect(&at));
    listeners_fini(&l);
    assert_int_equal(rmdir(dir), 0); /* its file is gone with it */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_listeners_have_a_socket_for_each_worker),
        cmocka_unit_test(test_listeners_change_as_a_transaction),
        cmocka_unit_test(test_listeners_say_what_is_in_use),
        cmocka_unit_test(test_listeners_replace_a_stale_unix_socket),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
