/* SPDX-License-Identifier: MIT */
/*
 * One run of the loader as the supervisor sees it: started, its result collected, whatever happens
 * to the process. The supervisor reads the plan and the diagnostics, never the bundles' rest.
 */
#ifndef HIVEDOOR_DAEMON_LOAD_JOB_H
#define HIVEDOOR_DAEMON_LOAD_JOB_H

#include "base/err.h"
#include "config/bundle.h"
#include "config/diag.h"
#include "daemon/spawn.h"
#include "loop/loop.h"

#include <stdbool.h>
#include <sys/types.h>

struct load_job;

struct load_result {
    bool has_report;          /* false: the loader died or talked nonsense; `text` says so */
    const char *text;         /* static, or NULL */
    struct diags diags;       /* owned */
    bool has_bundles;         /* the two below are set */
    struct bundle_fds bundle; /* owned */
    struct bundle_plan plan;  /* owned */
    uint32_t sandbox_missing;
};

void load_result_fini(struct load_result *r);

/* The result is the callee's to fini. The job is gone when this is called, and so is its process.
 */
typedef void (*load_job_fn)(void *arg, struct load_result *result);

/* Starts; the callback comes later. */
int load_job_start(struct loop *loop, const struct spawn *spawn, load_job_fn fn, void *arg,
                   struct load_job **out_job) MUST_USE;
/* A process was reaped: it may be this job's. Accepts NULL. */
void load_job_on_exit(struct load_job *j, pid_t pid);
/* Kills the process, which is reaped later; no callback comes. Accepts NULL. */
void load_job_stop(struct load_job *j);

#endif
