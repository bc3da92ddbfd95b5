/* SPDX-License-Identifier: MIT */
/*
 * What a request makes of a pattern: "PATTERN\nLABEL". A task that comes out is one label that no
 * resolver takes for an address or for a name of the outside, and is known again as the pattern's;
 * a text that is filled has no byte that the label could have smuggled in.
 */
#include <arpa/inet.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"
#include "route/capture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_task(struct str task)
{
    char text[CAPTURE_LABEL_MAX + 1];
    struct in_addr in;
    bool has_other = false;

    REQUIRE(task.len >= 1 && task.len <= CAPTURE_LABEL_MAX);
    REQUIRE(str_find(task, '.') < 0 && str_find(task, ':') < 0);
    (void)str_copy(text, sizeof(text), task);
    REQUIRE(strlen(text) == task.len && inet_aton(text, &in) == 0);
    for (size_t i = 0; i < task.len; i++) {
        has_other = has_other || task.ptr[i] < 'a' || task.ptr[i] > 'z';
    }
    REQUIRE(has_other);
}

/* Only configurations of our own making have more than one, and the keeper follows none of those.
 */
static bool has_two_marks(struct str pattern)
{
    const char *first = memmem(pattern.ptr, pattern.len, "{1}", 3);
    struct str rest = str_from(pattern, (size_t)(first - pattern.ptr) + 1);

    return memmem(rest.ptr, rest.len, "{1}", 3) != NULL;
}

static void check_fill(struct arena *arena, struct str text, struct str label)
{
    struct str out;

    if (capture_fill(arena, text, label, &out) != OK || !capture_is_label(label)) {
        return;
    }
    for (size_t i = 0; i < out.len; i++) {
        char c = out.ptr[i];
        bool is_ldh = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
        REQUIRE(is_ldh || str_find(text, c) >= 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str input = str_n((const char *)data, size);
    ptrdiff_t end = str_find(input, '\n');
    struct arena arena;
    struct str task;

    if (end < 0) {
        return 0;
    }
    struct str pattern = str_sub(input, 0, (size_t)end);
    struct str label = str_from(input, (size_t)end + 1);
    arena_init(&arena, 4096);
    if (capture_task(&arena, pattern, label, &task) == OK) {
        check_task(task);
        REQUIRE(capture_makes(pattern, task) || has_two_marks(pattern));
    }
    if (capture_is_task(label)) {
        check_task(label);
    }
    if (capture_makes(pattern, label)) {
        check_task(label);
    }
    check_fill(&arena, pattern, label);
    arena_fini(&arena);
    return 0;
}
