/* SPDX-License-Identifier: MIT */
/*
 * Bounded writer and reader of small binary records: numbers in little endian, strings with a
 * 32-bit length. Used by the messages between own processes and by the bundle. The reader never
 * reads past its end: after the first failure every further read gives zeros, and pack_done() says
 * whether all was well, so decoders read like a list of fields.
 */
#ifndef HIVEDOOR_BASE_PACK_H
#define HIVEDOOR_BASE_PACK_H

#include "base/buf.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct packer {
    struct buf *out; /* borrowed */
    bool failed;     /* the buffer's limit was reached */
};

void pack_init(struct packer *p, struct buf *out);
void pack_u8(struct packer *p, uint8_t v);
void pack_u16(struct packer *p, uint16_t v);
void pack_u32(struct packer *p, uint32_t v);
void pack_u64(struct packer *p, uint64_t v);
void pack_str(struct packer *p, struct str s);

struct unpacker {
    const uint8_t *ptr; /* borrowed */
    size_t left;
    bool failed;
};

void unpack_init(struct unpacker *u, const void *data, size_t len);
uint8_t unpack_u8(struct unpacker *u);
uint16_t unpack_u16(struct unpacker *u);
uint32_t unpack_u32(struct unpacker *u);
uint64_t unpack_u64(struct unpacker *u);
/* Borrowed from the input; longer than `max` is a failure. */
struct str unpack_str(struct unpacker *u, size_t max);
/* True when nothing failed and nothing is left over. */
bool unpack_done(const struct unpacker *u);

#endif
