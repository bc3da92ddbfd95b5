/* SPDX-License-Identifier: MIT */
/* What a site asks of a request before anything is done for it. */
#include "exchange_impl.h"

#include "proxy/policy_access.h"

static enum why check_access(struct exchange *ex, const struct model_rules *rules)
{
    return policy_access(rules, conn_known_client(ex->conn));
}

typedef enum why (*check_fn)(struct exchange *ex, const struct model_rules *rules);

/* In this order: what costs least first, and nobody is asked for a password who may not come. */
static const check_fn checks[] = {
    check_access,
};

bool policy_admit(struct exchange *ex, const struct model_rules *rules)
{
    for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
        enum why why = checks[i](ex, rules);
        if (why != WHY_OK) {
            exchange_fail(ex, why);
            return false;
        }
    }
    return true;
}
