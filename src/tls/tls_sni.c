/* SPDX-License-Identifier: MIT */
#include "tls/tls_sni.h"

#include <openssl/ssl.h>
#include <stdlib.h>

#include "base/map.h"
#include "base/mem.h"
#include "tls/tls_hello.h"

/* What one name has. */
struct slot {
    struct tls_cert *best[TLS_KEY_KINDS]; /* borrowed */
    struct tls_identity *identity;        /* borrowed from the table */
};

struct tls_sni {
    struct map *names;      /* of slot, owned */
    struct map *identities; /* by the pair of certificates, owned */
};

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
        struct slot *slot = map_get(t->names, c->names[i]);
        if (slot == NULL) {
            slot = NEW(struct slot);
            (void)map_put(t->names, c->names[i], slot);
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
    return map_get(t->names, str_n(wild, 1 + len));
}

static struct tls_identity *identity_of(struct tls_sni *t, struct tls_cert *const *certs)
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
static void settle(struct tls_sni *t, struct str name, struct slot *slot, int64_t now)
{
    const struct slot *wild = wildcard_of(t, name);

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
    slot->identity = identity_of(t, slot->best);
}

struct tls_sni *tls_sni_new(const struct tls_set *set, int64_t now)
{
    struct tls_sni *t = NEW(struct tls_sni);
    struct str name;
    void *slot = NULL;
    size_t pos = 0;

    t->names = map_new();
    t->identities = map_new();
    for (size_t i = 0; i < set->count; i++) {
        add_cert(t, set->certs[i], now);
    }
    while (map_next(t->names, &pos, &name, &slot)) {
        settle(t, name, slot, now);
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
    while (map_next(t->names, &pos, &name, &value)) {
        free(value);
    }
    pos = 0;
    while (map_next(t->identities, &pos, &name, &value)) {
        SSL_CTX_free(((struct tls_identity *)value)->ctx);
        free(value);
    }
    map_free(t->names);
    map_free(t->identities);
    free(t);
}

struct tls_identity *tls_sni_find(const struct tls_sni *t, struct str host)
{
    const struct slot *slot = map_get(t->names, host);

    if (slot == NULL) {
        slot = wildcard_of(t, host);
    }
    return slot == NULL ? NULL : slot->identity;
}

size_t tls_sni_name_count(const struct tls_sni *t)
{
    return map_count(t->names);
}
