/* SPDX-License-Identifier: MIT */
#include "base/log.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"

/* Kept free at a line's end for the mark of a dropped field, the bracket and the newline. */
#define TAIL_BYTES   32
#define LINE_ROOM    (LOG_LINE_MAX - TAIL_BYTES)
#define GATHER_BYTES 4096 /* PIPE_BUF: what a pipe takes in one piece */
#define MESSAGE_MAX  2048

/* What the descriptor is decides how a write is kept from blocking. */
enum sink_kind { SINK_FILE, SINK_PIPE, SINK_SOCKET, SINK_TTY };

/* The log sink of the process. */
static struct {
    int fd; /* borrowed */
    enum sink_kind kind;
    enum log_form form;
    enum log_level level;
    char process[32];
    uint64_t lost;
    size_t gathered;
    char gather[GATHER_BYTES];
} sink = {.fd = STDOUT_FILENO, .level = LOG_INFO, .process = "hivedoor"};

static enum sink_kind kind_of(int fd)
{
    struct stat st;

    if (isatty(fd) == 1) {
        return SINK_TTY;
    }
    if (fstat(fd, &st) < 0) {
        return SINK_FILE;
    }
    return S_ISSOCK(st.st_mode) ? SINK_SOCKET : S_ISFIFO(st.st_mode) ? SINK_PIPE : SINK_FILE;
}

void log_setup(int fd, enum log_form form, enum log_level level, const char *process)
{
    log_flush();
    sink.fd = fd;
    sink.kind = kind_of(fd);
    sink.form = form;
    sink.level = level;
    (void)str_copy(sink.process, sizeof(sink.process), str_of(process));
}

void log_set_level(enum log_level level)
{
    sink.level = level;
}

void log_set_form(enum log_form form)
{
    sink.form = form;
}

uint64_t log_lost(void)
{
    return sink.lost;
}

/* ---- building a line ---- */

/* Appends as a whole or not at all. */
static bool put(struct log_line *l, struct str s)
{
    if (s.len > LINE_ROOM - l->len) {
        return false;
    }
    if (s.len > 0) {
        memcpy(l->bytes + l->len, s.ptr, s.len);
    }
    l->len += s.len;
    return true;
}

/*
 * Length of the well-formed UTF-8 sequence at the start of `s` (RFC 3629 section 4), 0 if there is
 * none. The code point goes to *out_point.
 */
static size_t utf8_take(struct str s, uint32_t *out_point)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *p = (const unsigned char *)s.ptr;
    size_t n = p[0] < 0x80 ? 1 : p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;

    if (n == 0 || p[0] > 0xf4 || n > s.len) {
        return 0;
    }
    uint32_t point = n == 1 ? p[0] : p[0] & (0x7fU >> n);
    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }
        point = point << 6 | (p[i] & 0x3fU);
    }
    if (point < least[n] || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) {
        return 0;
    }
    *out_point = point;
    return n;
}

/* The short escape of a byte in a JSON string (RFC 8259 section 7), or 0. */
static char short_escape(uint32_t point)
{
    switch (point) {
    case '"': return '"';
    case '\\': return '\\';
    case '\n': return 'n';
    case '\r': return 'r';
    case '\t': return 't';
    default: return 0;
    }
}

static bool put_point(struct log_line *l, struct str raw, uint32_t point)
{
    char text[16];
    char escape = short_escape(point);

    if (escape != 0) {
        text[0] = '\\';
        text[1] = escape;
        return put(l, str_n(text, 2));
    }
    /* Both ranges of control characters: neither may reach a terminal. */
    if (point < 0x20 || (point >= 0x7f && point < 0xa0)) {
        (void)snprintf(text, sizeof(text), "\\u%04x", point & 0xffffU);
        return put(l, str_n(text, 6));
    }
    return put(l, raw);
}

/* The characters of `s`, escaped; false where it stops for lack of room, never inside a character.
 */
static bool put_escaped(struct log_line *l, struct str s)
{
    while (s.len > 0) {
        uint32_t point = 0;
        size_t n = utf8_take(s, &point);
        bool fits = n == 0 ? put(l, STR("\\ufffd")) : put_point(l, str_n(s.ptr, n), point);
        if (!fits) {
            return false;
        }
        s = str_from(s, n == 0 ? 1 : n);
    }
    return true;
}

static bool is_plain_word(struct str s)
{
    if (s.len == 0) {
        return false;
    }
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] <= ' ' || s.ptr[i] >= 0x7f || s.ptr[i] == '"' || s.ptr[i] == '\\') {
            return false;
        }
    }
    return true;
}

static bool put_quoted(struct log_line *l, struct str s)
{
    return put(l, STR("\"")) && put_escaped(l, s) && put(l, STR("\""));
}

static bool put_key(struct log_line *l, const char *key)
{
    if (sink.form == LOG_TEXT) {
        return put(l, STR(" ")) && put(l, str_of(key)) && put(l, STR("="));
    }
    return put(l, STR(",\"")) && put(l, str_of(key)) && put(l, STR("\":"));
}

/* Takes a half-written field back. */
static void drop_field(struct log_line *l, size_t before)
{
    l->len = before;
    l->dropped = true;
}

/* A field whose value is written as it is: a number or a word of JSON. */
static void add_bare(struct log_line *l, const char *key, struct str value)
{
    size_t before = l->len;

    if (!l->off && !(put_key(l, key) && put(l, value))) {
        drop_field(l, before);
    }
}

/* The message: cut rather than dropped, and in the readable form without key and quotes. */
static void add_message(struct log_line *l, struct str message)
{
    if (sink.form == LOG_TEXT) {
        l->dropped = !(put(l, STR("  ")) && put_escaped(l, message)) || l->dropped;
        return;
    }
    size_t before = l->len;
    if (!put_key(l, "message") || !put(l, STR("\""))) {
        drop_field(l, before);
        return;
    }
    l->dropped = !put_escaped(l, message) || l->dropped;
    l->bytes[l->len++] = '"'; /* the tail has room for it */
}

void log_field(struct log_line *l, const char *key, struct str value)
{
    size_t before = l->len;

    if (l->off) {
        return;
    }
    if (strcmp(key, "message") == 0) {
        add_message(l, value);
        return;
    }
    bool is_bare = sink.form == LOG_TEXT && is_plain_word(value);
    if (!(put_key(l, key) && (is_bare ? put(l, value) : put_quoted(l, value)))) {
        drop_field(l, before);
    }
}

void log_field_c(struct log_line *l, const char *key, const char *value)
{
    log_field(l, key, str_of(value));
}

void log_field_int(struct log_line *l, const char *key, int64_t value)
{
    char text[32];
    int n = snprintf(text, sizeof(text), "%lld", (long long)value);

    add_bare(l, key, str_n(text, (size_t)n));
}

void log_field_ms(struct log_line *l, const char *key, uint64_t us)
{
    char text[40];
    int n = snprintf(text, sizeof(text), "%llu.%03u", (unsigned long long)(us / 1000),
                     (unsigned)(us % 1000));

    add_bare(l, key, str_n(text, (size_t)n));
}

void log_field_bool(struct log_line *l, const char *key, bool value)
{
    add_bare(l, key, value ? STR("true") : STR("false"));
}

static const char *level_name(enum log_level level)
{
    switch (level) {
    case LOG_DEBUG: return "debug";
    case LOG_INFO: return "info";
    case LOG_WARN: return "warn";
    case LOG_ERROR: return "error";
    }
    return "error";
}

/* The level in five columns, coloured on a terminal. */
static const char *level_column(enum log_level level)
{
    static const char *const plain[] = {"debug", "info ", "warn ", "error"};
    static const char *const coloured[] = {"\x1b[2mdebug\x1b[0m", "\x1b[32minfo\x1b[0m ",
                                           "\x1b[33mwarn\x1b[0m ", "\x1b[31merror\x1b[0m"};

    return sink.kind == SINK_TTY ? coloured[level] : plain[level];
}

/* The fixed start of a line; it always fits. */
static void start(struct log_line *l, enum log_level level, const char *event)
{
    char time[CLOCK_TEXT_MAX];
    int n;

    (void)clock_print(clock_wall_ms(), time);
    if (sink.form == LOG_TEXT) {
        n = snprintf(l->bytes, LINE_ROOM, "%.12s %s %s %.64s", time + 11, level_column(level),
                     sink.process, event);
    } else if (l->access) {
        n = snprintf(l->bytes, LINE_ROOM, "{\"time\":\"%s\",\"event\":\"%.64s\"", time, event);
    } else {
        n = snprintf(l->bytes, LINE_ROOM,
                     "{\"time\":\"%s\",\"level\":\"%s\",\"process\":\"%s\",\"event\":\"%.64s\"",
                     time, level_name(level), sink.process, event);
    }
    l->len = (size_t)n;
}

/* Not zeroed as a whole: a line is 4 KiB, and most of it stays unused. */
static void reset(struct log_line *l, bool off, bool access)
{
    l->len = 0;
    l->dropped = false;
    l->off = off;
    l->access = access;
}

void log_begin(struct log_line *l, enum log_level level, const char *event)
{
    reset(l, level < sink.level, false);
    if (!l->off) {
        start(l, level, event);
    }
}

void log_begin_access(struct log_line *l)
{
    reset(l, false, true);
    start(l, LOG_INFO, "access");
}

/* ---- writing ---- */

static uint64_t count_lines(const char *bytes, size_t len)
{
    uint64_t n = 0;

    for (size_t i = 0; i < len; i++) {
        n += bytes[i] == '\n' ? 1 : 0;
    }
    return n;
}

/*
 * One write that does not wait. Several processes share a pipe, so its room may be gone between
 * poll() and write(): where the kernel can be told not to wait, it is told.
 */
static ssize_t write_now(const char *bytes, size_t len)
{
    struct iovec iov = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = len};
    struct pollfd pfd = {.fd = sink.fd, .events = POLLOUT};

    if (sink.kind == SINK_SOCKET) {
        return send(sink.fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
    if (sink.kind != SINK_FILE && poll(&pfd, 1, 0) != 1) {
        errno = EAGAIN;
        return -1;
    }
    if (sink.kind == SINK_PIPE) {
        ssize_t n = pwritev2(sink.fd, &iov, 1, -1, RWF_NOWAIT);
        if (n >= 0 || (errno != EOPNOTSUPP && errno != ENOSYS && errno != EINVAL)) {
            return n;
        }
    }
    return write(sink.fd, bytes, len);
}

void log_flush(void)
{
    ssize_t n;

    if (sink.gathered == 0) {
        return;
    }
    do {
        n = write_now(sink.gather, sink.gathered);
    } while (n < 0 && errno == EINTR);
    size_t written = n < 0 ? 0 : (size_t)n;
    if (written < sink.gathered) {
        sink.lost += count_lines(sink.gather + written, sink.gathered - written);
    }
    sink.gathered = 0;
}

static void finish(struct log_line *l)
{
    struct str tail = STR("}\n");

    if (sink.form == LOG_TEXT) {
        tail = l->dropped ? STR(" truncated=true\n") : STR("\n");
    } else if (l->dropped) {
        tail = STR(",\"truncated\":true}\n");
    }
    memcpy(l->bytes + l->len, tail.ptr, tail.len);
    l->len += tail.len;
}

void log_end(struct log_line *l)
{
    if (l->off) {
        return;
    }
    finish(l);
    if (l->len > sizeof(sink.gather) - sink.gathered) {
        log_flush();
    }
    memcpy(sink.gather + sink.gathered, l->bytes, l->len);
    sink.gathered += l->len;
    /* An event goes out at once, behind the access lines that came before it. */
    if (!l->access) {
        log_flush();
    }
}

void log_event(enum log_level level, const char *event, const char *fmt, ...)
{
    struct log_line l;
    char message[MESSAGE_MAX];
    va_list ap;

    log_begin(&l, level, event);
    if (l.off) {
        return;
    }
    va_start(ap, fmt);
    int n = vsnprintf(message, sizeof(message), fmt, ap);
    va_end(ap);
    log_field(&l, "message", str_of(message));
    l.dropped = l.dropped || n < 0 || (size_t)n >= sizeof(message);
    log_end(&l);
}
