/* SPDX-License-Identifier: MIT */
#include "config/values.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

struct unit {
    const char *text;
    uint64_t factor;
};

static const struct unit time_units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}};
static const struct unit size_units[] = {
    {"", 1}, {"k", 1u << 10}, {"m", 1u << 20}, {"g", 1u << 30}};

/* What people write instead, and the unit that it stands for. */
struct alias {
    const char *text;
    const char *unit;
};

static const struct alias time_aliases[] = {
    {"", "s"},        {"S", "s"},     {"sec", "s"},     {"secs", "s"},   {"second", "s"},
    {"seconds", "s"}, {"min", "m"},   {"mins", "m"},    {"minute", "m"}, {"minutes", "m"},
    {"M", "m"},       {"H", "h"},     {"hour", "h"},    {"hours", "h"},  {"hr", "h"},
    {"MS", "ms"},     {"msec", "ms"}, {"millis", "ms"},
};
static const struct alias size_aliases[] = {
    {"K", "k"},   {"kb", "k"}, {"KB", "k"},  {"KiB", "k"},  {"kB", "k"}, {"M", "m"},
    {"mb", "m"},  {"MB", "m"}, {"MiB", "m"}, {"G", "g"},    {"gb", "g"}, {"GB", "g"},
    {"GiB", "g"}, {"b", ""},   {"B", ""},    {"bytes", ""},
};

int values_refuse(struct values_fault *fault, const char *near, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(fault->expected, sizeof(fault->expected), fmt, ap);
    va_end(ap);
    (void)str_copy(fault->near, sizeof(fault->near), str_of(near == NULL ? "" : near));
    return ERR_SYNTAX;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* "12abc" -> 12 and "abc"; false without a leading digit or above 2^53. */
static bool split_number(struct str text, uint64_t *out_number, struct str *out_unit)
{
    size_t n = 0;
    while (n < text.len && is_digit(text.ptr[n])) {
        n++;
    }
    *out_unit = str_from(text, n);
    return n > 0 && str_to_u64(str_sub(text, 0, n), UINT64_C(1) << 53, out_number) == OK;
}

static const struct unit *unit_find(const struct unit *units, size_t count, struct str text)
{
    for (size_t i = 0; i < count; i++) {
        if (str_eq(text, str_of(units[i].text))) {
            return &units[i];
        }
    }
    return NULL;
}

/* "5 sec" -> "5s", if the rest is a unit under another name. */
static void suggest(struct str text, const struct alias *aliases, size_t count,
                    struct values_fault *fault)
{
    uint64_t number;
    struct str rest;
    if (!split_number(text, &number, &rest)) {
        return;
    }
    rest = str_trim(rest);
    for (size_t i = 0; i < count; i++) {
        if (str_eq(rest, str_of(aliases[i].text)) || str_eq(rest, str_of(aliases[i].unit))) {
            (void)snprintf(fault->near, sizeof(fault->near), "%" PRIu64 "%s", number,
                           aliases[i].unit);
            return;
        }
    }
}

int values_duration(struct str text, uint64_t *out_ms, struct values_fault *fault)
{
    uint64_t number;
    struct str rest;
    const struct unit *unit = NULL;
    if (split_number(text, &number, &rest)) {
        unit = unit_find(time_units, sizeof(time_units) / sizeof(time_units[0]), rest);
    }
    if (unit == NULL) {
        (void)values_refuse(fault, NULL, "a duration such as 250ms, 5s, 2m or 1h");
        suggest(text, time_aliases, sizeof(time_aliases) / sizeof(time_aliases[0]), fault);
        return ERR_SYNTAX;
    }
    if (number > UINT32_MAX / unit->factor) {
        (void)values_refuse(fault, NULL, "a duration below 1193h");
        return ERR_RANGE;
    }
    *out_ms = number * unit->factor;
    return OK;
}

int values_size(struct str text, uint64_t *out_bytes, struct values_fault *fault)
{
    uint64_t number;
    struct str rest;
    const struct unit *unit = NULL;
    if (split_number(text, &number, &rest)) {
        unit = unit_find(size_units, sizeof(size_units) / sizeof(size_units[0]), rest);
    }
    if (unit == NULL) {
        (void)values_refuse(fault, NULL, "a size such as 64k, 10m or 1g");
        suggest(text, size_aliases, sizeof(size_aliases) / sizeof(size_aliases[0]), fault);
        return ERR_SYNTAX;
    }
    if (number > (UINT64_MAX - 1) / unit->factor) {
        (void)values_refuse(fault, NULL, "a smaller size");
        return ERR_RANGE;
    }
    *out_bytes = number * unit->factor;
    return OK;
}

int values_number(struct str text, uint64_t *out_value, struct values_fault *fault)
{
    int err = str_to_u64(text, UINT32_MAX, out_value);
    if (err != OK) {
        (void)values_refuse(fault, NULL, "a number");
    }
    return err;
}

int values_bool(struct str text, bool *out_value, struct values_fault *fault)
{
    static const struct str yes[] = {{"yes", 3}, {"on", 2}, {"1", 1}, {"true", 4}};
    static const struct str no[] = {{"no", 2}, {"off", 3}, {"0", 1}, {"false", 5}};
    if (str_eq(text, STR("true")) || str_eq(text, STR("false"))) {
        *out_value = text.len == 4;
        return OK;
    }
    const char *near = NULL;
    for (size_t i = 0; i < 4; i++) {
        near = str_ieq(text, yes[i]) ? "true" : str_ieq(text, no[i]) ? "false" : near;
    }
    return values_refuse(fault, near, "true or false");
}

static bool is_port(struct str text)
{
    uint64_t port;
    return str_to_u64(text, 65535, &port) == OK && port > 0;
}

static bool has_control(struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.ptr[i] < 0x20 || text.ptr[i] == 0x7F) {
            return true;
        }
    }
    return false;
}

/* What an address without a port, a port without a colon, or "localhost" was meant to be. */
static void suggest_listen(struct str text, struct values_fault *fault)
{
    struct addr ip;
    char *dst = fault->near;
    size_t cap = sizeof(fault->near);
    if (text.len > 100) {
        return;
    }
    if (is_port(text)) {
        (void)snprintf(dst, cap, ":%.*s", STR_FMT(text));
    } else if (addr_parse_ip(text, 0, &ip) == OK) {
        bool bare6 = str_find(text, ':') >= 0 && text.ptr[0] != '[';
        (void)snprintf(dst, cap, bare6 ? "[%.*s]:443" : "%.*s:443", STR_FMT(text));
    } else if (str_starts(text, STR("*:")) && is_port(str_from(text, 2))) {
        (void)snprintf(dst, cap, "%.*s", STR_FMT(str_from(text, 1)));
    } else if (str_starts(text, STR("localhost:")) && is_port(str_from(text, 10))) {
        (void)snprintf(dst, cap, "127.0.0.1%.*s", STR_FMT(str_from(text, 9)));
    } else if (str_starts(text, STR("/"))) {
        (void)snprintf(dst, cap, "unix:%.*s", STR_FMT(text));
    }
    if (has_control(str_of(dst)) || addr_parse(str_of(dst), &ip) != OK) {
        dst[0] = '\0'; /* not a remedy either */
    }
}

int values_listen(struct str text, struct addr *out_addr, struct values_fault *fault)
{
    struct addr a;
    int err = has_control(text) ? ERR_SYNTAX : addr_parse(text, &a);
    if (err == OK && a.sa.sa_family != AF_UNIX && addr_port(&a) == 0) {
        return values_refuse(fault, NULL, "a port from 1 to 65535");
    }
    if (err == OK) {
        *out_addr = a;
        return OK;
    }
    (void)values_refuse(fault, NULL,
                        "an address such as \":443\", \"127.0.0.1:443\", "
                        "\"[::]:443\" or \"unix:/run/hivedoor.sock\"");
    suggest_listen(text, fault);
    return ERR_SYNTAX;
}

int values_server(struct str text, struct addr *out_addr, struct values_fault *fault)
{
    struct addr a;
    bool is_ok = addr_parse_ip(text, 53, &a) == OK;
    if (!is_ok && text.len > 0 && text.ptr[0] != ':') {
        is_ok = addr_parse(text, &a) == OK && a.sa.sa_family != AF_UNIX && addr_port(&a) != 0;
    }
    if (!is_ok) {
        return values_refuse(fault, NULL,
                             "the address of a DNS server such as 127.0.0.11 or 127.0.0.11:53");
    }
    *out_addr = a;
    return OK;
}

/* "10.1.2.3/8" -> "10.0.0.0/8". */
static void suggest_network(struct str text, struct values_fault *fault)
{
    ptrdiff_t slash = str_find(text, '/');
    struct addr_net net;
    uint64_t bits;
    if (slash < 0 || addr_net_parse(str_sub(text, 0, (size_t)slash), &net) != OK) {
        return;
    }
    unsigned base = str_find(text, ':') >= 0 ? 0 : 96;
    if (str_to_u64(str_from(text, (size_t)slash + 1), 128 - base, &bits) != OK) {
        return;
    }
    net.prefix = (uint8_t)(base + bits);
    for (unsigned bit = net.prefix; bit < 128; bit++) {
        net.bytes[bit / 8] &= (uint8_t) ~(0x80u >> (bit % 8));
    }
    char print[ADDR_TEXT_MAX];
    (void)str_copy(fault->near, sizeof(fault->near), str_of(addr_net_print(&net, print)));
}

int values_network(struct str text, struct addr_net *out_net, struct values_fault *fault)
{
    int err = addr_net_parse(text, out_net);
    if (err == ERR_RANGE) {
        (void)values_refuse(fault, NULL,
                            "a network such as 10.0.0.0/8, with only zeros behind its prefix");
        suggest_network(text, fault);
    } else if (err != OK) {
        (void)values_refuse(fault, NULL, "a network such as 10.0.0.0/8, or one address");
    }
    return err;
}

#define RATE_MAX 1000000

static const struct unit rate_units[] = {{"s", 1000}, {"m", 60000}, {"h", 3600000}};
static const struct alias rate_aliases[] = {
    {"", "s"},    {"sec", "s"},    {"second", "s"}, {"rps", "s"}, {"r/s", "s"},  {"S", "s"},
    {"min", "m"}, {"minute", "m"}, {"r/m", "m"},    {"M", "m"},   {"hour", "h"}, {"H", "h"},
};

/* "10 per second", "10r/s", "10/sec" -> "10/s". */
static void suggest_rate(struct str text, struct values_fault *fault)
{
    uint64_t number;
    struct str rest;
    if (!split_number(text, &number, &rest) || number == 0 || number > RATE_MAX) {
        return;
    }
    rest = str_trim(rest);
    if (str_starts(rest, STR("per "))) {
        rest = str_trim(str_from(rest, 4));
    }
    rest = str_trim(str_from(rest, str_starts(rest, STR("/")) ? 1 : 0));
    const struct unit *unit =
        unit_find(rate_units, sizeof(rate_units) / sizeof(rate_units[0]), rest);
    const char *word = unit == NULL ? NULL : unit->text;
    for (size_t i = 0; i < sizeof(rate_aliases) / sizeof(rate_aliases[0]); i++) {
        word = str_eq(rest, str_of(rate_aliases[i].text)) ? rate_aliases[i].unit : word;
    }
    if (word != NULL) {
        (void)snprintf(fault->near, sizeof(fault->near), "%" PRIu64 "/%s", number, word);
    }
}

int values_rate(struct str text, uint32_t *out_count, uint32_t *out_period_ms,
                struct values_fault *fault)
{
    uint64_t number;
    struct str rest;
    const struct unit *unit = NULL;
    if (split_number(text, &number, &rest) && str_starts(rest, STR("/"))) {
        unit = unit_find(rate_units, sizeof(rate_units) / sizeof(rate_units[0]), str_from(rest, 1));
    }
    if (unit == NULL) {
        (void)values_refuse(fault, NULL, "a rate such as 10/s, 600/m or 1000/h");
        suggest_rate(text, fault);
        return ERR_SYNTAX;
    }
    if (number == 0 || number > RATE_MAX) {
        (void)values_refuse(fault, NULL, "a rate from 1 to %d", RATE_MAX);
        return ERR_RANGE;
    }
    *out_count = (uint32_t)number;
    *out_period_ms = (uint32_t)unit->factor;
    return OK;
}

int values_realm(struct str text, struct values_fault *fault)
{
    bool is_ok = text.len > 0 && text.len <= 128;
    for (size_t i = 0; i < text.len && is_ok; i++) {
        char c = text.ptr[i];
        is_ok = c >= 0x20 && c < 0x7F && c != '"' && c != '\\';
    }
    return is_ok ? OK
                 : values_refuse(fault, NULL,
                                 "at most 128 printable ASCII characters without \" and \\");
}

int values_request_path(struct str text, struct values_fault *fault)
{
    bool is_ok = text.len > 0 && text.len <= 1024 && text.ptr[0] == '/';
    for (size_t i = 0; i < text.len && is_ok; i++) {
        char c = text.ptr[i];
        is_ok = c > 0x20 && c < 0x7F && c != '#' && c != '"' && c != '\\';
    }
    return is_ok ? OK
                 : values_refuse(fault, NULL,
                                 "a path such as /healthz, at most 1024 characters, encoded where "
                                 "it must be");
}

int values_path(struct str text, struct values_fault *fault)
{
    if (text.len == 0 || text.len >= 4096 || has_control(text)) {
        return values_refuse(fault, NULL, "a path such as /etc/hivedoor/certs");
    }
    return OK;
}

static const char *print_in(uint64_t value, const struct unit *units, size_t count,
                            char dst[static VALUES_TEXT_MAX])
{
    size_t best = 0;
    for (size_t i = 0; i < count && value > 0; i++) {
        best = value % units[i].factor == 0 ? i : best;
    }
    (void)snprintf(dst, VALUES_TEXT_MAX, "%" PRIu64 "%s", value / units[best].factor,
                   units[best].text);
    return dst;
}

const char *values_print_duration(uint64_t ms, char dst[static VALUES_TEXT_MAX])
{
    return print_in(ms, time_units, sizeof(time_units) / sizeof(time_units[0]), dst);
}

const char *values_print_size(uint64_t bytes, char dst[static VALUES_TEXT_MAX])
{
    return print_in(bytes, size_units, sizeof(size_units) / sizeof(size_units[0]), dst);
}

const char *values_print_rate(uint32_t count, uint32_t period_ms, char dst[static VALUES_TEXT_MAX])
{
    const char *unit = period_ms == 3600000 ? "h" : period_ms == 60000 ? "m" : "s";
    (void)snprintf(dst, VALUES_TEXT_MAX, "%" PRIu32 "/%s", count, unit);
    return dst;
}
