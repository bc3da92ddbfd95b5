/* SPDX-License-Identifier: MIT */
/*
 * Where Docker hides clients: its userland proxy and its routing mesh connect to a container with
 * an address of their own, and everybody behind them looks the same. These are the default gateway
 * of the container (the bridge's own address) and the network that is called "ingress".
 *
 * Pure: reads what the kernel and Docker write into files, and opens none. Loader only.
 */
#ifndef HIVEDOOR_NET_DOCKER_NET_H
#define HIVEDOOR_NET_DOCKER_NET_H

#include "base/addr.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>

#define DOCKER_NET_MAX 16

struct docker_nets {
    struct addr_net nets[DOCKER_NET_MAX]; /* each once */
    size_t count;
};

/* Whether a resolv.conf names Docker's own DNS server, 127.0.0.11. */
bool docker_net_is_inside(struct str resolv_conf);
/* Adds what /proc/net/route shows: the default gateways, and 10.0.0.0/24 if an interface is in it,
 * which is what Docker gives to the ingress network unless told otherwise. Lines that are not
 * understood, and what is more than DOCKER_NET_MAX, are passed over. */
void docker_net_routes(struct str proc_net_route, struct docker_nets *nets);
/* Adds the default gateways of /proc/net/ipv6_route. */
void docker_net_routes6(struct str proc_net_ipv6_route, struct docker_nets *nets);

#endif
