/* SPDX-License-Identifier: MIT */
#include "http/cookie.h"

#include "http/field.h"

static bool find_in(struct str field, struct str name, struct str *out_value)
{
    struct str pair;
    while (str_next(&field, ';', &pair)) {
        ptrdiff_t equals = str_find(pair, '=');
        if (equals >= 0 && str_eq(str_trim(str_sub(pair, 0, (size_t)equals)), name)) {
            *out_value = str_trim(str_from(pair, (size_t)equals + 1));
            return true;
        }
    }
    return false;
}

bool cookie_find(const struct message *request, struct str name, struct str *out_value)
{
    for (size_t i = 0; i < request->field_count; i++) {
        const struct field *f = &request->fields[i];
        if (f->id == FIELD_COOKIE && find_in(f->value, name, out_value)) {
            return true;
        }
    }
    return false;
}
