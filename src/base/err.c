/* SPDX-License-Identifier: MIT */
#include "base/err.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"

const char *err_text(int err)
{
    static const char *const texts[] = {
        [-OK] = "ok",
        [-ERR_AGAIN] = "not ready",
        [-ERR_EOF] = "end of stream",
        [-ERR_RESET] = "connection reset",
        [-ERR_IO] = "input/output error",
        [-ERR_LIMIT] = "limit reached",
        [-ERR_SYNTAX] = "malformed",
        [-ERR_RANGE] = "out of range",
        [-ERR_NOT_FOUND] = "not found",
        [-ERR_EXISTS] = "exists already",
        [-ERR_DENIED] = "not permitted",
        [-ERR_TLS] = "TLS error",
        [-ERR_TIMEOUT] = "timed out",
        [-ERR_REFUSED] = "connection refused",
        [-ERR_UNREACHABLE] = "unreachable",
        [-ERR_MISMATCH] = "mismatch",
        [-ERR_TRUNCATED] = "truncated",
        [-ERR_UNSUPPORTED] = "not supported",
        [-ERR_NO_FD] = "no file descriptor left",
        [-ERR_PROTOCOL] = "protocol error",
    };

    if (err > 0 || err <= -(int)(sizeof(texts) / sizeof(texts[0])) || texts[-err] == NULL) {
        return "unknown error";
    }
    return texts[-err];
}

int err_from_errno(int errno_value)
{
    switch (errno_value) {
    case 0: return OK;
    case EAGAIN:
    case EINTR:
    case EINPROGRESS: return ERR_AGAIN;
    case ECONNRESET:
    case EPIPE:
    case ENOTCONN:
    case ESHUTDOWN:
    case ECONNABORTED: return ERR_RESET;
    case EMSGSIZE:
    case EFBIG:
    case E2BIG: return ERR_LIMIT;
    case ENOENT:
    case ENOTDIR: return ERR_NOT_FOUND;
    case EEXIST:
    case EADDRINUSE: return ERR_EXISTS;
    case EACCES:
    case EPERM: return ERR_DENIED;
    case ETIMEDOUT: return ERR_TIMEOUT;
    case ECONNREFUSED: return ERR_REFUSED;
    case ENETUNREACH:
    case EHOSTUNREACH:
    case ENETDOWN:
    case EHOSTDOWN:
    case EADDRNOTAVAIL: return ERR_UNREACHABLE;
    case ENOSYS:
    case EOPNOTSUPP:
    case EAFNOSUPPORT:
    case EPROTONOSUPPORT: return ERR_UNSUPPORTED;
    case EMFILE:
    case ENFILE: return ERR_NO_FD;
    case EPROTO: return ERR_PROTOCOL;
    default: return ERR_IO;
    }
}

struct why_row {
    const char *label;
    const char *text;
    int status;
};

static const struct why_row why_rows[WHY_COUNT] = {
#define WHY_ROW(name, label_, status_, text_)                                                      \
    [WHY_##name] = {.label = label_, .text = text_, .status = status_},
    WHY_TABLE(WHY_ROW)
#undef WHY_ROW
};

static const struct why_row *why_row(enum why why)
{
    REQUIRE((unsigned)why < WHY_COUNT);
    return &why_rows[why];
}

const char *why_label(enum why why)
{
    return why_row(why)->label;
}

const char *why_text(enum why why)
{
    return why_row(why)->text;
}

int why_status(enum why why)
{
    return why_row(why)->status;
}

void err_require_failed(const char *file, int line, const char *expr)
{
    (void)fprintf(stderr, "hivedoor: %s:%d: requirement failed: %s\n", file, line, expr);
    abort();
}

#define CHECK_PLACES 32

struct check_state {
    unsigned long failed;
    size_t count;
    struct {
        const char *file;
        int line;
    } places[CHECK_PLACES];
};

static struct check_state *check_state(void)
{
    static struct check_state state;
    return &state;
}

/* True the first time a place is seen; places beyond the table stay silent and are only counted. */
static bool check_is_new(struct check_state *state, const char *file, int line)
{
    for (size_t i = 0; i < state->count; i++) {
        if (state->places[i].line == line && state->places[i].file == file) {
            return false;
        }
    }
    if (state->count == CHECK_PLACES) {
        return false;
    }
    state->places[state->count].file = file;
    state->places[state->count].line = line;
    state->count++;
    return true;
}

bool err_check_failed(const char *file, int line, const char *expr)
{
    struct check_state *state = check_state();

    state->failed++;
    if (check_is_new(state, file, line)) {
        log_event(LOG_ERROR, "check_failed", "%s:%d: %s", file, line, expr);
    }
#ifdef HIVEDOOR_CHECK_ABORTS
    err_require_failed(file, line, expr);
#endif
    return false;
}

unsigned long err_checks_failed(void)
{
    return check_state()->failed;
}
