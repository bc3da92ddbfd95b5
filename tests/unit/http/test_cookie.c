/* SPDX-License-Identifier: MIT */
/* One cookie among those that a client sends. */
#include "http/cookie.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

struct cookie_case {
    const char *first; /* field; NULL: none */
    const char *second;
    const char *value; /* of "sid"; NULL: none */
};

static void test_cookie_find(void **state)
{
    (void)state;
    static const struct cookie_case cases[] = {
        {NULL, NULL, NULL},
        {"sid=1", NULL, "1"},
        {"a=b; sid=one two; c=d", NULL, "one two"},
        {"a=b;sid=1;sid=2", NULL, "1"},
        {"a=sid=1", NULL, NULL},
        {"Sid=1; xsid=2; sid", NULL, NULL},
        {"  sid =\t\"q\" ;", NULL, "\"q\""},
        {"sid=", "sid=later", ""},
        {"a=b", "c=d; sid=x=y", "x=y"},
        {";;;=; =sid; ;", NULL, NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct arena arena;
        struct message m;
        struct str value = STR("");
        arena_init(&arena, 4096);
        message_init(&m, &arena);
        message_add(&m, STR("Host"), STR("a.com"));
        if (cases[i].first != NULL) {
            message_add(&m, STR("Cookie"), str_of(cases[i].first));
        }
        if (cases[i].second != NULL) {
            message_add(&m, STR("cookie"), str_of(cases[i].second));
        }
        assert_int_equal(cookie_find(&m, STR("sid"), &value), cases[i].value != NULL);
        assert_true(str_eq(value, str_of(cases[i].value != NULL ? cases[i].value : "")));
        arena_fini(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cookie_find),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
