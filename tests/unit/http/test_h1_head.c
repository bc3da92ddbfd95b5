/* SPDX-License-Identifier: MIT */
/* Finding the end of a head, in one piece and in drops. */
#include "http/h1_parse.h"

#include "http_test.h"

struct find_case {
    struct str bytes;
    size_t limit;
    int err;
    size_t len;
};

#define FIND(text, limit, err, len)                                                                \
    {                                                                                              \
        {text, sizeof(text) - 1}, limit, err, len                                                  \
    }

static const struct find_case cases[] = {
    FIND("GET / HTTP/1.1\r\n\r\n", 100, OK, 18),
    FIND("GET / HTTP/1.1\r\nA: b\r\n\r\nGET", 100, OK, 24),
    FIND("a\r\nb\r\n\r\n\r\n", 100, OK, 8),
    FIND("\r\n", 100, OK, 2),
    FIND("", 100, ERR_AGAIN, 0),
    FIND("G", 100, ERR_AGAIN, 0),
    FIND("GET / HTTP/1.1\r", 100, ERR_AGAIN, 0),
    FIND("GET / HTTP/1.1\r\n", 100, ERR_AGAIN, 0),
    FIND("GET / HTTP/1.1\r\n\r", 100, ERR_AGAIN, 0),
    FIND("GET / HTTP/1.1\n", 100, ERR_SYNTAX, 0),
    FIND("GET / HTTP/1.1\n\n", 100, ERR_SYNTAX, 0),
    FIND("GET\r / HTTP/1.1", 100, ERR_SYNTAX, 0),
    FIND("GET /\0 HTTP/1.1", 100, ERR_SYNTAX, 0),
    FIND("a\r\r\n\r\n", 100, ERR_SYNTAX, 0),
    FIND("a\r\n\n", 100, ERR_SYNTAX, 0),
    FIND("a\r\nb\rc", 100, ERR_SYNTAX, 0),
    FIND("\n", 100, ERR_SYNTAX, 0),
    FIND("a\tb\x0b\x0c\x01\xff\r\n\r\n", 100, OK, 11), /* left to the parser */
    FIND("aaaa\r\n\r\n", 8, OK, 8),
    FIND("aaaa\r\n\r\n", 7, ERR_LIMIT, 0),
    FIND("aaaa\r\n\r", 8, ERR_AGAIN, 0),
    FIND("aaaaaaaa", 8, ERR_LIMIT, 0),
    FIND("aaaaaaa", 8, ERR_AGAIN, 0),
    FIND("aaaaaaaaaaaa\n", 8, ERR_LIMIT, 0),
    FIND("aaa\naaaaaaaa", 8, ERR_SYNTAX, 0),
};

static void test_h1_find_head_in_one_piece(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct find_case *c = &cases[i];
        size_t scan = 0;
        size_t len = 0;
        int err = h1_find_head(c->bytes, c->limit, &scan, &len);
        if (err != c->err || len != c->len) {
            fail_msg("case %zu: got %d %zu, wanted %d %zu", i, err, len, c->err, c->len);
        }
    }
}

/* The same answer whatever the pieces, and never later than the deciding byte. */
static void test_h1_find_head_in_drops(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct find_case *c = &cases[i];
        size_t scan = 0;
        size_t len = 0;
        int err = ERR_AGAIN;
        for (size_t have = 0; have <= c->bytes.len && err == ERR_AGAIN; have++) {
            err = h1_find_head(str_n(c->bytes.ptr, have), c->limit, &scan, &len);
            assert_true(scan <= have);
        }
        if (err != c->err || len != c->len) {
            fail_msg("case %zu: got %d %zu, wanted %d %zu", i, err, len, c->err, c->len);
        }
    }
}

static void test_h1_skip_empty_takes_one_line(void **state)
{
    (void)state;
    size_t len = 9;
    assert_int_equal(h1_skip_empty(STR("\r\nGET"), &len), OK);
    assert_int_equal(len, 2);
    assert_int_equal(h1_skip_empty(STR("\r\n\r\n"), &len), OK);
    assert_int_equal(len, 2);
    assert_int_equal(h1_skip_empty(STR("GET"), &len), OK);
    assert_int_equal(len, 0);
    assert_int_equal(h1_skip_empty(STR(""), &len), OK);
    assert_int_equal(len, 0);
    assert_int_equal(h1_skip_empty(STR("\rGET"), &len), OK);
    assert_int_equal(len, 0);
    assert_int_equal(h1_skip_empty(STR("\nGET"), &len), OK);
    assert_int_equal(len, 0);
    assert_int_equal(h1_skip_empty(STR("\r"), &len), ERR_AGAIN);
}

static void test_h1_limit_why_tells_line_from_fields(void **state)
{
    (void)state;
    assert_int_equal(h1_limit_why(STR("GET /aaaaaaaaaaaaa")), WHY_URI_TOO_LONG);
    assert_int_equal(h1_limit_why(STR("GET / HTTP/1.1\r\nA: b")), WHY_HEADER_TOO_LARGE);
    assert_int_equal(h1_limit_why(STR("")), WHY_URI_TOO_LONG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_h1_find_head_in_one_piece),
        cmocka_unit_test(test_h1_find_head_in_drops),
        cmocka_unit_test(test_h1_skip_empty_takes_one_line),
        cmocka_unit_test(test_h1_limit_why_tells_line_from_fields),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
