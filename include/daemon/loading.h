/* SPDX-License-Identifier: MIT */
/*
 * From files to something that can be served, or to diagnostics: configuration, certificates, a
 * proof that both can be built, and the supervisor's part. The body of the loader process and of
 * `hivedoor check`. Opens files; needs no network, no root and no free port.
 */
#ifndef HIVEDOOR_DAEMON_LOADING_H
#define HIVEDOOR_DAEMON_LOADING_H

#include "base/buf.h"
#include "base/err.h"
#include "config/bundle.h"
#include "config/diag.h"
#include "config/model.h"
#include "tls/tls_match.h"

#include <stddef.h>

struct loading_want {
    const char *config_path;
    const char
        *local_ca; /* folder of the local CA that signs for names without a certificate, or NULL */
    const struct bundle_past *past; /* what runs, or NULL */
};

struct loading {
    struct model *model;     /* owned */
    struct tls_set certs;    /* owned */
    struct bundle_plan plan; /* owned */
    struct buf recall;       /* owned: for the next loader */
    size_t names;            /* of loading_count_names: names of the sites */
    size_t names_covered;    /* of which this many have a certificate */
};

/* Fills all of `out`, or returns ERR_SYNTAX with everything said in `diags`, and `out` untouched.
 * A certificate that OpenSSL cannot use is dropped with a warning. */
int loading_run(const struct loading_want *want, struct diags *diags, struct loading *out) MUST_USE;
/* Fills in how many names there are, for who shows it. */
void loading_count_names(struct loading *l);
void loading_fini(struct loading *l);

#endif
