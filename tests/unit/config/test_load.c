/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/load.h"

static struct model *load(const char *text)
{
    struct diags d;
    struct model *m = NULL;
    diags_init(&d);
    int err = load_text(str_of(text), "f", false, &d, &m);
    for (size_t i = 0; i < d.count && err != OK; i++) {
        print_error("%.*s\n", STR_FMT(d.items[i].text));
    }
    assert_int_equal(err, OK);
    diags_fini(&d);
    return m;
}

static void assert_str(struct str s, const char *expected)
{
    assert_int_equal(s.len, strlen(expected));
    assert_memory_equal(s.ptr, expected, s.len);
}

static void assert_addr(const struct addr *a, const char *expected)
{
    char text[ADDR_TEXT_MAX];
    assert_string_equal(addr_print(a, text), expected);
}

static void test_load_fills_defaults(void **state)
{
    struct model *m = load("version: 1\nsites:\n  A.com: http://service-a:5000\n");
    (void)state;
    assert_int_equal(m->listen_http_count, 1);
    assert_addr(&m->listen_http[0], "[::]:80");
    assert_int_equal(m->listen_https_count, 1);
    assert_addr(&m->listen_https[0], "[::]:443");
    assert_addr(&m->admin, "127.0.0.1:9180");
    assert_int_equal(m->workers, 0);
    assert_int_equal(m->certificate_count, 0);
    assert_false(m->acme.has_relay);
    assert_true(m->acme.strip);
    assert_int_equal(m->proxy_trust_count, 0);
    assert_int_equal(m->unknown_site.len, 0);
    assert_int_equal(m->tls_min, 0x0303);
    assert_int_equal(m->timeouts.handshake_ms, 10000);
    assert_int_equal(m->timeouts.header_ms, 10000);
    assert_int_equal(m->timeouts.idle_ms, 75000);
    assert_int_equal(m->timeouts.attempt_ms, 250);
    assert_int_equal(m->timeouts.connect_ms, 5000);
    assert_int_equal(m->timeouts.response_ms, 60000);
    assert_int_equal(m->timeouts.tunnel_ms, 3600000);
    assert_int_equal(m->limits.header_bytes, 65536);
    assert_int_equal(m->limits.headers, 200);
    assert_int_equal(m->limits.connections, 0);
    assert_true(m->limits.body_bytes == UINT64_MAX);
    assert_int_equal(m->limits.memory_bytes, 0);
    assert_int_equal(m->limits.replay_bytes, 65536);
    assert_int_equal(m->hold.wait_ms, 5000);
    assert_int_equal(m->hold.requests, 1000);
    assert_int_equal(m->dns_refresh_ms, 1000);
    assert_int_equal(m->dns_server_count, 0);
    assert_int_equal(m->drain_ms, 8000);
    assert_int_equal(m->log_level, LOG_INFO);
    assert_int_equal(m->access, MODEL_ACCESS_AUTO);
    assert_int_equal(m->site_count, 1);
    assert_str(m->sites[0].name, "a.com");
    assert_int_equal(m->sites[0].line, 3);
    assert_int_equal(m->sites[0].http, MODEL_HTTP_REDIRECT);
    assert_int_equal(m->sites[0].route_count, 1);
    assert_str(m->sites[0].routes[0].prefix, "/");
    assert_str(m->sites[0].routes[0].to.service, "service-a:5000");
    model_free(m);
}

#define FULL                                                                                       \
    "version: 1\n"                                                                                 \
    "certificates: [/certs, rel/certs, \"/s p\\u00fcce\\\"\\\\\"]\n"                               \
    "acme: {relay: \"http://support:8080/x\", folder: /challenges, strip: false}\n"                \
    "listen: {http: [\"127.0.0.1:8080\", \"[::1]:8080\"], https: \"unix:/run/h.sock\", "           \
    "admin: off}\n"                                                                                \
    "workers: 3\n"                                                                                 \
    "proxy_protocol: {trust: [10.0.0.0/8, \"fd00::/8\"]}\n"                                        \
    "forwarded: {trust: 192.168.1.1}\n"                                                            \
    "unknown_site: A.com\n"                                                                        \
    "tls: {min: \"1.3\"}\n"                                                                        \
    "timeouts: {handshake: 1s, header: 2s, idle: 3s, attempt: 4ms, connect: 5s, response: 6s, "    \
    "tunnel: 7s}\n"                                                                                \
    "limits: {header: 8k, headers: 9, connections: 10, body: 11m, memory: 64m, replay: 7k}\n"      \
    "hold: {wait: 2s, requests: 3}\n"                                                              \
    "dns: {refresh: 2s, servers: [9.9.9.9, \"[::1]:5353\"], tasks: [10.0.0.0/8]}\n"                \
    "drain: {timeout: 30s}\n"                                                                      \
    "log: {level: warn, access: text}\n"                                                           \
    "sites:\n"                                                                                     \
    "  a.com:\n"                                                                                   \
    "    aliases: [www.A.com, a.org]\n"                                                            \
    "    http: serve\n"                                                                            \
    "    timeouts: {response: 90s}\n"                                                              \
    "    limits: {body: 1m, replay: 2k}\n"                                                         \
    "    routes:\n"                                                                                \
    "      /: http://web:3000\n"                                                                   \
    "      /api: {to: \"http://api:8080\", strip: true, timeouts: {connect: 9s}}\n"                \
    "      /api/v2: {to: \"http://[fd00::1]\", limits: {body: none, replay: 0}}\n"                 \
    "  b.com: {redirect: \"https://a.com/x/\", code: 308, http: \"off\"}\n"                        \
    "  c.com: {to: \"http://c:1\", timeouts: {tunnel: 2h}}\n"

static void test_load_reads_every_key(void **state)
{
    struct model *m = load(FULL);
    (void)state;
    assert_int_equal(m->certificate_count, 3);
    assert_str(m->certificates[1], "rel/certs");
    assert_str(m->certificates[2], "/s p\xc3\xbc"
                                   "ce\"\\");
    assert_true(m->acme.has_relay);
    assert_str(m->acme.relay.service, "support:8080");
    assert_str(m->acme.relay_path, "/x");
    assert_str(m->acme.folder, "/challenges");
    assert_false(m->acme.strip);
    assert_int_equal(m->listen_http_count, 2);
    assert_addr(&m->listen_https[0], "unix:/run/h.sock");
    assert_int_equal(m->admin.len, 0);
    assert_int_equal(m->workers, 3);
    assert_int_equal(m->proxy_trust_count, 2);
    assert_int_equal(m->forwarded_trust_count, 1);
    assert_str(m->unknown_site, "a.com");
    assert_int_equal(m->tls_min, 0x0304);
    assert_int_equal(m->timeouts.attempt_ms, 4);
    assert_int_equal(m->limits.headers, 9);
    assert_int_equal(m->limits.connections, 10);
    assert_int_equal(m->limits.memory_bytes, 64 << 20);
    assert_int_equal(m->limits.replay_bytes, 7168);
    assert_int_equal(m->hold.wait_ms, 2000);
    assert_int_equal(m->hold.requests, 3);
    assert_int_equal(m->dns_server_count, 2);
    assert_addr(&m->dns_servers[0], "9.9.9.9:53");
    assert_addr(&m->dns_servers[1], "[::1]:5353");
    assert_int_equal(m->task_net_count, 1);
    assert_int_equal(m->drain_ms, 30000);
    assert_int_equal(m->log_level, LOG_WARN);
    assert_int_equal(m->access, MODEL_ACCESS_TEXT);
    assert_int_equal(m->site_count, 3);
    model_free(m);
}

static void test_load_routes_inherit(void **state)
{
    struct model *m = load(FULL);
    const struct model_site *a = &m->sites[0];
    (void)state;
    assert_int_equal(a->alias_count, 2);
    assert_str(a->aliases[0], "www.a.com");
    assert_int_equal(a->http, MODEL_HTTP_SERVE);
    assert_int_equal(a->route_count, 3);
    assert_str(a->routes[0].prefix, "/api/v2");
    assert_true(a->routes[0].to.is_literal);
    assert_true(a->routes[0].body_bytes == UINT64_MAX);
    assert_int_equal(a->routes[0].replay_bytes, 0);
    assert_int_equal(a->routes[0].timeouts.response_ms, 90000);
    assert_str(a->routes[1].prefix, "/api");
    assert_true(a->routes[1].strip);
    assert_int_equal(a->routes[1].timeouts.connect_ms, 9000);
    assert_int_equal(a->routes[1].timeouts.attempt_ms, 4);
    assert_int_equal(a->routes[1].body_bytes, 1 << 20);
    assert_int_equal(a->routes[1].replay_bytes, 2048);
    assert_str(a->routes[2].prefix, "/");
    assert_int_equal(a->routes[2].timeouts.connect_ms, 5000);
    assert_str(m->sites[1].redirect, "https://a.com/x");
    assert_int_equal(m->sites[1].redirect_code, 308);
    assert_int_equal(m->sites[1].route_count, 0);
    assert_int_equal(m->sites[2].routes[0].timeouts.tunnel_ms, 7200000);
    assert_int_equal(m->sites[2].routes[0].body_bytes, 11 << 20);
    assert_int_equal(m->sites[2].routes[0].replay_bytes, 7168);
    model_free(m);
}

static void assert_targets_equal(const struct model_target *a, const struct model_target *b)
{
    assert_true(str_eq(a->text, b->text) && str_eq(a->host, b->host));
    assert_true(str_eq(a->service, b->service));
    assert_true(a->port == b->port && a->is_literal == b->is_literal);
    assert_true(!a->is_literal || addr_eq(&a->addr, &b->addr));
}

static void assert_sites_equal(const struct model_site *a, const struct model_site *b)
{
    assert_true(str_eq(a->name, b->name) && str_eq(a->redirect, b->redirect));
    assert_int_equal(a->redirect_code, b->redirect_code);
    assert_int_equal(a->http, b->http);
    assert_int_equal(a->alias_count, b->alias_count);
    for (size_t i = 0; i < a->alias_count; i++) {
        assert_true(str_eq(a->aliases[i], b->aliases[i]));
    }
    assert_int_equal(a->route_count, b->route_count);
    for (size_t i = 0; i < a->route_count; i++) {
        const struct model_route *x = &a->routes[i];
        const struct model_route *y = &b->routes[i];
        assert_true(str_eq(x->prefix, y->prefix) && x->strip == y->strip);
        assert_targets_equal(&x->to, &y->to);
        assert_memory_equal(&x->timeouts, &y->timeouts, sizeof(x->timeouts));
        assert_true(x->body_bytes == y->body_bytes);
        assert_true(x->replay_bytes == y->replay_bytes);
    }
}

static void assert_addrs_equal(const struct addr *a, size_t a_count, const struct addr *b,
                               size_t b_count)
{
    assert_int_equal(a_count, b_count);
    for (size_t i = 0; i < a_count; i++) {
        assert_true(addr_eq(&a[i], &b[i]));
    }
}

/* Everything but the lines, which are those of another text. */
static void assert_models_equal(const struct model *a, const struct model *b)
{
    assert_addrs_equal(a->listen_http, a->listen_http_count, b->listen_http, b->listen_http_count);
    assert_addrs_equal(a->listen_https, a->listen_https_count, b->listen_https,
                       b->listen_https_count);
    assert_addrs_equal(a->dns_servers, a->dns_server_count, b->dns_servers, b->dns_server_count);
    assert_int_equal(a->task_net_count, b->task_net_count);
    assert_int_equal(a->admin.len, b->admin.len);
    assert_true(a->admin.len == 0 || addr_eq(&a->admin, &b->admin));
    assert_int_equal(a->certificate_count, b->certificate_count);
    for (size_t i = 0; i < a->certificate_count; i++) {
        assert_true(str_eq(a->certificates[i], b->certificates[i]));
    }
    assert_true(a->acme.has_relay == b->acme.has_relay && a->acme.strip == b->acme.strip);
    assert_true(str_eq(a->acme.relay_path, b->acme.relay_path));
    assert_true(str_eq(a->acme.folder, b->acme.folder));
    if (a->acme.has_relay) {
        assert_targets_equal(&a->acme.relay, &b->acme.relay);
    }
    assert_int_equal(a->proxy_trust_count, b->proxy_trust_count);
    assert_int_equal(a->forwarded_trust_count, b->forwarded_trust_count);
    assert_memory_equal(a->proxy_trust, b->proxy_trust,
                        a->proxy_trust_count * sizeof(struct addr_net));
    assert_memory_equal(a->forwarded_trust, b->forwarded_trust,
                        a->forwarded_trust_count * sizeof(struct addr_net));
    assert_true(str_eq(a->unknown_site, b->unknown_site));
    assert_memory_equal(&a->timeouts, &b->timeouts, sizeof(a->timeouts));
    assert_int_equal(a->limits.header_bytes, b->limits.header_bytes);
    assert_int_equal(a->limits.headers, b->limits.headers);
    assert_int_equal(a->limits.connections, b->limits.connections);
    assert_true(a->limits.body_bytes == b->limits.body_bytes);
    assert_true(a->limits.memory_bytes == b->limits.memory_bytes);
    assert_true(a->limits.replay_bytes == b->limits.replay_bytes);
    assert_true(a->hold.wait_ms == b->hold.wait_ms && a->hold.requests == b->hold.requests);
    assert_true(a->workers == b->workers && a->tls_min == b->tls_min);
    assert_true(a->dns_refresh_ms == b->dns_refresh_ms && a->drain_ms == b->drain_ms);
    assert_true(a->log_level == b->log_level && a->access == b->access);
    assert_int_equal(a->site_count, b->site_count);
    for (size_t i = 0; i < a->site_count; i++) {
        assert_sites_equal(&a->sites[i], &b->sites[i]);
    }
}

static void test_load_dump_comes_back(void **state)
{
    static const char *const texts[] = {
        FULL,
        "version: 1\n",
        "version: 1\nsites: {a.com: \"http://a\"}\n",
        "version: 1\nlisten: {http: \":8080\", https: off, admin: \"unix:/a b\"}\n",
        "version: 1\nacme: {folder: /c}\nlog: {access: off}\nlimits: {body: 1}\n",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct buf first;
        struct buf second;
        buf_init(&first, 1 << 20);
        buf_init(&second, 1 << 20);
        struct model *m = load(texts[i]);
        assert_int_equal(load_dump(m, &first), OK);
        assert_int_equal(buf_append(&first, "", 1), OK);
        struct model *again = load(buf_ptr(&first));
        assert_models_equal(m, again);
        assert_int_equal(load_dump(again, &second), OK);
        assert_int_equal(buf_append(&second, "", 1), OK);
        assert_string_equal(buf_ptr(&first), buf_ptr(&second));
        model_free(again);
        /* Nothing is lost where defaults are left out. */
        buf_clear(&second);
        assert_int_equal(load_dump_brief(m, &second), OK);
        assert_int_equal(buf_append(&second, "", 1), OK);
        assert_true(buf_len(&second) <= buf_len(&first));
        again = load(buf_ptr(&second));
        assert_models_equal(m, again);
        buf_clear(&second);
        assert_int_equal(load_dump(again, &second), OK);
        assert_int_equal(buf_append(&second, "", 1), OK);
        assert_string_equal(buf_ptr(&first), buf_ptr(&second));
        model_free(m);
        model_free(again);
        buf_fini(&first);
        buf_fini(&second);
    }
}

static void test_load_dump_respects_the_limit(void **state)
{
    struct buf out;
    struct model *m = load(FULL);
    (void)state;
    buf_init(&out, 64);
    assert_int_equal(load_dump(m, &out), ERR_LIMIT);
    buf_fini(&out);
    model_free(m);
}

static void test_load_file_resolves_paths(void **state)
{
    char folder[] = "/tmp/hivedoor-test-XXXXXX";
    char path[128];
    char expected[160];
    struct diags d;
    struct buf files;
    struct tls_digest *digest = tls_digest_new();
    struct substitute_seen seen = {&files, digest};
    struct model *m = NULL;
    (void)state;
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof(path), "%s/h.yml", folder);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs("version: 1\ncertificates: [certs, /abs]\nacme: {folder: ch}\n"
                      "sites:\n  ${file:h.host}: http://a\n",
                      f) >= 0);
    assert_int_equal(fclose(f), 0);
    diags_init(&d);
    buf_init(&files, 4096);
    assert_int_equal(load_file(path, &d, &seen, &m), ERR_SYNTAX);
    assert_null(m);
    buf_clear(&files);
    char host[128];
    (void)snprintf(host, sizeof(host), "%s/h.host", folder);
    f = fopen(host, "w");
    assert_non_null(f);
    assert_true(fputs("b.com\r\n", f) >= 0);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(load_file(path, &d, &seen, &m), OK);
    (void)snprintf(expected, sizeof(expected), "%s/certs", folder);
    assert_str(m->certificates[0], expected);
    assert_str(m->certificates[1], "/abs");
    (void)snprintf(expected, sizeof(expected), "%s/ch", folder);
    assert_str(m->acme.folder, expected);
    assert_str(m->sites[0].name, "b.com");
    (void)snprintf(expected, sizeof(expected), "%s/h.host\n", folder);
    assert_str(buf_str(&files), expected);
    model_free(m);
    diags_fini(&d);
    diags_init(&d);
    assert_int_equal(load_file("/nonexistent/h.yml", &d, NULL, &m), ERR_SYNTAX);
    assert_int_equal(d.errors, 1);
    diags_fini(&d);
    buf_fini(&files);
    tls_digest_free(digest);
    assert_int_equal(unlink(host), 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0);
}

/* Ten thousand sites are one pass over each, not one for each pair. */
static void test_load_many_sites(void **state)
{
    struct buf text;
    struct buf dump;
    struct diags d;
    struct model *m = NULL;
    (void)state;
    buf_init(&text, 8 << 20);
    buf_init(&dump, 32 << 20);
    assert_int_equal(buf_printf(&text, "version: 1\nsites:\n"), OK);
    for (unsigned i = 0; i < 10000; i++) {
        assert_int_equal(buf_printf(&text, "  s%u.example.com: http://s%u:80\n", i, i), OK);
    }
    diags_init(&d);
    assert_int_equal(load_text(buf_str(&text), "f", true, &d, &m), OK);
    assert_int_equal(m->site_count, 10000);
    assert_int_equal(load_dump_brief(m, &dump), OK);
    assert_true(buf_len(&dump) < buf_len(&text) + 4096); /* a short site stays short */
    buf_clear(&dump);
    assert_int_equal(load_dump(m, &dump), OK);
    model_free(m);
    assert_int_equal(load_text(buf_str(&dump), "f", false, &d, &m), OK);
    assert_int_equal(m->site_count, 10000);
    model_free(m);
    diags_fini(&d);
    buf_fini(&text);
    buf_fini(&dump);
}

static void test_model_lists(void **state)
{
    const struct model_target **targets;
    struct str *names;
    struct model *m = load("version: 1\nacme: {relay: \"http://b/x\"}\nsites:\n"
                           "  a.com: {to: \"http://b\", aliases: [c.com]}\n"
                           "  d.com: {routes: {/: \"http://e:1\", /x: \"http://b:80\"}}\n"
                           "  f.com: {redirect: \"https://a.com\"}\n");
    (void)state;
    assert_int_equal(model_targets(m, &targets), 2);
    assert_str(targets[0]->service, "b:80");
    assert_str(targets[1]->service, "e:1");
    free(targets);
    assert_int_equal(model_names(m, &names), 4);
    assert_str(names[1], "c.com");
    free(names);
    model_free(m);
    model_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_load_fills_defaults),
        cmocka_unit_test(test_load_reads_every_key),
        cmocka_unit_test(test_load_routes_inherit),
        cmocka_unit_test(test_load_dump_comes_back),
        cmocka_unit_test(test_load_dump_respects_the_limit),
        cmocka_unit_test(test_load_file_resolves_paths),
        cmocka_unit_test(test_load_many_sites),
        cmocka_unit_test(test_model_lists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
