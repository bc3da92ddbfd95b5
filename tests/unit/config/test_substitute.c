/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/substitute.h"

/* A folder with the files secret ("s3cret\n"), lines ("a\nb\n") and binary ("\xff"). */
static char folder[] = "/tmp/hivedoor-test-XXXXXX";

static void write_file(const char *name, const char *text)
{
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static int make_folder(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    write_file("secret", "s3cret\n");
    write_file("lines", "a\nb\n");
    write_file("binary", "\xff");
    return 0;
}

static int remove_folder(void **state)
{
    static const char *const names[] = {"secret", "lines", "binary"};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        char path[128];
        (void)snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        (void)unlink(path);
    }
    return rmdir(folder);
}

struct run {
    struct diags diags;
    struct yaml_tree tree;
    struct buf files;
    int err;
};

static void run_init(struct run *r, const char *text)
{
    diags_init(&r->diags);
    buf_init(&r->files, 4096);
    assert_int_equal(yaml_tree_parse(str_of(text), STR("f"), &r->diags, &r->tree), OK);
    struct tls_digest *digest = tls_digest_new();
    struct substitute_seen seen = {&r->files, digest};
    r->err = substitute_tree(&r->tree, folder, &r->diags, &seen);
    tls_digest_free(digest);
}

static void run_fini(struct run *r)
{
    buf_fini(&r->files);
    yaml_tree_fini(&r->tree);
    diags_fini(&r->diags);
}

static void assert_value(const struct run *r, const char *key, const char *expected)
{
    const struct yaml_node *node = yaml_tree_get(&r->tree.root, key);
    assert_non_null(node);
    assert_int_equal(node->text.len, strlen(expected));
    assert_memory_equal(node->text.ptr, expected, node->text.len);
}

static void test_substitute_replaces(void **state)
{
    struct run r;
    (void)state;
    assert_int_equal(setenv("HIVEDOOR_A", "alpha", 1), 0);
    assert_int_equal(setenv("HIVEDOOR_EMPTY", "", 1), 0);
    assert_int_equal(setenv("HIVEDOOR_YAML", "x: [y, ${HIVEDOOR_A}] # z", 1), 0);
    run_init(&r, "a: ${HIVEDOOR_A}\n"
                 "b: \"<${HIVEDOOR_A}-${HIVEDOOR_A}>\"\n"
                 "c: ${HIVEDOOR_EMPTY}\n"
                 "d: ${HIVEDOOR_YAML}\n"
                 "e: $${HIVEDOOR_A} $HIVEDOOR_A $ $$\n"
                 "f: ${file:secret}\n"
                 "${HIVEDOOR_A}: key\n");
    assert_int_equal(r.err, OK);
    assert_value(&r, "a", "alpha");
    assert_value(&r, "b", "<alpha-alpha>");
    assert_value(&r, "c", "");
    assert_false(yaml_tree_is_nothing(yaml_tree_get(&r.tree.root, "c")));
    assert_value(&r, "d", "x: [y, ${HIVEDOOR_A}] # z");
    assert_value(&r, "e", "${HIVEDOOR_A} $HIVEDOOR_A $ $$");
    assert_value(&r, "f", "s3cret");
    assert_value(&r, "alpha", "key");
    assert_true(str_ends(buf_str(&r.files), STR("/secret\n")));
    run_fini(&r);
}

static void test_substitute_reports_all(void **state)
{
    struct run r;
    (void)state;
    assert_int_equal(unsetenv("HIVEDOOR_UNSET"), 0);
    assert_int_equal(setenv("HIVEDOOR_LINES", "a\nb", 1), 0);
    run_init(&r, "a: ${HIVEDOOR_UNSET}\n"
                 "b: [\"${file:lines}\", \"${file:binary}\", \"${file:none}\", \"${\", \"${}\"]\n"
                 "c: ${HIVEDOOR_LINES}\n"
                 "d: ok\n");
    assert_int_not_equal(r.err, OK);
    assert_int_equal(r.diags.errors, 7);
    assert_int_equal(yaml_tree_get(&r.tree.root, "a")->kind, YAML_TREE_BAD);
    assert_int_equal(yaml_tree_get(&r.tree.root, "d")->kind, YAML_TREE_SCALAR);
    run_fini(&r);
}

static void test_substitute_bounds_size(void **state)
{
    struct run r;
    char *big = malloc(SUBSTITUTE_MAX + 2);
    (void)state;
    assert_non_null(big);
    memset(big, 'x', SUBSTITUTE_MAX + 1);
    big[SUBSTITUTE_MAX + 1] = '\0';
    assert_int_equal(setenv("HIVEDOOR_BIG", big, 1), 0);
    run_init(&r, "a: ${HIVEDOOR_BIG}\n");
    assert_int_equal(r.diags.errors, 1);
    run_fini(&r);
    assert_int_equal(unsetenv("HIVEDOOR_BIG"), 0);
    free(big);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_substitute_replaces),
        cmocka_unit_test(test_substitute_reports_all),
        cmocka_unit_test(test_substitute_bounds_size),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
