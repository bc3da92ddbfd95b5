/* SPDX-License-Identifier: MIT */
#include "proxy/policy_access.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define NETS_MAX 4

static size_t parse_nets(const char *text, struct addr_net nets[static NETS_MAX])
{
    struct str rest = str_of(text);
    struct str one;
    size_t count = 0;
    while (rest.len > 0 && str_next(&rest, ' ', &one)) {
        assert_int_equal(addr_net_parse(one, &nets[count++]), OK);
    }
    return count;
}

static void test_policy_access_decides(void **state)
{
    static const struct {
        const char *allow; /* NULL: none written */
        const char *deny;
        const char *client; /* NULL: not known */
        enum why why;
    } table[] = {
        {NULL, "", "192.0.2.1", WHY_OK},
        {NULL, "", NULL, WHY_OK},
        {NULL, "192.0.2.0/24", "192.0.2.1", WHY_DENIED},
        {NULL, "192.0.2.0/24", "192.0.3.1", WHY_OK},
        {NULL, "192.0.2.0/24", "::ffff:192.0.2.1", WHY_DENIED},
        {NULL, "192.0.2.0/24", NULL, WHY_OK},
        {"192.0.2.0/24", "", "192.0.2.1", WHY_OK},
        {"192.0.2.0/24", "", "::ffff:192.0.2.1", WHY_OK},
        {"192.0.2.0/24", "", "2001:db8::1", WHY_DENIED},
        {"192.0.2.0/24 2001:db8::/32", "", "2001:db8::1", WHY_OK},
        {"192.0.2.0/24", "192.0.2.7", "192.0.2.7", WHY_DENIED}, /* deny wins */
        {"192.0.2.7", "192.0.2.0/24", "192.0.2.7", WHY_DENIED},
        {"192.0.2.0/24", "", NULL, WHY_CLIENT_UNKNOWN},
        {"0.0.0.0/0 ::/0", "", NULL, WHY_CLIENT_UNKNOWN},
        {"", "", "192.0.2.1", WHY_DENIED}, /* an empty list allows nobody */
        {"::/0", "", "192.0.2.1", WHY_OK}, /* all of the mapped form */
    };
    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct addr_net allow[NETS_MAX];
        struct addr_net deny[NETS_MAX];
        struct addr client;
        struct model_rules rules = {
            .has_allow = table[i].allow != NULL, .allow = allow, .deny = deny};
        rules.allow_count = rules.has_allow ? parse_nets(table[i].allow, allow) : 0;
        rules.deny_count = parse_nets(table[i].deny, deny);
        bool is_known = table[i].client != NULL;
        if (is_known) {
            assert_int_equal(addr_parse_ip(str_of(table[i].client), 1, &client), OK);
        }
        if (policy_access(&rules, is_known ? &client : NULL) != table[i].why) {
            fail_msg("case %zu", i);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_policy_access_decides),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
