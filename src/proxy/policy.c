/* SPDX-License-Identifier: MIT */
/* What a site asks of a request before anything is done for it. */
#include "exchange_impl.h"

#include "base/clock.h"
#include "proxy/policy_access.h"
#include "proxy/policy_rate.h"

static enum why check_access(struct exchange *ex, const struct model_rules *rules)
{
    return policy_access(rules, conn_known_client(ex->conn));
}

static enum why check_rate(struct exchange *ex, const struct model_rules *rules)
{
    const struct rate_tables tables = {ex->proxy->env.counters, ex->proxy->slot};
    const struct policy_rate who = {
        .client = conn_known_client(ex->conn), .site = ex->site->name, .rate = &rules->rate};
    return policy_rate(&tables, &who, clock_us() * 1000, &ex->retry_after_s);
}

typedef enum why (*check_fn)(struct exchange *ex, const struct model_rules *rules);

/* In this order: what costs least first, and nobody is asked for a password who may not come. */
static const check_fn checks[] = {
    check_access,
    check_rate,
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
