/* SPDX-License-Identifier: MIT */
/* A TLS server stream that echoes, and OpenSSL's client at the other end of a socket pair. */
#ifndef HIVEDOOR_TESTS_TLS_PEER_H
#define HIVEDOOR_TESTS_TLS_PEER_H

#include <openssl/ssl.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "tls/tls_stream.h"

#define ROUNDS_MAX 200000
#define BIG        (1024 * 1024)

struct peer_keys {
    EVP_PKEY *ec;
    EVP_PKEY *rsa;
};

/* The server side: one stream that echoes. */
struct peer {
    struct loop *loop;
    struct tls_worker *worker;
    struct tls_ticket_ring ring;
    struct tls_set set;
    struct tls_server *server;
    struct stream *stream;
    int handshake; /* what it last said */
    int read_rc;   /* how reading ended; OK while it goes on */
    struct buf held;
    size_t step;    /* sizes of reads and writes vary with it */
    unsigned calls; /* how often it was told something */
    bool close_when_told;
    SSL_CTX *client_ctx;
    SSL *client;
    int fd;
};

/* A server with "a.com b.com" (ECDSA and RSA) and "c.com"; `default_name` may be empty. */
void peer_start(struct peer *p, const struct peer_keys *keys, const char *default_name);
void peer_stop(struct peer *p);
/* A connection; `version` 0 for any, `name` may be NULL. */
void peer_dial(struct peer *p, int version, const char *name);
/* Ends it; the server stays. */
void peer_drop(struct peer *p);
/* The stream's callback. */
void peer_on_ready(void *arg, unsigned ready);
/* Drives both sides until the client's handshake ends and the server's is decided. 1 on success. */
int peer_connect(struct peer *p);
/* Sends `len` bytes through the server and back, in odd pieces. */
void peer_echo(struct peer *p, size_t len);

#endif
