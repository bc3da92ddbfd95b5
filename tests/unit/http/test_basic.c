/* SPDX-License-Identifier: MIT */
#include "http/basic.h"

#include "http_test.h"

static void test_basic_parse(void **state)
{
    static const struct {
        const char *value;
        int err;
        const char *user;
        const char *password;
    } table[] = {
        {"Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", OK, "Aladdin", "open sesame"},
        {"bAsIc QWxhZGRpbjpvcGVuIHNlc2FtZQ", OK, "Aladdin", "open sesame"},
        {"Basic   dGVzdDoxMjPCow==", OK, "test", "123\xc2\xa3"},
        {"Basic Og==", OK, "", ""},
        {"Basic YTpiOmM=", OK, "a", "b:c"},
        {"Basic YQ==", ERR_SYNTAX, NULL, NULL}, /* no colon */
        {"Basic", ERR_SYNTAX, NULL, NULL},
        {"Basic ", ERR_SYNTAX, NULL, NULL},
        {"Basic YTpi=", ERR_SYNTAX, NULL, NULL},
        {"Basic YTp===", ERR_SYNTAX, NULL, NULL},
        {"Basic YTo-", ERR_SYNTAX, NULL, NULL},
        {"Basic YTpiY", ERR_SYNTAX, NULL, NULL},
        {"Basic YTpj YTpj", ERR_SYNTAX, NULL, NULL},
        {"Basic Oh==", ERR_SYNTAX, NULL, NULL}, /* bits left over */
        {"Bearer YTpi", ERR_NOT_FOUND, NULL, NULL},
        {"BasicYTpi", ERR_NOT_FOUND, NULL, NULL},
        {"", ERR_NOT_FOUND, NULL, NULL},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(table); i++) {
        struct arena arena;
        struct message m;
        struct basic b;
        arena_init(&arena, 1024);
        message_init(&m, &arena);
        message_add(&m, STR("Authorization"), str_of(table[i].value));
        int err = basic_parse(&m, &b);
        if (err != table[i].err ||
            (err == OK && (!str_eq(b.user, str_of(table[i].user)) ||
                           !str_eq(b.password, str_of(table[i].password))))) {
            fail_msg("%s: %d", table[i].value, err);
        }
        basic_wipe(&b);
        assert_int_equal(b.bytes[0], 0);
        arena_fini(&arena);
    }
}

static void test_basic_one_field_only(void **state)
{
    struct arena arena;
    struct message m;
    struct basic b;
    (void)state;
    arena_init(&arena, 1024);
    message_init(&m, &arena);
    assert_int_equal(basic_parse(&m, &b), ERR_NOT_FOUND);
    message_add(&m, STR("Authorization"), STR("Basic YTpi"));
    assert_int_equal(basic_parse(&m, &b), OK);
    message_add(&m, STR("authorization"), STR("Basic YTpj"));
    assert_int_equal(basic_parse(&m, &b), ERR_SYNTAX);
    arena_fini(&arena);
}

static void test_basic_too_long(void **state)
{
    struct arena arena;
    struct message m;
    struct basic b;
    char value[2048] = "Basic ";
    (void)state;
    memset(value + 6, 'A', sizeof(value) - 7);
    arena_init(&arena, 1024);
    message_init(&m, &arena);
    message_add(&m, STR("Authorization"), str_n(value, 6 + 4 * 200));
    assert_int_equal(basic_parse(&m, &b), ERR_LIMIT);
    arena_fini(&arena);
}

static void test_basic_challenge(void **state)
{
    struct arena arena;
    (void)state;
    arena_init(&arena, 1024);
    assert_true(str_eq(basic_challenge(&arena, STR("a.test")),
                       STR("Basic realm=\"a.test\", charset=\"UTF-8\"")));
    assert_true(str_eq(basic_challenge(&arena, STR("say \"\\\"\r\n")),
                       STR("Basic realm=\"say \\\"\\\\\\\"\", charset=\"UTF-8\"")));
    arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_basic_parse),
        cmocka_unit_test(test_basic_one_field_only),
        cmocka_unit_test(test_basic_too_long),
        cmocka_unit_test(test_basic_challenge),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
