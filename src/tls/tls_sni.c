/* SPDX-License-Identifier: MIT */
#include "tls/tls_sni.h"

#include <openssl/ssl.h>
#include <stdlib.h>

#include "base/map.h"
#include "base/mem.h"
#include "tls/tls_hello.h"

/* What one name has. The name lies in a certificate's list. */
struct slot {
    const struct str *name;               /* borrowed; NULL: the slot is free */
    struct tls_cert *best[TLS_KEY_KINDS]; /* borrowed */
    struct tls_identity *identity;        /* borrowed from the map; NULL until it is asked for */
};

/*
 * Open addressing with linear probing. There may be tens of thousands of names in every process,
 * most of them never asked for: a name costs a slot and no allocation, an identity is made when it
 * is asked for.
 */
struct tls_sni {
    struct slot *slots; /* owned */
    size_t cap;         /* a power of two, always with a free slot */
    size_t count;
    struct map *identities; /* by the pair of certificates, owned */
};

/* The slot of the name, or the free one where it would be. */
static struct slot *slot_of(const struct tls_sni *t, struct str name)
{
    size_t i = map_hash(name) & (t->cap - 1);

    while (t->slots[i].name != NULL && !str_eq(*t->slots[i].name, name)) {
        i = (i + 1) & (t->cap - 1);
    }
    return &t->slots[i];
}

static struct slot *find_slot(const struct tls_sni *t, struct str name)
{
    struct slot *slot = slot_of(t, name);

    return slot->name == NULL ? NULL : slot;
}

static void offer(struct slot *slot, struct tls_cert *c, int64_t now)
{
    struct tls_cert **best = &slot->best[c->kind];
    if (*best == NULL || tls_cert_rank(c, *best, now) < 0) {
        *best = c;
    }
}

static void add_cert(struct tls_sni *t, struct tls_cert *c, int64_t now)
{
    for (size_t i = 0; i < c->name_count; i++) {
        struct slot *slot = slot_of(t, c->names[i]);
        if (slot->name == NULL) {
            slot->name = &c->names[i];
            t->count++;
        }
        offer(slot, c, now);
    }
}

/* The slot of the wildcard over `host`, or NULL. */
static struct slot *wildcard_of(const struct tls_sni *t, struct str host)
{
    char wild[TLS_NAME_MAX + 1] = {'*'};
    ptrdiff_t dot = str_find(host, '.');

    if (dot < 1 || host.len - (size_t)dot > TLS_NAME_MAX || host.ptr[0] == '*') {
        return NULL;
    }
    size_t len = host.len - (size_t)dot;
    memcpy(wild + 1, host.ptr + dot, len);
    return find_slot(t, str_n(wild, 1 + len));
}

static struct tls_identity *identity_of(const struct tls_sni *t, struct tls_cert *const *certs)
{
    struct str key = str_n((const char *)certs, sizeof(certs[0]) * TLS_KEY_KINDS);
    struct tls_identity *id = map_get(t->identities, key);

    if (id == NULL) {
        id = NEW(struct tls_identity);
        memcpy(id->certs, certs, key.len);
        (void)map_put(t->identities, key, id);
    }
    return id;
}

/* Only wildcards are looked up for, and they are never filled in themselves: the order of the names
 * does not matter. */
static void settle(const struct tls_sni *t, struct slot *slot, int64_t now)
{
    const struct slot *wild = wildcard_of(t, *slot->name);

    for (int k = 0; wild != NULL && k < TLS_KEY_KINDS; k++) {
        struct tls_cert *own = slot->best[k];
        bool is_poor = own == NULL || !tls_cert_is_valid_at(own, now);
        if (is_poor && wild->best[k] != NULL && tls_cert_is_valid_at(wild->best[k], now)) {
            slot->best[k] = wild->best[k];
        }
    }
    /* An expired certificate of one kind must not be shown to a client that takes both. */
    for (int k = 0; k < TLS_KEY_KINDS; k++) {
        const struct tls_cert *other = slot->best[TLS_KEY_KINDS - 1 - k];
        if (slot->best[k] != NULL && !tls_cert_is_valid_at(slot->best[k], now) && other != NULL &&
            tls_cert_is_valid_at(other, now)) {
            slot->best[k] = NULL;
        }
    }
}

/* Room for the names of all, a third of it free. */
static void make_room(struct tls_sni *t, const struct tls_set *set)
{
    size_t names = 0;

    for (size_t i = 0; i < set->count; i++) {
        names += set->certs[i]->name_count;
    }
    t->cap = 16;
    while (t->cap / 3 * 2 <= names) {
        t->cap *= 2;
    }
    t->slots = mem_array(t->cap, sizeof(*t->slots));
}

struct tls_sni *tls_sni_new(const struct tls_set *set, int64_t now)
{
    struct tls_sni *t = NEW(struct tls_sni);

    t->identities = map_new();
    make_room(t, set);
    for (size_t i = 0; i < set->count; i++) {
        add_cert(t, set->certs[i], now);
    }
    for (size_t i = 0; i < t->cap; i++) {
        if (t->slots[i].name != NULL) {
            settle(t, &t->slots[i], now);
        }
    }
    return t;
}

void tls_sni_free(struct tls_sni *t)
{
    struct str name;
    void *value = NULL;
    size_t pos = 0;

    if (t == NULL) {
        return;
    }
    while (map_next(t->identities, &pos, &name, &value)) {
        SSL_CTX_free(((struct tls_identity *)value)->ctx);
        free(value);
    }
    map_free(t->identities);
    free(t->slots);
    free(t);
}

static struct slot *slot_for(const struct tls_sni *t, struct str host)
{
    struct slot *slot = find_slot(t, host);

    return slot == NULL ? wildcard_of(t, host) : slot;
}

struct tls_identity *tls_sni_find(const struct tls_sni *t, struct str host)
{
    struct slot *slot = slot_for(t, host);

    if (slot == NULL) {
        return NULL;
    }
    if (slot->identity == NULL) {
        slot->identity = identity_of(t, slot->best);
    }
    return slot->identity;
}

struct tls_cert *tls_sni_cert(const struct tls_sni *t, struct str host, enum tls_key_kind kind)
{
    const struct slot *slot = slot_for(t, host);

    return slot == NULL ? NULL : slot->best[kind];
}

bool tls_sni_has(const struct tls_sni *t, struct str host)
{
    return slot_for(t, host) != NULL;
}

size_t tls_sni_name_count(const struct tls_sni *t)
{
    return t->count;
}
