/* SPDX-License-Identifier: MIT */
/*
 * What was found out about passwords lately, so that the slow hash is not computed for each
 * request: digests of (user, password, hash), of fixed number, each for a while. A digest that was
 * not asked for within its time is wiped when its set is looked at next, all of them at the end.
 */
#ifndef HIVEDOOR_PROXY_AUTH_CACHE_H
#define HIVEDOOR_PROXY_AUTH_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AUTH_DIGEST_BYTES 32
#define AUTH_CACHE_WAYS   8

struct auth_cache;

/* `sets` * AUTH_CACHE_WAYS digests. Never NULL. */
struct auth_cache *auth_cache_new(size_t sets);
/* Accepts NULL. */
void auth_cache_free(struct auth_cache *c);
/* Digests must be keyed: their bytes choose the set, and a stranger must not choose them. */
bool auth_cache_has(struct auth_cache *c, const uint8_t digest[static AUTH_DIGEST_BYTES],
                    uint64_t now_ms);
/* Until then; again for one that is there already. The one of the set that ends first makes room.
 */
void auth_cache_put(struct auth_cache *c, const uint8_t digest[static AUTH_DIGEST_BYTES],
                    uint64_t now_ms, uint64_t until_ms);

#endif
