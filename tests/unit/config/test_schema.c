/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/fd.h"
#include "config/load.h"
#include "config/schema.h"

/* "sites.NAME.to" with the example under names that a user could choose, as a whole file. */
static void write_example(const struct schema_key *key, struct buf *out)
{
    struct str rest = str_of(key->path);
    struct str word;
    if (strcmp(key->path, "version") != 0) {
        assert_int_equal(buf_printf(out, "version: 1\n"), OK);
    }
    for (int depth = 0; str_next(&rest, '.', &word); depth++) {
        word = str_eq(word, STR("NAME")) ? STR("c.com") : word;
        word = str_eq(word, STR("PREFIX")) ? STR("/api") : word;
        assert_int_equal(
            buf_printf(out, "%s%*s%.*s:", depth == 0 ? "" : "\n", 2 * depth, "", STR_FMT(word)),
            OK);
    }
    assert_int_equal(buf_printf(out, " %s\n", key->example), OK);
}

/* What may be missing around a single key; everything else is a wrong example. */
static bool is_about_the_rest(struct str text)
{
    static const char *const starts[] = {
        "found none of to",          "found no \"to\"",          "found code in",
        "found acme without",        "found basic_auth without", "found rate without",
        "found client_auth without", "found balance without",    "found max_requests without"};
    for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
        if (str_starts(text, str_of(starts[i]))) {
            return true;
        }
    }
    return false;
}

static void assert_valid(const struct schema_key *key, const struct diags *d)
{
    for (size_t j = 0; j < d->count; j++) {
        if (d->items[j].level == DIAG_ERROR && !is_about_the_rest(d->items[j].text)) {
            fail_msg("%s: %.*s", key->path, STR_FMT(d->items[j].text));
        }
    }
}

static void test_schema_examples_are_valid(void **state)
{
    size_t count;
    const struct schema_key *keys = schema_keys(&count);
    (void)state;
    assert_true(count > 60);
    for (size_t i = 0; i < count; i++) {
        struct diags d;
        struct buf text;
        struct model *m = NULL;
        diags_init(&d);
        buf_init(&text, 4096);
        write_example(&keys[i], &text);
        int err = load_text(buf_str(&text), "example", false, &d, &m);
        assert_true(err == OK || err == ERR_SYNTAX);
        assert_valid(&keys[i], &d);
        model_free(m);
        buf_fini(&text);
        diags_fini(&d);
    }
}

static void test_schema_rows_are_whole(void **state)
{
    size_t count;
    const struct schema_key *keys = schema_keys(&count);
    (void)state;
    for (size_t i = 0; i < count; i++) {
        const struct schema_key *key = &keys[i];
        bool is_number = key->type >= SCHEMA_NUMBER && key->type <= SCHEMA_CHOICE;
        struct values_fault fault;
        uint64_t value;
        assert_ptr_equal(schema_key(key->path), key);
        assert_true(key->help[0] != '\0' && key->help[strlen(key->help) - 1] == '.');
        if (is_number && key->fallback != NULL) {
            assert_int_equal(schema_number(key, str_of(key->fallback), &value, &fault), OK);
        }
        if (key->inherits != NULL) {
            assert_int_equal(schema_key(key->inherits)->type, key->type);
            assert_int_equal(schema_key(key->inherits)->max, key->max);
        }
        assert_true(key->type != SCHEMA_CHOICE || key->choices != NULL);
    }
}

static void test_schema_children(void **state)
{
    const struct schema_key *site = schema_key("sites.NAME");
    (void)state;
    assert_ptr_equal(schema_child(NULL, STR("sites")), schema_key("sites"));
    assert_ptr_equal(schema_child(schema_key("sites"), STR("any.name")), site);
    assert_ptr_equal(schema_child(site, STR("to")), schema_key("sites.NAME.to"));
    assert_null(schema_child(site, STR("attempt")));
    assert_null(schema_child(NULL, STR("attempt")));
    assert_null(schema_child(schema_key("workers"), STR("limits")));
}

static void test_schema_print_has_every_key(void **state)
{
    struct buf out;
    size_t count;
    const struct schema_key *keys = schema_keys(&count);
    (void)state;
    buf_init(&out, 1 << 20);
    assert_int_equal(schema_print(&out), OK);
    assert_int_equal(buf_append(&out, "", 1), OK);
    for (size_t i = 0; i < count; i++) {
        assert_non_null(strstr(buf_ptr(&out), keys[i].path));
        assert_non_null(strstr(buf_ptr(&out), keys[i].help));
    }
    buf_fini(&out);
    buf_init(&out, 100);
    assert_int_equal(schema_print(&out), ERR_LIMIT);
    buf_fini(&out);
}

static void read_source(const char *path, struct buf *out)
{
    buf_init(out, 1 << 20);
    assert_int_equal(fd_read_file(path, out), OK);
    assert_int_equal(buf_append(out, "", 1), OK);
}

/* The node of a path below `map`; the site's own route "/api" stands for PREFIX. */
static const struct yaml_node *walk(const struct yaml_node *map, struct str path)
{
    struct str word;
    while (map != NULL && str_next(&path, '.', &word)) {
        char part[64];
        (void)str_copy(part, sizeof(part), str_eq(word, STR("PREFIX")) ? STR("/api") : word);
        map = yaml_tree_get(map, part);
    }
    return map;
}

/* conf/hivedoor.yml is valid as it is and shows every key. */
static void test_schema_example_file_has_every_key(void **state)
{
    struct diags d;
    struct model *m = NULL;
    struct buf text;
    struct yaml_tree tree;
    size_t count;
    const struct schema_key *keys = schema_keys(&count);
    (void)state;
    diags_init(&d);
    assert_int_equal(load_file(SOURCE_ROOT "/conf/hivedoor.yml", &d, NULL, &m), OK);
    assert_int_equal(d.count, 0);
    model_free(m);
    read_source(SOURCE_ROOT "/conf/hivedoor.yml", &text);
    assert_int_equal(yaml_tree_parse(str_of(buf_ptr(&text)), STR("conf"), &d, &tree), OK);
    const struct yaml_node *sites = yaml_tree_get(&tree.root, "sites");
    for (size_t i = 0; i < count; i++) {
        struct str path = str_of(keys[i].path);
        bool is_inside = str_starts(path, STR("sites.NAME."));
        bool is_found = str_eq(path, STR("sites.NAME"));
        is_found = is_found || (!is_inside && walk(&tree.root, path) != NULL);
        for (size_t j = 0; is_inside && j < sites->count; j++) {
            struct str rest = str_from(path, sizeof("sites.NAME.") - 1);
            is_found = is_found || walk(&sites->values[j], rest) != NULL;
        }
        if (!is_found) {
            fail_msg("conf/hivedoor.yml lacks %s", keys[i].path);
        }
    }
    yaml_tree_fini(&tree);
    buf_fini(&text);
    diags_fini(&d);
}

static bool has(struct str text, const char *part)
{
    return part[0] == '\0' || memmem(text.ptr, text.len, part, strlen(part)) != NULL;
}

/* Each of "off|serve" in backquotes. */
static bool has_words(struct str line, const char *words)
{
    struct str rest = str_of(words);
    struct str word;
    bool has_all = true;
    while (rest.len > 0 && str_next(&rest, '|', &word)) {
        char quoted[64];
        (void)snprintf(quoted, sizeof(quoted), "`%.*s`", STR_FMT(word));
        has_all = has_all && has(line, quoted);
    }
    return has_all;
}

/* "- Type: size, 16k to 16m, or `none`" */
static bool has_type(struct str section, const struct schema_key *key)
{
    char low[VALUES_TEXT_MAX];
    char high[VALUES_TEXT_MAX];
    const char *at = memmem(section.ptr, section.len, "\n- Type: ", 9);
    if (at == NULL) {
        return false;
    }
    struct str line = str_from(section, (size_t)(at - section.ptr) + 1);
    line = str_sub(line, 0, (size_t)str_find(line, '\n'));
    if (key->type == SCHEMA_CHOICE) {
        return has_words(line, key->choices);
    }
    bool is_range = key->type == SCHEMA_NUMBER || key->type == SCHEMA_SIZE;
    if (is_range || key->type == SCHEMA_DURATION) {
        const char *(*print)(uint64_t, char *) =
            key->type == SCHEMA_DURATION ? values_print_duration : values_print_size;
        if (key->type == SCHEMA_NUMBER) {
            (void)snprintf(low, sizeof(low), "%u", (unsigned)key->min);
            (void)snprintf(high, sizeof(high), "%u", (unsigned)key->max);
        } else {
            (void)print(key->min, low);
            (void)print(key->max, high);
        }
        return has(line, low) && has(line, high) && has_words(line, key->word);
    }
    return has(line, schema_type_text(key->type)) && has_words(line, key->word);
}

static void test_schema_reference_has_every_key(void **state)
{
    struct buf text;
    size_t count;
    const struct schema_key *keys = schema_keys(&count);
    (void)state;
    read_source(SOURCE_ROOT "/docs/CONFIGURATION.md", &text);
    for (size_t i = 0; i < count; i++) {
        char heading[128];
        (void)snprintf(heading, sizeof(heading), "\n### `%s`\n", keys[i].path);
        const char *at = strstr(buf_ptr(&text), heading);
        if (at == NULL) {
            fail_msg("docs/CONFIGURATION.md lacks %s", keys[i].path);
        }
        const char *next = strstr(at + strlen(heading), "\n### ");
        struct str section = next == NULL ? str_of(at) : str_n(at, (size_t)(next - at));
        char word[160] = "";
        if (keys[i].inherits != NULL) {
            (void)snprintf(word, sizeof(word), "\n- Default: the value of `%s`", keys[i].inherits);
        } else if (keys[i].fallback != NULL) {
            (void)snprintf(word, sizeof(word), "\n- Default: `%s`", keys[i].fallback);
        }
        if (!has_type(section, &keys[i])) {
            fail_msg("docs/CONFIGURATION.md: %s lacks its type", keys[i].path);
        }
        if (!has(section, keys[i].help) || !has(section, keys[i].example) || !has(section, word)) {
            fail_msg("docs/CONFIGURATION.md: %s lacks its help, example or default", keys[i].path);
        }
    }
    buf_fini(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_schema_examples_are_valid),
        cmocka_unit_test(test_schema_rows_are_whole),
        cmocka_unit_test(test_schema_children),
        cmocka_unit_test(test_schema_print_has_every_key),
        cmocka_unit_test(test_schema_example_file_has_every_key),
        cmocka_unit_test(test_schema_reference_has_every_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
