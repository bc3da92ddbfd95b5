/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "config/yaml_tree.h"

static int parse(const char *text, struct diags *d, struct yaml_tree *tree)
{
    diags_init(d);
    return yaml_tree_parse(str_of(text), STR("f"), d, tree);
}

static void test_yaml_tree_knows_places(void **state)
{
    struct diags d;
    struct yaml_tree tree;
    (void)state;
    assert_int_equal(parse("a: 1\nb:\n  - x\n  - {c: \"y\"}\nd:\n", &d, &tree), OK);
    assert_int_equal(tree.root.kind, YAML_TREE_MAP);
    assert_int_equal(tree.root.count, 3);
    const struct yaml_node *b = yaml_tree_get(&tree.root, "b");
    assert_int_equal(b->kind, YAML_TREE_LIST);
    assert_int_equal(b->count, 2);
    assert_int_equal(b->values[0].line, 3);
    assert_int_equal(b->values[0].column, 5);
    const struct yaml_node *c = yaml_tree_get(&b->values[1], "c");
    assert_true(str_eq(c->text, STR("y")) && c->quoted);
    assert_int_equal(c->line, 4);
    assert_int_equal(c->column, 9);
    assert_true(yaml_tree_is_nothing(yaml_tree_get(&tree.root, "d")));
    assert_false(yaml_tree_is_nothing(yaml_tree_get(&tree.root, "a")));
    assert_null(yaml_tree_get(&tree.root, "z"));
    assert_null(yaml_tree_get(NULL, "z"));
    yaml_tree_fini(&tree);
    diags_fini(&d);
}

static void test_yaml_tree_bounds_depth(void **state)
{
    struct diags d;
    struct yaml_tree tree;
    char text[64];
    (void)state;
    memset(text, '[', 32);
    memset(text + YAML_TREE_DEPTH, ']', YAML_TREE_DEPTH);
    text[2 * YAML_TREE_DEPTH] = '\0';
    assert_int_equal(parse(text, &d, &tree), OK);
    yaml_tree_fini(&tree);
    diags_fini(&d);
    memset(text, '[', YAML_TREE_DEPTH + 1);
    memset(text + YAML_TREE_DEPTH + 1, ']', YAML_TREE_DEPTH + 1);
    text[2 * YAML_TREE_DEPTH + 2] = '\0';
    assert_int_equal(parse(text, &d, &tree), ERR_SYNTAX);
    assert_int_equal(d.errors, 1);
    diags_fini(&d);
}

static void test_yaml_tree_bounds_size(void **state)
{
    struct diags d;
    struct yaml_tree tree;
    (void)state;
    diags_init(&d);
    /* The length is looked at before any byte. */
    struct str text = {"a: 1", YAML_TREE_TEXT + 1};
    assert_int_equal(yaml_tree_parse(text, STR("f"), &d, &tree), ERR_SYNTAX);
    assert_int_equal(d.errors, 1);
    diags_fini(&d);
}

static void test_yaml_tree_finds_double_keys(void **state)
{
    struct diags d;
    struct yaml_tree tree;
    (void)state;
    assert_int_equal(parse("a: {x: 1, x: 2}\nb: [{y: 1, y: 2, y: 3}]\na: 1\n", &d, &tree), OK);
    yaml_tree_check_keys(&tree, &d);
    assert_int_equal(d.errors, 4);
    yaml_tree_fini(&tree);
    diags_fini(&d);
}

static void test_yaml_tree_goes_on_after_anchors(void **state)
{
    struct diags d;
    struct yaml_tree tree;
    (void)state;
    assert_int_equal(parse("a: &x 1\nb: *x\nc: !t 2\nd: &y [1]\ne: &z {f: 1}\n", &d, &tree), OK);
    assert_int_equal(d.errors, 5);
    assert_int_equal(yaml_tree_get(&tree.root, "b")->kind, YAML_TREE_BAD);
    yaml_tree_fini(&tree);
    diags_fini(&d);
}

/* A billion laughs: the aliases are refused one by one, nothing is ever expanded. */
static void test_yaml_tree_refuses_bombs(void **state)
{
    struct diags d;
    struct yaml_tree tree;
    (void)state;
    assert_int_equal(parse("a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\n", &d, &tree), OK);
    assert_true(d.errors >= 5);
    yaml_tree_fini(&tree);
    diags_fini(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_yaml_tree_knows_places),
        cmocka_unit_test(test_yaml_tree_bounds_depth),
        cmocka_unit_test(test_yaml_tree_bounds_size),
        cmocka_unit_test(test_yaml_tree_finds_double_keys),
        cmocka_unit_test(test_yaml_tree_goes_on_after_anchors),
        cmocka_unit_test(test_yaml_tree_refuses_bombs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
