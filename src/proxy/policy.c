/* SPDX-License-Identifier: MIT */
/* What a site asks of a request before anything is done for it. */
#include "exchange_impl.h"

#include "proxy/policy_access.h"
#include "proxy/policy_auth.h"
#include "proxy/policy_rate.h"

static enum why check_access(struct exchange *ex, const struct model_rules *rules)
{
    return policy_access(rules, conn_known_client(ex->conn));
}

static enum why check_rate(struct exchange *ex, const struct model_rules *rules)
{
    if (rules->rate.requests == 0) {
        return WHY_OK;
    }
    const struct rate_tables tables = {ex->proxy->env.counters, ex->proxy->slot};
    const struct policy_rate who = {
        .client = conn_known_client(ex->conn), .site = ex->site->name, .rate = &rules->rate};
    return policy_rate(&tables, &who, loop_now_us(ex->proxy->loop) * 1000, &ex->retry_after_s);
}

static enum why ask_password(struct exchange *ex, const struct model_rules *rules, enum why why)
{
    ex->www_authenticate = basic_challenge(ex->arena, rules->basic_auth->realm);
    return why;
}

/* The door's password is not the service's business: it does not go on. */
static enum why check_password(struct exchange *ex, const struct model_rules *rules)
{
    struct basic given;
    int err = basic_parse(ex->request, &given);
    if (err != OK) {
        return ask_password(ex, rules, err == ERR_NOT_FOUND ? WHY_AUTH_REQUIRED : WHY_AUTH_FAILED);
    }
    const struct rate_tables tables = {ex->proxy->env.counters, ex->proxy->slot};
    const struct policy_auth_ask ask = {.tables = &tables,
                                        .users = ex->settings->users,
                                        .file = rules->basic_auth->users,
                                        .client = conn_known_client(ex->conn),
                                        .site = ex->site->name,
                                        .given = &given};
    enum why why = policy_auth_check(ex->proxy->auth, &ask, &ex->retry_after_s);
    ex->user = why == WHY_OK ? arena_dup(ex->arena, given.user) : STR("");
    basic_wipe(&given);
    message_remove(ex->request, FIELD_AUTHORIZATION);
    return why == WHY_AUTH_FAILED ? ask_password(ex, rules, why) : why;
}

static enum why check_auth(struct exchange *ex, const struct model_rules *rules)
{
    return rules->basic_auth == NULL ? WHY_OK : check_password(ex, rules);
}

typedef enum why (*check_fn)(struct exchange *ex, const struct model_rules *rules);

/* In this order: what costs least first, and nobody is asked for a password who may not come. */
static const check_fn checks[] = {
    check_access,
    check_rate,
    check_auth,
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
