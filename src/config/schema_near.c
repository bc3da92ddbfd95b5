/* SPDX-License-Identifier: MIT */
#include "schema_near.h"

#include <stdio.h>

#include "schema_table.h"

/* Words of other proxies, and the key of ours. */
static const struct {
    const char *word;
    const char *key;
} synonyms[] = {
    {"target", "to"},
    {"upstream", "to"},
    {"proxy_pass", "to"},
    {"backend", "to"},
    {"url", "to"},
    {"service", "to"},
    {"server", "sites"},
    {"servers", "sites"},
    {"hosts", "sites"},
    {"domains", "sites"},
    {"services", "sites"},
    {"certs", "certificates"},
    {"cert", "certificates"},
    {"ssl_certificate", "certificates"},
    {"ssl", "tls"},
    {"ssl_protocols", "tls"},
    {"server_name", "aliases"},
    {"names", "aliases"},
    {"ports", "listen"},
    {"port", "listen"},
    {"bind", "listen"},
    {"locations", "routes"},
    {"location", "routes"},
    {"paths", "routes"},
    {"return", "redirect"},
    {"redirect_to", "redirect"},
    {"status", "code"},
    {"resolver", "dns"},
    {"nameservers", "servers"},
    {"letsencrypt", "acme"},
    {"challenges", "acme"},
    {"logging", "log"},
    {"read", "response"},
    {"proxy_read_timeout", "response"},
    {"send_timeout", "response"},
    {"proxy_connect_timeout", "connect"},
    {"keepalive", "idle"},
    {"keepalive_timeout", "idle"},
    {"websocket", "tunnel"},
    {"client_max_body_size", "body"},
    {"worker_processes", "workers"},
    {"threads", "workers"},
    {"set_real_ip_from", "proxy_protocol"},
    {"real_ip", "proxy_protocol"},
    {"trusted_proxies", "forwarded"},
    {"default_server", "unknown_site"},
    {"grace", "drain"},
    {"shutdown", "drain"},
    {"strip_prefix", "strip"},
    {"access_log", "access"},
    {"path", "folder"},
    {"webroot", "folder"},
    {"dir", "folder"},
    {"directory", "folder"},
    {"proxy_set_header", "headers"},
    {"add_header", "headers"},
    {"header", "headers"},
    {"auth_basic", "basic_auth"},
    {"auth_basic_user_file", "basic_auth"},
    {"htpasswd", "basic_auth"},
    {"password", "basic_auth"},
    {"auth", "basic_auth"},
    {"file", "users"},
    {"whitelist", "allow"},
    {"blacklist", "deny"},
    {"block", "deny"},
    {"limit_req", "rate"},
    {"rate_limit", "rate"},
    {"ratelimit", "rate"},
    {"sticky", "balance"},
    {"stickiness", "balance"},
    {"lb", "balance"},
    {"load_balancing", "balance"},
    {"ip_hash", "balance"},
    {"least_conn", "balance"},
    {"health_check", "health"},
    {"healthcheck", "health"},
    {"check", "health"},
    {"max_fails", "errors"},
    {"fails", "fall"},
    {"unhealthy_threshold", "fall"},
    {"passes", "rise"},
    {"healthy_threshold", "rise"},
    {"outlier_detection", "eject"},
    {"compress", "gzip"},
    {"compression", "gzip"},
    {"ssl_verify_client", "client_auth"},
    {"ssl_client_certificate", "client_auth"},
    {"mtls", "client_auth"},
    {"client_certificate", "client_auth"},
    {"proxy_ssl_verify", "verify"},
    {"insecure", "verify"},
    {"proxy_ssl_trusted_certificate", "ca"},
    {"proxy_ssl_name", "name"},
    {"sni", "name"},
    {"delete", "remove"},
    {"unset", "remove"},
    {"hide", "remove"},
    {"replace", "set"},
    {"append", "add"},
    {"h2", "http2"},
    {"max_concurrent_streams", "streams"},
    {"http2_max_concurrent_streams", "streams"},
};

static unsigned allowed_distance(size_t len)
{
    return len <= 3 ? 1 : len <= 7 ? 2 : 3;
}

static const char *nearest(const struct schema_key *parent, struct str name)
{
    const char *best = NULL;
    unsigned best_distance = allowed_distance(name.len) + 1;
    const struct schema_key *key = schema_next_child(parent, NULL);
    for (; key != NULL && name.len <= 64; key = schema_next_child(parent, key)) {
        struct str word = str_of(schema_name(key));
        unsigned distance = str_ieq(word, name) ? 0 : str_distance(word, name, 3);
        bool is_short = name.len <= 3 && distance > 0; /* "pin" is not near "min" */
        if (is_short && name.len > 0 && chr_lower(name.ptr[0]) != word.ptr[0]) {
            continue;
        }
        if (distance < best_distance && distance < word.len) {
            best = word.ptr;
            best_distance = distance;
        }
    }
    return best;
}

static const char *synonym(const struct schema_key *parent, struct str name)
{
    for (size_t i = 0; i < sizeof(synonyms) / sizeof(synonyms[0]); i++) {
        if (str_ieq(name, str_of(synonyms[i].word)) &&
            schema_child(parent, str_of(synonyms[i].key)) != NULL) {
            return synonyms[i].key;
        }
    }
    return NULL;
}

/* The map's name without what stands before it: "timeouts" for "sites.NAME.timeouts.connect". */
static bool home_of(const struct schema_key *key, struct str *out_home)
{
    struct str path = str_of(key->path);
    ptrdiff_t dot = str_rfind(path, '.');
    if (dot < 0) {
        return false;
    }
    struct str parent = str_sub(path, 0, (size_t)dot);
    *out_home = str_from(parent, (size_t)(str_rfind(parent, '.') + 1));
    return true;
}

/* Where a key of this name stands, of those inside sites or of those outside: the one that is least
 * deep inside. NULL: nowhere. */
static const struct schema_key *find_named(struct str name, bool in_sites)
{
    const struct schema_key *best = NULL;
    for (size_t i = 0; i < schema_table_count; i++) {
        const struct schema_key *key = &schema_table[i];
        bool is_in_sites = strncmp(key->path, "sites.", 6) == 0;
        if (is_in_sites == in_sites && str_eq(str_of(schema_name(key)), name) &&
            (best == NULL || strlen(key->path) < strlen(best->path))) {
            best = key;
        }
    }
    return best;
}

/* A key that exists, but in another map. */
static bool elsewhere(const struct schema_key *parent, struct str name, char *dst, size_t cap)
{
    bool in_site = parent != NULL && strncmp(parent->path, "sites.", 6) == 0;
    bool in_limits = parent != NULL && strcmp(schema_name(parent), "limits") == 0;
    /* limits.headers is a number: not what "headers" means anywhere else. */
    bool is_headers = str_eq(name, STR("headers"));
    bool is_inside = is_headers ? !in_limits : in_site;
    const struct schema_key *key = is_inside ? find_named(name, true) : NULL;
    key = key != NULL ? key : find_named(name, false);
    key = key != NULL || in_site ? key : find_named(name, true);
    struct str home;
    if (key == NULL) {
        return false;
    }
    if (!home_of(key, &home)) {
        (void)snprintf(dst, cap, "; \"%s\" stands at the top level", key->path);
    } else if (str_eq(home, STR("NAME")) || str_eq(home, STR("PREFIX"))) {
        (void)snprintf(dst, cap, "; \"%s\" belongs in a %s", schema_name(key),
                       home.ptr[0] == 'N' ? "site" : "route");
    } else {
        (void)snprintf(dst, cap, "; \"%s\" belongs in \"%.*s\"%s", schema_name(key), STR_FMT(home),
                       in_site && key->path == home.ptr ? " at the top level" : "");
    }
    return true;
}

static void list_children(const struct schema_key *parent, char *dst, size_t cap)
{
    const struct schema_key *key = schema_next_child(parent, NULL);
    size_t len = str_copy(dst, cap, str_of("; expected one of: "));
    for (bool is_first = true; key != NULL && len < cap; is_first = false) {
        int n = snprintf(dst + len, cap - len, "%s%s", is_first ? "" : ", ", schema_name(key));
        len += n < 0 ? 0 : (size_t)n;
        key = schema_next_child(parent, key);
    }
}

void schema_near_key(const struct schema_key *parent, struct str name, char *dst, size_t cap)
{
    const char *word = synonym(parent, name);
    word = word != NULL ? word : nearest(parent, name);
    if (word != NULL) {
        (void)snprintf(dst, cap, "; did you mean \"%s\"?", word);
        return;
    }
    if (elsewhere(parent, name, dst, cap)) {
        return;
    }
    if (parent == NULL && str_find(name, '.') > 0) {
        (void)snprintf(dst, cap, "; a site stands below \"sites:\", indented");
        return;
    }
    list_children(parent, dst, cap);
}
