/* SPDX-License-Identifier: MIT */
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define EVENTS        256
#define DRAIN_US      10000000 /* how long answers are waited for after the end */
#define STORM_WAIT_US 30000000

uint64_t load_now_us(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

_Noreturn void load_die(const char *what)
{
    (void)fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* ---- who starts when ---- */

static bool is_enough(const struct load *l)
{
    const struct load_options *o = &l->options;

    return l->is_over || (o->requests > 0 && l->asked >= o->requests);
}

static void keep_latency(struct load *l, uint64_t us)
{
    if (l->latency_count == l->latency_cap) {
        l->latency_cap = l->latency_cap == 0 ? 4096 : 2 * l->latency_cap;
        l->latencies = realloc(l->latencies, l->latency_cap * sizeof(l->latencies[0]));
        if (l->latencies == NULL) {
            load_die("realloc");
        }
    }
    l->latencies[l->latency_count++] = us;
}

static void wait_for_turn(struct conn *c)
{
    c->next = c->load->free;
    c->load->free = c;
}

void load_on_free(struct conn *c)
{
    struct load *l = c->load;

    if (c->is_storm || l->options.mode == LOAD_IDLE) {
        conn_ask(c, load_now_us()); /* one request each, however late */
    } else if (l->options.mode == LOAD_OPEN) {
        wait_for_turn(c);
    } else if (is_enough(l)) {
        conn_close(c);
    } else {
        conn_ask(c, load_now_us());
    }
}

void load_on_answer(struct conn *c)
{
    struct load *l = c->load;

    l->answered++;
    if (c->is_storm) {
        return; /* held, so that it stays one of many */
    }
    keep_latency(l, load_now_us() - c->due_us);
    switch (l->options.mode) {
    case LOAD_CLOSED: load_on_free(c); break;
    case LOAD_OPEN: wait_for_turn(c); break;
    case LOAD_IDLE: break;
    case LOAD_HANDSHAKE:
        conn_close(c);
        if (!is_enough(l)) {
            conn_open(c);
        }
        break;
    }
}

void load_on_failure(struct conn *c)
{
    struct load *l = c->load;

    if (c->is_storm) {
        l->refused++;
        return;
    }
    l->failed++;
    for (struct conn **at = &l->free; *at != NULL; at = &(*at)->next) {
        if (*at == c) {
            *at = c->next;
            break;
        }
    }
    if (!is_enough(l)) {
        conn_open(c);
    }
}

/* Everything that is due by now and finds a connection. */
static void ask_what_is_due(struct load *l)
{
    double gap_us = 1e6 / l->options.rate;

    while (l->free != NULL && !is_enough(l) && l->next_due_us <= load_now_us()) {
        struct conn *c = l->free;
        l->free = c->next;
        conn_ask(c, l->next_due_us);
        l->next_due_us = l->started_us + (uint64_t)((double)l->asked * gap_us);
    }
}

static void raise_storm(struct load *l)
{
    l->is_stormed = true;
    for (unsigned i = 0; i < l->options.storm; i++) {
        l->storm[i] = (struct conn){.load = l, .is_storm = true};
        conn_open(&l->storm[i]);
    }
}

static bool is_storm_over(const struct load *l)
{
    for (unsigned i = 0; i < l->options.storm; i++) {
        if (l->storm[i].state != CONN_CLOSED && l->storm[i].state != CONN_FREE) {
            return false;
        }
    }
    return true;
}

/* ---- the loop ---- */

static int wait_ms(const struct load *l)
{
    if (l->options.mode != LOAD_OPEN || l->free == NULL || l->is_over) {
        return 100;
    }
    uint64_t now = load_now_us();
    return l->next_due_us <= now ? 0 : (int)((l->next_due_us - now) / 1000);
}

static void turn(struct load *l)
{
    struct epoll_event events[EVENTS];
    int n = epoll_wait(l->epoll, events, EVENTS, wait_ms(l));

    for (int i = 0; i < n; i++) {
        conn_step(events[i].data.ptr);
    }
    if (l->options.mode == LOAD_OPEN) {
        ask_what_is_due(l);
    }
}

static void run_until_over(struct load *l)
{
    double seconds = l->options.seconds;
    uint64_t end_us = l->started_us + (uint64_t)(seconds * 1e6);

    for (;;) {
        uint64_t now = load_now_us();
        l->is_over = l->is_over || (seconds > 0 && now >= end_us);
        if (l->options.storm > 0 && !l->is_stormed &&
            now >= l->started_us + (end_us - l->started_us) / 4) {
            raise_storm(l);
        }
        if (is_enough(l)) {
            return;
        }
        turn(l);
    }
}

static void drain(struct load *l)
{
    uint64_t give_up_us = load_now_us() + (l->is_stormed ? STORM_WAIT_US : DRAIN_US);

    l->is_over = true;
    while ((l->answered + l->failed < l->asked || (l->is_stormed && !is_storm_over(l))) &&
           load_now_us() < give_up_us) {
        turn(l);
    }
    for (unsigned i = 0; l->is_stormed && i < l->options.storm; i++) {
        enum conn_state state = l->storm[i].state;
        l->refused += state != CONN_CLOSED && state != CONN_FREE;
    }
}

/* Until all have asked and been answered; then held until whoever started us has looked. */
static void hold(struct load *l)
{
    struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
    uint64_t give_up_us = load_now_us() + STORM_WAIT_US;

    while (l->answered + l->failed < l->options.connections && load_now_us() < give_up_us) {
        turn(l);
        l->is_over = true; /* who fails is not replaced */
    }
    (void)printf("{\"held\":%lu,\"failed\":%lu}\n", (unsigned long)l->answered,
                 (unsigned long)l->failed);
    (void)fflush(stdout);
    (void)poll(&in, 1, -1);
}

/* ---- life ---- */

static int on_session(SSL *ssl, SSL_SESSION *session)
{
    struct load *l = SSL_get_app_data(ssl);

    SSL_SESSION_free(l->session);
    /* A copy: the original is not resumed again once its connection ends without close_notify. */
    l->session = SSL_SESSION_dup(session);
    return 0;
}

static void make_ctx(struct load *l)
{
    static const unsigned char protocol[] = "\x08http/1.1";

    l->ctx = SSL_CTX_new(TLS_client_method());
    if (l->ctx == NULL || SSL_CTX_set_min_proto_version(l->ctx, TLS1_3_VERSION) != 1 ||
        SSL_CTX_set_ciphersuites(l->ctx, "TLS_AES_128_GCM_SHA256") != 1 ||
        SSL_CTX_set1_groups_list(l->ctx, "X25519") != 1 ||
        SSL_CTX_set_alpn_protos(l->ctx, protocol, sizeof(protocol) - 1) != 0) {
        load_die("SSL_CTX_new");
    }
    SSL_CTX_set_verify(l->ctx, SSL_VERIFY_NONE, NULL); /* the server's cost is measured, not ours */
    SSL_CTX_set_mode(l->ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                 SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(l->ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(l->ctx, on_session);
}

static void make_request(struct load *l)
{
    const struct load_options *o = &l->options;
    char head[1024];
    int n;

    if (o->upload > 0) {
        n = snprintf(head, sizeof(head),
                     "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %zu\r\n\r\n", o->path, o->sni,
                     o->upload);
    } else {
        n = snprintf(head, sizeof(head), "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", o->path, o->sni);
    }
    l->request_len = (size_t)n + o->upload;
    l->request = malloc(l->request_len);
    if (l->request == NULL) {
        load_die("malloc");
    }
    memcpy(l->request, head, (size_t)n);
    memset(l->request + n, 'x', o->upload);
}

static void start(struct load *l)
{
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    l->epoll = epoll_create1(EPOLL_CLOEXEC);
    l->conns = calloc(l->options.connections, sizeof(l->conns[0]));
    l->storm = calloc(l->options.storm + 1, sizeof(l->storm[0]));
    if (l->epoll < 0 || l->conns == NULL || l->storm == NULL) {
        load_die("start");
    }
    l->started_us = load_now_us();
    l->next_due_us = l->started_us;
    for (unsigned i = 0; i < l->options.connections; i++) {
        l->conns[i].load = l;
        conn_open(&l->conns[i]);
    }
}

static enum load_mode read_mode(const char *word)
{
    static const char *const words[] = {"closed", "open", "handshake", "idle"};

    for (int i = 0; i < 4; i++) {
        if (strcmp(word, words[i]) == 0) {
            return (enum load_mode)i;
        }
    }
    errno = EINVAL;
    load_die("--mode");
}

static void read_options(struct load_options *o, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        char *value = strchr(argv[i], '=');
        const char *name = argv[i];
        if (value == NULL) {
            o->plain = o->plain || strcmp(name, "--plain") == 0;
            o->resume = o->resume || strcmp(name, "--resume") == 0;
            continue;
        }
        *value++ = '\0';
        if (strcmp(name, "--mode") == 0) {
            o->mode = read_mode(value);
        } else if (strcmp(name, "--port") == 0) {
            o->to.sin_port = htons((uint16_t)strtoul(value, NULL, 10));
        } else if (strcmp(name, "--sni") == 0) {
            o->sni = value;
        } else if (strcmp(name, "--path") == 0) {
            o->path = value;
        } else if (strcmp(name, "--connections") == 0) {
            o->connections = (unsigned)strtoul(value, NULL, 10);
        } else if (strcmp(name, "--storm") == 0) {
            o->storm = (unsigned)strtoul(value, NULL, 10);
        } else if (strcmp(name, "--rate") == 0) {
            o->rate = strtod(value, NULL);
        } else if (strcmp(name, "--seconds") == 0) {
            o->seconds = strtod(value, NULL);
        } else if (strcmp(name, "--requests") == 0) {
            o->requests = strtoull(value, NULL, 10);
        } else if (strcmp(name, "--upload") == 0) {
            o->upload = strtoul(value, NULL, 10);
        } else {
            errno = EINVAL;
            load_die(name);
        }
    }
}

int main(int argc, char **argv)
{
    struct load l = {.options = {.sni = "a.test",
                                 .path = "/1k",
                                 .connections = 1,
                                 .rate = 1000,
                                 .to = {.sin_family = AF_INET}}};

    l.options.to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    read_options(&l.options, argc, argv);
    make_ctx(&l);
    make_request(&l);
    start(&l);
    if (l.options.mode == LOAD_IDLE) {
        hold(&l);
        return 0;
    }
    run_until_over(&l);
    double seconds = (double)(load_now_us() - l.started_us) / 1e6;
    drain(&l);
    load_say(&l, seconds);
    return 0;
}
