/* SPDX-License-Identifier: MIT */
#include "base/pack.h"

#include <string.h>

void pack_init(struct packer *p, struct buf *out)
{
    p->out = out;
    p->failed = false;
}

static void put_bytes(struct packer *p, const void *src, size_t n)
{
    if (p->failed) {
        return;
    }
    p->failed = buf_append(p->out, src, n) != OK;
}

static void put_number(struct packer *p, uint64_t v, size_t bytes)
{
    uint8_t raw[8];

    for (size_t i = 0; i < bytes; i++) {
        raw[i] = (uint8_t)(v >> (8 * i));
    }
    put_bytes(p, raw, bytes);
}

void pack_u8(struct packer *p, uint8_t v)
{
    put_number(p, v, 1);
}

void pack_u16(struct packer *p, uint16_t v)
{
    put_number(p, v, 2);
}

void pack_u32(struct packer *p, uint32_t v)
{
    put_number(p, v, 4);
}

void pack_u64(struct packer *p, uint64_t v)
{
    put_number(p, v, 8);
}

void pack_str(struct packer *p, struct str s)
{
    if (s.len > UINT32_MAX) {
        p->failed = true;
        return;
    }
    put_number(p, s.len, 4);
    put_bytes(p, s.ptr, s.len);
}

void unpack_init(struct unpacker *u, const void *data, size_t len)
{
    u->ptr = data;
    u->left = len;
    u->failed = false;
}

/* The next `n` bytes, or NULL and a failure for good. */
static const uint8_t *take(struct unpacker *u, size_t n)
{
    if (u->failed || u->left < n) {
        u->failed = true;
        return NULL;
    }
    const uint8_t *at = u->ptr;
    if (n > 0) {
        u->ptr += n;
        u->left -= n;
    }
    return at;
}

static uint64_t take_number(struct unpacker *u, size_t bytes)
{
    const uint8_t *at = take(u, bytes);
    uint64_t v = 0;

    if (at == NULL) {
        return 0;
    }
    for (size_t i = 0; i < bytes; i++) {
        v |= (uint64_t)at[i] << (8 * i);
    }
    return v;
}

uint8_t unpack_u8(struct unpacker *u)
{
    return (uint8_t)take_number(u, 1);
}

uint16_t unpack_u16(struct unpacker *u)
{
    return (uint16_t)take_number(u, 2);
}

uint32_t unpack_u32(struct unpacker *u)
{
    return (uint32_t)take_number(u, 4);
}

uint64_t unpack_u64(struct unpacker *u)
{
    return take_number(u, 8);
}

struct str unpack_str(struct unpacker *u, size_t max)
{
    size_t len = unpack_u32(u);

    if (len > max) {
        u->failed = true;
    }
    const uint8_t *at = take(u, len);
    if (u->failed || at == NULL) {
        return STR("");
    }
    return str_n((const char *)at, len);
}

bool unpack_done(const struct unpacker *u)
{
    return !u->failed && u->left == 0;
}
