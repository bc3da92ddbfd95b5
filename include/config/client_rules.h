/* SPDX-License-Identifier: MIT */
/*
 * What the sites of a model ask of clients in the TLS handshake, name by name, as tls_server takes
 * it. Loader (its proof) and workers.
 */
#ifndef HIVEDOOR_CONFIG_CLIENT_RULES_H
#define HIVEDOOR_CONFIG_CLIENT_RULES_H

#include "config/model.h"
#include "tls/tls_auth.h"

/* Rules of every name, or none at all if no site asks for certificates. The array is the caller's
 * (free); names and PEM are borrowed from the model, to which its files must be attached. */
size_t client_rules(const struct model *m, struct tls_auth_rule **out_rules);

#endif
