/* SPDX-License-Identifier: MIT */
#include "base/sealed.h"

#include <stdlib.h>

#include "base/fd.h"
#include "base/mem.h"

struct sealed {
    size_t refs;
    const void *data; /* the mapping, owned */
    size_t len;
};

int sealed_open(int fd, size_t max, struct sealed **out_sealed)
{
    const void *data;
    size_t len;

    int err = fd_map_sealed(fd, max, &data, &len);
    if (err != OK) {
        return err;
    }
    struct sealed *s = NEW(struct sealed);
    *s = (struct sealed){.refs = 1, .data = data, .len = len};
    *out_sealed = s;
    return OK;
}

struct sealed *sealed_ref(struct sealed *s)
{
    s->refs++;
    return s;
}

void sealed_unref(struct sealed *s)
{
    if (s == NULL) {
        return;
    }
    REQUIRE(s->refs > 0);
    if (--s->refs == 0) {
        fd_unmap(s->data, s->len);
        free(s);
    }
}

struct str sealed_bytes(const struct sealed *s)
{
    return str_n(s->data, s->len);
}
