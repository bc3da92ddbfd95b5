/* SPDX-License-Identifier: MIT */
#include "http/field.h"

#include "http/chars.h"
#include "http_test.h"

static void test_field_lookup_finds_every_name(void **state)
{
    (void)state;
    for (int i = FIELD_OTHER + 1; i < FIELD_COUNT; i++) {
        struct str name = field_name((enum field_id)i);
        char upper[64];
        for (size_t k = 0; k < name.len; k++) {
            char c = name.ptr[k];
            upper[k] = c >= 'a' && c <= 'z' ? (char)(c - 32) : c;
        }
        assert_int_equal(field_lookup(name), i);
        assert_int_equal(field_lookup(str_n(upper, name.len)), i);
        upper[name.len - 1] = '~';
        assert_int_equal(field_lookup(str_n(upper, name.len)), FIELD_OTHER);
    }
}

static void test_field_lookup_takes_nothing_near(void **state)
{
    (void)state;
    static const char *const names[] = {
        "",
        "h",
        "hos",
        "hosts",
        "content_length",
        "te ",
        "xtransfer-encoding",
        "transfer_encoding",
        "content-lengt\x08",
        "\rost",
        "x-request\rid",
        "keep\ralive",
        "content\x0dlength",
    };
    for (size_t i = 0; i < COUNT(names); i++) {
        assert_int_equal(field_lookup(str_of(names[i])), FIELD_OTHER);
    }
}

static void test_field_names_blurred_by_environments(void **state)
{
    (void)state;
    assert_int_equal(field_lookup_blurred(STR("X_Forwarded_For")), FIELD_X_FORWARDED_FOR);
    assert_int_equal(field_lookup_blurred(STR("content-length")), FIELD_OTHER);
    assert_int_equal(field_lookup_blurred(STR("CONTENT_LENGTH")), FIELD_CONTENT_LENGTH);
    assert_int_equal(field_lookup_blurred(STR("Transfer_Encoding")), FIELD_TRANSFER_ENCODING);
    assert_int_equal(field_lookup_blurred(STR("_Host")), FIELD_OTHER);
    assert_int_equal(field_lookup_blurred(STR("")), FIELD_OTHER);
    assert_int_equal(field_lookup_blurred(STR("x_____________________________________forwarded")),
                     FIELD_OTHER);
}

static void test_field_flags_are_those_of_the_table(void **state)
{
    (void)state;
    assert_int_equal(field_flags(FIELD_OTHER), 0);
    assert_int_equal(field_flags(FIELD_COUNT), 0);
    assert_int_equal(field_flags(FIELD_HOST), FIELD_PROTECTED | FIELD_SINGLE);
    assert_true((field_flags(FIELD_TRANSFER_ENCODING) & FIELD_FRAMING) != 0);
    assert_true((field_flags(FIELD_X_REAL_IP) & FIELD_CLIENT) != 0);
    assert_int_equal(field_name(FIELD_OTHER).len, 0);
}

/* The grammars byte by byte, written down a second time. */
static void test_field_bytes_follow_the_grammar(void **state)
{
    (void)state;
    for (unsigned b = 0; b < 256; b++) {
        char c = (char)b;
        bool is_alnum = (b >= '0' && b <= '9') || ((b | 32) >= 'a' && (b | 32) <= 'z');
        bool is_token = (is_alnum && b < 128) || (b != 0 && strchr("!#$%&'*+-.^_`|~", c) != NULL);
        bool is_value = b == '\t' || (b >= ' ' && b != 0x7f);
        assert_int_equal(field_is_token(str_n(&c, 1)), is_token);
        assert_int_equal(field_is_value(str_n(&c, 1)), is_value);
        assert_int_equal(chars_is(c, CHARS_TARGET), is_value && b != ' ' && b != '\t');
    }
    assert_false(field_is_token(STR("")));
    assert_true(field_is_value(STR("")));
}

static void test_field_next_element_skips_empty_ones(void **state)
{
    (void)state;
    struct str rest = STR(" ,, a ,\t, b b\t,,\"c, close");
    static const char *const wanted[] = {"a", "b b", "\"c", "close"};
    struct str element;
    for (size_t i = 0; i < COUNT(wanted); i++) {
        assert_true(field_next_element(&rest, &element));
        assert_str(element, str_of(wanted[i]), "element");
    }
    assert_false(field_next_element(&rest, &element));
    rest = STR("");
    assert_false(field_next_element(&rest, &element));
    rest = STR(", ,");
    assert_false(field_next_element(&rest, &element));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_field_lookup_finds_every_name),
        cmocka_unit_test(test_field_lookup_takes_nothing_near),
        cmocka_unit_test(test_field_names_blurred_by_environments),
        cmocka_unit_test(test_field_flags_are_those_of_the_table),
        cmocka_unit_test(test_field_bytes_follow_the_grammar),
        cmocka_unit_test(test_field_next_element_skips_empty_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
