/* SPDX-License-Identifier: MIT */
/*
 * What the files of the supervisor share: supervisor.c (start and end), supervisor_children.c (the
 * other processes), supervisor_reload.c (new configurations), supervisor_stop.c (shutdown).
 * Private.
 *
 *   SUP_LOADING -> SUP_SERVING -> SUP_DRAINING -> SUP_LEAVING -> SUP_STOPPING
 *
 * DRAINING takes new connections, until those of before are served; LEAVING takes none and serves
 * those that have shaken hands; STOPPING waits for the other processes' ends.
 */
#ifndef HIVEDOOR_DAEMON_SUPERVISOR_STATE_H
#define HIVEDOOR_DAEMON_SUPERVISOR_STATE_H

#include "base/err.h"
#include "daemon/crash.h"
#include "daemon/endpoint_cache.h"
#include "daemon/listeners.h"
#include "daemon/load_job.h"
#include "daemon/reload.h"
#include "daemon/role.h"
#include "daemon/supervisor.h"
#include "daemon/watcher.h"
#include "daemon/wire_link.h"
#include "loop/loop.h"
#include "loop/signals.h"
#include "loop/timer.h"
#include "stats/counter.h"
#include "tls/tls_ticket.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum supervisor_phase { SUP_LOADING, SUP_SERVING, SUP_DRAINING, SUP_LEAVING, SUP_STOPPING };

/*
 * CHILD_DOWN: not there. CHILD_STARTED: has not said HELLO. CHILD_IDLE: nothing to build.
 * CHILD_BUILDING: was given a generation on its own (it is new). CHILD_PREPARING, CHILD_PREPARED:
 * as part of a reload. Whatever it owes us an answer for has a deadline, CHILD_ANSWER_MS: one that
 * is stopped or in an endless loop is ended and started again.
 */
enum child_state {
    CHILD_DOWN,
    CHILD_STARTED,
    CHILD_IDLE,
    CHILD_BUILDING,
    CHILD_PREPARING,
    CHILD_PREPARED,
};

struct supervisor;

/* The keeper, or one worker slot. */
struct child {
    struct supervisor *sup;
    enum role role;
    unsigned index;
    enum child_state state;
    pid_t pid;              /* 0: none */
    struct wire_link *link; /* NULL: none */
    uint64_t started_ms;
    uint64_t serving; /* generation committed, 0: none */
    uint64_t given;   /* generation it is to build */
    bool drained;
    unsigned owed;       /* answers that have not come: to its start, to each PREPARE */
    struct timer answer; /* set while there are any */
    struct crash_record crashes;
    struct timer restart;
};

/* Longer than a reload waits: it fails first, and a process that is only slow lives. */
#define CHILD_ANSWER_MS (2 * RELOAD_PREPARE_MS)

#define SUPERVISOR_SIGNALS 5

struct supervisor {
    const struct run_options *options;
    enum supervisor_phase phase;
    int status;
    struct loop *loop;
    struct counters counters; /* count 0: not yet */
    struct slot *slot;
    struct signal_watch signals[SUPERVISOR_SIGNALS];
    struct tls_ticket_ring tickets;
    uint64_t rotated_ms;
    struct timer rotate;
    struct timer patience; /* of loading, reload and stopping: whichever phase it is */
    struct load_job *job;
    struct load_result current; /* what is served; has_bundles once there is one */
    struct load_result pending; /* what a reload is about */
    struct reload reload;
    uint64_t fault_hash; /* of the last diagnostics logged, so that the clock repeats none */
    bool quiet;          /* this reload found nothing new to say */
    bool reload_early;   /* SIGHUP came before there was anything to reload */
    struct listeners listeners;
    struct endpoint_cache *endpoints;
    struct watcher *watcher;
    struct child *children; /* keeper first, then the workers; owned */
    size_t child_count;
    uint32_t sandbox_missing;
    bool is_ready;         /* every worker has served */
    uint64_t drain_end_ms; /* DRAINING, LEAVING: when drain.timeout is over */
    bool cut;              /* it is */
    int config_fd;         /* the configuration as a memory file, or -1 */
    enum log_form form;
    enum log_level level;
    char listen_text[LISTENERS_TEXT_MAX]; /* why a new address cannot be listened on */
};

/* ---- supervisor.c ---- */

/* The one place where the phase changes. */
void supervisor_set_phase(struct supervisor *s, enum supervisor_phase phase);
/* How a loader is to be started; `previous` is none at the first time. */
void supervisor_loader_spawn(const struct supervisor *s, struct bundle_fds previous,
                             struct spawn *out);
/* Log form and level as the plan says, here and for processes to come. */
void supervisor_log_as(struct supervisor *s, const struct bundle_plan *plan);
/* Notes steps left out by some process: warns once about each, tells the keeper. */
void supervisor_note_sandbox(struct supervisor *s, uint32_t missing);

/* ---- supervisor_children.c ---- */

void children_init(struct supervisor *s, size_t workers);
void children_fini(struct supervisor *s);
/* Starts all of them. ERR_NO_FD, ERR_IO. */
int children_start(struct supervisor *s) MUST_USE;
/* SIGCHLD: takes every process that ended. */
void children_reap(struct supervisor *s);
struct child *children_keeper(struct supervisor *s);
/* To every process that has a generation; `workers_only` leaves the keeper out. */
void children_send(struct supervisor *s, const struct wire_msg *m, bool workers_only);
/* The one place where the state of a child changes. */
void child_set_state(struct child *c, enum child_state state);
/* Sends generation `number`, whose bundles are those of `from`; an answer is owed from now on. */
void child_prepare(struct child *c, uint64_t number, const struct load_result *from);
/* Gives a child the generation served, if it has another or none and is free. */
void child_feed(struct child *c);
/* Sockets of all listeners in `state` that are this child's. */
void child_listen(struct child *c, enum listeners_state state);
/* Ends it at once; children_reap does the rest. */
void child_kill(struct child *c);

/* ---- supervisor_reload.c ---- */

void supervisor_reload_init(struct supervisor *s);
/* Diagnostics into the log, each with its place. */
void supervisor_log_diags(const struct diags *d);

/* ---- supervisor_stop.c ---- */

/* A signal to end: drains; the second one ends at once. */
void supervisor_stop(struct supervisor *s);
/* Ends with this status as soon as all processes are gone. */
void supervisor_end(struct supervisor *s, int status);
/* A worker has nothing left, or is gone, while we drain or stop. */
void supervisor_on_less(struct supervisor *s);
/* The timer `patience` ran out in DRAINING, LEAVING or STOPPING. */
void supervisor_stop_deadline(struct supervisor *s);

#endif
