/* SPDX-License-Identifier: MIT */
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define EVENTS   64
#define DRAIN_US 10000000  /* how long answers are waited for after the end */
#define HOLD_US  300000000 /* how long all may take to be there */

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

/* Who waits longest is asked first, so that all connections take part. */
static void wait_for_turn(struct conn *c)
{
    struct load *l = c->load;

    c->next = NULL;
    if (l->free == NULL) {
        l->free = c;
    } else {
        l->free_last->next = c;
    }
    l->free_last = c;
    l->free_count++;
}

static void leave_turn(struct conn *c)
{
    struct load *l = c->load;
    struct conn *before = NULL;

    for (struct conn *at = l->free; at != NULL; before = at, at = at->next) {
        if (at != c) {
            continue;
        }
        *(before == NULL ? &l->free : &before->next) = c->next;
        if (l->free_last == c) {
            l->free_last = before;
        }
        l->free_count--;
        return;
    }
}

void load_on_free(struct conn *c)
{
    struct load *l = c->load;

    if (l->options.mode == LOAD_IDLE) {
        conn_ask(c, load_now_us()); /* one request each, however late */
    } else if (l->options.mode == LOAD_OPEN || l->options.mode == LOAD_TOGETHER) {
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

    l->answered += l->options.streams;
    keep_latency(l, load_now_us() - c->due_us);
    switch (l->options.mode) {
    case LOAD_CLOSED: load_on_free(c); break;
    case LOAD_TOGETHER:
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

    l->failed++;
    leave_turn(c);
    if (!is_enough(l)) {
        conn_open(c);
    }
}

/* Everything that is due by now and finds a connection. The clock runs once all connections stand.
 */
static void ask_what_is_due(struct load *l)
{
    double gap_us = 1e6 / l->options.rate;

    if (!l->is_warm && l->free_count == l->options.connections) {
        l->is_warm = true;
        l->started_us = load_now_us();
        l->next_due_us = l->started_us;
    }
    while (l->is_warm && l->free != NULL && !is_enough(l) && l->next_due_us <= load_now_us()) {
        struct conn *c = l->free;
        leave_turn(c);
        conn_ask(c, l->next_due_us);
        l->next_due_us = l->started_us + (uint64_t)((double)l->asked * gap_us);
    }
}

/* How a peer's work falls into turns of its loop then depends little on who runs when. */
static void ask_together(struct load *l)
{
    if (l->free_count < l->options.connections) {
        return;
    }
    for (unsigned i = 0; i < l->options.connections && !is_enough(l); i++) {
        struct conn *c = l->free;
        leave_turn(c);
        conn_ask(c, load_now_us());
    }
}

/* ---- the loop ---- */

static volatile sig_atomic_t told_to_forget;
static volatile sig_atomic_t told_to_end;

static void on_signal(int signo)
{
    if (signo == SIGUSR1) {
        told_to_forget = 1;
    } else {
        told_to_end = 1;
    }
}

/* Until the next request is due, to the microsecond: whoever spins would take the processor from
 * the service. */
static struct timespec wait_time(const struct load *l)
{
    uint64_t us = 100000;

    if (l->options.mode == LOAD_OPEN && l->is_warm && l->free != NULL && !l->is_over) {
        uint64_t now = load_now_us();
        us = l->next_due_us <= now ? 0 : l->next_due_us - now;
    }
    return (struct timespec){.tv_sec = (time_t)(us / 1000000),
                             .tv_nsec = (long)(us % 1000000) * 1000};
}

static void turn(struct load *l)
{
    struct epoll_event events[EVENTS];
    struct timespec wait = wait_time(l);
    int n = epoll_pwait2(l->epoll, events, EVENTS, &wait, NULL);

    for (int i = 0; i < n; i++) {
        conn_step(events[i].data.ptr);
    }
    if (l->options.mode == LOAD_OPEN) {
        ask_what_is_due(l);
    } else if (l->options.mode == LOAD_TOGETHER) {
        ask_together(l);
    }
    if (told_to_forget) {
        told_to_forget = 0;
        l->latency_count = 0;
    }
}

static void run_until_over(struct load *l)
{
    double seconds = l->options.seconds;

    do {
        uint64_t end_us = l->started_us + (uint64_t)(seconds * 1e6);
        l->is_over = told_to_end || (seconds > 0 && load_now_us() >= end_us);
        turn(l);
    } while (!is_enough(l));
}

static void drain(struct load *l)
{
    uint64_t give_up_us = load_now_us() + DRAIN_US;

    l->is_over = true;
    while (l->answered + l->failed < l->asked && load_now_us() < give_up_us) {
        turn(l);
    }
}

static void open_some(struct load *l)
{
    const struct load_options *o = &l->options;
    unsigned at_once = o->at_once == 0 ? o->connections : o->at_once;

    while (l->begun < o->connections && l->begun - l->answered - l->failed < at_once) {
        l->conns[l->begun].load = l;
        conn_open(&l->conns[l->begun++]);
    }
}

/* Until all have asked and been answered; then held until whoever started us has looked. */
static void hold(struct load *l)
{
    struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
    uint64_t give_up_us = load_now_us() + HOLD_US;

    l->is_over = true; /* who fails is not replaced */
    while (l->answered + l->failed < l->options.connections && load_now_us() < give_up_us) {
        open_some(l);
        turn(l);
    }
    (void)printf("{\"held\":%lu,\"failed\":%lu,\"seconds\":%.6f}\n", (unsigned long)l->answered,
                 (unsigned long)(l->options.connections - l->answered),
                 (double)(load_now_us() - l->started_us) / 1e6);
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
    static const unsigned char h1[] = "\x08http/1.1";
    static const unsigned char h2[] = "\x02h2";
    const unsigned char *protocol = l->options.h2 ? h2 : h1;

    l->ctx = SSL_CTX_new(TLS_client_method());
    if (l->ctx == NULL || SSL_CTX_set_min_proto_version(l->ctx, TLS1_3_VERSION) != 1 ||
        SSL_CTX_set_ciphersuites(l->ctx, "TLS_AES_128_GCM_SHA256") != 1 ||
        SSL_CTX_set1_groups_list(l->ctx, "X25519") != 1 ||
        SSL_CTX_set_alpn_protos(l->ctx, protocol, protocol[0] + 1U) != 0) {
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

    if (o->websocket) {
        n = snprintf(
            head, sizeof(head),
            "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
            o->path, o->sni);
    } else if (o->upload > 0) {
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

    (void)sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
    (void)sigaction(SIGUSR1, &(struct sigaction){.sa_handler = on_signal}, NULL);
    (void)sigaction(SIGTERM, &(struct sigaction){.sa_handler = on_signal}, NULL);
    (void)prctl(PR_SET_TIMERSLACK, 1);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    l->epoll = epoll_create1(EPOLL_CLOEXEC);
    l->conns = calloc(l->options.connections, sizeof(l->conns[0]));
    if (l->epoll < 0 || l->conns == NULL) {
        load_die("start");
    }
    l->started_us = load_now_us();
    for (unsigned i = 0; l->options.mode != LOAD_IDLE && i < l->options.connections; i++) {
        l->conns[i].load = l;
        conn_open(&l->conns[i]);
    }
}

int main(int argc, char **argv)
{
    struct load l = {.options = {.sni = "a.test",
                                 .path = "/1k",
                                 .connections = 1,
                                 .streams = 1,
                                 .rate = 1000,
                                 .to = {.sin_family = AF_INET}}};

    l.options.to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    load_read_options(&l.options, argc, argv);
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
