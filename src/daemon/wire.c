/* SPDX-License-Identifier: MIT */
#include "daemon/wire.h"

#include "base/mem.h"
#include "base/pack.h"

#define TICKET_BYTES (sizeof(struct tls_ticket_key))
#define RING_MAX     (TLS_TICKET_KEYS * TICKET_BYTES)
#define ADDR_MAX     (1 + 16 + 2) /* length of the address, address, port */

struct row {
    const char *name;
    unsigned from; /* enum wire_from */
    size_t fds_min;
    size_t fds_max;
    const char *fields;
};

static const struct row rows[WIRE_COUNT] = {
#define WIRE_ROW(NAME, text, senders, least, most, shape)                                          \
    [WIRE_##NAME] = {text, senders, least, most, shape},
    WIRE_TABLE(WIRE_ROW)
#undef WIRE_ROW
};

const char *wire_name(enum wire_id id)
{
    return id > WIRE_NONE && id < WIRE_COUNT ? rows[id].name : "none";
}

/* ---- writing ---- */

static void pack_addr(struct packer *p, const struct addr *a)
{
    bool is_v4 = a->sa.sa_family == AF_INET;
    const void *bytes = is_v4 ? (const void *)&a->in4.sin_addr : (const void *)&a->in6.sin6_addr;
    size_t len = is_v4 ? 4 : 16;

    pack_u8(p, (uint8_t)len);
    for (size_t i = 0; i < len; i++) {
        pack_u8(p, ((const uint8_t *)bytes)[i]);
    }
    pack_u16(p, addr_port(a));
}

static void pack_addrs(struct packer *p, const struct addr *addrs, size_t count)
{
    p->failed = p->failed || count > WIRE_ADDRS_MAX;
    for (size_t i = 0; i < count && !p->failed; i++) {
        sa_family_t family = addrs[i].sa.sa_family;
        if (family != AF_INET && family != AF_INET6) {
            p->failed = true; /* no service of ours lives on anything else */
            return;
        }
    }
    pack_u16(p, (uint16_t)count);
    for (size_t i = 0; i < count && !p->failed; i++) {
        pack_addr(p, &addrs[i]);
    }
}

static void pack_bounded(struct packer *p, struct str s, size_t max)
{
    if (s.len > max) {
        p->failed = true;
        return;
    }
    pack_str(p, s);
}

static void pack_ring(struct packer *p, const struct tls_ticket_ring *ring)
{
    REQUIRE(ring->count >= 1 && ring->count <= TLS_TICKET_KEYS);
    pack_str(p, str_n((const char *)ring->keys, ring->count * TICKET_BYTES));
}

static void pack_field(struct packer *p, const struct wire_msg *m, char field)
{
    switch (field) {
    case 'n': pack_u64(p, m->number); break;
    case 'r': pack_u32(p, m->request); break;
    case 'f': pack_u8(p, m->flag); break;
    case 's': pack_bounded(p, m->name, WIRE_NAME_MAX); break;
    case 't': pack_bounded(p, m->text, WIRE_TEXT_MAX); break;
    case 'a': pack_addrs(p, m->addrs, m->addr_count); break;
    case 'k': pack_ring(p, m->ring); break;
    default: REQUIRE(false);
    }
}

int wire_encode(const struct wire_msg *m, struct buf *out)
{
    struct packer p;
    size_t before = buf_len(out);

    REQUIRE(m->id > WIRE_NONE && m->id < WIRE_COUNT);
    pack_init(&p, out);
    pack_u16(&p, (uint16_t)m->id);
    for (const char *f = rows[m->id].fields; *f != 0; f++) {
        pack_field(&p, m, *f);
    }
    if (p.failed || buf_len(out) - before > WIRE_MAX) {
        out->tail = out->head + before; /* all or nothing */
        return ERR_LIMIT;
    }
    return OK;
}

/* ---- taking apart ---- */

/* Walks over `count` addresses and says whether each is of its form. */
static void check_addrs(struct unpacker *u, struct wire_msg *m)
{
    m->addr_count = unpack_u16(u);
    u->failed = u->failed || m->addr_count > WIRE_ADDRS_MAX;
    const char *start = (const char *)u->ptr;
    for (size_t i = 0; i < m->addr_count && !u->failed; i++) {
        uint8_t len = unpack_u8(u);
        u->failed = u->failed || (len != 4 && len != 16);
        for (uint8_t k = 0; k < len && !u->failed; k++) {
            (void)unpack_u8(u);
        }
        (void)unpack_u16(u);
    }
    m->packed_addrs = str_n(start, u->failed ? 0 : (size_t)((const char *)u->ptr - start));
}

static void check_ring(struct unpacker *u, struct wire_msg *m)
{
    m->packed_ring = unpack_str(u, RING_MAX);
    size_t len = m->packed_ring.len;
    u->failed = u->failed || len == 0 || len % TICKET_BYTES != 0;
}

static void unpack_field(struct unpacker *u, struct wire_msg *m, char field)
{
    switch (field) {
    case 'n': m->number = unpack_u64(u); break;
    case 'r': m->request = unpack_u32(u); break;
    case 'f': m->flag = unpack_u8(u); break;
    case 's': m->name = unpack_str(u, WIRE_NAME_MAX); break;
    case 't': m->text = unpack_str(u, WIRE_TEXT_MAX); break;
    case 'a': check_addrs(u, m); break;
    case 'k': check_ring(u, m); break;
    default: REQUIRE(false);
    }
}

int wire_decode(struct str bytes, size_t nfds, enum wire_from from, struct wire_msg *out_msg)
{
    struct unpacker u;
    struct wire_msg m = {.id = WIRE_NONE};

    if (bytes.len > WIRE_MAX) {
        return ERR_SYNTAX;
    }
    unpack_init(&u, bytes.ptr, bytes.len);
    uint16_t id = unpack_u16(&u);
    if (u.failed || id <= WIRE_NONE || id >= WIRE_COUNT) {
        return ERR_SYNTAX;
    }
    const struct row *row = &rows[id];
    if ((row->from & (unsigned)from) == 0) {
        return ERR_DENIED;
    }
    m.id = (enum wire_id)id;
    for (const char *f = row->fields; *f != 0; f++) {
        unpack_field(&u, &m, *f);
    }
    if (!unpack_done(&u) || nfds < row->fds_min || nfds > row->fds_max) {
        return ERR_SYNTAX;
    }
    *out_msg = m;
    return OK;
}

void wire_addrs(const struct wire_msg *m, struct addr *out_addrs)
{
    struct unpacker u;

    unpack_init(&u, m->packed_addrs.ptr, m->packed_addrs.len);
    for (size_t i = 0; i < m->addr_count; i++) {
        uint8_t bytes[16];
        uint8_t len = unpack_u8(&u);
        REQUIRE(len == 4 || len == 16); /* wire_decode has looked */
        for (uint8_t k = 0; k < len; k++) {
            bytes[k] = unpack_u8(&u);
        }
        uint16_t port = unpack_u16(&u);
        REQUIRE(addr_from_bytes(bytes, len, port, &out_addrs[i]) == OK);
    }
}

void wire_ring(const struct wire_msg *m, struct tls_ticket_ring *out_ring)
{
    REQUIRE(m->packed_ring.len <= RING_MAX);
    mem_wipe(out_ring, sizeof(*out_ring));
    memcpy(out_ring->keys, m->packed_ring.ptr, m->packed_ring.len);
    out_ring->count = (uint32_t)(m->packed_ring.len / TICKET_BYTES);
}
