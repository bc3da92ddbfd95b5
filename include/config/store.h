/* SPDX-License-Identifier: MIT */
/*
 * The loader's walk over `certificates:`: reads every file and folder (sorted, symlinks followed,
 * hidden files and anything above 1 MiB skipped, direct subfolders
 * but none below them, as in certbot's live/NAME), feeds tls_match, and says what is
 * missing. Also the digest over all that was read.
 */
#ifndef HIVEDOOR_CONFIG_STORE_H
#define HIVEDOOR_CONFIG_STORE_H

#include "config/bundle.h"
#include "config/diag.h"
#include "config/model.h"
#include "tls/tls_match.h"

#include <stdint.h>

/* SHA-256 over the configuration file, every file substituted into it or named by its keys, every
 * certificate file's name and bytes, in a fixed order. */
struct store_digest {
    uint8_t bytes[32];
};

/*
 * Loads everything that `config_path` says: model and certificates (*out_found, the caller's:
 * bundle_fini), digest. `previous` may be NULL.
 * ERR_SYNTAX when the configuration has errors (all in `diags`); a broken or missing certificate is
 * a warning, never an error: the site is refused on 443 until it is there.
 */
int store_load(const char *config_path, const struct tls_set *previous, struct diags *diags,
               struct bundle *out_found, struct store_digest *out_digest) MUST_USE;
/* Warns of every name that none of `certs` covers; after store_load, and after whatever else may
 * have added certificates. */
void store_report_missing(const char *config_path, const struct model *m,
                          const struct tls_set *certs, struct diags *diags);
/*
 * Every path whose change may mean another configuration: the file itself, what is substituted into
 * it or named by its keys, the entries of `certificates:` and their direct subfolders. Absolute
 * where the file says so or its folder is known; some may not exist. The array and its texts are
 * the caller's (free each).
 */
void store_watch(const char *config_path, const struct model *m, char ***out_paths,
                 size_t *out_count);
/* Only the digest: reads the same bytes, parses as little as possible. A configuration with errors
 * has a digest too. ERR_IO when the file cannot be read. */
int store_digest(const char *config_path, struct store_digest *out_digest) MUST_USE;

#endif
