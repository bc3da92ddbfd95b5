/* SPDX-License-Identifier: MIT */
/*
 * Reads the files that a model refers to (certificate authorities, users) and looks whether they
 * are what they must be. Loader and `check` only: whoever serves gets the bytes in the bundle.
 */
#ifndef HIVEDOOR_CONFIG_FILES_H
#define HIVEDOOR_CONFIG_FILES_H

#include "base/err.h"
#include "config/diag.h"
#include "config/model.h"

#define FILES_BYTES_MAX (1024u * 1024) /* of one file */

/* Attaches the bytes of every file to the model. All faults go into `diags`; ERR_SYNTAX if there
 * was one. `config_path` stands for the file in them. */
int files_read(const char *config_path, struct model *m, struct diags *diags) MUST_USE;

#endif
