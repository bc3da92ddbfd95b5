/* SPDX-License-Identifier: MIT */
#include "config/load.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include "base/fd.h"
#include "base/mem.h"
#include "config/schema.h"
#include "config/substitute.h"
#include "config/verify.h"
#include "load_part.h"

struct source {
    struct str text;
    const char *name;   /* in diagnostics */
    bool substitute;    /* whether ${...} is replaced */
    const char *folder; /* where relative paths start; NULL: they stay as they are */
    const struct substitute_seen *seen; /* may be NULL */
};

/* The tree is whole: check all of it, even where something is wrong already. */
static int build(const struct source *src, struct yaml_tree *tree, struct diags *diags,
                 struct model **out_model)
{
    size_t before = diags->errors;
    const char *folder = src->folder == NULL ? "." : src->folder;
    /* What could not be substituted is a diagnostic, counted below. */
    if (src->substitute && substitute_tree(tree, folder, diags, src->seen) != OK &&
        diags->errors == before) {
        return ERR_LIMIT;
    }
    yaml_tree_check_keys(tree, diags);
    schema_check(tree, diags);
    struct model *m = NEW(struct model);
    arena_init(&m->arena, 16 * 1024);
    struct load l = {.tree = tree, .model = m, .folder = src->folder, .files = map_new()};
    load_settings(&l);
    load_sites(&l);
    load_list_files(&l);
    map_free(l.files);
    verify_model(tree, m, diags);
    if (diags->errors > before) {
        model_free(m);
        return ERR_SYNTAX;
    }
    *out_model = m;
    return OK;
}

static int load_source(const struct source *src, struct diags *diags, struct model **out_model)
{
    struct yaml_tree tree;
    size_t before = diags->errors;
    if (yaml_tree_parse(src->text, str_of(src->name), diags, &tree) != OK) {
        return ERR_SYNTAX;
    }
    bool is_clean = diags->errors == before;
    struct model *m = NULL;
    int err = build(src, &tree, diags, &m);
    yaml_tree_fini(&tree);
    if (err == OK && !is_clean) {
        model_free(m);
        return ERR_SYNTAX;
    }
    if (err == OK) {
        *out_model = m;
    }
    return err;
}

/* The absolute folder of a file, owned by the caller; "." where it cannot be told. */
static char *folder_of(const char *path)
{
    struct str text = str_of(path);
    ptrdiff_t slash = str_rfind(text, '/');
    char *folder = slash < 0 ? str_dup(STR(".")) : str_dup(str_sub(text, 0, (size_t)slash + 1));
    char *real = realpath(folder, NULL);
    if (real == NULL) {
        return folder;
    }
    free(folder);
    return real;
}

int load_file(const char *path, struct diags *diags, const struct substitute_seen *seen,
              struct model **out_model)
{
    struct buf text;
    buf_init(&text, YAML_TREE_TEXT);
    errno = 0;
    int err = fd_read_file(path, &text);
    if (err != OK) {
        diags_add(diags, DIAG_ERROR, (struct diag_place){str_of(path), 0, 0},
                  "found no readable file (%s); expected the configuration",
                  err == ERR_IO && errno != 0 ? strerror(errno) : err_text(err));
        buf_fini(&text);
        return ERR_SYNTAX;
    }
    if (seen != NULL) {
        tls_digest_add(seen->digest, str_of(path));
        tls_digest_add(seen->digest, buf_str(&text));
    }
    char *folder = folder_of(path);
    struct source src = {
        .text = buf_str(&text), .name = path, .substitute = true, .folder = folder, .seen = seen};
    err = load_source(&src, diags, out_model);
    free(folder);
    buf_fini(&text);
    return err;
}

int load_text(struct str text, const char *name, bool substitute, struct diags *diags,
              struct model **out_model)
{
    struct source src = {.text = text, .name = name, .substitute = substitute};
    return load_source(&src, diags, out_model);
}
