/* SPDX-License-Identifier: MIT */
/*
 * What a loader leaves to the next one about the files of `certificates:`: what each looked like
 * when it was read, the digest of its bytes, and which certificates and keys of the bundle were in
 * it. A file that still looks the same is not opened again. Private to src/config; loader only.
 *
 * Looks deceive where a file is written twice within the clock's step: one that had changed shortly
 * before it was read is not remembered.
 */
#ifndef HIVEDOOR_SRC_CONFIG_RECALL_H
#define HIVEDOOR_SRC_CONFIG_RECALL_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "tls/tls_digest.h"
#include "tls/tls_match.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

/* Clocks of file servers may be this far apart from ours. */
#define RECALL_FRESH_S 2

/* What a file looks like. */
struct recall_look {
    uint64_t dev;
    uint64_t ino;
    uint64_t size;
    uint64_t modified_ns;
    uint64_t changed_ns;
};

struct recall_file {
    struct str path; /* borrowed */
    struct recall_look look;
    uint8_t digest[TLS_DIGEST_BYTES];
    struct tls_ref refs[TLS_REFS_MAX];
    size_t ref_count;
};

void recall_look_at(const struct stat *st, struct recall_look *out);
/* Whether a file with this look, read at `now_s` (seconds since 1970), can be told from a later one
 * by it. */
bool recall_is_settled(const struct recall_look *look, int64_t now_s);

/* ERR_LIMIT when `out` is full. */
int recall_add(struct buf *out, const struct recall_file *f) MUST_USE;

/* What the last loader left, by path. `bytes` are borrowed until recall_free; nonsense in them is
 * as if it were not there. Never NULL. */
struct recall;
struct recall *recall_new(struct str bytes);
/* Accepts NULL. */
void recall_free(struct recall *r);
/* The file of this path, if it looks like this. */
bool recall_find(const struct recall *r, struct str path, const struct recall_look *look,
                 struct recall_file *out);

#endif
