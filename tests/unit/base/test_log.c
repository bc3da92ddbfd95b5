/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"

#define WALL_MS INT64_C(1795470060123) /* 2026-11-23 21:41:00.123 UTC */

/* A file that takes the lines. */
static int open_sink(enum log_form form)
{
    int fd;

    assert_int_equal(fd_memory("log", &fd), OK);
    log_setup(fd, form, LOG_INFO, "worker-0");
    clock_freeze(0, WALL_MS);
    return fd;
}

static const char *written(int fd)
{
    static char text[65536];

    log_flush();
    ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
    assert_true(n >= 0);
    text[n] = '\0';
    return text;
}

static void close_sink(int fd)
{
    log_setup(STDOUT_FILENO, LOG_JSON, LOG_INFO, "test");
    fd_close(&fd);
    clock_resume();
}

static void test_log_json_event(void **state)
{
    struct log_line l;
    int fd = open_sink(LOG_JSON);

    (void)state;
    log_event(LOG_DEBUG, "hidden", "%s", "x");
    log_event(LOG_WARN, "reload_failed", "line %d", 3);
    log_begin(&l, LOG_INFO, "numbers");
    log_field_int(&l, "n", INT64_MIN);
    log_field_ms(&l, "took_ms", 1234567);
    log_field_bool(&l, "ok", true);
    log_field_c(&l, "none", NULL);
    log_end(&l);
    assert_string_equal(
        written(fd),
        "{\"time\":\"2026-11-23T21:41:00.123Z\",\"level\":\"warn\",\"process\":\"worker-0\","
        "\"event\":\"reload_failed\",\"message\":\"line 3\"}\n"
        "{\"time\":\"2026-11-23T21:41:00.123Z\",\"level\":\"info\",\"process\":\"worker-0\","
        "\"event\":\"numbers\",\"n\":-9223372036854775808,\"took_ms\":1234.567,\"ok\":true,"
        "\"none\":\"\"}\n");
    close_sink(fd);
}

static void test_log_text_event(void **state)
{
    struct log_line l;
    int fd = open_sink(LOG_TEXT);

    (void)state;
    log_begin(&l, LOG_WARN, "reload_failed");
    log_field_c(&l, "message", "a line\nand \x1b[31m more");
    log_field_c(&l, "file", "/etc/x.yml");
    log_field_c(&l, "found", "two words");
    log_field_c(&l, "empty", "");
    log_field_int(&l, "line", 3);
    log_end(&l);
    assert_string_equal(written(fd),
                        "21:41:00.123 warn  worker-0 reload_failed  a line\\nand \\u001b[31m more "
                        "file=/etc/x.yml found=\"two words\" empty=\"\" line=3\n");
    close_sink(fd);
}

static void test_log_escapes(void **state)
{
    struct log_line l;
    int fd = open_sink(LOG_JSON);

    (void)state;
    log_begin_access(&l);
    log_field(&l, "a", STR("q\"b\\n\n\r\t\x01\x7f"));
    log_field(&l, "nul", str_n("a\0b", 3));
    log_field(&l, "utf8", STR("\xc3\xa4\xe2\x82\xac\xf0\x9f\x90\x9d"));
    log_field(&l, "bad", STR("\xff\xc0\xaf\xed\xa0\x80\xf4\x90\x80\x80"));
    log_field(&l, "cut", STR("\xe2\x82"));
    log_field(&l, "c1", STR("\xc2\x9b"));
    log_end(&l);
    const char *text = written(fd);
    assert_non_null(strstr(text, "\"a\":\"q\\\"b\\\\n\\n\\r\\t\\u0001\\u007f\""));
    assert_non_null(strstr(text, "\"nul\":\"a\\u0000b\""));
    assert_non_null(strstr(text, "\"utf8\":\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x90\x9d\""));
    assert_non_null(strstr(text, "\"bad\":\"\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd"
                                 "\\ufffd\\ufffd\\ufffd\""));
    assert_non_null(strstr(text, "\"cut\":\"\\ufffd\\ufffd\""));
    assert_non_null(strstr(text, "\"c1\":\"\\u009b\""));
    close_sink(fd);
}

/* Whatever is put in, a line ends as a whole within its length and says that something is gone. */
static void test_log_line_is_bounded(void **state)
{
    static char big[LOG_LINE_MAX * 2];
    struct log_line l;
    int fd = open_sink(LOG_JSON);

    (void)state;
    memset(big, 0x01, sizeof(big)); /* six bytes each when escaped */
    for (size_t len = 600; len < 700; len++) {
        log_begin(&l, LOG_INFO, "e");
        log_field(&l, "message", str_n(big, len));
        log_field(&l, "fits_not", str_n(big, sizeof(big)));
        log_field_bool(&l, "small", true);
        log_end(&l);
        assert_true(l.len <= LOG_LINE_MAX);
        assert_memory_equal(l.bytes + l.len - 19, ",\"truncated\":true}\n", 19);
    }
    memset(big, 'x', sizeof(big));
    log_begin(&l, LOG_INFO, "e");
    log_field(&l, "gone", str_n(big, sizeof(big)));
    log_field_bool(&l, "kept", true);
    log_end(&l);
    l.bytes[l.len] = '\0';
    assert_non_null(strstr(l.bytes, "\"kept\":true,\"truncated\":true}\n"));
    assert_null(strstr(l.bytes, "gone"));
    log_flush();
    assert_int_equal(log_lost(), 0);
    close_sink(fd);
}

static void test_log_access_lines_are_gathered(void **state)
{
    struct log_line l;
    int fd = open_sink(LOG_JSON);

    (void)state;
    log_begin_access(&l);
    log_field_int(&l, "status", 200);
    log_end(&l);
    assert_int_equal(lseek(fd, 0, SEEK_END), 0);
    /* An event goes out at once, behind what was gathered. */
    log_event(LOG_INFO, "ready", "now");
    const char first[] =
        "{\"time\":\"2026-11-23T21:41:00.123Z\",\"event\":\"access\",\"status\":200}\n";
    const char *text = written(fd);
    assert_true(strncmp(text, first, strlen(first)) == 0);
    assert_true(strstr(text, "access") < strstr(text, "ready"));
    for (int i = 0; i < 200; i++) {
        log_begin_access(&l);
        log_end(&l);
    }
    assert_true(lseek(fd, 0, SEEK_END) > 8000); /* written whenever 4096 bytes were full */
    close_sink(fd);
}

/* Fills a pipe or socket that nobody reads: lines are lost and counted, and nothing waits. */
static void lose_lines(int out)
{
    struct log_line l;
    uint64_t before = log_lost();

    log_setup(out, LOG_JSON, LOG_INFO, "worker-0");
    for (int i = 0; i < 20000 && log_lost() == before; i++) {
        log_begin_access(&l);
        log_field_c(&l, "path", "/some/path/that/takes/a/few/bytes");
        log_end(&l);
    }
    assert_true(log_lost() > before);
    log_flush();
}

static void test_log_never_waits(void **state)
{
    int fds[2];

    (void)state;
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    lose_lines(fds[1]);
    fd_close(&fds[0]);
    close_sink(fds[1]);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    lose_lines(fds[1]);
    fd_close(&fds[0]);
    close_sink(fds[1]);
}

static void test_log_level_and_form_change(void **state)
{
    int fd = open_sink(LOG_JSON);

    (void)state;
    log_set_level(LOG_ERROR);
    log_event(LOG_WARN, "hidden", "x");
    log_set_form(LOG_TEXT);
    log_event(LOG_ERROR, "shown", "y");
    assert_string_equal(written(fd), "21:41:00.123 error worker-0 shown  y\n");
    close_sink(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_log_json_event),
        cmocka_unit_test(test_log_text_event),
        cmocka_unit_test(test_log_escapes),
        cmocka_unit_test(test_log_line_is_bounded),
        cmocka_unit_test(test_log_access_lines_are_gathered),
        cmocka_unit_test(test_log_never_waits),
        cmocka_unit_test(test_log_level_and_form_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
