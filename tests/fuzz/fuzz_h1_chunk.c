/* SPDX-License-Identifier: MIT */
/*
 * Chunked bodies over any bytes: however the bytes are cut, the data, the trailers, the result and
 * the place of the end are the same; and data and trailers, encoded by us, decode to themselves.
 * The first byte is the size of the pieces.
 */
#include "fuzz_http.h"

#include "base/buf.h"
#include "http/h1_chunk.h"
#include "http/h1_write.h"
#include "http/trailer.h"

struct result {
    struct buf data;
    struct arena arena;
    struct str trailers;
    int err;
    size_t used;
};

static void fini(struct result *r)
{
    buf_fini(&r->data);
    arena_fini(&r->arena);
}

static void decode(struct str in, size_t piece, struct result *r)
{
    struct h1_chunk c;

    arena_init(&r->arena, 1024);
    h1_chunk_init(&c, &r->arena);
    buf_init(&r->data, in.len + 1);
    r->err = ERR_AGAIN;
    r->used = 0;
    while (r->used < in.len && (r->err == OK || r->err == ERR_AGAIN)) {
        struct str part = str_sub(in, r->used, piece), run;
        size_t n;
        r->err = h1_chunk_decode(&c, part, &n, &run);
        REQUIRE(n <= part.len && run.len <= n);
        REQUIRE(n > 0 || (r->err != OK && r->err != ERR_AGAIN));
        REQUIRE(r->err != ERR_AGAIN || n == part.len);
        REQUIRE(r->err == OK || run.len == 0);
        REQUIRE(run.len == 0 || (run.ptr >= part.ptr && run.ptr + run.len <= part.ptr + n));
        REQUIRE(buf_append_str(&r->data, run) == OK);
        r->used += n;
    }
    r->err = r->err == OK ? ERR_AGAIN : r->err;
    r->trailers = h1_chunk_trailers(&c);
    REQUIRE(r->trailers.len == 0 || r->err == ERR_EOF);
}

/* What the decoder took as trailers is of the grammar; gives those that may go on. */
static void read_trailers(struct str lines, struct message *m, struct arena *arena)
{
    message_init(m, arena);
    REQUIRE(h1_parse_trailers(lines, H1_CHUNK_TRAILER_MAX, m) == OK);
    trailer_filter(m);
}

static void check_encoded(struct str data, size_t piece, struct str lines)
{
    struct result r;
    struct buf out;
    struct arena arena;
    struct message trailers, again;
    char head[H1_CHUNK_HEAD_MAX];

    buf_init(&out, (H1_CHUNK_HEAD_MAX + 4) * (data.len + 2));
    for (size_t at = 0; at < data.len; at += piece) {
        struct str part = str_sub(data, at, piece);
        REQUIRE(buf_append(&out, head, h1_write_chunk_head(head, part.len)) == OK);
        REQUIRE(buf_append_str(&out, part) == OK);
        REQUIRE(buf_append_str(&out, STR("\r\n")) == OK);
    }
    arena_init(&arena, 1024);
    read_trailers(lines, &trailers, &arena);
    out.limit += 2 * H1_CHUNK_TRAILER_MAX; /* "a:b" is written "a: b" */
    REQUIRE(h1_write_trailers(&out, &trailers) == OK);
    decode(buf_str(&out), buf_len(&out), &r);
    REQUIRE(r.err == ERR_EOF && r.used == buf_len(&out));
    REQUIRE(str_eq(buf_str(&r.data), data));
    read_trailers(r.trailers, &again, &arena);
    fuzz_same_fields(&trailers, &again);
    arena_fini(&arena);
    fini(&r);
    buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1) {
        return 0;
    }
    struct str in = str_n((const char *)data + 1, size - 1);
    size_t piece = (size_t)data[0] + 1;
    struct result whole, pieces, bytes;

    decode(in, in.len + 1, &whole);
    decode(in, piece, &pieces);
    decode(in, 1, &bytes);
    REQUIRE(whole.err == pieces.err && whole.err == bytes.err);
    REQUIRE(whole.used == pieces.used && whole.used == bytes.used);
    REQUIRE(str_eq(buf_str(&whole.data), buf_str(&pieces.data)));
    REQUIRE(str_eq(buf_str(&whole.data), buf_str(&bytes.data)));
    REQUIRE(str_eq(whole.trailers, pieces.trailers) && str_eq(whole.trailers, bytes.trailers));
    if (whole.trailers.len < H1_CHUNK_TRAILER_MAX / 2) { /* written, they still are in the bound */
        check_encoded(buf_str(&whole.data), piece, whole.trailers);
    }
    fini(&whole);
    fini(&pieces);
    fini(&bytes);
    return 0;
}
