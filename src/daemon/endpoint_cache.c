/* SPDX-License-Identifier: MIT */
#include "daemon/endpoint_cache.h"

#include <stdlib.h>

#include "base/map.h"
#include "base/mem.h"

struct kept {
    bool is_empty;
    size_t len;
    char bytes[];
};

struct endpoint_cache {
    struct map *map; /* name -> struct kept */
};

struct endpoint_cache *endpoint_cache_new(void)
{
    struct endpoint_cache *c = NEW(struct endpoint_cache);

    c->map = map_new();
    return c;
}

void endpoint_cache_free(struct endpoint_cache *c)
{
    size_t pos = 0;
    struct str key;
    void *value;

    if (c == NULL) {
        return;
    }
    while (map_next(c->map, &pos, &key, &value)) {
        free(value);
    }
    map_free(c->map);
    free(c);
}

static struct kept *write_down(const struct wire_msg *m)
{
    struct wire_msg copy = *m;
    copy.flag = WIRE_ENDPOINTS_SET;
    struct addr *addrs = mem_array(m->addr_count, sizeof(*addrs));
    struct buf out;

    wire_addrs(m, addrs);
    copy.addrs = addrs;
    buf_init(&out, WIRE_MAX);
    REQUIRE(wire_encode(&copy, &out) == OK);
    struct kept *k = mem_new(sizeof(*k) + buf_len(&out));
    k->is_empty = m->addr_count == 0;
    k->len = buf_len(&out);
    memcpy(k->bytes, buf_ptr(&out), k->len);
    buf_fini(&out);
    free(addrs);
    return k;
}

int endpoint_cache_put(struct endpoint_cache *c, const struct wire_msg *m, struct str *out_bytes)
{
    const struct kept *known = map_get(c->map, m->name);

    if (m->flag == WIRE_ENDPOINTS_FORGET) {
        free(map_remove(c->map, m->name));
        *out_bytes = STR("");
        return OK;
    }
    if (m->flag == WIRE_ENDPOINTS_NONE && known != NULL && !known->is_empty) {
        *out_bytes = STR(""); /* what an earlier keeper found stands */
        return OK;
    }
    if (map_count(c->map) >= ENDPOINT_CACHE_MAX && known == NULL) {
        return ERR_LIMIT;
    }
    struct kept *k = write_down(m);
    free(map_put(c->map, m->name, k));
    *out_bytes = str_n(k->bytes, k->len);
    return OK;
}

bool endpoint_cache_next(const struct endpoint_cache *c, size_t *pos, struct str *out_bytes)
{
    struct str key;
    void *value;

    if (!map_next(c->map, pos, &key, &value)) {
        return false;
    }
    const struct kept *k = value;
    *out_bytes = str_n(k->bytes, k->len);
    return true;
}

size_t endpoint_cache_count(const struct endpoint_cache *c)
{
    return map_count(c->map);
}
