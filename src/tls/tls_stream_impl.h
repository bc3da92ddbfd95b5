/* SPDX-License-Identifier: MIT */
/*
 * What tls_stream.c (life, handshake, events), tls_stream_in.c (reading) and tls_stream_out.c
 * (writing) share. Nobody else includes it.
 */
#ifndef HIVEDOOR_TLS_STREAM_IMPL_H
#define HIVEDOOR_TLS_STREAM_IMPL_H

#include "tls/tls_stream.h"

#include <openssl/ssl.h>

#include "base/buf.h"
#include "base/fold.h"
#include "base/list.h"
#include "tls/tls_bio.h"

#define TLS_RECORD_MAX 16384        /* RFC 8446 section 5.1 */
#define TLS_SCRATCH    (132 * 1024) /* most ciphertext received at once: 128 kB of plain text */
#define TLS_FILLS_MAX  4            /* receives a call, then the next turn goes on */
#define TLS_SPARES     16           /* output memory kept for the next writer */
/* Above STREAM_OUT_HIGH nothing more is taken; the last record and an alert must still fit. */
#define TLS_OUT_LIMIT (STREAM_OUT_HIGH + 4 * TLS_RECORD_MAX)

struct tls_worker {
    struct loop *loop; /* borrowed */
    struct loop_hook hook;
    struct list dirty; /* streams with output to send at the end of the turn */
    struct bio_method_st *bio_method;
    struct buf spares[TLS_SPARES]; /* empty, with memory */
    size_t spare_count;
    uint8_t cipher[TLS_SCRATCH];   /* ciphertext, as received */
    uint8_t plain[TLS_RECORD_MAX]; /* small pieces gathered into one record */
};

enum tls_state {
    TLS_HANDSHAKE,
    TLS_OPEN,
    TLS_PLAIN,  /* the client spoke plain HTTP: written bytes go out as they are */
    TLS_FAILED, /* the handshake or the protocol failed; what waits is still sent */
    TLS_CLOSED, /* freed at the end of the turn */
};

struct tls_stream {
    struct stream base; /* first */
    struct tls_worker *worker;
    struct tls_server *server; /* a reference; NULL: we are the client */
    struct tls_client *client; /* a reference; NULL: we are the server */
    SSL *ssl;                  /* owned; NULL if it could not be made, and once closed */
    struct fold *folded;       /* what `ssl` holds while the stream rests; NULL else */
    struct tls_bio bio;
    struct tls_pick pick;
    struct buf in;          /* ciphertext received and not yet given to OpenSSL */
    struct buf out;         /* records not yet in the kernel */
    struct list dirty;      /* on the worker's list while there is output to send */
    struct loop_task again; /* announces what is left inside */
    enum tls_state state;
    int failed_rc;         /* what the handshake says in TLS_PLAIN and TLS_FAILED */
    int read_rc;           /* OK, or how reading ended */
    int write_rc;          /* OK, or how writing ended */
    unsigned long error;   /* OpenSSL's */
    long verdict;          /* on the peer's certificate; X509_V_OK */
    struct tls_peer *peer; /* owned; the client's certificate, NULL if it has none */
    bool serves_left;      /* the window lies in `in`, not in the worker's scratch */
    bool more;             /* the last read stopped before everything inside was read */
    bool spoke;            /* the client's first bytes were looked at */
    bool blocked;          /* the kernel takes no more */
    bool ending;           /* close_notify was written */
    bool ended;            /* and the FIN sent */
};

static inline struct tls_stream *tls_stream_of(struct stream *s)
{
    return CONTAINER_OF(s, struct tls_stream, base);
}

/* The stream rests no more; before anything that looks at `ssl`. */
static inline void tls_stream_stir(struct tls_stream *s)
{
    if (s->folded != NULL) {
        fold_undo(s->folded);
        s->folded = NULL;
    }
}

/* tls_stream.c: the one place that changes a state, and the one that arms the watch. */
void tls_stream_set_state(struct tls_stream *s, enum tls_state to);
void tls_stream_interest(struct tls_stream *s);
/* Sees to it that the owner hears at the end of the turn of what is left inside. */
void tls_stream_announce(struct tls_stream *s);
/* What OpenSSL said when it returned `ret`: ERR_AGAIN, ERR_EOF, ERR_RESET or ERR_TLS. */
int tls_stream_ssl_error(struct tls_stream *s, int ret);

/* tls_stream_in.c: the window over the ciphertext. Opened, filled and closed within one call. */
void tls_window_open(struct tls_stream *s);
void tls_window_close(struct tls_stream *s);
/* Receives for about `cap` bytes of plain text into an empty window. `*out_drained`: the kernel has
 * no more. OK, ERR_AGAIN, ERR_EOF (FIN), ERR_RESET. */
int tls_window_fill(struct tls_stream *s, size_t cap, bool *out_drained);
int tls_stream_read(struct stream *st, void *dst, size_t cap, size_t *out_n);

/* tls_stream_out.c */
int tls_stream_write(struct stream *st, const struct iovec *iov, int iovcnt, size_t *out_n);
int tls_stream_flush(struct stream *st);
int tls_stream_shutdown(struct stream *st);
size_t tls_stream_unsent(const struct stream *st);
/* Sends what the kernel takes: OK (nothing left), ERR_AGAIN, ERR_RESET or ERR_IO. */
int tls_out_send(struct tls_stream *s);
/* Puts the stream on the worker's list if it has something to send. */
void tls_out_mark(struct tls_stream *s);
/* Memory for writing, from the worker's spares if there are any. */
void tls_out_open(struct tls_stream *s);
void tls_out_release(struct tls_stream *s);

#endif
