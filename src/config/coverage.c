/* SPDX-License-Identifier: MIT */
#include "config/coverage.h"

#include <stdlib.h>

#include "base/map.h"
#include "base/mem.h"

#define NAME_MAX_LEN 256 /* of a DNS name, and some */

struct coverage {
    struct map *names; /* to a certificate; "*.example.com" as it stands there */
};

struct coverage *coverage_new(const struct tls_set *set)
{
    struct coverage *c = NEW(struct coverage);

    c->names = map_new();
    for (size_t i = 0; i < set->count; i++) {
        struct tls_cert *cert = set->certs[i];
        for (size_t k = 0; k < cert->name_count; k++) {
            (void)map_put(c->names, cert->names[k], cert);
        }
    }
    return c;
}

void coverage_free(struct coverage *c)
{
    if (c != NULL) {
        map_free(c->names);
        free(c);
    }
}

bool coverage_has(const struct coverage *c, struct str name)
{
    char wild[NAME_MAX_LEN + 2] = "*";
    ptrdiff_t dot = str_find(name, '.');

    if (map_get(c->names, name) != NULL) {
        return true;
    }
    if (dot <= 0 || name.len - (size_t)dot > NAME_MAX_LEN) {
        return false;
    }
    size_t len = 1 + str_copy(wild + 1, sizeof(wild) - 1, str_from(name, (size_t)dot));
    return map_get(c->names, str_n(wild, len)) != NULL;
}
