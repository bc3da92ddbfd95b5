/* SPDX-License-Identifier: MIT */
/*
 * Reads a configuration file (or text) into a model. Needs neither DNS, root nor free ports. Loader
 * and `hivedoor check` use load_file; keeper and workers use load_text on the bundle's text, where
 * nothing is left to be substituted.
 */
#ifndef HIVEDOOR_CONFIG_LOAD_H
#define HIVEDOOR_CONFIG_LOAD_H

#include "base/buf.h"
#include "config/diag.h"
#include "config/model.h"
#include "config/substitute.h"

#include <stdbool.h>

/*
 * Reads, substitutes ${NAME} and ${file:PATH}, checks everything, fills in defaults. On errors
 * *out_model is not written, ERR_SYNTAX is returned and `diags` says all; warnings may come with
 * OK. `seen` (may be NULL) is told of `path` (its digest only) and of what is read besides for
 * ${file:}.
 */
int load_file(const char *path, struct diags *diags, const struct substitute_seen *seen,
              struct model **out_model) MUST_USE;
/* The same from text; `name` stands for the file in diagnostics, relative paths stay as they are,
 * and ${...} is not substituted if `substitute` is false. */
int load_text(struct str text, const char *name, bool substitute, struct diags *diags,
              struct model **out_model) MUST_USE;
/* The effective configuration as YAML, every default written out: what `check --dump` prints.
 * load_text gives an equal model from it. */
int load_dump(const struct model *m, struct buf *out) MUST_USE;
/* The same without what sites and routes have by default: what the bundle carries, since every
 * worker reads it between two events. */
int load_dump_brief(const struct model *m, struct buf *out) MUST_USE;

#endif
