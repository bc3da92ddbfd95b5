/* SPDX-License-Identifier: MIT */
/* What of a request says which endpoint it belongs to. Called before the head is rewritten: it is
 * about what the client sent. */
#include "exchange_impl.h"

#include "http/cookie.h"

/* RFC 6177: a site of the Internet has a /64 or more, and its hosts change their addresses in it.
 */
#define IPV6_BYTES 8

static struct str client_text(const struct exchange *ex, uint8_t bytes[static 16])
{
    const struct addr *client = conn_known_client(ex->conn);
    if (client == NULL) {
        return STR(""); /* of all whose address is hidden, none is like the other */
    }
    addr_ip_bytes(client, bytes);
    bool is_v4 = client->sa.sa_family == AF_INET || IN6_IS_ADDR_V4MAPPED(&client->in6.sin6_addr);
    return str_n((const char *)bytes, is_v4 ? 16 : IPV6_BYTES);
}

static struct str header_text(const struct message *m, struct str name)
{
    for (size_t i = 0; i < m->field_count; i++) {
        if (str_ieq(m->fields[i].name, name)) {
            return m->fields[i].value;
        }
    }
    return STR("");
}

static struct str cookie_text(const struct message *m, struct str name)
{
    struct str value;
    return cookie_find(m, name, &value) ? value : STR("");
}

/* Empty: nothing to go by. */
static struct str text_of(const struct exchange *ex, uint8_t bytes[static 16])
{
    const struct model_balance *b = &ex->route->balance;
    switch (b->key) {
    case MODEL_HASH_CLIENT: return client_text(ex, bytes);
    case MODEL_HASH_HEADER: return header_text(ex->request, b->name);
    case MODEL_HASH_COOKIE: return cookie_text(ex->request, b->name);
    }
    return STR("");
}

void exchange_balance(struct exchange *ex)
{
    uint8_t bytes[16];
    ex->balance = ex->route->balance.kind;
    if (ex->balance != MODEL_BALANCE_HASH) {
        return;
    }
    struct str text = text_of(ex, bytes);
    if (text.len == 0) {
        ex->balance = MODEL_BALANCE_LEAST;
        return;
    }
    ex->balance_key = lease_balance_key(text);
}
