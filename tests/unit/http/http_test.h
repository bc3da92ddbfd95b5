/* SPDX-License-Identifier: MIT */
/* What the tests of the HTTP floor share: an arena per test and comparing of strings. */
#ifndef HIVEDOOR_TEST_HTTP_H
#define HIVEDOOR_TEST_HTTP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/str.h"
#include "http/h1_parse.h"
#include "http/message.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static inline void assert_str(struct str got, struct str wanted, const char *what)
{
    if (!str_eq(got, wanted)) {
        fail_msg("%s: got \"%.*s\", wanted \"%.*s\"", what, STR_FMT(got), STR_FMT(wanted));
    }
}

/* A request or response made of fields alone: "Name: value\r\n..." behind its start line. */
static inline void make_message(struct message *m, struct arena *arena, const char *text,
                                bool is_response)
{
    const struct h1_limits limits = {65536, 1000};
    struct str head = arena_printf(arena, "%s\r\n", text);
    enum why why = WHY_OK;
    message_init(m, arena);
    int err = is_response ? h1_parse_response(head, &limits, m, &why)
                          : h1_parse_request(head, &limits, m, &why);
    if (err != OK) {
        fail_msg("cannot parse \"%s\": %s", text, why_label(why));
    }
}

/* All fields as "Name: value\n" lines. */
static inline struct str fields_text(const struct message *m)
{
    struct str text = STR("");
    for (size_t i = 0; i < m->field_count; i++) {
        text = arena_printf(m->arena, "%.*s%.*s: %.*s\n", STR_FMT(text), STR_FMT(m->fields[i].name),
                            STR_FMT(m->fields[i].value));
    }
    return text;
}

#endif
