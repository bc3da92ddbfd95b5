/* SPDX-License-Identifier: MIT */
/*
 * What can go wrong, and why things end.
 *
 * Two vocabularies. `enum err` is what a function returns: 0 or one negative code, and the result
 * must be used. `enum why` is why a connection or an exchange ended: one reason of a closed list,
 * with the text, the log and metric label and the HTTP status that go with it. A new reason is one
 * line in WHY_TABLE and nothing else.
 *
 * Runs in every process; allocates nothing, logs nothing but a failed REQUIRE or CHECK.
 */
#ifndef HIVEDOOR_BASE_ERR_H
#define HIVEDOOR_BASE_ERR_H

#include <stdbool.h>

#define MUST_USE __attribute__((warn_unused_result))

enum err {
    OK = 0,
    ERR_AGAIN = -1,        /* nothing now; wait for an event, or give more bytes */
    ERR_EOF = -2,          /* the peer ended its side in good order */
    ERR_RESET = -3,        /* the peer is gone (RST, EPIPE, truncated TLS) */
    ERR_IO = -4,           /* a system call failed; errno says why */
    ERR_LIMIT = -5,        /* a configured or compiled-in limit was reached */
    ERR_SYNTAX = -6,       /* the bytes are not of the grammar */
    ERR_RANGE = -7,        /* a number is out of its range */
    ERR_NOT_FOUND = -8,    /* no such thing */
    ERR_EXISTS = -9,       /* there is one already */
    ERR_DENIED = -10,      /* not allowed to */
    ERR_TLS = -11,         /* OpenSSL refused; tls_err says why */
    ERR_TIMEOUT = -12,     /* a deadline passed */
    ERR_REFUSED = -13,     /* connection refused */
    ERR_UNREACHABLE = -14, /* no route, network or host unreachable */
    ERR_MISMATCH = -15,    /* two things that must belong together do not */
    ERR_TRUNCATED = -16,   /* the input ends in the middle of something */
    ERR_UNSUPPORTED = -17, /* valid, but not built here or not on this host */
    ERR_NO_FD = -18,       /* EMFILE or ENFILE: no descriptor left */
    ERR_PROTOCOL = -19,    /* the peer broke the protocol */
};

/* A short lower-case English text for a code, never NULL; static storage. */
const char *err_text(int err);

/* The code for an errno value: EAGAIN gives ERR_AGAIN, ECONNRESET gives ERR_RESET, and so on. */
int err_from_errno(int errno_value);

/*
 * Why an exchange or a connection ended.
 * X(NAME, label, status, text): label is the value in logs and metrics; status is what a client is
 * answered if it can still be answered, 0 where nothing is sent; text completes "ended because
 * ...".
 */
#define WHY_TABLE(X)                                                                               \
    X(NONE, "none", 0, "not ended yet")                                                            \
    X(OK, "ok", 0, "served")                                                                       \
    X(CLIENT_CLOSED, "client_closed", 0, "client closed the connection")                           \
    X(CLIENT_RESET, "client_reset", 0, "client reset the connection")                              \
    X(CLIENT_ABORT, "client_abort", 499, "client went away before the answer was complete")        \
    X(IDLE_TIMEOUT, "idle_timeout", 0, "no request within timeouts.idle")                          \
    X(DRAINED, "drained", 0, "closed because the daemon is stopping")                              \
    X(DRAIN_DEADLINE, "drain_deadline", 503, "cut at drain.timeout")                               \
    X(NOT_KEPT_ALIVE, "not_kept_alive", 0, "closed after the answer, as agreed")                   \
    X(PROXY_HEADER_BAD, "proxy_header_bad", 0, "malformed PROXY protocol header")                  \
    X(PROXY_HEADER_TIMEOUT, "proxy_header_timeout", 0, "PROXY protocol header came too late")      \
    X(HANDSHAKE_TIMEOUT, "handshake_timeout", 0,                                                   \
      "TLS handshake not done within timeouts.handshake")                                          \
    X(HANDSHAKE_FAILED, "handshake_failed", 0, "TLS handshake failed")                             \
    X(CLIENT_CERT, "client_cert", 0, "no valid client certificate in the TLS handshake")           \
    X(UNKNOWN_NAME, "unknown_name", 0, "no certificate for the name in the TLS handshake")         \
    X(TLS_ERROR, "tls_error", 0, "TLS error on an open connection")                                \
    X(PLAIN_ON_TLS, "plain_on_tls", 400, "plain HTTP sent to the HTTPS port")                      \
    X(MEMORY_LIMIT, "memory_limit", 503, "limits.memory reached")                                  \
    X(CONNECTION_LIMIT, "connection_limit", 503, "limits.connections reached")                     \
    X(NO_FD, "no_fd", 503, "no file descriptor left")                                              \
    X(HEADER_TIMEOUT, "header_timeout", 408, "request header not complete within timeouts.header") \
    X(BODY_TIMEOUT, "body_timeout", 408, "request body made no progress")                          \
    X(SEND_TIMEOUT, "send_timeout", 0, "client did not read the answer")                           \
    X(BAD_REQUEST_LINE, "bad_request_line", 400, "malformed request line")                         \
    X(BAD_METHOD, "bad_method", 400, "malformed method")                                           \
    X(BAD_TARGET, "bad_target", 400, "malformed request target")                                   \
    X(BAD_VERSION, "bad_version", 505, "HTTP version not supported")                               \
    X(BAD_FIELD, "bad_field", 400, "malformed header field")                                       \
    X(BAD_HOST, "bad_host", 400, "Host missing, repeated or malformed")                            \
    X(BAD_FRAMING, "bad_framing", 400, "ambiguous or malformed message length")                    \
    X(BAD_CHUNK, "bad_chunk", 400, "malformed chunked body")                                       \
    X(BAD_UPGRADE, "bad_upgrade", 400, "malformed upgrade request")                                \
    X(CONNECT_PROTOCOL, "connect_protocol", 501, "protocol of an extended CONNECT not supported")  \
    X(H2_PROTOCOL, "h2_protocol", 400, "client broke HTTP/2")                                      \
    X(H2_RAPID_RESET, "h2_rapid_reset", 0, "too many streams opened and reset")                    \
    X(H2_STREAM_ERRORS, "h2_stream_errors", 0, "too many errors that made us reset streams")       \
    X(H2_STREAM_FLOOD, "h2_stream_flood", 0, "too many streams beyond http2.streams")              \
    X(H2_CONTINUATION_FLOOD, "h2_continuation_flood", 0, "a header block of too many frames")      \
    X(H2_HEADER_BOMB, "h2_header_bomb", 0, "a header block that decodes to far too much")          \
    X(H2_PING_FLOOD, "h2_ping_flood", 0, "too many PING frames")                                   \
    X(H2_SETTINGS_FLOOD, "h2_settings_flood", 0, "too many SETTINGS frames")                       \
    X(H2_PRIORITY_FLOOD, "h2_priority_flood", 0, "too many PRIORITY or unknown frames")            \
    X(H2_WINDOW_FLOOD, "h2_window_flood", 0, "too many WINDOW_UPDATE frames")                      \
    X(H2_EMPTY_FLOOD, "h2_empty_flood", 0, "too many empty frames")                                \
    X(H2_CONTROL_FLOOD, "h2_control_flood", 0, "asked for answers without taking them")            \
    X(METHOD_REFUSED, "method_refused", 405, "method not allowed here")                            \
    X(TRANSFER_CODING, "transfer_coding", 501, "transfer coding not supported")                    \
    X(EXPECTATION, "expectation", 417, "expectation not supported")                                \
    X(URI_TOO_LONG, "uri_too_long", 414, "request target longer than limits.header")               \
    X(HEADER_TOO_LARGE, "header_too_large", 431, "header larger than limits.header")               \
    X(TOO_MANY_FIELDS, "too_many_fields", 431, "more fields than limits.headers")                  \
    X(BODY_TOO_LARGE, "body_too_large", 413, "body larger than limits.body")                       \
    X(NO_SITE, "no_site", 404, "no site of this name")                                             \
    X(NO_ROUTE, "no_route", 404, "no route for this path")                                         \
    X(SITE_OFF, "site_off", 404, "the site does not answer on this port")                          \
    X(DENIED, "denied", 403, "the client's address is denied, or not on the site's allow list")    \
    X(CLIENT_UNKNOWN, "client_unknown", 403,                                                       \
      "the site has an allow list, and the client's address is not known")                         \
    X(RATE_LIMITED, "rate_limited", 429, "more requests than the site's rate")                     \
    X(AUTH_REQUIRED, "auth_required", 401, "no name and password came")                            \
    X(AUTH_FAILED, "auth_failed", 401, "name or password is wrong")                                \
    X(AUTH_LIMITED, "auth_limited", 429, "more passwords to check than there is time for")         \
    X(MISDIRECTED, "misdirected", 421,                                                             \
      "the certificate of this connection does not cover this name")                               \
    X(REDIRECTED, "redirected", 0, "redirected")                                                   \
    X(CHALLENGE_BAD, "challenge_bad", 404, "not a well-formed challenge token")                    \
    X(CHALLENGE_NONE, "challenge_none", 404, "no such challenge")                                  \
    X(CHALLENGE_TOO_LARGE, "challenge_too_large", 502, "challenge answer too large")               \
    X(NAME_LIMIT, "name_limit", 503, "too many names of pattern sites at once")                    \
    X(NO_ENDPOINT, "no_endpoint", 503, "no endpoint of the service to be had")                     \
    X(NOT_PINNED, "not_pinned", 503,                                                               \
      "no address of the service belongs to the one that pin names")                               \
    X(EXTERNAL_ANSWER, "external_answer", 503,                                                     \
      "DNS has only addresses from outside for the service")                                       \
    X(HOLD_FULL, "hold_full", 503, "too many requests wait for the service already")               \
    X(HOLD_TIMEOUT, "hold_timeout", 503, "no endpoint took a connection within hold.wait")         \
    X(QUEUE_FULL, "queue_full", 503, "too many requests wait for their turn at the service")       \
    X(QUEUE_TIMEOUT, "queue_timeout", 503, "its turn at the service did not come in hold.wait")    \
    X(CHECK_STATUS, "check_status", 0, "a health check got another answer than 200 to 399")        \
    X(CONNECT_REFUSED, "connect_refused", 502, "the service refused the connection")               \
    X(CONNECT_TIMEOUT, "connect_timeout", 504, "no connection within timeouts.connect")            \
    X(CONNECT_FAILED, "connect_failed", 502, "the service could not be reached")                   \
    X(UPSTREAM_TLS, "upstream_tls", 502, "no TLS connection to the service could be made")         \
    X(UPSTREAM_CERTIFICATE, "upstream_certificate", 502,                                           \
      "the service's certificate was not accepted")                                                \
    X(UPSTREAM_NOT_H2, "upstream_not_h2", 502, "the service did not begin to speak HTTP/2")        \
    X(UPSTREAM_CLOSED, "upstream_closed", 502,                                                     \
      "the service closed the connection before answering")                                        \
    X(UPSTREAM_RESET, "upstream_reset", 502, "the service reset the connection")                   \
    X(UPSTREAM_CUT, "upstream_cut", 502, "the service ended the connection inside its answer")     \
    X(UPSTREAM_TIMEOUT, "upstream_timeout", 504, "no answer within timeouts.response")             \
    X(UPSTREAM_STALLED, "upstream_stalled", 504, "the service's answer made no progress")          \
    X(UPSTREAM_BAD_HEAD, "upstream_bad_head", 502, "the service sent a malformed response header") \
    X(UPSTREAM_BAD_FRAMING, "upstream_bad_framing", 502,                                           \
      "the service's message length is ambiguous")                                                 \
    X(UPSTREAM_BAD_CHUNK, "upstream_bad_chunk", 502, "the service sent a malformed chunked body")  \
    X(UPSTREAM_HEADER_TOO_LARGE, "upstream_header_too_large", 502,                                 \
      "the service's header is larger than limits.header")                                         \
    X(UPSTREAM_REFUSED, "upstream_refused", 503, "the service took no new request (HTTP/2)")       \
    X(UPSTREAM_STREAM_RESET, "upstream_stream_reset", 502,                                         \
      "the service reset the request (HTTP/2)")                                                    \
    X(UPSTREAM_NO_UPGRADE, "upstream_no_upgrade", 502, "the service takes no upgrade over HTTP/2") \
    X(UPSTREAM_H2_PROTOCOL, "upstream_h2_protocol", 502, "the service broke HTTP/2")               \
    X(UPSTREAM_H2_FLOOD, "upstream_h2_flood", 502,                                                 \
      "the service sent too many frames that carry nothing (HTTP/2)")                              \
    X(UPSTREAM_BAD_UPGRADE, "upstream_bad_upgrade", 502, "the service switched protocols unasked") \
    X(TUNNEL_DONE, "tunnel_done", 0, "tunnel ended")                                               \
    X(TUNNEL_IDLE, "tunnel_idle", 0, "tunnel idle longer than timeouts.tunnel")                    \
    X(RELOADED, "reloaded", 0, "closed because its configuration is gone")                         \
    X(INTERNAL, "internal", 500, "internal error")

enum why {
#define WHY_ENUM(name, label, status, text) WHY_##name,
    WHY_TABLE(WHY_ENUM)
#undef WHY_ENUM
        WHY_COUNT
};

/* The label ("no_endpoint"), as in logs and metrics; static storage. */
const char *why_label(enum why why);
/* The sentence, without a full stop; static storage. */
const char *why_text(enum why why);
/* The HTTP status a client is answered with, or 0 where nothing is answered. */
int why_status(enum why why);

/* A programmer's error, always on: prints file, line and expression to standard error and aborts.
 */
#define REQUIRE(expr) ((expr) ? (void)0 : err_require_failed(__FILE__, __LINE__, #expr))
/* A programmer's error that can be survived: logged once a place and counted; true if it held.
 * Aborts where HIVEDOOR_CHECK_ABORTS is defined (tests). */
#define CHECK(expr) (__builtin_expect(!!(expr), 1) || err_check_failed(__FILE__, __LINE__, #expr))

_Noreturn void err_require_failed(const char *file, int line, const char *expr);
/* Always returns false. */
bool err_check_failed(const char *file, int line, const char *expr);
/* How many CHECKs failed in this process so far. */
unsigned long err_checks_failed(void);

#endif
