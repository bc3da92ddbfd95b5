/* SPDX-License-Identifier: MIT */
/*
 * The PROXY protocol, versions 1 and 2 (haproxy's proxy-protocol.txt): pure functions over bytes.
 * Whether a source may speak it is decided by the caller, from its address.
 */
#ifndef HIVEDOOR_NET_PROXY_PROTOCOL_H
#define HIVEDOOR_NET_PROXY_PROTOCOL_H

#include "base/addr.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>

struct proxy_header {
    struct addr source;      /* len 0 for LOCAL and UNKNOWN: the connection's own peer stands */
    struct addr destination; /* likewise */
    bool local;              /* a health check of the balancer itself */
    unsigned version;        /* 1 or 2 */
};

/* The longest header taken: version 2 with its TLVs. */
#define PROXY_HEADER_MAX 4096

/*
 * Looks at the first bytes of a connection.
 *   OK            a whole header; *out_len bytes belong to it
 *   ERR_AGAIN     it may still become one; give more bytes
 *   ERR_NOT_FOUND the bytes are no PROXY header (plain HTTP or TLS): nothing is to be consumed
 *   ERR_SYNTAX    it began like one and is malformed; ERR_LIMIT it is longer than PROXY_HEADER_MAX
 */
int proxy_protocol_parse(struct str bytes, struct proxy_header *out_header,
                         size_t *out_len) MUST_USE;

#endif
