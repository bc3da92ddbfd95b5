/* SPDX-License-Identifier: MIT */
/*
 * Configuration text, without substitution. What loads must be written by load_dump as a text that
 * loads again and is written the same; what does not load must have said why.
 */
#include "config/load.h"

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int load(struct str text, struct model **out)
{
    struct diags d;
    struct buf printed;
    diags_init(&d);
    buf_init(&printed, 1 << 20);
    int err = load_text(text, "fuzz", false, &d, out);
    REQUIRE((err == OK) == (d.errors == 0));
    REQUIRE(diags_print(&d, &printed) == OK);
    buf_fini(&printed);
    diags_fini(&d);
    return err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct model *m = NULL;
    struct model *again = NULL;
    struct buf first;
    struct buf second;
    if (load(str_n((const char *)data, size), &m) != OK) {
        return 0;
    }
    buf_init(&first, 16 << 20);
    buf_init(&second, 16 << 20);
    if (load_dump(m, &first) == OK) {
        REQUIRE(load(buf_str(&first), &again) == OK);
        REQUIRE(load_dump(again, &second) == OK);
        REQUIRE(str_eq(buf_str(&first), buf_str(&second)));
    }
    buf_fini(&first);
    buf_fini(&second);
    model_free(m);
    model_free(again);
    return 0;
}
