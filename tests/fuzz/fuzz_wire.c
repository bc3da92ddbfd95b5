/* SPDX-License-Identifier: MIT */
/* Messages between own processes: nothing that one sends may harm another. The first byte says who
 * sends and how many descriptors come along. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/mem.h"
#include "daemon/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look(const struct wire_msg *m)
{
    struct addr *addrs = mem_array(m->addr_count, sizeof(*addrs));
    struct tls_ticket_ring ring;
    struct wire_msg again = *m;
    struct buf out;

    wire_addrs(m, addrs);
    again.addrs = addrs;
    if (m->id == WIRE_TICKETS) {
        wire_ring(m, &ring);
        again.ring = &ring;
    }
    buf_init(&out, WIRE_MAX);
    REQUIRE(wire_encode(&again, &out) == OK); /* whatever is taken can be said again */
    buf_fini(&out);
    free(addrs);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct wire_msg m;

    if (size < 1) {
        return 0;
    }
    enum wire_from from = (enum wire_from)(1U << (data[0] & 3));
    struct str bytes = str_n((const char *)data + 1, size - 1);
    if (wire_decode(bytes, data[0] >> 2 & 3, from, &m) == OK) {
        look(&m);
    }
    return 0;
}
