/* SPDX-License-Identifier: MIT */
#include "tls/tls_hello.h"

#include <stdint.h>
#include <string.h>

#define NAME_TYPE_HOST 0

static size_t be16(const char *p)
{
    return (size_t)(uint8_t)p[0] << 8 | (uint8_t)p[1];
}

static bool is_host_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

static bool is_label(struct str label)
{
    if (label.len < 1 || label.len > 63) {
        return false;
    }
    for (size_t i = 0; i < label.len; i++) {
        if (!is_host_char(label.ptr[i])) {
            return false;
        }
    }
    return true;
}

bool tls_hello_is_host(struct str name, bool wildcard)
{
    struct str rest = name;
    struct str label;

    if (name.len < 1 || name.len > TLS_NAME_MAX) {
        return false;
    }
    if (wildcard && str_starts(name, STR("*."))) {
        rest = str_from(name, 2);
    }
    while (str_next(&rest, '.', &label)) {
        if (!is_label(label)) {
            return false;
        }
    }
    return name.ptr[name.len - 1] != '.';
}

int tls_hello_name(struct str ext, char out_name[static TLS_NAME_MAX + 1], size_t *out_len)
{
    char name[TLS_NAME_MAX + 1];

    /* ServerNameList: length, then ServerName { type, length, HostName }. Two names of one type are
     * forbidden and no other type was ever defined, so the list is exactly one host_name. */
    if (ext.len < 5 || be16(ext.ptr) != ext.len - 2 || ext.ptr[2] != NAME_TYPE_HOST) {
        return ERR_SYNTAX;
    }
    size_t len = be16(ext.ptr + 3);
    if (len != ext.len - 5 || len > TLS_NAME_MAX) {
        return ERR_SYNTAX;
    }
    for (size_t i = 0; i < len; i++) {
        name[i] = chr_lower(ext.ptr[5 + i]);
    }
    if (!tls_hello_is_host(str_n(name, len), false)) {
        return ERR_SYNTAX;
    }
    memcpy(out_name, name, len);
    out_name[len] = '\0';
    *out_len = len;
    return OK;
}
