/* SPDX-License-Identifier: MIT */
#include "tls/tls_places.h"

#include <stdlib.h>

#include "base/map.h"
#include "base/mem.h"
#include "tls/tls_digest.h"
#include "tls/tls_match.h"

struct tls_places {
    struct map *by_fingerprint; /* to one of the references */
    struct tls_ref *refs;       /* owned */
};

static void put(struct tls_places *p, const uint8_t fingerprint[static 32], struct tls_ref *ref)
{
    struct str by = str_n((const char *)fingerprint, TLS_DIGEST_BYTES);

    if (map_get(p->by_fingerprint, by) == NULL) {
        (void)map_put(p->by_fingerprint, by, ref);
    }
}

static size_t count_all(const struct tls_set *set)
{
    size_t count = 0;

    for (size_t i = 0; i < set->count; i++) {
        count += set->certs[i]->chain_count;
    }
    return count;
}

struct tls_places *tls_places_new(const struct tls_set *set)
{
    struct tls_places *p = NEW(struct tls_places);
    struct str last = STR(""); /* most chains are those of the certificate before */
    size_t n = 0;

    p->by_fingerprint = map_new();
    p->refs = mem_array(count_all(set) + 1, sizeof(*p->refs));
    for (size_t i = 0; i < set->count; i++, n++) {
        p->refs[n] = (struct tls_ref){(uint32_t)i, 0};
        put(p, set->certs[i]->fingerprint, &p->refs[n]);
    }
    for (size_t i = 0; i < set->count; i++) {
        const struct tls_cert *c = set->certs[i];
        for (size_t k = 1; k < c->chain_count; k++) {
            uint8_t fingerprint[TLS_DIGEST_BYTES];
            if (str_eq(c->chain[k], last)) {
                continue;
            }
            last = c->chain[k];
            tls_digest_once(last, fingerprint);
            p->refs[n] = (struct tls_ref){(uint32_t)i, (uint8_t)k};
            put(p, fingerprint, &p->refs[n++]);
        }
    }
    return p;
}

void tls_places_free(struct tls_places *p)
{
    if (p != NULL) {
        map_free(p->by_fingerprint);
        free(p->refs);
        free(p);
    }
}

bool tls_places_find(const struct tls_places *p, const uint8_t fingerprint[static 32],
                     struct tls_ref *out)
{
    const struct tls_ref *ref =
        map_get(p->by_fingerprint, str_n((const char *)fingerprint, TLS_DIGEST_BYTES));

    if (ref != NULL) {
        *out = *ref;
    }
    return ref != NULL;
}
