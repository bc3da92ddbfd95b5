/* SPDX-License-Identifier: MIT */
#include "h2_upgrade.h"

#include "tls/tls_digest.h"

#include <sys/random.h>

#define KEY_BYTES 16
/* RFC 6455 section 1.3. */
#define ACCEPT_SUFFIX "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

/* RFC 4648 section 4. */
static struct str base64(struct arena *arena, const uint8_t *bytes, size_t len)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char *dst = (char *)arena_alloc(arena, (len + 2) / 3 * 4);
    size_t n = 0;
    for (size_t i = 0; i < len; i += 3) {
        uint32_t group = (uint32_t)bytes[i] << 16;
        group |= i + 1 < len ? (uint32_t)bytes[i + 1] << 8 : 0;
        group |= i + 2 < len ? bytes[i + 2] : 0;
        dst[n++] = digits[group >> 18 & 63];
        dst[n++] = digits[group >> 12 & 63];
        dst[n++] = i + 1 < len ? digits[group >> 6 & 63] : '=';
        dst[n++] = i + 2 < len ? digits[group & 63] : '=';
    }
    return str_n(dst, n);
}

static void remove_named(struct message *m, struct str name)
{
    for (size_t i = m->field_count; i > 0; i--) {
        if (str_ieq(m->fields[i - 1].name, name)) {
            message_remove_at(m, i - 1);
        }
    }
}

static const struct field *find_named(const struct message *m, struct str name)
{
    for (size_t i = 0; i < m->field_count; i++) {
        if (str_ieq(m->fields[i].name, name)) {
            return &m->fields[i];
        }
    }
    return NULL;
}

/* The key proves nothing here (HTTP/2 has its own framing), but the service wants one. */
static struct str new_key(struct arena *arena)
{
    uint8_t bytes[KEY_BYTES];
    REQUIRE(getrandom(bytes, sizeof(bytes), 0) == (ssize_t)sizeof(bytes));
    return base64(arena, bytes, sizeof(bytes));
}

enum why h2_upgrade_request(struct h2_stream *st, struct h2_head *head, struct body *body)
{
    struct message *m = head->m;
    if (!str_eq(head->protocol, STR("websocket"))) {
        return WHY_CONNECT_PROTOCOL;
    }
    st->is_connect = true;
    st->is_held = true;
    st->has_length = false; /* what comes is no content */
    st->in_told = false;
    st->connect_key = new_key(m->arena);
    m->method = METHOD_GET;
    m->method_text = STR("GET");
    remove_named(m, STR("sec-websocket-key"));
    message_remove(m, FIELD_CONTENT_LENGTH);
    message_add(m, STR("connection"), STR("upgrade"));
    message_add(m, STR("upgrade"), STR("websocket"));
    message_add(m, STR("sec-websocket-key"), st->connect_key);
    if (find_named(m, STR("sec-websocket-version")) == NULL) {
        message_add(m, STR("sec-websocket-version"), STR("13"));
    }
    *body = (struct body){BODY_NONE, 0};
    return WHY_OK;
}

/* RFC 6455 section 4.2.2: proves that the key was understood as WebSocket's. */
static struct str accept_of(struct arena *arena, struct str key)
{
    uint8_t digest[TLS_SHA1_BYTES];
    tls_digest_sha1(arena_printf(arena, "%.*s" ACCEPT_SUFFIX, STR_FMT(key)), digest);
    return base64(arena, digest, sizeof(digest));
}

static bool is_accepted(const struct h2_stream *st, const struct message *m)
{
    const struct field *accept = find_named(m, STR("sec-websocket-accept"));
    return accept != NULL && str_eq(accept->value, accept_of(m->arena, st->connect_key));
}

enum why h2_upgrade_check(struct h2_stream *st, const struct message *m, struct body body)
{
    if (!st->is_connect) {
        return m->status == 101 ? WHY_UPSTREAM_BAD_UPGRADE : WHY_OK;
    }
    if (m->status == 101) {
        bool is_good = body.kind == BODY_TUNNEL && is_accepted(st, m);
        return is_good ? WHY_OK : WHY_UPSTREAM_BAD_UPGRADE;
    }
    return m->status < 300 ? WHY_UPSTREAM_BAD_UPGRADE : WHY_OK;
}

static void copy_head(const struct message *m, struct message *out)
{
    *out = *m;
    out->fields = (struct field *)arena_alloc(m->arena, (m->field_count + 1) * sizeof(*m->fields));
    if (m->field_count > 0) {
        memcpy(out->fields, m->fields, m->field_count * sizeof(*m->fields));
    }
    out->field_cap = m->field_count + 1;
}

int h2_upgrade_accept(struct h2_stream *st, const struct message *m)
{
    struct h2_nvs nvs;
    struct body body = {BODY_TUNNEL, 0};
    struct message head;
    if (!st->is_connect) {
        return ERR_SYNTAX;
    }
    copy_head(m, &head);
    head.status = 200;
    remove_named(&head, STR("sec-websocket-accept"));
    message_remove(&head, FIELD_CONTENT_LENGTH);
    if (h2_nv_response(&head, body, false, &nvs) != OK) {
        return ERR_SYNTAX;
    }
    nghttp2_data_provider data = h2_stream_provider(st);
    st->is_tunnel = true;
    st->is_held = false;
    (void)h2_stream_frame_body(st, body, true);
    int rv = nghttp2_submit_response(st->session->ng, st->id, nvs.list, nvs.count, &data);
    return rv == 0 ? OK : ERR_SYNTAX;
}

/* ---- towards a service ---- */

void h2_upgrade_ask(struct h2_stream *st, const struct message *m, struct message *out)
{
    const struct field *key = find_named(m, STR("sec-websocket-key"));
    st->is_connect = true;
    st->connect_key = key == NULL ? STR("") : key->value;
    copy_head(m, out);
    remove_named(out, STR("sec-websocket-key"));
}

void h2_upgrade_take(struct h2_stream *st, struct message *m)
{
    m->status = 101;
    m->reason = message_reason(101);
    message_add(m, STR("connection"), STR("upgrade"));
    message_add(m, STR("upgrade"), STR("websocket"));
    if (st->connect_key.len > 0) {
        message_add(m, STR("sec-websocket-accept"), accept_of(m->arena, st->connect_key));
    }
    st->is_tunnel = true;
    (void)h2_stream_frame_body(st, (struct body){BODY_TUNNEL, 0}, true);
}
