/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "config/client_rules.h"
#include "config/load.h"

static struct model *load(const char *text)
{
    struct diags d;
    struct model *m = NULL;
    diags_init(&d);
    assert_int_equal(load_text(str_of(text), "f", false, &d, &m), OK);
    diags_fini(&d);
    return m;
}

static const struct tls_auth_rule *find(const struct tls_auth_rule *rules, size_t count,
                                        const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (str_eq(rules[i].name, str_of(name))) {
            return &rules[i];
        }
    }
    fail_msg("no rule for %s", name);
    abort(); /* for the compiler: cmocka does not say that this is never reached */
}

static void test_client_rules_none_asked(void **state)
{
    struct model *m = load("version: 1\nsites: {a.com: \"http://a\", b.com: \"http://b\"}\n");
    struct tls_auth_rule *rules;
    (void)state;
    assert_int_equal(client_rules(m, &rules), 0);
    free(rules);
    model_free(m);
}

/* Every name has a rule once one site asks: also those that a wildcard would ask in their stead. */
static void test_client_rules_of_every_name(void **state)
{
    struct model *m = load("version: 1\nsites:\n"
                           "  \"*.a.com\": {to: \"http://a\", client_auth: {ca: /ca.pem}}\n"
                           "  open.a.com: http://b\n"
                           "  c.com: {to: \"http://c\", aliases: [d.com], "
                           "client_auth: {ca: /ca.pem, mode: optional}}\n");
    struct tls_auth_rule *rules;
    (void)state;
    m->files[0]->bytes = STR("PEM");
    size_t count = client_rules(m, &rules);
    assert_int_equal(count, 4);
    const struct tls_auth_rule *r = find(rules, count, "*.a.com");
    assert_true(r->asks && r->required && str_eq(r->ca, STR("PEM")));
    assert_false(find(rules, count, "open.a.com")->asks);
    r = find(rules, count, "d.com");
    assert_true(r->asks && !r->required && str_eq(r->ca, STR("PEM")));
    assert_true(find(rules, count, "c.com")->asks);
    free(rules);
    m->files[0]->bytes = STR("");
    model_free(m);
}

/* A site whose file never came asks all the same: the TLS side refuses to be made. */
static void test_client_rules_without_bytes_still_ask(void **state)
{
    struct model *m = load("version: 1\nsites:\n"
                           "  a.com: {to: \"http://a\", client_auth: {ca: /ca.pem}}\n");
    struct tls_auth_rule *rules;
    struct tls_auth *auth = NULL;
    (void)state;
    size_t count = client_rules(m, &rules);
    assert_true(count == 1 && rules[0].asks);
    assert_int_equal(tls_auth_new(rules, count, &auth), ERR_SYNTAX);
    free(rules);
    model_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_client_rules_none_asked),
        cmocka_unit_test(test_client_rules_of_every_name),
        cmocka_unit_test(test_client_rules_without_bytes_still_ask),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
