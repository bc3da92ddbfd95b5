/* SPDX-License-Identifier: MIT */
/*
 * How a new configuration comes into use (supervisor): a state machine around one transaction.
 *
 *   RELOAD_IDLE -> RELOAD_LOADING -> RELOAD_PREPARING -> RELOAD_IDLE
 *
 * LOADING: a loader reads the files, within RELOAD_LOAD_MS. PREPARING: every process builds the new
 * generation, within RELOAD_PREPARE_MS; then all commit, or all abort and nothing has changed.
 * A request that comes meanwhile is remembered and served afterwards: coalesced, never lost. This
 * module decides; what is done stands behind its ops, so that it can be tested without processes.
 */
#ifndef HIVEDOOR_DAEMON_RELOAD_H
#define HIVEDOOR_DAEMON_RELOAD_H

#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RELOAD_LOAD_MS    30000
#define RELOAD_PREPARE_MS 10000
#define RELOAD_ASKERS_MAX 64

enum reload_state { RELOAD_IDLE, RELOAD_LOADING, RELOAD_PREPARING };
enum reload_outcome { RELOAD_OK, RELOAD_UNCHANGED, RELOAD_FAILED };

/* Who or what wants it. */
enum reload_cause {
    RELOAD_BY_CLOCK,  /* a look once a minute: silent unless something is found */
    RELOAD_BY_FILES,  /* something changed */
    RELOAD_BY_SIGNAL, /* SIGHUP */
    RELOAD_BY_ADMIN,  /* POST /reload */
};

struct reload_result {
    enum reload_outcome outcome;
    enum reload_cause cause;
    uint64_t generation; /* what is served now */
    uint64_t ms;         /* from the start of the loader */
    struct str text;     /* why it failed; empty if it did not */
};

/* What a loader came back with. */
enum reload_found { RELOAD_FOUND_NEW, RELOAD_FOUND_SAME, RELOAD_FOUND_ERRORS };

struct reload_ops {
    /* Start a loader; false: it could not be. Answered by reload_on_loaded or reload_on_failed. */
    bool (*load)(void *arg);
    /* The deadline passed: end the loader. */
    void (*stop_load)(void *arg);
    /* Bind what is new and send generation `number` to every process. Returns the number of
     * processes that will answer; SIZE_MAX: not possible, with the reason in *out_text. */
    size_t (*prepare)(void *arg, uint64_t number, struct str *out_text);
    void (*commit)(void *arg, uint64_t number);
    void (*abort)(void *arg, uint64_t number);
    /* Call reload_on_deadline in `ms`; 0: never mind. */
    void (*deadline)(void *arg, uint64_t ms);
    /* It is over; `askers` get the answer. */
    void (*done)(void *arg, const struct reload_result *result, const uint32_t *askers,
                 size_t asker_count);
};

struct reload {
    const struct reload_ops *ops;
    void *arg;
    enum reload_state state;
    uint64_t current; /* generation served */
    uint64_t number;  /* last number given out: never used twice */
    size_t waiting;   /* processes that have not answered PREPARE */
    uint64_t started_ms;
    enum reload_cause cause;
    bool again; /* a request came while busy */
    enum reload_cause again_cause;
    uint32_t askers[RELOAD_ASKERS_MAX]; /* of this run */
    size_t asker_count;
    uint32_t again_askers[RELOAD_ASKERS_MAX]; /* of the next */
    size_t again_count;
};

/* "ok", "unchanged", "failed"; "clock", "files", "signal", "admin". */
const char *reload_outcome_text(enum reload_outcome outcome);
const char *reload_cause_text(enum reload_cause cause);

/* `current` is the generation that is already served. */
void reload_init(struct reload *r, const struct reload_ops *ops, void *arg, uint64_t current);
/* Wants a reload. `asker` 0: nobody waits for the answer. False when too many wait already. */
bool reload_request(struct reload *r, enum reload_cause cause, uint32_t asker);
/* The loader's result. */
void reload_on_loaded(struct reload *r, enum reload_found found, struct str text);
/* A process built generation `number`; any other number is ignored. */
void reload_on_prepared(struct reload *r, uint64_t number);
/* The loader died, a process could not build, or one that was to answer died. */
void reload_on_failed(struct reload *r, struct str text);
void reload_on_deadline(struct reload *r);
/* Who asked is gone; what was asked for is done all the same. */
void reload_forget_askers(struct reload *r);
/* The daemon is stopping: aborts what runs, remembers nothing. */
void reload_cancel(struct reload *r);

#endif
