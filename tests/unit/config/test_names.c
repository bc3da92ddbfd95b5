/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config/names.h"

static void assert_str(struct str s, const char *expected)
{
    assert_int_equal(s.len, strlen(expected));
    assert_memory_equal(s.ptr, expected, s.len);
}

static void test_names_target_fills_everything(void **state)
{
    static const struct {
        const char *text;
        const char *host;
        const char *service;
        uint16_t port;
        bool is_literal;
    } good[] = {
        {"http://service-a:5000", "service-a", "service-a:5000", 5000, false},
        {"http://service-a", "service-a", "service-a:80", 80, false},
        {"HTTP://Stack_Web:3000/", "stack_web", "stack_web:3000", 3000, false},
        {"http://tasks.web.:1", "tasks.web.", "tasks.web.:1", 1, false},
        {"http://10.0.0.7:8080", "10.0.0.7", "10.0.0.7:8080", 8080, true},
        {"http://[FD00::1]:8080", "fd00::1", "[fd00::1]:8080", 8080, true},
        {"http://[::1]", "::1", "[::1]:80", 80, true},
        {"https://api", "api", "api:443", 443, false},
        {"H2C://grpc", "grpc", "grpc:80", 80, false},
        {"h2c://grpc:50051", "grpc", "grpc:50051", 50051, false},
        {"http://{1}_Web:3000", "{1}_web", "{1}_web:3000", 3000, false},
        {"http://{1}", "{1}", "{1}:80", 80, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        struct arena a;
        struct model_target t;
        struct values_fault fault;
        arena_init(&a, 1024);
        assert_int_equal(names_target(&a, str_of(good[i].text), &t, &fault), OK);
        assert_str(t.text, good[i].text);
        assert_str(t.host, good[i].host);
        assert_str(t.service, good[i].service);
        assert_int_equal(t.port, good[i].port);
        assert_int_equal(t.is_literal, good[i].is_literal);
        assert_int_equal(t.is_pattern, strchr(good[i].text, '{') != NULL);
        if (t.is_literal) {
            assert_int_equal(addr_port(&t.addr), good[i].port);
        }
        arena_fini(&a);
    }
}

static void test_names_target_refuses(void **state)
{
    static const char *const bad[] = {"",
                                      "http://",
                                      "http:///",
                                      "a:1",
                                      "://a",
                                      "http://a:",
                                      "http://a:x",
                                      "http://a:0",
                                      "http://a:65536",
                                      "http://a:1?x",
                                      "http://a:1#x",
                                      "http://a:1/x",
                                      "ftp://a",
                                      "http://{1}.web:1",
                                      "http://{1}{1}:1",
                                      "http://{2}:1",
                                      "http://{1:1",
                                      "http://-{1}:1",
                                      "http://{1}.:1",
                                      "http://a..b",
                                      "http://-a",
                                      "http://a-",
                                      "http://.a",
                                      "http://[::1",
                                      "http://::1",
                                      "http://[x]:1",
                                      "http://1.2.3",
                                      "http://999",
                                      "http://a@b",
                                      "http://a\tb",
                                      "http://a*",
                                      "http://a:1:2",
                                      "http://010.0.0.1"};
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct arena a;
        struct model_target t;
        struct values_fault fault;
        arena_init(&a, 1024);
        assert_int_not_equal(names_target(&a, str_of(bad[i]), &t, &fault), OK);
        assert_true(fault.expected[0] != '\0');
        arena_fini(&a);
    }
}

static void test_names_target_schemes(void **state)
{
    struct arena a;
    struct model_target t;
    struct values_fault fault;
    (void)state;
    arena_init(&a, 1024);
    assert_int_equal(names_target(&a, STR("http://a"), &t, &fault), OK);
    assert_int_equal(t.scheme, MODEL_SCHEME_HTTP);
    assert_int_equal(names_target(&a, STR("https://a"), &t, &fault), OK);
    assert_int_equal(t.scheme, MODEL_SCHEME_HTTPS);
    assert_int_equal(names_target(&a, STR("h2c://a"), &t, &fault), OK);
    assert_int_equal(t.scheme, MODEL_SCHEME_H2C);
    assert_int_equal(names_target(&a, STR("grpcs://a"), &t, &fault), ERR_SYNTAX);
    assert_string_equal(fault.near, "https://a");
    arena_fini(&a);
}

static void test_names_site_takes_one_wildcard(void **state)
{
    static const char *const bad[] = {"*",        "*.",         "*a.com",   "a.*.com",  "*.*.com",
                                      "*.a..com", "*.10.0.0.1", "**.a.com", "*.a.com:1"};
    struct arena a;
    struct str name;
    struct values_fault fault;
    (void)state;
    arena_init(&a, 1024);
    assert_int_equal(names_site(&a, STR("*.Example.com"), &name, &fault), OK);
    assert_str(name, "*.example.com");
    assert_true(names_is_wild(name));
    assert_int_equal(names_site(&a, STR("Example.com"), &name, &fault), OK);
    assert_false(names_is_wild(name));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(names_site(&a, str_of(bad[i]), &name, &fault), ERR_SYNTAX);
        assert_int_not_equal(names_host(&a, str_of(bad[i]), &name, &fault), OK);
    }
    arena_fini(&a);
}

/* A request fills the capture: it must never choose whose domain a client is sent to. */
static void test_names_redirect_capture(void **state)
{
    static const char *const bad[] = {
        "https://{1}",           "https://{1}.com",       "https://a.{1}.com",
        "https://{1}{1}.a.com",  "https://{2}.a.com",     "https://{1.a.com",
        "https://{1}.a.com/{1}", "https://a.com/{1}/{1}", "https://a.com/{x}",
    };
    struct arena a;
    struct names_redirect r;
    struct values_fault fault;
    (void)state;
    arena_init(&a, 1024);
    assert_int_equal(names_redirect(&a, STR("https://{1}.A.com/x/"), &r, &fault), OK);
    assert_str(r.url, "https://{1}.a.com/x");
    assert_true(r.is_pattern);
    assert_int_equal(names_redirect(&a, STR("https://a.com/u/{1}"), &r, &fault), OK);
    assert_str(r.url, "https://a.com/u/{1}");
    assert_true(r.is_pattern && !r.is_bare);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(names_redirect(&a, str_of(bad[i]), &r, &fault), ERR_SYNTAX);
    }
    arena_fini(&a);
}

static void test_names_host_limits(void **state)
{
    struct arena a;
    struct str host;
    struct values_fault fault;
    char text[300];
    (void)state;
    arena_init(&a, 1024);
    assert_int_equal(names_host(&a, STR("WWW.Example.COM"), &host, &fault), OK);
    assert_str(host, "www.example.com");
    assert_int_equal(names_host(&a, STR("localhost"), &host, &fault), OK);
    assert_int_equal(names_host(&a, STR("_x.a-b.xn--bcher-kva.de"), &host, &fault), OK);
    memset(text, 'a', sizeof(text));
    assert_int_equal(names_host(&a, str_n(text, 63), &host, &fault), OK);
    assert_int_equal(names_host(&a, str_n(text, 64), &host, &fault), ERR_SYNTAX);
    for (size_t i = 50; i < sizeof(text); i += 50) {
        text[i] = '.';
    }
    assert_int_equal(names_host(&a, str_n(text, 253), &host, &fault), OK);
    assert_int_equal(names_host(&a, str_n(text, 254), &host, &fault), ERR_SYNTAX);
    assert_int_equal(names_host(&a, STR("https://a.com:8443/x"), &host, &fault), ERR_SYNTAX);
    assert_string_equal(fault.near, "a.com");
    arena_fini(&a);
}

static void test_names_relay_keeps_the_path(void **state)
{
    struct arena a;
    struct model_target t;
    struct str path;
    struct values_fault fault;
    (void)state;
    arena_init(&a, 1024);
    assert_int_equal(names_relay(&a, STR("http://support/"), &t, &path, &fault), OK);
    assert_str(path, "");
    assert_str(t.service, "support:80");
    assert_int_equal(names_relay(&a, STR("http://support:8080/x/y/"), &t, &path, &fault), OK);
    assert_str(path, "/x/y");
    assert_int_not_equal(names_relay(&a, STR("http://support/x?y"), &t, &path, &fault), OK);
    assert_int_not_equal(names_relay(&a, STR("https://support/"), &t, &path, &fault), OK);
    arena_fini(&a);
}

static void test_names_redirect_normalises(void **state)
{
    static const struct {
        const char *text;
        const char *url;
        const char *host;
        bool is_bare;
    } good[] = {
        {"https://c.com", "https://c.com", "c.com", true},
        {"HTTPS://C.com/", "https://c.com", "c.com", true},
        {"http://c.com:8080/x/", "http://c.com:8080/x", "c.com", false},
        {"https://[::1]:8443", "https://[::1]:8443", "[::1]", false},
    };
    struct arena a;
    struct values_fault fault;
    struct names_redirect r;
    (void)state;
    arena_init(&a, 1024);
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_int_equal(names_redirect(&a, str_of(good[i].text), &r, &fault), OK);
        assert_str(r.url, good[i].url);
        assert_str(r.host, good[i].host);
        assert_int_equal(r.is_bare, good[i].is_bare);
    }
    static const char *const bad[] = {"",
                                      "c.com",
                                      "//c.com",
                                      "ftp://c.com",
                                      "https://",
                                      "https://c.com/a b",
                                      "https://c.com\r\nX: y",
                                      "https://c.com/?q",
                                      "https://c.com:"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_not_equal(names_redirect(&a, str_of(bad[i]), &r, &fault), OK);
    }
    arena_fini(&a);
}

static void test_names_prefix_rules(void **state)
{
    static const char *const good[] = {"/", "/api", "/a/b.c", "/a b", "/..a", "/\xc3\xbc"};
    static const char *const bad[] = {"",     "api",  "/api/",  "//", "/a//b", "/.",   "/a/..",
                                      "/a?b", "/a#b", "/a%20b", "/*", "/a\\b", "/a\nb"};
    struct values_fault fault;
    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_int_equal(names_prefix(str_of(good[i]), &fault), OK);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(names_prefix(str_of(bad[i]), &fault), ERR_SYNTAX);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_target_fills_everything),
        cmocka_unit_test(test_names_target_refuses),
        cmocka_unit_test(test_names_target_schemes),
        cmocka_unit_test(test_names_site_takes_one_wildcard),
        cmocka_unit_test(test_names_redirect_capture),
        cmocka_unit_test(test_names_host_limits),
        cmocka_unit_test(test_names_relay_keeps_the_path),
        cmocka_unit_test(test_names_redirect_normalises),
        cmocka_unit_test(test_names_prefix_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
