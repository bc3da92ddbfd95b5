/* SPDX-License-Identifier: MIT */
/*
 * A certificate authority of one's own, for `hivedoor dev` only: made once in a private folder,
 * good for local names alone (name constraints, RFC 5280 section 4.2.1.10: localhost, *.test,
 * *.local,
 * *.internal, *.home.arpa, loopback addresses), so that whoever trusts it gives nothing else away.
 * The dev command makes it; the loader signs with it.
 */
#ifndef HIVEDOOR_TLS_TLS_LOCAL_CA_H
#define HIVEDOOR_TLS_TLS_LOCAL_CA_H

#include "base/err.h"
#include "base/str.h"
#include "tls/tls_cert.h"

#include <stdbool.h>
#include <stddef.h>

#define TLS_LOCAL_CA_FILE "ca.pem"
#define TLS_LOCAL_CA_KEY  "ca.key"

/*
 * Makes `dir` (mode 0700) and in it ca.pem and ca.key (mode 0600) unless they are there; one that
 * ends within 30 days is made anew. *out_created says whether it is new. ERR_IO: errno says why.
 */
int tls_local_ca_ensure(const char *dir, bool *out_created) MUST_USE;
/* Whether the authority may vouch for this name. */
bool tls_local_ca_permits(struct str name);
/* A certificate for all of `names` (lower case), signed by the authority in `dir`: ECDSA P-256, 90
 * days. ERR_NOT_FOUND: no authority there. ERR_DENIED: a name that it may not vouch for. */
int tls_local_ca_sign(const char *dir, const struct str *names, size_t name_count,
                      struct tls_cert **out_cert) MUST_USE;

#endif
