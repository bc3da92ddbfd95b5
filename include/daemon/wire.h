/* SPDX-License-Identifier: MIT */
/*
 * The messages between our own processes: one datagram each on a SOCK_SEQPACKET pair, with the
 * supervisor at one end. What comes in is untrusted, as a process may have been taken over: who may
 * send it, its size, every range and the number of descriptors are checked, and a message that is
 * not in the table ends its sender. Pure functions; wire_link moves the bytes.
 *
 * A message is a 16-bit id and the fields that its row names, in that order:
 *   n number (64 bit)   r request (32 bit)   f flag (0..255)   s name (<= WIRE_NAME_MAX bytes)
 *   t text (<= WIRE_TEXT_MAX bytes)   a addresses (<= WIRE_ADDRS_MAX)   k ticket keys
 */
#ifndef HIVEDOOR_DAEMON_WIRE_H
#define HIVEDOOR_DAEMON_WIRE_H

#include "base/addr.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "tls/tls_ticket.h"

#include <stddef.h>
#include <stdint.h>

#define WIRE_MAX       (64 * 1024)
#define WIRE_NAME_MAX  300
#define WIRE_TEXT_MAX  8192
#define WIRE_ADDRS_MAX 2048

/* Who sends a message. */
enum wire_from { WIRE_SUPERVISOR = 1, WIRE_LOADER = 2, WIRE_KEEPER = 4, WIRE_WORKER = 8 };

/*
 * X(NAME, "name", senders, fewest descriptors, most descriptors, "fields")
 *
 * HELLO             a process runs; number: sandbox steps it had to leave out (bits)
 * SECRETS           those of the bundle that the next PREPARE brings: for workers, and a message of
 * its own, since a full table of descriptors has room for one PREPARE           read this bundle,
 * build generation `number`, do not serve it yet PREPARED, FAILED  done, or why it cannot be
 * COMMIT, ABORT     serve it from now on, or forget it LISTEN, UNLISTEN  accept on this socket
 * (request: its number; flag: enum listeners_kind), or stop TICKETS           session ticket keys,
 * newest first ENDPOINTS addresses of a service; flag: enum wire_endpoints; text: their tasks'
 * names, a line each in the same order, as far as they fit; request: without any, the enum why of
 * it; number: so many addresses in front pass their checks HURRY             a worker could not
 * connect to this service: ask DNS now CHALLENGE_ASK     is there a file for this ACME token?
 * request: the sender's number for it CHALLENGE_ANSWER  flag: 1 and its bytes, or 0 DRAIN, CUT,
 * STOP  no new work after what runs; close what is left; end now SHUT              the listening
 * sockets take nobody any more: serve who waits there DRAINED           nothing is left of before
 * DRAIN (flag 0), nothing at all after SHUT (flag 1) RELOAD_ASK        reload, and tell me how it
 * went RELOAD_RESULT     flag: enum reload_outcome; number: generation; request 0: for the record
 * SANDBOX           for the keeper: steps left out by any process
 * LOADED            the loader's result; flag: 1 ok; report, and if ok bundle and secrets
 * WANT              a worker needs a name that a request made of a pattern; flag: enum wire_want
 * WANTED            addresses of such a name; flag: enum wire_wanted
 */
#define WIRE_TABLE(X)                                                                              \
    X(HELLO, "hello", WIRE_KEEPER | WIRE_WORKER | WIRE_LOADER, 0, 0, "n")                          \
    X(PREPARE, "prepare", WIRE_SUPERVISOR, 1, 1, "n")                                              \
    X(PREPARED, "prepared", WIRE_KEEPER | WIRE_WORKER, 0, 0, "n")                                  \
    X(FAILED, "failed", WIRE_KEEPER | WIRE_WORKER, 0, 0, "nt")                                     \
    X(COMMIT, "commit", WIRE_SUPERVISOR, 0, 0, "n")                                                \
    X(ABORT, "abort", WIRE_SUPERVISOR, 0, 0, "n")                                                  \
    X(LISTEN, "listen", WIRE_SUPERVISOR, 1, 1, "rf")                                               \
    X(UNLISTEN, "unlisten", WIRE_SUPERVISOR, 0, 0, "r")                                            \
    X(TICKETS, "tickets", WIRE_SUPERVISOR, 0, 0, "k")                                              \
    X(ENDPOINTS, "endpoints", WIRE_SUPERVISOR | WIRE_KEEPER, 0, 0, "fsatrn")                       \
    X(HURRY, "hurry", WIRE_SUPERVISOR | WIRE_WORKER, 0, 0, "s")                                    \
    X(CHALLENGE_ASK, "challenge_ask", WIRE_WORKER, 0, 0, "rs")                                     \
    X(CHALLENGE_ANSWER, "challenge_answer", WIRE_SUPERVISOR, 0, 0, "rft")                          \
    X(DRAIN, "drain", WIRE_SUPERVISOR, 0, 0, "")                                                   \
    X(CUT, "cut", WIRE_SUPERVISOR, 0, 0, "")                                                       \
    X(STOP, "stop", WIRE_SUPERVISOR, 0, 0, "")                                                     \
    X(DRAINED, "drained", WIRE_WORKER, 0, 0, "f")                                                  \
    X(RELOAD_ASK, "reload_ask", WIRE_KEEPER, 0, 0, "r")                                            \
    X(RELOAD_RESULT, "reload_result", WIRE_SUPERVISOR, 0, 0, "rfnt")                               \
    X(SANDBOX, "sandbox", WIRE_SUPERVISOR, 0, 0, "n")                                              \
    X(LOADED, "loaded", WIRE_LOADER, 1, 3, "f")                                                    \
    X(WANT, "want", WIRE_SUPERVISOR | WIRE_WORKER, 0, 0, "fs")                                     \
    X(WANTED, "wanted", WIRE_SUPERVISOR | WIRE_KEEPER, 0, 0, "fsa")                                \
    X(SHUT, "shut", WIRE_SUPERVISOR, 0, 0, "")                                                     \
    X(SECRETS, "secrets", WIRE_SUPERVISOR, 1, 1, "n")

enum wire_id {
    WIRE_NONE,
#define WIRE_ENUM(name, text, from, fds_min, fds_max, fields) WIRE_##name,
    WIRE_TABLE(WIRE_ENUM)
#undef WIRE_ENUM
        WIRE_COUNT
};

enum wire_endpoints {
    WIRE_ENDPOINTS_SET,  /* these are the addresses now */
    WIRE_ENDPOINTS_NONE, /* none found yet: counts only where none were known (to the supervisor) */
    WIRE_ENDPOINTS_FORGET, /* no route uses the name any more (to the supervisor only) */
};

enum wire_want {
    WIRE_WANT_TELL, /* the sender knows nothing of it: tell what is known */
    WIRE_WANT_KEEP, /* it goes on being used */
};

enum wire_wanted {
    WIRE_WANTED_SET,     /* these are the addresses now */
    WIRE_WANTED_NONE,    /* none found yet: counts only where none were known */
    WIRE_WANTED_GONE,    /* not followed: too many, too fast, or no pattern makes it */
    WIRE_WANTED_IDLE,    /* no longer followed, as nobody wanted it */
    WIRE_WANTED_RESTART, /* a new keeper follows none: what is in use is to be wanted again */
    WIRE_WANTED_COUNT
};

/* A message taken apart, or to be written; fields that its row does not name are ignored. */
struct wire_msg {
    enum wire_id id;
    uint8_t flag;
    uint32_t request;
    uint64_t number;
    struct str name; /* borrowed, also below */
    struct str text;
    const struct addr *addrs; /* to be written */
    size_t addr_count;
    struct str packed_addrs;            /* taken apart: wire_addrs reads them */
    const struct tls_ticket_ring *ring; /* to be written */
    struct str packed_ring;             /* taken apart: wire_ring reads it */
};

/* "hello"; static. */
const char *wire_name(enum wire_id id);
/* Appends the message; ERR_LIMIT when a field is longer than its bound or `out` is full. */
int wire_encode(const struct wire_msg *m, struct buf *out) MUST_USE;
/*
 * Takes a datagram of `from` with `nfds` descriptors apart; the strings point into `bytes`.
 * ERR_SYNTAX: not in the table, or not of its form; ERR_DENIED: not this sender's to send.
 */
int wire_decode(struct str bytes, size_t nfds, enum wire_from from,
                struct wire_msg *out_msg) MUST_USE;
/* The addresses of a message taken apart: m->addr_count of them into `out_addrs`. */
void wire_addrs(const struct wire_msg *m, struct addr *out_addrs);
/* The ticket keys of a message taken apart. */
void wire_ring(const struct wire_msg *m, struct tls_ticket_ring *out_ring);

#endif
