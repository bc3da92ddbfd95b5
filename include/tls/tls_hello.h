/* SPDX-License-Identifier: MIT */
/*
 * The server_name extension of a ClientHello, read strictly (RFC 6066 section 3). A pure function;
 * workers call it from OpenSSL's client_hello callback, before any session is looked at.
 */
#ifndef HIVEDOOR_TLS_TLS_HELLO_H
#define HIVEDOOR_TLS_TLS_HELLO_H

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>

#define TLS_NAME_MAX 253

/*
 * `ext` is the extension's content. Writes the one host_name in lower case with a NUL behind it.
 * ERR_SYNTAX: wrong lengths, no name or more than one, another name type, or not a host name
 * (letters, digits, '-' and '_' in labels of 1 to 63 bytes, no dot at the end; so no IPv6 literal).
 */
int tls_hello_name(struct str ext, char out_name[static TLS_NAME_MAX + 1],
                   size_t *out_len) MUST_USE;
/* The same grammar for a name from elsewhere, lower case only; a first label "*" if `wildcard`. */
bool tls_hello_is_host(struct str name, bool wildcard);

#endif
