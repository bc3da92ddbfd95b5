/* SPDX-License-Identifier: MIT */
/*
 * From any number of PEM files to a set of usable certificates: chain and key are matched by public
 * key whatever the files are called, across all files (loader only).
 *
 * Rules: a leaf is a certificate that signs no other one given (or has a matching key); its chain
 * is built from what stands in its own file first, then from the other files. Of several
 * certificates with the same set of names and the same key kind the one that is valid now and ends
 * last wins. The set that runs (`previous`) is consulted so that nothing good is lost: where a name
 * that `previous` serves with a valid certificate of a kind would get none, or an older or an
 * expired one, the previous certificate stays and a note says so (half-written pair, vanished file,
 * stale copy).
 */
#ifndef HIVEDOOR_TLS_TLS_MATCH_H
#define HIVEDOOR_TLS_TLS_MATCH_H

#include "base/err.h"
#include "base/str.h"
#include "tls/tls_cert.h"
#include "tls/tls_places.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tls_set {
    struct tls_cert **certs; /* owned array of references */
    size_t count;
};

void tls_set_fini(struct tls_set *set);

/* What the matcher has to say; `kept` and `unused` are warnings, not errors. */
enum tls_note_kind {
    TLS_NOTE_BAD_FILE, /* PEM that does not decode, or an encrypted key */
    TLS_NOTE_NO_KEY,   /* a leaf without a key anywhere: half-written? */
    TLS_NOTE_NO_LEAF,  /* a key without a certificate */
    TLS_NOTE_KEPT,     /* the running certificate stays; text says why */
    TLS_NOTE_OLDER,    /* a certificate that was not taken: an equal newer one exists */
    TLS_NOTE_EXPIRED,  /* taken, but not valid now */
    TLS_NOTE_CHAIN,    /* the issuer's certificate is missing */
    TLS_NOTE_STAGING,  /* issued by a test CA: browsers will refuse it */
};
struct tls_note {
    enum tls_note_kind kind;
    const char *file; /* borrowed from the call's input, or NULL */
    const char *text; /* what is wrong and what to do; valid during the call */
};
typedef void (*tls_note_fn)(void *arg, const struct tls_note *note);

struct tls_matcher;
struct tls_matcher *tls_matcher_new(tls_note_fn note, void *arg);
void tls_matcher_free(struct tls_matcher *m);
/* Takes the PEM (or DER) bytes of one file; `file` is copied. Files with neither certificate nor
 * key in them are ignored unless they look like broken PEM. Returns how many objects were found. */
size_t tls_matcher_add(struct tls_matcher *m, const char *file, struct str bytes);
/*
 * Takes a file by what was in it when `past` was made, in its order. What belongs to `past` is
 * borrowed until tls_matcher_free. ERR_SYNTAX, and nothing taken, when `past` has no such objects.
 */
int tls_matcher_add_known(struct tls_matcher *m, const char *file, const struct tls_set *past,
                          const struct tls_ref *refs, size_t count) MUST_USE;
/* What the files are matched against; everything is borrowed for the call. */
struct tls_match_context {
    const struct tls_set *previous; /* the set that runs, or NULL */
    const struct str *wanted;       /* the names that sites use: previous certificates are kept */
    size_t wanted_count;            /* for these only */
    int64_t now;                    /* seconds since 1970 UTC */
};
/* Matches. Always gives a set, maybe an empty one. */
void tls_matcher_finish(struct tls_matcher *m, const struct tls_match_context *context,
                        struct tls_set *out_set);
/*
 * After tls_matcher_finish, for the `file`th that was added: where its objects
 * are now. False when some are not there, when they are too many, or when there is something to say
 * about the file each time it is read.
 */
bool tls_matcher_refs(const struct tls_matcher *m, size_t file, const struct tls_places *places,
                      struct tls_ref out_refs[static TLS_REFS_MAX], size_t *out_count);

#endif
