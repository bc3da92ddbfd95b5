/* SPDX-License-Identifier: MIT */
/* Runs a table of configurations against the diagnostics they must give, to the byte. */
#ifndef HIVEDOOR_TESTS_CONFIG_BAD_H
#define HIVEDOOR_TESTS_CONFIG_BAD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/buf.h"
#include "config/load.h"

/* The two lines that most cases begin with: lines 1 and 2. */
#define HEAD "version: 1\ncertificates: /c\n"

struct bad {
    const char *text;
    const char *diagnostics;
    int err;
};

static inline void bad_run(const struct bad *cases, size_t count)
{
    assert_int_equal(setenv("HIVEDOOR_TEST_SECRET", "pass:word", 1), 0);
    assert_int_equal(unsetenv("HIVEDOOR_TEST_UNSET"), 0);
    for (size_t i = 0; i < count; i++) {
        struct diags diags;
        struct model *m = NULL;
        struct buf out;
        diags_init(&diags);
        buf_init(&out, 1 << 20);
        int err = load_text(str_of(cases[i].text), "f", true, &diags, &m);
        assert_int_equal(diags_print(&diags, &out), OK);
        assert_int_equal(buf_append(&out, "", 1), OK);
        if (err != cases[i].err) {
            print_error("%s\n", cases[i].text);
        }
        assert_int_equal(err, cases[i].err);
        assert_string_equal(buf_ptr(&out), cases[i].diagnostics);
        assert_true((m != NULL) == (err == OK));
        model_free(m);
        buf_fini(&out);
        diags_fini(&diags);
    }
}

#endif
