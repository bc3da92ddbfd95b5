/* SPDX-License-Identifier: MIT */
/*
 * answer_parse_ptr over any bytes, as the answer for 10.0.0.3, and task_name_parse over what comes
 * out and over the bytes themselves as a name. What is shown of it is safe in a log and a label.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/err.h"
#include "dns/task_name.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const char *text)
{
    for (; *text != 0; text++) {
        REQUIRE((*text >= 'a' && *text <= 'z') || (*text >= '0' && *text <= '9') || *text == '-' ||
                *text == '_' || *text == '.');
    }
}

static void check_name(const struct answer_name *name)
{
    struct task_name t;

    if (!task_name_parse(name, &t)) {
        return;
    }
    REQUIRE(strlen(t.text) > 0 && strlen(t.text) < TASK_NAME_TEXT_MAX);
    REQUIRE(t.is_task == (t.service[0] != 0));
    REQUIRE(!t.is_task || strncmp(t.text, t.service, strlen(t.service)) == 0);
    REQUIRE(task_name_same_service(&t, &t));
    check_text(t.text);
    check_text(t.service);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct answer_name asked, ptr = {.len = 0};
    struct answer a;

    REQUIRE(answer_name_of(STR("3.0.0.10.in-addr.arpa"), &asked) == OK);
    struct answer_question question = {&asked, ANSWER_TYPE_PTR};
    if (answer_parse_ptr(str_n((const char *)data, size), question, &ptr, &a) == OK) {
        REQUIRE(ptr.len <= ANSWER_NAME_MAX);
        REQUIRE(ptr.len == 0 || (!a.truncated && a.rcode == 0));
        check_name(&ptr);
    }
    if (size > 0 && size <= ANSWER_NAME_MAX) {
        memcpy(ptr.bytes, data, size);
        ptr.len = size;
        check_name(&ptr);
    }
    return 0;
}
