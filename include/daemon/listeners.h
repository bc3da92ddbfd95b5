/* SPDX-License-Identifier: MIT */
/*
 * The listening sockets (supervisor): one SO_REUSEPORT socket for each worker and address, held for
 * as long as the address is configured, so that a restarted worker inherits the queue of its
 * predecessor. A Unix address and the admin address have one socket.
 *
 * A reload binds what is new first (listeners_stage), and closes what is gone when everything has
 * succeeded (listeners_commit), or closes the new ones (listeners_abort).
 */
#ifndef HIVEDOOR_DAEMON_LISTENERS_H
#define HIVEDOOR_DAEMON_LISTENERS_H

#include "base/addr.h"
#include "base/err.h"
#include "base/list.h"
#include "config/bundle.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum listeners_kind { LISTENERS_HTTP, LISTENERS_HTTPS, LISTENERS_ADMIN };
enum listeners_state { LISTENERS_NEW, LISTENERS_OPEN, LISTENERS_OLD };

struct listeners_entry {
    struct list node;
    uint32_t number; /* names it in messages; never used twice */
    enum listeners_kind kind;
    enum listeners_state state;
    struct addr wanted; /* as configured */
    struct addr bound;  /* with the port in use */
    int *fds;           /* owned, one a worker, or one in all */
    size_t fd_count;
};

struct listeners {
    struct list entries; /* struct listeners_entry */
    size_t workers;
    uint32_t last_number;
};

#define LISTENERS_TEXT_MAX 512

void listeners_init(struct listeners *l, size_t workers);
/* Closes everything; removes Unix sockets. */
void listeners_fini(struct listeners *l);
/* Binds what the plan has and we have not; marks what it has no more as LISTENERS_OLD. On failure
 * nothing is left of it and `text` says which address, why, and what to do about it. */
int listeners_stage(struct listeners *l, const struct bundle_plan *plan,
                    char text[static LISTENERS_TEXT_MAX]) MUST_USE;
/* LISTENERS_NEW becomes LISTENERS_OPEN. Entries that are LISTENERS_OLD stay until they are dropped.
 */
void listeners_commit(struct listeners *l);
/* Undoes listeners_stage. */
void listeners_abort(struct listeners *l);
/* Closes the LISTENERS_OLD ones: after their processes have been told. */
void listeners_drop_old(struct listeners *l);
/* No client can begin a handshake any more: HTTP and HTTPS, before the end (listener_refuse). */
void listeners_refuse(struct listeners *l);
/* The descriptor of a worker. */
int listeners_fd(const struct listeners_entry *e, size_t worker);
const char *listeners_kind_text(enum listeners_kind kind);

#endif
