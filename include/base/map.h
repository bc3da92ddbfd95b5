/* SPDX-License-Identifier: MIT */
/*
 * Hash table from byte strings to pointers, keyed (SipHash with a key drawn at start), so that a
 * peer cannot choose colliding keys. The map copies keys and never owns values.
 */
#ifndef HIVEDOOR_BASE_MAP_H
#define HIVEDOOR_BASE_MAP_H

#include "base/str.h"

#include <stddef.h>
#include <stdint.h>

struct map;

struct map *map_new(void);
/* Frees the table and its keys, not the values; accepts NULL. */
void map_free(struct map *m);
size_t map_count(const struct map *m);
/* The value, or NULL. */
void *map_get(const struct map *m, struct str key);
/* Puts or replaces; `value` must not be NULL. Returns the value replaced, or NULL. */
void *map_put(struct map *m, struct str key, void *value);
/* Removes; returns the value removed, or NULL. */
void *map_remove(struct map *m, struct str key);
/*
 * Walks in no particular order: start with *pos = 0, ends with false. The map must not change
 * meanwhile. `out_key` is borrowed from the map.
 */
bool map_next(const struct map *m, size_t *pos, struct str *out_key, void **out_value);
/* The keyed hash itself, for tables of one's own. */
uint64_t map_hash(struct str key);
/* The same with a key of the caller's, where several processes must agree. */
uint64_t map_hash_with(const uint64_t hash_key[static 2], struct str key);

#endif
