/* SPDX-License-Identifier: MIT */
/*
 * Open addressing with linear probing. A removed slot is filled by moving later ones back, so there
 * are no tombstones and a chain never has a gap.
 */
#include "base/map.h"

#include <stdbool.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/mem.h"

#define FIRST_SLOTS 16

struct map_slot {
    uint64_t hash;
    struct str key; /* owned */
    void *value;    /* the caller's; NULL: the slot is free */
};

struct map {
    struct map_slot *slots; /* owned */
    size_t cap;             /* a power of two */
    size_t count;
};

/* One key a process, drawn at first use and the same in forked children. */
static const uint64_t *hash_key(void)
{
    static uint64_t key[2];
    static bool drawn;

    if (!drawn) {
        REQUIRE(getrandom(key, sizeof(key), 0) == (ssize_t)sizeof(key));
        drawn = true;
    }
    return key;
}

static uint64_t rotl(uint64_t x, unsigned bits)
{
    return x << bits | x >> (64 - bits);
}

/* One SipRound of "SipHash: a fast short-input PRF" (Aumasson, Bernstein, 2012), figure 2.1. */
static void sip_round(uint64_t v[static 4])
{
    v[0] += v[1];
    v[1] = rotl(v[1], 13) ^ v[0];
    v[0] = rotl(v[0], 32);
    v[2] += v[3];
    v[3] = rotl(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotl(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotl(v[1], 17) ^ v[2];
    v[2] = rotl(v[2], 32);
}

static void sip_word(uint64_t v[static 4], uint64_t word)
{
    v[3] ^= word;
    sip_round(v);
    v[0] ^= word;
}

/* SipHash-1-3: one round a word, three at the end. */
uint64_t map_hash_with(const uint64_t k[static 2], struct str key)
{
    uint64_t v[4] = {
        k[0] ^ UINT64_C(0x736f6d6570736575),
        k[1] ^ UINT64_C(0x646f72616e646f6d),
        k[0] ^ UINT64_C(0x6c7967656e657261),
        k[1] ^ UINT64_C(0x7465646279746573),
    };
    size_t whole = key.len / 8 * 8;
    uint64_t word = 0;

    for (size_t i = 0; i < whole; i += 8) {
        memcpy(&word, key.ptr + i, 8);
        sip_word(v, word);
    }
    word = (uint64_t)key.len << 56;
    for (size_t i = whole; i < key.len; i++) {
        word |= (uint64_t)(unsigned char)key.ptr[i] << (8 * (i - whole));
    }
    sip_word(v, word);
    v[2] ^= 0xff;
    for (int i = 0; i < 3; i++) {
        sip_round(v);
    }
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

uint64_t map_hash(struct str key)
{
    return map_hash_with(hash_key(), key);
}

struct map *map_new(void)
{
    return NEW(struct map);
}

void map_free(struct map *m)
{
    if (m == NULL) {
        return;
    }
    for (size_t i = 0; i < m->cap; i++) {
        free((char *)(uintptr_t)m->slots[i].key.ptr);
    }
    free(m->slots);
    free(m);
}

size_t map_count(const struct map *m)
{
    return m->count;
}

/* The slot that holds the key, or the free one where it would go. The table is never full. */
static struct map_slot *find(const struct map *m, uint64_t hash, struct str key)
{
    size_t i = hash & (m->cap - 1);

    while (m->slots[i].value != NULL) {
        struct map_slot *slot = &m->slots[i];
        if (slot->hash == hash && str_eq(slot->key, key)) {
            return slot;
        }
        i = (i + 1) & (m->cap - 1);
    }
    return &m->slots[i];
}

void *map_get(const struct map *m, struct str key)
{
    if (m->count == 0) {
        return NULL;
    }
    return find(m, map_hash(key), key)->value;
}

static void grow(struct map *m)
{
    struct map old = *m;

    m->cap = old.cap == 0 ? FIRST_SLOTS : old.cap * 2;
    m->slots = mem_array(m->cap, sizeof(*m->slots));
    for (size_t i = 0; i < old.cap; i++) {
        if (old.slots[i].value != NULL) {
            *find(m, old.slots[i].hash, old.slots[i].key) = old.slots[i];
        }
    }
    free(old.slots);
}

void *map_put(struct map *m, struct str key, void *value)
{
    uint64_t hash = map_hash(key);

    REQUIRE(value != NULL);
    if (m->cap == 0 || m->count >= m->cap / 4 * 3) {
        grow(m);
    }
    struct map_slot *slot = find(m, hash, key);
    void *old = slot->value;
    if (old == NULL) {
        slot->hash = hash;
        slot->key = str_n(str_dup(key), key.len);
        m->count++;
    }
    slot->value = value;
    return old;
}

/* Closes the gap at `hole`: a later slot of the run moves there if its home is not behind it. */
static void close_gap(struct map *m, size_t hole)
{
    size_t mask = m->cap - 1;
    size_t i = (hole + 1) & mask;

    while (m->slots[i].value != NULL) {
        size_t home = m->slots[i].hash & mask;
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            m->slots[hole] = m->slots[i];
            hole = i;
        }
        i = (i + 1) & mask;
    }
    m->slots[hole] = (struct map_slot){0};
}

void *map_remove(struct map *m, struct str key)
{
    if (m->count == 0) {
        return NULL;
    }
    struct map_slot *slot = find(m, map_hash(key), key);
    void *old = slot->value;
    if (old == NULL) {
        return NULL;
    }
    free((char *)(uintptr_t)slot->key.ptr);
    close_gap(m, (size_t)(slot - m->slots));
    m->count--;
    return old;
}

bool map_next(const struct map *m, size_t *pos, struct str *out_key, void **out_value)
{
    while (*pos < m->cap) {
        const struct map_slot *slot = &m->slots[(*pos)++];
        if (slot->value != NULL) {
            *out_key = slot->key;
            *out_value = slot->value;
            return true;
        }
    }
    return false;
}
