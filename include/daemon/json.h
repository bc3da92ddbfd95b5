/* SPDX-License-Identifier: MIT */
/*
 * Writes JSON (RFC 8259) into a buffer, with commas and escapes in the right places. What is not
 * UTF-8 becomes U+FFFD. Keeper only (the log writes its own lines).
 */
#ifndef HIVEDOOR_DAEMON_JSON_H
#define HIVEDOOR_DAEMON_JSON_H

#include "base/buf.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

struct json {
    struct buf *out; /* borrowed */
    bool failed;     /* the buffer's limit was reached */
    bool first;      /* nothing in this object or array yet */
};

void json_init(struct json *j, struct buf *out);
/* `key` NULL: an element of an array, or the whole. */
void json_object(struct json *j, const char *key);
void json_object_end(struct json *j);
void json_array(struct json *j, const char *key);
void json_array_end(struct json *j);
void json_str(struct json *j, const char *key, struct str value);
void json_int(struct json *j, const char *key, int64_t value);
void json_bool(struct json *j, const char *key, bool value);
/* Milliseconds since 1970 as RFC 3339 text; null when 0. */
void json_time(struct json *j, const char *key, int64_t wall_ms);

#endif
