/* SPDX-License-Identifier: MIT */
/*
 * Socket addresses and networks: parse, print, compare. Never resolves a name.
 */
#ifndef HIVEDOOR_BASE_ADDR_H
#define HIVEDOOR_BASE_ADDR_H

#include "base/err.h"
#include "base/str.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

struct addr {
    union {
        struct sockaddr sa;
        struct sockaddr_in in4;
        struct sockaddr_in6 in6;
        struct sockaddr_un un;
    };
    socklen_t len; /* 0: no address */
};

/* A network: address and prefix length. */
struct addr_net {
    uint8_t bytes[16]; /* IPv4 as its IPv4-mapped IPv6 form */
    uint8_t prefix;    /* 0..128 over the mapped form */
};

#define ADDR_TEXT_MAX 128

/*
 * "1.2.3.4:80", "[::1]:80", ":80" (any address: out is [::]:80, dual stack), "unix:/path".
 * ERR_SYNTAX otherwise; a host name is not an address.
 */
int addr_parse(struct str text, struct addr *out_addr) MUST_USE;
/* "1.2.3.4" or "::1" or "[::1]" without a port, which is given apart. */
int addr_parse_ip(struct str text, uint16_t port, struct addr *out_addr) MUST_USE;
/* From raw network-order bytes: `len` 4 or 16. */
int addr_from_bytes(const void *bytes, size_t len, uint16_t port, struct addr *out_addr) MUST_USE;
int addr_from_sockaddr(const struct sockaddr *sa, socklen_t len, struct addr *out_addr) MUST_USE;
/* Writes "1.2.3.4:80", "[::1]:80" or "unix:/path"; IPv4-mapped addresses print as IPv4.
 * Returns `dst`, always NUL-terminated. */
const char *addr_print(const struct addr *a, char dst[static ADDR_TEXT_MAX]);
/* As addr_print without port and brackets; "unix:" for a Unix socket. */
const char *addr_print_ip(const struct addr *a, char dst[static ADDR_TEXT_MAX]);
/* Whether there is an IP address: no Unix socket, not empty. */
bool addr_is_ip(const struct addr *a);
/* The 16 bytes of the IP, IPv4 as its IPv4-mapped form; addr_is_ip(a). */
void addr_ip_bytes(const struct addr *a, uint8_t out_bytes[static 16]);
uint16_t addr_port(const struct addr *a);
void addr_set_port(struct addr *a, uint16_t port);
/* Same family, address and port (IPv4-mapped equals IPv4). */
bool addr_eq(const struct addr *a, const struct addr *b);
/* Total order for sorting: family, bytes, port. */
int addr_cmp(const struct addr *a, const struct addr *b);

/* "10.0.0.0/8", "10.1.2.3" (/32), "fd00::/8"; bits behind the prefix must be 0 (ERR_RANGE). */
int addr_net_parse(struct str text, struct addr_net *out_net) MUST_USE;
/* Whether the IP of `a` lies in the network; a Unix socket lies in none. */
bool addr_net_has(const struct addr_net *net, const struct addr *a);
/* Whether it lies in any of `count` networks. */
bool addr_net_any(const struct addr_net *nets, size_t count, const struct addr *a);
const char *addr_net_print(const struct addr_net *net, char dst[static ADDR_TEXT_MAX]);

#endif
