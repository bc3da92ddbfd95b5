/* SPDX-License-Identifier: MIT */
/*
 * A sealed memory file, mapped read-only and counted: what lies in it is used where it lies, and
 * processes that map the same one share its pages. For what nobody may change; secrets are copied
 * out instead, since nobody can zero what is sealed.
 */
#ifndef HIVEDOOR_BASE_SEALED_H
#define HIVEDOOR_BASE_SEALED_H

#include "base/err.h"
#include "base/str.h"

#include <stddef.h>

struct sealed;

/* One reference, the caller's; the descriptor stays with the caller. Errors as fd_map_sealed. */
int sealed_open(int fd, size_t max, struct sealed **out_sealed) MUST_USE;
struct sealed *sealed_ref(struct sealed *s);
/* The last reference gone: unmapped. Accepts NULL. */
void sealed_unref(struct sealed *s);
/* All of it, valid as long as a reference is held. */
struct str sealed_bytes(const struct sealed *s);

#endif
