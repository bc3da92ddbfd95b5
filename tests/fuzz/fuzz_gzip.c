/* SPDX-License-Identifier: MIT */
/* Compressed in any pieces with any flushes, the bytes that come out unpack to those that went in.
 */
#include "http/gzip.h"

#include <stdint.h>
#include <stdlib.h>
#define ZLIB_CONST /* it reads its input only */
#include <zlib.h>

#include "base/buf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void collect(void *arg, struct str bytes)
{
    REQUIRE(bytes.len > 0);
    REQUIRE(buf_append(arg, bytes.ptr, bytes.len) == OK);
}

static void check_unpacks(const struct buf *packed, struct str plain)
{
    z_stream z = {.next_in = (const Bytef *)buf_ptr(packed), .avail_in = (uInt)buf_len(packed)};
    char *again = malloc(plain.len + 1);
    z.next_out = (Bytef *)again;
    z.avail_out = (uInt)plain.len + 1;
    REQUIRE(inflateInit2(&z, 15 + 16) == Z_OK);
    REQUIRE(inflate(&z, Z_FINISH) == Z_STREAM_END && z.avail_in == 0 && z.avail_out == 1);
    REQUIRE(str_eq(str_n(again, plain.len), plain));
    (void)inflateEnd(&z);
    free(again);
}

/* The first byte says how long pieces are and which of them are flushed. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf out;
    if (size < 1) {
        return 0;
    }
    struct str plain = str_n((const char *)data + 1, size - 1);
    size_t step = (size_t)(data[0] & 0x1f) * 37 + 1;
    buf_init(&out, 16 * size + 1024 * 1024);
    struct gzip *g = gzip_new(collect, &out);
    REQUIRE(g != NULL);
    for (size_t at = 0; at < plain.len; at += step) {
        gzip_write(g, str_sub(plain, at, step));
        if ((data[0] & 0x20) != 0 || (plain.ptr[at] & data[0] >> 6) != 0) {
            gzip_flush(g);
        }
    }
    gzip_end(g);
    gzip_free(g);
    check_unpacks(&out, plain);
    buf_fini(&out);
    return 0;
}
