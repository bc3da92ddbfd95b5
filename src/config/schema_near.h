/* SPDX-License-Identifier: MIT */
/* What an unknown key was probably meant to be. Private to src/config. */
#ifndef HIVEDOOR_SRC_CONFIG_SCHEMA_NEAR_H
#define HIVEDOOR_SRC_CONFIG_SCHEMA_NEAR_H

#include "base/str.h"
#include "config/schema.h"

/*
 * Writes what follows "unknown key ... in ...": "; did you mean "timeouts"?", a hint at the map
 * where the key stands, or the list of keys that may stand here. `parent` NULL: the top level.
 */
void schema_near_key(const struct schema_key *parent, struct str name, char *dst, size_t cap);

#endif
