/* SPDX-License-Identifier: MIT */
/*
 * ACME HTTP-01 answers that a client (lecli, certbot) put into a folder: FOLDER/TOKEN, or
 * FOLDER/.well-known/acme-challenge/TOKEN. The supervisor reads them for the workers, which cannot
 * open files. The token comes from the network and has been checked by the worker; it is checked
 * again here, and the path cannot leave the folder.
 */
#ifndef HIVEDOOR_DAEMON_CHALLENGE_FOLDER_H
#define HIVEDOOR_DAEMON_CHALLENGE_FOLDER_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>

#define CHALLENGE_TOKEN_MAX  128
#define CHALLENGE_ANSWER_MAX 4096

/* 1..128 bytes of the base64url alphabet (RFC 8555 section 8.3). */
bool challenge_token_ok(struct str token);
/*
 * Appends the exact bytes of the token's file to `out`. Regular files only, symbolic links that
 * stay inside the folder are followed, never blocks on a pipe. ERR_NOT_FOUND (also for a bad token
 * or an unreadable file), ERR_LIMIT above CHALLENGE_ANSWER_MAX bytes.
 */
int challenge_folder_read(const char *folder, struct str token, struct buf *out) MUST_USE;

#endif
