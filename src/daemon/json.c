/* SPDX-License-Identifier: MIT */
#include "daemon/json.h"

#include <stdio.h>

#include "base/clock.h"

void json_init(struct json *j, struct buf *out)
{
    *j = (struct json){.out = out, .first = true};
}

static void put(struct json *j, struct str s)
{
    j->failed = j->failed || buf_append_str(j->out, s) != OK;
}

/* Length of the well-formed UTF-8 sequence that `s` starts with (RFC 3629 section 4), 0 if none. */
static size_t utf8_len(struct str s)
{
    const uint8_t *p = (const uint8_t *)s.ptr;
    size_t n = p[0] < 0x80 ? 1 : p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;

    if (p[0] > 0xf4 || n > s.len) {
        return 0;
    }
    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    /* Over-long forms, surrogates, and what lies above U+10FFFF. */
    bool bad = (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
               (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f);
    return bad ? 0 : n;
}

static void put_char(struct json *j, struct str c)
{
    char text[8];
    uint8_t byte = (uint8_t)c.ptr[0];

    if (byte == '"' || byte == '\\') {
        put(j, STR("\\"));
    } else if (byte < 0x20 || byte == 0x7f) {
        (void)snprintf(text, sizeof(text), "\\u%04x", byte);
        c = str_of(text);
    }
    put(j, c);
}

static void put_quoted(struct json *j, struct str s)
{
    put(j, STR("\""));
    while (s.len > 0) {
        size_t n = utf8_len(s);
        if (n == 0) {
            put(j, STR("\\ufffd"));
        } else {
            put_char(j, str_sub(s, 0, n));
        }
        s = str_from(s, n == 0 ? 1 : n);
    }
    put(j, STR("\""));
}

static void put_key(struct json *j, const char *key)
{
    if (!j->first) {
        put(j, STR(","));
    }
    j->first = false;
    if (key != NULL) {
        put_quoted(j, str_of(key));
        put(j, STR(":"));
    }
}

static void put_open(struct json *j, const char *key, struct str bracket)
{
    put_key(j, key);
    put(j, bracket);
    j->first = true;
}

static void put_close(struct json *j, struct str bracket)
{
    put(j, bracket);
    j->first = false;
}

void json_object(struct json *j, const char *key)
{
    put_open(j, key, STR("{"));
}

void json_object_end(struct json *j)
{
    put_close(j, STR("}"));
}

void json_array(struct json *j, const char *key)
{
    put_open(j, key, STR("["));
}

void json_array_end(struct json *j)
{
    put_close(j, STR("]"));
}

void json_str(struct json *j, const char *key, struct str value)
{
    put_key(j, key);
    put_quoted(j, value);
}

void json_int(struct json *j, const char *key, int64_t value)
{
    put_key(j, key);
    j->failed = j->failed || buf_printf(j->out, "%lld", (long long)value) != OK;
}

void json_bool(struct json *j, const char *key, bool value)
{
    put_key(j, key);
    put(j, value ? STR("true") : STR("false"));
}

void json_time(struct json *j, const char *key, int64_t wall_ms)
{
    char text[CLOCK_TEXT_MAX];

    if (wall_ms == 0) {
        put_key(j, key);
        put(j, STR("null"));
        return;
    }
    json_str(j, key, str_of(clock_print(wall_ms, text)));
}
