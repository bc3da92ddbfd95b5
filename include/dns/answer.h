/* SPDX-License-Identifier: MIT */
/*
 * A DNS answer taken apart (RFC 1035 section 4): a pure function over untrusted bytes, called by
 * dns/resolver in the keeper. It reads the header, checks that the question is the one that was
 * asked, follows a bounded chain of CNAMEs inside the answer section and gathers addresses. It
 * never looks at the authority and additional sections, and never at a TTL.
 */
#ifndef HIVEDOOR_DNS_ANSWER_H
#define HIVEDOOR_DNS_ANSWER_H

#include "base/addr.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ANSWER_TYPE_A    1
#define ANSWER_TYPE_PTR  12
#define ANSWER_TYPE_AAAA 28

/* A whole name as on the wire, with its final zero (RFC 1035 section 2.3.4). */
#define ANSWER_NAME_MAX 255
/* A name of 32 nibbles below ip6.arpa, with its end. */
#define ANSWER_REVERSE_MAX 80
/* CNAMEs followed from the name that was asked; more is a malformed answer. */
#define ANSWER_CNAME_MAX 8

/* A name as on the wire, without compression, in lower case. */
struct answer_name {
    uint8_t bytes[ANSWER_NAME_MAX];
    size_t len;
};

struct answer {
    bool truncated; /* TC: nothing else of it may be used, and `count` is 0 */
    uint8_t rcode;  /* RFC 1035 section 4.1.1: 0 no error, 2 server failure, 3 no such name */
    size_t count;   /* addresses written */
};

/*
 * A name of letters, digits, "-" and "_" in labels of 1 to 63 bytes, with or without a trailing
 * dot, as wire form. ERR_SYNTAX for anything else, the root included.
 */
int answer_name_of(struct str name, struct answer_name *out_name) MUST_USE;
/* What was asked: `type` is ANSWER_TYPE_A or ANSWER_TYPE_AAAA. */
struct answer_question {
    const struct answer_name *name; /* borrowed */
    uint16_t type;
};

/*
 * Reads the bytes of `msg` as the answer to `question`.
 * Addresses go to `out_addrs` (room for `cap`, port 0); those that no service can have (0.0.0.0,
 * ::, multicast, broadcast) are left out. ERR_TRUNCATED or ERR_SYNTAX for bytes that are no DNS
 * answer, ERR_MISMATCH when it answers another question, ERR_LIMIT for more than `cap` addresses or
 * ANSWER_CNAME_MAX aliases. `out_addrs` may hold anything after an error.
 */
int answer_parse(struct str msg, struct answer_question question, struct addr *out_addrs,
                 size_t cap, struct answer *out_answer) MUST_USE;
/*
 * Reads `msg` as the answer to the PTR question `question`: the one name that it gives, in lower
 * case, goes to `out_ptr` (len 0 where out_answer says that there is none). Errors as above;
 * ERR_LIMIT too for more than one name, as it is not ours to choose.
 */
int answer_parse_ptr(struct str msg, struct answer_question question, struct answer_name *out_ptr,
                     struct answer *out_answer) MUST_USE;
/* "4.3.2.10.in-addr.arpa" or the name below ip6.arpa (RFC 1035 section 3.5, RFC 3596 section 2.5);
 * ERR_UNSUPPORTED for another family. */
int answer_reverse_name(const struct addr *a, char dst[static ANSWER_REVERSE_MAX]) MUST_USE;
/* Whether an address of an answer may be connected to at all; also used by tests. */
bool answer_is_usable(const struct addr *a);

#endif
