/* SPDX-License-Identifier: MIT */
#include "proxy/policy_rate.h"

#include "base/pack.h"

#define KEY_MAX   512
#define SECOND_NS UINT64_C(1000000000)

/* RFC 6177: a site of the Internet has a /64 or more, all of it for one customer. */
#define IPV6_BYTES 8

static struct str client_key(const struct addr *client, uint8_t bytes[static 16])
{
    if (client == NULL) {
        return STR("");
    }
    addr_ip_bytes(client, bytes);
    bool is_v4 = client->sa.sa_family == AF_INET || IN6_IS_ADDR_V4MAPPED(&client->in6.sin6_addr);
    return str_n((const char *)bytes, is_v4 ? 16 : IPV6_BYTES);
}

uint64_t policy_rate_tag(const struct rate_tables *t, const struct policy_rate *who)
{
    static const struct model_rate none = {0};
    const struct model_rate *rate = who->rate != NULL ? who->rate : &none;
    uint8_t bytes[16];
    struct buf key;
    struct packer p;
    buf_init(&key, KEY_MAX);
    pack_init(&p, &key);
    pack_str(&p, client_key(who->client, bytes));
    pack_str(&p, who->site);
    pack_u32(&p, rate->requests);
    pack_u32(&p, rate->period_ms);
    pack_u32(&p, rate->burst);
    uint64_t tag = rate_tag(t->all, buf_str(&key));
    buf_fini(&key);
    return tag;
}

unsigned policy_rate_seconds(uint64_t wait_ns)
{
    uint64_t seconds = wait_ns / SECOND_NS + (wait_ns % SECOND_NS != 0);
    return seconds == 0 ? 1 : seconds > UINT32_MAX ? UINT32_MAX : (unsigned)seconds;
}

enum why policy_rate(const struct rate_tables *t, const struct policy_rate *who, uint64_t now_ns,
                     unsigned *out_retry_after_s)
{
    const struct model_rate *rate = who->rate;
    if (rate->requests == 0) {
        return WHY_OK;
    }
    struct rate_ask ask = {.tag = policy_rate_tag(t, who),
                           .interval_ns = (uint64_t)rate->period_ms * 1000000 / rate->requests,
                           .burst = rate->burst > 0 ? rate->burst : 1,
                           .now_ns = now_ns};
    ask.interval_ns = ask.interval_ns > 0 ? ask.interval_ns : 1;
    uint64_t wait = rate_wait(t, &ask);
    if (wait > 0) {
        *out_retry_after_s = policy_rate_seconds(wait);
        return WHY_RATE_LIMITED;
    }
    rate_take(t, &ask);
    return WHY_OK;
}
