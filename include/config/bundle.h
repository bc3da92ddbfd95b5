/* SPDX-License-Identifier: MIT */
/*
 * What a loader hands over: two sealed memory files. The common one holds the normalised
 * configuration, the certificates without their keys, and a short part for the supervisor, which
 * parses neither YAML nor PEM; keeper and workers map it and share its pages. The other one holds
 * the secrets: keys, and the files that the configuration refers to. Only workers and the next
 * loader get it.
 *
 * The reader treats it as untrusted input: sizes, counts and ranges are checked.
 */
#ifndef HIVEDOOR_CONFIG_BUNDLE_H
#define HIVEDOOR_CONFIG_BUNDLE_H

#include "base/addr.h"
#include "base/err.h"
#include "base/sealed.h"
#include "config/model.h"
#include "tls/tls_match.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BUNDLE_MAX        (256u * 1024 * 1024)
#define BUNDLE_LISTEN_MAX 32

/* For the supervisor only. */
struct bundle_plan {
    struct addr http[BUNDLE_LISTEN_MAX];
    size_t http_count;
    struct addr https[BUNDLE_LISTEN_MAX];
    size_t https_count;
    struct addr admin; /* len 0: off */
    uint32_t workers;  /* 0: auto */
    uint32_t drain_ms;
    uint8_t log_level;      /* enum log_level */
    uint8_t access;         /* enum model_access */
    uint8_t digest[32];     /* SHA-256 over every byte that was read: equal means unchanged */
    char *challenge_folder; /* owned, NUL-terminated, NULL if none */
    char **watch;           /* owned: files and folders to watch */
    size_t watch_count;
};

void bundle_plan_fini(struct bundle_plan *plan);

struct bundle {
    struct model *model;  /* owned; of an equal configuration it is the one that runs */
    struct tls_set certs; /* owned; without keys in the keeper's */
    uint8_t id[32];       /* of configuration and files: the same means an equal model */
};

/* What the next loader wants to know of this one. */
struct bundle_past {
    struct tls_set certs; /* owned, with keys */
    struct str recall;    /* what is remembered of files; lies in `home` */
    struct sealed *home;  /* a reference, or NULL */
};

void bundle_past_fini(struct bundle_past *p);

void bundle_fini(struct bundle *b);

/* The two files; -1: not there. */
struct bundle_fds {
    int common;
    int secrets;
};
#define BUNDLE_NO_FDS ((struct bundle_fds){-1, -1})
void bundle_fds_close(struct bundle_fds *fds);

/* What goes into a bundle; all borrowed. */
struct bundle_content {
    const struct bundle_plan *plan;
    const struct model *model;
    const struct tls_set *certs;
    struct str recall; /* for the next loader; may be empty */
};

/* Writes both, which are the caller's. ERR_LIMIT above BUNDLE_MAX. */
int bundle_write(const struct bundle_content *content, struct bundle_fds *out_fds) MUST_USE;
/* Only the supervisor's part of the common file; the rest is not looked at. */
int bundle_read_plan(int fd, struct bundle_plan *out_plan) MUST_USE;
/* What runs: a configuration that has not changed is not read again. */
struct bundle_known {
    struct model *model;
    uint8_t id[32];
};

/* Where a bundle is read from; both borrowed. */
struct bundle_source {
    int common;
    struct sealed *secrets;           /* NULL: without them */
    const struct bundle_known *known; /* NULL: nothing runs yet */
};

/*
 * Everything, for keeper, worker and the next loader. Certificates stay mapped, and hold on to the
 * mapping; secrets are copied. Without these there are no keys, and the model's files have no
 * bytes.
 */
int bundle_read(const struct bundle_source *source, struct bundle *out_bundle) MUST_USE;
/* The same without a model: all that the next loader needs to know. */
int bundle_read_past(const struct bundle_source *source, struct bundle_past *out_past) MUST_USE;

#endif
