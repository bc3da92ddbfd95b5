/* SPDX-License-Identifier: MIT */
#include "http/gzip.h"

#include <stdlib.h>
#define ZLIB_CONST /* it reads its input only */
#include <zlib.h>

#include "base/mem.h"

/* ---- what the response says ---- */

/* Text of which a quarter is left; pictures, films and archives are compressed already. An event
 * stream is made of small pieces that must not wait for one another. */
static bool is_compressible(struct str type)
{
    static const char *const types[] = {
        "application/ecmascript",
        "application/javascript",
        "application/json",
        "application/manifest+json",
        "application/rtf",
        "application/vnd.ms-fontobject",
        "application/wasm",
        "application/x-javascript",
        "application/x-ndjson",
        "application/xml",
        "font/otf",
        "font/ttf",
        "image/bmp",
        "image/svg+xml",
        "image/vnd.microsoft.icon",
        "image/x-icon",
    };
    if (type.len > 5 && str_ieq(str_sub(type, 0, 5), STR("text/"))) {
        return !str_ieq(type, STR("text/event-stream"));
    }
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (str_ieq(type, str_of(types[i]))) {
            return true;
        }
    }
    /* RFC 6839 */
    return (type.len > 5 && str_ieq(str_from(type, type.len - 5), STR("+json"))) ||
           (type.len > 4 && str_ieq(str_from(type, type.len - 4), STR("+xml")));
}

static bool is_type(struct str value)
{
    struct str type = value;
    ptrdiff_t end = str_find(value, ';');
    if (end >= 0) {
        type = str_trim(str_sub(value, 0, (size_t)end));
    }
    return is_compressible(type);
}

static bool lists(struct str value, struct str token)
{
    struct str rest = value;
    struct str element;
    while (field_next_element(&rest, &element)) {
        if (str_ieq(element, token)) {
            return true;
        }
    }
    return false;
}

/* Fields of a response that speak against changing its bytes: they are coded already, somebody
 * forbids it (RFC 9111 section 5.2.2.6), or a digest of them stands in the head (RFC 9530). */
static bool forbids(const struct field *f)
{
    static const char *const names[] = {
        "Content-Encoding", "Content-Range", "Content-Digest",
        "Repr-Digest",      "Digest",        "Content-MD5",
    };
    if (str_ieq(f->name, STR("Cache-Control"))) {
        return lists(f->value, STR("no-transform"));
    }
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (str_ieq(f->name, str_of(names[i]))) {
            return true;
        }
    }
    return false;
}

static bool may_change(const struct message *m)
{
    const struct field *type = message_find(m, FIELD_CONTENT_TYPE);
    if (m->status < 200 || m->status > 299 || m->status == 204 || m->status == 205 ||
        m->status == 206 || type == NULL || !is_type(type->value)) {
        return false;
    }
    for (size_t i = 0; i < m->field_count; i++) {
        if (forbids(&m->fields[i])) {
            return false;
        }
    }
    return true;
}

/* ---- what the request says: RFC 9110 section 12.5.3 ---- */

static void weigh(struct str element, struct str coding, unsigned *weight, bool *is_named)
{
    struct str name = element;
    struct str rest = element;
    (void)str_next(&rest, ';', &name);
    if (str_ieq(str_trim(name), coding)) {
        *weight = field_weight(rest);
        *is_named = true;
    }
}

/* gzip is named, or everything is, and the plain form is not asked for more. Without the field any
 * coding would do, but programs that do not send it seldom know how to read one. */
static bool takes_gzip(const struct message *request)
{
    unsigned gzip = 0;
    unsigned any = 0;
    unsigned identity = 0;
    bool is_gzip = false;
    bool is_any = false;
    bool is_identity = false;
    for (size_t i = 0; i < request->field_count; i++) {
        struct str rest = request->fields[i].value;
        struct str element;
        if (!str_ieq(request->fields[i].name, STR("Accept-Encoding"))) {
            continue;
        }
        while (field_next_element(&rest, &element)) {
            weigh(element, STR("gzip"), &gzip, &is_gzip);
            weigh(element, STR("x-gzip"), &gzip, &is_gzip); /* section 8.4.1.3: the same */
            weigh(element, STR("*"), &any, &is_any);
            weigh(element, STR("identity"), &identity, &is_identity);
        }
    }
    gzip = is_gzip ? gzip : any;
    return gzip > 0 && (!is_identity || gzip >= identity);
}

enum gzip_choice gzip_choose(const struct message *request, const struct message *response,
                             struct body body)
{
    bool is_short = body.kind == BODY_LENGTH && body.length < GZIP_BODY_MIN;
    bool is_empty = body.kind == BODY_NONE && request->method != METHOD_HEAD;
    if (body.kind == BODY_TUNNEL || is_short || is_empty || !may_change(response)) {
        return GZIP_NEVER;
    }
    /* HTTP/1.0 has no chunks; there the length would be lost with the connection. */
    bool has_room = body.kind != BODY_NONE && request->version != HTTP_1_0;
    return has_room && takes_gzip(request) ? GZIP_TAKES : GZIP_VARIES;
}

/* ---- the new head ---- */

void gzip_vary(struct message *response)
{
    for (size_t i = 0; i < response->field_count; i++) {
        const struct field *f = &response->fields[i];
        if (str_ieq(f->name, STR("Vary")) &&
            (lists(f->value, STR("*")) || lists(f->value, STR("Accept-Encoding")))) {
            return;
        }
    }
    message_add(response, STR("Vary"), STR("Accept-Encoding"));
}

void gzip_head(struct message *response)
{
    message_remove(response, FIELD_CONTENT_LENGTH);
    for (size_t i = response->field_count; i > 0; i--) {
        struct field *f = &response->fields[i - 1];
        if (str_ieq(f->name, STR("Accept-Ranges"))) {
            message_remove_at(response, i - 1);
        } else if (str_ieq(f->name, STR("ETag")) && str_starts(f->value, STR("\""))) {
            f->value = arena_printf(response->arena, "W/%.*s", STR_FMT(f->value));
        }
    }
    message_add(response, STR("Content-Encoding"), STR("gzip"));
    gzip_vary(response);
}

/* ---- the bytes ---- */

/* Measured on text: above this level each step costs far more time than it saves bytes. */
#define LEVEL 5
/* zlib.h: window and hash tables of 64 kB each, and 16 for the form of RFC 1952. */
#define WINDOW_BITS (14 + 16)
#define MEMORY      7
#define OUT_BYTES   (16 * 1024)
/* zlib counts in an unsigned int. */
#define IN_BYTES_MAX (1U << 30)

struct gzip {
    z_stream z;
    gzip_fn fn;
    void *arg;
    bool is_dirty; /* something was written that may not have come out */
    uint8_t out[OUT_BYTES];
};

struct gzip *gzip_new(gzip_fn fn, void *arg)
{
    struct gzip *g = NEW(struct gzip);
    if (deflateInit2(&g->z, LEVEL, Z_DEFLATED, WINDOW_BITS, MEMORY, Z_DEFAULT_STRATEGY) != Z_OK) {
        free(g);
        return NULL;
    }
    g->fn = fn;
    g->arg = arg;
    g->z.next_out = g->out;
    g->z.avail_out = OUT_BYTES;
    return g;
}

void gzip_free(struct gzip *g)
{
    if (g != NULL) {
        (void)deflateEnd(&g->z);
        free(g);
    }
}

static void hand_out(struct gzip *g)
{
    size_t len = OUT_BYTES - g->z.avail_out;
    g->z.next_out = g->out;
    g->z.avail_out = OUT_BYTES;
    if (len > 0) {
        g->fn(g->arg, str_n((const char *)g->out, len));
    }
}

/* Until all that goes in is in, and what `flush` asks for is out. */
static void run(struct gzip *g, int flush)
{
    int rc;
    bool is_full;
    do {
        rc = deflate(&g->z, flush);
        REQUIRE(rc != Z_STREAM_ERROR);
        is_full = g->z.avail_out == 0;
        if (is_full || flush != Z_NO_FLUSH) {
            hand_out(g);
        }
    } while (is_full || (flush == Z_FINISH && rc != Z_STREAM_END));
}

void gzip_write(struct gzip *g, struct str bytes)
{
    for (size_t at = 0; at < bytes.len; at += IN_BYTES_MAX) {
        struct str part = str_sub(bytes, at, IN_BYTES_MAX);
        g->z.next_in = (const Bytef *)part.ptr;
        g->z.avail_in = (uInt)part.len;
        run(g, Z_NO_FLUSH); /* takes all of it */
        g->is_dirty = true;
    }
}

void gzip_flush(struct gzip *g)
{
    if (g->is_dirty) {
        g->is_dirty = false;
        run(g, Z_SYNC_FLUSH);
    }
}

void gzip_end(struct gzip *g)
{
    run(g, Z_FINISH);
}
