/* SPDX-License-Identifier: MIT */
/* The kernel's route files: whatever stands in them, a bounded number of networks comes out, each
 * once and each one that the configuration could hold. */
#include "net/docker_net.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str in = str_n((const char *)data, size);
    struct docker_nets nets = {.count = 0};
    (void)docker_net_is_inside(in);
    docker_net_routes(in, &nets);
    docker_net_routes6(in, &nets);
    REQUIRE(nets.count <= DOCKER_NET_MAX);
    for (size_t i = 0; i < nets.count; i++) {
        char text[ADDR_TEXT_MAX];
        struct addr_net again;
        REQUIRE(addr_net_parse(str_of(addr_net_print(&nets.nets[i], text)), &again) == OK);
        REQUIRE(memcmp(&again, &nets.nets[i], sizeof(again)) == 0);
        for (size_t k = 0; k < i; k++) {
            REQUIRE(memcmp(&nets.nets[k], &nets.nets[i], sizeof(again)) != 0);
        }
    }
    return 0;
}
