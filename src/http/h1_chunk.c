/* SPDX-License-Identifier: MIT */
#include "http/h1_chunk.h"

#include "http/chars.h"

#define DIGITS_MAX 16

/* Framing above what a chunk may cost and its data earn; more is a flood of bytes that carry
 * nothing (long extensions on tiny chunks). */
#define OVERHEAD_MAX       (16 * 1024)
#define OVERHEAD_PER_CHUNK 16

#define KEPT_FIRST 256

enum chunk_state {
    CHUNK_SIZE,
    CHUNK_SPACE, /* white space behind the size: a ";" must follow */
    CHUNK_EXT,
    CHUNK_SIZE_LF,
    CHUNK_DATA,
    CHUNK_DATA_CR,
    CHUNK_DATA_LF,
    CHUNK_TRAILER_START,
    CHUNK_TRAILER_NAME,
    CHUNK_TRAILER_VALUE,
    CHUNK_TRAILER_LF,
    CHUNK_END_LF,
    CHUNK_DONE,
    CHUNK_BAD,   /* ERR_SYNTAX from now on */
    CHUNK_LIMIT, /* ERR_LIMIT from now on */
};

void h1_chunk_init(struct h1_chunk *c, struct arena *arena)
{
    *c = (struct h1_chunk){.state = CHUNK_SIZE, .arena = arena};
}

static int to(struct h1_chunk *c, enum chunk_state state)
{
    c->state = (uint8_t)state;
    return OK;
}

static int bad(struct h1_chunk *c)
{
    c->state = CHUNK_BAD;
    return ERR_SYNTAX;
}

static int over(struct h1_chunk *c)
{
    c->state = CHUNK_LIMIT;
    return ERR_LIMIT;
}

static int expect(struct h1_chunk *c, char got, char wanted, enum chunk_state next)
{
    return got == wanted ? to(c, next) : bad(c);
}

/* chunk-size = 1*HEXDIG: no sign, no "0x", nothing around it. */
static int on_size(struct h1_chunk *c, char b)
{
    if (chars_is(b, CHARS_HEX)) {
        if (c->digits == DIGITS_MAX) {
            return over(c);
        }
        c->digits++;
        c->left = c->left << 4 | chars_hex(b);
        return OK;
    }
    if (c->digits == 0) {
        return bad(c);
    }
    switch (b) {
    case '\r': return to(c, CHUNK_SIZE_LF);
    case ';': return to(c, CHUNK_EXT);
    case ' ':
    case '\t': return to(c, CHUNK_SPACE);
    default: return bad(c);
    }
}

/* BWS before the ";" of an extension. */
static int on_space(struct h1_chunk *c, char b)
{
    if (++c->line_bytes > H1_CHUNK_EXT_MAX) {
        return over(c);
    }
    if (b == ' ' || b == '\t') {
        return OK;
    }
    return expect(c, b, ';', CHUNK_EXT);
}

static int on_ext(struct h1_chunk *c, char b)
{
    if (b == '\r') {
        return to(c, CHUNK_SIZE_LF);
    }
    if (!chars_is(b, CHARS_VALUE)) {
        return bad(c);
    }
    return ++c->line_bytes > H1_CHUNK_EXT_MAX ? over(c) : OK;
}

/* The chunk's line is complete: its cost is added up, its data pays back. */
static int on_size_lf(struct h1_chunk *c, char b)
{
    if (b != '\n') {
        return bad(c);
    }
    uint64_t cost = (uint64_t)c->overhead + c->digits + c->line_bytes + 4;
    uint64_t earned = c->left > OVERHEAD_MAX ? OVERHEAD_MAX : 2 * c->left;
    earned += OVERHEAD_PER_CHUNK;
    c->overhead = (uint32_t)(cost > earned ? cost - earned : 0);
    c->digits = 0;
    c->line_bytes = 0;
    if (c->overhead > OVERHEAD_MAX) {
        return over(c);
    }
    return to(c, c->left > 0 ? CHUNK_DATA : CHUNK_TRAILER_START);
}

/* Byte number line_bytes of the trailer section. */
static void keep(struct h1_chunk *c, char b)
{
    if (c->arena == NULL) {
        return;
    }
    if (c->line_bytes > c->kept_cap) {
        uint32_t cap = c->kept_cap == 0 ? KEPT_FIRST : 2 * c->kept_cap;
        char *kept = arena_alloc(c->arena, cap);
        if (c->kept_cap > 0) {
            memcpy(kept, c->kept, c->kept_cap);
        }
        c->kept = kept;
        c->kept_cap = cap;
    }
    c->kept[c->line_bytes - 1] = b;
}

/* Trailers are of the field grammar, or the peer means something else than we do. */
static int on_trailer(struct h1_chunk *c, char b)
{
    if (c->state == CHUNK_TRAILER_START && b == '\r') {
        return to(c, CHUNK_END_LF);
    }
    if (++c->line_bytes > H1_CHUNK_TRAILER_MAX) {
        return over(c);
    }
    keep(c, b);
    if (c->state == CHUNK_TRAILER_LF) {
        return expect(c, b, '\n', CHUNK_TRAILER_START);
    }
    if (c->state == CHUNK_TRAILER_VALUE) {
        if (b == '\r') {
            return to(c, CHUNK_TRAILER_LF);
        }
        return chars_is(b, CHARS_VALUE) ? OK : bad(c);
    }
    if (chars_is(b, CHARS_TOKEN)) {
        return to(c, CHUNK_TRAILER_NAME);
    }
    if (c->state == CHUNK_TRAILER_START) {
        return bad(c); /* obs-fold, or a field without a name */
    }
    return expect(c, b, ':', CHUNK_TRAILER_VALUE);
}

/* One byte of framing; ERR_EOF behind the last. */
static int step(struct h1_chunk *c, char b)
{
    switch ((enum chunk_state)c->state) {
    case CHUNK_SIZE: return on_size(c, b);
    case CHUNK_SPACE: return on_space(c, b);
    case CHUNK_EXT: return on_ext(c, b);
    case CHUNK_SIZE_LF: return on_size_lf(c, b);
    case CHUNK_DATA_CR: return expect(c, b, '\r', CHUNK_DATA_LF);
    case CHUNK_DATA_LF: return expect(c, b, '\n', CHUNK_SIZE);
    case CHUNK_TRAILER_START:
    case CHUNK_TRAILER_NAME:
    case CHUNK_TRAILER_VALUE:
    case CHUNK_TRAILER_LF: return on_trailer(c, b);
    case CHUNK_END_LF:
        if (b != '\n') {
            return bad(c);
        }
        c->state = CHUNK_DONE;
        return ERR_EOF;
    case CHUNK_DATA:
    case CHUNK_DONE:
    case CHUNK_BAD:
    case CHUNK_LIMIT: break;
    }
    return bad(c);
}

/* The states that are an answer by themselves; OK for the others. */
static int ended(const struct h1_chunk *c)
{
    if (c->state == CHUNK_DONE) {
        return ERR_EOF;
    }
    if (c->state == CHUNK_BAD) {
        return ERR_SYNTAX;
    }
    return c->state == CHUNK_LIMIT ? ERR_LIMIT : OK;
}

int h1_chunk_decode(struct h1_chunk *c, struct str in, size_t *out_used, struct str *out_data)
{
    *out_used = 0;
    *out_data = str_n(in.ptr, 0);
    int err = ended(c);
    size_t i = 0;
    while (err == OK && i < in.len && c->state != CHUNK_DATA) {
        err = step(c, in.ptr[i++]);
    }
    *out_used = i;
    if (err != OK) {
        return err;
    }
    if (i == in.len) {
        return ERR_AGAIN;
    }
    size_t n = in.len - i < c->left ? in.len - i : (size_t)c->left;
    c->left -= n;
    if (c->left == 0) {
        c->state = CHUNK_DATA_CR;
    }
    *out_data = str_n(in.ptr + i, n);
    *out_used = i + n;
    return OK;
}

struct str h1_chunk_trailers(const struct h1_chunk *c)
{
    bool has = c->state == CHUNK_DONE && c->kept != NULL;
    return has ? str_n(c->kept, c->line_bytes) : STR("");
}
