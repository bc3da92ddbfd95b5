/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "net/proxy_protocol.h"

#define V2_SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define V2_TCP4                                                                                    \
    V2_SIGNATURE "\x21\x11\x00\x0c"                                                                \
                 "\xc0\x00\x02\x01\xc0\x00\x02\x02\x1f\x90\x01\xbb"

static int parse(struct str bytes, struct proxy_header *out_header, size_t *out_len)
{
    return proxy_protocol_parse(bytes, out_header, out_len);
}

static void check_source(const struct proxy_header *h, const char *source, const char *destination)
{
    char text[ADDR_TEXT_MAX];

    assert_string_equal(addr_print(&h->source, text), source);
    assert_string_equal(addr_print(&h->destination, text), destination);
}

static void test_proxy_protocol_v1(void **state)
{
    struct proxy_header h;
    size_t len = 0;

    (void)state;
    assert_int_equal(parse(STR("PROXY TCP4 192.0.2.1 192.0.2.2 8080 443\r\nGET /"), &h, &len), OK);
    assert_int_equal(len, 41);
    assert_int_equal(h.version, 1);
    assert_false(h.local);
    check_source(&h, "192.0.2.1:8080", "192.0.2.2:443");
    assert_int_equal(parse(STR("PROXY TCP6 2001:db8::1 ::1 1 65535\r\n"), &h, &len), OK);
    check_source(&h, "[2001:db8::1]:1", "[::1]:65535");
    assert_int_equal(parse(STR("PROXY UNKNOWN\r\n"), &h, &len), OK);
    assert_int_equal(len, 15);
    assert_int_equal(h.source.len, 0);
    assert_int_equal(parse(STR("PROXY UNKNOWN what ever follows\r\n"), &h, &len), OK);
}

static void test_proxy_protocol_v1_bad(void **state)
{
    static const char *const bad[] = {
        "PROXY TCP4 192.0.2.1 192.0.2.2 8080 443\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 8080\r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 8080 443 1\r\n",
        "PROXY TCP4  192.0.2.1 192.0.2.2 8080 443\r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 8080 65536\r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 08080 443\r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 -1 443\r\n",
        "PROXY TCP4 ::1 ::2 8080 443\r\n",
        "PROXY TCP6 192.0.2.1 192.0.2.2 8080 443\r\n",
        "PROXY TCP6 [::1] [::2] 8080 443\r\n",
        "PROXY UDP4 192.0.2.1 192.0.2.2 8080 443\r\n",
        "PROXY tcp4 192.0.2.1 192.0.2.2 8080 443\r\n",
        "PROXY \r\n",
        "PROXY \n",
    };
    struct proxy_header h;
    size_t len;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(parse(str_of(bad[i]), &h, &len), ERR_SYNTAX);
    }
}

static void test_proxy_protocol_v1_line_is_bounded(void **state)
{
    char line[256];
    struct proxy_header h;
    size_t len = 0;

    (void)state;
    memset(line, 'x', sizeof(line));
    memcpy(line, "PROXY UNKNOWN ", 14);
    assert_int_equal(parse(str_n(line, 106), &h, &len), ERR_AGAIN);
    assert_int_equal(parse(str_n(line, 107), &h, &len), ERR_SYNTAX);
    memcpy(line + 105, "\r\n", 2);
    assert_int_equal(parse(str_n(line, sizeof(line)), &h, &len), OK);
    assert_int_equal(len, 107);
    memcpy(line + 105, "x\r\n", 3);
    assert_int_equal(parse(str_n(line, sizeof(line)), &h, &len), ERR_SYNTAX);
}

static void test_proxy_protocol_v2(void **state)
{
    struct proxy_header h;
    size_t len = 0;

    (void)state;
    assert_int_equal(parse(STR(V2_TCP4 "GET"), &h, &len), OK);
    assert_int_equal(len, 28);
    assert_int_equal(h.version, 2);
    check_source(&h, "192.0.2.1:8080", "192.0.2.2:443");
    /* TCP6 with a TLV behind it. */
    assert_int_equal(parse(STR(V2_SIGNATURE "\x21\x21\x00\x28"
                                            "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"
                                            "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02"
                                            "\x00\x50\x01\xbb\x04\x00\x01\xff"),
                           &h, &len),
                     OK);
    assert_int_equal(len, 56);
    check_source(&h, "[2001:db8::1]:80", "[2001:db8::2]:443");
    assert_int_equal(parse(STR(V2_SIGNATURE "\x20\x00\x00\x00"), &h, &len), OK);
    assert_true(h.local);
    assert_int_equal(h.source.len, 0);
    assert_int_equal(len, 16);
    /* UNSPEC and UDP name no TCP client. */
    assert_int_equal(parse(STR(V2_SIGNATURE "\x21\x00\x00\x02zz"), &h, &len), OK);
    assert_false(h.local);
    assert_int_equal(h.source.len, 0);
    assert_int_equal(parse(STR(V2_SIGNATURE "\x21\x12\x00\x00"), &h, &len), OK);
    assert_int_equal(h.source.len, 0);
}

/* Whatever stands behind the addresses is skipped by its length, and nothing in it is believed. */
static void test_proxy_protocol_v2_skips_the_rest(void **state)
{
    static char bytes[PROXY_HEADER_MAX + 1];
    struct proxy_header h;
    size_t len = 0;

    (void)state;
    /* A TLV that says it is longer than the header, one without a length, one of no type at all. */
    assert_int_equal(parse(STR(V2_SIGNATURE "\x21\x11\x00\x10"
                                            "\xc0\x00\x02\x01\xc0\x00\x02\x02\x1f\x90\x01\xbb"
                                            "\x04\xff\xffx"),
                           &h, &len),
                     OK);
    assert_int_equal(len, 32);
    check_source(&h, "192.0.2.1:8080", "192.0.2.2:443");
    /* Unix sockets, with and without their 216 bytes; LOCAL with anything behind it. */
    assert_int_equal(parse(STR(V2_SIGNATURE "\x21\x31\x00\x02zz"), &h, &len), OK);
    assert_int_equal(h.source.len, 0);
    assert_int_equal(parse(STR(V2_SIGNATURE "\x20\x11\x00\x01z"), &h, &len), OK);
    assert_true(h.local && h.source.len == 0);
    /* As long as may be, and one byte more. */
    memcpy(bytes, V2_TCP4, 28);
    bytes[14] = (char)((PROXY_HEADER_MAX - 16) >> 8);
    bytes[15] = (char)((PROXY_HEADER_MAX - 16) & 0xff);
    assert_int_equal(parse(str_n(bytes, PROXY_HEADER_MAX - 1), &h, &len), ERR_AGAIN);
    assert_int_equal(parse(str_n(bytes, sizeof(bytes)), &h, &len), OK);
    assert_int_equal(len, PROXY_HEADER_MAX);
    bytes[15]++;
    assert_int_equal(parse(str_n(bytes, 16), &h, &len), ERR_LIMIT);
}

static void test_proxy_protocol_v2_bad(void **state)
{
    struct proxy_header h;
    size_t len;

    (void)state;
    assert_int_equal(parse(STR(V2_SIGNATURE "\x11"), &h, &len), ERR_SYNTAX);
    assert_int_equal(parse(STR(V2_SIGNATURE "\x22\x11\x00\x00"), &h, &len), ERR_SYNTAX);
    assert_int_equal(parse(STR(V2_SIGNATURE "\x21\x41\x00\x00"), &h, &len), ERR_SYNTAX);
    assert_int_equal(parse(STR(V2_SIGNATURE "\x21\x13\x00\x00"), &h, &len), ERR_SYNTAX);
    assert_int_equal(parse(STR(V2_SIGNATURE "\x21\x11\x00\x04zzzz"), &h, &len), ERR_SYNTAX);
    assert_int_equal(parse(STR(V2_SIGNATURE "\x21\x11\xff\xff"), &h, &len), ERR_LIMIT);
}

/* Every true prefix asks for more, and none of them is taken for something else. */
static void check_prefixes(struct str whole)
{
    struct proxy_header h;
    size_t len = 0;

    for (size_t n = 0; n < whole.len; n++) {
        assert_int_equal(parse(str_n(whole.ptr, n), &h, &len), ERR_AGAIN);
    }
    assert_int_equal(parse(whole, &h, &len), OK);
    assert_int_equal(len, whole.len);
}

static void test_proxy_protocol_prefixes(void **state)
{
    (void)state;
    check_prefixes(STR("PROXY TCP4 192.0.2.1 192.0.2.2 8080 443\r\n"));
    check_prefixes(STR(V2_TCP4));
}

static void test_proxy_protocol_other_bytes(void **state)
{
    static const char *const other[] = {"GET / HTTP/1.1\r\n", "\x16\x03\x01",  "PROXYX", "proxy ",
                                        "\r\n\r\nGET",        "PRI * HTTP/2.0"};
    struct proxy_header h;
    size_t len;

    (void)state;
    for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++) {
        assert_int_equal(parse(str_of(other[i]), &h, &len), ERR_NOT_FOUND);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_proxy_protocol_v1),
        cmocka_unit_test(test_proxy_protocol_v1_bad),
        cmocka_unit_test(test_proxy_protocol_v1_line_is_bounded),
        cmocka_unit_test(test_proxy_protocol_v2),
        cmocka_unit_test(test_proxy_protocol_v2_skips_the_rest),
        cmocka_unit_test(test_proxy_protocol_v2_bad),
        cmocka_unit_test(test_proxy_protocol_prefixes),
        cmocka_unit_test(test_proxy_protocol_other_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
