/* SPDX-License-Identifier: MIT */
#include "dns/task_name.h"

#include <string.h>

#define ID_LEN   25 /* of tasks and nodes: lower-case letters and digits */
#define SLOT_MAX 10
#define LABELS   3 /* in front of the network's name */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_label_byte(char c)
{
    return (c >= 'a' && c <= 'z') || is_digit(c) || c == '-' || c == '_';
}

static bool is_id(struct str s)
{
    if (s.len != ID_LEN) {
        return false;
    }
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '-' || s.ptr[i] == '_') {
            return false;
        }
    }
    return true;
}

static bool is_slot(struct str s)
{
    if (s.len == 0 || s.len > SLOT_MAX || s.ptr[0] == '0') {
        return is_id(s);
    }
    for (size_t i = 0; i < s.len; i++) {
        if (!is_digit(s.ptr[i])) {
            return is_id(s);
        }
    }
    return true;
}

/* The wire form as labels with dots between; how many labels, or 0 for a name that no host has. */
static size_t print_labels(const struct answer_name *name, char dst[static ANSWER_NAME_MAX + 1])
{
    size_t len = 0, labels = 0;

    for (size_t at = 0; at < name->len && name->bytes[at] != 0; labels++) {
        size_t bytes = name->bytes[at++];
        if (at + bytes > name->len || bytes > 63) {
            return 0;
        }
        if (len > 0) {
            dst[len++] = '.';
        }
        for (; bytes > 0; bytes--) {
            char c = (char)name->bytes[at++];
            if (!is_label_byte(c)) {
                return 0;
            }
            dst[len++] = c;
        }
    }
    dst[len] = 0;
    return labels;
}

bool task_name_parse(const struct answer_name *name, struct task_name *out_name)
{
    char text[ANSWER_NAME_MAX + 1];
    struct str part[LABELS];
    struct task_name t = {.is_task = false};
    size_t labels = print_labels(name, text);
    struct str rest = str_of(text);

    if (labels == 0) {
        return false;
    }
    for (size_t i = 0; i < LABELS && labels > LABELS; i++) {
        (void)str_next(&rest, '.', &part[i]);
    }
    if (labels > LABELS && is_slot(part[1]) && is_id(part[2])) {
        t.is_task = true;
        str_copy(t.service, sizeof(t.service), part[0]);
        str_copy(t.text, sizeof(t.text), str_sub(str_of(text), 0, part[0].len + 1 + part[1].len));
    } else {
        struct str all = str_of(text);
        str_copy(t.text, sizeof(t.text),
                 str_sub(all, 0, all.len < sizeof(t.text) ? all.len : sizeof(t.text) - 1));
    }
    *out_name = t;
    return true;
}

bool task_name_same_service(const struct task_name *a, const struct task_name *b)
{
    if (a->is_task != b->is_task) {
        return false;
    }
    return a->is_task ? strcmp(a->service, b->service) == 0 : strcmp(a->text, b->text) == 0;
}
