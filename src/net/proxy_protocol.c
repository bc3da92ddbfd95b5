/* SPDX-License-Identifier: MIT */
/* Section numbers are those of haproxy's proxy-protocol.txt. */
#include "net/proxy_protocol.h"

/* Section 2.1: the longest line of version 1, with its CRLF. */
#define V1_LINE_MAX 107
/* Section 2.2. */
#define V2_HEAD 16

static const char v2_signature[12] = {'\r', '\n', '\r', '\n', '\0', '\r',
                                      '\n', 'Q',  'U',  'I',  'T',  '\n'};

static bool could_become(struct str bytes, struct str prefix)
{
    size_t n = bytes.len < prefix.len ? bytes.len : prefix.len;
    return str_eq(str_sub(bytes, 0, n), str_sub(prefix, 0, n));
}

/* Section 2.1: decimal, no leading zero. */
static int v1_port(struct str text, uint16_t *out_port)
{
    uint64_t port;

    if (text.len > 5 || (text.len > 1 && text.ptr[0] == '0') ||
        str_to_u64(text, UINT16_MAX, &port) != OK) {
        return ERR_SYNTAX;
    }
    *out_port = (uint16_t)port;
    return OK;
}

static int v1_addr(struct str ip, struct str port_text, int family, struct addr *out_addr)
{
    uint16_t port;

    if (v1_port(port_text, &port) != OK || str_find(ip, '[') >= 0 ||
        addr_parse_ip(ip, port, out_addr) != OK || out_addr->sa.sa_family != family) {
        return ERR_SYNTAX;
    }
    return OK;
}

/* `line` is what stands between "PROXY " and the CRLF. */
static int v1_fields(struct str line, struct proxy_header *out_header)
{
    struct proxy_header header = {.version = 1};
    struct str fields[5];
    struct str rest = line;
    struct str token;
    size_t n = 0;

    while (str_next(&rest, ' ', &token)) {
        if (n == 0 && str_eq(token, STR("UNKNOWN"))) {
            *out_header = header; /* whatever follows is to be ignored */
            return OK;
        }
        if (n == 5) {
            return ERR_SYNTAX;
        }
        fields[n++] = token;
    }
    if (n != 5) {
        return ERR_SYNTAX;
    }
    bool is_tcp6 = str_eq(fields[0], STR("TCP6"));
    if (!is_tcp6 && !str_eq(fields[0], STR("TCP4"))) {
        return ERR_SYNTAX;
    }
    int family = is_tcp6 ? AF_INET6 : AF_INET;
    if (v1_addr(fields[1], fields[3], family, &header.source) != OK ||
        v1_addr(fields[2], fields[4], family, &header.destination) != OK) {
        return ERR_SYNTAX;
    }
    *out_header = header;
    return OK;
}

static int parse_v1(struct str bytes, struct proxy_header *out_header, size_t *out_len)
{
    const size_t start = sizeof("PROXY ") - 1;
    struct str window = str_sub(bytes, 0, V1_LINE_MAX);
    ptrdiff_t newline = str_find(window, '\n');

    if (newline < 0) {
        return window.len < V1_LINE_MAX ? ERR_AGAIN : ERR_SYNTAX;
    }
    size_t end = (size_t)newline;
    if (end < start + 1 || window.ptr[end - 1] != '\r') {
        return ERR_SYNTAX;
    }
    int rc = v1_fields(str_sub(window, start, end - 1 - start), out_header);
    if (rc == OK) {
        *out_len = end + 1;
    }
    return rc;
}

/* Section 2.2, "ip_hdr": source and destination of `size` bytes each, then the two ports. */
static int v2_addrs(const uint8_t *at, size_t len, size_t size, struct proxy_header *header)
{
    if (len < 2 * size + 4) {
        return ERR_SYNTAX;
    }
    const uint8_t *ports = at + 2 * size;
    uint16_t source_port = (uint16_t)(ports[0] << 8 | ports[1]);
    uint16_t destination_port = (uint16_t)(ports[2] << 8 | ports[3]);
    int rc = addr_from_bytes(at, size, source_port, &header->source);
    return rc != OK ? rc : addr_from_bytes(at + size, size, destination_port, &header->destination);
}

/* `head` is the fixed part, `len` bytes of addresses and TLVs follow it. */
static int v2_fields(const uint8_t *head, size_t len, struct proxy_header *out_header)
{
    struct proxy_header header = {.version = 2};
    unsigned command = head[12] & 0x0fU;
    unsigned family = head[13] >> 4;
    unsigned transport = head[13] & 0x0fU;
    int rc = OK;

    if (command > 1 || family > 3 || transport > 2) {
        return ERR_SYNTAX; /* "must be rejected as invalid by receivers" */
    }
    header.local = command == 0;
    /* UNSPEC, UDP and Unix sockets name no TCP client: the connection's own peer stands. */
    if (!header.local && transport == 1 && family == 1) {
        rc = v2_addrs(head + V2_HEAD, len, 4, &header);
    } else if (!header.local && transport == 1 && family == 2) {
        rc = v2_addrs(head + V2_HEAD, len, 16, &header);
    }
    if (rc == OK) {
        *out_header = header;
    }
    return rc;
}

static int parse_v2(struct str bytes, struct proxy_header *out_header, size_t *out_len)
{
    const uint8_t *head = (const uint8_t *)bytes.ptr;

    if (bytes.len > 12 && head[12] >> 4 != 2) {
        return ERR_SYNTAX;
    }
    if (bytes.len < V2_HEAD) {
        return ERR_AGAIN;
    }
    size_t len = (size_t)head[14] << 8 | head[15];
    if (V2_HEAD + len > PROXY_HEADER_MAX) {
        return ERR_LIMIT;
    }
    if (bytes.len < V2_HEAD + len) {
        return ERR_AGAIN;
    }
    int rc = v2_fields(head, len, out_header);
    if (rc == OK) {
        *out_len = V2_HEAD + len;
    }
    return rc;
}

int proxy_protocol_parse(struct str bytes, struct proxy_header *out_header, size_t *out_len)
{
    const struct str v1 = STR("PROXY ");
    const struct str v2 = str_n(v2_signature, sizeof(v2_signature));

    if (could_become(bytes, v1)) {
        return bytes.len < v1.len ? ERR_AGAIN : parse_v1(bytes, out_header, out_len);
    }
    if (could_become(bytes, v2)) {
        return bytes.len < v2.len ? ERR_AGAIN : parse_v2(bytes, out_header, out_len);
    }
    return ERR_NOT_FOUND;
}
