/* SPDX-License-Identifier: MIT */
/*
 * One HTTP message head, the same for every HTTP version: start line and fields. All strings are
 * ranges of the exchange's arena (or static); nothing is freed one by one.
 */
#ifndef HIVEDOOR_HTTP_MESSAGE_H
#define HIVEDOOR_HTTP_MESSAGE_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "http/field.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum http_version { HTTP_1_0, HTTP_1_1, HTTP_2 };

/* Methods that a proxy has to know; every other valid token is METHOD_OTHER. */
enum http_method {
    METHOD_OTHER,
    METHOD_GET,
    METHOD_HEAD,
    METHOD_POST,
    METHOD_PUT,
    METHOD_DELETE,
    METHOD_OPTIONS,
    METHOD_TRACE,
    METHOD_CONNECT,
    METHOD_PATCH,
};

struct field {
    enum field_id id;
    struct str name;  /* as received */
    struct str value; /* without white space around it */
};

/* Where a body ends. */
enum body_kind {
    BODY_NONE,
    BODY_LENGTH,      /* `length` bytes, > 0 */
    BODY_CHUNKED,     /* in HTTP/1 chunked; in general: ends when the sender says so */
    BODY_UNTIL_CLOSE, /* responses only */
    BODY_TUNNEL,      /* after 101: bytes both ways, no message any more */
};

struct body {
    enum body_kind kind;
    uint64_t length;
};

struct message {
    struct arena *arena; /* borrowed */
    enum http_version version;
    /* requests */
    enum http_method method;
    struct str method_text;
    struct str target; /* request-target as received */
    /* responses */
    uint16_t status;
    struct str reason;

    struct field *fields; /* in the arena, in the order received */
    size_t field_count;
    size_t field_cap;
    uint64_t tokens;  /* field_bit() of each that was added: most questions end here */
    bool has_blurred; /* some name has a "_": see field_lookup_blurred */
};

/* Whether one of these tokens (field_bit, field_set) may be among the fields; false is certain. */
static inline bool message_may_have(const struct message *m, uint64_t tokens)
{
    return (m->tokens & tokens) != 0;
}

void message_init(struct message *m, struct arena *arena);
/* METHOD_OTHER for anything unknown; methods are case-sensitive. */
enum http_method message_method(struct str text);
/* Adds at the end; name and value are kept as they are (not copied). */
void message_add(struct message *m, struct str name, struct str value);
/* The same where the token of the name is known. */
void message_put(struct message *m, enum field_id id, struct str name, struct str value);
/* Keeps the fields that are of none of these tokens. */
void message_drop(struct message *m, uint64_t tokens);
/* The first field of this token, or NULL. */
const struct field *message_find(const struct message *m, enum field_id id);
size_t message_count(const struct message *m, enum field_id id);
/* Removes every field of this token. */
void message_remove(struct message *m, enum field_id id);
void message_remove_at(struct message *m, size_t index);
/* Whether any field of this token lists `token` (case-insensitive). */
bool message_lists(const struct message *m, enum field_id id, struct str token);
/* Standard reason phrase of a status, "" if unknown; static. */
struct str message_reason(uint16_t status);

#endif
