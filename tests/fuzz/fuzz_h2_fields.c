/* SPDX-License-Identifier: MIT */
/*
 * Field lists of HTTP/2 over any bytes: whatever is taken as a message and goes on as HTTP/1 parses
 * back there to the same message with the same body length. So no list of fields can become two
 * requests, or one of another length, at a service (HTTP/2 downgrade).
 *
 * The first byte: 1: a response, 2: trailers, 4: the end of the stream comes with the list. Then
 * fields: two bytes of lengths, name, value.
 */
#include "fuzz_http.h"

#include "base/arena.h"
#include "base/buf.h"
#include "http/forwarded.h"
#include "http/framing.h"
#include "http/h1_write.h"
#include "http/h2_fields.h"
#include "http/hop.h"
#include "http/target.h"
#include "http/trailer.h"

enum { IS_RESPONSE = 1, IS_TRAILERS = 2, HAS_ENDED = 4 };

static bool take(struct str *in, size_t n, struct str *out)
{
    if (in->len < n) {
        return false;
    }
    *out = str_sub(*in, 0, n);
    *in = str_from(*in, n);
    return true;
}

static void add_fields(struct h2_head *h, struct str in)
{
    struct str lengths;
    struct str name;
    struct str value;
    while (take(&in, 2, &lengths) && take(&in, (uint8_t)lengths.ptr[0], &name) &&
           take(&in, (uint8_t)lengths.ptr[1], &value)) {
        h2_head_add(h, name, value);
    }
}

/* As the server frames it: a length is kept, and without one the end says where the body ends. */
static struct body body_of(const struct h2_head *h, bool ended)
{
    if (ended || (h->has_length && h->length == 0)) {
        return (struct body){BODY_NONE, 0};
    }
    return h->has_length ? (struct body){BODY_LENGTH, h->length} : (struct body){BODY_CHUNKED, 0};
}

/* For what is read again: with room for the fields that the data path adds. */
static struct h1_limits limits_again(void)
{
    return (struct h1_limits){FUZZ_HEAD_MAX, FUZZ_FIELDS_MAX + 8};
}

/* The one head in `wire`, and nothing behind it. */
static struct str whole_head(const struct buf *wire, struct arena *arena)
{
    size_t scan = 0;
    size_t len = 0;
    REQUIRE(h1_find_head(buf_str(wire), FUZZ_HEAD_MAX, &scan, &len) == OK);
    REQUIRE(len == buf_len(wire));
    return arena_dup(arena, buf_str(wire));
}

static void check_request(struct h2_head *h, bool ended)
{
    const struct h1_limits limits = limits_again();
    struct message *m = h->m;
    struct message again;
    struct target target;
    struct target target_again;
    struct hop hop;
    enum why why = WHY_OK;
    if (target_parse(m, m->arena, &target, &why) != OK) {
        REQUIRE(why_status(why) >= 400);
        return;
    }
    struct body body = body_of(h, ended);
    hop_strip(m, &hop);
    REQUIRE(hop.upgrade.len == 0); /* RFC 9113 section 8.2.2: there is none in HTTP/2 */
    struct forwarded f = {.client = STR("127.0.0.1"), .tls = true, .host = target.authority};
    forwarded_apply(m, &f);
    m->target = arena_printf(m->arena, "%.*s%.*s", STR_FMT(target.path), STR_FMT(target.query));

    struct buf wire;
    struct body body_again;
    buf_init(&wire, FUZZ_HEAD_MAX);
    REQUIRE(h1_write_request(&wire, m, body, STR("")) == OK);
    message_init(&again, m->arena);
    REQUIRE(h1_parse_request(whole_head(&wire, m->arena), &limits, &again, &why) == OK);
    REQUIRE(framing_request(&again, &body_again, &why) == OK);
    REQUIRE(body_again.kind == body.kind && body_again.length == body.length);
    REQUIRE(str_eq(again.method_text, m->method_text) && str_eq(again.target, m->target));
    fuzz_same_fields(m, &again);
    REQUIRE(target_parse(&again, m->arena, &target_again, &why) == OK);
    REQUIRE(str_eq(target.host, target_again.host) && str_eq(target.match, target_again.match));
    buf_fini(&wire);
}

static void check_response(struct h2_head *h, bool ended)
{
    const struct h1_limits limits = limits_again();
    struct message *m = h->m;
    struct message again;
    struct hop hop;
    struct buf wire;
    struct body body_again;
    enum why why = WHY_OK;
    struct h1_response_opts opts = {.body = body_of(h, ended)};
    REQUIRE(m->status >= 100 && m->status < 600 && m->status != 101);
    hop_strip(m, &hop);
    buf_init(&wire, FUZZ_HEAD_MAX);
    REQUIRE(h1_write_response(&wire, m, &opts) == OK);
    message_init(&again, m->arena);
    REQUIRE(h1_parse_response(whole_head(&wire, m->arena), &limits, &again, &why) == OK);
    REQUIRE(framing_response(&again, METHOD_GET, false, &body_again, &why) == OK);
    REQUIRE(again.status == m->status);
    fuzz_same_fields(m, &again);
    buf_fini(&wire);
}

static void check_trailers(const struct message *m)
{
    for (size_t i = 0; i < m->field_count; i++) {
        REQUIRE(field_is_token(m->fields[i].name) && field_is_value(m->fields[i].value));
        REQUIRE(trailer_is_allowed(m->fields[i].name));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct h1_limits limits = fuzz_limits();
    struct arena arena;
    struct message m;
    struct h2_head h;
    if (size < 1 || size > FUZZ_HEAD_MAX / 4) {
        return 0;
    }
    enum h2_head_kind kind = (data[0] & IS_RESPONSE) != 0   ? H2_HEAD_RESPONSE
                             : (data[0] & IS_TRAILERS) != 0 ? H2_HEAD_TRAILERS
                                                            : H2_HEAD_REQUEST;
    arena_init(&arena, 8192);
    message_init(&m, &arena);
    h2_head_init(&h, kind, &m, &limits);
    add_fields(&h, str_n((const char *)data + 1, size - 1));
    int err = h2_head_end(&h);
    if (err == OK) {
        bool ended = (data[0] & HAS_ENDED) != 0;
        switch (kind) {
        case H2_HEAD_REQUEST: check_request(&h, ended); break;
        case H2_HEAD_RESPONSE: check_response(&h, ended); break;
        case H2_HEAD_TRAILERS: check_trailers(&m); break;
        }
    } else {
        REQUIRE(err == ERR_LIMIT || err == ERR_PROTOCOL);
        REQUIRE(kind == H2_HEAD_RESPONSE || h.malformed != WHY_OK || err == ERR_LIMIT);
    }
    arena_fini(&arena);
    return 0;
}
