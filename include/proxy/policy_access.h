/* SPDX-License-Identifier: MIT */
/*
 * `allow` and `deny`: who may ask at all. Pure. Workers only; called once a request, first of all
 * policies.
 */
#ifndef HIVEDOOR_PROXY_POLICY_ACCESS_H
#define HIVEDOOR_PROXY_POLICY_ACCESS_H

#include "base/addr.h"
#include "base/err.h"
#include "config/model.h"

/*
 * WHY_OK, or why not. `client` NULL: the address is not known (Docker's gateway stands in front, or
 * the client came by a Unix socket); then what has an `allow` refuses, as nobody can be shown to be
 * on it, and a `deny` alone lets pass, as it would else refuse everybody.
 */
enum why policy_access(const struct model_rules *rules, const struct addr *client);

#endif
