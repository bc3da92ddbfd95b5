/* SPDX-License-Identifier: MIT */
/*
 * DNS questions through c-ares on the loop (keeper only). One question, one answer, one deadline of
 * its own; no search list, no cache, no TTL, no /etc/hosts; a truncated answer is asked again over
 * TCP and never given to anybody. The descriptor of /etc/resolv.conf is read at resolver_new only.
 */
#ifndef HIVEDOOR_DNS_RESOLVER_H
#define HIVEDOOR_DNS_RESOLVER_H

#include "base/addr.h"
#include "base/err.h"
#include "base/str.h"
#include "dns/answer.h"
#include "loop/loop.h"

#include <stddef.h>
#include <stdint.h>

struct resolver;

enum resolver_type { RESOLVER_A, RESOLVER_AAAA };

enum resolver_outcome {
    RESOLVER_ANSWER, /* NOERROR with addresses */
    RESOLVER_EMPTY,  /* NOERROR without any that can be used */
    RESOLVER_NXDOMAIN,
    RESOLVER_SERVFAIL, /* SERVFAIL, REFUSED, NOTIMP, malformed, truncated twice, port closed */
    RESOLVER_SILENT,   /* nobody answered in time */
};

/* Addresses have port 0; borrowed for the call. */
typedef void (*resolver_fn)(void *arg, enum resolver_outcome outcome, const struct addr *addrs,
                            size_t count);

/* The name that a PTR gives, untrusted; NULL unless RESOLVER_ANSWER; borrowed for the call. */
typedef void (*resolver_ptr_fn)(void *arg, enum resolver_outcome outcome,
                                const struct answer_name *name);

#define RESOLVER_TIMEOUT_MS 500
#define RESOLVER_TRIES      2
/* The longest silence: both tries, the second one waiting twice as long. */
#define RESOLVER_DEADLINE_MS 1500
/* A larger answer is no answer (RESOLVER_SERVFAIL): a part of a set would look like removals. */
#define RESOLVER_ADDRS_MAX 1024

/* `servers` empty: those of resolv.conf. ERR_NOT_FOUND: no usable server. */
int resolver_new(struct loop *loop, const struct addr *servers, size_t server_count,
                 struct resolver **out_resolver) MUST_USE;
/* Every open question ends without a callback. */
void resolver_free(struct resolver *r);
/* Asks; the callback comes later, never from inside, within RESOLVER_DEADLINE_MS and a little.
 * `name` is absolute with or without its trailing dot; one that no host can have (answer_name_of)
 * is not asked and ends as RESOLVER_NXDOMAIN. */
void resolver_ask(struct resolver *r, struct str name, enum resolver_type type, resolver_fn fn,
                  void *arg);
/* Asks for the name of an address, in the same way. */
void resolver_ask_ptr(struct resolver *r, const struct addr *addr, resolver_ptr_fn fn, void *arg);
/* Every open question that was asked with `arg` ends without a callback. */
void resolver_cancel(struct resolver *r, const void *arg);
/* Whether the server in use is Docker's embedded one (127.0.0.11): then `tasks.NAME` is asked
 * first. */
bool resolver_is_docker(const struct resolver *r);
/* Since the start. */
struct resolver_stats {
    uint64_t asked;     /* questions */
    uint64_t failed;    /* those that ended as RESOLVER_SERVFAIL or RESOLVER_SILENT */
    uint64_t truncated; /* answers thrown away because TC was set even over TCP */
};
void resolver_stats(const struct resolver *r, struct resolver_stats *out_stats);

#endif
