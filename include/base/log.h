/* SPDX-License-Identifier: MIT */
/*
 * One event or access record a line on standard output: JSON, or a readable form. A line is built
 * in place, is never longer than LOG_LINE_MAX (fields that do not fit are dropped and the line says
 * "truncated":true), and goes out in one write of at most 4096 bytes, so lines of several processes
 * do not mix. Access lines are gathered and written by log_flush() once a loop turn. A standard
 * output that blocks loses lines (counted by log_lost()), it never stalls the process.
 *
 * Floors 0 to 4 do not log above debug. Never give a key, cookie, Authorization value, body, token
 * or query string to this module.
 */
#ifndef HIVEDOOR_BASE_LOG_H
#define HIVEDOOR_BASE_LOG_H

#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum log_form { LOG_JSON, LOG_TEXT };

#define LOG_LINE_MAX 4096

struct log_line {
    char bytes[LOG_LINE_MAX];
    size_t len;
    bool dropped; /* a field did not fit */
    bool off;     /* below the level: nothing is built */
    bool access;  /* gathered instead of written at once */
};

/* Where lines go and how; `process` ("supervisor", "worker-0") is copied. fd is borrowed. */
void log_setup(int fd, enum log_form form, enum log_level level, const char *process);
void log_set_level(enum log_level level);
void log_set_form(enum log_form form);

/* Starts a line: {"time":...,"level":...,"process":...,"event":EVENT. `event` is snake_case. */
void log_begin(struct log_line *l, enum log_level level, const char *event);
/* Starts an access line: {"time":...,"event":"access"; never filtered by level. */
void log_begin_access(struct log_line *l);
void log_field(struct log_line *l, const char *key, struct str value);
void log_field_c(struct log_line *l, const char *key, const char *value);
void log_field_int(struct log_line *l, const char *key, int64_t value);
/* Milliseconds with three decimals, from microseconds. */
void log_field_ms(struct log_line *l, const char *key, uint64_t us);
void log_field_bool(struct log_line *l, const char *key, bool value);
/* Ends the line and writes or gathers it. */
void log_end(struct log_line *l);

/* A whole event with a printf message: log_event(LOG_WARN, "reload_failed", "%s", why). */
void log_event(enum log_level level, const char *event, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Writes what was gathered. Called at the end of a loop turn and at exit. */
void log_flush(void);
/* Lines lost because standard output did not take them. */
uint64_t log_lost(void);

#endif
