/* SPDX-License-Identifier: MIT */
/* What sites ask of requests, and HTTP/2: from the text to the model and back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "config/load.h"
#include "tls/tls_ca.h"

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

static void assert_change(const struct model_headers *h, size_t i, enum model_header_op op,
                          const char *text)
{
    assert_true(i < h->count);
    assert_int_equal(h->changes[i].op, op);
    char line[128];
    (void)snprintf(line, sizeof(line), "%.*s: %.*s", STR_FMT(h->changes[i].name),
                   STR_FMT(h->changes[i].value));
    assert_string_equal(line, text);
}

#define FULL                                                                                       \
    "version: 1\n"                                                                                 \
    "http2: {enabled: false, streams: 7, window: 32k, connection_window: 64k, frame: 32k, "        \
    "table: 0, requests: 9}\n"                                                                     \
    "masked: [172.18.0.1, 10.0.0.0/24]\n"                                                          \
    "sites:\n"                                                                                     \
    "  a.com:\n"                                                                                   \
    "    verify: {ca: /ca.pem, name: A.internal}\n"                                                \
    "    headers:\n"                                                                               \
    "      request: {remove: [X-R, X-Gone], set: {X-S: s}, add: {X-A: [1, 2]}}\n"                  \
    "      response: {set: {X-Frame-Options: DENY}}\n"                                             \
    "    basic_auth: {users: /users, realm: Club}\n"                                               \
    "    allow: [10.0.0.0/8]\n"                                                                    \
    "    deny: [10.1.0.0/16, 10.2.0.0/16]\n"                                                       \
    "    rate: 10/s\n"                                                                             \
    "    gzip: true\n"                                                                             \
    "    balance: {hash: cookie, name: sid}\n"                                                     \
    "    hold: {wait: 30s}\n"                                                                      \
    "    max_requests: 7\n"                                                                        \
    "    health: {path: /up, fall: 4}\n"                                                           \
    "    eject: {errors: 9, first: 2s}\n"                                                          \
    "    client_auth: {ca: /clients.pem, mode: optional}\n"                                        \
    "    routes:\n"                                                                                \
    "      /: https://web\n"                                                                       \
    "      /api:\n"                                                                                \
    "        to: https://api:8443\n"                                                               \
    "        verify: {name: api}\n"                                                                \
    "        headers:\n"                                                                           \
    "          request: {remove: x-s, set: {x-r: r}, add: {x-a: 3}}\n"                             \
    "        basic_auth: /other\n"                                                                 \
    "        allow: all\n"                                                                         \
    "        deny: []\n"                                                                           \
    "        pin: ST_api\n"                                                                        \
    "        rate: {requests: 600/m, burst: 50}\n"                                                 \
    "        gzip: false\n"                                                                        \
    "        balance: {hash: header, name: X-Account}\n"                                           \
    "        hold: {requests: 5}\n"                                                                \
    "        max_requests: {endpoint: 8, queue: 0}\n"                                              \
    "        health: {interval: 1s, timeout: 300ms, rise: 1, host: up.x}\n"                        \
    "        eject: {errors: off}\n"                                                               \
    "      /open: {to: \"https://x\", verify: off, basic_auth: off, rate: off, balance: "          \
    "round_robin}\n"                                                                               \
    "      /out: {to: \"https://x.example\", external: true, "                                     \
    "max_requests: off, hold: {wait: 0s}, health: off}\n"                                          \
    "      /grpc: {to: \"h2c://g:50051\", balance: hash}\n"                                        \
    "  \"*.b.com\": {to: \"http://{1}_web:3000\", aliases: [\"*.b.org\"]}\n"                       \
    "  \"*.old.com\": {redirect: \"https://{1}.b.com/x\", rate: 1/h, "                             \
    "headers: {response: {add: {A: \"x: \\\"y\\\"\"}}}}\n"                                         \
    "  sys.com: https://sys\n"

static const struct model_route *route(const struct model_site *s, const char *prefix)
{
    for (size_t i = 0; i < s->route_count; i++) {
        if (str_eq(s->routes[i].prefix, str_of(prefix))) {
            return &s->routes[i];
        }
    }
    fail_msg("no route %s", prefix);
    abort(); /* for the compiler: cmocka does not say that this is never reached */
}

static void test_load_rules_of_a_site(void **state)
{
    struct model *m = load(FULL);
    const struct model_site *a = &m->sites[0];
    const struct model_rules *r = &route(a, "/")->rules;
    (void)state;
    assert_false(m->http2.enabled);
    assert_int_equal(m->http2.streams, 7);
    assert_int_equal(m->http2.window, 32768);
    assert_int_equal(m->http2.connection_window, 65536);
    assert_int_equal(m->http2.frame, 32768);
    assert_int_equal(m->http2.table, 0);
    assert_int_equal(m->http2.requests, 9);
    assert_false(m->masked_auto);
    assert_int_equal(m->masked_count, 2);
    assert_str(a->client_auth.ca->path, "/clients.pem");
    assert_int_equal(a->client_auth.mode, MODEL_CLIENT_AUTH_OPTIONAL);
    assert_int_equal(r->request.count, 5);
    assert_change(&r->request, 0, MODEL_HEADER_REMOVE, "X-R: ");
    assert_change(&r->request, 1, MODEL_HEADER_REMOVE, "X-Gone: ");
    assert_change(&r->request, 2, MODEL_HEADER_SET, "X-S: s");
    assert_change(&r->request, 3, MODEL_HEADER_ADD, "X-A: 1");
    assert_change(&r->request, 4, MODEL_HEADER_ADD, "X-A: 2");
    assert_int_equal(r->response.count, 1);
    assert_str(r->basic_auth->users->path, "/users");
    assert_str(r->basic_auth->realm, "Club");
    assert_true(r->has_allow && r->allow_count == 1 && r->deny_count == 2);
    assert_true(r->rate.requests == 10 && r->rate.period_ms == 1000 && r->rate.burst == 10);
    assert_true(r->gzip);
    model_free(m);
}

/* A route's own words replace its site's; header fields come after them. */
static void test_load_rules_of_a_route(void **state)
{
    struct model *m = load(FULL);
    const struct model_rules *r = &route(&m->sites[0], "/api")->rules;
    (void)state;
    assert_int_equal(r->request.count, 6);
    assert_change(&r->request, 0, MODEL_HEADER_REMOVE, "X-Gone: ");
    assert_change(&r->request, 1, MODEL_HEADER_REMOVE, "x-s: ");
    assert_change(&r->request, 2, MODEL_HEADER_SET, "x-r: r");
    assert_change(&r->request, 3, MODEL_HEADER_ADD, "X-A: 1");
    assert_change(&r->request, 5, MODEL_HEADER_ADD, "x-a: 3");
    assert_change(&r->response, 0, MODEL_HEADER_SET, "X-Frame-Options: DENY");
    assert_str(r->basic_auth->users->path, "/other");
    assert_str(r->basic_auth->realm, "Restricted");
    assert_true(!r->has_allow && r->deny_count == 0 && !r->gzip);
    assert_true(r->rate.requests == 600 && r->rate.period_ms == 60000 && r->rate.burst == 50);
    r = &route(&m->sites[0], "/open")->rules;
    assert_null(r->basic_auth);
    assert_int_equal(r->rate.requests, 0);
    assert_true(r->has_allow && r->gzip);
    model_free(m);
}

static void assert_balance(const struct model_route *r, enum model_balance_kind kind,
                           enum model_hash_key key, const char *name)
{
    assert_int_equal(r->balance.kind, kind);
    assert_int_equal(r->balance.key, key);
    assert_str(r->balance.name, name);
}

static void test_load_balance(void **state)
{
    struct model *m = load(FULL);
    const struct model_site *a = &m->sites[0];
    (void)state;
    assert_balance(route(a, "/"), MODEL_BALANCE_HASH, MODEL_HASH_COOKIE, "sid");
    assert_balance(route(a, "/api"), MODEL_BALANCE_HASH, MODEL_HASH_HEADER, "X-Account");
    assert_balance(route(a, "/open"), MODEL_BALANCE_ROUND_ROBIN, MODEL_HASH_CLIENT, "");
    assert_balance(route(a, "/grpc"), MODEL_BALANCE_HASH, MODEL_HASH_CLIENT, "");
    assert_balance(route(&m->sites[1], "/"), MODEL_BALANCE_LEAST, MODEL_HASH_CLIENT, "");
    model_free(m);
}

static void assert_waits(const struct model_route *r, struct model_hold hold,
                         struct model_bound bound)
{
    assert_int_equal(r->hold.wait_ms, hold.wait_ms);
    assert_int_equal(r->hold.requests, hold.requests);
    assert_int_equal(r->bound.requests, bound.requests);
    assert_int_equal(r->bound.queue, bound.queue);
}

static void test_load_hold_and_bound(void **state)
{
    struct model *m = load(FULL);
    const struct model_site *a = &m->sites[0];
    (void)state;
    assert_waits(route(a, "/"), (struct model_hold){30000, 1000}, (struct model_bound){7, 1000});
    assert_waits(route(a, "/api"), (struct model_hold){30000, 5}, (struct model_bound){8, 0});
    assert_waits(route(a, "/out"), (struct model_hold){0, 1000}, (struct model_bound){0, 0});
    assert_waits(&m->sites[1].routes[0], (struct model_hold){5000, 1000},
                 (struct model_bound){0, 0});
    model_free(m);
}

static void assert_health(const struct model_route *r, struct model_health h)
{
    assert_int_equal(r->health.interval_ms, h.interval_ms);
    assert_int_equal(r->health.timeout_ms, h.timeout_ms);
    assert_int_equal(r->health.fall, h.fall);
    assert_int_equal(r->health.rise, h.rise);
    assert_true(str_eq(r->health.path, h.path) && str_eq(r->health.host, h.host));
}

static void assert_eject(const struct model_route *r, struct model_eject e)
{
    assert_int_equal(r->eject.errors, e.errors);
    assert_int_equal(r->eject.first_ms, e.first_ms);
    assert_int_equal(r->eject.longest_ms, e.longest_ms);
    assert_int_equal(r->eject.percent, e.percent);
}

static void test_load_health_and_eject(void **state)
{
    const struct model_health off = {.path = STR(""), .host = STR("")};
    struct model *m = load(FULL);
    const struct model_site *a = &m->sites[0];
    (void)state;
    assert_health(route(a, "/"), (struct model_health){5000, 2000, 4, 2, STR("/up"), STR("")});
    assert_health(route(a, "/api"), (struct model_health){1000, 300, 3, 1, STR(""), STR("up.x")});
    assert_health(route(a, "/out"), off);
    assert_health(&m->sites[1].routes[0], off);
    assert_eject(route(a, "/"), (struct model_eject){9, 2000, 10000, 50});
    assert_eject(route(a, "/api"), (struct model_eject){0, 1000, 10000, 50});
    assert_eject(&m->sites[1].routes[0], (struct model_eject){5, 1000, 10000, 50});
    model_free(m);
}

static void test_load_verify(void **state)
{
    struct model *m = load(FULL);
    const struct model_site *a = &m->sites[0];
    const struct model_target *t = &route(a, "/")->to;
    (void)state;
    assert_str(t->verify.ca->path, "/ca.pem");
    assert_str(t->verify.name, "a.internal");
    t = &route(a, "/api")->to;
    assert_str(t->verify.ca->path, "/ca.pem");
    assert_str(t->verify.name, "api");
    t = &route(a, "/open")->to;
    assert_true(t->verify.off && t->verify.ca == NULL);
    t = &route(a, "/grpc")->to;
    assert_int_equal(t->scheme, MODEL_SCHEME_H2C);
    assert_null(t->verify.ca);
    assert_str(m->sites[3].routes[0].to.verify.ca->path, TLS_CA_SYSTEM);
    model_free(m);
}

static void test_load_files_once_each(void **state)
{
    static const char *const paths[] = {"/clients.pem", "/other", "/ca.pem", "/users",
                                        TLS_CA_SYSTEM};
    struct model *m = load(FULL);
    (void)state;
    assert_int_equal(m->file_count, 5);
    for (size_t i = 0; i < m->file_count; i++) {
        bool found = false;
        for (size_t j = 0; j < 5; j++) {
            found = found || str_eq(m->files[i]->path, str_of(paths[j]));
        }
        assert_true(found);
        assert_int_equal(m->files[i]->bytes.len, 0);
        assert_true(m->files[i]->line > 0);
    }
    assert_str(m->files[0]->path, "/clients.pem");
    assert_str(m->files[0]->key, "client_auth.ca");
    assert_int_equal(m->files[0]->line, 20);
    model_free(m);
}

static void test_load_patterns(void **state)
{
    struct model *m = load(FULL);
    const struct model_target **targets;
    (void)state;
    assert_str(m->sites[1].name, "*.b.com");
    assert_str(m->sites[1].aliases[0], "*.b.org");
    assert_true(m->sites[1].routes[0].to.is_pattern);
    assert_str(m->sites[1].routes[0].to.host, "{1}_web");
    assert_str(m->sites[2].redirect, "https://{1}.b.com/x");
    assert_int_equal(m->sites[2].rules.rate.period_ms, 3600000);
    size_t count = model_targets(m, &targets);
    assert_int_equal(count, 6);
    for (size_t i = 0; i < count; i++) {
        assert_false(targets[i]->is_pattern);
        bool is_api = str_eq(targets[i]->host, STR("api"));
        assert_str(targets[i]->pin, is_api ? "st_api" : "");
        assert_int_equal(targets[i]->is_external, str_eq(targets[i]->host, STR("x.example")));
    }
    free(targets);
    model_free(m);
}

static void test_load_rules_defaults(void **state)
{
    struct model *m = load("version: 1\nsites: {a.com: \"http://a\"}\n");
    const struct model_rules *r = &m->sites[0].routes[0].rules;
    (void)state;
    assert_true(m->masked_auto && m->masked_count == 0);
    assert_true(m->http2.enabled && m->http2.streams == 128 && m->http2.window == 262144);
    assert_true(m->http2.connection_window == 1 << 20 && m->http2.frame == 16384);
    assert_true(m->http2.table == 4096 && m->http2.requests == 10000);
    assert_true(r->request.count == 0 && r->response.count == 0 && !r->has_allow);
    assert_true(r->deny_count == 0 && r->basic_auth == NULL && r->rate.requests == 0 && !r->gzip);
    assert_null(m->sites[0].client_auth.ca);
    assert_int_equal(m->file_count, 0);
    model_free(m);
    m = load("version: 1\nmasked: off\n");
    assert_true(!m->masked_auto && m->masked_count == 0);
    model_free(m);
}

static void test_load_rules_dump_comes_back(void **state)
{
    struct buf first;
    struct buf second;
    struct model *m = load(FULL);
    (void)state;
    buf_init(&first, 1 << 20);
    buf_init(&second, 1 << 20);
    assert_int_equal(load_dump(m, &first), OK);
    assert_int_equal(buf_append(&first, "", 1), OK);
    struct model *again = load(buf_ptr(&first));
    assert_int_equal(load_dump(again, &second), OK);
    assert_int_equal(buf_append(&second, "", 1), OK);
    assert_string_equal(buf_ptr(&first), buf_ptr(&second));
    model_free(again);
    buf_clear(&second);
    assert_int_equal(load_dump_brief(m, &second), OK);
    assert_int_equal(buf_append(&second, "", 1), OK);
    again = load(buf_ptr(&second));
    buf_clear(&second);
    assert_int_equal(load_dump(again, &second), OK);
    assert_int_equal(buf_append(&second, "", 1), OK);
    assert_string_equal(buf_ptr(&first), buf_ptr(&second));
    assert_int_equal(m->file_count, again->file_count);
    for (size_t i = 0; i < m->file_count; i++) {
        assert_true(str_eq(m->files[i]->path, again->files[i]->path));
        assert_int_equal(m->files[i]->kind, again->files[i]->kind);
    }
    const struct model_rules *a = &route(&m->sites[0], "/api")->rules;
    const struct model_rules *b = &route(&again->sites[0], "/api")->rules;
    assert_int_equal(a->request.count, b->request.count);
    assert_true(b->rate.burst == a->rate.burst && b->rate.period_ms == a->rate.period_ms);
    assert_str(b->basic_auth->realm, "Restricted");
    assert_change(&again->sites[2].rules.response, 0, MODEL_HEADER_ADD, "A: x: \"y\"");
    assert_int_equal(again->sites[0].client_auth.mode, MODEL_CLIENT_AUTH_OPTIONAL);
    assert_int_equal(again->masked_count, 2);
    model_free(m);
    model_free(again);
    buf_fini(&first);
    buf_fini(&second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_load_rules_of_a_site),
        cmocka_unit_test(test_load_rules_of_a_route),
        cmocka_unit_test(test_load_balance),
        cmocka_unit_test(test_load_hold_and_bound),
        cmocka_unit_test(test_load_health_and_eject),
        cmocka_unit_test(test_load_verify),
        cmocka_unit_test(test_load_files_once_each),
        cmocka_unit_test(test_load_patterns),
        cmocka_unit_test(test_load_rules_defaults),
        cmocka_unit_test(test_load_rules_dump_comes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
