/* SPDX-License-Identifier: MIT */
#include "daemon/expiry.h"

#include "base/clock.h"
#include "base/log.h"
#include "stats/text.h"

#define DAY_S 86400

static struct str first_name(const struct tls_cert *c)
{
    return c->name_count == 0 ? STR("") : c->names[0];
}

int64_t expiry_days(int64_t not_after, int64_t now)
{
    int64_t left = not_after - now;

    return left >= 0 ? left / DAY_S : -((-left + DAY_S - 1) / DAY_S);
}

static void count_one(struct slot *slot, const struct tls_cert *c, uint64_t value)
{
    struct buf labels;

    buf_init(&labels, SERIES_LABELS_MAX);
    if (text_label(&labels, "name", first_name(c)) == OK &&
        text_label(&labels, "kind", str_of(tls_key_kind_text(c->kind))) == OK) {
        uint64_t *cell = series_cell(slot, SERIES_CERTIFICATE_EXPIRY, buf_str(&labels));
        __atomic_store_n(cell, value, __ATOMIC_RELAXED);
    }
    buf_fini(&labels);
}

void expiry_count(struct slot *slot, const struct tls_set *set, const struct tls_set *old)
{
    for (size_t i = 0; old != NULL && i < old->count; i++) {
        count_one(slot, old->certs[i], 0);
    }
    for (size_t i = 0; i < set->count; i++) {
        int64_t end = set->certs[i]->not_after;
        count_one(slot, set->certs[i], end < 0 ? 0 : (uint64_t)end);
    }
}

bool expiry_is_staging(const struct tls_cert *c)
{
    static const char *const marks[] = {"STAGING", "Fake LE "};

    for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
        if (memmem(c->issuer.ptr, c->issuer.len, marks[i], strlen(marks[i])) != NULL) {
            return true;
        }
    }
    return false;
}

static void warn(const struct tls_cert *c, const char *event, int64_t days)
{
    char end[CLOCK_TEXT_MAX];
    struct log_line line;

    log_begin(&line, LOG_WARN, event);
    log_field(&line, "name", first_name(c));
    log_field_c(&line, "kind", tls_key_kind_text(c->kind));
    log_field(&line, "issuer", c->issuer);
    log_field_c(&line, "not_after", clock_print(c->not_after * 1000, end));
    log_field_int(&line, "days_left", days);
    log_field(&line, "source", c->source);
    log_end(&line);
}

void expiry_warn(const struct tls_set *set, int64_t now)
{
    for (size_t i = 0; i < set->count; i++) {
        const struct tls_cert *c = set->certs[i];
        int64_t days = expiry_days(c->not_after, now);
        if (days < EXPIRY_WARN_DAYS) {
            warn(c, days < 0 ? "certificate_expired" : "certificate_expires", days);
        }
        if (expiry_is_staging(c)) {
            warn(c, "certificate_staging", days);
        }
    }
}
