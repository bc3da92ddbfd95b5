/* SPDX-License-Identifier: MIT */
#include "proxy/policy_access.h"

enum why policy_access(const struct model_rules *rules, const struct addr *client)
{
    if (client == NULL) {
        return rules->has_allow ? WHY_CLIENT_UNKNOWN : WHY_OK;
    }
    if (addr_net_any(rules->deny, rules->deny_count, client)) {
        return WHY_DENIED; /* also what an `allow` names */
    }
    if (rules->has_allow && !addr_net_any(rules->allow, rules->allow_count, client)) {
        return WHY_DENIED;
    }
    return WHY_OK;
}
