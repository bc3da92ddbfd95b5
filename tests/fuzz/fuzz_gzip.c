/* SPDX-License-Identifier: MIT */
/* Compressed in any pieces with any flushes, the bytes that come out unpack to those that went in.
 * And whatever stands in the fields that decide, the new head says what caches and clients need. */
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

static bool lists_coding(const struct message *m)
{
    for (size_t i = 0; i < m->field_count; i++) {
        struct str rest = m->fields[i].value;
        struct str element;
        while (str_ieq(m->fields[i].name, STR("Vary")) && field_next_element(&rest, &element)) {
            if (str_eq(element, STR("*")) || str_ieq(element, STR("Accept-Encoding"))) {
                return true;
            }
        }
    }
    return false;
}

/* Lines of the input, in turn, are the values of these fields. */
static void check_head(struct str text)
{
    static const char *const names[] = {"Content-Type", "Cache-Control", "Vary", "ETag",
                                        "Content-Encoding"};
    struct arena arena;
    struct message request;
    struct message response;
    struct str rest = text;
    struct str line = STR("");
    arena_init(&arena, 1024);
    message_init(&request, &arena);
    message_init(&response, &arena);
    request.version = HTTP_1_1;
    response.status = 200;
    (void)str_next(&rest, '\n', &line);
    message_add(&request, STR("Accept-Encoding"), line);
    for (size_t i = 0; i < 16 && rest.len > 0 && str_next(&rest, '\n', &line); i++) {
        message_add(&response, str_of(names[i % 5]), line);
    }
    const struct body body = {.kind = BODY_CHUNKED};
    if (gzip_choose(&request, &response, body) == GZIP_TAKES) {
        gzip_head(&response);
        REQUIRE(lists_coding(&response));
        REQUIRE(gzip_choose(&request, &response, body) == GZIP_NEVER); /* never twice */
        for (size_t i = 0; i < response.field_count; i++) {
            const struct field *f = &response.fields[i];
            REQUIRE(!str_ieq(f->name, STR("ETag")) || !str_starts(f->value, STR("\"")));
        }
    }
    arena_fini(&arena);
}

/* The first byte says how long pieces are and which of them are flushed. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf out;
    if (size < 1) {
        return 0;
    }
    struct str plain = str_n((const char *)data + 1, size - 1);
    check_head(plain);
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
