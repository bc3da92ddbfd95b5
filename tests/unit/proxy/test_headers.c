/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "proxy/headers.h"

#define CHANGES(list) ((struct model_headers){list, sizeof(list) / sizeof((list)[0])})

static void fill(struct message *m, struct arena *arena)
{
    arena_init(arena, 1024);
    message_init(m, arena);
    message_add(m, STR("Host"), STR("a.test"));
    message_add(m, STR("X-One"), STR("1"));
    message_add(m, STR("x-two"), STR("2"));
    message_add(m, STR("X_TWO"), STR("2b"));
    message_add(m, STR("Server"), STR("thing"));
    message_add(m, STR("X-Two"), STR("2c"));
}

static void is_now(struct message *m, const char *want)
{
    struct buf text;

    buf_init(&text, 4096);
    for (size_t i = 0; i < m->field_count; i++) {
        assert_int_equal(buf_printf(&text, "%s%.*s=%.*s", i > 0 ? " " : "",
                                    STR_FMT(m->fields[i].name), STR_FMT(m->fields[i].value)),
                         OK);
    }
    assert_int_equal(buf_append(&text, "", 1), OK);
    assert_string_equal((const char *)buf_ptr(&text), want);
    buf_fini(&text);
}

static void test_headers_set_add_remove(void **state)
{
    static struct model_header list[] = {
        {MODEL_HEADER_REMOVE, {"server", 6}, {"", 0}},
        {MODEL_HEADER_REMOVE, {"X-Absent", 8}, {"", 0}},
        {MODEL_HEADER_SET, {"X-Two", 5}, {"new", 3}},
        {MODEL_HEADER_SET, {"X-Two", 5}, {"newer", 5}},
        {MODEL_HEADER_SET, {"X-Three", 7}, {"", 0}},
        {MODEL_HEADER_ADD, {"X-One", 5}, {"1b", 2}},
        {MODEL_HEADER_ADD, {"Server", 6}, {"us", 2}},
    };
    const struct model_headers changes = CHANGES(list);
    struct arena arena;
    struct message m;

    (void)state;
    fill(&m, &arena);
    headers_apply(&m, &changes);
    is_now(&m, "Host=a.test X-One=1 X-Two=new X-Two=newer X-Three= X-One=1b Server=us");
    assert_int_equal(message_count(&m, FIELD_SERVER), 1);
    arena_fini(&arena);
}

static void test_headers_nothing_to_do(void **state)
{
    const struct model_headers none = {NULL, 0};
    struct arena arena;
    struct message m;

    (void)state;
    fill(&m, &arena);
    headers_apply(&m, &none);
    headers_strip_trailers(&m, &none);
    assert_int_equal(m.field_count, 6);
    message_init(&m, &arena);
    headers_apply(&m, &none);
    assert_int_equal(m.field_count, 0);
    arena_fini(&arena);
}

static void test_headers_trailers_bring_nothing_back(void **state)
{
    static struct model_header list[] = {
        {MODEL_HEADER_REMOVE, {"Server", 6}, {"", 0}},
        {MODEL_HEADER_SET, {"X-Two", 5}, {"new", 3}},
        {MODEL_HEADER_ADD, {"X-One", 5}, {"1b", 2}},
    };
    const struct model_headers changes = CHANGES(list);
    struct arena arena;
    struct message m;

    (void)state;
    fill(&m, &arena);
    headers_strip_trailers(&m, &changes);
    is_now(&m, "Host=a.test X-One=1");
    arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_headers_set_add_remove),
        cmocka_unit_test(test_headers_nothing_to_do),
        cmocka_unit_test(test_headers_trailers_bring_nothing_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
