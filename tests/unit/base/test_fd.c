/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"

static void test_fd_close_is_repeatable(void **state)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(fd_set_nonblocking(fd), OK);
    assert_true((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
    assert_int_equal(fd_set_cloexec(fd, false), OK);
    assert_int_equal(fcntl(fd, F_GETFD), 0);
    fd_close(&fd);
    assert_int_equal(fd, -1);
    fd_close(&fd);
    assert_int_equal(fd_set_nonblocking(-1), ERR_IO);
}

static void test_fd_pass_descriptors(void **state)
{
    int pair[2];
    struct fd_received got;
    int pipes[2];
    char data[16];

    (void)state;
    assert_int_equal(fd_pair(pair), OK);
    assert_int_equal(fd_recv(pair[1], data, sizeof(data), &got), ERR_AGAIN);
    assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
    assert_int_equal(fd_send(pair[0], "abc", 3, pipes, 2), OK);
    assert_int_equal(fd_send(pair[0], "no", 2, NULL, 0), OK);
    assert_int_equal(fd_recv(pair[1], data, sizeof(data), &got), OK);
    assert_int_equal(got.len, 3);
    assert_int_equal(got.nfds, 2);
    assert_int_equal(fcntl(got.fds[0], F_GETFD), FD_CLOEXEC);
    assert_int_equal(write(got.fds[1], "x", 1), 1);
    assert_int_equal(read(pipes[0], data, 1), 1);
    fd_close(&got.fds[0]);
    fd_close(&got.fds[1]);
    assert_int_equal(fd_recv(pair[1], data, sizeof(data), &got), OK);
    assert_int_equal(got.nfds, 0);
    fd_close(&pair[0]);
    assert_int_equal(fd_recv(pair[1], data, sizeof(data), &got), ERR_EOF);
    assert_int_equal(fd_send(pair[1], "x", 1, NULL, 0), ERR_RESET);
    fd_close(&pair[1]);
    fd_close(&pipes[0]);
    fd_close(&pipes[1]);
}

static void test_fd_recv_refuses_what_does_not_fit(void **state)
{
    int pair[2];
    struct fd_received got;
    char data[4];

    (void)state;
    assert_int_equal(fd_pair(pair), OK);
    int before = dup(pair[0]);
    fd_close(&before);
    assert_int_equal(fd_send(pair[0], "too long", 8, pair, 2), OK);
    assert_int_equal(fd_recv(pair[1], data, sizeof(data), &got), ERR_LIMIT);
    /* The descriptors that came along are closed again: the lowest free number is the same. */
    int after = dup(pair[0]);
    int probe = dup(pair[0]);
    assert_int_equal(probe, after + 1);
    fd_close(&after);
    fd_close(&probe);
    fd_close(&pair[0]);
    fd_close(&pair[1]);
}

static void test_fd_sealed_memory(void **state)
{
    const void *data;
    size_t len;
    int fd;

    (void)state;
    assert_int_equal(fd_sealed("test", "payload", 7, &fd), OK);
    assert_int_equal(write(fd, "x", 1), -1);
    assert_int_equal(ftruncate(fd, 3), -1);
    assert_int_equal(fd_map_sealed(fd, 6, &data, &len), ERR_LIMIT);
    assert_int_equal(fd_map_sealed(fd, 7, &data, &len), OK);
    assert_int_equal(len, 7);
    assert_memory_equal(data, "payload", 7);
    fd_unmap(data, len);
    fd_close(&fd);
    assert_int_equal(fd_sealed("test", "", 0, &fd), OK);
    assert_int_equal(fd_map_sealed(fd, 7, &data, &len), OK);
    assert_int_equal(len, 0);
    fd_unmap(data, len);
    fd_close(&fd);
    assert_int_equal(fd_memory("test", &fd), OK);
    assert_int_equal(fd_map_sealed(fd, 7, &data, &len), ERR_DENIED);
    fd_close(&fd);
}

static void test_fd_read_file(void **state)
{
    char path[] = "/tmp/hivedoor-test-XXXXXX";
    char block[5000];
    struct buf b;

    (void)state;
    int fd = mkostemp(path, O_CLOEXEC);
    assert_true(fd >= 0);
    memset(block, 'a', sizeof(block));
    assert_int_equal(fd_write_all(fd, block, sizeof(block)), OK);
    buf_init(&b, 5003);
    assert_int_equal(buf_append(&b, "abc", 3), OK);
    assert_int_equal(fd_read_file(path, &b), OK); /* fits to the byte */
    assert_int_equal(buf_len(&b), 5003);
    buf_fini(&b);
    buf_init(&b, 5002);
    assert_int_equal(buf_append(&b, "abc", 3), OK);
    assert_int_equal(fd_read_file(path, &b), ERR_LIMIT);
    assert_true(str_eq(buf_str(&b), STR("abc")));
    assert_int_equal(fd_read_file("/tmp", &b), ERR_UNSUPPORTED);
    assert_int_equal(fd_read_file("/dev/null", &b), ERR_UNSUPPORTED);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(fd_read_file(path, &b), ERR_IO);
    assert_int_equal(errno, ENOENT);
    /* A pipe in the place of the file holds nobody up. */
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(fd_read_file(path, &b), ERR_UNSUPPORTED);
    assert_int_equal(unlink(path), 0);
    buf_check(&b);
    buf_fini(&b);
    fd_close(&fd);
}

static void test_fd_hung_up_is_seen_behind_unread_bytes(void **state)
{
    int pair[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    assert_false(fd_is_hung_up(pair[0]));
    assert_int_equal(write(pair[1], "x", 1), 1);
    assert_false(fd_is_hung_up(pair[0]));
    assert_int_equal(shutdown(pair[1], SHUT_WR), 0);
    assert_true(fd_is_hung_up(pair[0]));
    close(pair[0]);
    close(pair[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fd_close_is_repeatable),
        cmocka_unit_test(test_fd_pass_descriptors),
        cmocka_unit_test(test_fd_recv_refuses_what_does_not_fit),
        cmocka_unit_test(test_fd_sealed_memory),
        cmocka_unit_test(test_fd_read_file),
        cmocka_unit_test(test_fd_hung_up_is_seen_behind_unread_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
