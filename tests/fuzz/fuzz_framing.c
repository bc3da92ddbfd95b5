/* SPDX-License-Identifier: MIT */
/*
 * Body lengths over any fields: "FLAGS STATUS FIELDS". Whatever is accepted has one reading only:
 * the invariants of RFC 9112 section 6 are checked against a count made here.
 */
#include "fuzz_http.h"

#include "base/arena.h"
#include "http/framing.h"

enum { IS_OLD = 1, IS_HEAD = 2, IS_UPGRADE = 4 };

/* One reading only: at most one framing field, and it says exactly this. */
static void check_claim(const struct message *m, struct body body)
{
    const struct field *length = message_find(m, FIELD_CONTENT_LENGTH);
    const struct field *coding = message_find(m, FIELD_TRANSFER_ENCODING);

    REQUIRE(message_count(m, FIELD_CONTENT_LENGTH) + message_count(m, FIELD_TRANSFER_ENCODING) <=
            1);
    REQUIRE(coding == NULL || m->version == HTTP_1_1);
    REQUIRE(coding == NULL || str_ieq(coding->value, STR("chunked")));
    REQUIRE(body.kind != BODY_CHUNKED || coding != NULL);
    REQUIRE((body.kind == BODY_LENGTH) == (body.length > 0));
    if (length != NULL) {
        uint64_t n;
        REQUIRE(str_to_u64(length->value, INT64_MAX, &n) == OK);
        REQUIRE(body.kind != BODY_LENGTH || body.length == n);
    } else {
        REQUIRE(body.kind != BODY_LENGTH);
    }
}

static void check_request(struct message *m)
{
    struct body body;
    enum why why = WHY_OK;
    bool has_coding = message_find(m, FIELD_TRANSFER_ENCODING) != NULL;

    if (framing_request(m, &body, &why) == OK) {
        check_claim(m, body);
        REQUIRE(body.kind != BODY_UNTIL_CLOSE && body.kind != BODY_TUNNEL);
        REQUIRE(has_coding == (body.kind == BODY_CHUNKED));
    } else {
        REQUIRE(why == WHY_BAD_FRAMING || (why == WHY_TRANSFER_CODING && has_coding));
    }
}

static void check_response(struct message *m, uint8_t flags)
{
    enum http_method method = (flags & IS_HEAD) != 0 ? METHOD_HEAD : METHOD_GET;
    bool asked = (flags & IS_UPGRADE) != 0;
    bool is_bare = m->status < 200 || m->status == 204 || m->status == 304 || method == METHOD_HEAD;
    struct body body;
    enum why why = WHY_OK;

    if (framing_response(m, method, asked, &body, &why) != OK) {
        REQUIRE(why == WHY_UPSTREAM_BAD_FRAMING || why == WHY_UPSTREAM_BAD_UPGRADE);
        return;
    }
    check_claim(m, body);
    REQUIRE((body.kind == BODY_TUNNEL) == (m->status == 101));
    REQUIRE(body.kind != BODY_TUNNEL || asked);
    REQUIRE(!is_bare || body.kind == BODY_NONE || body.kind == BODY_TUNNEL);
    REQUIRE(is_bare || body.kind != BODY_UNTIL_CLOSE ||
            (message_find(m, FIELD_CONTENT_LENGTH) == NULL &&
             message_find(m, FIELD_TRANSFER_ENCODING) == NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint16_t statuses[] = {100, 101, 103, 200, 204, 205, 301, 304, 404, 500};
    const struct h1_limits limits = fuzz_limits();
    struct arena arena;
    struct message m;
    enum why why;

    if (size < 2) {
        return 0;
    }
    struct str fields = str_n((const char *)data + 2, size - 2);
    struct str line =
        (data[0] & IS_OLD) != 0 ? STR("GET / HTTP/1.0\r\n") : STR("GET / HTTP/1.1\r\n");
    arena_init(&arena, 8192);
    char *head = (char *)arena_alloc(&arena, line.len + fields.len + 4);
    memcpy(head, line.ptr, line.len);
    memcpy(head + line.len, fields.ptr, fields.len);
    memcpy(head + line.len + fields.len, "\r\n\r\n", 4);
    message_init(&m, &arena);
    if (h1_parse_request(str_n(head, line.len + fields.len + 4), &limits, &m, &why) == OK) {
        check_request(&m);
        m.status = statuses[data[1] % (sizeof(statuses) / sizeof(statuses[0]))];
        check_response(&m, data[0]);
    }
    arena_fini(&arena);
    return 0;
}
