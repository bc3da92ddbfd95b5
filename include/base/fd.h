/* SPDX-License-Identifier: MIT */
/*
 * File descriptors: close-on-exec always, passing them between own processes, sealed memory files,
 * bounded whole-file reads. Blocking reads of regular files: supervisor and loader only.
 */
#ifndef HIVEDOOR_BASE_FD_H
#define HIVEDOOR_BASE_FD_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Closes *fd if >= 0 and sets it to -1. */
void fd_close(int *fd);
int fd_set_nonblocking(int fd) MUST_USE;
int fd_set_cloexec(int fd, bool on) MUST_USE;
/* A connected pair of SOCK_SEQPACKET sockets, non-blocking, close-on-exec. */
int fd_pair(int out_fds[static 2]) MUST_USE;

#define FD_PASS_MAX 64
/*
 * Sends one datagram with up to FD_PASS_MAX descriptors (borrowed). ERR_AGAIN when the socket is
 * full, ERR_RESET when the peer is gone.
 */
int fd_send(int sock, const void *data, size_t len, const int *fds, size_t nfds) MUST_USE;
/* What came with a datagram. */
struct fd_received {
    size_t len;           /* bytes of data */
    size_t nfds;          /* descriptors, the caller's from now on, close-on-exec */
    int fds[FD_PASS_MAX]; /* the first `nfds` count */
};
/*
 * Receives one datagram into `data`. ERR_AGAIN, ERR_EOF, or ERR_LIMIT when the datagram or its
 * descriptors did not fit (all closed).
 */
int fd_recv(int sock, void *data, size_t cap, struct fd_received *out_got) MUST_USE;

/* Whether the other end of a stream socket is gone, or will say nothing more: bytes of its that
 * were not read yet do not matter. */
bool fd_is_hung_up(int fd);

/* An empty memory file that takes seals: close-on-exec and, where the host can, never executable.
 */
int fd_memory(const char *name, int *out_fd) MUST_USE;
/* A memory file with these bytes, sealed against writing, growing and shrinking. */
int fd_sealed(const char *name, const void *data, size_t len, int *out_fd) MUST_USE;
/* Maps a sealed memory file read-only; ERR_DENIED if it is not sealed, ERR_LIMIT above `max`. */
int fd_map_sealed(int fd, size_t max, const void **out_data, size_t *out_len) MUST_USE;
void fd_unmap(const void *data, size_t len);

/* Appends a regular file's bytes to `out` (its limit bounds the size). errno is kept on ERR_IO;
 * ERR_UNSUPPORTED if it is not a regular file. */
int fd_read_file(const char *path, struct buf *out) MUST_USE;
/* Writes all, going on after EINTR and short writes. Blocking. */
int fd_write_all(int fd, const void *data, size_t len) MUST_USE;

#endif
