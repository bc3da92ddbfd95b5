/* SPDX-License-Identifier: MIT */
#include "http/trailer.h"

#include "base/buf.h"
#include "http/h1_chunk.h"
#include "http/h1_write.h"
#include "http_test.h"

static const char *const allowed[] = {"Grpc-Status",
                                      "grpc-message",
                                      "Server-Timing",
                                      "Digest",
                                      "Repr-Digest",
                                      "X-Checksum",
                                      "ETag",
                                      "Content-MD5",
                                      "x",
                                      "Content-Digest",
                                      "X-Request-Tag",
                                      "Link",
                                      "Ifx",
                                      "Authenticate",
                                      "Authentication-Info"};
static const char *const refused[] = {"X-Client-Cert-Subject",
                                      "x_client_cert_verified",
                                      "Proxy",
                                      "Content-Length",
                                      "TRANSFER-ENCODING",
                                      "Host",
                                      "Connection",
                                      "keep-alive",
                                      "TE",
                                      "Trailer",
                                      "Upgrade",
                                      "Proxy-Connection",
                                      "HTTP2-Settings",
                                      "Authorization",
                                      "Cookie",
                                      "Set-Cookie",
                                      "Content-Type",
                                      "Content-Encoding",
                                      "content-range",
                                      "Content-Location",
                                      "Cache-Control",
                                      "Expect",
                                      "Max-Forwards",
                                      "Pragma",
                                      "Range",
                                      "If-Match",
                                      "if-modified-since",
                                      "WWW-Authenticate",
                                      "Proxy-Authorization",
                                      "Age",
                                      "Date",
                                      "Expires",
                                      "Location",
                                      "Retry-After",
                                      "Vary",
                                      "Warning",
                                      "X-Forwarded-For",
                                      "X-Real-IP",
                                      "Forwarded",
                                      "X-Forwarded-Proto",
                                      "X_Forwarded_For",
                                      "x-forwarded_for",
                                      "Transfer_Encoding",
                                      "Content_Length",
                                      "Origin",
                                      "Content-Security-Policy"};

static void test_trailer_is_allowed(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(allowed); i++) {
        if (!trailer_is_allowed(str_of(allowed[i]))) {
            fail_msg("%s is refused", allowed[i]);
        }
    }
    for (size_t i = 0; i < COUNT(refused); i++) {
        if (trailer_is_allowed(str_of(refused[i]))) {
            fail_msg("%s is allowed", refused[i]);
        }
    }
}

static void test_trailer_names_of_any_length(void **state)
{
    char name[200];
    (void)state;
    memset(name, 'a', sizeof(name));
    for (size_t len = 1; len <= sizeof(name); len++) {
        assert_true(trailer_is_allowed(str_n(name, len)));
    }
    memcpy(name, "Content-", 8);
    assert_false(trailer_is_allowed(str_n(name, sizeof(name))));
}

static void test_trailer_filter_keeps_order(void **state)
{
    struct arena arena;
    struct message m;
    (void)state;
    arena_init(&arena, 1024);
    message_init(&m, &arena);
    assert_int_equal(
        h1_parse_trailers(STR("A: 1\r\nHost: x\r\nB:\r\nA: 2\r\nContent-Length: 3\r\n"), 5, &m),
        OK);
    trailer_filter(&m);
    assert_str(fields_text(&m), STR("A: 1\nB: \nA: 2\n"), "left");
    arena_fini(&arena);
}

static void test_h1_parse_trailers_refuses(void **state)
{
    static const struct {
        const char *lines;
        size_t max;
        int err;
    } table[] = {
        {"", 0, OK},
        {"A: 1\r\n", 1, OK},
        {"A: 1\r\nB: 2\r\n", 1, ERR_LIMIT},
        {"A: 1\r\n\r\n", 5, ERR_SYNTAX},
        {"A: 1", 5, ERR_SYNTAX},
        {"A : 1\r\n", 5, ERR_SYNTAX},
        {" A: 1\r\n", 5, ERR_SYNTAX},
        {"A\r\n", 5, ERR_SYNTAX},
        {"A: \x01\r\n", 5, ERR_SYNTAX},
        {"A: 1\nB: 2\r\n", 5, ERR_SYNTAX},
    };
    struct arena arena;
    (void)state;
    arena_init(&arena, 1024);
    for (size_t i = 0; i < COUNT(table); i++) {
        struct message m;
        message_init(&m, &arena);
        int err = h1_parse_trailers(str_of(table[i].lines), table[i].max, &m);
        if (err != table[i].err) {
            fail_msg("case %zu: got %d, wanted %d", i, err, table[i].err);
        }
    }
    arena_fini(&arena);
}

static void test_h1_write_trailers_are_read_back(void **state)
{
    struct arena arena;
    struct message m, again;
    struct buf out;
    struct h1_chunk c;
    struct str data;
    size_t used = 0;
    (void)state;
    arena_init(&arena, 1024);
    buf_init(&out, 4096);
    message_init(&m, &arena);
    message_add(&m, STR("Grpc-Status"), STR("0"));
    message_add(&m, STR("Host"), STR("evil"));
    message_add(&m, STR("Empty"), STR(""));
    assert_int_equal(h1_write_trailers(&out, &m), OK);
    assert_str(buf_str(&out), STR("0\r\nGrpc-Status: 0\r\nEmpty: \r\n\r\n"), "written");
    h1_chunk_init(&c, &arena);
    assert_int_equal(h1_chunk_decode(&c, buf_str(&out), &used, &data), ERR_EOF);
    message_init(&again, &arena);
    assert_int_equal(h1_parse_trailers(h1_chunk_trailers(&c), 10, &again), OK);
    assert_str(fields_text(&again), STR("Grpc-Status: 0\nEmpty: \n"), "read back");

    buf_clear(&out);
    message_init(&m, &arena);
    message_add(&m, STR("A"), STR("1\r\nB: 2"));
    assert_int_equal(h1_write_trailers(&out, &m), ERR_SYNTAX);
    assert_int_equal(buf_len(&out), 0);
    message_init(&m, &arena); /* none: a last chunk like any other */
    assert_int_equal(h1_write_trailers(&out, &m), OK);
    assert_str(buf_str(&out), STR("0\r\n\r\n"), "none");
    buf_fini(&out);
    arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_trailer_is_allowed),
        cmocka_unit_test(test_trailer_names_of_any_length),
        cmocka_unit_test(test_trailer_filter_keeps_order),
        cmocka_unit_test(test_h1_parse_trailers_refuses),
        cmocka_unit_test(test_h1_write_trailers_are_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
