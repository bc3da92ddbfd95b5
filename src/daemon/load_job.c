/* SPDX-License-Identifier: MIT */
#include "daemon/load_job.h"

#include <signal.h>
#include <stdlib.h>

#include "base/fd.h"
#include "base/mem.h"
#include "daemon/report.h"
#include "daemon/wire_link.h"

/* What LOADED carries. */
enum { FD_REPORT, FD_COMMON, FD_SECRETS, FD_COUNT };

struct load_job {
    struct loop *loop;
    pid_t pid; /* 0: it has ended and was reaped */
    struct wire_link *link;
    load_job_fn fn;
    void *arg;
    struct load_result result;
    bool heard; /* its result, or that there will be none */
    struct loop_task tell;
};

void load_result_fini(struct load_result *r)
{
    diags_fini(&r->diags);
    if (r->has_bundles) {
        bundle_fds_close(&r->bundle);
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

static void tell(void *arg)
{
    struct load_job *j = arg;
    struct load_result result = j->result;
    load_job_fn fn = j->fn;
    void *fn_arg = j->arg;

    job_free(j);
    fn(fn_arg, &result);
}

/* Only when the process is gone as well: one that goes on for ever is caught by the deadline of
 * whoever waits for us. */
static void tell_if_over(struct load_job *j)
{
    if (j->heard && j->pid == 0) {
        loop_defer(j->loop, &j->tell);
    }
}

static void on_heard(struct load_job *j)
{
    j->heard = true;
    tell_if_over(j);
}

static void kill_process(struct load_job *j)
{
    if (j->pid > 0) {
        (void)kill(j->pid, SIGKILL);
    }
}

void load_job_on_exit(struct load_job *j, pid_t pid)
{
    if (j != NULL && j->pid == pid) {
        j->pid = 0; /* the number may be another's from now on */
        tell_if_over(j);
    }
}

static bool take_bundles(struct load_result *r, int *fds)
{
    if (bundle_read_plan(fds[FD_COMMON], &r->plan) != OK) {
        return false;
    }
    r->bundle = (struct bundle_fds){fds[FD_COMMON], fds[FD_SECRETS]};
    fds[FD_COMMON] = -1;
    fds[FD_SECRETS] = -1;
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
    if (m->id != WIRE_LOADED || j->heard) {
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
    on_heard(j);
}

static void on_broken(void *arg, int err)
{
    struct load_job *j = arg;

    if (!j->heard) {
        j->result.text = err == ERR_EOF || err == ERR_RESET ? "the loader died"
                                                            : "the loader sent a malformed message";
        kill_process(j);
        on_heard(j);
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
    kill_process(j);
    load_result_fini(&j->result);
    job_free(j);
}
