/* SPDX-License-Identifier: MIT */
#include "http/gzip.h"

#include "base/buf.h"
#include "http_test.h"

#include <stdlib.h>
#define ZLIB_CONST /* it reads its input only */
#include <zlib.h>

#define BIG (300 * 1024)

/* ---- heads ---- */

struct choice {
    const char *request;
    const char *response;
    enum gzip_choice choice;
};

#define GET     "GET / HTTP/1.1\r\n"
#define ASKED   GET "Accept-Encoding: gzip\r\n"
#define PAGE    "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"
#define TYPE(t) "HTTP/1.1 200 OK\r\nContent-Type: " t "\r\n"

static const struct choice choices[] = {
    {ASKED, PAGE, GZIP_TAKES},
    {GET, PAGE, GZIP_VARIES},
    {GET "Accept-Encoding: br, gzip;q=0.5\r\n", PAGE, GZIP_TAKES},
    {GET "Accept-Encoding: br\r\nAccept-Encoding: X-GZIP\r\n", PAGE, GZIP_TAKES},
    {GET "Accept-Encoding: *\r\n", PAGE, GZIP_TAKES},
    {GET "Accept-Encoding: *, gzip;q=0\r\n", PAGE, GZIP_VARIES},
    {GET "Accept-Encoding: gzip;q=0.000\r\n", PAGE, GZIP_VARIES},
    {GET "Accept-Encoding: gzip;q=nonsense\r\n", PAGE, GZIP_VARIES},
    {GET "Accept-Encoding: gzip;q=0.5, identity\r\n", PAGE, GZIP_VARIES},
    {GET "Accept-Encoding: gzip, identity;q=0.5\r\n", PAGE, GZIP_TAKES},
    {GET "Accept-Encoding: br, deflate, gzippy\r\n", PAGE, GZIP_VARIES},
    {GET "Accept-Encoding:\r\n", PAGE, GZIP_VARIES},
    {"GET / HTTP/1.0\r\nAccept-Encoding: gzip\r\n", PAGE, GZIP_VARIES},
    {ASKED, TYPE("application/json; charset=utf-8"), GZIP_TAKES},
    {ASKED, TYPE("APPLICATION/LD+JSON"), GZIP_TAKES},
    {ASKED, TYPE("image/svg+xml"), GZIP_TAKES},
    {ASKED, TYPE("application/manifest+json"), GZIP_TAKES},
    {ASKED, TYPE("text/event-stream"), GZIP_NEVER},
    {ASKED, TYPE("text/event-stream; charset=utf-8"), GZIP_NEVER},
    {ASKED, TYPE("image/png"), GZIP_NEVER},
    {ASKED, TYPE("application/grpc"), GZIP_NEVER},
    {ASKED, TYPE("text/"), GZIP_NEVER},
    {ASKED, "HTTP/1.1 200 OK\r\n", GZIP_NEVER},
    {ASKED, PAGE "Content-Encoding: br\r\n", GZIP_NEVER},
    {ASKED, PAGE "content-encoding: identity\r\n", GZIP_NEVER},
    {ASKED, PAGE "Cache-Control: public, no-transform\r\n", GZIP_NEVER},
    {ASKED, PAGE "Cache-Control: no-store\r\n", GZIP_TAKES},
    {ASKED, PAGE "Content-Range: bytes 0-1/2\r\n", GZIP_NEVER},
    {ASKED, PAGE "Content-Digest: sha-256=:x:\r\n", GZIP_NEVER},
    {ASKED, "HTTP/1.1 206 Partial\r\nContent-Type: text/html\r\n", GZIP_NEVER},
    {ASKED, "HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\n", GZIP_NEVER},
    {ASKED, "HTTP/1.1 201 Created\r\nContent-Type: text/html\r\n", GZIP_TAKES},
};

static void test_gzip_chooses(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(choices); i++) {
        struct arena arena;
        struct message request;
        struct message response;
        arena_init(&arena, 4096);
        make_message(&request, &arena, choices[i].request, false);
        make_message(&response, &arena, choices[i].response, true);
        struct body body = {.kind = BODY_CHUNKED};
        if (gzip_choose(&request, &response, body) != choices[i].choice) {
            fail_msg("%s\n%s", choices[i].request, choices[i].response);
        }
        arena_fini(&arena);
    }
}

static void test_gzip_looks_at_the_body(void **state)
{
    static const struct {
        const char *request;
        struct body body;
        enum gzip_choice choice;
    } table[] = {
        {ASKED, {BODY_LENGTH, 255}, GZIP_NEVER},
        {ASKED, {BODY_LENGTH, 256}, GZIP_TAKES},
        {ASKED, {BODY_UNTIL_CLOSE, 0}, GZIP_TAKES},
        {ASKED, {BODY_NONE, 0}, GZIP_NEVER},
        {ASKED, {BODY_TUNNEL, 0}, GZIP_NEVER},
        {"HEAD / HTTP/1.1\r\nAccept-Encoding: gzip\r\n", {BODY_NONE, 0}, GZIP_VARIES},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(table); i++) {
        struct arena arena;
        struct message request;
        struct message response;
        arena_init(&arena, 4096);
        make_message(&request, &arena, table[i].request, false);
        make_message(&response, &arena, PAGE, true);
        assert_int_equal(gzip_choose(&request, &response, table[i].body), table[i].choice);
        arena_fini(&arena);
    }
}

static void test_gzip_changes_the_head(void **state)
{
    static const struct {
        const char *before;
        const char *after;
    } table[] = {
        {PAGE "Content-Length: 300\r\nETag: \"x\"\r\nAccept-Ranges: bytes\r\n",
         "Content-Type: text/html\nETag: W/\"x\"\nContent-Encoding: gzip\nVary: Accept-Encoding\n"},
        {PAGE "ETag: W/\"x\"\r\nVary: Cookie\r\n",
         "Content-Type: text/html\nETag: W/\"x\"\nVary: Cookie\nContent-Encoding: gzip\n"
         "Vary: Accept-Encoding\n"},
        {PAGE "vary: cookie, accept-encoding\r\n",
         "Content-Type: text/html\nvary: cookie, accept-encoding\nContent-Encoding: gzip\n"},
        {PAGE "Vary: *\r\n", "Content-Type: text/html\nVary: *\nContent-Encoding: gzip\n"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(table); i++) {
        struct arena arena;
        struct message m;
        arena_init(&arena, 4096);
        make_message(&m, &arena, table[i].before, true);
        gzip_head(&m);
        assert_str(fields_text(&m), str_of(table[i].after), "head");
        arena_fini(&arena);
    }
}

/* ---- bytes ---- */

static void collect(void *arg, struct str bytes)
{
    assert_int_equal(buf_append(arg, bytes.ptr, bytes.len), OK);
}

/* What a client reads of `packed`; at most `cap` bytes. */
static size_t unpack(const struct buf *packed, char *dst, size_t cap, bool is_whole)
{
    z_stream z = {.next_in = (const Bytef *)buf_ptr(packed), .avail_in = (uInt)buf_len(packed)};
    z.next_out = (Bytef *)dst;
    z.avail_out = (uInt)cap;
    assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
    int rc = inflate(&z, Z_SYNC_FLUSH);
    assert_int_equal(rc, is_whole ? Z_STREAM_END : Z_OK);
    assert_int_equal(z.avail_in, 0);
    (void)inflateEnd(&z);
    return cap - z.avail_out;
}

static void test_gzip_bytes_in_any_pieces(void **state)
{
    static const size_t steps[] = {1, 7, 1000, 16384, 65536, BIG};
    char *plain = malloc(BIG);
    char *again = malloc(BIG + 1);
    (void)state;
    for (size_t i = 0; i < BIG; i++) {
        plain[i] = (char)(i % 3 == 0 ? i * 2654435761U >> 13 : 'a' + i % 26); /* half is noise */
    }
    for (size_t s = 0; s < COUNT(steps); s++) {
        struct buf out;
        buf_init(&out, 16 * BIG);
        struct gzip *g = gzip_new(collect, &out);
        assert_non_null(g);
        for (size_t at = 0; at < BIG; at += steps[s]) {
            gzip_write(g, str_sub(str_n(plain, BIG), at, steps[s]));
            if (at % 5 == 4) {
                gzip_flush(g);
            }
        }
        gzip_end(g);
        gzip_free(g);
        assert_int_equal(unpack(&out, again, BIG + 1, true), BIG);
        assert_memory_equal(plain, again, BIG);
        buf_fini(&out);
    }
    free(plain);
    free(again);
}

static void test_gzip_flush_holds_nothing_back(void **state)
{
    struct buf out;
    char text[64];
    (void)state;
    buf_init(&out, 4096);
    struct gzip *g = gzip_new(collect, &out);
    gzip_write(g, STR("first"));
    assert_int_equal(buf_len(&out), 0);
    gzip_flush(g);
    assert_int_equal(unpack(&out, text, sizeof(text), false), 5);
    size_t len = buf_len(&out);
    gzip_flush(g);
    assert_int_equal(buf_len(&out), len); /* nothing new */
    gzip_write(g, STR(", second"));
    gzip_flush(g);
    assert_int_equal(unpack(&out, text, sizeof(text), false), 13);
    gzip_end(g);
    assert_int_equal(unpack(&out, text, sizeof(text), true), 13);
    gzip_free(g);
    gzip_free(NULL);
    buf_fini(&out);
}

static void test_gzip_nothing_is_a_body_too(void **state)
{
    struct buf out;
    char text[8];
    (void)state;
    buf_init(&out, 4096);
    struct gzip *g = gzip_new(collect, &out);
    gzip_write(g, STR(""));
    gzip_flush(g);
    gzip_end(g);
    assert_int_equal(unpack(&out, text, sizeof(text), true), 0);
    gzip_free(g);
    buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gzip_chooses),
        cmocka_unit_test(test_gzip_looks_at_the_body),
        cmocka_unit_test(test_gzip_changes_the_head),
        cmocka_unit_test(test_gzip_bytes_in_any_pieces),
        cmocka_unit_test(test_gzip_flush_holds_nothing_back),
        cmocka_unit_test(test_gzip_nothing_is_a_body_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
