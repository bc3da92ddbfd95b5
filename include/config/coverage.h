/* SPDX-License-Identifier: MIT */
/*
 * Which names a set of certificates covers, found in one step however many there are: for what the
 * loader, `check` and the admin page say of sites. What is served in a handshake is decided in
 * tls/.
 */
#ifndef HIVEDOOR_CONFIG_COVERAGE_H
#define HIVEDOOR_CONFIG_COVERAGE_H

#include "base/str.h"
#include "tls/tls_match.h"

#include <stdbool.h>

struct coverage;

/* `set` is borrowed for as long as the result lives. */
struct coverage *coverage_new(const struct tls_set *set);
/* Accepts NULL. */
void coverage_free(struct coverage *c);
/* Whether some certificate names `name` (lower case), or has a wildcard for it, which stands for
 * exactly the left-most label (RFC 6125 section 6.4.3). */
bool coverage_has(const struct coverage *c, struct str name);

#endif
