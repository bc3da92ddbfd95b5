/* SPDX-License-Identifier: MIT */
/*
 * The loader's walk over `certificates:`: reads every file and folder (sorted, symlinks followed,
 * hidden files and anything above 1 MiB skipped, direct subfolders
 * but none below them, as in certbot's live/NAME), feeds tls_match, and says what is
 * missing. Also the digest over all that was read.
 */
#ifndef HIVEDOOR_CONFIG_STORE_H
#define HIVEDOOR_CONFIG_STORE_H

#include "base/buf.h"
#include "config/bundle.h"
#include "config/diag.h"
#include "config/model.h"
#include "tls/tls_match.h"

#include <stdint.h>

/* What one look at all files gave; nothing is read twice. */
struct store_found {
    struct bundle bundle; /* model and certificates, but no id */
    struct buf recall;    /* what the next loader need not read again, as long as the certificates
                             stay as they are */
    uint8_t digest[32];   /* SHA-256 over the configuration file, every file substituted into it or
                             named by its keys, every certificate file's name and bytes, in a fixed
                             order: over what was read, so that a later change is seen as one */
    /*
     * Owned: every path whose change may mean another configuration: the file itself, what is
     * substituted into it or named by its keys, the entries of `certificates:` and their direct
     * subfolders. Absolute where the file says so or its folder is known; some may not exist.
     */
    char **watch;
    size_t watch_count;
};

/*
 * Loads everything that `config_path` says. `past` is what runs, or NULL: files that look as they
 * did then are not read, and certificates that are good are kept (tls_match). `out` is the
 * caller's: store_found_fini. ERR_SYNTAX when the configuration has errors (all in `diags`); a
 * broken or missing certificate is a warning, never an error: the site is refused on 443 until it
 * is there.
 */
int store_load(const char *config_path, const struct bundle_past *past, struct diags *diags,
               struct store_found *out) MUST_USE;
void store_found_fini(struct store_found *f);
/* Warns of every name that none of `certs` covers; after store_load, and after whatever else may
 * have added certificates. */
void store_report_missing(const char *config_path, const struct model *m,
                          const struct tls_set *certs, struct diags *diags);

#endif
