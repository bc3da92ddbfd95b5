/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "supervisor_state.h"

/* ---- diagnostics ---- */

void supervisor_log_diags(const struct diags *d)
{
    for (size_t i = 0; i < d->count; i++) {
        const struct diag *item = &d->items[i];
        struct log_line line;
        bool is_error = item->level == DIAG_ERROR;
        log_begin(&line, is_error ? LOG_ERROR : LOG_WARN,
                  is_error ? "config_error" : "config_warning");
        log_field(&line, "file", item->file);
        if (item->line > 0) {
            log_field_int(&line, "line", item->line);
            log_field_int(&line, "column", item->column);
        }
        log_field(&line, "message", item->text);
        log_end(&line);
    }
    if (d->lost > 0) {
        log_event(LOG_WARN, "config_more", "and %zu more", d->lost);
    }
}

static uint64_t hash_diags(const struct diags *d)
{
    uint64_t hash = 0xcbf29ce484222325ULL; /* FNV-1a */

    for (size_t i = 0; i < d->count; i++) {
        struct str text = d->items[i].text;
        hash = (hash ^ d->items[i].line) * 0x100000001b3ULL;
        for (size_t k = 0; k < text.len; k++) {
            hash = (hash ^ (uint8_t)text.ptr[k]) * 0x100000001b3ULL;
        }
    }
    return hash;
}

/* ---- loading ---- */

static void drop_pending(struct supervisor *s)
{
    load_result_fini(&s->pending);
    s->pending = (struct load_result){.has_report = false};
}

static void on_loaded(void *arg, struct load_result *result)
{
    struct supervisor *s = arg;
    uint64_t hash = hash_diags(&result->diags);
    char text[64];

    s->job = NULL;
    s->pending = *result;
    supervisor_note_sandbox(s, result->sandbox_missing);
    if (!result->has_report) {
        reload_on_failed(&s->reload, str_of(result->text));
        return;
    }
    if (result->has_bundles &&
        memcmp(result->plan.digest, s->current.plan.digest, sizeof(result->plan.digest)) == 0) {
        /* The same bytes, but maybe another folder to look into. */
        watcher_set(s->watcher, result->plan.watch, result->plan.watch_count);
        reload_on_loaded(&s->reload, RELOAD_FOUND_SAME, STR(""));
        return;
    }
    s->quiet = s->reload.cause == RELOAD_BY_CLOCK && hash == s->fault_hash && !result->has_bundles;
    s->fault_hash = hash;
    if (!s->quiet) {
        supervisor_log_diags(&result->diags);
    }
    if (!result->has_bundles) {
        (void)snprintf(text, sizeof(text), "the configuration has %zu error%s",
                       result->diags.errors, result->diags.errors == 1 ? "" : "s");
        reload_on_loaded(&s->reload, RELOAD_FOUND_ERRORS, str_of(text));
        return;
    }
    reload_on_loaded(&s->reload, RELOAD_FOUND_NEW, STR(""));
}

static bool op_load(void *arg)
{
    struct supervisor *s = arg;
    struct spawn spawn;

    s->quiet = false;
    watcher_seen(s->watcher);
    supervisor_loader_spawn(s, s->current.bundle, &spawn);
    return load_job_start(s->loop, &spawn, on_loaded, s, &s->job) == OK;
}

static void op_stop_load(void *arg)
{
    struct supervisor *s = arg;

    load_job_stop(s->job);
    s->job = NULL;
}

/* ---- two phases ---- */

static size_t op_prepare(void *arg, uint64_t number, struct str *out_text)
{
    struct supervisor *s = arg;
    size_t count = 0;

    if (listeners_stage(&s->listeners, &s->pending.plan, s->listen_text) != OK) {
        log_event(LOG_ERROR, "listen_failed", "%s", s->listen_text);
        *out_text = str_of(s->listen_text);
        return SIZE_MAX;
    }
    for (size_t i = 0; i < s->child_count; i++) {
        struct child *c = &s->children[i];
        if (c->state != CHILD_IDLE) {
            continue; /* being started: it is given the new one as soon as it is served */
        }
        child_set_state(c, CHILD_PREPARING);
        child_prepare(c, number, &s->pending);
        count++;
    }
    return count;
}

static void tell_listeners(struct supervisor *s)
{
    for (size_t i = 0; i < s->child_count; i++) {
        struct child *c = &s->children[i];
        if (c->link != NULL && c->serving != 0) {
            child_listen(c, LISTENERS_NEW);
        }
    }
    LIST_EACH (&s->listeners.entries, it, tmp) {
        struct listeners_entry *e = CONTAINER_OF(it, struct listeners_entry, node);
        struct wire_msg m = {.id = WIRE_UNLISTEN, .request = e->number};
        if (e->state == LISTENERS_OLD) {
            children_send(s, &m, false);
        }
    }
    listeners_commit(&s->listeners);
    listeners_drop_old(&s->listeners);
}

static void warn_of_restart(const struct supervisor *s)
{
    if (s->pending.plan.workers != s->current.plan.workers) {
        log_event(LOG_WARN, "restart_needed",
                  "`workers` has changed; the number of workers changes with a restart only");
    }
}

static void op_commit(void *arg, uint64_t number)
{
    struct supervisor *s = arg;

    for (size_t i = 0; i < s->child_count; i++) {
        struct child *c = &s->children[i];
        if (c->state == CHILD_PREPARED && c->given == number) {
            wire_link_send_number(c->link, WIRE_COMMIT, number);
            c->serving = number;
            child_set_state(c, CHILD_IDLE);
        }
    }
    warn_of_restart(s);
    load_result_fini(&s->current);
    s->current = s->pending;
    s->pending = (struct load_result){.has_report = false};
    tell_listeners(s);
    supervisor_log_as(s, &s->current.plan);
    watcher_set(s->watcher, s->current.plan.watch, s->current.plan.watch_count);
    for (size_t i = 0; i < s->child_count; i++) {
        child_feed(&s->children[i]);
    }
}

static void op_abort(void *arg, uint64_t number)
{
    struct supervisor *s = arg;

    for (size_t i = 0; i < s->child_count; i++) {
        struct child *c = &s->children[i];
        if (c->state == CHILD_PREPARING || c->state == CHILD_PREPARED) {
            wire_link_send_number(c->link, WIRE_ABORT, number);
            child_set_state(c, CHILD_IDLE);
            c->given = 0;
        }
    }
    listeners_abort(&s->listeners);
}

static void op_deadline(void *arg, uint64_t ms)
{
    struct supervisor *s = arg;

    if (ms == 0) {
        timer_clear(&s->patience);
    } else {
        timer_set(&s->patience, ms);
    }
}

/* ---- the end of one ---- */

static void count_outcome(struct supervisor *s, enum reload_outcome outcome)
{
    static const enum counter counters[] = {
        [RELOAD_OK] = COUNTER_RELOADS_OK,
        [RELOAD_UNCHANGED] = COUNTER_RELOADS_UNCHANGED,
        [RELOAD_FAILED] = COUNTER_RELOADS_FAILED,
    };

    counter_inc(s->slot, counters[outcome]);
}

static void log_done(const struct reload_result *result)
{
    struct log_line line;

    log_begin(&line, result->outcome == RELOAD_FAILED ? LOG_ERROR : LOG_INFO, "reload_done");
    log_field_c(&line, "outcome", reload_outcome_text(result->outcome));
    log_field_c(&line, "cause", reload_cause_text(result->cause));
    log_field_int(&line, "generation", (int64_t)result->generation);
    log_field_int(&line, "ms", (int64_t)result->ms);
    if (result->text.len > 0) {
        log_field(&line, "reason", result->text);
    }
    log_end(&line);
}

/* The first lines of what is wrong, for who asked. */
static void describe(const struct supervisor *s, const struct reload_result *result,
                     struct buf *out)
{
    (void)!buf_append_str(out, result->text);
    if (result->outcome == RELOAD_FAILED && s->pending.has_report && !s->pending.has_bundles) {
        (void)!buf_append(out, "\n", 1);
        (void)!diags_print(&s->pending.diags, out);
    }
}

static void answer(struct supervisor *s, const struct reload_result *result, const uint32_t *askers,
                   size_t asker_count)
{
    struct child *keeper = children_keeper(s);
    struct wire_msg m = {
        .id = WIRE_RELOAD_RESULT, .flag = (uint8_t)result->outcome, .number = result->generation};
    struct buf text;

    if (keeper->link == NULL) {
        return;
    }
    buf_init(&text, WIRE_TEXT_MAX);
    describe(s, result, &text);
    m.text = str_sub(buf_str(&text), 0, WIRE_TEXT_MAX);
    for (size_t i = 0; i < asker_count; i++) {
        m.request = askers[i];
        wire_link_send(keeper->link, &m, NULL, 0);
    }
    if (result->outcome != RELOAD_UNCHANGED) {
        m.request = 0;
        wire_link_send(keeper->link, &m, NULL, 0);
    }
    buf_fini(&text);
}

static void op_done(void *arg, const struct reload_result *result, const uint32_t *askers,
                    size_t asker_count)
{
    struct supervisor *s = arg;
    bool nothing = result->cause == RELOAD_BY_CLOCK && result->outcome == RELOAD_UNCHANGED;

    if (!nothing && !s->quiet) {
        count_outcome(s, result->outcome);
        log_done(result);
        answer(s, result, askers, asker_count);
    }
    if (result->outcome != RELOAD_FAILED) {
        s->fault_hash = 0;
    }
    drop_pending(s);
    for (size_t i = 0; i < s->child_count; i++) {
        child_feed(&s->children[i]);
    }
}

void supervisor_reload_init(struct supervisor *s)
{
    static const struct reload_ops ops = {
        .load = op_load,
        .stop_load = op_stop_load,
        .prepare = op_prepare,
        .commit = op_commit,
        .abort = op_abort,
        .deadline = op_deadline,
        .done = op_done,
    };

    reload_init(&s->reload, &ops, s, 1);
}
