/* SPDX-License-Identifier: MIT */
/*
 * What OpenSSL alone costs: the server's side of handshakes and records over memory, without any
 * network. Prints one JSON object: nanoseconds of CPU an operation; or bytes that an idle
 * connection keeps, counted by an allocator that would slow the others down.
 *
 *   floor CHAIN.pem KEY.pem [held]
 *   floor CHAIN.pem KEY.pem records    4000 small requests and answers of 1 kB, to be counted by
 *                                      valgrind --tool=callgrind --toggle-collect=answer
 */
#include <malloc.h>
#include <openssl/crypto.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define HANDSHAKES 400
#define RECORDS    4000
#define HELD       200
#define REQUEST    34   /* bytes of a request's head and of an answer of 1 kB, as they are */
#define ANSWER     1105 /* in the bench's HTTP/1.1 */

struct pair {
    SSL *server;
    SSL *client;
};

static void die(const char *what)
{
    (void)fprintf(stderr, "floor: %s\n", what);
    exit(1);
}

static uint64_t cpu_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static SSL_CTX *server_ctx(const char *chain, const char *key, unsigned tickets)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

    if (ctx == NULL || SSL_CTX_use_certificate_chain_file(ctx, chain) != 1 ||
        SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_set1_groups_list(ctx, "X25519") != 1 ||
        SSL_CTX_set_ciphersuites(ctx, "TLS_AES_128_GCM_SHA256") != 1) {
        die("cannot use the certificate");
    }
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(ctx, tickets);
    return ctx;
}

static struct pair pair_new(SSL_CTX *server, SSL_CTX *client)
{
    struct pair p = {SSL_new(server), SSL_new(client)};
    BIO *one = NULL;
    BIO *other = NULL;

    if (p.server == NULL || p.client == NULL || BIO_new_bio_pair(&one, 65536, &other, 65536) != 1) {
        die("no memory");
    }
    SSL_set_bio(p.server, one, one);
    SSL_set_bio(p.client, other, other);
    SSL_set_accept_state(p.server);
    SSL_set_connect_state(p.client);
    return p;
}

static void pair_free(struct pair *p)
{
    SSL_free(p->server);
    SSL_free(p->client);
}

/* ---- what stays allocated ---- */

static size_t held;

static void *count_malloc(size_t n, const char *file, int line)
{
    void *p = malloc(n);

    (void)file;
    (void)line;
    held += p == NULL ? 0 : malloc_usable_size(p);
    return p;
}

static void count_free(void *p, const char *file, int line)
{
    (void)file;
    (void)line;
    held -= p == NULL ? 0 : malloc_usable_size(p);
    free(p);
}

static void *count_realloc(void *p, size_t n, const char *file, int line)
{
    (void)file;
    (void)line;
    held -= p == NULL ? 0 : malloc_usable_size(p);
    p = realloc(p, n);
    held += p == NULL ? 0 : malloc_usable_size(p);
    return p;
}

/* Only what the server does counts. */
static uint64_t shake(struct pair *p)
{
    uint64_t spent = 0;

    while (!SSL_is_init_finished(p->server) || !SSL_is_init_finished(p->client)) {
        (void)SSL_do_handshake(p->client);
        uint64_t before = cpu_ns();
        (void)SSL_do_handshake(p->server);
        spent += cpu_ns() - before;
    }
    return spent;
}

static uint64_t handshake_ns(SSL_CTX *server, SSL_CTX *client)
{
    uint64_t spent = 0;

    for (int i = 0; i < HANDSHAKES; i++) {
        uint64_t before = cpu_ns();
        struct pair p = pair_new(server, client);
        spent += (cpu_ns() - before) / 2;
        spent += shake(&p);
        before = cpu_ns();
        pair_free(&p);
        spent += (cpu_ns() - before) / 2;
    }
    return spent / HANDSHAKES;
}

static uint64_t record_ns(SSL_CTX *server, SSL_CTX *client, int len, int is_write)
{
    static char bytes[16384];
    struct pair p = pair_new(server, client);
    uint64_t spent = 0;

    (void)shake(&p);
    for (int i = 0; i < RECORDS; i++) {
        SSL *from = is_write ? p.server : p.client;
        SSL *to = is_write ? p.client : p.server;
        uint64_t before = cpu_ns();
        int sent = SSL_write(from, bytes, len);
        uint64_t between = cpu_ns();
        int got = SSL_read(to, bytes, len);
        uint64_t after = cpu_ns();
        if (sent != len || got != len) {
            die("a record was lost");
        }
        spent += is_write ? between - before : after - between;
    }
    pair_free(&p);
    return spent / RECORDS;
}

/* One answer each way. */
static void exchange(struct pair *p)
{
    char bytes[1024] = {0};

    if (SSL_write(p->client, bytes, 200) != 200 || SSL_read(p->server, bytes, 200) != 200 ||
        SSL_write(p->server, bytes, 1024) != 1024 || SSL_read(p->client, bytes, 1024) != 1024) {
        die("a record was lost");
    }
}

/* Bytes that the server's end of a connection keeps once it is idle. */
static size_t held_bytes(SSL_CTX *server, SSL_CTX *client)
{
    static struct pair pairs[HELD];

    SSL_CTX_set_mode(server, SSL_MODE_RELEASE_BUFFERS);
    for (int i = 0; i < HELD; i++) {
        pairs[i] = pair_new(server, client);
        (void)shake(&pairs[i]);
        exchange(&pairs[i]);
    }
    size_t before = held;
    for (int i = 0; i < HELD; i++) {
        BIO_up_ref(SSL_get_rbio(pairs[i].server)); /* the pair of BIOs is not the server's */
        SSL_free(pairs[i].server);
    }
    size_t bytes = (before - held) / HELD;
    for (int i = 0; i < HELD; i++) {
        SSL_free(pairs[i].client);
    }
    SSL_CTX_clear_mode(server, SSL_MODE_RELEASE_BUFFERS);
    return bytes;
}

/* What a door does with OpenSSL for one request: a record in, a record out. */
__attribute__((noinline)) static void answer(SSL *server)
{
    static char bytes[2048];

    if (SSL_read(server, bytes, sizeof(bytes)) != REQUEST ||
        SSL_write(server, bytes, ANSWER) != ANSWER) {
        die("a record was lost");
    }
}

static void answer_all(SSL_CTX *server, SSL_CTX *client)
{
    static char bytes[2048];
    struct pair p = pair_new(server, client);

    (void)shake(&p);
    for (int i = 0; i < RECORDS; i++) {
        if (SSL_write(p.client, bytes, REQUEST) != REQUEST) {
            die("a record was lost");
        }
        answer(p.server);
        if (SSL_read(p.client, bytes, sizeof(bytes)) != ANSWER) {
            die("a record was lost");
        }
    }
    pair_free(&p);
}

static void print_times(SSL_CTX *bare, SSL_CTX *one, SSL_CTX *two, SSL_CTX *client)
{
    (void)handshake_ns(bare, client); /* warms up */
    (void)printf("{\"handshake_0_tickets_ns\":%llu,\"handshake_1_ticket_ns\":%llu,"
                 "\"handshake_2_tickets_ns\":%llu,",
                 (unsigned long long)handshake_ns(bare, client),
                 (unsigned long long)handshake_ns(one, client),
                 (unsigned long long)handshake_ns(two, client));
    (void)printf("\"write_1k_ns\":%llu,\"write_16k_ns\":%llu,\"read_1k_ns\":%llu,"
                 "\"read_16k_ns\":%llu}\n",
                 (unsigned long long)record_ns(bare, client, 1024, 1),
                 (unsigned long long)record_ns(bare, client, 16384, 1),
                 (unsigned long long)record_ns(bare, client, 1024, 0),
                 (unsigned long long)record_ns(bare, client, 16384, 0));
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        die("floor CHAIN.pem KEY.pem [held | records]");
    }
    bool counts_records = argc > 3 && strcmp(argv[3], "records") == 0;
    if (argc > 3 && !counts_records &&
        CRYPTO_set_mem_functions(count_malloc, count_realloc, count_free) != 1) {
        die("OpenSSL has allocated already");
    }
    SSL_CTX *client = SSL_CTX_new(TLS_client_method());
    SSL_CTX *bare = server_ctx(argv[1], argv[2], 0);
    SSL_CTX *one = server_ctx(argv[1], argv[2], 1);
    SSL_CTX *two = server_ctx(argv[1], argv[2], 2);

    if (counts_records) {
        answer_all(bare, client);
    } else if (argc > 3) {
        (void)printf("{\"held_bytes\":%zu}\n", held_bytes(one, client));
    } else {
        print_times(bare, one, two, client);
    }
    SSL_CTX_free(two);
    SSL_CTX_free(one);
    SSL_CTX_free(bare);
    SSL_CTX_free(client);
    return 0;
}
