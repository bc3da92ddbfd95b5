/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/watcher.h"
#include "loop/timer.h"

static void put(const char *name, const char *bytes)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, strlen(bytes)), (ssize_t)strlen(bytes));
    assert_int_equal(close(fd), 0);
}

static int enter(void **state)
{
    char *dir = strdup("/tmp/hivedoor-watcher-XXXXXX");

    assert_non_null(mkdtemp(dir));
    assert_int_equal(chdir(dir), 0);
    assert_int_equal(mkdir("certs", 0755), 0);
    put("a.yml", "one");
    *state = dir;
    return 0;
}

static int leave(void **state)
{
    static const char *const names[] = {"a.yml", "b.yml", "certs/x", "certs/y", "real", "other"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        (void)remove(names[i]);
    }
    (void)rmdir("certs");
    assert_int_equal(chdir("/"), 0);
    assert_int_equal(rmdir(*state), 0);
    free(*state);
    return 0;
}

static char *const paths[] = {(char[]){"a.yml"}, (char[]){"certs"}};

static uint64_t now(void)
{
    return watcher_signature(paths, 2);
}

static void test_watcher_signature_sees_every_change(void **state)
{
    uint64_t before = now();

    (void)state;
    assert_true(now() == before);
    put("a.yml", "longer");
    assert_true(now() != before);
    before = now();
    put("b.yml", "longer"); /* same size, put in its place */
    assert_int_equal(rename("b.yml", "a.yml"), 0);
    assert_true(now() != before);
    before = now();
    put("certs/x", "x");
    assert_true(now() != before);
    before = now();
    assert_int_equal(rename("certs/x", "certs/y"), 0);
    assert_true(now() != before);
    before = now();
    assert_int_equal(remove("a.yml"), 0);
    assert_true(now() != before);
}

static void test_watcher_signature_follows_links(void **state)
{
    (void)state;
    put("real", "r");
    put("other", "o");
    assert_int_equal(symlink("../real", "certs/x"), 0);
    uint64_t before = now();
    put("real", "changed");
    assert_true(now() != before);
    before = now();
    assert_int_equal(symlink("../other", "certs/y"), 0);
    assert_int_equal(rename("certs/y", "certs/x"), 0);
    assert_true(now() != before);
}

struct told {
    unsigned times;
    bool sure;
};

static void on_change(void *arg, bool sure)
{
    struct told *t = arg;

    t->times++;
    t->sure = sure;
}

static void give_up(void *arg)
{
    *(bool *)arg = true;
}

static void test_watcher_tells_once_after_it_settled(void **state)
{
    struct loop *loop = loop_new();
    struct told told = {.times = 0};
    struct timer patience;
    bool late = false;

    (void)state;
    struct watcher *w = watcher_new(loop, on_change, &told);
    watcher_set(w, paths, 2);
    timer_init(&patience, loop, give_up, &late);
    timer_set(&patience, 30000);
    put("certs/x", "1");
    put("certs/y", "2");
    while (told.times == 0 && !late) {
        loop_turn(loop, true);
    }
    assert_int_equal(told.times, 1);
    assert_true(told.sure);
    timer_fini(&patience);
    watcher_free(w);
    loop_free(loop);
}

/* A file is changed between the reading of it and the taking over of another list. */
static void test_watcher_change_survives_another_list(void **state)
{
    struct loop *loop = loop_new();
    struct told told = {.times = 0};
    struct timer patience;
    bool late = false;

    (void)state;
    struct watcher *w = watcher_new(loop, on_change, &told);
    watcher_set(w, paths, 1);
    watcher_seen(w);
    put("a.yml", "changed meanwhile");
    watcher_set(w, paths, 2);
    timer_init(&patience, loop, give_up, &late);
    timer_set(&patience, 30000);
    while (told.times == 0 && !late) {
        loop_turn(loop, true);
    }
    assert_int_equal(told.times, 1);
    timer_fini(&patience);
    watcher_free(w);
    loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_watcher_signature_sees_every_change, enter, leave),
        cmocka_unit_test_setup_teardown(test_watcher_signature_follows_links, enter, leave),
        cmocka_unit_test_setup_teardown(test_watcher_tells_once_after_it_settled, enter, leave),
        cmocka_unit_test_setup_teardown(test_watcher_change_survives_another_list, enter, leave),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
