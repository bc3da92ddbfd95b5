/* SPDX-License-Identifier: MIT */
/*
 * Memory that nobody will look at for a while, as that of idle connections: what is not zero in it
 * is kept in a small piece, its whole pages go back to the host, and its address stays taken.
 * Libraries' structs are mostly zeros: 1.5 of OpenSSL's 7.6 kB a connection are not.
 *
 * For whoever owns a piece of malloc's and knows all ways to it. Nobody may touch it between
 * fold_new and fold_undo: it reads as zeros, and what is written there is lost. Builds with the
 * address sanitizer report every touch; tests of what is folded run with it.
 */
#ifndef HIVEDOOR_BASE_FOLD_H
#define HIVEDOOR_BASE_FOLD_H

#include <stddef.h>

struct fold;

/* Folds the whole pages of a piece that came from malloc (borrowed). The content of its first
 * `keep` bytes comes back, and is zeroed where it was, as it may be secret; what is behind them may
 * be zero then. NULL: nothing would be saved, and nothing has changed. */
struct fold *fold_new(void *piece, size_t keep);
/* Everything is where it was, and `f` is wiped and freed. Accepts NULL. */
void fold_undo(struct fold *f);

/* Bytes that are folded now; heap_used counts them still. */
size_t fold_bytes(void);

#endif
