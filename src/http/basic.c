/* SPDX-License-Identifier: MIT */
#include "http/basic.h"

#include "base/mem.h"

/* Value of a base64 digit (RFC 4648 section 4), or -1. */
static int digit_of(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Padding may be left out, as some clients do; bits that say nothing must be 0. */
static int decode(struct str text, char *dst, size_t cap, size_t *out_len)
{
    unsigned held = 0;
    unsigned bits = 0;
    size_t len = 0;
    size_t end = text.len;
    while (end > 0 && text.ptr[end - 1] == '=' && text.len - end < 2) {
        end--;
    }
    if ((end != text.len && text.len % 4 != 0) || end % 4 == 1) {
        return ERR_SYNTAX;
    }
    for (size_t i = 0; i < end; i++) {
        int digit = digit_of(text.ptr[i]);
        if (digit < 0) {
            return ERR_SYNTAX;
        }
        held = held << 6 | (unsigned)digit;
        bits += 6;
        if (bits < 8) {
            continue;
        }
        bits -= 8;
        if (len == cap) {
            return ERR_LIMIT;
        }
        dst[len++] = (char)(held >> bits & 0xff);
        held &= (1U << bits) - 1;
    }
    *out_len = len;
    return held == 0 ? OK : ERR_SYNTAX;
}

static int parse_value(struct str value, struct basic *out)
{
    struct str scheme;
    struct str rest = value;
    size_t len = 0;
    if (!str_next(&rest, ' ', &scheme) || !str_ieq(scheme, STR("Basic"))) {
        return ERR_NOT_FOUND;
    }
    int err = decode(str_trim(rest), out->bytes, sizeof(out->bytes), &len);
    if (err != OK) {
        return err;
    }
    struct str both = str_n(out->bytes, len);
    ptrdiff_t colon = str_find(both, ':');
    if (colon < 0) {
        return ERR_SYNTAX; /* RFC 7617 section 2 */
    }
    out->user = str_sub(both, 0, (size_t)colon);
    out->password = str_from(both, (size_t)colon + 1);
    return OK;
}

int basic_parse(const struct message *request, struct basic *out)
{
    const struct field *f = message_find(request, FIELD_AUTHORIZATION);
    memset(out, 0, sizeof(*out));
    if (f == NULL) {
        return ERR_NOT_FOUND;
    }
    int err =
        message_count(request, FIELD_AUTHORIZATION) == 1 ? parse_value(f->value, out) : ERR_SYNTAX;
    if (err != OK) {
        basic_wipe(out);
    }
    return err;
}

void basic_wipe(struct basic *b)
{
    mem_wipe(b, sizeof(*b));
}

struct str basic_challenge(struct arena *arena, struct str realm)
{
    const struct str before = STR("Basic realm=\"");
    const struct str after = STR("\", charset=\"UTF-8\"");
    char *dst = arena_alloc(arena, before.len + 2 * realm.len + after.len);
    memcpy(dst, before.ptr, before.len);
    size_t len = before.len;
    for (size_t i = 0; i < realm.len; i++) {
        char c = realm.ptr[i];
        if (c == '"' || c == '\\') {
            dst[len++] = '\\'; /* quoted-pair, RFC 9110 section 5.6.4 */
        }
        if ((unsigned char)c >= 0x20 && c != 0x7f) {
            dst[len++] = c;
        }
    }
    memcpy(dst + len, after.ptr, after.len);
    return str_n(dst, len + after.len);
}
