/* SPDX-License-Identifier: MIT */
#include "recall.h"

#include <stdlib.h>

#include "base/map.h"
#include "base/mem.h"
#include "base/pack.h"

#define PATH_BYTES 4096
#define NS         UINT64_C(1000000000)

/* A record is a string of base/pack, so that others can be stepped over: path, look, digest, number
 * of references, each as certificate and part. */
#define RECORD_MAX (PATH_BYTES + 128 + 5 * TLS_REFS_MAX)

struct recall {
    struct map *by_path; /* to where a record begins */
    const char *end;     /* of the last one */
};

static uint64_t in_ns(struct timespec t)
{
    return (uint64_t)t.tv_sec * NS + (uint64_t)t.tv_nsec;
}

void recall_look_at(const struct stat *st, struct recall_look *out)
{
    *out = (struct recall_look){.dev = st->st_dev,
                                .ino = st->st_ino,
                                .size = (uint64_t)st->st_size,
                                .modified_ns = in_ns(st->st_mtim),
                                .changed_ns = in_ns(st->st_ctim)};
}

static bool is_same(const struct recall_look *a, const struct recall_look *b)
{
    return a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
           a->modified_ns == b->modified_ns && a->changed_ns == b->changed_ns;
}

bool recall_is_settled(const struct recall_look *look, int64_t now_s)
{
    uint64_t last = look->modified_ns > look->changed_ns ? look->modified_ns : look->changed_ns;

    return now_s > RECALL_FRESH_S && last / NS < (uint64_t)now_s - RECALL_FRESH_S;
}

int recall_add(struct buf *out, const struct recall_file *f)
{
    struct buf one;
    struct packer p;
    struct packer all;

    buf_init(&one, RECORD_MAX);
    pack_init(&p, &one);
    pack_str(&p, f->path);
    pack_u64(&p, f->look.dev);
    pack_u64(&p, f->look.ino);
    pack_u64(&p, f->look.size);
    pack_u64(&p, f->look.modified_ns);
    pack_u64(&p, f->look.changed_ns);
    pack_str(&p, str_n((const char *)f->digest, sizeof(f->digest)));
    pack_u8(&p, (uint8_t)f->ref_count);
    for (size_t i = 0; i < f->ref_count; i++) {
        pack_u32(&p, f->refs[i].cert);
        pack_u8(&p, f->refs[i].part);
    }
    pack_init(&all, out);
    if (!p.failed) {
        pack_str(&all, buf_str(&one));
    }
    buf_fini(&one);
    return p.failed || all.failed ? ERR_LIMIT : OK;
}

/* What stands behind the path. */
static bool take_rest(struct unpacker *u, struct recall_file *out)
{
    out->look.dev = unpack_u64(u);
    out->look.ino = unpack_u64(u);
    out->look.size = unpack_u64(u);
    out->look.modified_ns = unpack_u64(u);
    out->look.changed_ns = unpack_u64(u);
    struct str digest = unpack_str(u, sizeof(out->digest));
    out->ref_count = unpack_u8(u);
    if (u->failed || digest.len != sizeof(out->digest) || out->ref_count > TLS_REFS_MAX) {
        return false;
    }
    memcpy(out->digest, digest.ptr, digest.len);
    for (size_t i = 0; i < out->ref_count; i++) {
        out->refs[i].cert = unpack_u32(u);
        out->refs[i].part = unpack_u8(u);
    }
    return !u->failed;
}

struct recall *recall_new(struct str bytes)
{
    struct recall *r = NEW(struct recall);
    struct unpacker all;

    r->by_path = map_new();
    unpack_init(&all, bytes.ptr, bytes.len);
    while (all.left > 0) {
        struct unpacker u;
        struct str one = unpack_str(&all, RECORD_MAX);
        unpack_init(&u, one.ptr, one.len);
        struct str path = unpack_str(&u, PATH_BYTES);
        if (all.failed || u.failed || path.len == 0) {
            break;
        }
        /* The record begins with the length of its path. */
        (void)map_put(r->by_path, path, (void *)(uintptr_t)one.ptr);
        r->end = (const char *)all.ptr;
    }
    return r;
}

void recall_free(struct recall *r)
{
    if (r != NULL) {
        map_free(r->by_path);
        free(r);
    }
}

bool recall_find(const struct recall *r, struct str path, const struct recall_look *look,
                 struct recall_file *out)
{
    struct unpacker u;
    const char *record = map_get(r->by_path, path);

    if (record == NULL) {
        return false;
    }
    unpack_init(&u, record, (size_t)(r->end - record));
    out->path = unpack_str(&u, PATH_BYTES);
    return take_rest(&u, out) && is_same(&out->look, look);
}
