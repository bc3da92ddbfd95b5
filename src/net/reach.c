/* SPDX-License-Identifier: MIT */
#include "net/reach.h"

#include <errno.h>
#include <sys/socket.h>

#include "base/fd.h"

#define V4(a, b, prefix)                                                                           \
    {                                                                                              \
        {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b}, 96 + (prefix)                            \
    }

bool reach_is_special(const struct addr *a)
{
    static const struct addr_net special[] = {
        V4(0, 0, 8),
        V4(127, 0, 8),
        V4(169, 254, 16),
        V4(192, 0, 24), /* 192.0.0.0/24 */
        V4(224, 0, 4),
        V4(240, 0, 4),                  /* and 255.255.255.255 */
        {{0}, 96},                      /* ::, ::1 and IPv4-compatible ones */
        {{0xfe, 0x80}, 10},             /* link-local */
        {{0xfe, 0xc0}, 10},             /* site-local of old */
        {{0xff}, 8},                    /* multicast */
        {{0x00, 0x64, 0xff, 0x9b}, 32}, /* an IPv4 address behind NAT64 */
        {{0x20, 0x02}, 16},             /* an IPv4 address behind 6to4 */
        {{0x20, 0x01, 0x00, 0x00}, 32}, /* Teredo */
    };

    return (a->sa.sa_family != AF_INET && a->sa.sa_family != AF_INET6) ||
           addr_net_any(special, sizeof(special) / sizeof(special[0]), a);
}

bool reach_is_private(const struct addr *a)
{
    static const struct addr_net nets[] = {
        V4(10, 0, 8), V4(172, 16, 12), V4(192, 168, 16), V4(100, 64, 10), {{0xfc}, 7},
    };

    return reach_is_special(a) || addr_net_any(nets, sizeof(nets) / sizeof(nets[0]), a);
}

bool reach_is_own(const struct addr *a)
{
    struct addr to = *a;
    struct addr from = {.len = sizeof(from.in6)};
    int fd = socket(a->sa.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (fd < 0) {
        return errno != EAFNOSUPPORT; /* what cannot be found out is not allowed */
    }
    addr_set_port(&to, 9); /* a datagram socket sends nothing when it connects */
    bool is_routed = connect(fd, &to.sa, to.len) == 0;
    bool is_own = is_routed && getsockname(fd, &from.sa, &from.len) == 0;
    fd_close(&fd);
    if (!is_own) {
        return false; /* no way there at all */
    }
    /* To an address of its own the kernel goes from that very address. */
    addr_set_port(&from, 0);
    addr_set_port(&to, 0);
    return addr_eq(&from, &to);
}
