/* SPDX-License-Identifier: MIT */
/*
 * The values that are numbers, addresses or paths: durations, sizes, networks, addresses to listen
 * on. Pure functions on texts; every one says, when it refuses, what it expected and what was
 * probably meant. Names and URLs are in config/names.h.
 */
#ifndef HIVEDOOR_CONFIG_VALUES_H
#define HIVEDOOR_CONFIG_VALUES_H

#include "base/addr.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

/* Why a text was refused. Both are one line; `near` is empty when nothing is close. */
struct values_fault {
    char expected[200]; /* completes "expected ..." */
    char near[300];     /* what was probably meant, ready to be written */
};

/* Fills in a fault; `near` may be NULL. Returns ERR_SYNTAX, so that a parser can return it. */
int values_refuse(struct values_fault *fault, const char *near, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* "250ms", "5s", "2m", "1h": milliseconds, below 2^32. ERR_SYNTAX or ERR_RANGE. */
int values_duration(struct str text, uint64_t *out_ms, struct values_fault *fault) MUST_USE;
/* "65536", "64k", "10m", "1g": bytes, in steps of 1024. ERR_SYNTAX or ERR_RANGE. */
int values_size(struct str text, uint64_t *out_bytes, struct values_fault *fault) MUST_USE;
/* A decimal number. */
int values_number(struct str text, uint64_t *out_value, struct values_fault *fault) MUST_USE;
/* "true" or "false". */
int values_bool(struct str text, bool *out_value, struct values_fault *fault) MUST_USE;
/* ":443", "0.0.0.0:443", "[::]:443", "unix:/path". */
int values_listen(struct str text, struct addr *out_addr, struct values_fault *fault) MUST_USE;
/* A DNS server: "9.9.9.9", "9.9.9.9:53", "[::1]:53"; the port is 53 unless written. */
int values_server(struct str text, struct addr *out_addr, struct values_fault *fault) MUST_USE;
/* "10.0.0.0/8" or one address. */
int values_network(struct str text, struct addr_net *out_net, struct values_fault *fault) MUST_USE;
/* "10/s", "600/m", "1000/h": so many in a period of so many milliseconds; at least 1. */
int values_rate(struct str text, uint32_t *out_count, uint32_t *out_period_ms,
                struct values_fault *fault) MUST_USE;
/* What may stand between the quotes of a challenge (RFC 9110 section 5.6.4) as it is: 1 to 128
 * printable ASCII characters without " and \. */
int values_realm(struct str text, struct values_fault *fault) MUST_USE;
/* What a GET may ask for (RFC 9112 section 3.2.1), as it is sent: "/", then visible ASCII without
 * fragment, at most 1024 bytes. */
int values_request_path(struct str text, struct values_fault *fault) MUST_USE;
/* A path of a file or folder: not empty, no control characters, below 4096 bytes. */
int values_path(struct str text, struct values_fault *fault) MUST_USE;

#define VALUES_TEXT_MAX 32
/* The shortest text that values_duration or values_size reads back as the same; returns `dst`. */
const char *values_print_duration(uint64_t ms, char dst[static VALUES_TEXT_MAX]);
const char *values_print_size(uint64_t bytes, char dst[static VALUES_TEXT_MAX]);
/* For values_rate. */
const char *values_print_rate(uint32_t count, uint32_t period_ms, char dst[static VALUES_TEXT_MAX]);

#endif
