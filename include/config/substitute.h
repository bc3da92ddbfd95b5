/* SPDX-License-Identifier: MIT */
/*
 * ${NAME} and ${file:/path} in the texts of a tree: replaced after parsing, so what they hold can
 * never become keys, lists or comments. Loader and `check` only; the bundle's text has none left.
 * What is inserted is not looked at again. "$${" stands for a plain "${".
 *
 * The diagnostics name the variable or the file, never its value.
 */
#ifndef HIVEDOOR_CONFIG_SUBSTITUTE_H
#define HIVEDOOR_CONFIG_SUBSTITUTE_H

#include "base/buf.h"
#include "base/err.h"
#include "config/diag.h"
#include "config/yaml_tree.h"
#include "tls/tls_digest.h"

#define SUBSTITUTE_MAX (64u * 1024) /* bytes of one text after substitution, and of one file */

/* What is noted of every file that is read besides, also of one that cannot be read. */
struct substitute_seen {
    struct buf *paths;         /* gets each path and a newline; borrowed */
    struct tls_digest *digest; /* gets path and bytes; borrowed */
};

/*
 * Replaces in every scalar and key. An unset variable, an unreadable file, or contents that are not
 * one line of UTF-8 are errors at the text's place; the node becomes YAML_TREE_BAD. Relative paths
 * start at `folder`. Line ends at the end of a file are dropped. `seen`
 * may be NULL.
 */
int substitute_tree(struct yaml_tree *tree, const char *folder, struct diags *diags,
                    const struct substitute_seen *seen) MUST_USE;

#endif
