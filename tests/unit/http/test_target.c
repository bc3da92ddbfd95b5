/* SPDX-License-Identifier: MIT */
#include "http/target.h"

#include "http_test.h"

/* ---- normalised paths ---- */

struct path_case {
    struct str path;
    const char *wanted; /* NULL: refused */
};

#define PATH(text, wanted)                                                                         \
    {                                                                                              \
        {text, sizeof(text) - 1}, wanted                                                           \
    }

static const struct path_case paths[] = {
    PATH("/", "/"),
    PATH("/a", "/a"),
    PATH("/a/", "/a/"),
    PATH("/a/b/c", "/a/b/c"),
    /* slashes */
    PATH("//", "/"),
    PATH("//a", "/a"),
    PATH("/a//b", "/a/b"),
    PATH("/a///b///", "/a/b/"),
    PATH("/a%2fb", "/a/b"),
    PATH("/a%2Fb", "/a/b"),
    PATH("/%2f%2f%2fa", "/a"),
    PATH("/a/%2fb", "/a/b"),
    /* dots */
    PATH("/.", "/"),
    PATH("/./", "/"),
    PATH("/a/.", "/a/"),
    PATH("/a/./b", "/a/b"),
    PATH("/a/..", "/"),
    PATH("/a/../", "/"),
    PATH("/a/../b", "/b"),
    PATH("/a/b/../../c", "/c"),
    PATH("/a/b/..", "/a/"),
    PATH("/a//../b", "/b"),
    PATH("/a/b/c/./../../g", "/a/g"),
    PATH("/...", "/..."),
    PATH("/.a", "/.a"),
    PATH("/a..", "/a.."),
    PATH("/a/..b/c", "/a/..b/c"),
    PATH("/.../..", "/"),
    /* encoded dots and slashes */
    PATH("/a/%2e/b", "/a/b"),
    PATH("/a/%2e%2e/b", "/b"),
    PATH("/a/.%2e/b", "/b"),
    PATH("/a/%2E./b", "/b"),
    PATH("/a%2f..%2fb", "/b"),
    PATH("/a/%2e%2e%2fb", "/b"),
    PATH("/a/..%2f", "/"),
    /* encoding is undone once */
    PATH("/%61%62", "/ab"),
    PATH("/%252e%252e/a", "/%2e%2e/a"),
    PATH("/%252f", "/%2f"),
    PATH("/%25", "/%"),
    PATH("/%C3%A9", "/\xc3\xa9"),
    PATH("/a%20b", "/a b"),
    PATH("/a%0ab", "/a\nb"),
    /* a backslash is a slash where services run on Windows */
    PATH("/a%5cb", "/a/b"),
    PATH("/a%5C%5c..%5cb", "/b"),
    PATH("/%5c..%5c..", NULL),
    /* parameters do not hide dots */
    PATH("/a/..;/b", "/b"),
    PATH("/a/..;x=y", "/"),
    PATH("/a/.;x/b", "/a/b"),
    PATH("/a/..%3bx/b", "/b"),
    PATH("/..;/a", NULL),
    PATH("/a;b/..c;d/;", "/a;b/..c;d/;"),
    PATH("/a%3fb%23c", "/a?b#c"),
    PATH("/;a=b", "/;a=b"),
    /* above the root */
    PATH("/..", NULL),
    PATH("/../", NULL),
    PATH("/../a", NULL),
    PATH("/a/../..", NULL),
    PATH("/a/../../b", NULL),
    PATH("/./..", NULL),
    PATH("//..", NULL),
    PATH("/%2e%2e", NULL),
    PATH("/%2e%2e/etc/passwd", NULL),
    PATH("/a/..%2f..", NULL),
    PATH("/a/..%2f../b", NULL),
    PATH("/%2f..", NULL),
    /* bad encoding */
    PATH("/%", NULL),
    PATH("/%2", NULL),
    PATH("/a%", NULL),
    PATH("/%zz", NULL),
    PATH("/%2g", NULL),
    PATH("/%g2", NULL),
    PATH("/%%20", NULL),
    PATH("/%u0041", NULL),
    PATH("/%+1", NULL),
    PATH("/% 1", NULL),
    PATH("/%00", NULL),
    PATH("/a%00b", NULL),
    PATH("/a\0b", NULL),
    /* no path */
    PATH("", NULL),
    PATH("a", NULL),
    PATH("*", NULL),
    PATH("%2fa", NULL),
};

static void test_target_normalise(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(paths); i++) {
        struct arena arena;
        struct str out = STR("");
        arena_init(&arena, 1024);
        int err = target_normalise(paths[i].path, &arena, &out);
        if ((err == OK) != (paths[i].wanted != NULL)) {
            fail_msg("\"%.*s\": %s", STR_FMT(paths[i].path), err_text(err));
        }
        if (err == OK) {
            assert_str(out, str_of(paths[i].wanted), "path");
        }
        arena_fini(&arena);
    }
}

/* ---- hosts ---- */

struct host_case {
    const char *authority;
    const char *host; /* NULL: refused */
    uint16_t port;
};

static const struct host_case hosts[] = {
    {"a.com", "a.com", 0},
    {"A.Com", "a.com", 0},
    {"a.com.", "a.com", 0},
    {"a.com.:80", "a.com", 80},
    {"a.com:80", "a.com", 80},
    {"a.com:65535", "a.com", 65535},
    {"a.com:", "a.com", 0},
    {"a.com:00080", "a.com", 80},
    {"localhost", "localhost", 0},
    {"my_host-1.x", "my_host-1.x", 0},
    {"xn--bcher-kva.example", "xn--bcher-kva.example", 0},
    {"1.2.3.4", "1.2.3.4", 0},
    {"1.2.3.4:8080", "1.2.3.4", 8080},
    {"[::1]", "::1", 0},
    {"[::1]:443", "::1", 443},
    {"[2001:DB8:0:0::1]", "2001:db8::1", 0},
    {"[::1]:", "::1", 0},
    {"", NULL, 0},
    {".", NULL, 0},
    {"..", NULL, 0},
    {".a", NULL, 0},
    {"a..b", NULL, 0},
    {"a..", NULL, 0},
    {":80", NULL, 0},
    {"a.com:0", NULL, 0},
    {"a.com:65536", NULL, 0},
    {"a.com:999999", NULL, 0},
    {"a.com:-1", NULL, 0},
    {"a.com:+80", NULL, 0},
    {"a.com:80a", NULL, 0},
    {"a.com:80:80", NULL, 0},
    {"a.com: 80", NULL, 0},
    {"a.com:http", NULL, 0},
    {"a b", NULL, 0},
    {"a,b", NULL, 0},
    {"a/b", NULL, 0},
    {"a\\b", NULL, 0},
    {"a?b", NULL, 0},
    {"a#b", NULL, 0},
    {"user@a.com", NULL, 0},
    {"user:pass@a.com", NULL, 0},
    {"a%2ecom", NULL, 0},
    {"a%00.com", NULL, 0},
    {"a\"b", NULL, 0},
    {"a'b", NULL, 0},
    {"a<b>", NULL, 0},
    {"a;b", NULL, 0},
    {"*.a.com", NULL, 0},
    {"b\xc3\xbc"
     "cher.example",
     NULL, 0},
    {"::1", NULL, 0},
    {"[::1", NULL, 0},
    {"::1]", NULL, 0},
    {"[]", NULL, 0},
    {"[::1]x", NULL, 0},
    {"[::1]80", NULL, 0},
    {"[::1%eth0]", NULL, 0},
    {"[fe80::1%25eth0]", NULL, 0},
    {"[v1.a]", NULL, 0},
    {"[1.2.3.4]", NULL, 0},
    {"[::1]]", NULL, 0},
    {"[[::1]]", NULL, 0},
    {"[:::1]", NULL, 0},
};

static void test_target_host(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(hosts); i++) {
        struct arena arena;
        struct str host = STR("");
        uint16_t port = 0;
        arena_init(&arena, 1024);
        int err = target_host(str_of(hosts[i].authority), &arena, &host, &port);
        if ((err == OK) != (hosts[i].host != NULL)) {
            fail_msg("\"%s\": %s", hosts[i].authority, err_text(err));
        }
        if (err == OK) {
            assert_str(host, str_of(hosts[i].host), "host");
            assert_int_equal(port, hosts[i].port);
        }
        arena_fini(&arena);
    }
}

static void test_target_host_is_bounded(void **state)
{
    (void)state;
    struct arena arena;
    struct str host;
    uint16_t port;
    char name[300];
    memset(name, 'a', sizeof(name));
    arena_init(&arena, 1024);
    assert_int_equal(target_host(str_n(name, 253), &arena, &host, &port), OK);
    assert_int_equal(target_host(str_n(name, 254), &arena, &host, &port), ERR_SYNTAX);
    name[0] = '[';
    name[299] = ']';
    assert_int_equal(target_host(str_n(name, 300), &arena, &host, &port), ERR_SYNTAX);
    arena_fini(&arena);
}

/* ---- whole targets ---- */

struct target_case {
    const char *head; /* without the last line end */
    enum why why;
    const char *host;
    const char *authority;
    const char *path;
    const char *query;
    const char *match;
};

#define V11 " HTTP/1.1\r\n"
#define V10 " HTTP/1.0\r\n"
#define H   "Host: a.com\r\n"

static const struct target_case valid[] = {
    {"GET /" V11 H, WHY_OK, "a.com", "a.com", "/", "", "/"},
    {"GET /a/../b" V11 H, WHY_OK, "a.com", "a.com", "/a/../b", "", "/b"},
    {"GET /a?b=/../c?d" V11 H, WHY_OK, "a.com", "a.com", "/a", "?b=/../c?d", "/a"},
    {"GET /?" V11 H, WHY_OK, "a.com", "a.com", "/", "?", "/"},
    {"GET //evil.com/x" V11 H, WHY_OK, "a.com", "a.com", "//evil.com/x", "", "/evil.com/x"},
    {"GET /@:!$&'()*+,;=~-._" V11 H, WHY_OK, "a.com", "a.com", "/@:!$&'()*+,;=~-._", "",
     "/@:!$&'()*+,;=~-._"},
    {"GET /[a]|{b}^`?[c]|{d}^`\\" V11 H, WHY_OK, "a.com", "a.com", "/[a]|{b}^`", "?[c]|{d}^`\\",
     "/[a]|{b}^`"},
    {"GET /" V11 "Host: A.com:8443\r\n", WHY_OK, "a.com", "A.com:8443", "/", "", "/"},
    {"GET /" V10, WHY_OK, "", "", "/", "", "/"},
    {"GET /" V10 H, WHY_OK, "a.com", "a.com", "/", "", "/"},
    {"OPTIONS *" V11 H, WHY_OK, "a.com", "a.com", "*", "", "/"},
    {"OPTIONS /a" V11 H, WHY_OK, "a.com", "a.com", "/a", "", "/a"},
    /* absolute form: its authority stands, Host does not */
    {"GET http://b.com/x" V11 H, WHY_OK, "b.com", "b.com", "/x", "", "/x"},
    {"GET HTTPS://B.com:444/x?y" V11 H, WHY_OK, "b.com", "B.com:444", "/x", "?y", "/x"},
    {"GET http://b.com" V11 H, WHY_OK, "b.com", "b.com", "/", "", "/"},
    {"GET http://b.com?y" V11 H, WHY_OK, "b.com", "b.com", "/", "?y", "/"},
    {"GET http://[::1]:80/" V11 H, WHY_OK, "::1", "[::1]:80", "/", "", "/"},
    {"OPTIONS http://b.com" V11 H, WHY_OK, "b.com", "b.com", "*", "", "/"},
    {"OPTIONS http://b.com/" V11 H, WHY_OK, "b.com", "b.com", "/", "", "/"},
    {"GET http://b.com/" V10, WHY_OK, "b.com", "b.com", "/", "", "/"},
};

static const struct target_case invalid[] = {
    {"GET /" V11, WHY_BAD_HOST, "", "", "", "", ""},
    {"GET /" V11 "Host:\r\n", WHY_BAD_HOST, "", "", "", "", ""},
    {"GET /" V10 "Host:\r\n", WHY_BAD_HOST, "", "", "", "", ""},
    {"GET /" V11 H H, WHY_BAD_HOST, "", "", "", "", ""},
    {"GET /" V10 H "host: b\r\n", WHY_BAD_HOST, "", "", "", "", ""},
    {"GET /" V11 "Host: a@b\r\n", WHY_BAD_HOST, "", "", "", "", ""},
    {"GET /" V11 "Host: http://a/\r\n", WHY_BAD_HOST, "", "", "", "", ""},
    {"GET /" V11 "Host: a, b\r\n", WHY_BAD_HOST, "", "", "", "", ""},
    {"GET /" V11 "Host: a b\r\n", WHY_BAD_HOST, "", "", "", "", ""},
    {"GET http://b.com/" V11, WHY_BAD_HOST, "", "", "", "", ""},
    {"GET http://b.com/" V11 "Host: a@b\r\n", WHY_BAD_HOST, "", "", "", "", ""},
    {"CONNECT a.com:443" V11 H, WHY_METHOD_REFUSED, "", "", "", "", ""},
    {"CONNECT /" V11 H, WHY_METHOD_REFUSED, "", "", "", "", ""},
    {"GET *" V11 H, WHY_BAD_TARGET, "", "", "", "", ""},
    {"OPTIONS **" V11 H, WHY_BAD_TARGET, "", "", "", "", ""},
    {"GET a.com:443" V11 H, WHY_BAD_TARGET, "", "", "", "", ""},
    {"GET a" V11 H, WHY_BAD_TARGET, "", "", "", "", ""},
    {"GET ?a" V11 H, WHY_BAD_TARGET, "", "", "", "", ""},
    {"GET /#a" V11 H, WHY_BAD_TARGET, "", "", "", "", ""},
    {"GET /a?b#c" V11 H, WHY_BAD_TARGET, "", "", "", "", ""},
    {"GET /\xc3\xa9" V11 H, WHY_BAD_TARGET, "", "", "", "", ""},
    {"GET /?\xff" V11 H, WHY_BAD_TARGET, "", "", "", "", ""},
    {"GET /\"a\"" V11 H, WHY_BAD_TARGET, "", "", "", "", ""},
    {"GET /<a>" V11 H, WHY_BAD_TARGET, "", "", "", "", ""},
    {"GET /a\\b" V11 H, WHY_BAD_TARGET, "", "", "", "", ""},
    {"GET /%" V11 H, WHY_BAD_TARGET, "", "", "", "", ""},
    {"GET /%0" V11 H, WHY_BAD_TARGET, "", "", "", "", ""},
    {"GET /%00" V11 H, WHY_BAD_TARGET, "", "", "", "", ""},
    {"GET /%2?00" V11 H, WHY_BAD_TARGET, "", "", "", "", ""}, /* "%2" does not borrow */
    {"GET /.." V11 H, WHY_BAD_TARGET, "", "", "", "", ""},
    {"GET /a/..%2f..%2fb" V11 H, WHY_BAD_TARGET, "", "", "", "", ""},
    {"GET ftp://b.com/" V11 H, WHY_BAD_TARGET, "", "", "", "", ""},
    {"GET ws://b.com/" V11 H, WHY_BAD_TARGET, "", "", "", "", ""},
    {"GET http:/b.com/" V11 H, WHY_BAD_TARGET, "", "", "", "", ""},
    {"GET http:b.com/" V11 H, WHY_BAD_TARGET, "", "", "", "", ""},
    {"GET http://" V11 H, WHY_BAD_TARGET, "", "", "", "", ""},
    {"OPTIONS http://" V11 H, WHY_BAD_TARGET, "", "", "", "", ""},
    {"GET http:///a" V11 H, WHY_BAD_TARGET, "", "", "", "", ""},
    {"GET http://u@b.com/" V11 H, WHY_BAD_TARGET, "", "", "", "", ""},
    {"GET http://u:p@b.com/" V11 H, WHY_BAD_TARGET, "", "", "", "", ""},
    {"GET http://b.com#a" V11 H, WHY_BAD_TARGET, "", "", "", "", ""},
    {"GET http://b.com\\@c.com/" V11 H, WHY_BAD_TARGET, "", "", "", "", ""},
    {"GET http://b.com:x/" V11 H, WHY_BAD_TARGET, "", "", "", "", ""},
    {"GET http://b.com/.." V11 H, WHY_BAD_TARGET, "", "", "", "", ""},
    {"GET http://%62.com/" V11 H, WHY_BAD_TARGET, "", "", "", "", ""},
};

static void run_target(const struct target_case *c)
{
    struct arena arena;
    struct message m;
    struct target t = {.port = 0};
    enum why why = WHY_OK;
    arena_init(&arena, 4096);
    make_message(&m, &arena, c->head, false);
    int err = target_parse(&m, &arena, &t, &why);
    if (why != c->why || (err == OK) != (c->why == WHY_OK)) {
        fail_msg("\"%s\": got %s, wanted %s", c->head, why_label(why), why_label(c->why));
    }
    if (err == OK) {
        assert_str(t.host, str_of(c->host), c->head);
        assert_str(t.authority, str_of(c->authority), c->head);
        assert_str(t.path, str_of(c->path), c->head);
        assert_str(t.query, str_of(c->query), c->head);
        assert_str(t.match, str_of(c->match), c->head);
    }
    arena_fini(&arena);
}

static void test_target_parse_valid(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(valid); i++) {
        run_target(&valid[i]);
    }
}

static void test_target_parse_invalid(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(invalid); i++) {
        run_target(&invalid[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_target_normalise),       cmocka_unit_test(test_target_host),
        cmocka_unit_test(test_target_host_is_bounded), cmocka_unit_test(test_target_parse_valid),
        cmocka_unit_test(test_target_parse_invalid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
