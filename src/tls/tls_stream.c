/* SPDX-License-Identifier: MIT */
#include "tls/tls_stream.h"

#include <malloc.h>
#include <openssl/err.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/mem.h"
#include "tls/tls_err.h"
#include "tls_stream_impl.h"

/* Below this much waiting output a writer that was told to wait may go on. */
#define OUT_LOW (STREAM_OUT_HIGH / 2)

void tls_worker_flush(struct tls_worker *w)
{
    LIST_EACH (&w->dirty, it, tmp) {
        (void)tls_out_send(CONTAINER_OF(it, struct tls_stream, dirty));
    }
}

static void on_turn_end(void *arg)
{
    tls_worker_flush(arg);
}

struct tls_worker *tls_worker_new(struct loop *loop)
{
    struct tls_worker *w = NEW(struct tls_worker);

    w->loop = loop;
    w->bio_method = tls_bio_method_new();
    list_init(&w->dirty);
    loop_hook_add(loop, &w->hook, on_turn_end, w);
    return w;
}

void tls_worker_free(struct tls_worker *w)
{
    if (w == NULL) {
        return;
    }
    REQUIRE(list_is_empty(&w->dirty));
    loop_hook_remove(&w->hook);
    for (size_t i = 0; i < w->spare_count; i++) {
        buf_fini(&w->spares[i]);
    }
    tls_bio_method_free(w->bio_method);
    mem_wipe(w->plain, sizeof(w->plain));
    free(w);
}

void tls_stream_set_state(struct tls_stream *s, enum tls_state to)
{
    bool is_legal = false;

    switch (s->state) {
    case TLS_HANDSHAKE: is_legal = to != TLS_HANDSHAKE; break;
    case TLS_OPEN: is_legal = to == TLS_FAILED || to == TLS_CLOSED; break;
    case TLS_PLAIN:
    case TLS_FAILED: is_legal = to == TLS_CLOSED || to == TLS_FAILED; break;
    case TLS_CLOSED: break;
    }
    REQUIRE(is_legal);
    s->state = to;
}

void tls_stream_interest(struct tls_stream *s)
{
    unsigned want = 0;

    if ((s->base.want & STREAM_READABLE) != 0 && s->read_rc == OK &&
        (s->state == TLS_HANDSHAKE || s->state == TLS_OPEN)) {
        want |= WATCH_READ;
    }
    if (s->blocked || (s->base.want & STREAM_WRITABLE) != 0) {
        want |= WATCH_WRITE;
    }
    watch_set(&s->base.watch, want);
}

void tls_stream_announce(struct tls_stream *s)
{
    if (s->more && (s->base.want & STREAM_READABLE) != 0) {
        loop_defer(s->base.loop, &s->again);
    }
}

int tls_stream_ssl_error(struct tls_stream *s, int ret)
{
    switch (SSL_get_error(s->ssl, ret)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE: return ERR_AGAIN;
    case SSL_ERROR_ZERO_RETURN: return ERR_EOF;
    case SSL_ERROR_SYSCALL:
        s->error = tls_err_take();
        tls_stream_set_state(s, TLS_FAILED);
        return ERR_RESET;
    default:
        s->error = tls_err_take();
        tls_stream_set_state(s, TLS_FAILED);
        return ERR_TLS;
    }
}

/* What is left inside, told at the end of the turn. The owner may close the stream. */
static void on_again(void *arg)
{
    struct tls_stream *s = arg;

    if (s->state != TLS_CLOSED && s->more && (s->base.want & STREAM_READABLE) != 0) {
        s->base.fn(s->base.arg, STREAM_READABLE);
    }
}

static void on_watch(void *arg, unsigned ready)
{
    struct tls_stream *s = arg;
    unsigned tell = 0;

    if ((ready & WATCH_WRITE) != 0) {
        if (s->blocked) {
            (void)tls_out_send(s);
        }
        if (s->write_rc != OK || buf_len(&s->out) < OUT_LOW) {
            tell |= s->base.want & STREAM_WRITABLE;
        }
    }
    if ((ready & WATCH_READ) != 0) {
        tell |= s->base.want & STREAM_READABLE;
    }
    /* The owner may close the stream: nothing follows. */
    if (tell != 0) {
        s->base.fn(s->base.arg, tell);
    }
}

static void tls_want(struct stream *st, unsigned want)
{
    struct tls_stream *s = tls_stream_of(st);

    st->want = want;
    tls_stream_interest(s);
    tls_stream_announce(s);
}

/* A service is told the end (RFC 8446 section 6.1); without that OpenSSL would hold the session for
 * cut and never resume it. */
static void say_goodbye(struct tls_stream *s)
{
    if (s->client == NULL || s->state != TLS_OPEN || s->ending || s->write_rc != OK) {
        return;
    }
    tls_out_open(s);
    tls_err_forget();
    (void)SSL_shutdown(s->ssl);
    tls_err_forget();
}

static void tls_close(struct stream *st)
{
    struct tls_stream *s = tls_stream_of(st);

    tls_stream_stir(s);
    say_goodbye(s);
    /* What was written in this turn, or an alert, goes out if the kernel takes it. */
    if (buf_len(&s->out) > 0 && !s->blocked) {
        (void)tls_out_send(s);
    }
    tls_stream_set_state(s, TLS_CLOSED);
    watch_fini(&st->watch);
    list_remove(&s->dirty);
    loop_task_cancel(&s->again);
    fd_close(&st->fd);
    st->fn = NULL;
    st->want = 0;
    SSL_free(s->ssl);
    s->ssl = NULL;
    tls_server_unref(s->server);
    s->server = NULL;
    tls_client_unref(s->client);
    s->client = NULL;
    s->pick.identity = NULL;
    s->pick.policy = NULL;
    tls_pick_fini(&s->pick);
    free(s->peer);
    s->peer = NULL;
    buf_fini(&s->in);
    buf_clear(&s->out);
    tls_out_release(s);
    loop_free_later(st->loop, s);
}

/* The struct alone: what hangs on it is full of keys and tables, and small. */
static void tls_rest(struct stream *st)
{
    struct tls_stream *s = tls_stream_of(st);
    bool is_quiet = !s->more && buf_len(&s->in) == 0 && buf_len(&s->out) == 0;

    if (s->state == TLS_OPEN && is_quiet && s->folded == NULL) {
        s->folded = fold_new(s->ssl, malloc_usable_size(s->ssl));
    }
}

static const struct stream_ops tls_ops = {
    .name = "tls",
    .read = tls_stream_read,
    .write = tls_stream_write,
    .flush = tls_stream_flush,
    .unsent = tls_stream_unsent,
    .shutdown = tls_stream_shutdown,
    .want = tls_want,
    .close = tls_close,
    .rest = tls_rest,
};

static const struct tls_stream *open_tls(const struct stream *st)
{
    REQUIRE(st->ops == &tls_ops);
    return (const struct tls_stream *)(const void *)st;
}

/* The SSL, or a stream whose handshake fails at once: the caller has one way less to fail. A
 * client's is made when its first bytes are here: it is ten times what the stream is. */
static void start(struct tls_stream *s)
{
    int rc = s->client != NULL ? tls_client_ssl(s->client, &s->ssl)
                               : tls_server_ssl(s->server, &s->pick, &s->ssl);
    if (rc != OK) {
        s->error = tls_err_take();
        s->failed_rc = ERR_TLS;
        s->read_rc = ERR_TLS;
        tls_stream_set_state(s, TLS_FAILED);
        return;
    }
    struct bio_st *bio = tls_bio_new(s->worker->bio_method, &s->bio);
    SSL_set_bio(s->ssl, bio, bio);
}

/* A stream that is neither side's yet. */
static struct tls_stream *stream_new(struct tls_worker *w, int fd, stream_fn fn, void *arg)
{
    struct tls_stream *s = NEW(struct tls_stream);

    s->base = (struct stream){.ops = &tls_ops, .loop = w->loop, .fd = fd, .fn = fn, .arg = arg};
    s->worker = w;
    s->verdict = X509_V_OK;
    s->bio.out = &s->out;
    list_init(&s->dirty);
    loop_task_init(&s->again, on_again, s);
    buf_init(&s->in, TLS_SCRATCH);
    buf_init(&s->out, TLS_OUT_LIMIT);
    watch_init(&s->base.watch, w->loop, fd, on_watch, s);
    return s;
}

struct stream *tls_stream_accept(struct tls_worker *w, struct tls_server *server, int fd,
                                 stream_fn fn, void *arg)
{
    struct tls_stream *s = stream_new(w, fd, fn, arg);

    s->server = tls_server_ref(server);
    return &s->base;
}

struct stream *tls_stream_connect(struct tls_worker *w, struct tls_client *client, int fd,
                                  stream_fn fn, void *arg)
{
    struct tls_stream *s = stream_new(w, fd, fn, arg);

    s->client = tls_client_ref(client);
    start(s);
    return &s->base;
}

void tls_stream_feed(struct stream *st, struct str early)
{
    struct tls_stream *s = tls_stream_of(st);

    REQUIRE(st->ops == &tls_ops && !s->spoke && early.len <= TLS_EARLY_MAX);
    REQUIRE(buf_append_str(&s->in, early) == OK);
    st->bytes_in += early.len;
}

/* The handshake is over and failed: `rc` from now on. */
static int fail(struct tls_stream *s, int rc, enum tls_state to)
{
    if (s->state != to) {
        tls_stream_set_state(s, to);
    }
    s->failed_rc = rc;
    s->read_rc = rc;
    return rc;
}

/* A request line begins with a method in capitals, a TLS record with its type, 20 to 24. */
static bool is_http(const struct tls_stream *s)
{
    return s->bio.in[0] >= 'A' && s->bio.in[0] <= 'Z';
}

static bool is_without_certificate(const struct tls_stream *s)
{
    return s->pick.policy != NULL &&
           ERR_GET_REASON(s->error) == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE;
}

/* The last look at what a client showed, in this handshake or the one that its session is from:
 * OpenSSL has seen to it, and it must not depend on that alone. */
static int done(struct tls_stream *s)
{
    const struct tls_policy *policy = s->pick.policy;

    s->peer = policy == NULL ? NULL : tls_peer_of(s->ssl);
    if (policy != NULL && tls_policy_required(policy) && s->peer == NULL) {
        return fail(s, ERR_DENIED, TLS_FAILED);
    }
    tls_stream_set_state(s, TLS_OPEN);
    return OK;
}

/* OpenSSL's turn on what the window holds. */
static int step(struct tls_stream *s)
{
    if (s->ssl == NULL) {
        start(s);
        if (s->state == TLS_FAILED) {
            return s->failed_rc;
        }
    }
    int ret = SSL_do_handshake(s->ssl);
    if (ret == 1) {
        return done(s);
    }
    int rc = tls_stream_ssl_error(s, ret);
    if (rc == ERR_AGAIN) {
        /* It reads all that there is before it waits, or the client sends without end and reads
         * nothing of what it makes us answer. */
        return s->bio.in_len == 0 ? ERR_AGAIN : fail(s, ERR_TLS, TLS_FAILED);
    }
    if (SSL_get_verify_mode(s->ssl) != SSL_VERIFY_NONE) {
        s->verdict = SSL_get_verify_result(s->ssl);
    }
    if (s->verdict != X509_V_OK || is_without_certificate(s)) {
        return fail(s, ERR_DENIED, TLS_FAILED);
    }
    return fail(s, s->pick.err == ERR_NOT_FOUND ? ERR_NOT_FOUND : ERR_TLS, TLS_FAILED);
}

/* The client speaks first. */
static int speak(struct tls_stream *s)
{
    if (s->client == NULL || s->spoke) {
        return ERR_AGAIN;
    }
    s->spoke = true;
    return step(s);
}

static int drive(struct tls_stream *s)
{
    bool drained = false;
    int rc = speak(s);

    if (rc != ERR_AGAIN) {
        return rc;
    }
    for (int fills = 0; fills <= TLS_FILLS_MAX; fills++) {
        if (s->bio.in_len > 0) {
            if (!s->spoke && is_http(s)) {
                return fail(s, ERR_PROTOCOL, TLS_PLAIN);
            }
            s->spoke = true;
            rc = step(s);
            if (rc != ERR_AGAIN) {
                return rc;
            }
        }
        if (drained) {
            return ERR_AGAIN;
        }
        rc = tls_window_fill(s, TLS_RECORD_MAX, &drained);
        if (rc != OK) {
            break;
        }
    }
    if (rc == OK || rc == ERR_AGAIN) {
        return ERR_AGAIN;
    }
    return fail(s, rc == ERR_EOF && s->spoke ? ERR_RESET : rc, TLS_FAILED);
}

int tls_stream_handshake(struct stream *st)
{
    struct tls_stream *s = tls_stream_of(st);

    REQUIRE(st->ops == &tls_ops);
    if (s->state != TLS_HANDSHAKE) {
        return s->failed_rc;
    }
    tls_err_forget();
    tls_window_open(s);
    int rc = drive(s);
    tls_window_close(s);
    tls_out_mark(s);
    if (rc == OK) {
        s->more = buf_len(&s->in) > 0;
        tls_stream_announce(s);
    }
    if (s->state != TLS_HANDSHAKE) {
        tls_stream_interest(s);
    }
    return rc;
}

static const char *group_of(SSL *ssl)
{
    const char *name = SSL_group_to_name(ssl, (int)SSL_get_negotiated_group(ssl));

    return name == NULL ? "" : name;
}

void tls_stream_info(const struct stream *st, struct tls_info *out_info)
{
    const struct tls_stream *s = open_tls(st);
    const unsigned char *alpn = NULL;
    unsigned alpn_len = 0;

    *out_info = (struct tls_info){
        .sni = s->pick.name,
        .alpn = STR(""),
        .version = "",
        .cipher = "",
        .group = "",
    };
    REQUIRE(s->folded == NULL); /* asked for when the handshake is done */
    if (s->ssl == NULL || SSL_is_init_finished(s->ssl) == 0) {
        return;
    }
    SSL_get0_alpn_selected(s->ssl, &alpn, &alpn_len);
    if (alpn_len > 0) {
        out_info->alpn = str_n((const char *)alpn, alpn_len);
    }
    out_info->version = SSL_get_version(s->ssl);
    out_info->cipher = SSL_get_cipher_name(s->ssl);
    out_info->group = group_of(s->ssl);
    out_info->resumed = SSL_session_reused(s->ssl) == 1;
    out_info->is_default = s->pick.is_default;
    /* An unknown group leaves an error behind. */
    ERR_clear_error();
}

bool tls_stream_covers(const struct stream *st, struct str host)
{
    const struct tls_stream *s = open_tls(st);
    const struct tls_identity *id = s->pick.identity;

    for (int k = 0; id != NULL && k < TLS_KEY_KINDS; k++) {
        if (id->certs[k] != NULL && tls_cert_covers(id->certs[k], host)) {
            return true;
        }
    }
    return false;
}

bool tls_stream_admits(const struct stream *st, const struct tls_server *now, struct str host)
{
    const struct tls_stream *s = open_tls(st);
    const struct tls_policy *policy = tls_server_policy(now, host);

    if (policy == NULL || s->pick.policy == NULL || !tls_policy_eq(s->pick.policy, policy) ||
        !str_eq(s->pick.name, host)) {
        return false;
    }
    bool is_current = s->peer != NULL && s->peer->not_after > clock_wall_ms() / 1000;
    return tls_policy_required(policy) ? is_current : s->peer == NULL || is_current;
}

const struct tls_peer *tls_stream_peer(const struct stream *st)
{
    return open_tls(st)->peer;
}

const char *tls_stream_error(const struct stream *st)
{
    const struct tls_stream *s = open_tls(st);

    return s->verdict != X509_V_OK ? X509_verify_cert_error_string(s->verdict)
                                   : tls_err_text(s->error);
}
