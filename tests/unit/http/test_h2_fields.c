/* SPDX-License-Identifier: MIT */
/* Decoded header blocks become messages, or say what is wrong with them. */
#include "http/h2_fields.h"

#include "http_test.h"

#include <string.h>

static const struct h1_limits limits = {4096, 40};

/* A block written as "name=value|name=value"; a name may begin with ":". */
static int take(struct h2_head *h, enum h2_head_kind kind, struct message *m, struct arena *arena,
                const char *text)
{
    struct str rest = str_of(text);
    struct str pair;
    message_init(m, arena);
    h2_head_init(h, kind, m, &limits);
    while (rest.len > 0 && str_next(&rest, '|', &pair)) {
        ptrdiff_t at = str_find(pair, '=');
        h2_head_add(h, str_sub(pair, 0, (size_t)at), str_from(pair, (size_t)at + 1));
    }
    return h2_head_end(h);
}

#define GET "method=GET|:scheme=https|:authority=a.com|:path=/x"

static void test_fields_a_request(void **state)
{
    struct arena arena;
    struct message m;
    struct h2_head h;
    (void)state;
    arena_init(&arena, 1024);
    assert_int_equal(take(&h, H2_HEAD_REQUEST, &m, &arena,
                          ":" GET "?q=1|accept=*/*|cookie=a=1|te=trailers|cookie=|cookie=b=2"),
                     OK);
    assert_int_equal(m.method, METHOD_GET);
    assert_int_equal(m.version, HTTP_2);
    assert_str(m.target, STR("/x?q=1"), "target");
    assert_str(h.scheme, STR("https"), "scheme");
    assert_str(fields_text(&m), STR("accept: */*\ncookie: a=1; ; b=2\nte: trailers\nhost: a.com\n"),
               "fields");
    /* As HTTP/1 would read it: no value ends in a space (RFC 9112 section 5). */
    assert_int_equal(take(&h, H2_HEAD_REQUEST, &m, &arena, ":" GET "|cookie=a=1|cookie="), OK);
    assert_str(fields_text(&m), STR("cookie: a=1;\nhost: a.com\n"), "fields");
    assert_int_equal(take(&h, H2_HEAD_REQUEST, &m, &arena, ":" GET "|host=A.com|content-length=12"),
                     OK);
    assert_true(h.has_length && h.length == 12);
    assert_int_equal(message_count(&m, FIELD_HOST), 1);
    assert_int_equal(
        take(&h, H2_HEAD_REQUEST, &m, &arena, ":method=OPTIONS|:scheme=http|:path=*|host=a"), OK);
    assert_int_equal(take(&h, H2_HEAD_REQUEST, &m, &arena, ":method=CONNECT|:authority=a:443"), OK);
    assert_str(m.target, STR("a:443"), "CONNECT");
    assert_int_equal(take(&h, H2_HEAD_REQUEST, &m, &arena,
                          ":method=CONNECT|:scheme=https|:authority=a|:path=/ws|"
                          ":protocol=websocket"),
                     OK);
    assert_str(h.protocol, STR("websocket"), "protocol");
    arena_fini(&arena);
}

static void test_fields_malformed_requests(void **state)
{
    static const struct {
        const char *text;
        enum why why;
    } cases[] = {
        {":scheme=https|:authority=a|:path=/", WHY_BAD_REQUEST_LINE},
        {":method=GET|:authority=a|:path=/", WHY_BAD_REQUEST_LINE},
        {":method=GET|:scheme=https|:authority=a", WHY_BAD_REQUEST_LINE},
        {":method=CONNECT|:authority=a|:path=/", WHY_BAD_REQUEST_LINE},
        {":method=CONNECT", WHY_BAD_REQUEST_LINE},
        {":" GET "|:path=/y", WHY_BAD_FIELD},
        {":" GET "|:status=200", WHY_BAD_FIELD},
        {":" GET "|:unknown=1", WHY_BAD_FIELD},
        {":method=GET|:scheme=https|accept=x|:authority=a|:path=/", WHY_BAD_FIELD},
        {":method=G T|:scheme=https|:authority=a|:path=/", WHY_BAD_METHOD},
        {":method=|:scheme=https|:authority=a|:path=/", WHY_BAD_METHOD},
        {":method=GET|:scheme=https|:authority=a|:path=", WHY_BAD_TARGET},
        {":method=GET|:scheme=https|:authority=a|:path=/ HTTP/1.1\r\nX: y", WHY_BAD_TARGET},
        {":method=GET|:scheme=https|:authority=a|:path=x", WHY_BAD_TARGET},
        {":method=GET|:scheme=https|:authority=a|:path=*", WHY_BAD_TARGET},
        {":method=GET|:scheme=https|:authority=a|:path=http://a/", WHY_BAD_TARGET},
        {":method=GET|:scheme=|:authority=a|:path=/", WHY_BAD_TARGET},
        {":method=GET|:scheme=https|:authority=a b|:path=/", WHY_BAD_HOST},
        {":" GET "|host=b.com", WHY_BAD_HOST},
        {":" GET "|host=a.com|host=a.com", WHY_BAD_HOST},
        {":" GET "|:protocol=websocket", WHY_BAD_UPGRADE},
        {":" GET "|Accept=x", WHY_BAD_FIELD},
        {":" GET "|=x", WHY_BAD_FIELD},
        {":" GET "|a b=x", WHY_BAD_FIELD},
        {":" GET "|a:=x", WHY_BAD_FIELD},
        {":" GET "|a=x\r\ny: z", WHY_BAD_FIELD},
        {":" GET "|a=x\001", WHY_BAD_FIELD},
        {":" GET "|a= x", WHY_BAD_FIELD},
        {":" GET "|a=x\t", WHY_BAD_FIELD},
        {":" GET "|connection=close", WHY_BAD_FIELD},
        {":" GET "|keep-alive=1", WHY_BAD_FIELD},
        {":" GET "|proxy-connection=x", WHY_BAD_FIELD},
        {":" GET "|transfer-encoding=chunked", WHY_BAD_FIELD},
        {":" GET "|upgrade=h2c", WHY_BAD_FIELD},
        {":" GET "|te=gzip", WHY_BAD_FIELD},
        {":" GET "|te=trailers, gzip", WHY_BAD_FIELD},
        {":" GET "|content-length=1|content-length=1", WHY_BAD_FRAMING},
        {":" GET "|content-length=", WHY_BAD_FRAMING},
        {":" GET "|content-length=+1", WHY_BAD_FRAMING},
        {":" GET "|content-length=1, 1", WHY_BAD_FRAMING},
        {":" GET "|content-length=99999999999999999999", WHY_BAD_FRAMING},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct arena arena;
        struct message m;
        struct h2_head h;
        arena_init(&arena, 1024);
        int err = take(&h, H2_HEAD_REQUEST, &m, &arena, cases[i].text);
        if (err != ERR_PROTOCOL || h.malformed != cases[i].why) {
            fail_msg("\"%s\": %s, %s", cases[i].text, err_text(err), why_label(h.malformed));
        }
        arena_fini(&arena);
    }
}

static void test_fields_limits(void **state)
{
    struct arena arena;
    struct message m;
    struct h2_head h;
    char big[5000];
    (void)state;
    arena_init(&arena, 1024);
    memset(big, 'x', sizeof(big));
    message_init(&m, &arena);
    h2_head_init(&h, H2_HEAD_REQUEST, &m, &limits);
    h2_head_add(&h, STR(":method"), STR("GET"));
    h2_head_add(&h, STR("a"), str_n(big, sizeof(big)));
    h2_head_add(&h, STR("b"), STR("1"));
    assert_int_equal(h2_head_end(&h), ERR_LIMIT);
    assert_int_equal(h.too_large, WHY_HEADER_TOO_LARGE);
    assert_true(m.field_count == 0 && m.method == METHOD_GET && arena.used < 2048);

    message_init(&m, &arena);
    h2_head_init(&h, H2_HEAD_REQUEST, &m, &limits);
    h2_head_add(&h, STR(":path"), str_n(big, sizeof(big)));
    assert_int_equal(h2_head_end(&h), ERR_LIMIT);
    assert_int_equal(h.too_large, WHY_URI_TOO_LONG);

    message_init(&m, &arena);
    h2_head_init(&h, H2_HEAD_REQUEST, &m, &limits);
    for (int i = 0; i < 41; i++) {
        h2_head_add(&h, STR("a"), STR("1"));
    }
    assert_int_equal(h2_head_end(&h), ERR_LIMIT);
    assert_int_equal(h.too_large, WHY_TOO_MANY_FIELDS);
    /* Whoever is malformed and too large is malformed. */
    h2_head_add(&h, STR("A"), STR("1"));
    assert_int_equal(h2_head_end(&h), ERR_PROTOCOL);
    arena_fini(&arena);
}

static void test_fields_responses_and_trailers(void **state)
{
    struct arena arena;
    struct message m;
    struct h2_head h;
    static const char *const bad[] = {
        "server=x",     ":status=101",         ":status=20",
        ":status=2000", ":status=600",         ":status=200|:status=200",
        ":status=099",  ":status=200|:path=/", ":status=+20"};
    (void)state;
    arena_init(&arena, 1024);
    assert_int_equal(take(&h, H2_HEAD_RESPONSE, &m, &arena, ":status=204|server=x"), OK);
    assert_int_equal(m.status, 204);
    assert_str(m.reason, STR("No Content"), "reason");
    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_int_equal(take(&h, H2_HEAD_RESPONSE, &m, &arena, bad[i]), ERR_PROTOCOL);
    }
    assert_int_equal(take(&h, H2_HEAD_TRAILERS, &m, &arena,
                          "grpc-status=0|content-length=5|host=x|authorization=y|x-sum=1"),
                     OK);
    assert_str(fields_text(&m), STR("grpc-status: 0\nx-sum: 1\n"), "trailers");
    assert_int_equal(take(&h, H2_HEAD_TRAILERS, &m, &arena, ":status=200"), ERR_PROTOCOL);
    assert_int_equal(take(&h, H2_HEAD_TRAILERS, &m, &arena, "Upper=1"), ERR_PROTOCOL);
    arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields_a_request),
        cmocka_unit_test(test_fields_malformed_requests),
        cmocka_unit_test(test_fields_limits),
        cmocka_unit_test(test_fields_responses_and_trailers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
