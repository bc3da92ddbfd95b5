/* SPDX-License-Identifier: MIT */
/*
 * The load generator of the bench: what wrk and h2load cannot do. One thread, epoll, OpenSSL.
 *
 *   load.c       options, the loop, who starts when
 *   load_conn.c  one connection: connect, handshake, requests and answers
 *   load_h2.c    requests over HTTP/2
 *   load_say.c   what came out, as one JSON object
 *
 * Latency counts from when a request was due, not from when it was sent: a server that stalls is
 * charged for those who had to wait.
 *
 * SIGUSR1 forgets the latencies so far, SIGTERM ends the work: whoever measures beside a storm says
 * when it begins and when it is over.
 */
#ifndef HIVEDOOR_BENCH_LOAD_H
#define HIVEDOOR_BENCH_LOAD_H

#include <netinet/in.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum load_mode {
    LOAD_CLOSED,    /* each connection asks again as soon as it is answered */
    LOAD_TOGETHER,  /* all connections ask together, once all are answered */
    LOAD_OPEN,      /* requests are due at a constant rate, whoever is free sends them */
    LOAD_HANDSHAKE, /* a connection for each request */
    LOAD_IDLE,      /* one request each, then the connections are held until standard input ends */
};

struct load_options {
    enum load_mode mode;
    struct sockaddr_in to;
    const char *sni;
    const char *path;
    bool plain;           /* no TLS */
    bool resume;          /* handshakes with the ticket of the one before */
    bool h2;              /* HTTP/2: idle mode and together */
    unsigned streams;     /* HTTP/2: a connection asks on so many together */
    bool websocket;       /* a request to switch, and no more: idle mode */
    unsigned connections; /* at a time */
    unsigned at_once;     /* idle mode: so many are made at a time; 0: all */
    double rate;          /* open mode: requests a second */
    double seconds;       /* 0: no bound */
    uint64_t requests;    /* 0: no bound */
    size_t upload;        /* bytes of each request's body */
};

enum conn_state {
    CONN_CLOSED,
    CONN_CONNECTING,
    CONN_HANDSHAKING,
    CONN_FREE, /* could send a request */
    CONN_SENDING,
    CONN_RECEIVING,
};

struct load;

#define H2_STREAMS_MAX 100
#define H2_REQUEST_MAX (512 + H2_STREAMS_MAX * 16)

struct conn {
    struct load *load;
    enum conn_state state;
    int fd;
    SSL *ssl;
    uint64_t due_us;     /* of the request under way */
    const char *request; /* ... the load's; HTTP/2: `own` */
    size_t request_len;
    size_t sent;              /* bytes of it */
    char own[H2_REQUEST_MAX]; /* HTTP/2: the requests under way */
    uint32_t stream;          /* HTTP/2: the next one; 0: nothing was asked yet */
    unsigned streams_left;    /* HTTP/2: so many are not answered */
    char head[4096];          /* of the answer, until its end; of a frame with HTTP/2 */
    size_t head_len;          /* bytes in it */
    bool in_body;             /* HTTP/2: of a frame */
    bool is_last;             /* HTTP/2: the frame ends the answer */
    bool is_status;           /* HTTP/2: the next byte says the status */
    uint64_t body_left;
    struct conn *next; /* in load->free */
};

struct load {
    struct load_options options;
    SSL_CTX *ctx;
    SSL_SESSION *session; /* newest, with `resume` */
    int epoll;
    struct conn *conns;
    struct conn *free; /* waiting for a request to be due: the one that waits longest first */
    struct conn *free_last;
    unsigned free_count;
    char *request; /* head and body */
    size_t request_len;
    uint64_t started_us;
    uint64_t next_due_us; /* open mode */
    bool is_warm;         /* open mode: all connections stand, the clock runs */
    bool is_over;         /* nothing new is begun */
    unsigned begun;       /* idle mode: connections so far */

    uint64_t asked;
    uint64_t answered;
    uint64_t failed;
    uint64_t handshakes;
    uint64_t resumed;
    uint64_t bytes_in;
    uint64_t *latencies; /* of those answered, us */
    size_t latency_count;
    size_t latency_cap;
};

uint64_t load_now_us(void);
/* Ends the program with a sentence. */
_Noreturn void load_die(const char *what);

void load_read_options(struct load_options *o, int argc, char **argv);

/* Begins to connect a closed connection. */
void conn_open(struct conn *c);
/* Sends a request, due then, on a free connection. */
void conn_ask(struct conn *c, uint64_t due_us);
/* Goes on after an event. */
void conn_step(struct conn *c);
void conn_close(struct conn *c);
/* > 0 bytes, 0: later, < 0: over. */
ssize_t conn_put(struct conn *c, const char *bytes, size_t len);

/* Makes c->own what its next streams ask; the first time with what begins a connection. */
void h2_request(struct conn *c);
/* Takes bytes of the server. 1: all streams are answered, 0: not yet, < 0: the server gave up. */
int h2_take(struct conn *c, const char *in, size_t len);

/* Called by conn: it could send a request; it got its answer; it broke. May close or ask. */
void load_on_free(struct conn *c);
void load_on_answer(struct conn *c);
void load_on_failure(struct conn *c);

void load_say(const struct load *l, double seconds);

#endif
