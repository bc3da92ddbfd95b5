/* SPDX-License-Identifier: MIT */
/* The reader of binary records: any sequence of reads over any bytes stays inside them. */
#include <stdint.h>
#include <stdlib.h>

#include "base/pack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define STEPS 16

/* What one read gave, packed again; together the bytes must be those that were read. */
static void copy_one(uint8_t kind, struct unpacker *u, struct packer *p)
{
    switch (kind % 5) {
    case 0: pack_u8(p, unpack_u8(u)); break;
    case 1: pack_u16(p, unpack_u16(u)); break;
    case 2: pack_u32(p, unpack_u32(u)); break;
    case 3: pack_u64(p, unpack_u64(u)); break;
    default: pack_str(p, unpack_str(u, 4096)); break;
    }
}

/* The first 16 bytes say what is read, the rest is read. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf out;
    struct packer p;
    struct unpacker u;
    size_t good = 0;

    if (size < STEPS) {
        return 0;
    }
    /* A copy of its own, so that a read past the end is seen. */
    size_t len = size - STEPS;
    uint8_t *record = malloc(len == 0 ? 1 : len);
    REQUIRE(record != NULL);
    memcpy(record, data + STEPS, len);
    buf_init(&out, 1 << 20);
    pack_init(&p, &out);
    unpack_init(&u, record, len);
    for (size_t i = 0; i < STEPS; i++) {
        copy_one(data[i], &u, &p);
        if (u.failed) {
            break;
        }
        good = buf_len(&out);
    }
    REQUIRE(!p.failed);
    REQUIRE(good <= len);
    REQUIRE(good == 0 || memcmp(buf_ptr(&out), record, good) == 0);
    REQUIRE(unpack_done(&u) == (!u.failed && good == len));
    buf_fini(&out);
    free(record);
    return 0;
}
