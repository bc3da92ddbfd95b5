/* SPDX-License-Identifier: MIT */
/*
 * What OpenSSL alone costs: the server's side of handshakes and records over memory, without any
 * network. Prints one JSON object: nanoseconds of CPU an operation.
 *
 *   floor CHAIN.pem KEY.pem
 */
#include <openssl/ssl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define HANDSHAKES 400
#define RECORDS    4000

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

int main(int argc, char **argv)
{
    if (argc != 3) {
        die("floor CHAIN.pem KEY.pem");
    }
    SSL_CTX *client = SSL_CTX_new(TLS_client_method());
    SSL_CTX *bare = server_ctx(argv[1], argv[2], 0);
    SSL_CTX *one = server_ctx(argv[1], argv[2], 1);
    SSL_CTX *two = server_ctx(argv[1], argv[2], 2);

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
    SSL_CTX_free(two);
    SSL_CTX_free(one);
    SSL_CTX_free(bare);
    SSL_CTX_free(client);
    return 0;
}
