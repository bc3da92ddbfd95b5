/* SPDX-License-Identifier: MIT */
#include "http/h1_chunk.h"

#include "base/buf.h"
#include "http/h1_write.h"
#include "http_test.h"

struct chunk_case {
    struct str in;
    int err;         /* ERR_EOF: complete; ERR_AGAIN: more is needed */
    struct str data; /* given before that */
    size_t left;     /* bytes behind the end, for ERR_EOF */
};

#define CHUNK(text, err, data, left)                                                               \
    {                                                                                              \
        {text, sizeof(text) - 1}, err, {data, sizeof(data) - 1}, left                              \
    }

static const struct chunk_case cases[] = {
    /* valid */
    CHUNK("0\r\n\r\n", ERR_EOF, "", 0),
    CHUNK("5\r\nhello\r\n0\r\n\r\n", ERR_EOF, "hello", 0),
    CHUNK("5\r\nhello\r\n6\r\n world\r\n0\r\n\r\nGET", ERR_EOF, "hello world", 3),
    CHUNK("A\r\n0123456789\r\n0\r\n\r\n", ERR_EOF, "0123456789", 0),
    CHUNK("a\r\n0123456789\r\n0\r\n\r\n", ERR_EOF, "0123456789", 0),
    CHUNK("0000000000000001\r\nx\r\n00\r\n\r\n", ERR_EOF, "x", 0),
    CHUNK("2\r\n\r\n\r\n0\r\n\r\n", ERR_EOF, "\r\n", 0),
    /* extensions are dropped */
    CHUNK("1;a\r\nx\r\n0;b=c\r\n\r\n", ERR_EOF, "x", 0),
    CHUNK("1 ; a=\"b;c\"\r\nx\r\n0\r\n\r\n", ERR_EOF, "x", 0),
    CHUNK("1\t;a\r\nx\r\n0\r\n\r\n", ERR_EOF, "x", 0),
    CHUNK("1;\r\nx\r\n0\r\n\r\n", ERR_EOF, "x", 0),
    CHUNK("1;a\nx\r\n0\r\n\r\n", ERR_SYNTAX, "", 0),
    CHUNK("1;a\rx\r\n0\r\n\r\n", ERR_SYNTAX, "", 0),
    CHUNK("1;a\0b\r\nx\r\n0\r\n\r\n", ERR_SYNTAX, "", 0),
    CHUNK("1;a\x7f\r\nx\r\n", ERR_SYNTAX, "", 0),
    CHUNK("1;a\x0b\r\nx\r\n", ERR_SYNTAX, "", 0),
    /* the size */
    CHUNK("\r\n", ERR_SYNTAX, "", 0),
    CHUNK(";a\r\n", ERR_SYNTAX, "", 0),
    CHUNK(" 1\r\nx\r\n", ERR_SYNTAX, "", 0),
    CHUNK("1 \r\nx\r\n", ERR_SYNTAX, "", 0),
    CHUNK("1 x\r\n", ERR_SYNTAX, "", 0),
    CHUNK("+1\r\nx\r\n", ERR_SYNTAX, "", 0),
    CHUNK("-1\r\nx\r\n", ERR_SYNTAX, "", 0),
    CHUNK("0x1\r\nx\r\n", ERR_SYNTAX, "", 0),
    CHUNK("1_0\r\nx\r\n", ERR_SYNTAX, "", 0),
    CHUNK("g\r\n", ERR_SYNTAX, "", 0),
    CHUNK("1.\r\n", ERR_SYNTAX, "", 0),
    CHUNK("1,1\r\n", ERR_SYNTAX, "", 0),
    CHUNK("1\0\r\n", ERR_SYNTAX, "", 0),
    CHUNK("1\nx\n0\n\n", ERR_SYNTAX, "", 0),
    CHUNK("1\rx\r\n", ERR_SYNTAX, "", 0),
    CHUNK("1\r\r\nx\r\n", ERR_SYNTAX, "", 0),
    CHUNK("ffffffffffffffff\r\nabc", ERR_AGAIN, "abc", 0),
    CHUNK("10000000000000000\r\nx", ERR_LIMIT, "", 0),
    CHUNK("00000000000000001\r\nx", ERR_LIMIT, "", 0),
    CHUNK("fffffffffffffffff\r\nx", ERR_LIMIT, "", 0),
    /* behind the data */
    CHUNK("1\r\nxx\r\n0\r\n\r\n", ERR_SYNTAX, "x", 0),
    CHUNK("1\r\nx\n0\r\n\r\n", ERR_SYNTAX, "x", 0),
    CHUNK("1\r\nx\r0\r\n\r\n", ERR_SYNTAX, "x", 0),
    CHUNK("1\r\nx0\r\n\r\n", ERR_SYNTAX, "x", 0),
    CHUNK("1\r\nx\r\n\r\n", ERR_SYNTAX, "x", 0),
    /* trailers */
    CHUNK("0\r\nA: b\r\n\r\n", ERR_EOF, "", 0),
    CHUNK("0\r\nA:\r\nB: \xe4 c\r\n\r\nX", ERR_EOF, "", 1),
    CHUNK("0\r\nContent-Length: 5\r\n\r\n", ERR_EOF, "", 0), /* dropped, never believed */
    CHUNK("0\r\n: b\r\n\r\n", ERR_SYNTAX, "", 0),
    CHUNK("0\r\nA : b\r\n\r\n", ERR_SYNTAX, "", 0),
    CHUNK("0\r\n A: b\r\n\r\n", ERR_SYNTAX, "", 0),
    CHUNK("0\r\nA: b\r\n c\r\n\r\n", ERR_SYNTAX, "", 0),
    CHUNK("0\r\nA\r\n\r\n", ERR_SYNTAX, "", 0),
    CHUNK("0\r\nA: b\n\r\n", ERR_SYNTAX, "", 0),
    CHUNK("0\r\nA: \0\r\n\r\n", ERR_SYNTAX, "", 0),
    CHUNK("0\r\nGET / HTTP/1.1\r\n\r\n", ERR_SYNTAX, "", 0),
    CHUNK("0\r\n\n", ERR_SYNTAX, "", 0),
    CHUNK("0\r\n\rX", ERR_SYNTAX, "", 0),
    CHUNK("0\n\n", ERR_SYNTAX, "", 0),
    /* in the middle */
    CHUNK("", ERR_AGAIN, "", 0),
    CHUNK("5", ERR_AGAIN, "", 0),
    CHUNK("5\r\nhel", ERR_AGAIN, "hel", 0),
    CHUNK("5\r\nhello", ERR_AGAIN, "hello", 0),
    CHUNK("5\r\nhello\r\n", ERR_AGAIN, "hello", 0),
    CHUNK("0\r\n", ERR_AGAIN, "", 0),
    CHUNK("0\r\n\r", ERR_AGAIN, "", 0),
    CHUNK("0\r\nA: b\r\n", ERR_AGAIN, "", 0),
};

/* Feeds `in` in pieces of `piece` bytes; gives the last code and collects the data. */
static int feed(struct h1_chunk *c, struct str in, size_t piece, struct buf *data, size_t *out_used)
{
    size_t used = 0;
    int err = ERR_AGAIN;
    while (used < in.len && (err == OK || err == ERR_AGAIN)) {
        size_t n;
        struct str run;
        err = h1_chunk_decode(c, str_sub(in, used, piece), &n, &run);
        used += n;
        assert_int_equal(buf_append_str(data, run), OK);
        assert_true(err == ERR_AGAIN || err == OK || run.len == 0);
    }
    *out_used = used;
    return err == OK ? ERR_AGAIN : err;
}

static void test_h1_chunk_decodes_in_any_pieces(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        for (size_t piece = 1; piece <= cases[i].in.len + 1; piece++) {
            const struct chunk_case *k = &cases[i];
            struct h1_chunk c;
            struct buf data;
            size_t used;
            h1_chunk_init(&c, NULL);
            buf_init(&data, 4096);
            int err = feed(&c, k->in, piece, &data, &used);
            if (err != k->err) {
                fail_msg("case %zu \"%.*s\" by %zu: got %d, wanted %d", i, STR_FMT(k->in), piece,
                         err, k->err);
            }
            assert_str(buf_str(&data), k->data, "data");
            assert_true(err != ERR_EOF || used == k->in.len - k->left);
            assert_true(err != ERR_AGAIN || used == k->in.len);
            buf_fini(&data);
        }
    }
}

static void test_h1_chunk_keeps_trailers_in_any_pieces(void **state)
{
    (void)state;
    static const struct {
        const char *in;
        const char *kept;
    } table[] = {
        {"0\r\n\r\n", ""},
        {"1\r\nx\r\n0\r\nA: b\r\n\r\nGET", "A: b\r\n"},
        {"0\r\nA:\r\nB: \xe4 c\r\nA:2\r\n\r\n", "A:\r\nB: \xe4 c\r\nA:2\r\n"},
        {"0\r\nA: b\r\n", ""}, /* not complete */
        {"0\r\nA: b\r\nx\r\n\r\n", ""},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct str in = str_of(table[i].in);
        for (size_t piece = 1; piece <= in.len; piece++) {
            struct h1_chunk c;
            struct arena arena;
            struct buf data;
            size_t used;
            arena_init(&arena, 1024);
            buf_init(&data, 4096);
            h1_chunk_init(&c, &arena);
            (void)feed(&c, in, piece, &data, &used);
            assert_str(h1_chunk_trailers(&c), str_of(table[i].kept), "trailers");
            buf_fini(&data);
            arena_fini(&arena);
        }
    }
}

static void test_h1_chunk_keeps_the_longest_trailers(void **state)
{
    (void)state;
    struct h1_chunk c;
    struct arena arena;
    struct buf data;
    struct str line = STR("abc: d\r\n");
    size_t used;
    arena_init(&arena, 1024);
    buf_init(&data, 16);
    h1_chunk_init(&c, &arena);
    assert_int_equal(feed(&c, STR("0\r\n"), 3, &data, &used), ERR_AGAIN);
    for (size_t i = 0; i < H1_CHUNK_TRAILER_MAX / line.len; i++) {
        assert_int_equal(feed(&c, line, line.len, &data, &used), ERR_AGAIN);
    }
    assert_int_equal(feed(&c, STR("\r\n"), 2, &data, &used), ERR_EOF);
    struct str all = h1_chunk_trailers(&c);
    assert_int_equal(all.len, H1_CHUNK_TRAILER_MAX);
    for (size_t at = 0; at < all.len; at += line.len) {
        assert_str(str_sub(all, at, line.len), line, "line");
    }
    buf_fini(&data);
    arena_fini(&arena);
}

static void test_h1_chunk_stays_at_its_end(void **state)
{
    (void)state;
    struct h1_chunk c;
    struct str run;
    size_t used;
    h1_chunk_init(&c, NULL);
    assert_int_equal(h1_chunk_decode(&c, STR("0\r\n\r\n"), &used, &run), ERR_EOF);
    assert_int_equal(h1_chunk_decode(&c, STR("5\r\n"), &used, &run), ERR_EOF);
    assert_int_equal(used, 0);
    h1_chunk_init(&c, NULL);
    assert_int_equal(h1_chunk_decode(&c, STR("x"), &used, &run), ERR_SYNTAX);
    assert_int_equal(h1_chunk_decode(&c, STR("0\r\n\r\n"), &used, &run), ERR_SYNTAX);
    h1_chunk_init(&c, NULL);
    assert_int_equal(h1_chunk_decode(&c, STR("00000000000000000"), &used, &run), ERR_LIMIT);
    assert_int_equal(h1_chunk_decode(&c, STR("0\r\n\r\n"), &used, &run), ERR_LIMIT);
}

/* `count` times `part`, with `head` in front. */
static int flood(struct str head, struct str part, size_t count)
{
    struct h1_chunk c;
    struct buf data;
    size_t used;
    h1_chunk_init(&c, NULL);
    buf_init(&data, 1 << 20);
    int err = feed(&c, head, head.len, &data, &used);
    for (size_t i = 0; i < count && err == ERR_AGAIN; i++) {
        err = feed(&c, part, part.len, &data, &used);
    }
    buf_fini(&data);
    return err;
}

static void test_h1_chunk_bounds_what_carries_nothing(void **state)
{
    (void)state;
    /* one chunk's extension */
    assert_int_equal(flood(STR("1;"), STR("a"), H1_CHUNK_EXT_MAX), ERR_AGAIN);
    assert_int_equal(flood(STR("1;"), STR("a"), H1_CHUNK_EXT_MAX + 1), ERR_LIMIT);
    assert_int_equal(flood(STR("1"), STR(" "), H1_CHUNK_EXT_MAX + 2), ERR_LIMIT);
    /* the trailer section */
    assert_int_equal(flood(STR("0\r\n"), STR("abc: d\r\n"), H1_CHUNK_TRAILER_MAX / 8), ERR_AGAIN);
    assert_int_equal(flood(STR("0\r\n"), STR("abc: d\r\n"), H1_CHUNK_TRAILER_MAX / 8 + 1),
                     ERR_LIMIT);
    /* tiny chunks are lawful, tiny chunks with long extensions are a flood */
    assert_int_equal(flood(STR(""), STR("1\r\nx\r\n"), 100000), ERR_AGAIN);
    assert_int_equal(flood(STR(""), STR("1;aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\nx\r\n"), 100000),
                     ERR_LIMIT);
    /* what a normal sender with small extensions does goes on for ever */
    assert_int_equal(flood(STR(""), STR("1;sig=1234567\r\nx\r\n"), 50000), ERR_AGAIN);
}

static void test_h1_write_chunk_head_is_read_back(void **state)
{
    (void)state;
    static const size_t sizes[] = {1,          9,           10,        15,      16,
                                   255,        256,         4095,      65535,   65536,
                                   0x7fffffff, 0xfffffffff, 1ul << 60, SIZE_MAX};
    for (size_t i = 0; i < COUNT(sizes); i++) {
        char head[H1_CHUNK_HEAD_MAX];
        char wanted[H1_CHUNK_HEAD_MAX + 4];
        size_t len = h1_write_chunk_head(head, sizes[i]);
        int n = snprintf(wanted, sizeof(wanted), "%zx\r\n", sizes[i]);
        assert_str(str_n(head, len), str_n(wanted, (size_t)n), "head");
        struct h1_chunk c;
        struct str run;
        size_t used;
        h1_chunk_init(&c, NULL);
        assert_int_equal(h1_chunk_decode(&c, str_n(head, len), &used, &run), ERR_AGAIN);
        assert_int_equal(c.left, sizes[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_h1_chunk_decodes_in_any_pieces),
        cmocka_unit_test(test_h1_chunk_keeps_trailers_in_any_pieces),
        cmocka_unit_test(test_h1_chunk_keeps_the_longest_trailers),
        cmocka_unit_test(test_h1_chunk_stays_at_its_end),
        cmocka_unit_test(test_h1_chunk_bounds_what_carries_nothing),
        cmocka_unit_test(test_h1_write_chunk_head_is_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
