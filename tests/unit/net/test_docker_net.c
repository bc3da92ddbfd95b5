/* SPDX-License-Identifier: MIT */
#include "net/docker_net.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

/* As a task on the ingress network, docker_gwbridge and an overlay of its own sees it. */
static const char routes[] =
    "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT   \n"
    "eth1\t00000000\t010012AC\t0003\t0\t0\t0\t00000000\t0\t0\t0   \n"
    "eth0\t0000000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0   \n"
    "eth2\t0001000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0   \n"
    "eth1\t000012AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0   \n";

static const char routes6[] =
    "fd000000000000000000000000000000 40 00000000000000000000000000000000 00 "
    "00000000000000000000000000000000 00000100 00000001 00000000 00000001     eth0\n"
    "00000000000000000000000000000000 00 00000000000000000000000000000000 00 "
    "fd000000000000000000000000000001 00000400 00000002 00000000 00000003     eth0\n"
    "00000000000000000000000000000000 00 00000000000000000000000000000000 00 "
    "00000000000000000000000000000000 ffffffff 00000001 00000000 00200200       lo\n";

static void expect(const struct docker_nets *nets, size_t index, const char *text)
{
    char printed[ADDR_TEXT_MAX];
    assert_true(index < nets->count);
    assert_string_equal(addr_net_print(&nets->nets[index], printed), text);
}

static void test_docker_net_routes(void **state)
{
    struct docker_nets nets = {.count = 0};
    (void)state;
    docker_net_routes(str_of(routes), &nets);
    docker_net_routes(str_of(routes), &nets); /* each once */
    docker_net_routes6(str_of(routes6), &nets);
    assert_int_equal(nets.count, 3);
    expect(&nets, 0, "172.18.0.1/32");
    expect(&nets, 1, "10.0.0.0/24");
    expect(&nets, 2, "fd00::1/128");
}

static void test_docker_net_passes_over(void **state)
{
    static const char *const lines[] = {
        "",
        "eth0",
        "eth0\t00000000\t010012AC\t0001\t0\t0\t0\t00000000", /* no gateway */
        "eth0\t00000000\t010012AC\t0203\t0\t0\t0\t00000000", /* refused */
        "eth0\t00000000\t010012AC\t0003\t0\t0\t0\t000000FF", /* not the default */
        "eth0\t00000000\t010012AC\t0003\t0\t0\t0",           /* cut */
        "eth0\t0000000A\t00000000\t0001\t0\t0\t0\t0000FFFF", /* 10.0.0.0/16 */
        "eth0\t0000000A\t010012AC\t0003\t0\t0\t0\t00FFFFFF", /* far away */
        "eth0\tx0000000\t010012AC\t0003\t0\t0\t0\t00000000",
        "eth0\t000000000\t010012AC\t0003\t0\t0\t0\t00000000",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        struct docker_nets nets = {.count = 0};
        docker_net_routes(str_of(lines[i]), &nets);
        docker_net_routes6(str_of(lines[i]), &nets);
        assert_int_equal(nets.count, 0);
    }
}

static void test_docker_net_is_bounded(void **state)
{
    struct docker_nets nets = {.count = 0};
    char line[128];
    (void)state;
    for (unsigned i = 1; i <= 2 * DOCKER_NET_MAX; i++) {
        int len = snprintf(line, sizeof(line), "e 00000000 %08X 0003 0 0 0 00000000\n", i);
        docker_net_routes(str_n(line, (size_t)len), &nets);
    }
    assert_int_equal(nets.count, DOCKER_NET_MAX);
}

static void test_docker_net_is_inside(void **state)
{
    (void)state;
    assert_true(docker_net_is_inside(STR("search x\nnameserver 127.0.0.11\noptions ndots:0\n")));
    assert_true(docker_net_is_inside(STR("nameserver   127.0.0.11")));
    assert_false(docker_net_is_inside(STR("nameserver 127.0.0.1\n#nameserver 127.0.0.11\n")));
    assert_false(docker_net_is_inside(STR("nameserver 127.0.0.110\n")));
    assert_false(docker_net_is_inside(STR("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_docker_net_routes),
        cmocka_unit_test(test_docker_net_passes_over),
        cmocka_unit_test(test_docker_net_is_bounded),
        cmocka_unit_test(test_docker_net_is_inside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
