/* SPDX-License-Identifier: MIT */
/*
 * Requests counted by site, status and reason. The label text of such a count is long and seldom
 * new, so the cells used last are remembered. One of each generation: a site is known by its
 * address.
 */
#ifndef HIVEDOOR_SRC_PROXY_TALLY_H
#define HIVEDOOR_SRC_PROXY_TALLY_H

#include "base/err.h"
#include "config/model.h"
#include "stats/counter.h"

#include <stdint.h>

struct tally;

/* `slot` is borrowed. */
struct tally *tally_new(struct slot *slot);
/* Accepts NULL. */
void tally_free(struct tally *t);
/* `site` is of the generation, or NULL where none was found. */
void tally_request(struct tally *t, const struct model_site *site, uint16_t status, enum why why);

#endif
