/* SPDX-License-Identifier: MIT */
/*
 * What keeper and worker do alike from their first instruction: sandbox, shared counters, loop,
 * link to the supervisor, log form. Private to the daemon floor.
 */
#ifndef HIVEDOOR_DAEMON_PROCESS_H
#define HIVEDOOR_DAEMON_PROCESS_H

#include "config/model.h"
#include "daemon/role.h"
#include "daemon/wire_link.h"
#include "loop/loop.h"
#include "loop/timer.h"
#include "stats/counter.h"

#include <stdint.h>

/* What a role does with a message of the supervisor, by its id; NULL: it is not for this role.
 * Descriptors that are kept are set to -1. */
typedef void (*process_fn)(void *owner, const struct wire_msg *m, int *fds);

struct process {
    const struct role_args *args; /* borrowed */
    struct counters counters;
    struct slot *slot;
    struct loop *loop;
    struct wire_link *link; /* NULL until process_connect and after process_disconnect */
    uint32_t missing;       /* sandbox steps left out */
    const process_fn *on;   /* WIRE_COUNT of them */
    void *owner;            /* theirs */
    int status;             /* to exit with */
    struct timer count_up;
};

/* Sandbox's first steps, counters, loop. On failure the log says why: started by something that is
 * not our supervisor. */
int process_init(struct process *p, const struct role_args *args) MUST_USE;
/* Sandbox's last steps, then the link: HELLO is sent. The loop stops when the link breaks: without
 * a supervisor there is nothing to go on for. */
void process_connect(struct process *p, const process_fn on[static WIRE_COUNT], void *owner);
/* No message comes or goes any more: the first step of an end that still turns the loop. */
void process_disconnect(struct process *p);
void process_fini(struct process *p);
/* Level and form of the log as a model says. */
void process_log_as(const struct model *m);
/* SLOT_STARTING -> SLOT_READY -> SLOT_DRAINING. */
void process_set_state(struct process *p, enum slot_state state);
/* Sends that generation `number` cannot be built. */
void process_send_failed(struct process *p, uint64_t number, int err);
/* Copies what the process counts elsewhere (lost lines, failed checks) into its counters. */
void process_count_up(struct process *p);
/* How access and event lines look: as configured, or readable on a terminal. */
enum log_form process_log_form(enum model_access access);

#endif
