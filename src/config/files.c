/* SPDX-License-Identifier: MIT */
#include "config/files.h"

#include <errno.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/map.h"
#include "base/mem.h"
#include "config/htpasswd.h"
#include "tls/tls_ca.h"
#include "tls/tls_ticket_shared.h"

struct job {
    struct str config;
    struct model *model;
    struct diags *diags;
};

static struct diag_place place_of(const struct job *job, const struct model_file *f)
{
    return (struct diag_place){job->config, f->line, f->column};
}

static const char *expected(const struct model_file *f)
{
    if (str_eq(f->path, str_of(tls_ca_system()))) {
        return "the package ca-certificates to be installed, or \"verify: {ca: PATH}\" at the "
               "service";
    }
    switch (f->kind) {
    case MODEL_FILE_CA: return "a PEM file with the certificates of authorities";
    case MODEL_FILE_USERS: return "a file with users, as htpasswd -B writes it";
    case MODEL_FILE_SECRET: break;
    }
    return "32 random bytes or more, as \"openssl rand -base64 48\" writes them";
}

static void report_unreadable(const struct job *job, const struct model_file *f, const char *why)
{
    struct str shown = diag_cut(f->path);
    diags_add(job->diags, DIAG_ERROR, place_of(job, f),
              "found no readable file \"%.*s\" for %.*s (%s); expected %s", STR_FMT(shown),
              STR_FMT(f->key), why, expected(f));
}

static bool read_bytes(const struct job *job, struct model_file *f)
{
    struct buf bytes;
    buf_init(&bytes, FILES_BYTES_MAX);
    errno = 0;
    char *path = str_dup(f->path);
    int err = fd_read_file(path, &bytes);
    const char *why = err == ERR_IO && errno != 0 ? strerror(errno) : err_text(err);
    free(path);
    if (err == OK) {
        f->bytes = arena_dup(&job->model->arena, buf_str(&bytes));
    } else {
        report_unreadable(job, f, err == ERR_LIMIT ? "larger than 1 MiB" : why);
    }
    if (bytes.data != NULL) {
        mem_wipe(bytes.data, bytes.cap); /* hashes of passwords */
    }
    buf_fini(&bytes);
    return err == OK;
}

static void check_ca(const struct job *job, const struct model_file *f)
{
    size_t count;
    int err = tls_ca_check(f->bytes, &count);
    struct str shown = diag_cut(f->path);
    if (err != OK) {
        diags_add(job->diags, DIAG_ERROR, place_of(job, f),
                  "found %s in \"%.*s\" for %.*s; expected %s",
                  err == ERR_NOT_FOUND ? "no certificate" : "a broken certificate", STR_FMT(shown),
                  STR_FMT(f->key), expected(f));
    }
}

static void check_secret(const struct job *job, struct model_file *f)
{
    struct str shown = diag_cut(f->path);
    while (f->bytes.len > 0 && (uint8_t)f->bytes.ptr[f->bytes.len - 1] <= ' ') {
        f->bytes.len--; /* the line end that editors and `echo` leave */
    }
    if (f->bytes.len < TLS_TICKET_SECRET_MIN) {
        diags_add(job->diags, DIAG_ERROR, place_of(job, f),
                  "found %zu bytes in \"%.*s\" for %.*s; expected %s", f->bytes.len, STR_FMT(shown),
                  STR_FMT(f->key), expected(f));
    }
}

/* What is wrong with a line of a file of users; the hash is never shown. */
static void report_user(const struct job *job, const struct model_file *f, size_t line, int err)
{
    struct diag_place place = {f->path, (uint32_t)line, 1};
    if (err == ERR_UNSUPPORTED) {
        diags_add(job->diags, DIAG_ERROR, place,
                  "found a password that is plain or weakly hashed (MD5, SHA-1, DES); expected "
                  "bcrypt, as \"htpasswd -B FILE NAME\" writes it, or SHA-crypt ($5$, $6$)");
    } else if (err == ERR_LIMIT) {
        diags_add(job->diags, DIAG_ERROR, place,
                  "found a hash that takes too long to check; expected a bcrypt cost of at most "
                  "%d, or at most %d rounds of SHA-crypt: \"htpasswd -B FILE NAME\"",
                  HTPASSWD_BCRYPT_COST_MAX, HTPASSWD_SHA_ROUNDS_MAX);
    } else {
        diags_add(job->diags, DIAG_ERROR, place,
                  "found no NAME:HASH; expected lines as \"htpasswd -B FILE NAME\" writes them");
    }
}

/* Each check of such a hash stops a worker for a while: said once a file. */
static void warn_slow(const struct job *job, const struct model_file *f, size_t line)
{
    diags_add(job->diags, DIAG_WARNING, (struct diag_place){f->path, (uint32_t)line, 1},
              "found a hash that takes a quarter of a second or more to check; expected a bcrypt "
              "cost below %d, or less than %d rounds of SHA-crypt",
              HTPASSWD_BCRYPT_COST_SLOW, HTPASSWD_SHA_ROUNDS_SLOW);
}

static void check_name(const struct job *job, const struct model_file *f, size_t line,
                       struct str name, struct map *seen)
{
    struct str shown = diag_cut(name);
    if (map_put(seen, name, seen) != NULL) {
        diags_add(job->diags, DIAG_ERROR, (struct diag_place){f->path, (uint32_t)line, 1},
                  "found the user \"%.*s\" a second time; expected each name once", STR_FMT(shown));
    }
}

static void check_users(const struct job *job, const struct model_file *f)
{
    struct map *seen = map_new();
    struct str rest = f->bytes;
    size_t line = 0;
    size_t count = 0;
    bool has_warned = false;
    int err = OK;
    while (err != ERR_EOF) {
        struct htpasswd_user user;
        err = htpasswd_next(&rest, &line, &user);
        count += err != ERR_EOF;
        if (err == OK && user.is_slow && !has_warned) {
            warn_slow(job, f, line);
            has_warned = true;
        }
        if (err == OK) {
            check_name(job, f, line, user.name, seen);
        } else if (err != ERR_EOF) {
            report_user(job, f, line, err);
        }
    }
    if (count == 0) {
        struct str shown = diag_cut(f->path);
        diags_add(job->diags, DIAG_ERROR, place_of(job, f),
                  "found no users in \"%.*s\" for %.*s; expected %s", STR_FMT(shown),
                  STR_FMT(f->key), expected(f));
    }
    map_free(seen);
}

int files_read(const char *config_path, struct model *m, struct diags *diags)
{
    struct job job = {.config = str_of(config_path), .model = m, .diags = diags};
    size_t before = diags->errors;
    for (size_t i = 0; i < m->file_count; i++) {
        struct model_file *f = m->files[i];
        if (!read_bytes(&job, f)) {
            continue;
        }
        switch (f->kind) {
        case MODEL_FILE_CA: check_ca(&job, f); break;
        case MODEL_FILE_USERS: check_users(&job, f); break;
        case MODEL_FILE_SECRET: check_secret(&job, f); break;
        }
    }
    return diags->errors > before ? ERR_SYNTAX : OK;
}
