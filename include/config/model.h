/* SPDX-License-Identifier: MIT */
/*
 * The configuration as a value: what the file says, checked, with every default filled in.
 * Immutable once made. Made by config/load in the loader, and again, from the normalised text in
 * the bundle and by the same code, in keeper and workers. All strings live in the model's arena.
 */
#ifndef HIVEDOOR_CONFIG_MODEL_H
#define HIVEDOOR_CONFIG_MODEL_H

#include "base/addr.h"
#include "base/arena.h"
#include "base/log.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum model_file_kind { MODEL_FILE_CA, MODEL_FILE_USERS, MODEL_FILE_SECRET };

/* A file that the loader read for the model: processes that serve cannot open files. */
struct model_file {
    enum model_file_kind kind; /* what it must hold */
    struct str path;           /* absolute */
    struct str bytes;          /* in the arena; empty until attached */
    struct str key;            /* the key that names it first, for people; and where that stands */
    uint32_t line;
    uint32_t column;
};

enum model_scheme { MODEL_SCHEME_HTTP, MODEL_SCHEME_HTTPS, MODEL_SCHEME_H2C };

/* How the certificate of an https service is checked. */
struct model_verify {
    bool off;                    /* `verify: off`: anything goes */
    const struct model_file *ca; /* PEM; the system's bundle unless written */
    struct str name;             /* that the certificate must cover; empty: the target's host */
};

/* Where bytes of a site go: a name to be resolved (or a literal address) and a port. */
struct model_target {
    struct str text; /* as written: "http://service-a:5000" */
    enum model_scheme scheme;
    struct model_verify verify; /* with MODEL_SCHEME_HTTPS */
    bool is_pattern; /* host holds "{1}": what a request's host has in place of the site's "*" */
    struct str host; /* lower case; without brackets; a trailing dot (absolute name) is kept */
    uint16_t port;   /* 80 (https: 443) unless written */
    bool is_literal; /* host is an address: `addr` holds it with its port */
    struct addr addr;
    struct str service; /* "host:port", the name under which endpoints are published */
    struct str pin;     /* the Swarm service whose tasks are meant; empty: whoever has the name */
    bool is_external;   /* addresses outside our networks are taken too */
};

struct model_timeouts { /* all in milliseconds */
    uint32_t handshake_ms;
    uint32_t header_ms;
    uint32_t idle_ms;
    uint32_t attempt_ms;  /* one address */
    uint32_t connect_ms;  /* all of them */
    uint32_t response_ms; /* until the response header, and between two parts of a body */
    uint32_t tunnel_ms;   /* idle time of an upgraded connection */
};

struct model_limits {
    uint32_t header_bytes; /* request line and fields together */
    uint32_t headers;      /* number of fields */
    uint32_t connections;  /* a worker's client connections; 0: auto, from the fd limit */
    uint64_t body_bytes;   /* UINT64_MAX: none */
    uint64_t memory_bytes; /* of all workers; 0: auto, from the container's limit */
    uint64_t replay_bytes; /* of a request body kept, to send it again */
};

struct model_http2 {
    bool enabled;               /* offered to clients */
    uint32_t streams;           /* SETTINGS_MAX_CONCURRENT_STREAMS */
    uint32_t window;            /* SETTINGS_INITIAL_WINDOW_SIZE: a stream's, in bytes */
    uint32_t connection_window; /* of all streams together */
    uint32_t frame;             /* SETTINGS_MAX_FRAME_SIZE */
    uint32_t table;             /* SETTINGS_HEADER_TABLE_SIZE */
    uint32_t requests;          /* of one connection, then GOAWAY */
};

enum model_header_op { MODEL_HEADER_SET, MODEL_HEADER_ADD, MODEL_HEADER_REMOVE };

/* One change of a head; `set` replaces every field of that name. */
struct model_header {
    enum model_header_op op;
    struct str name;
    struct str value; /* empty with MODEL_HEADER_REMOVE */
};

struct model_headers {
    struct model_header *changes; /* in order: remove, set, add. A route's come after its site's:
                                   * what they make without effect is not here any more */
    size_t count;
};

struct model_basic_auth {
    const struct model_file *users; /* htpasswd: NAME:HASH a line */
    struct str realm;
};

/* So many requests a period, `burst` at once; for each client address and site. */
struct model_rate {
    uint32_t requests; /* 0: no limit */
    uint32_t period_ms;
    uint32_t burst;
};

/* What is asked of a request and done to it and its answer; a route has what its site has, unless
 * it says otherwise (headers: in addition). */
struct model_rules {
    struct model_headers request;
    struct model_headers response;
    bool has_allow; /* only `allow` may */
    struct addr_net *allow;
    size_t allow_count;
    struct addr_net *deny;
    size_t deny_count;
    const struct model_basic_auth *basic_auth; /* NULL: none */
    struct model_rate rate;
    bool gzip;
};

enum model_balance_kind {
    MODEL_BALANCE_LEAST, /* of two drawn at random the one with fewer requests in flight */
    MODEL_BALANCE_ROUND_ROBIN,
    MODEL_BALANCE_HASH, /* the same for equal keys, as long as it is there */
};

enum model_hash_key { MODEL_HASH_CLIENT, MODEL_HASH_HEADER, MODEL_HASH_COOKIE };

struct model_balance {
    enum model_balance_kind kind;
    enum model_hash_key key; /* with MODEL_BALANCE_HASH */
    struct str name;         /* of the header or cookie */
};

/* Active checks of each endpoint; interval_ms 0: none, only what requests show. */
struct model_health {
    uint32_t interval_ms;
    uint32_t timeout_ms;
    uint32_t fall;   /* failures in a row that take it out */
    uint32_t rise;   /* successes in a row that bring it back */
    struct str path; /* GET, good below 400; empty: a connection is enough */
    struct str host; /* of the request; empty: the target's */
};

/* How an endpoint is passed over for what requests show. */
struct model_eject {
    uint32_t errors;     /* answers in a row that were none; 0: they are not counted */
    uint32_t first_ms;   /* how long; twice as long each time in a row ... */
    uint32_t longest_ms; /* ... up to this */
    uint32_t percent;    /* of a service's endpoints, at most, for their answers */
};

/* How requests wait where no endpoint can have them. */
struct model_hold {
    uint32_t wait_ms;  /* 0: they do not */
    uint32_t requests; /* that may wait where none takes connections, a service and worker */
};

/* So many requests at an endpoint at a time; more wait. */
struct model_bound {
    uint32_t requests; /* of all workers; 0: no bound */
    uint32_t queue;    /* that may wait for one service */
};

struct model_route {
    struct str prefix; /* "/" or "/api": whole segments, no slash at the end */
    struct model_target to;
    struct model_rules rules;
    bool strip;                     /* the prefix is cut off before the path goes on */
    struct model_timeouts timeouts; /* site's and global ones inherited */
    uint64_t body_bytes;
    uint64_t replay_bytes; /* of a request body kept, to send it again elsewhere */
    struct model_balance balance;
    struct model_health health;
    struct model_eject eject;
    struct model_hold hold;
    struct model_bound bound;
};

enum model_http { MODEL_HTTP_REDIRECT, MODEL_HTTP_SERVE, MODEL_HTTP_OFF };

enum model_client_auth_mode { MODEL_CLIENT_AUTH_REQUIRE, MODEL_CLIENT_AUTH_OPTIONAL };

/* Certificates of clients. */
struct model_client_auth {
    const struct model_file *ca; /* NULL: none is asked for */
    enum model_client_auth_mode mode;
};

struct model_site {
    struct str name; /* lower case, no port; "*.x.com": one label in front of x.com */
    struct str *aliases;
    size_t alias_count;
    struct model_route *routes; /* longest prefix first; none when `redirect` is set */
    size_t route_count;
    struct str redirect; /* "https://c.com": path and query are appended; empty if none. "{1}" in
                          * it: what the host has in place of the name's "*" */
    struct model_rules rules; /* of a site that redirects; else see its routes */
    struct model_client_auth client_auth;
    uint16_t redirect_code;
    enum model_http http; /* what port 80 does with this site */
    uint32_t line;        /* where the site stands in the file */
};

struct model_acme {
    bool has_relay;
    struct model_target relay;
    struct str relay_path; /* path of the relay URL, without the slash at the end: "" or "/x" */
    struct str folder;     /* empty if none */
    bool strip;
};

enum model_access { MODEL_ACCESS_JSON, MODEL_ACCESS_TEXT, MODEL_ACCESS_OFF, MODEL_ACCESS_AUTO };

struct model {
    unsigned shares; /* references besides the first: model_share */
    struct arena arena;
    struct addr *listen_http;
    size_t listen_http_count; /* 0: off */
    struct addr *listen_https;
    size_t listen_https_count;
    struct addr admin;        /* len 0: off */
    uint32_t workers;         /* 0: auto, one a usable core */
    struct str *certificates; /* files and folders, made absolute against the file's folder */
    size_t certificate_count;
    struct model_acme acme;
    struct addr_net *proxy_trust;
    size_t proxy_trust_count;
    struct addr_net *forwarded_trust;
    size_t forwarded_trust_count;
    struct str unknown_site; /* empty: refuse; else a name that a certificate covers */
    int tls_min;             /* 0x0303 (1.2) or 0x0304 (1.3) */
    struct model_timeouts timeouts;
    struct model_limits limits;
    struct model_http2 http2;
    bool
        masked_auto; /* `masked: auto`: Docker's gateway and ingress network, if we are inside it */
    struct addr_net *masked; /* where a peer's address is not the client's (and those, found) */
    size_t masked_count;
    struct model_file **files; /* everything that the model refers to, each path once */
    size_t file_count;
    struct model_hold hold;                 /* of what has none of its own */
    const struct model_file *ticket_secret; /* NULL: ticket keys are random */
    uint32_t dns_refresh_ms;
    struct addr *dns_servers; /* none: auto, from resolv.conf */
    size_t dns_server_count;
    struct addr_net *task_nets; /* where tasks of pattern targets live; none: anywhere ordinary */
    size_t task_net_count;
    uint32_t drain_ms;
    enum log_level log_level;
    enum model_access access;
    struct model_site *sites; /* in the order of the file */
    size_t site_count;
};

/* One more reference, for a bundle with an equal configuration: a model never changes once it was
 * handed over. */
struct model *model_share(struct model *m);
/* Gives a reference back; the last one frees. Accepts NULL. */
void model_free(struct model *m);
/* Every distinct target (routes of all sites, and the ACME relay) but patterns: what the keeper
 * resolves in any case. The array is the caller's (free); the targets are borrowed. */
size_t model_targets(const struct model *m, const struct model_target ***out_targets);
/* Every name that needs a certificate (site names and aliases). The array is the caller's. */
size_t model_names(const struct model *m, struct str **out_names);

#endif
