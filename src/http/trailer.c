/* SPDX-License-Identifier: MIT */
#include "http/trailer.h"

#define NAME_MAX_BYTES 64 /* longer than every name below */

/* What a proxy has to know by itself is in the field table; these matter to the ends only. */
static const struct str refused[] = {
    /* where a request goes and how it is meant */
    {"cache-control", 13},
    {"expect", 6},
    {"max-forwards", 12},
    {"pragma", 6},
    {"range", 5},
    /* who sends it */
    {"proxy-authenticate", 18},
    {"proxy-authorization", 19},
    {"set-cookie", 10},
    {"www-authenticate", 16},
    {"origin", 6},
    /* how a response is to be taken */
    {"age", 3},
    {"date", 4},
    {"expires", 7},
    {"location", 8},
    {"refresh", 7},
    {"retry-after", 11},
    {"strict-transport-security", 25},
    {"trailer", 7},
    {"vary", 4},
    {"warning", 7},
};

static bool is_refused(struct str name)
{
    if ((field_flags(field_lookup(name)) &
         (FIELD_HOP | FIELD_FRAMING | FIELD_CLIENT | FIELD_IDENTITY | FIELD_PROTECTED)) != 0) {
        return true;
    }
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        if (str_eq(name, refused[i])) {
            return true;
        }
    }
    if (str_starts(name, STR("content-"))) {
        /* Made while the content is sent, so behind it is where they belong: RFC 9530 section 2. */
        return !str_eq(name, STR("content-digest")) && !str_eq(name, STR("content-md5"));
    }
    return str_starts(name, STR("if-"));
}

bool trailer_is_allowed(struct str name)
{
    char lower[NAME_MAX_BYTES];
    size_t len = name.len < sizeof(lower) ? name.len : sizeof(lower);
    for (size_t i = 0; i < len; i++) {
        /* Services that make environment variables of names cannot tell "_" from "-". */
        lower[i] = name.ptr[i] == '_' ? '-' : chr_lower(name.ptr[i]);
    }
    return !is_refused(str_n(lower, len));
}

void trailer_filter(struct message *m)
{
    size_t kept = 0;
    for (size_t i = 0; i < m->field_count; i++) {
        if (trailer_is_allowed(m->fields[i].name)) {
            m->fields[kept++] = m->fields[i];
        }
    }
    m->field_count = kept;
}
