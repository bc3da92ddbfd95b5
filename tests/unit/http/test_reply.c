/* SPDX-License-Identifier: MIT */
#include "http/reply.h"

#include "base/buf.h"
#include "http/h1_write.h"
#include "http_test.h"

static bool has(struct str s, const char *part)
{
    return memmem(s.ptr, s.len, part, strlen(part)) != NULL;
}

static struct str value_of(const struct message *m, const char *name)
{
    for (size_t i = 0; i < m->field_count; i++) {
        if (str_ieq(m->fields[i].name, str_of(name))) {
            return m->fields[i].value;
        }
    }
    return STR("");
}

static void test_reply_form_follows_accept(void **state)
{
    (void)state;
    static const struct {
        const char *accept;
        const char *type;
    } cases[] = {
        {"", "text/plain; charset=utf-8"},
        {"Accept: */*\r\n", "text/plain; charset=utf-8"},
        {"Accept: text/html\r\n", "text/html; charset=utf-8"},
        {"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n",
         "text/html; charset=utf-8"},
        {"Accept: application/json\r\n", "application/json"},
        {"Accept: APPLICATION/JSON; charset=utf-8\r\n", "application/json"},
        {"Accept: application/problem+json\r\n", "application/json"},
        {"Accept: application/json, text/plain, */*\r\n", "application/json"},
        {"Accept: text/html;q=0.5, application/json\r\n", "application/json"},
        {"Accept: text/html;q=0.5, application/json;q=0.51\r\n", "application/json"},
        {"Accept: application/json;q=0, text/html;q=0.1\r\n", "text/html; charset=utf-8"},
        {"Accept: application/json;q=0\r\n", "text/plain; charset=utf-8"},
        {"Accept: text/plain, text/html\r\n", "text/plain; charset=utf-8"},
        {"Accept: image/png\r\nAccept: text/html\r\n", "text/html; charset=utf-8"},
        {"Accept: ;;q=x,,text/html;q=\r\n", "text/html; charset=utf-8"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct arena arena;
        struct message m;
        struct reply r;
        arena_init(&arena, 4096);
        make_message(&m, &arena, arena_printf(&arena, "GET / HTTP/1.1\r\n%s", cases[i].accept).ptr,
                     false);
        reply_error(&arena, WHY_NO_SITE, &m, STR("id"), &r);
        assert_str(value_of(&r.head, "content-type"), str_of(cases[i].type), cases[i].accept);
        arena_fini(&arena);
    }
}

static void test_reply_speaks_grpc_to_grpc(void **state)
{
    (void)state;
    static const struct {
        const char *type;
        enum why why;
        const char *code; /* NULL: a page of HTTP's */
    } cases[] = {
        {"application/grpc", WHY_CONNECT_REFUSED, "14"},
        {"application/grpc+proto", WHY_NO_ENDPOINT, "14"},
        {"Application/gRPC; charset=x", WHY_UPSTREAM_TIMEOUT, "14"},
        {"application/grpc", WHY_NO_SITE, "12"},
        {"application/grpc", WHY_BODY_TOO_LARGE, "8"},
        {"application/grpc", WHY_HEADER_TOO_LARGE, "8"},
        {"application/grpc", WHY_BAD_FIELD, "13"},
        {"application/grpc", WHY_INTERNAL, "13"},
        {"application/grpc", WHY_MISDIRECTED, "14"},
        {"application/grpc", WHY_EXPECTATION, "2"},
        {"application/grpc-web", WHY_CONNECT_REFUSED, NULL},
        {"application/grp", WHY_CONNECT_REFUSED, NULL},
        {"text/plain", WHY_CONNECT_REFUSED, NULL},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct arena arena;
        struct message m;
        struct reply r;
        arena_init(&arena, 4096);
        make_message(
            &m, &arena,
            arena_printf(&arena, "POST / HTTP/1.1\r\nContent-Type: %s\r\n", cases[i].type).ptr,
            false);
        reply_error(&arena, cases[i].why, &m, STR("id"), &r);
        assert_str(value_of(&r.head, "x-request-id"), STR("id"), cases[i].type);
        if (cases[i].code == NULL) {
            assert_int_equal(r.head.status, why_status(cases[i].why));
            assert_int_equal(value_of(&r.head, "grpc-status").len, 0);
        } else {
            assert_int_equal(r.head.status, 200);
            assert_int_equal(r.body.len, 0);
            assert_str(value_of(&r.head, "grpc-status"), str_of(cases[i].code), cases[i].type);
            assert_str(value_of(&r.head, "grpc-message"), str_of(why_label(cases[i].why)), "label");
            assert_str(value_of(&r.head, "content-type"), STR("application/grpc"), "type");
        }
        arena_fini(&arena);
    }
}

static void test_reply_error_says_what_it_must(void **state)
{
    (void)state;
    struct arena arena;
    struct message m;
    struct reply r;
    arena_init(&arena, 4096);
    reply_error(&arena, WHY_NO_ENDPOINT, NULL, STR("abc123"), &r);
    reply_retry_after(&r, 7);
    assert_int_equal(r.head.status, 503);
    assert_str(value_of(&r.head, "retry-after"), STR("7"), "retry");
    assert_str(value_of(&r.head, "cache-control"), STR("no-store"), "cache");
    assert_str(value_of(&r.head, "x-request-id"), STR("abc123"), "id");
    assert_true(value_of(&r.head, "date").len > 0);
    assert_true(has(r.body, "503 Service Unavailable"));
    assert_true(has(r.body, "abc123"));
    assert_true(has(r.body, "no_endpoint"));
    assert_false(has(r.body, why_text(WHY_NO_ENDPOINT)));

    reply_error(&arena, WHY_CONNECT_REFUSED, NULL, STR("i"), &r);
    reply_retry_after(&r, 7);
    assert_int_equal(value_of(&r.head, "retry-after").len, 0);
    reply_error(&arena, WHY_METHOD_REFUSED, NULL, STR("i"), &r);
    assert_str(value_of(&r.head, "allow"), STR("GET, HEAD"), "allow");
    make_message(&m, &arena, "CONNECT a:1 HTTP/1.1\r\n", false);
    reply_error(&arena, WHY_METHOD_REFUSED, &m, STR("i"), &r);
    assert_true(has(value_of(&r.head, "allow"), "POST"));
    reply_error(&arena, WHY_INTERNAL, NULL, STR("bad\r\nid"), &r);
    assert_int_equal(value_of(&r.head, "x-request-id").len, 0);
    arena_fini(&arena);
}

static void test_reply_error_escapes(void **state)
{
    (void)state;
    struct arena arena;
    struct message m;
    struct reply r;
    arena_init(&arena, 4096);
    make_message(&m, &arena, "GET / HTTP/1.1\r\nAccept: text/html\r\n", false);
    reply_error(&arena, WHY_NO_SITE, &m, STR("<b>&\"'"), &r);
    assert_true(has(r.body, "&lt;b&gt;&amp;&quot;&#39;"));
    assert_false(has(r.body, "<b>"));
    assert_true(value_of(&r.head, "content-security-policy").len > 0);
    make_message(&m, &arena, "GET / HTTP/1.1\r\nAccept: application/json\r\n", false);
    reply_error(&arena, WHY_NO_SITE, &m, STR("a\"b\\c\xe4"), &r);
    assert_true(has(r.body, "a\\u0022b\\u005cc\\u00e4"));
    arena_fini(&arena);
}

/* Every reason in every form can be sent. */
static void test_reply_error_can_be_written(void **state)
{
    (void)state;
    static const char *const accepts[] = {"text/html", "application/json", "*/*"};
    for (int why = 0; why < WHY_COUNT * (int)COUNT(accepts); why++) {
        struct arena arena;
        struct message m;
        struct reply r;
        struct buf out;
        arena_init(&arena, 4096);
        buf_init(&out, 65536);
        make_message(
            &m, &arena,
            arena_printf(&arena, "GET / HTTP/1.1\r\nAccept: %s\r\n", accepts[why / WHY_COUNT]).ptr,
            false);
        reply_error(&arena, (enum why)(why % WHY_COUNT), &m, STR("id"), &r);
        const struct h1_response_opts opts = {.body = {BODY_LENGTH, r.body.len}};
        assert_true(r.body.len > 0 && r.body.len < 4096);
        assert_int_equal(h1_write_response(&out, &r.head, &opts), OK);
        buf_fini(&out);
        arena_fini(&arena);
    }
}

static void test_reply_redirect_keeps_the_location(void **state)
{
    (void)state;
    struct arena arena;
    struct reply r;
    arena_init(&arena, 4096);
    reply_redirect(&arena, 301, STR("https://a.com/b?c"), STR("id"), &r);
    assert_int_equal(r.head.status, 301);
    assert_str(r.head.reason, STR("Moved Permanently"), "reason");
    assert_str(value_of(&r.head, "location"), STR("https://a.com/b?c"), "location");
    assert_str(value_of(&r.head, "x-request-id"), STR("id"), "id");
    assert_true(has(r.body, "https://a.com/b?c"));
    reply_make(&arena, 204, STR(""), STR(""), &r);
    assert_int_equal(value_of(&r.head, "content-type").len, 0);
    arena_fini(&arena);
}

static void test_reply_new_id_is_fresh_hex(void **state)
{
    (void)state;
    char a[REPLY_ID_MAX];
    char b[REPLY_ID_MAX];
    reply_new_id(a);
    reply_new_id(b);
    assert_int_equal(strlen(a), 32);
    assert_int_equal(strspn(a, "0123456789abcdef"), 32);
    assert_string_not_equal(a, b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reply_form_follows_accept),
        cmocka_unit_test(test_reply_speaks_grpc_to_grpc),
        cmocka_unit_test(test_reply_error_says_what_it_must),
        cmocka_unit_test(test_reply_error_escapes),
        cmocka_unit_test(test_reply_error_can_be_written),
        cmocka_unit_test(test_reply_redirect_keeps_the_location),
        cmocka_unit_test(test_reply_new_id_is_fresh_hex),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
