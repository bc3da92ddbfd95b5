/* SPDX-License-Identifier: MIT */
#include "net/docker_net.h"

/* linux/route.h; the same bits in both files. */
#define FLAG_UP      0x1U
#define FLAG_GATEWAY 0x2U
#define FLAG_REJECT  0x200U

/* proc_net_route: Iface Destination Gateway Flags RefCnt Use Metric Mask ... */
enum { V4_DESTINATION = 1, V4_GATEWAY = 2, V4_FLAGS = 3, V4_MASK = 7, V4_COLUMNS = 8 };
/* proc_net_ipv6_route: destination length source length gateway metric count use flags device */
enum { V6_LENGTH = 1, V6_GATEWAY = 4, V6_FLAGS = 8, V6_COLUMNS = 9 };

#define COLUMNS_MAX 10

static const char ingress_text[] = "10.0.0.0/24";

bool docker_net_is_inside(struct str resolv_conf)
{
    struct str rest = resolv_conf;
    struct str line;
    while (rest.len > 0 && str_next(&rest, '\n', &line)) {
        struct str word;
        line = str_trim(line);
        if (str_next(&line, ' ', &word) && str_eq(word, STR("nameserver")) &&
            str_eq(str_trim(line), STR("127.0.0.11"))) {
            return true;
        }
    }
    return false;
}

/* Words between tabs and spaces; how many there are, at most COLUMNS_MAX of them kept. */
static size_t split(struct str line, struct str columns[static COLUMNS_MAX])
{
    size_t count = 0;
    size_t from = 0;
    for (size_t i = 0; i <= line.len && count < COLUMNS_MAX; i++) {
        if (i < line.len && line.ptr[i] != ' ' && line.ptr[i] != '\t') {
            continue;
        }
        if (i > from) {
            columns[count++] = str_sub(line, from, i - from);
        }
        from = i + 1;
    }
    return count;
}

static int nibble_of(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = chr_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Exactly `len` bytes of hexadecimal digits. */
static bool parse_hex(struct str text, uint8_t *dst, size_t len)
{
    if (text.len != 2 * len) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        int high = nibble_of(text.ptr[2 * i]);
        int low = nibble_of(text.ptr[2 * i + 1]);
        if (high < 0 || low < 0) {
            return false;
        }
        dst[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

/* A number that the kernel printed with %08X, be it an address (then its bytes lie in memory in
 * network order) or flags. */
static bool parse_word(struct str text, uint32_t *out_word)
{
    uint8_t b[4];
    char padded[8];
    if (text.len == 0 || text.len > sizeof(padded)) {
        return false;
    }
    memset(padded, '0', sizeof(padded));
    memcpy(padded + sizeof(padded) - text.len, text.ptr, text.len);
    if (!parse_hex(str_n(padded, sizeof(padded)), b, sizeof(b))) {
        return false;
    }
    *out_word = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
    return true;
}

static void add_net(struct docker_nets *nets, const struct addr_net *net)
{
    for (size_t i = 0; i < nets->count; i++) {
        if (memcmp(&nets->nets[i], net, sizeof(*net)) == 0) {
            return;
        }
    }
    if (nets->count < DOCKER_NET_MAX) {
        nets->nets[nets->count++] = *net;
    }
}

static void add_host(struct docker_nets *nets, const void *bytes, size_t len)
{
    struct addr_net net = {.prefix = 128};
    struct addr a;
    if (addr_from_bytes(bytes, len, 0, &a) == OK) {
        addr_ip_bytes(&a, net.bytes);
        add_net(nets, &net);
    }
}

static bool is_gateway(uint32_t flags)
{
    return (flags & (FLAG_UP | FLAG_GATEWAY | FLAG_REJECT)) == (FLAG_UP | FLAG_GATEWAY);
}

static bool is_ingress(uint32_t destination, uint32_t mask)
{
    struct addr_net ingress;
    struct addr a;
    uint8_t bytes[16];
    REQUIRE(addr_net_parse(str_of(ingress_text), &ingress) == OK);
    REQUIRE(addr_from_bytes(&destination, 4, 0, &a) == OK);
    addr_ip_bytes(&a, bytes);
    return memcmp(bytes, ingress.bytes, sizeof(bytes)) == 0 &&
           (unsigned)__builtin_popcount(mask) == ingress.prefix - 96U;
}

static void add_route(struct str line, struct docker_nets *nets)
{
    struct str column[COLUMNS_MAX];
    uint32_t destination;
    uint32_t gateway;
    uint32_t flags;
    uint32_t mask;
    if (split(line, column) < V4_COLUMNS || !parse_word(column[V4_DESTINATION], &destination) ||
        !parse_word(column[V4_GATEWAY], &gateway) || !parse_word(column[V4_FLAGS], &flags) ||
        !parse_word(column[V4_MASK], &mask)) {
        return; /* the headings, for one */
    }
    if (destination == 0 && mask == 0 && is_gateway(flags)) {
        add_host(nets, &gateway, 4);
    } else if ((flags & FLAG_UP) != 0 && gateway == 0 && is_ingress(destination, mask)) {
        struct addr_net ingress;
        REQUIRE(addr_net_parse(str_of(ingress_text), &ingress) == OK);
        add_net(nets, &ingress);
    }
}

void docker_net_routes(struct str proc_net_route, struct docker_nets *nets)
{
    struct str rest = proc_net_route;
    struct str line;
    while (rest.len > 0 && str_next(&rest, '\n', &line)) {
        add_route(line, nets);
    }
}

static void add_route6(struct str line, struct docker_nets *nets)
{
    struct str column[COLUMNS_MAX];
    uint8_t gateway[16];
    uint32_t length;
    uint32_t flags;
    if (split(line, column) >= V6_COLUMNS && parse_word(column[V6_LENGTH], &length) &&
        parse_hex(column[V6_GATEWAY], gateway, sizeof(gateway)) &&
        parse_word(column[V6_FLAGS], &flags) && length == 0 && is_gateway(flags)) {
        add_host(nets, gateway, sizeof(gateway));
    }
}

void docker_net_routes6(struct str proc_net_ipv6_route, struct docker_nets *nets)
{
    struct str rest = proc_net_ipv6_route;
    struct str line;
    while (rest.len > 0 && str_next(&rest, '\n', &line)) {
        add_route6(line, nets);
    }
}
