/* SPDX-License-Identifier: MIT */
/*
 * `basic_auth`: names and passwords against the hashes of a users file. Workers only.
 *
 * A hash takes milliseconds by design, and a worker can do nothing else meanwhile. So what was
 * found out is remembered (auth_cache), and the rest has two budgets: a client's wrong passwords
 * are counted by all workers together, and a worker spends at most a quarter of its time on hashes.
 * What is over is answered at once, with how long to wait. A name that does not exist costs the
 * same as one that does. No password is kept, logged or handed on.
 */
#ifndef HIVEDOOR_PROXY_POLICY_AUTH_H
#define HIVEDOOR_PROXY_POLICY_AUTH_H

#include "base/addr.h"
#include "base/err.h"
#include "config/model.h"
#include "http/basic.h"
#include "stats/rate.h"

#include <stdbool.h>
#include <stdint.h>

/* ---- users: part of a generation, immutable ---- */

struct policy_users;

/* Of every users file that a model names; borrows the model's bytes. Never NULL. */
struct policy_users *policy_users_new(const struct model *m);
/* Accepts NULL. */
void policy_users_free(struct policy_users *users);

/* ---- the time that may be spent ---- */

struct policy_budget {
    uint64_t free_us; /* when all that was spent is earned again */
};

/* How long, in µs, until more may be spent; 0: now. */
uint64_t policy_budget_wait(const struct policy_budget *b, uint64_t now_us);
/* `spent_us` of work ended at `now_us`. */
void policy_budget_spend(struct policy_budget *b, uint64_t now_us, uint64_t spent_us);

/* ---- the check: one state a worker ---- */

struct policy_auth;

/* Never NULL. */
struct policy_auth *policy_auth_new(void);
/* Accepts NULL; everything is zeroed. */
void policy_auth_free(struct policy_auth *a);

struct policy_auth_ask {
    const struct rate_tables *tables;
    const struct policy_users *users;
    const struct model_file *file; /* which of them */
    const struct addr *client;     /* NULL: not known */
    struct str site;
    const struct basic *given; /* borrowed */
};

/* WHY_OK, WHY_AUTH_FAILED, or WHY_AUTH_LIMITED with the seconds until another check. */
enum why policy_auth_check(struct policy_auth *a, const struct policy_auth_ask *ask,
                           unsigned *out_retry_after_s);

#endif
