/* SPDX-License-Identifier: MIT */
/*
 * Watches the ends of certificates (keeper): a series for each, and one warning a day for those
 * that end within EXPIRY_WARN_DAYS or have ended.
 */
#ifndef HIVEDOOR_DAEMON_EXPIRY_H
#define HIVEDOOR_DAEMON_EXPIRY_H

#include "stats/counter.h"
#include "tls/tls_match.h"

#include <stdbool.h>
#include <stdint.h>

#define EXPIRY_WARN_DAYS 14

/* Whole days from `now` (seconds since 1970) until `not_after`; negative when it has ended. */
int64_t expiry_days(int64_t not_after, int64_t now);
/* Whether it was issued for tests: by an authority that says so in its name, as Let's Encrypt's
 * staging ones do. Browsers do not trust these. */
bool expiry_is_staging(const struct tls_cert *c);
/* Writes the series; certificates of `old` (may be NULL) that are gone get 0. */
void expiry_count(struct slot *slot, const struct tls_set *set, const struct tls_set *old);
/* Warns about each that ends soon or has ended, and about those of a staging authority. */
void expiry_warn(const struct tls_set *set, int64_t now);

#endif
