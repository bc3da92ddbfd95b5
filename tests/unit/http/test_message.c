/* SPDX-License-Identifier: MIT */
#include "http/message.h"

#include "http_test.h"

static void test_message_keeps_the_order_and_grows(void **state)
{
    (void)state;
    struct arena arena;
    struct message m;
    arena_init(&arena, 4096);
    message_init(&m, &arena);
    for (unsigned i = 0; i < 300; i++) {
        message_add(&m, i % 3 == 0 ? STR("Cookie") : STR("X-N"), arena_printf(&arena, "%u", i));
    }
    assert_int_equal(m.field_count, 300);
    assert_int_equal(message_count(&m, FIELD_COOKIE), 100);
    assert_str(m.fields[299].value, STR("299"), "last");
    message_remove(&m, FIELD_COOKIE);
    assert_int_equal(m.field_count, 200);
    assert_null(message_find(&m, FIELD_COOKIE));
    assert_str(m.fields[0].value, STR("1"), "first left");
    assert_str(m.fields[199].value, STR("299"), "last left");
    message_remove_at(&m, 199);
    message_remove_at(&m, 0);
    assert_int_equal(m.field_count, 198);
    assert_str(m.fields[0].value, STR("2"), "second");
    arena_fini(&arena);
}

static void test_message_lists_any_case_in_any_field(void **state)
{
    (void)state;
    struct arena arena;
    struct message m;
    arena_init(&arena, 4096);
    message_init(&m, &arena);
    message_add(&m, STR("connection"), STR("keep-alive, Foo"));
    message_add(&m, STR("Connection"), STR(" , UPGRADE"));
    assert_true(message_lists(&m, FIELD_CONNECTION, STR("upgrade")));
    assert_true(message_lists(&m, FIELD_CONNECTION, STR("foo")));
    assert_false(message_lists(&m, FIELD_CONNECTION, STR("close")));
    assert_false(message_lists(&m, FIELD_CONNECTION, STR("keep")));
    assert_false(message_lists(&m, FIELD_TE, STR("foo")));
    assert_str(message_find(&m, FIELD_CONNECTION)->value, STR("keep-alive, Foo"), "first");
    arena_fini(&arena);
}

static void test_message_method_is_case_sensitive(void **state)
{
    (void)state;
    assert_int_equal(message_method(STR("GET")), METHOD_GET);
    assert_int_equal(message_method(STR("get")), METHOD_OTHER);
    assert_int_equal(message_method(STR("CONNECT")), METHOD_CONNECT);
    assert_int_equal(message_method(STR("PATCH")), METHOD_PATCH);
    assert_int_equal(message_method(STR("PROPFIND")), METHOD_OTHER);
    assert_int_equal(message_method(STR("")), METHOD_OTHER);
}

static void test_message_reason_covers_every_status_we_send(void **state)
{
    (void)state;
    for (int why = 0; why < WHY_COUNT; why++) {
        int status = why_status((enum why)why);
        assert_true(status == 0 || message_reason((uint16_t)status).len > 0);
    }
    assert_str(message_reason(301), STR("Moved Permanently"), "301");
    assert_str(message_reason(299), STR(""), "299");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_message_keeps_the_order_and_grows),
        cmocka_unit_test(test_message_lists_any_case_in_any_field),
        cmocka_unit_test(test_message_method_is_case_sensitive),
        cmocka_unit_test(test_message_reason_covers_every_status_we_send),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
