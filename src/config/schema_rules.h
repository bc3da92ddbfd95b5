/* SPDX-License-Identifier: MIT */
/*
 * The rows that sites and routes have in common, written once. Private to src/config.
 *
 * AT: the path of the site or route; KIND: what it is called; FROM: the path in front of what its
 * deadlines and limits inherit; OR(value, key): where a default comes from.
 */
#ifndef HIVEDOOR_SRC_CONFIG_SCHEMA_RULES_H
#define HIVEDOOR_SRC_CONFIG_SCHEMA_RULES_H

/* Said of all sites, of one site and of one route alike. */
#define SCHEMA_HELP_ATTEMPT                                                                        \
    "How long one address of a service has to accept a connection before the next one is tried. "  \
    "At most timeouts.connect."
#define SCHEMA_HELP_CONNECT                                                                        \
    "How long all attempts to connect to a service may take together, TLS and the greeting of "    \
    "HTTP/2 included; for these one address has half of it."
#define SCHEMA_HELP_RESPONSE                                                                       \
    "How long a service may stay silent: until its response header, and between two parts of a "   \
    "body."
#define SCHEMA_HELP_TUNNEL                                                                         \
    "How long an upgraded connection (WebSocket) may be silent on both sides."

#define SCHEMA_HELP_BALANCE                                                                        \
    "Which endpoint of the service gets a request. least: the less busy of two drawn at random. "  \
    "round_robin: one after the other. hash: the same for the same client address, or, as a map, " \
    "for the same value of a header or a cookie."

#define SCHEMA_HELP_HOLD_WAIT                                                                      \
    "How long a request waits while no endpoint of its service takes connections, or all have as " \
    "many requests as max_requests says; then it is answered with 503. 0s: not at all."
#define SCHEMA_HELP_HOLD_REQUESTS                                                                  \
    "How many requests may wait because no endpoint takes connections, for each service and "      \
    "worker. Any more are answered with 503 at once."

#define SCHEMA_HELP_REPLAY                                                                         \
    "How much of a request body is kept until the answer begins, so that the request can be sent " \
    "again. 0: nothing."
#define SCHEMA_REPLAY_MAX (UINT64_C(16) << 20)

#define SCHEMA_DEADLINE(AT, FROM, NAME, MAX, HELP, EXAMPLE)                                        \
    {                                                                                              \
        .path = AT ".timeouts." NAME, .type = SCHEMA_DURATION, .min = 1, .max = (MAX),             \
        .inherits = FROM "timeouts." NAME, .help = HELP, .example = EXAMPLE                        \
    }

#define SCHEMA_BOUNDS(AT, KIND, FROM)                                                              \
    {.path = AT ".timeouts",                                                                       \
     .type = SCHEMA_MAP,                                                                           \
     .help = "Deadlines of this " KIND ".",                                                        \
     .example = "{response: 90s}"},                                                                \
        SCHEMA_DEADLINE(AT, FROM, "attempt", 86400000, SCHEMA_HELP_ATTEMPT, "250ms"),              \
        SCHEMA_DEADLINE(AT, FROM, "connect", 86400000, SCHEMA_HELP_CONNECT, "5s"),                 \
        SCHEMA_DEADLINE(AT, FROM, "response", 86400000, SCHEMA_HELP_RESPONSE, "90s"),              \
        SCHEMA_DEADLINE(AT, FROM, "tunnel", 2592000000, SCHEMA_HELP_TUNNEL, "1h"),                 \
        {.path = AT ".limits",                                                                     \
         .type = SCHEMA_MAP,                                                                       \
         .help = "Limits of this " KIND ".",                                                       \
         .example = "{body: 10m}"},                                                                \
        {.path = AT ".limits.body",                                                                \
         .type = SCHEMA_SIZE,                                                                      \
         .word = "none",                                                                           \
         .word_value = UINT64_MAX,                                                                 \
         .min = 0,                                                                                 \
         .max = UINT64_C(1) << 50,                                                                 \
         .inherits = FROM "limits.body",                                                           \
         .help = "The largest request body.",                                                      \
         .example = "10m"},                                                                        \
        {.path = AT ".limits.replay",                                                              \
         .type = SCHEMA_SIZE,                                                                      \
         .min = 0,                                                                                 \
         .max = SCHEMA_REPLAY_MAX,                                                                 \
         .inherits = FROM "limits.replay",                                                         \
         .help = SCHEMA_HELP_REPLAY,                                                               \
         .example = "64k"},                                                                        \
        {.path = AT ".hold",                                                                       \
         .type = SCHEMA_MAP,                                                                       \
         .help = "How requests of this " KIND " wait.",                                            \
         .example = "{wait: 30s}"},                                                                \
        {.path = AT ".hold.wait",                                                                  \
         .type = SCHEMA_DURATION,                                                                  \
         .min = 0,                                                                                 \
         .max = 3600000,                                                                           \
         .inherits = FROM "hold.wait",                                                             \
         .help = SCHEMA_HELP_HOLD_WAIT,                                                            \
         .example = "30s"},                                                                        \
    {                                                                                              \
        .path = AT ".hold.requests", .type = SCHEMA_NUMBER, .min = 1, .max = 1000000,              \
        .inherits = FROM "hold.requests", .help = SCHEMA_HELP_HOLD_REQUESTS, .example = "1000"     \
    }

#define SCHEMA_VERIFY(AT)                                                                          \
    {.path = AT ".verify",                                                                         \
     .type = SCHEMA_MAP,                                                                           \
     .word = "off",                                                                                \
     .help = "How the certificate of an https:// service is checked; off takes any.",              \
     .example = "{ca: /etc/hivedoor/internal.pem}"},                                               \
        {.path = AT ".verify.ca",                                                                  \
         .type = SCHEMA_PATH,                                                                      \
         .help = "A PEM file with the authorities that are trusted, in place of the system's.",    \
         .example = "/etc/hivedoor/internal.pem"},                                                 \
    {                                                                                              \
        .path = AT ".verify.name", .type = SCHEMA_HOST,                                            \
        .help = "The name that the certificate must be for, in place of the host in the URL.",     \
        .example = "service.internal"                                                              \
    }

#define SCHEMA_CHANGES(AT, HEAD)                                                                   \
    {.path = AT ".headers." HEAD,                                                                  \
     .type = SCHEMA_MAP,                                                                           \
     .help = "Changes of the head of a " HEAD ". First fields are removed, then set, then added.", \
     .example = "{remove: [X-Powered-By]}"},                                                       \
        {.path = AT ".headers." HEAD ".set",                                                       \
         .type = SCHEMA_FIELDS,                                                                    \
         .help = "Fields that stand once, with this value, whatever came.",                        \
         .example = "{X-Frame-Options: DENY}"},                                                    \
        {.path = AT ".headers." HEAD ".add",                                                       \
         .type = SCHEMA_FIELDS,                                                                    \
         .help = "Fields that are added to what came: a value, or a list of them.",                \
         .example = "{Vary: Origin}"},                                                             \
    {                                                                                              \
        .path = AT ".headers." HEAD ".remove", .type = SCHEMA_FIELD_NAMES,                         \
        .help = "Fields that are taken out.", .example = "[X-Powered-By]"                          \
    }

#define SCHEMA_HEADERS(AT)                                                                         \
    {.path = AT ".headers",                                                                        \
     .type = SCHEMA_MAP,                                                                           \
     .help = "Header fields that are changed. Those of a route come after those of its site.",     \
     .example = "{response: {set: {X-Frame-Options: DENY}}}"},                                     \
        SCHEMA_CHANGES(AT, "request"), SCHEMA_CHANGES(AT, "response")

#define SCHEMA_BALANCE(AT, OR)                                                                     \
    {.path = AT ".balance",                                                                        \
     .type = SCHEMA_MAP,                                                                           \
     .word = "least|round_robin|hash",                                                             \
     OR("least", "balance"),                                                                       \
     .help = SCHEMA_HELP_BALANCE,                                                                  \
     .example = "{hash: cookie, name: session}"},                                                  \
        {.path = AT ".balance.hash",                                                               \
         .type = SCHEMA_CHOICE,                                                                    \
         .choices = "client|header|cookie",                                                        \
         .fallback = "client",                                                                     \
         .help = "What of a request is looked at: the client's address, a header or a cookie.",    \
         .example = "cookie"},                                                                     \
    {                                                                                              \
        .path = AT ".balance.name", .type = SCHEMA_TOKEN,                                          \
        .help = "The name of the header or of the cookie.", .example = "session"                   \
    }

/* How much a service gets at a time. */
#define SCHEMA_BOUND(AT, OR)                                                                       \
    {.path = AT ".max_requests",                                                                   \
     .type = SCHEMA_NUMBER_MAP,                                                                    \
     .word = "off",                                                                                \
     .min = 1,                                                                                     \
     .max = 1000000,                                                                               \
     OR("off", "max_requests"),                                                                    \
     .help = "How many requests one endpoint of the service has at a time, from all workers. "     \
             "Further ones wait for their turn.",                                                  \
     .example = "100"},                                                                            \
        {.path = AT ".max_requests.endpoint",                                                      \
         .type = SCHEMA_NUMBER,                                                                    \
         .min = 1,                                                                                 \
         .max = 1000000,                                                                           \
         .help = "The same number.",                                                               \
         .example = "100"},                                                                        \
    {                                                                                              \
        .path = AT ".max_requests.queue", .type = SCHEMA_NUMBER, .min = 0, .max = 1000000,         \
        .fallback = "1000",                                                                        \
        .help = "How many may wait for their turn, for each service. Any more are answered with "  \
                "503 at once.",                                                                    \
        .example = "1000"                                                                          \
    }

#define SCHEMA_ACCESS(AT, OR)                                                                      \
    {.path = AT ".basic_auth",                                                                     \
     .type = SCHEMA_PATH_MAP,                                                                      \
     .word = "off",                                                                                \
     OR("off", "basic_auth"),                                                                      \
     .help =                                                                                       \
         "Asks for a name and a password (HTTP Basic). The path of a file with users, or a map.",  \
     .example = "/etc/hivedoor/users"},                                                            \
        {.path = AT ".basic_auth.users",                                                           \
         .type = SCHEMA_PATH,                                                                      \
         .help = "A file as htpasswd -B writes it: NAME:HASH in each line, bcrypt or SHA-crypt.",  \
         .example = "/etc/hivedoor/users"},                                                        \
        {.path = AT ".basic_auth.realm",                                                           \
         .type = SCHEMA_REALM,                                                                     \
         .fallback = "Restricted",                                                                 \
         .help = "What the browser shows when it asks.",                                           \
         .example = "Members"},                                                                    \
        {.path = AT ".allow",                                                                      \
         .type = SCHEMA_NETWORKS,                                                                  \
         .word = "all",                                                                            \
         OR("all", "allow"),                                                                       \
         .help = "Only clients from these networks get in; all others are answered 403.",          \
         .example = "[10.0.0.0/8]"},                                                               \
        {.path = AT ".deny",                                                                       \
         .type = SCHEMA_NETWORKS,                                                                  \
         OR("[]", "deny"),                                                                         \
         .help = "Clients from these networks are answered 403, also where allow has them.",       \
         .example = "[192.0.2.0/24]"},                                                             \
        {.path = AT ".rate",                                                                       \
         .type = SCHEMA_RATE_MAP,                                                                  \
         .word = "off",                                                                            \
         OR("off", "rate"),                                                                        \
         .help = "How many requests one client address may make; what is above is answered 429.",  \
         .example = "10/s"},                                                                       \
        {.path = AT ".rate.requests",                                                              \
         .type = SCHEMA_RATE,                                                                      \
         .help = "So many requests in a second, minute or hour.",                                  \
         .example = "10/s"},                                                                       \
        {.path = AT ".rate.burst",                                                                 \
         .type = SCHEMA_NUMBER,                                                                    \
         .min = 1,                                                                                 \
         .max = 1000000,                                                                           \
         .help = "How many may come at once. As many as requests says, unless written.",           \
         .example = "20"},                                                                         \
        {.path = AT ".gzip",                                                                       \
         .type = SCHEMA_BOOL,                                                                      \
         OR("false", "gzip"),                                                                      \
         .help = "Compresses answers of compressible types for clients that take it.",             \
         .example = "true"},                                                                       \
        SCHEMA_BALANCE(AT, OR)

/* Whose addresses are taken for the service's name. */
#define SCHEMA_ADDRESSES(AT, OR)                                                                   \
    {.path = AT ".pin",                                                                            \
     .type = SCHEMA_HOST,                                                                          \
     .word = "none",                                                                               \
     OR("none", "pin"),                                                                            \
     .help = "The Swarm service whose tasks are meant. Others that answer to the same name, and "  \
             "addresses of which Docker does not tell whose they are, get no requests.",           \
     .example = "st_api"},                                                                         \
    {                                                                                              \
        .path = AT ".external", .type = SCHEMA_BOOL, OR("false", "external"),                      \
        .help = "The name leads outside: its public addresses are taken also inside Docker. Only " \
                "for a name with a dot.",                                                          \
        .example = "true"                                                                          \
    }

/* Which endpoints are passed over. */
#define SCHEMA_HEALTH(AT, OR)                                                                      \
    {.path = AT ".health",                                                                         \
     .type = SCHEMA_MAP,                                                                           \
     .word = "off",                                                                                \
     OR("off", "health"),                                                                          \
     .help = "Checks each endpoint of the service, whatever the traffic. One that fails is not "   \
             "chosen while another is well.",                                                      \
     .example = "{path: /healthz}"},                                                               \
        {.path = AT ".health.path",                                                                \
         .type = SCHEMA_REQUEST_PATH,                                                              \
         .help = "What is asked for with GET; an answer of 200 to 399 is good. Without it a "      \
                 "connection is enough.",                                                          \
         .example = "/healthz"},                                                                   \
        {.path = AT ".health.host",                                                                \
         .type = SCHEMA_HOST,                                                                      \
         .help = "The host that is asked for; that of the service's URL unless written.",          \
         .example = "c.com"},                                                                      \
        {.path = AT ".health.interval",                                                            \
         .type = SCHEMA_DURATION,                                                                  \
         .min = 100,                                                                               \
         .max = 3600000,                                                                           \
         .fallback = "5s",                                                                         \
         .help = "How often each endpoint is checked.",                                            \
         .example = "5s"},                                                                         \
        {.path = AT ".health.timeout",                                                             \
         .type = SCHEMA_DURATION,                                                                  \
         .min = 10,                                                                                \
         .max = 60000,                                                                             \
         .fallback = "2s",                                                                         \
         .help = "How long a check may take, from the connection to the head of the answer.",      \
         .example = "2s"},                                                                         \
        {.path = AT ".health.fall",                                                                \
         .type = SCHEMA_NUMBER,                                                                    \
         .min = 1,                                                                                 \
         .max = 100,                                                                               \
         .fallback = "3",                                                                          \
         .help = "So many failures in a row take an endpoint out.",                                \
         .example = "3"},                                                                          \
        {.path = AT ".health.rise",                                                                \
         .type = SCHEMA_NUMBER,                                                                    \
         .min = 1,                                                                                 \
         .max = 100,                                                                               \
         .fallback = "2",                                                                          \
         .help = "So many successes in a row bring it back.",                                      \
         .example = "2"},                                                                          \
        {.path = AT ".eject",                                                                      \
         .type = SCHEMA_MAP,                                                                       \
         .help = "How an endpoint is passed over for what requests show of it.",                   \
         .example = "{errors: 5}"},                                                                \
        {.path = AT ".eject.errors",                                                               \
         .type = SCHEMA_NUMBER,                                                                    \
         .word = "off",                                                                            \
         .word_value = 0,                                                                          \
         .min = 1,                                                                                 \
         .max = 1000,                                                                              \
         .fallback = "5",                                                                          \
         .help = "So many bad answers in a row (502, 503, 504, late, cut or malformed) eject an "  \
                 "endpoint; off: none do.",                                                        \
         .example = "5"},                                                                          \
        {.path = AT ".eject.first",                                                                \
         .type = SCHEMA_DURATION,                                                                  \
         .min = 10,                                                                                \
         .max = 3600000,                                                                           \
         .fallback = "1s",                                                                         \
         .help = "How long it is passed over the first time; then twice as long each time in a "   \
                 "row.",                                                                           \
         .example = "1s"},                                                                         \
        {.path = AT ".eject.longest",                                                              \
         .type = SCHEMA_DURATION,                                                                  \
         .min = 10,                                                                                \
         .max = 3600000,                                                                           \
         .fallback = "10s",                                                                        \
         .help = "How long at most.",                                                              \
         .example = "10s"},                                                                        \
    {                                                                                              \
        .path = AT ".eject.percent", .type = SCHEMA_NUMBER, .min = 0, .max = 100,                  \
        .fallback = "50",                                                                          \
        .help =                                                                                    \
            "How many of a service's endpoints, of a hundred, are ejected at a time for their "    \
            "answers; never the last.",                                                            \
        .example = "50"                                                                            \
    }

#define SCHEMA_RULES(AT, KIND, FROM, OR)                                                           \
    SCHEMA_BOUNDS(AT, KIND, FROM), SCHEMA_VERIFY(AT), SCHEMA_HEADERS(AT), SCHEMA_ACCESS(AT, OR),   \
        SCHEMA_HEALTH(AT, OR), SCHEMA_BOUND(AT, OR), SCHEMA_ADDRESSES(AT, OR)

#endif
