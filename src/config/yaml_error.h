/* SPDX-License-Identifier: MIT */
/*
 * libyaml's messages in plain language, with a remedy. Private to src/config.
 */
#ifndef HIVEDOOR_SRC_CONFIG_YAML_ERROR_H
#define HIVEDOOR_SRC_CONFIG_YAML_ERROR_H

#include "base/str.h"
#include "config/diag.h"

#include <yaml.h>

/* Adds the one diagnostic for the fault on which `parser` stopped; `text` is the whole input. */
void yaml_error_report(const yaml_parser_t *parser, struct str text, struct str file,
                       struct diags *diags);

#endif
