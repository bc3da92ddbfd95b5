/* SPDX-License-Identifier: MIT */
/*
 * The processes of the daemon and how one is started as such. The supervisor executes its own
 * binary again with hidden arguments ("@worker 0 ..."), and with its descriptors at fixed numbers;
 * nothing else is inherited. All processes use this module.
 */
#ifndef HIVEDOOR_DAEMON_ROLE_H
#define HIVEDOOR_DAEMON_ROLE_H

#include "base/err.h"
#include "base/log.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum role { ROLE_SUPERVISOR, ROLE_LOADER, ROLE_KEEPER, ROLE_WORKER, ROLE_COUNT };

/* Where a started process finds its descriptors. */
enum {
    ROLE_FD_WIRE = 3,     /* messages to and from the supervisor */
    ROLE_FD_COUNTERS = 4, /* keeper, worker: the shared counters */
    ROLE_FD_PREVIOUS = 5, /* loader: the bundle that runs, if there is one */
    ROLE_FD_CONFIG = 6,   /* loader: the configuration as a memory file, if it is not a path */
    ROLE_FD_SECRETS = 7,  /* loader: the secrets of the bundle that runs */
    ROLE_FD_END = 8,
};

/* Slots of the shared counters. */
enum { ROLE_SLOT_SUPERVISOR = 0, ROLE_SLOT_KEEPER = 1, ROLE_SLOT_WORKERS = 2 };

#define ROLE_WORKERS_MAX 64
#define ROLE_NAME_MAX    32

struct role_args {
    enum role role;
    unsigned index; /* worker number, 0 for others */
    unsigned slots; /* counter slots in all */
    enum log_form form;
    enum log_level level;
    pid_t parent;         /* the supervisor: when it is not the parent any more, the process ends */
    const char *config;   /* loader: path, borrowed; NULL: ROLE_FD_CONFIG */
    const char *local_ca; /* loader: folder of the local CA, borrowed; NULL: none */
};

/* "supervisor", "loader", "keeper", "worker-0": as in the log. Returns `dst`. */
const char *role_name(enum role role, unsigned index, char dst[static ROLE_NAME_MAX]);
/* Which counter slot a process writes; the loader has none and must not ask. */
size_t role_slot(const struct role_args *a);

#define ROLE_ARGC_MAX 12
#define ROLE_TEXT_MAX 256
/* The arguments of a process, NULL-terminated. Pointers go into `text`, `a` and static storage. */
void role_argv(const struct role_args *a, char text[static ROLE_TEXT_MAX],
               const char *out_argv[static ROLE_ARGC_MAX]);
/* Whether a command line is one of ours ("@..." as its first argument). */
bool role_is_hidden(int argc, char *const argv[]);
/* Reads them back; ERR_SYNTAX when they are not what role_argv writes. */
int role_parse(int argc, char *const argv[], struct role_args *out_args) MUST_USE;
/* Runs the process that a hidden command line asks for, to its end; returns the exit status. */
int role_main(int argc, char *const argv[]) MUST_USE;

#endif
