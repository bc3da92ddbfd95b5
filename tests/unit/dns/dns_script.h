/* SPDX-License-Identifier: MIT */
/*
 * A DNS server for tests, on the loop of the test itself: UDP and TCP on one port of a loopback
 * address. What it says is set name by name and type by type; a name nobody set is NXDOMAIN, a type
 * nobody set of a known name is an empty answer. Records carry a TTL of 600 s, as Docker's do.
 */
#ifndef HIVEDOOR_TESTS_DNS_SCRIPT_H
#define HIVEDOOR_TESTS_DNS_SCRIPT_H

#include "base/addr.h"
#include "dns/resolver.h"
#include "loop/loop.h"

#include <stddef.h>

enum script_kind {
    SCRIPT_ANSWER,
    SCRIPT_NXDOMAIN,
    SCRIPT_SERVFAIL,
    SCRIPT_REFUSED,
    SCRIPT_SILENT,
    SCRIPT_LOSE_ONE,   /* the first question gets no answer, then as SCRIPT_ANSWER */
    SCRIPT_TC_UDP,     /* a part with TC over UDP, all over TCP */
    SCRIPT_TC_BOTH,    /* TC over TCP too */
    SCRIPT_WRONG_ID,   /* first another answer with a wrong id, then the right one */
    SCRIPT_WRONG_NAME, /* first another answer to another question, then the right one */
};

struct dns_script;

/* Aborts when there is no port. `ip` is an address of 127.0.0.0/8. */
struct dns_script *dns_script_new(struct loop *loop, const char *ip);
void dns_script_free(struct dns_script *d);
const struct addr *dns_script_addr(const struct dns_script *d);
/* Makes the server answer `kind`; keeps the addresses. */
void dns_script_kind(struct dns_script *d, const char *name, enum resolver_type type,
                     enum script_kind kind);
/* Sets the addresses ("10.0.0.1 10.0.0.2", empty for none) and SCRIPT_ANSWER. */
void dns_script_addrs(struct dns_script *d, const char *name, enum resolver_type type,
                      const char *addrs);
/* `count` addresses from 10.1.0.1 on. */
void dns_script_many(struct dns_script *d, const char *name, size_t count);
/* Answers go by an alias: NAME is a CNAME of TARGET. */
void dns_script_alias(struct dns_script *d, const char *name, const char *target);
/* How often this was asked, over either transport. */
size_t dns_script_asked(const struct dns_script *d, const char *name, enum resolver_type type);
size_t dns_script_tcp(const struct dns_script *d);
/* The EDNS size of the last question, 0 if it had none. */
size_t dns_script_edns(const struct dns_script *d);

#endif
