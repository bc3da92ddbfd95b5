/* SPDX-License-Identifier: MIT */
#include "config/htpasswd.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define BCRYPT "s4v3epewDuU8jp./lTlv1.L0ajrOv6WQK1iG4l3GWzKXR6CnQLhCW"
#define SHA256 "9ZD9t6YqsYUNjxkL$.yYdjNKrdTMzpH62HTOyffGuH5xuFb4qRcK.Y6XJc6/"
#define SHA512                                                                                     \
    "ZB/.UBdIWKQy5cKw$"                                                                            \
    "ZxlAdpJsMcARiSfvSFdgoV4Wx0d1avJW2.pucEmW51a3tHXvsBuHpzArgwO0HIvNS4hIIUF7s/dS3jj/GXPXG1"

static void test_htpasswd_takes_hashes(void **state)
{
    static const struct {
        const char *line;
        int err;
        bool is_slow;
    } table[] = {
        {"u:$2y$05$" BCRYPT, OK, false},
        {"u:$2b$12$" BCRYPT "\r", OK, true},
        {"  u:$2a$14$" BCRYPT " \t", OK, true},
        {"u:$2y$15$" BCRYPT, ERR_LIMIT, false},
        {"u:$2y$03$" BCRYPT, ERR_SYNTAX, false},
        {"u:$2y$+5$" BCRYPT, ERR_SYNTAX, false},
        {"u:$2y$05$" BCRYPT "x", ERR_SYNTAX, false},
        {"u:$2x$05$" BCRYPT, ERR_UNSUPPORTED, false},
        {"u:$2$05$" BCRYPT, ERR_UNSUPPORTED, false},
        {"u:$2", ERR_UNSUPPORTED, false},
        {"u:$2y", ERR_SYNTAX, false},
        {"u:$5$" SHA256, OK, false},
        {"u:$6$" SHA512, OK, false},
        {"u:$6$rounds=200000$" SHA512, OK, true},
        {"u:$6$rounds=500001$" SHA512, ERR_LIMIT, false},
        {"u:$6$rounds=999$" SHA512, ERR_SYNTAX, false},
        {"u:$6$rounds=$" SHA512, ERR_SYNTAX, false},
        {"u:$6$rounds=1e4$" SHA512, ERR_SYNTAX, false},
        {"u:$6$" SHA256, ERR_SYNTAX, false},
        {"u:$5$", ERR_SYNTAX, false},
        {"u:$5$abcdefghijklmnopq$9ZD9", ERR_SYNTAX, false},
        {"u:$apr1$QIJqVxk9$X7cyPbv/VX9GcjoxJaoSt0", ERR_UNSUPPORTED, false},
        {"u:{SHA}nU4eI71bcnBGqeO0t9tXvY1u5oQ=", ERR_UNSUPPORTED, false},
        {"u:secret", ERR_UNSUPPORTED, false},
        {"u:", ERR_UNSUPPORTED, false},
        {"u", ERR_SYNTAX, false},
        {":$2y$05$" BCRYPT, ERR_SYNTAX, false},
        {"u\tv:$2y$05$" BCRYPT, ERR_SYNTAX, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct str rest = str_of(table[i].line);
        struct htpasswd_user user = {.is_slow = false};
        size_t line = 0;
        int err = htpasswd_next(&rest, &line, &user);
        if (err != table[i].err || user.is_slow != table[i].is_slow) {
            fail_msg("%s: %d", table[i].line, err);
        }
        assert_int_equal(line, 1);
    }
}

static void test_htpasswd_walks_lines(void **state)
{
    struct str rest = STR("# people\n\nada:$5$" SHA256 "\nbob\n  \n# end\neve:$2y$05$" BCRYPT);
    struct htpasswd_user user;
    size_t line = 0;
    (void)state;
    assert_int_equal(htpasswd_next(&rest, &line, &user), OK);
    assert_true(str_eq(user.name, STR("ada")) && str_eq(user.hash, STR("$5$" SHA256)));
    assert_int_equal(line, 3);
    assert_int_equal(htpasswd_next(&rest, &line, &user), ERR_SYNTAX);
    assert_int_equal(line, 4);
    assert_int_equal(htpasswd_next(&rest, &line, &user), OK);
    assert_true(str_eq(user.name, STR("eve")) && str_eq(user.hash, STR("$2y$05$" BCRYPT)));
    assert_int_equal(line, 7);
    assert_int_equal(htpasswd_next(&rest, &line, &user), ERR_EOF);
    rest = STR("");
    assert_int_equal(htpasswd_next(&rest, &line, &user), ERR_EOF);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_htpasswd_takes_hashes),
        cmocka_unit_test(test_htpasswd_walks_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
