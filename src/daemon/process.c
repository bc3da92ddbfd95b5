/* SPDX-License-Identifier: MIT */
#include "process.h"

#include <unistd.h>

#include "base/fold.h"
#include "base/heap.h"
#include "base/log.h"
#include "daemon/sandbox.h"
#include "daemon/supervisor.h"

#define COUNT_UP_MS 5000
/* What a storm left behind goes back to the host; less would soon be asked for again. */
#define SPARE_BYTES ((size_t)1 << 20)

static void on_count_up(void *arg)
{
    struct process *p = arg;

    process_count_up(p);
    if (heap_spare() >= SPARE_BYTES) {
        heap_trim();
    }
    timer_set(&p->count_up, COUNT_UP_MS);
}

int process_init(struct process *p, const struct role_args *args)
{
    *p = (struct process){.args = args, .status = EXIT_FINE};
    p->missing = sandbox_begin(args->role, args->parent);
    int err = counters_open(ROLE_FD_COUNTERS, args->slots, &p->counters);
    size_t index = role_slot(args);
    if (err == OK && index >= args->slots) {
        counters_fini(&p->counters);
        err = ERR_RANGE;
    }
    if (err != OK) {
        log_event(LOG_ERROR, "process_not_started", "no shared counters: %s", err_text(err));
        log_flush();
        return err;
    }
    p->slot = slot_adopt(&p->counters, index, args->role == ROLE_KEEPER ? SLOT_KEEPER : SLOT_WORKER,
                         args->index);
    process_set_state(p, SLOT_STARTING);
    counter_inc(p->slot, COUNTER_PROCESS_STARTS);
    p->loop = loop_new();
    timer_init(&p->count_up, p->loop, on_count_up, p);
    timer_set(&p->count_up, COUNT_UP_MS);
    return OK;
}

static void on_message(void *arg, const struct wire_msg *m, int *fds, size_t nfds)
{
    struct process *p = arg;

    (void)nfds; /* wire_decode has compared it with the message's row */
    if (p->on[m->id] != NULL) {
        p->on[m->id](p->owner, m, fds);
    }
}

static void on_broken(void *arg, int err)
{
    struct process *p = arg;

    if (err != ERR_EOF && err != ERR_RESET) {
        log_event(LOG_ERROR, "process_ends", "no way to go on with the supervisor: %s",
                  err_text(err));
        p->status = EXIT_START;
    }
    loop_stop(p->loop);
}

void process_connect(struct process *p, const process_fn on[static WIRE_COUNT], void *owner)
{
    static const struct wire_link_events events = {on_message, on_broken};

    p->on = on;
    p->owner = owner;
    p->missing |= sandbox_seal(p->args->role);
    p->link = wire_link_new(p->loop, ROLE_FD_WIRE, WIRE_SUPERVISOR, &events, p);
    wire_link_send_number(p->link, WIRE_HELLO, p->missing);
}

void process_disconnect(struct process *p)
{
    wire_link_free(p->link);
    p->link = NULL;
}

void process_fini(struct process *p)
{
    process_disconnect(p);
    timer_fini(&p->count_up);
    process_count_up(p);
    process_set_state(p, SLOT_DOWN);
    loop_free(p->loop);
    counters_fini(&p->counters);
    log_flush();
}

enum log_form process_log_form(enum model_access access)
{
    switch (access) {
    case MODEL_ACCESS_JSON: return LOG_JSON;
    case MODEL_ACCESS_TEXT: return LOG_TEXT;
    case MODEL_ACCESS_OFF:
    case MODEL_ACCESS_AUTO: break;
    }
    return isatty(STDOUT_FILENO) == 1 ? LOG_TEXT : LOG_JSON;
}

void process_log_as(const struct model *m)
{
    log_set_level(m->log_level);
    log_set_form(process_log_form(m->access));
}

void process_set_state(struct process *p, enum slot_state state)
{
    __atomic_store_n(&p->slot->state, (uint32_t)state, __ATOMIC_RELEASE);
}

void process_send_failed(struct process *p, uint64_t number, int err)
{
    struct wire_msg m = {.id = WIRE_FAILED, .number = number, .text = str_of(err_text(err))};

    wire_link_send(p->link, &m, NULL, 0);
}

void process_count_up(struct process *p)
{
    counter_set(p->slot, COUNTER_LOG_LOST, log_lost());
    counter_set(p->slot, COUNTER_MEMORY_USED, heap_used());
    counter_set(p->slot, COUNTER_MEMORY_FOLDED, fold_bytes());
    counter_set(p->slot, COUNTER_CHECKS_FAILED, err_checks_failed());
}
