/* SPDX-License-Identifier: MIT */
#include "base/clock.h"
#include "base/log.h"
#include "supervisor_state.h"

/* From CUT to the last DRAINED, and from STOP to the last exit. */
#define CUT_MS  1000
#define STOP_MS 2000
/* Of drain.timeout: what those have who came during it, where those of before do not end. */
#define LEAVE_MS 1000

static void send_all(struct supervisor *s, enum wire_id id)
{
    struct wire_msg m = {.id = id};

    for (size_t i = 0; i < s->child_count; i++) {
        if (s->children[i].link != NULL) {
            wire_link_send(s->children[i].link, &m, NULL, 0);
        }
    }
}

static bool is_anyone_left(const struct supervisor *s)
{
    for (size_t i = 0; i < s->child_count; i++) {
        if (s->children[i].pid != 0) {
            return true;
        }
    }
    return false;
}

static bool is_drained(const struct supervisor *s)
{
    for (size_t i = 1; i < s->child_count; i++) {
        if (s->children[i].pid != 0 && !s->children[i].drained) {
            return false;
        }
    }
    return true;
}

static void no_restarts(struct supervisor *s)
{
    for (size_t i = 0; i < s->child_count; i++) {
        timer_clear(&s->children[i].restart);
    }
}

static void kill_all(struct supervisor *s)
{
    for (size_t i = 0; i < s->child_count; i++) {
        child_kill(&s->children[i]);
    }
}

void supervisor_end(struct supervisor *s, int status)
{
    if (s->phase == SUP_STOPPING) {
        return;
    }
    s->status = status;
    supervisor_set_phase(s, SUP_STOPPING);
    reload_cancel(&s->reload);
    no_restarts(s);
    send_all(s, WIRE_STOP);
    timer_set(&s->patience, STOP_MS);
    supervisor_on_less(s);
}

static void begin_leave(struct supervisor *s)
{
    uint64_t now = clock_ms();

    supervisor_set_phase(s, SUP_LEAVING);
    listeners_refuse(&s->listeners);
    for (size_t i = 0; i < s->child_count; i++) {
        s->children[i].drained = false;
    }
    send_all(s, WIRE_SHUT);
    timer_set(&s->patience, now < s->drain_end_ms ? s->drain_end_ms - now : 0);
    supervisor_on_less(s);
}

static void begin_drain(struct supervisor *s)
{
    struct log_line line;
    uint64_t all_ms = s->current.plan.drain_ms;

    supervisor_set_phase(s, SUP_DRAINING);
    __atomic_store_n(&s->slot->state, (uint32_t)SLOT_DRAINING, __ATOMIC_RELEASE);
    reload_cancel(&s->reload);
    no_restarts(s);
    log_begin(&line, LOG_INFO, "draining");
    log_field_int(&line, "timeout_ms", (int64_t)all_ms);
    log_end(&line);
    send_all(s, WIRE_DRAIN);
    s->drain_end_ms = clock_ms() + all_ms;
    timer_set(&s->patience, all_ms > 2 * LEAVE_MS ? all_ms - LEAVE_MS : all_ms / 2);
    supervisor_on_less(s);
}

void supervisor_stop(struct supervisor *s)
{
    switch (s->phase) {
    case SUP_LOADING:
        load_job_stop(s->job);
        s->job = NULL;
        s->status = EXIT_FINE;
        supervisor_set_phase(s, SUP_STOPPING);
        loop_stop(s->loop);
        break;
    case SUP_SERVING: begin_drain(s); break;
    case SUP_DRAINING:
    case SUP_LEAVING:
        log_event(LOG_WARN, "stopping_now", "second signal: connections are cut");
        supervisor_end(s, EXIT_FINE);
        kill_all(s);
        break;
    case SUP_STOPPING: kill_all(s); break;
    }
}

void supervisor_on_less(struct supervisor *s)
{
    if (s->phase == SUP_DRAINING && is_drained(s)) {
        begin_leave(s);
    } else if (s->phase == SUP_LEAVING && is_drained(s)) {
        supervisor_end(s, EXIT_FINE);
    } else if (s->phase == SUP_STOPPING && !is_anyone_left(s)) {
        loop_stop(s->loop);
    }
}

void supervisor_stop_deadline(struct supervisor *s)
{
    if (s->phase == SUP_STOPPING) {
        kill_all(s);
        return;
    }
    if (s->phase == SUP_DRAINING) {
        begin_leave(s);
        return;
    }
    if (s->cut) {
        supervisor_end(s, EXIT_FINE);
        return;
    }
    s->cut = true;
    log_event(LOG_WARN, "drain_deadline", "drain.timeout has passed: what is left is cut");
    send_all(s, WIRE_CUT);
    timer_set(&s->patience, CUT_MS);
}
