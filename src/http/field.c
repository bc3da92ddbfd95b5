/* SPDX-License-Identifier: MIT */
#include "http/field.h"

#include "http/chars.h"

#define BLURRED_MAX 32 /* longer than every name in the table */

struct entry {
    struct str name;
    unsigned flags;
};

static const struct entry entries[FIELD_COUNT] = {[FIELD_OTHER] = {{"", 0}, 0},
#define FIELD_ENTRY(id, text, field_flags) [FIELD_##id] = {{text, sizeof(text) - 1}, field_flags},
                                                  FIELD_TABLE(FIELD_ENTRY)
#undef FIELD_ENTRY
};

static bool is_named(struct str name, enum field_id id)
{
    return str_ieq(name, entries[id].name);
}

static enum field_id one_of(struct str name, enum field_id a, enum field_id b, enum field_id c)
{
    if (is_named(name, a)) {
        return a;
    }
    if (b != FIELD_OTHER && is_named(name, b)) {
        return b;
    }
    return c != FIELD_OTHER && is_named(name, c) ? c : FIELD_OTHER;
}

enum field_id field_lookup(struct str name)
{
    switch (name.len) {
    case 2: return one_of(name, FIELD_TE, FIELD_OTHER, FIELD_OTHER);
    case 4: return one_of(name, FIELD_HOST, FIELD_DATE, FIELD_OTHER);
    case 5: return one_of(name, FIELD_PROXY, FIELD_OTHER, FIELD_OTHER);
    case 6:
        return chr_lower(name.ptr[0]) == 'e'
                   ? one_of(name, FIELD_EXPECT, FIELD_OTHER, FIELD_OTHER)
                   : one_of(name, FIELD_ACCEPT, FIELD_COOKIE, FIELD_SERVER);
    case 7: return one_of(name, FIELD_REFERER, FIELD_UPGRADE, FIELD_TRAILER);
    case 8: return one_of(name, FIELD_LOCATION, FIELD_OTHER, FIELD_OTHER);
    case 9: return one_of(name, FIELD_X_REAL_IP, FIELD_FORWARDED, FIELD_OTHER);
    case 10: return one_of(name, FIELD_CONNECTION, FIELD_USER_AGENT, FIELD_KEEP_ALIVE);
    case 11: return one_of(name, FIELD_RETRY_AFTER, FIELD_OTHER, FIELD_OTHER);
    case 12: return one_of(name, FIELD_CONTENT_TYPE, FIELD_X_REQUEST_ID, FIELD_OTHER);
    case 13: return one_of(name, FIELD_AUTHORIZATION, FIELD_OTHER, FIELD_OTHER);
    case 14: return one_of(name, FIELD_CONTENT_LENGTH, FIELD_HTTP2_SETTINGS, FIELD_OTHER);
    case 15: return one_of(name, FIELD_X_FORWARDED_FOR, FIELD_OTHER, FIELD_OTHER);
    case 16:
        return one_of(name, FIELD_X_FORWARDED_HOST, FIELD_X_FORWARDED_PORT, FIELD_PROXY_CONNECTION);
    case 17: return one_of(name, FIELD_TRANSFER_ENCODING, FIELD_X_FORWARDED_PROTO, FIELD_OTHER);
    case 18: return one_of(name, FIELD_X_FORWARDED_SERVER, FIELD_OTHER, FIELD_OTHER);
    case 21: return one_of(name, FIELD_X_CLIENT_CERT_SUBJECT, FIELD_OTHER, FIELD_OTHER);
    case 22: return one_of(name, FIELD_X_CLIENT_CERT_VERIFIED, FIELD_OTHER, FIELD_OTHER);
    case 25: return one_of(name, FIELD_X_CLIENT_CERT_FINGERPRINT, FIELD_OTHER, FIELD_OTHER);
    default: return FIELD_OTHER;
    }
}

enum field_id field_lookup_blurred(struct str name)
{
    char dashed[BLURRED_MAX];
    if (name.len > sizeof(dashed) || str_find(name, '_') < 0) {
        return FIELD_OTHER;
    }
    for (size_t i = 0; i < name.len; i++) {
        dashed[i] = name.ptr[i] == '_' ? '-' : name.ptr[i];
    }
    return field_lookup(str_n(dashed, name.len));
}

struct str field_name(enum field_id id)
{
    return id < FIELD_COUNT ? entries[id].name : STR("");
}

unsigned field_flags(enum field_id id)
{
    return id < FIELD_COUNT ? entries[id].flags : 0;
}

bool field_is_token(struct str s)
{
    return s.len > 0 && chars_all(s, CHARS_TOKEN);
}

bool field_is_value(struct str s)
{
    return s.len == 0 || chars_skip_value(s.ptr, s.ptr + s.len) == s.ptr + s.len;
}

bool field_next_element(struct str *rest, struct str *out_element)
{
    /* Quoted strings are not looked into: the lists that decide anything here are lists of tokens,
     * and a stray quote must not hide "close" or a field name from us. */
    struct str element;
    while (rest->len > 0 && str_next(rest, ',', &element)) {
        element = str_trim(element);
        if (element.len > 0) {
            *out_element = element;
            return true;
        }
    }
    return false;
}

unsigned field_weight(struct str params)
{
    struct str param;
    while (str_next(&params, ';', &param)) {
        param = str_trim(param);
        if (param.len < 3 || chr_lower(param.ptr[0]) != 'q' || param.ptr[1] != '=') {
            continue;
        }
        unsigned weight = param.ptr[2] == '1' ? 1000 : 0;
        unsigned unit = 100;
        for (size_t i = 4; i < param.len && weight < 1000; i++, unit /= 10) {
            char c = param.ptr[i];
            weight += c >= '0' && c <= '9' ? unit * (unsigned)(c - '0') : 0;
        }
        return weight;
    }
    return 1000;
}
