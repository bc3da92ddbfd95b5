/* SPDX-License-Identifier: MIT */
/*
 * A TLS stream, of either side: the stream ops over OpenSSL behind an own pair of BIOs. Ciphertext
 * is read into one large scratch buffer of the worker and served from there; records written gather
 * in the stream's output buffer and go out once a loop turn. No other floor knows OpenSSL.
 */
#ifndef HIVEDOOR_TLS_TLS_STREAM_H
#define HIVEDOOR_TLS_TLS_STREAM_H

#include "net/stream.h"
#include "tls/tls_client.h"
#include "tls/tls_server.h"

#include <stdbool.h>

/*
 * An owner that wants STREAM_READABLE reads when told, or drops the interest: what is left inside
 * is announced again after each read that stopped early and whenever the interest is set.
 *
 * What a worker's TLS streams share: the ciphertext scratch and the list of streams with output to
 * send at the end of the turn.
 */
struct tls_worker;
struct tls_worker *tls_worker_new(struct loop *loop);
/* Sends what waits for the end of the turn now. */
void tls_worker_flush(struct tls_worker *w);
/* Every stream must be closed before. Accepts NULL. */
void tls_worker_free(struct tls_worker *w);

/* Takes the descriptor and a reference on `server`. Nothing is wanted yet. Never NULL. */
struct stream *tls_stream_accept(struct tls_worker *w, struct tls_server *server, int fd,
                                 stream_fn fn, void *arg);
/* The same as the client of a service. */
struct stream *tls_stream_connect(struct tls_worker *w, struct tls_client *client, int fd,
                                  stream_fn fn, void *arg);
/* Bytes already read from the descriptor (behind a PROXY header), before the first call of
 * tls_stream_handshake; at most TLS_EARLY_MAX. They are copied. */
#define TLS_EARLY_MAX (64 * 1024)
void tls_stream_feed(struct stream *s, struct str early);
/*
 * Drives the handshake; call when readable (and once at the start). OK when done (stays OK),
 * ERR_AGAIN, ERR_TLS, ERR_NOT_FOUND (refused: no certificate for the name; alert sent),
 * ERR_DENIED (the peer's certificate is not accepted, or missing where it must be; alert sent),
 * ERR_PROTOCOL (the first bytes are plain HTTP), ERR_EOF (closed before the first byte) or
 * ERR_RESET. After a failure the same answer comes again. After ERR_PROTOCOL what is written goes
 * out as it is, so that the client can be told in its own language; nothing can be read.
 */
int tls_stream_handshake(struct stream *s) MUST_USE;

struct tls_info {
    struct str sni;      /* lower case; empty if none was sent */
    struct str alpn;     /* chosen, empty if none */
    const char *version; /* "TLSv1.3" */
    const char *cipher;
    const char *group; /* key exchange, "" if unknown */
    bool resumed;
    bool is_default; /* by the default certificate: none has the name that was asked for */
};
/* After the handshake; borrowed from the stream. */
void tls_stream_info(const struct stream *s, struct tls_info *out_info);
/* Whether the certificate of this connection covers `host` (lower case). */
bool tls_stream_covers(const struct stream *s, struct str host);
/*
 * Whether a request for `host` (lower case), which asks clients for a certificate, may be answered
 * here, by what `now`, the server side of the current generation, asks: only on a connection that
 * was opened for this very name, under the same authority, by a client that showed what is required
 * and is still in time. False for a host that `now` does not know.
 */
bool tls_stream_admits(const struct stream *s, const struct tls_server *now, struct str host);
/* The client's verified certificate, or NULL; borrowed from the stream. */
const struct tls_peer *tls_stream_peer(const struct stream *s);
/* A few words for the log on the last OpenSSL error of this stream ("unsupported protocol"), or on
 * what is wrong with the peer's certificate ("certificate has expired"); static storage. */
const char *tls_stream_error(const struct stream *s);

#endif
