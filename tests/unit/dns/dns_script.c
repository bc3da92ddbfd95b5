/* SPDX-License-Identifier: MIT */
#include "dns_script.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/list.h"
#include "base/mem.h"
#include "dns/answer.h"
#include "loop/watch.h"

#define MESSAGE_MAX  65535
#define HEADER_BYTES 12
#define FLAG_TC      0x0200
#define FLAGS_ANSWER 0x8180 /* QR, RD, RA */
#define CLASS_IN     1
#define TYPE_CNAME   5
#define TYPE_OPT     41

struct entry {
    struct list node;
    struct answer_name name;
    struct answer_name alias; /* len 0: none */
    uint16_t type;
    enum script_kind kind;
    struct addr *addrs; /* owned */
    size_t count;
    size_t asked;
};

struct script_conn {
    struct list node;
    struct dns_script *d;
    struct watch watch;
    struct buf in;
    int fd; /* owned */
};

struct dns_script {
    struct loop *loop;
    struct addr addr;
    int udp_fd; /* owned */
    int tcp_fd; /* owned */
    struct watch udp;
    struct watch tcp;
    struct list entries;
    struct list conns;
    size_t tcp_asked;
    size_t edns;
};

struct query {
    uint16_t id;
    struct answer_name name;
    uint16_t type;
    size_t edns;
};

static uint16_t get_u16(const uint8_t *p)
{
    return (uint16_t)((p[0] << 8) | p[1]);
}

static void put_u16(struct buf *b, unsigned v)
{
    const uint8_t bytes[2] = {(uint8_t)(v >> 8), (uint8_t)v};

    REQUIRE(buf_append(b, bytes, sizeof(bytes)) == OK);
}

static void put_name(struct buf *b, const struct answer_name *name)
{
    REQUIRE(buf_append(b, name->bytes, name->len) == OK);
}

/* Questions come from c-ares: one, uncompressed, with one OPT record behind it or none. */
static bool read_query(const uint8_t *msg, size_t len, struct query *out)
{
    size_t at = HEADER_BYTES;

    if (len < HEADER_BYTES + 5) {
        return false;
    }
    out->id = get_u16(msg);
    while (msg[at] != 0) {
        at += (size_t)msg[at] + 1;
        if (at + 5 > len) {
            return false;
        }
    }
    at++;
    out->name.len = at - HEADER_BYTES;
    REQUIRE(out->name.len <= ANSWER_NAME_MAX);
    for (size_t i = 0; i < out->name.len; i++) {
        out->name.bytes[i] = (uint8_t)chr_lower((char)msg[HEADER_BYTES + i]);
    }
    out->type = get_u16(msg + at);
    at += 4;
    bool has_opt = at + 5 <= len && msg[at] == 0 && get_u16(msg + at + 1) == TYPE_OPT;
    out->edns = has_opt ? get_u16(msg + at + 3) : 0;
    return true;
}

static uint16_t wire_type(enum resolver_type type)
{
    return type == RESOLVER_A ? ANSWER_TYPE_A : ANSWER_TYPE_AAAA;
}

static struct entry *find(const struct dns_script *d, const struct answer_name *name, uint16_t type)
{
    LIST_EACH (&d->entries, it, tmp) {
        struct entry *e = CONTAINER_OF(it, struct entry, node);
        bool same = e->name.len == name->len && memcmp(e->name.bytes, name->bytes, name->len) == 0;
        if (same && (type == 0 || e->type == type)) {
            return e;
        }
    }
    return NULL;
}

static struct entry *entry_of(struct dns_script *d, const char *name, enum resolver_type type)
{
    struct answer_name wire;

    REQUIRE(answer_name_of(str_of(name), &wire) == OK);
    struct entry *e = find(d, &wire, wire_type(type));
    if (e == NULL) {
        e = NEW(struct entry);
        e->name = wire;
        e->type = wire_type(type);
        list_push_back(&d->entries, &e->node);
    }
    return e;
}

static void put_record(struct buf *b, const struct answer_name *owner, uint16_t type,
                       const void *data, size_t len)
{
    put_name(b, owner);
    put_u16(b, type);
    put_u16(b, CLASS_IN);
    put_u16(b, 0);
    put_u16(b, 600);
    put_u16(b, (unsigned)len);
    REQUIRE(buf_append(b, data, len) == OK);
}

static void put_address(struct buf *b, const struct answer_name *owner, const struct addr *a)
{
    if (a->sa.sa_family == AF_INET) {
        put_record(b, owner, ANSWER_TYPE_A, &a->in4.sin_addr, 4);
    } else {
        put_record(b, owner, ANSWER_TYPE_AAAA, &a->in6.sin6_addr, 16);
    }
}

static void put_header(struct buf *b, const struct query *q, unsigned flags, size_t records)
{
    put_u16(b, q->id);
    put_u16(b, FLAGS_ANSWER | flags);
    put_u16(b, 1);
    put_u16(b, (unsigned)records);
    put_u16(b, 0);
    put_u16(b, 0);
    put_name(b, &q->name);
    put_u16(b, q->type);
    put_u16(b, CLASS_IN);
}

/* The answer with as many of the addresses as `count` says. */
static void put_answer(struct buf *b, const struct query *q, const struct entry *e, size_t count,
                       unsigned flags)
{
    bool has_alias = e->alias.len > 0;

    put_header(b, q, flags, count + has_alias);
    if (has_alias) {
        put_record(b, &q->name, TYPE_CNAME, e->alias.bytes, e->alias.len);
    }
    for (size_t i = 0; i < count; i++) {
        put_address(b, has_alias ? &e->alias : &q->name, &e->addrs[i]);
    }
}

/* Writes the answer to `q`, or nothing. UDP answers are cut at the EDNS size, or at 512 bytes. */
static void answer(struct dns_script *d, const struct query *q, bool is_tcp, struct buf *out)
{
    static const struct entry empty = {.count = 0};
    struct entry *e = find(d, &q->name, q->type);
    enum script_kind kind = e != NULL ? e->kind : SCRIPT_ANSWER;

    if (e == NULL && find(d, &q->name, 0) == NULL) {
        kind = SCRIPT_NXDOMAIN;
    }
    if (e != NULL) {
        e->asked++;
    }
    switch (kind) {
    case SCRIPT_SILENT: return;
    case SCRIPT_NXDOMAIN: put_header(out, q, 3, 0); return;
    case SCRIPT_SERVFAIL: put_header(out, q, 2, 0); return;
    case SCRIPT_REFUSED: put_header(out, q, 5, 0); return;
    case SCRIPT_LOSE_ONE: e->kind = SCRIPT_ANSWER; return;
    case SCRIPT_TC_BOTH: put_answer(out, q, e, 1, FLAG_TC); return;
    case SCRIPT_TC_UDP: put_answer(out, q, e, is_tcp ? e->count : 1, is_tcp ? 0 : FLAG_TC); return;
    case SCRIPT_ANSWER:
    case SCRIPT_WRONG_ID:
    case SCRIPT_WRONG_NAME: break;
    }
    e = e != NULL ? e : (struct entry *)(uintptr_t)&empty;
    put_answer(out, q, e, e->count, 0);
    if (!is_tcp && buf_len(out) > (q->edns > 512 ? q->edns : 512)) {
        buf_clear(out);
        put_answer(out, q, e, 1, FLAG_TC);
    }
}

static void send_udp(struct dns_script *d, const struct buf *b, const struct addr *to)
{
    REQUIRE(sendto(d->udp_fd, buf_ptr(b), buf_len(b), 0, &to->sa, to->len) == (ssize_t)buf_len(b));
}

/* An answer that must not be believed, ahead of the right one. */
static void send_bogus(struct dns_script *d, const struct query *q, const struct addr *to)
{
    const struct entry *e = find(d, &q->name, q->type);
    struct entry bogus = {.count = 1};
    struct query wrong = *q;
    struct addr evil;
    struct buf b;

    if (e == NULL || (e->kind != SCRIPT_WRONG_ID && e->kind != SCRIPT_WRONG_NAME)) {
        return;
    }
    REQUIRE(addr_parse_ip(STR("10.66.66.66"), 0, &evil) == OK);
    bogus.addrs = &evil;
    if (e->kind == SCRIPT_WRONG_ID) {
        wrong.id = (uint16_t)(wrong.id + 1);
    } else {
        wrong.name.bytes[1] = wrong.name.bytes[1] == 'x' ? 'y' : 'x';
    }
    buf_init(&b, MESSAGE_MAX);
    put_answer(&b, &wrong, &bogus, 1, 0);
    send_udp(d, &b, to);
    buf_fini(&b);
}

static void on_udp(void *arg, unsigned ready)
{
    struct dns_script *d = arg;
    struct addr from = {.len = sizeof(from.in6)};
    uint8_t msg[1024];
    ssize_t n = recvfrom(d->udp_fd, msg, sizeof(msg), MSG_DONTWAIT, &from.sa, &from.len);
    struct query q;
    struct buf out;

    (void)ready;
    if (n < 0 || !read_query(msg, (size_t)n, &q)) {
        return;
    }
    d->edns = q.edns;
    send_bogus(d, &q, &from);
    buf_init(&out, MESSAGE_MAX * 2);
    answer(d, &q, false, &out);
    if (buf_len(&out) > 0) {
        send_udp(d, &out, &from);
    }
    buf_fini(&out);
}

static void conn_close(struct script_conn *c)
{
    watch_fini(&c->watch);
    fd_close(&c->fd);
    buf_fini(&c->in);
    list_remove(&c->node);
    loop_free_later(c->d->loop, c);
}

static void conn_answer(struct script_conn *c, const struct query *q)
{
    struct buf out;

    buf_init(&out, MESSAGE_MAX * 2);
    c->d->tcp_asked++;
    answer(c->d, q, true, &out);
    if (buf_len(&out) > 0) {
        const uint8_t len[2] = {(uint8_t)(buf_len(&out) >> 8), (uint8_t)buf_len(&out)};
        REQUIRE(send(c->fd, len, 2, MSG_NOSIGNAL) == 2);
        REQUIRE(send(c->fd, buf_ptr(&out), buf_len(&out), MSG_NOSIGNAL) == (ssize_t)buf_len(&out));
    }
    buf_fini(&out);
}

static void on_conn(void *arg, unsigned ready)
{
    struct script_conn *c = arg;
    uint8_t bytes[1024];
    ssize_t n = recv(c->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
    struct query q;

    (void)ready;
    if (n <= 0) {
        conn_close(c);
        return;
    }
    REQUIRE(buf_append(&c->in, bytes, (size_t)n) == OK);
    while (buf_len(&c->in) > 2) {
        const uint8_t *p = (const uint8_t *)buf_ptr(&c->in);
        size_t len = get_u16(p);
        if (buf_len(&c->in) < len + 2) {
            return;
        }
        if (read_query(p + 2, len, &q)) {
            conn_answer(c, &q);
        }
        buf_consume(&c->in, len + 2);
    }
}

static void on_tcp(void *arg, unsigned ready)
{
    struct dns_script *d = arg;
    int fd = accept4(d->tcp_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    (void)ready;
    if (fd < 0) {
        return;
    }
    struct script_conn *c = NEW(struct script_conn);
    c->d = d;
    c->fd = fd;
    buf_init(&c->in, MESSAGE_MAX);
    list_push_back(&d->conns, &c->node);
    watch_init(&c->watch, d->loop, fd, on_conn, c);
    watch_set(&c->watch, WATCH_READ);
}

/* One port that is free for both; the TCP half may be taken by somebody else. */
static bool bind_both(struct dns_script *d)
{
    d->udp_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    d->tcp_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    addr_set_port(&d->addr, 0);
    if (bind(d->udp_fd, &d->addr.sa, d->addr.len) == 0 &&
        getsockname(d->udp_fd, &d->addr.sa, &d->addr.len) == 0 &&
        bind(d->tcp_fd, &d->addr.sa, d->addr.len) == 0 && listen(d->tcp_fd, 16) == 0) {
        return true;
    }
    fd_close(&d->udp_fd);
    fd_close(&d->tcp_fd);
    return false;
}

struct dns_script *dns_script_new(struct loop *loop, const char *ip)
{
    struct dns_script *d = NEW(struct dns_script);
    bool is_bound = false;

    d->loop = loop;
    list_init(&d->entries);
    list_init(&d->conns);
    REQUIRE(addr_parse_ip(str_of(ip), 0, &d->addr) == OK);
    for (int i = 0; i < 20 && !is_bound; i++) {
        is_bound = bind_both(d);
    }
    REQUIRE(is_bound);
    watch_init(&d->udp, loop, d->udp_fd, on_udp, d);
    watch_set(&d->udp, WATCH_READ);
    watch_init(&d->tcp, loop, d->tcp_fd, on_tcp, d);
    watch_set(&d->tcp, WATCH_READ);
    return d;
}

void dns_script_free(struct dns_script *d)
{
    LIST_EACH (&d->conns, it, tmp) {
        conn_close(CONTAINER_OF(it, struct script_conn, node));
    }
    LIST_EACH (&d->entries, it, tmp) {
        struct entry *e = CONTAINER_OF(it, struct entry, node);
        list_remove(it);
        free(e->addrs);
        free(e);
    }
    watch_fini(&d->udp);
    watch_fini(&d->tcp);
    fd_close(&d->udp_fd);
    fd_close(&d->tcp_fd);
    free(d);
}

const struct addr *dns_script_addr(const struct dns_script *d)
{
    return &d->addr;
}

void dns_script_kind(struct dns_script *d, const char *name, enum resolver_type type,
                     enum script_kind kind)
{
    entry_of(d, name, type)->kind = kind;
}

static void add_addr(struct entry *e, struct str text)
{
    e->addrs = mem_grow(e->addrs, e->count + 1, sizeof(struct addr));
    REQUIRE(addr_parse_ip(text, 0, &e->addrs[e->count]) == OK);
    e->count++;
}

void dns_script_addrs(struct dns_script *d, const char *name, enum resolver_type type,
                      const char *addrs)
{
    struct entry *e = entry_of(d, name, type);
    struct str rest = str_of(addrs), one;

    e->kind = SCRIPT_ANSWER;
    e->count = 0;
    while (rest.len > 0 && str_next(&rest, ' ', &one)) {
        add_addr(e, one);
    }
}

void dns_script_many(struct dns_script *d, const char *name, size_t count)
{
    struct entry *e = entry_of(d, name, RESOLVER_A);
    struct buf text;

    e->kind = SCRIPT_ANSWER;
    e->count = 0;
    buf_init(&text, 64);
    for (size_t i = 0; i < count; i++) {
        buf_clear(&text);
        REQUIRE(buf_printf(&text, "10.1.%zu.%zu", i / 250, i % 250 + 1) == OK);
        add_addr(e, buf_str(&text));
    }
    buf_fini(&text);
}

void dns_script_alias(struct dns_script *d, const char *name, const char *target)
{
    struct entry *e = entry_of(d, name, RESOLVER_A);

    REQUIRE(answer_name_of(str_of(target), &e->alias) == OK);
}

size_t dns_script_asked(const struct dns_script *d, const char *name, enum resolver_type type)
{
    struct answer_name wire;

    REQUIRE(answer_name_of(str_of(name), &wire) == OK);
    const struct entry *e = find(d, &wire, wire_type(type));
    return e == NULL ? 0 : e->asked;
}

size_t dns_script_tcp(const struct dns_script *d)
{
    return d->tcp_asked;
}

size_t dns_script_edns(const struct dns_script *d)
{
    return d->edns;
}
