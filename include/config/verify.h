/* SPDX-License-Identifier: MIT */
/*
 * What concerns several keys at once: addresses used twice, names used twice, redirects that come
 * back, deadlines that contradict each other. Looks at the model and, for the places, at the tree
 * it was made from. Needs neither DNS, files nor ports.
 */
#ifndef HIVEDOOR_CONFIG_VERIFY_H
#define HIVEDOOR_CONFIG_VERIFY_H

#include "config/diag.h"
#include "config/model.h"
#include "config/yaml_tree.h"

/* Adds every fault to `diags`. `m` was made from `tree`, site by site, in the same order. */
void verify_model(const struct yaml_tree *tree, const struct model *m, struct diags *diags);

#endif
