/* SPDX-License-Identifier: MIT */
/*
 * One end of a pair between supervisor and another process: sends messages in order, keeps them
 * while the socket is full (bounded), hands over what comes in once it has been checked. Used by
 * all processes; says nothing about what messages mean. It holds one more descriptor than it needs,
 * so that a message with one arrives although the process's table is full.
 */
#ifndef HIVEDOOR_DAEMON_WIRE_LINK_H
#define HIVEDOOR_DAEMON_WIRE_LINK_H

#include "base/err.h"
#include "daemon/wire.h"
#include "loop/loop.h"

#include <stddef.h>

/* Most memory that waits for a peer which does not read; beyond that it counts as hung. */
#define WIRE_LINK_QUEUE_MAX (32u * 1024 * 1024)

struct wire_link;

struct wire_link_events {
    /* A valid message. Descriptors that the callee keeps are set to -1; the others are closed. */
    void (*on_message)(void *arg, const struct wire_msg *m, int *fds, size_t nfds);
    /* The peer is gone (ERR_EOF, ERR_RESET), does not read (ERR_LIMIT), or sent something that is
     * no message (ERR_SYNTAX, ERR_DENIED). Comes once; nothing comes afterwards. The link is still
     * the owner's to free. */
    void (*on_broken)(void *arg, int err);
};

/* Takes the descriptor; `from` is who the peer is. Never NULL. */
struct wire_link *wire_link_new(struct loop *loop, int fd, enum wire_from from,
                                const struct wire_link_events *events, void *arg);
/* Closes at once; no callback afterwards; freed at the end of the turn. Accepts NULL. */
void wire_link_free(struct wire_link *l);
/* Sends or queues; descriptors are borrowed. Nothing happens on a broken link, or on
 * none (NULL). */
void wire_link_send(struct wire_link *l, const struct wire_msg *m, const int *fds, size_t nfds);
/* The same for a message that is already written. */
void wire_link_send_bytes(struct wire_link *l, struct str bytes);
/* Sends a message that is nothing but its id and a number. */
void wire_link_send_number(struct wire_link *l, enum wire_id id, uint64_t number);
/* Whether everything given to it is in the kernel. */
bool wire_link_is_flushed(const struct wire_link *l);

#endif
