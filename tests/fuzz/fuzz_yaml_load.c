/* SPDX-License-Identifier: MIT */
/*
 * Configuration text, without substitution. What loads must be written by load_dump and, without
 * defaults, by load_dump_brief as texts that load again and are written the same; what does not
 * load must have said why.
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

/* What is written loads again, and is written whole as `whole` says. */
static void check_back(struct str text, struct str whole)
{
    struct model *again = NULL;
    struct buf second;
    buf_init(&second, 16 << 20);
    REQUIRE(load(text, &again) == OK);
    REQUIRE(load_dump(again, &second) == OK);
    REQUIRE(str_eq(whole, buf_str(&second)));
    buf_fini(&second);
    model_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct model *m = NULL;
    struct buf whole;
    struct buf brief;
    if (load(str_n((const char *)data, size), &m) != OK) {
        return 0;
    }
    buf_init(&whole, 16 << 20);
    buf_init(&brief, 16 << 20);
    if (load_dump(m, &whole) == OK) {
        REQUIRE(load_dump_brief(m, &brief) == OK);
        check_back(buf_str(&whole), buf_str(&whole));
        check_back(buf_str(&brief), buf_str(&whole));
    }
    buf_fini(&whole);
    buf_fini(&brief);
    model_free(m);
    return 0;
}
