/* SPDX-License-Identifier: MIT */
/* The table itself, apart from the code that walks it. Private to src/config. */
#ifndef HIVEDOOR_SRC_CONFIG_SCHEMA_TABLE_H
#define HIVEDOOR_SRC_CONFIG_SCHEMA_TABLE_H

#include "config/schema.h"

extern const struct schema_key schema_table[];
extern const size_t schema_table_count;

#endif
