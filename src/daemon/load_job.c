/* SPDX-License-Identifier: MIT */
#include "daemon/load_job.h"

#include <signal.h>
#include <stdlib.h>

#include "base/fd.h"
#include "base/mem.h"
#include "daemon/report.h"
#include "daemon/wire_link.h"

/* What LOADED carries. */
enum { FD_REPORT, FD_WORKERS, FD_KEEPER, FD_COUNT };

struct load_job {
    struct loop *loop;
    pid_t pid;
    struct wire_link *link;
    load_job_fn fn;
    void *arg;
    struct load_result result;
    bool done;
    struct loop_task tell;
};

void load_result_fini(struct load_result *r)
{
    diags_fini(&r->diags);
    if (r->has_bundles) {
        fd_close(&r->worker_bundle);
        fd_close(&r->keeper_bundle);
        bundle_plan_fini(&r->plan);
        r->has_bundles = false;
    }
}

static void job_free(struct load_job *j)
{
    wire_link_free(j->link);
    loop_task_cancel(&j->tell);
    loop_free_later(j->loop, j);
}

/* The process is not needed any more; the supervisor's SIGCHLD handler reaps it. */
static void tell(void *arg)
{
    struct load_job *j = arg;
    struct load_result result = j->result;
    load_job_fn fn = j->fn;
    void *fn_arg = j->arg;

    job_free(j);
    fn(fn_arg, &result);
}

static void finish(struct load_job *j)
{
    if (!j->done) {
        j->done = true;
        loop_defer(j->loop, &j->tell);
    }
}

static bool take_bundles(struct load_result *r, int *fds)
{
    if (bundle_read_plan(fds[FD_WORKERS], &r->plan) != OK) {
        return false;
    }
    r->worker_bundle = fds[FD_WORKERS];
    r->keeper_bundle = fds[FD_KEEPER];
    fds[FD_WORKERS] = -1;
    fds[FD_KEEPER] = -1;
    r->has_bundles = true;
    return true;
}

static void on_message(void *arg, const struct wire_msg *m, int *fds, size_t nfds)
{
    struct load_job *j = arg;
    struct load_result *r = &j->result;

    if (m->id == WIRE_HELLO) {
        r->sandbox_missing = (uint32_t)m->number;
        return;
    }
    if (m->id != WIRE_LOADED || j->done) {
        return;
    }
    bool ok = m->flag != 0;
    if (report_read(fds[FD_REPORT], &r->diags) != OK || nfds != (ok ? FD_COUNT : 1)) {
        r->text = "the loader's report is malformed";
    } else if (ok && !take_bundles(r, fds)) {
        r->text = "the loader's bundle is malformed";
    } else {
        r->has_report = true;
    }
    finish(j);
}

static void on_broken(void *arg, int err)
{
    struct load_job *j = arg;

    if (!j->done) {
        j->result.text = err == ERR_EOF || err == ERR_RESET ? "the loader died"
                                                            : "the loader sent a malformed message";
        (void)kill(j->pid, SIGKILL);
        finish(j);
    }
}

int load_job_start(struct loop *loop, const struct spawn *spawn, load_job_fn fn, void *arg,
                   struct load_job **out_job)
{
    static const struct wire_link_events events = {on_message, on_broken};
    pid_t pid;
    int fd;

    int err = spawn_start(spawn, &pid, &fd);
    if (err != OK) {
        return err;
    }
    struct load_job *j = NEW(struct load_job);
    j->loop = loop;
    j->pid = pid;
    j->fn = fn;
    j->arg = arg;
    diags_init(&j->result.diags);
    loop_task_init(&j->tell, tell, j);
    j->link = wire_link_new(loop, fd, WIRE_LOADER, &events, j);
    *out_job = j;
    return OK;
}

void load_job_stop(struct load_job *j)
{
    if (j == NULL) {
        return;
    }
    (void)kill(j->pid, SIGKILL);
    load_result_fini(&j->result);
    job_free(j);
}
