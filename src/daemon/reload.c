/* SPDX-License-Identifier: MIT */
#include "daemon/reload.h"

#include <string.h>

#include "base/clock.h"
#include "base/err.h"

const char *reload_outcome_text(enum reload_outcome outcome)
{
    switch (outcome) {
    case RELOAD_OK: return "ok";
    case RELOAD_UNCHANGED: return "unchanged";
    case RELOAD_FAILED: return "failed";
    }
    return "failed";
}

const char *reload_cause_text(enum reload_cause cause)
{
    switch (cause) {
    case RELOAD_BY_CLOCK: return "clock";
    case RELOAD_BY_FILES: return "files";
    case RELOAD_BY_SIGNAL: return "signal";
    case RELOAD_BY_ADMIN: return "admin";
    }
    return "clock";
}

void reload_init(struct reload *r, const struct reload_ops *ops, void *arg, uint64_t current)
{
    *r = (struct reload){.ops = ops, .arg = arg, .current = current, .number = current};
}

/* The one place where the state changes. */
static void set_state(struct reload *r, enum reload_state state)
{
    switch (state) {
    case RELOAD_IDLE: break;
    case RELOAD_LOADING: REQUIRE(r->state == RELOAD_IDLE); break;
    case RELOAD_PREPARING: REQUIRE(r->state == RELOAD_LOADING); break;
    }
    r->state = state;
}

static void start(struct reload *r, enum reload_cause cause);

static void start_next(struct reload *r)
{
    if (!r->again) {
        return;
    }
    r->again = false;
    memcpy(r->askers, r->again_askers, sizeof(r->askers));
    r->asker_count = r->again_count;
    r->again_count = 0;
    start(r, r->again_cause);
}

/* Every way a reload ends comes through here. */
static void finish(struct reload *r, enum reload_outcome outcome, struct str text)
{
    struct reload_result result = {
        .outcome = outcome,
        .cause = r->cause,
        .generation = r->current,
        .ms = clock_ms() - r->started_ms,
        .text = text,
    };
    size_t count = r->asker_count;

    r->ops->deadline(r->arg, 0);
    r->asker_count = 0;
    set_state(r, RELOAD_IDLE);
    r->ops->done(r->arg, &result, r->askers, count);
    start_next(r);
}

static void start(struct reload *r, enum reload_cause cause)
{
    r->cause = cause;
    r->started_ms = clock_ms();
    set_state(r, RELOAD_LOADING);
    r->ops->deadline(r->arg, RELOAD_LOAD_MS);
    if (!r->ops->load(r->arg)) {
        finish(r, RELOAD_FAILED, STR("the loader process could not be started"));
    }
}

static bool add_asker(uint32_t *askers, size_t *count, uint32_t asker)
{
    if (asker == 0) {
        return true;
    }
    if (*count == RELOAD_ASKERS_MAX) {
        return false;
    }
    askers[(*count)++] = asker;
    return true;
}

bool reload_request(struct reload *r, enum reload_cause cause, uint32_t asker)
{
    if (r->state == RELOAD_IDLE) {
        (void)add_asker(r->askers, &r->asker_count, asker);
        start(r, cause);
        return true;
    }
    /* The loader may have read its files before the change that is meant now: once more. Nobody
     * needs that of a look by the clock. */
    if (cause == RELOAD_BY_CLOCK) {
        return true;
    }
    if (!add_asker(r->again_askers, &r->again_count, asker)) {
        return false;
    }
    if (!r->again || cause > r->again_cause) {
        r->again_cause = cause;
    }
    r->again = true;
    return true;
}

static void commit(struct reload *r)
{
    r->current = r->number;
    r->ops->commit(r->arg, r->number);
    finish(r, RELOAD_OK, STR(""));
}

static void prepare(struct reload *r)
{
    struct str text = STR("");

    set_state(r, RELOAD_PREPARING);
    r->number++;
    r->ops->deadline(r->arg, RELOAD_PREPARE_MS);
    size_t count = r->ops->prepare(r->arg, r->number, &text);
    if (count == SIZE_MAX) {
        finish(r, RELOAD_FAILED, text);
        return;
    }
    r->waiting = count;
    if (count == 0) { /* all are being started again; they will be given the new one */
        commit(r);
    }
}

void reload_on_loaded(struct reload *r, enum reload_found found, struct str text)
{
    if (r->state != RELOAD_LOADING) {
        return;
    }
    switch (found) {
    case RELOAD_FOUND_NEW: prepare(r); break;
    case RELOAD_FOUND_SAME: finish(r, RELOAD_UNCHANGED, STR("")); break;
    case RELOAD_FOUND_ERRORS: finish(r, RELOAD_FAILED, text); break;
    }
}

void reload_on_prepared(struct reload *r, uint64_t number)
{
    if (r->state != RELOAD_PREPARING || number != r->number || r->waiting == 0) {
        return;
    }
    if (--r->waiting == 0) {
        commit(r);
    }
}

void reload_on_failed(struct reload *r, struct str text)
{
    switch (r->state) {
    case RELOAD_IDLE: return;
    case RELOAD_LOADING: break;
    case RELOAD_PREPARING: r->ops->abort(r->arg, r->number); break;
    }
    finish(r, RELOAD_FAILED, text);
}

void reload_on_deadline(struct reload *r)
{
    if (r->state == RELOAD_LOADING) {
        r->ops->stop_load(r->arg);
        reload_on_failed(r, STR("the loader did not finish in time"));
    } else {
        reload_on_failed(r, STR("a process did not build the new generation in time"));
    }
}

void reload_forget_askers(struct reload *r)
{
    r->asker_count = 0;
    r->again_count = 0;
}

void reload_cancel(struct reload *r)
{
    r->again = false;
    r->again_count = 0;
    if (r->state == RELOAD_LOADING) {
        r->ops->stop_load(r->arg);
    }
    reload_on_failed(r, STR("the daemon is stopping"));
}
