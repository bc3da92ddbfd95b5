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

#include "daemon/challenge_folder.h"

#define DEEP ".well-known/acme-challenge"

static void put(const char *name, const char *bytes, size_t len)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, len), (ssize_t)len);
    assert_int_equal(close(fd), 0);
}

static int enter(void **state)
{
    char *dir = strdup("/tmp/hivedoor-challenge-XXXXXX");

    assert_non_null(mkdtemp(dir));
    assert_int_equal(chdir(dir), 0);
    assert_int_equal(mkdir("f", 0755), 0);
    assert_int_equal(mkdir("f/.well-known", 0755), 0);
    assert_int_equal(mkdir("f/" DEEP, 0755), 0);
    *state = dir;
    return 0;
}

static int leave(void **state)
{
    static const char *const names[] = {"f/a",  "f/b",   "f/big", "f/full",          "f/pipe",
                                        "f/in", "f/out", "f/dir", "f/" DEEP "/deep", "secret"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        (void)remove(names[i]);
    }
    (void)rmdir("f/" DEEP);
    (void)rmdir("f/.well-known");
    (void)rmdir("f");
    assert_int_equal(chdir("/"), 0);
    assert_int_equal(rmdir(*state), 0);
    free(*state);
    return 0;
}

static void expect(const char *token, int want, const char *bytes)
{
    struct buf out;

    buf_init(&out, CHALLENGE_ANSWER_MAX);
    assert_int_equal(challenge_folder_read("f", str_of(token), &out), want);
    assert_true(str_eq(buf_str(&out), str_of(bytes)));
    buf_fini(&out);
}

static void test_challenge_folder_gives_exact_bytes(void **state)
{
    (void)state;
    put("f/a", "token.thumb\r\n", 13);
    put("f/" DEEP "/deep", "deep", 4);
    expect("a", OK, "token.thumb\r\n");
    expect("deep", OK, "deep");
    put("f/b", "", 0);
    expect("b", OK, "");
    expect("nope", ERR_NOT_FOUND, "");
}

static void test_challenge_folder_checks_tokens(void **state)
{
    char longest[CHALLENGE_TOKEN_MAX + 2];

    (void)state;
    memset(longest, 'a', sizeof(longest));
    assert_true(challenge_token_ok(STR("aZ09-_")));
    assert_true(challenge_token_ok(str_n(longest, CHALLENGE_TOKEN_MAX)));
    assert_false(challenge_token_ok(str_n(longest, CHALLENGE_TOKEN_MAX + 1)));
    assert_false(challenge_token_ok(STR("")));
    assert_false(challenge_token_ok(STR("..")));
    assert_false(challenge_token_ok(STR("a/b")));
    assert_false(challenge_token_ok(STR("a\0b")));
    put("secret", "s", 1);
    expect("../secret", ERR_NOT_FOUND, "");
}

static void test_challenge_folder_bounds_answers(void **state)
{
    char big[CHALLENGE_ANSWER_MAX + 1];
    struct buf out;

    (void)state;
    memset(big, 'x', sizeof(big));
    put("f/big", big, sizeof(big));
    put("f/full", big, sizeof(big) - 1);
    expect("big", ERR_LIMIT, "");
    buf_init(&out, CHALLENGE_ANSWER_MAX);
    assert_int_equal(challenge_folder_read("f", STR("full"), &out), OK);
    assert_int_equal(buf_len(&out), CHALLENGE_ANSWER_MAX);
    buf_fini(&out);
}

static void test_challenge_folder_opens_plain_files_only(void **state)
{
    (void)state;
    put("secret", "s", 1);
    put("f/a", "inside", 6);
    assert_int_equal(mkfifo("f/pipe", 0644), 0);
    assert_int_equal(mkdir("f/dir", 0755), 0);
    assert_int_equal(symlink("../secret", "f/out"), 0);
    expect("pipe", ERR_NOT_FOUND, "");
    expect("dir", ERR_NOT_FOUND, "");
    expect("out", ERR_NOT_FOUND, "");
    assert_int_equal(challenge_folder_read("g", STR("a"), &(struct buf){.limit = 1}),
                     ERR_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_challenge_folder_gives_exact_bytes, enter, leave),
        cmocka_unit_test_setup_teardown(test_challenge_folder_checks_tokens, enter, leave),
        cmocka_unit_test_setup_teardown(test_challenge_folder_bounds_answers, enter, leave),
        cmocka_unit_test_setup_teardown(test_challenge_folder_opens_plain_files_only, enter, leave),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
