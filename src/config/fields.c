/* SPDX-License-Identifier: MIT */
#include "config/fields.h"

#define NAME_MAX_BYTES  128
#define VALUE_MAX_BYTES 4096

enum owner {
    OWNER_FRAMING, /* where a message ends, what its connection does (RFC 9110 section 7.6.1) */
    OWNER_HOST,
    OWNER_CLIENT, /* who asks: never what a configuration says */
};

struct owned {
    struct str name; /* lower case; with "-" at its end: everything that begins so */
    enum owner owner;
};

static const struct owned owned[] = {
    {{"connection", 10}, OWNER_FRAMING},
    {{"keep-alive", 10}, OWNER_FRAMING},
    {{"proxy-connection", 16}, OWNER_FRAMING},
    {{"transfer-encoding", 17}, OWNER_FRAMING},
    {{"content-length", 14}, OWNER_FRAMING},
    {{"te", 2}, OWNER_FRAMING},
    {{"trailer", 7}, OWNER_FRAMING},
    {{"upgrade", 7}, OWNER_FRAMING},
    {{"http2-settings", 14}, OWNER_FRAMING},
    {{"expect", 6}, OWNER_FRAMING},
    {{"host", 4}, OWNER_HOST},
    {{"forwarded", 9}, OWNER_CLIENT},
    {{"x-forwarded-", 12}, OWNER_CLIENT},
    {{"x-real-ip", 9}, OWNER_CLIENT},
    {{"x-client-cert-", 14}, OWNER_CLIENT},
};

static bool is_tchar(char c)
{
    bool is_alnum = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    return is_alnum || (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static bool is_one(struct str name, struct str lower)
{
    bool is_prefix = lower.ptr[lower.len - 1] == '-';
    if (is_prefix ? name.len < lower.len : name.len != lower.len) {
        return false;
    }
    for (size_t i = 0; i < lower.len; i++) {
        char c = name.ptr[i] == '_' ? '-' : chr_lower(name.ptr[i]);
        if (c != lower.ptr[i]) {
            return false;
        }
    }
    return true;
}

static int refuse(enum owner owner, struct values_fault *fault)
{
    switch (owner) {
    case OWNER_FRAMING:
        return values_refuse(fault, NULL,
                             "another field: this one belongs to the connection, and Hivedoor "
                             "writes it");
    case OWNER_HOST:
        return values_refuse(fault, NULL,
                             "another field: the service gets the host that the client asked for");
    case OWNER_CLIENT:
        return values_refuse(fault, NULL,
                             "another field: this one says who the client is, and Hivedoor writes "
                             "it");
    }
    return ERR_SYNTAX;
}

static bool is_token(struct str name)
{
    bool is_ok = name.len > 0 && name.len <= NAME_MAX_BYTES;
    for (size_t i = 0; i < name.len && is_ok; i++) {
        is_ok = is_tchar(name.ptr[i]);
    }
    return is_ok;
}

int fields_name(struct str name, enum fields_use use, struct values_fault *fault)
{
    if (!is_token(name)) {
        char near[NAME_MAX_BYTES + 1] = "";
        struct str start = str_sub(name, 0, name.len - (str_ends(name, STR(":")) ? 1 : 0));
        if (is_token(start)) {
            (void)str_copy(near, sizeof(near), start);
        }
        return values_refuse(fault, near, "the name of a field such as X-Frame-Options");
    }
    bool is_request = use == FIELDS_REQUEST || use == FIELDS_REQUEST_REMOVE;
    for (size_t i = 0; i < sizeof(owned) / sizeof(owned[0]); i++) {
        bool is_free = owned[i].owner == OWNER_CLIENT ? use != FIELDS_REQUEST
                       : owned[i].owner == OWNER_HOST ? !is_request
                                                      : false;
        if (!is_free && is_one(name, owned[i].name)) {
            return refuse(owned[i].owner, fault);
        }
    }
    return OK;
}

int fields_token(struct str name, struct values_fault *fault)
{
    return is_token(name)
               ? OK
               : values_refuse(fault, NULL, "a name such as session: letters, digits, - and _");
}

int fields_value(struct str value, struct values_fault *fault)
{
    bool is_ok = value.len <= VALUE_MAX_BYTES;
    for (size_t i = 0; i < value.len && is_ok; i++) {
        char c = value.ptr[i];
        is_ok = c == '\t' || (c >= 0x20 && c < 0x7F);
    }
    if (is_ok && str_trim(value).len == value.len) {
        return OK;
    }
    return values_refuse(fault, NULL,
                         "the value of a field: one line of at most 4096 ASCII characters, without "
                         "spaces at its ends");
}
