/* SPDX-License-Identifier: MIT */
#include "dns/answer.h"

#include <stdio.h>

#include "base/err.h"

#define HEADER_BYTES   12
#define RR_FIXED_BYTES 10
#define CLASS_IN       1
#define TYPE_CNAME     5

/* The second and third 16 bits of the header (RFC 1035 section 4.1.1). */
#define FLAG_QR     0x8000u
#define FLAG_TC     0x0200u
#define MASK_OPCODE 0x7800u
#define MASK_RCODE  0x000fu

#define LABEL_POINTER 0xc0u

struct reader {
    const uint8_t *msg;
    size_t len;
    size_t at; /* <= len */
};

/* One record of the answer section; `rdata` is an offset, so that names in it can be expanded. */
struct record {
    struct answer_name owner;
    uint16_t type;
    uint16_t class;
    size_t rdata;
    size_t rdata_len;
};

static uint16_t get_u16(const uint8_t *p)
{
    return (uint16_t)((p[0] << 8) | p[1]);
}

static uint8_t lower(uint8_t c)
{
    return (uint8_t)chr_lower((char)c);
}

static bool name_eq(const struct answer_name *a, const struct answer_name *b)
{
    return a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}

static bool is_name_byte(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

int answer_name_of(struct str name, struct answer_name *out_name)
{
    struct answer_name n = {.len = 0};
    struct str rest = str_ends(name, STR(".")) ? str_sub(name, 0, name.len - 1) : name;
    struct str label;

    /* Each label gives its bytes and one of length; the root's zero comes last. */
    if (rest.len == 0 || rest.len + 2 > ANSWER_NAME_MAX) {
        return ERR_SYNTAX;
    }
    while (str_next(&rest, '.', &label)) {
        if (label.len == 0 || label.len > 63) {
            return ERR_SYNTAX;
        }
        n.bytes[n.len++] = (uint8_t)label.len;
        for (size_t i = 0; i < label.len; i++) {
            n.bytes[n.len] = lower((uint8_t)label.ptr[i]);
            if (!is_name_byte(n.bytes[n.len++])) {
                return ERR_SYNTAX;
            }
        }
    }
    n.bytes[n.len++] = 0;
    *out_name = n;
    return OK;
}

/* Appends one label (its length byte first) in lower case. */
static int append_label(struct answer_name *n, const uint8_t *label)
{
    size_t bytes = (size_t)label[0] + 1;

    if (n->len + bytes > ANSWER_NAME_MAX) {
        return ERR_SYNTAX;
    }
    n->bytes[n->len++] = label[0];
    for (size_t i = 1; i < bytes; i++) {
        n->bytes[n->len++] = lower(label[i]);
    }
    return OK;
}

/*
 * Reads a name that may be compressed (RFC 1035 section 4.1.4). A pointer must lead to before the
 * place where the labels being read began, so that every jump goes down and there is no loop.
 */
static int read_name(struct reader *r, struct answer_name *out)
{
    size_t at = r->at, start = r->at, end = 0;

    out->len = 0;
    for (;;) {
        if (at >= r->len) {
            return ERR_TRUNCATED;
        }
        uint8_t c = r->msg[at];
        if ((c & LABEL_POINTER) == LABEL_POINTER) {
            if (at + 2 > r->len) {
                return ERR_TRUNCATED;
            }
            size_t to = get_u16(r->msg + at) & 0x3fffu;
            if (to >= start) {
                return ERR_SYNTAX;
            }
            end = end == 0 ? at + 2 : end;
            at = start = to;
            continue;
        }
        if ((c & LABEL_POINTER) != 0) {
            return ERR_SYNTAX;
        }
        if (at + 1 + c > r->len) {
            return ERR_TRUNCATED;
        }
        int err = append_label(out, r->msg + at);
        if (err != OK) {
            return err;
        }
        at += (size_t)c + 1;
        if (c == 0) {
            r->at = end == 0 ? at : end;
            return OK;
        }
    }
}

static int read_record(struct reader *r, struct record *out)
{
    int err = read_name(r, &out->owner);
    if (err != OK) {
        return err;
    }
    if (r->len - r->at < RR_FIXED_BYTES) {
        return ERR_TRUNCATED;
    }
    const uint8_t *p = r->msg + r->at;
    out->type = get_u16(p);
    out->class = get_u16(p + 2);
    out->rdata_len = get_u16(p + 8);
    r->at += RR_FIXED_BYTES;
    if (r->len - r->at < out->rdata_len) {
        return ERR_TRUNCATED;
    }
    out->rdata = r->at;
    r->at += out->rdata_len;
    return OK;
}

static int read_question(struct reader *r, struct answer_question q)
{
    struct answer_name name;
    int err = read_name(r, &name);

    if (err != OK) {
        return err;
    }
    if (r->len - r->at < 4) {
        return ERR_TRUNCATED;
    }
    uint16_t type = get_u16(r->msg + r->at), class = get_u16(r->msg + r->at + 2);
    r->at += 4;
    return name_eq(&name, q.name) && type == q.type && class == CLASS_IN ? OK : ERR_MISMATCH;
}

static bool is_usable_v4(const uint8_t b[static 4])
{
    /* 0.0.0.0/8 is "this host" (RFC 1122 section 3.2.1.3); 224.0.0.0 and up is multicast, reserved
     * and broadcast. */
    return b[0] != 0 && b[0] < 224;
}

bool answer_is_usable(const struct addr *a)
{
    if (a->sa.sa_family == AF_INET) {
        return is_usable_v4((const uint8_t *)&a->in4.sin_addr);
    }
    if (a->sa.sa_family != AF_INET6) {
        return false;
    }
    const struct in6_addr *in6 = &a->in6.sin6_addr;
    if (IN6_IS_ADDR_V4MAPPED(in6)) {
        return is_usable_v4(in6->s6_addr + 12);
    }
    return !IN6_IS_ADDR_UNSPECIFIED(in6) && !IN6_IS_ADDR_MULTICAST(in6);
}

/* Gathers the addresses of one record, or takes its CNAME as the next name. */
static int take_record(const struct reader *r, const struct record *rec, uint16_t type,
                       struct answer_name *io_alias, struct addr *out_addr)
{
    size_t want = type == ANSWER_TYPE_A ? 4 : 16;

    out_addr->len = 0;
    if (rec->type == TYPE_CNAME) {
        struct reader in = {r->msg, r->len, rec->rdata};
        int err = read_name(&in, io_alias);
        return err == OK && in.at != rec->rdata + rec->rdata_len ? ERR_SYNTAX : err;
    }
    if (rec->type != type) {
        return OK;
    }
    if (rec->rdata_len != want) {
        return ERR_SYNTAX;
    }
    return addr_from_bytes(r->msg + rec->rdata, want, 0, out_addr);
}

/*
 * One pass over the answer section for the records of `name`: addresses are added to `addrs`, the
 * target of its CNAME goes to `out_alias` (len 0: none).
 */
struct pass {
    struct answer_name name;
    uint16_t type;
    struct addr *addrs;
    size_t cap;
    size_t count;
    struct answer_name alias;
};

static int pass_run(struct reader r, uint16_t records, struct pass *p)
{
    p->alias.len = 0;
    for (uint16_t i = 0; i < records; i++) {
        struct record rec;
        struct addr a;
        int err = read_record(&r, &rec);
        if (err != OK) {
            return err;
        }
        if (rec.class != CLASS_IN || !name_eq(&rec.owner, &p->name)) {
            continue;
        }
        err = take_record(&r, &rec, p->type, &p->alias, &a);
        if (err != OK) {
            return err;
        }
        if (a.len == 0 || !answer_is_usable(&a)) {
            continue;
        }
        if (p->count == p->cap) {
            return ERR_LIMIT;
        }
        p->addrs[p->count++] = a;
    }
    return OK;
}

/* Aliases may stand in any order, so each one found means another pass. */
static int read_answers(struct reader r, uint16_t records, struct pass *p)
{
    for (int i = 0; i <= ANSWER_CNAME_MAX; i++) {
        int err = pass_run(r, records, p);
        if (err != OK) {
            return err;
        }
        if (p->count > 0 || p->alias.len == 0) {
            return OK;
        }
        p->name = p->alias;
    }
    return ERR_LIMIT;
}

/* Header and question; leaves the reader at the answer section. */
static int read_head(struct reader *r, struct answer_question question, uint16_t *out_records,
                     struct answer *out_answer)
{
    if (r->len < HEADER_BYTES) {
        return ERR_TRUNCATED;
    }
    uint16_t flags = get_u16(r->msg + 2);
    /* One question: more than one is no answer that any server gives (RFC 9619). */
    if ((flags & FLAG_QR) == 0 || (flags & MASK_OPCODE) != 0 || get_u16(r->msg + 4) != 1) {
        return ERR_SYNTAX;
    }
    int err = read_question(r, question);
    if (err != OK) {
        return err;
    }
    *out_records = get_u16(r->msg + 6);
    *out_answer = (struct answer){(flags & FLAG_TC) != 0, (uint8_t)(flags & MASK_RCODE), 0};
    return OK;
}

int answer_parse(struct str msg, struct answer_question question, struct addr *out_addrs,
                 size_t cap, struct answer *out_answer)
{
    struct reader r = {(const uint8_t *)msg.ptr, msg.len, HEADER_BYTES};
    struct pass p = {.name = *question.name, .type = question.type, .addrs = out_addrs, .cap = cap};
    struct answer a;
    uint16_t records;

    int err = read_head(&r, question, &records, &a);
    if (err == OK && !a.truncated && a.rcode == 0) {
        err = read_answers(r, records, &p);
    }
    if (err == OK) {
        a.count = p.count;
        *out_answer = a;
    }
    return err;
}

/* The name in a PTR record of the question's name; others are passed over. */
static int take_ptr(struct reader *r, struct answer_question question, struct answer_name *io_ptr)
{
    struct record rec;
    struct answer_name name;

    int err = read_record(r, &rec);
    if (err != OK || rec.class != CLASS_IN || rec.type != ANSWER_TYPE_PTR ||
        !name_eq(&rec.owner, question.name)) {
        return err;
    }
    struct reader in = {r->msg, r->len, rec.rdata};
    err = read_name(&in, &name);
    if (err != OK) {
        return err;
    }
    if (in.at != rec.rdata + rec.rdata_len) {
        return ERR_SYNTAX;
    }
    if (io_ptr->len > 0 && !name_eq(io_ptr, &name)) {
        return ERR_LIMIT;
    }
    *io_ptr = name;
    return OK;
}

int answer_parse_ptr(struct str msg, struct answer_question question, struct answer_name *out_ptr,
                     struct answer *out_answer)
{
    struct reader r = {(const uint8_t *)msg.ptr, msg.len, HEADER_BYTES};
    struct answer_name ptr = {.len = 0};
    struct answer a;
    uint16_t records;

    int err = read_head(&r, question, &records, &a);
    bool is_good = err == OK && !a.truncated && a.rcode == 0;
    for (uint16_t i = 0; is_good && i < records && err == OK; i++) {
        err = take_ptr(&r, question, &ptr);
    }
    if (err == OK) {
        *out_ptr = ptr;
        *out_answer = a;
    }
    return err;
}

int answer_reverse_name(const struct addr *a, char dst[static ANSWER_REVERSE_MAX])
{
    if (a->sa.sa_family == AF_INET) {
        const uint8_t *b = (const uint8_t *)&a->in4.sin_addr;
        (void)snprintf(dst, ANSWER_REVERSE_MAX, "%u.%u.%u.%u.in-addr.arpa", b[3], b[2], b[1], b[0]);
        return OK;
    }
    if (a->sa.sa_family != AF_INET6) {
        return ERR_UNSUPPORTED;
    }
    static const char hex[] = "0123456789abcdef";
    size_t len = 0;
    for (size_t i = sizeof(a->in6.sin6_addr.s6_addr); i > 0; i--) {
        uint8_t byte = a->in6.sin6_addr.s6_addr[i - 1];
        dst[len++] = hex[byte & 15];
        dst[len++] = '.';
        dst[len++] = hex[byte >> 4];
        dst[len++] = '.';
    }
    (void)snprintf(dst + len, ANSWER_REVERSE_MAX - len, "ip6.arpa");
    return OK;
}
