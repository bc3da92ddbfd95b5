/* SPDX-License-Identifier: MIT */
/*
 * What a process of ours takes away from itself. One table of steps by role; a step that the host
 * does not offer is left out, reported to the supervisor as a bit, warned about once, and shown in
 * /state. Isolation is by these steps and not by user ids: in a container without capabilities
 * nobody can change those.
 *
 * sandbox_begin comes first in main; sandbox_seal after everything that needs files or processes
 * (OpenSSL's and c-ares's start, the shared mappings) and before the first foreign byte.
 */
#ifndef HIVEDOOR_DAEMON_SANDBOX_H
#define HIVEDOOR_DAEMON_SANDBOX_H

#include "daemon/role.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* X(NAME, "name", "what is missing without it") */
#define SANDBOX_TABLE(X)                                                                           \
    X(PARENT_DEATH, "parent_death", "processes may outlive a killed supervisor")                   \
    X(NO_NEW_PRIVS, "no_new_privs", "a program executed could gain privileges")                    \
    X(NOT_DUMPABLE, "not_dumpable", "processes of the same user can read the memory")              \
    X(NO_CORE, "no_core", "a crash may write memory to a core file")                               \
    X(FD_LIMIT, "fd_limit", "fewer connections than the hard limit allows")                        \
    X(LANDLOCK, "landlock", "file access is not confined by Landlock")                             \
    X(SECCOMP, "seccomp", "system calls are not confined by seccomp")

enum sandbox_step {
#define SANDBOX_ENUM(name, text, lack) SANDBOX_##name,
    SANDBOX_TABLE(SANDBOX_ENUM)
#undef SANDBOX_ENUM
        SANDBOX_COUNT
};

/* "landlock" and what is missing without it; static. */
const char *sandbox_text(enum sandbox_step step);
const char *sandbox_lack(enum sandbox_step step);

/*
 * The first steps of a role. `parent` is the supervisor's pid (0 for the supervisor itself): when
 * it is already gone the process ends at once. Returns the steps left out, one bit each.
 */
uint32_t sandbox_begin(enum role role, pid_t parent) MUST_USE;
/* The last steps: Landlock and seccomp. Returns the steps left out. */
uint32_t sandbox_seal(enum role role) MUST_USE;

/* Whether this build carries AddressSanitizer or its like, which need more system calls. */
bool sandbox_is_loose(void);

/* For sandbox_seal; false when the host does not offer it. */
bool sandbox_landlock(enum role role) MUST_USE;
bool sandbox_seccomp(enum role role) MUST_USE;

#endif
