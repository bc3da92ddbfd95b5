/* SPDX-License-Identifier: MIT */
/*
 * Targets over any bytes: "FLAGS TARGET\nHOST". What is accepted is a clean origin-form that is
 * accepted again with the same meaning, and the path for matching is in normal form.
 */
#include "fuzz_http.h"

#include "base/arena.h"
#include "http/target.h"

static void make_request(struct message *m, struct arena *arena, struct str target, struct str host)
{
    message_init(m, arena);
    m->method_text = STR("GET");
    m->method = METHOD_GET;
    m->target = target;
    message_add(m, STR("Host"), host);
}

/* "/" in front, no empty and no dot segments. */
static void check_normal(struct str path)
{
    struct str segment;

    REQUIRE(path.len > 0 && path.ptr[0] == '/');
    REQUIRE(memchr(path.ptr, '\0', path.len) == NULL);
    struct str rest = str_from(path, 1);
    while (rest.len > 0 && str_next(&rest, '/', &segment)) {
        REQUIRE(segment.len > 0);
        REQUIRE(!str_eq(segment, STR(".")) && !str_eq(segment, STR("..")));
    }
}

/* Normal form is a fixed point; "%" is encoded once more because decoding made it. */
static void check_fixed_point(struct str path, struct arena *arena)
{
    struct str again;
    char *encoded = (char *)arena_alloc(arena, path.len * 3);
    size_t len = 0;

    for (size_t i = 0; i < path.len; i++) {
        encoded[len++] = path.ptr[i];
        if (path.ptr[i] == '%') {
            encoded[len++] = '2';
            encoded[len++] = '5';
        }
    }
    REQUIRE(target_normalise(str_n(encoded, len), arena, &again) == OK);
    REQUIRE(str_eq(again, path));
}

static void check_host(const struct target *t, struct arena *arena)
{
    struct str host;
    uint16_t port;

    for (size_t i = 0; i < t->host.len; i++) {
        REQUIRE(t->host.ptr[i] == chr_lower(t->host.ptr[i]) && t->host.ptr[i] > ' ');
    }
    if (t->authority.len > 0) {
        REQUIRE(target_host(t->authority, arena, &host, &port) == OK);
        REQUIRE(str_eq(host, t->host) && port == t->port);
    }
}

/* What is forwarded means the same to the next reader. */
static void check_forwarded(const struct target *t, struct arena *arena)
{
    struct message m;
    struct target again;
    enum why why;

    if (str_eq(t->path, STR("*")) || t->authority.len == 0) {
        return;
    }
    make_request(&m, arena, arena_printf(arena, "%.*s%.*s", STR_FMT(t->path), STR_FMT(t->query)),
                 t->authority);
    REQUIRE(target_parse(&m, arena, &again, &why) == OK);
    REQUIRE(str_eq(again.host, t->host) && again.port == t->port);
    REQUIRE(str_eq(again.path, t->path) && str_eq(again.query, t->query));
    REQUIRE(str_eq(again.match, t->match));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1) {
        return 0;
    }
    struct str host = str_n((const char *)data + 1, size - 1), text;
    struct arena arena;
    struct message m;
    struct target t;
    enum why why = WHY_OK;

    if (!str_next(&host, '\n', &text)) {
        return 0;
    }
    arena_init(&arena, 8192);
    make_request(&m, &arena, text, host);
    m.version = (data[0] & 1) != 0 ? HTTP_1_0 : HTTP_1_1;
    m.method = (data[0] & 2) != 0 ? METHOD_OPTIONS : METHOD_GET;
    if ((data[0] & 4) != 0) {
        message_remove(&m, FIELD_HOST);
    }
    if (target_parse(&m, &arena, &t, &why) == OK) {
        check_normal(t.match);
        check_fixed_point(t.match, &arena);
        check_host(&t, &arena);
        check_forwarded(&t, &arena);
    } else {
        REQUIRE(why == WHY_BAD_HOST || why == WHY_BAD_TARGET);
    }
    arena_fini(&arena);
    return 0;
}
