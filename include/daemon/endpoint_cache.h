/* SPDX-License-Identifier: MIT */
/*
 * The last endpoint message of every service (supervisor), kept as it came, so that a restarted
 * worker gets all of them at once. Bounded by ENDPOINT_CACHE_MAX names.
 */
#ifndef HIVEDOOR_DAEMON_ENDPOINT_CACHE_H
#define HIVEDOOR_DAEMON_ENDPOINT_CACHE_H

#include "base/err.h"
#include "base/str.h"
#include "daemon/wire.h"

#include <stddef.h>

#define ENDPOINT_CACHE_MAX 20000

struct endpoint_cache;

struct endpoint_cache *endpoint_cache_new(void);
void endpoint_cache_free(struct endpoint_cache *c);
/* Keeps an ENDPOINTS message that was taken apart, or forgets its name. Gives the bytes to pass on
 * to the workers (borrowed until the next call), empty when there is nothing to pass on. ERR_LIMIT:
 * too many names. */
int endpoint_cache_put(struct endpoint_cache *c, const struct wire_msg *m,
                       struct str *out_bytes) MUST_USE;
/* Walks all messages: *pos starts at 0; false at the end. */
bool endpoint_cache_next(const struct endpoint_cache *c, size_t *pos, struct str *out_bytes);
size_t endpoint_cache_count(const struct endpoint_cache *c);

#endif
