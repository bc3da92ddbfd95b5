/* SPDX-License-Identifier: MIT */
#include "proxy/auth_cache.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"

struct entry {
    uint64_t until_ms; /* 0: free */
    uint8_t digest[AUTH_DIGEST_BYTES];
};

struct auth_cache {
    size_t sets;
    struct entry entries[]; /* sets * AUTH_CACHE_WAYS */
};

static size_t size_of(size_t sets)
{
    return sizeof(struct auth_cache) + sets * AUTH_CACHE_WAYS * sizeof(struct entry);
}

struct auth_cache *auth_cache_new(size_t sets)
{
    REQUIRE(sets > 0);
    struct auth_cache *c = mem_secret_new(size_of(sets));
    c->sets = sets;
    return c;
}

void auth_cache_free(struct auth_cache *c)
{
    if (c != NULL) {
        mem_secret_free(c, size_of(c->sets));
    }
}

/* The digest's set, with what is over its time wiped. */
static struct entry *set_of(struct auth_cache *c, const uint8_t *digest, uint64_t now_ms)
{
    uint64_t number;
    memcpy(&number, digest, sizeof(number));
    struct entry *set = &c->entries[number % c->sets * AUTH_CACHE_WAYS];
    for (size_t i = 0; i < AUTH_CACHE_WAYS; i++) {
        if (set[i].until_ms != 0 && set[i].until_ms <= now_ms) {
            mem_wipe(&set[i], sizeof(set[i]));
        }
    }
    return set;
}

static struct entry *find(struct entry *set, const uint8_t *digest)
{
    struct entry *found = NULL;
    for (size_t i = 0; i < AUTH_CACHE_WAYS; i++) {
        if (set[i].until_ms != 0 && mem_eq_secret(set[i].digest, digest, AUTH_DIGEST_BYTES)) {
            found = &set[i];
        }
    }
    return found;
}

bool auth_cache_has(struct auth_cache *c, const uint8_t digest[static AUTH_DIGEST_BYTES],
                    uint64_t now_ms)
{
    return find(set_of(c, digest, now_ms), digest) != NULL;
}

void auth_cache_put(struct auth_cache *c, const uint8_t digest[static AUTH_DIGEST_BYTES],
                    uint64_t now_ms, uint64_t until_ms)
{
    struct entry *set = set_of(c, digest, now_ms);
    struct entry *e = find(set, digest);
    for (size_t i = 0; e == NULL && i < AUTH_CACHE_WAYS; i++) {
        e = set[i].until_ms == 0 ? &set[i] : NULL;
    }
    if (e == NULL) {
        e = &set[0];
        for (size_t i = 1; i < AUTH_CACHE_WAYS; i++) {
            e = set[i].until_ms < e->until_ms ? &set[i] : e;
        }
    }
    memcpy(e->digest, digest, AUTH_DIGEST_BYTES);
    e->until_ms = until_ms;
}
