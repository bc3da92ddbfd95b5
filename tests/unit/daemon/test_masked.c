/* SPDX-License-Identifier: MIT */
#include "daemon/masked.h"

#include "base/fd.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

struct rig {
    char folder[64];
    char path[4][80];
    struct masked_paths paths;
    struct model model;
};

static void put(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(fd_write_all(fd, text, strlen(text)), OK);
    fd_close(&fd);
}

static void rig_open(struct rig *r)
{
    *r = (struct rig){.folder = "/tmp/hivedoor-masked-XXXXXX"};
    assert_non_null(mkdtemp(r->folder));
    for (int i = 0; i < 4; i++) {
        (void)snprintf(r->path[i], sizeof(r->path[i]), "%s/%d", r->folder, i);
    }
    r->paths = (struct masked_paths){r->path[0], r->path[1], r->path[2], r->path[3]};
    arena_init(&r->model.arena, 1024);
    r->model.masked_auto = true;
    put(r->path[1], "nameserver 192.0.2.53\n");
    put(r->path[2], "eth0 00000000 010012AC 0003 0 0 0 00000000 0 0 0\n");
}

static void rig_close(struct rig *r)
{
    for (int i = 0; i < 4; i++) {
        (void)unlink(r->path[i]);
    }
    assert_int_equal(rmdir(r->folder), 0);
    arena_fini(&r->model.arena);
}

static void test_masked_nothing_outside(void **state)
{
    struct rig r;
    (void)state;
    rig_open(&r);
    masked_detect(&r.model, &r.paths);
    assert_int_equal(r.model.masked_count, 0);
    rig_close(&r);
}

static void test_masked_inside(void **state)
{
    struct rig r;
    char text[ADDR_TEXT_MAX];
    (void)state;
    for (int by_resolver = 0; by_resolver < 2; by_resolver++) {
        rig_open(&r);
        put(r.path[!by_resolver ? 0 : 1], "nameserver 127.0.0.11\n");
        masked_detect(&r.model, &r.paths);
        assert_int_equal(r.model.masked_count, 1);
        assert_string_equal(addr_net_print(&r.model.masked[0], text), "172.18.0.1/32");
        rig_close(&r);
    }
}

static void test_masked_only_when_asked(void **state)
{
    struct rig r;
    struct addr_net own;
    (void)state;
    rig_open(&r);
    put(r.path[0], "");
    assert_int_equal(addr_net_parse(STR("192.0.2.0/24"), &own), OK);
    r.model.masked = &own;
    r.model.masked_count = 1;
    r.model.masked_auto = false;
    masked_detect(&r.model, &r.paths);
    assert_int_equal(r.model.masked_count, 1);
    masked_detect(&r.model, NULL);
    assert_int_equal(r.model.masked_count, 1);
    rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_masked_nothing_outside),
        cmocka_unit_test(test_masked_inside),
        cmocka_unit_test(test_masked_only_when_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
