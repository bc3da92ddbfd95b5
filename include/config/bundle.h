/* SPDX-License-Identifier: MIT */
/*
 * What a loader hands over: one sealed memory file with the normalised configuration, the files it
 * refers to, the certificates, and a short part for the supervisor, which parses neither YAML nor
 * PEM. Two are written: the workers' with keys and files, the keeper's without.
 *
 * The reader treats it as untrusted input: sizes, counts and ranges are checked.
 */
#ifndef HIVEDOOR_CONFIG_BUNDLE_H
#define HIVEDOOR_CONFIG_BUNDLE_H

#include "base/addr.h"
#include "base/err.h"
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
    struct model *model;  /* owned */
    struct tls_set certs; /* owned; without keys in the keeper's */
};

void bundle_fini(struct bundle *b);

/*
 * Writes the sealed file. `model` and `certs` are borrowed. ERR_LIMIT above BUNDLE_MAX.
 */
int bundle_write(const struct bundle_plan *plan, const struct model *model,
                 const struct tls_set *certs, bool with_keys, int *out_fd) MUST_USE;
/* Only the supervisor's part; the rest is not looked at. */
int bundle_read_plan(int fd, struct bundle_plan *out_plan) MUST_USE;
/* Everything, the bytes of files attached to the model; for keeper, worker and the next loader. */
int bundle_read(int fd, struct bundle *out_bundle) MUST_USE;

#endif
