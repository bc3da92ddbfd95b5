/* SPDX-License-Identifier: MIT */
/*
 * The admin address (keeper): plain HTTP/1.1 for people, health checks and Prometheus.
 *
 *   GET  /         a page for browsers; /status the same as text
 *   GET  /healthz  200 while the keeper runs
 *   GET  /readyz   200 when every worker serves and the daemon is not stopping, else 503
 *   GET  /metrics  Prometheus text
 *   GET  /state    JSON: what the daemon holds, in what state, since when
 *   GET  /explain?url=URL  text: what the door would do with a request for it, and why
 *   POST /reload   asks for a reload, answers when it is done; only on a loopback or Unix address
 *
 * Bounded connections, each with a deadline; an idle one makes room for a new one. On a loopback
 * address only an address or localhost is taken as Host, so that no web page reads here.
 */
#ifndef HIVEDOOR_DAEMON_ADMIN_H
#define HIVEDOOR_DAEMON_ADMIN_H

#include "base/str.h"
#include "config/bundle.h"
#include "daemon/checks.h"
#include "daemon/reload.h"
#include "daemon/services.h"
#include "daemon/traffic.h"
#include "loop/loop.h"
#include "stats/counter.h"

#include <stdbool.h>
#include <stdint.h>

#define ADMIN_CONNS_MAX   64
#define ADMIN_DEADLINE_MS 60000
/* A reload that waits for the end of another one. */
#define ADMIN_RELOAD_MS (2 * (RELOAD_LOAD_MS + RELOAD_PREPARE_MS) + 5000)

struct admin;

/* What the pages show; everything borrowed, looked at for each request. */
struct admin_view {
    const struct bundle *bundle; /* NULL before the first generation */
    uint64_t generation;
    const struct counters *counters;
    const struct services *services;
    const struct checks *checks;
    const struct traffic *traffic;
    uint32_t sandbox_missing;           /* bits of enum sandbox_step */
    enum reload_outcome reload_outcome; /* of the last reload that did something */
    uint64_t reload_generation;         /* 0: none yet */
    int64_t reload_wall_ms;
};

struct admin_env {
    struct loop *loop;
    const struct admin_view *view; /* changes in place */
    /* Refreshes gauges before /metrics and /state. */
    void (*refresh)(void *arg);
    /* Ask for a reload; answered by admin_reload_done with this number. */
    void (*reload)(void *arg, uint32_t request);
    void *arg;
};

struct admin *admin_new(const struct admin_env *env);
void admin_free(struct admin *a);
/* Accepts on a listening descriptor (taken); `request` numbers it for admin_unlisten. */
void admin_listen(struct admin *a, int fd, uint32_t request);
void admin_unlisten(struct admin *a, uint32_t request);
void admin_reload_done(struct admin *a, uint32_t request, enum reload_outcome outcome,
                       struct str text);

/* Whether every worker serves a generation and the supervisor is not draining. */
bool admin_is_ready(const struct counters *c);

#endif
