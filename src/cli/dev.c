/* SPDX-License-Identifier: MIT */
/*
 * `hivedoor dev`: the daemon on a developer's machine. Makes an ordinary configuration from the
 * command line and the local authority once in the user's data folder, runs the daemon, and says
 * how to reach and trust it.
 */
#include "cli/cli.h"

#include "base/buf.h"
#include "base/fd.h"
#include "base/mem.h"
#include "cli/demo.h"
#include "config/diag.h"
#include "config/load.h"
#include "daemon/supervisor.h"
#include "tls/tls_local_ca.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#define CONFIG_MAX (64 * 1024)
#define PATH_BYTES PATH_MAX

struct site {
    char *host;   /* owned, lower case */
    char *target; /* owned, a URL */
};

struct dev {
    uint16_t http_port;
    uint16_t https_port;
    const char *bind;  /* NULL: loopback, both families */
    const char *admin; /* NULL: off */
    char dir[PATH_BYTES];
    struct site *sites; /* owned array */
    size_t site_count;
    bool wants_help;
    bool created; /* the authority is new */
};

static void print_usage(FILE *to)
{
    fprintf(to, "usage: hivedoor dev [--http PORT] [--https PORT] [--bind ADDRESS] "
                "[--admin ADDRESS:PORT] [--data FOLDER] [HOST=TARGET ...]\n"
                "  TARGET is a port (3000), HOST:PORT, or http://HOST:PORT; without any there is a "
                "demo service\n");
}

/* Says `what` is or does `text`, and how it is meant to be. */
static int usage(const char *what, const char *text)
{
    fprintf(stderr, "hivedoor dev: %s %s\n", what, text);
    print_usage(stderr);
    return EXIT_USAGE;
}

static void default_dir(char dst[static PATH_BYTES])
{
    const char *data = getenv("XDG_DATA_HOME");
    const char *home = getenv("HOME");
    if (data != NULL && *data == '/') {
        snprintf(dst, PATH_BYTES, "%s/hivedoor", data);
    } else {
        snprintf(dst, PATH_BYTES, "%s/.local/share/hivedoor", home != NULL ? home : "/tmp");
    }
}

/* ---- arguments ---- */

static int parse_port(const char *text, uint16_t *out_port)
{
    uint64_t port = 0;
    if (str_to_u64(str_of(text), 65535, &port) != OK || port == 0) {
        return ERR_RANGE;
    }
    *out_port = (uint16_t)port;
    return OK;
}

/* One option with its value; false if it is none of ours or the value is wrong. */
static bool take_option(struct dev *d, struct str name, const char *value)
{
    if (str_eq(name, STR("--http"))) {
        return parse_port(value, &d->http_port) == OK;
    }
    if (str_eq(name, STR("--https"))) {
        return parse_port(value, &d->https_port) == OK;
    }
    if (str_eq(name, STR("--bind"))) {
        d->bind = value;
        return true;
    }
    if (str_eq(name, STR("--admin"))) {
        d->admin = value;
        return true;
    }
    if (str_eq(name, STR("--data"))) {
        return *value != '\0' && str_copy(d->dir, sizeof(d->dir), str_of(value)) == strlen(value);
    }
    return false;
}

/* "3000" -> http://127.0.0.1:3000, "web:3000" -> http://web:3000, a URL stays. */
static char *target_url(const char *text)
{
    struct buf out;
    uint16_t port;
    buf_init(&out, strlen(text) + 64);
    if (parse_port(text, &port) == OK) {
        REQUIRE(buf_printf(&out, "http://127.0.0.1:%u", port) == OK);
    } else {
        REQUIRE(buf_printf(&out, "%s%s", strstr(text, "://") == NULL ? "http://" : "", text) == OK);
    }
    char *url = str_dup(buf_str(&out));
    buf_fini(&out);
    return url;
}

static int take_site(struct dev *d, const char *text)
{
    const char *equals = strchr(text, '=');
    if (equals == NULL || equals == text || equals[1] == '\0') {
        return usage(text, "is not HOST=TARGET");
    }
    char *host = str_dup(str_n(text, (size_t)(equals - text)));
    for (char *c = host; *c != '\0'; c++) {
        *c = chr_lower(*c);
    }
    if (!tls_local_ca_permits(str_of(host))) {
        free(host);
        return usage(text,
                     "is not for the local authority, which vouches for local names only; take one "
                     "that ends in .localhost, .test, .local, .internal or .home.arpa");
    }
    d->sites = mem_grow(d->sites, d->site_count + 1, sizeof(*d->sites));
    d->sites[d->site_count++] = (struct site){host, target_url(equals + 1)};
    return EXIT_FINE;
}

static int parse_arguments(struct dev *d, int argc, char *const argv[])
{
    for (int i = 1; i < argc; i++) {
        const char *arg = argv[i];
        const char *equals = strchr(arg, '=');
        int code = EXIT_FINE;
        if (strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0) {
            d->wants_help = true;
        } else if (arg[0] != '-') {
            code = take_site(d, arg);
        } else if (equals == NULL && i + 1 == argc) {
            code = usage(arg, "needs a value");
        } else {
            size_t len = equals != NULL ? (size_t)(equals - arg) : strlen(arg);
            const char *value = equals != NULL ? equals + 1 : argv[++i];
            code = take_option(d, str_n(arg, len), value)
                       ? EXIT_FINE
                       : usage(arg, "is an unknown option or has an impossible value");
        }
        if (code != EXIT_FINE) {
            return code;
        }
    }
    return EXIT_FINE;
}

/* ---- the configuration ---- */

static int write_quoted(struct buf *out, const char *text)
{
    int err = buf_append(out, "\"", 1);
    for (; *text != '\0' && err == OK; text++) {
        bool special = *text == '"' || *text == '\\';
        err = buf_printf(out, "%s%c", special ? "\\" : "", *text);
    }
    return err == OK ? buf_append(out, "\"", 1) : err;
}

/* Containers often have no IPv6, not even ::1. */
static bool has_loopback6(void)
{
    struct sockaddr_in6 at = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool has = fd >= 0 && bind(fd, (const struct sockaddr *)&at, sizeof(at)) == 0;
    fd_close(&fd);
    return has;
}

static int write_listen(struct buf *out, const char *key, const char *address, uint16_t port)
{
    if (address == NULL && has_loopback6()) {
        return buf_printf(out, "  %s: [\"127.0.0.1:%u\", \"[::1]:%u\"]\n", key, port, port);
    }
    if (address == NULL) {
        return buf_printf(out, "  %s: \"127.0.0.1:%u\"\n", key, port);
    }
    char at[300];
    bool bare_ip6 = address[0] != '[' && strchr(address, ':') != NULL;
    snprintf(at, sizeof(at), bare_ip6 ? "[%s]:%u" : "%s:%u", address, port);
    int err = buf_printf(out, "  %s: ", key);
    err = err == OK ? write_quoted(out, at) : err;
    return err == OK ? buf_append(out, "\n", 1) : err;
}

static int write_site(struct buf *out, const char *host, const char *target)
{
    int err = buf_append(out, "  ", 2);
    err = err == OK ? write_quoted(out, host) : err;
    err = err == OK ? buf_append(out, ": ", 2) : err;
    err = err == OK ? write_quoted(out, target) : err;
    return err == OK ? buf_append(out, "\n", 1) : err;
}

static int write_config(const struct dev *d, struct buf *out)
{
    int err = buf_printf(out, "version: 1\nworkers: 1\ncertificates: []\nlisten:\n");
    err = err == OK ? write_listen(out, "http", d->bind, d->http_port) : err;
    err = err == OK ? write_listen(out, "https", d->bind, d->https_port) : err;
    err = err == OK ? buf_append_str(out, STR("  admin: ")) : err;
    err = err == OK ? write_quoted(out, d->admin == NULL ? "off" : d->admin) : err;
    err = err == OK ? buf_append_str(out, STR("\nsites:\n")) : err;
    for (size_t i = 0; i < d->site_count && err == OK; i++) {
        err = write_site(out, d->sites[i].host, d->sites[i].target);
    }
    return err;
}

/* What is wrong with the configuration is wrong with the command line, and said of that. */
static int check_config(struct str config)
{
    struct diags diags;
    struct model *m = NULL;
    diags_init(&diags);
    int err = load_text(config, "command line", false, &diags, &m);
    for (size_t i = 0; i < diags.count && err != OK; i++) {
        if (diags.items[i].level == DIAG_ERROR) {
            fprintf(stderr, "hivedoor dev: %.*s\n", STR_FMT(diags.items[i].text));
        }
    }
    model_free(m);
    diags_fini(&diags);
    return err == OK ? EXIT_FINE : EXIT_USAGE;
}

/* ---- what the user reads ---- */

static void print_url(const struct dev *d, const struct site *site)
{
    char port[8] = "";
    if (d->https_port != 443) {
        snprintf(port, sizeof(port), ":%u", d->https_port);
    }
    printf("  https://%s%s/  ->  %s\n", site->host, port, site->target);
}

static void print_greeting(void *arg)
{
    const struct dev *d = arg;
    printf("Hivedoor for development. Stop it with Ctrl-C.\n\n");
    for (size_t i = 0; i < d->site_count; i++) {
        print_url(d, &d->sites[i]);
    }
    printf("  http://...:%u/ redirects there\n\n", d->http_port);
    printf("Local authority: %s/%s%s\n", d->dir, TLS_LOCAL_CA_FILE, d->created ? " (new)" : "");
    printf("  It vouches for local names only. To trust it:\n"
           "  curl      curl --cacert %s/%s ...\n"
           "  Debian    sudo cp %s/%s /usr/local/share/ca-certificates/hivedoor.crt && sudo "
           "update-ca-certificates\n"
           "  Chromium  certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n hivedoor -i %s/%s\n"
           "  Firefox   Settings, Privacy & Security, View Certificates, Authorities, Import\n\n",
           d->dir, TLS_LOCAL_CA_FILE, d->dir, TLS_LOCAL_CA_FILE, d->dir, TLS_LOCAL_CA_FILE);
    fflush(stdout);
}

/* ---- the run ---- */

/* Makes the folder's path absolute: what is printed is to be copied to any shell. */
static int prepare_authority(struct dev *d)
{
    int err = tls_local_ca_ensure(d->dir, &d->created);
    char *absolute = err == OK ? realpath(d->dir, NULL) : NULL;
    if (absolute != NULL) {
        str_copy(d->dir, sizeof(d->dir), str_of(absolute));
        free(absolute);
    }
    if (err != OK) {
        fprintf(stderr,
                "hivedoor dev: cannot make the local authority in %s: %s; choose another folder "
                "with --data\n",
                d->dir, err == ERR_IO ? strerror(errno) : err_text(err));
        return EXIT_START;
    }
    return EXIT_FINE;
}

static int add_demo(struct dev *d)
{
    uint16_t port = 0;
    pid_t pid = -1;
    int err = demo_start(&port, &pid);
    if (err != OK) {
        fprintf(stderr, "hivedoor dev: cannot start the demo service: %s\n", err_text(err));
        return EXIT_START;
    }
    char site[32];
    snprintf(site, sizeof(site), "localhost=%u", port);
    return take_site(d, site);
}

static int serve(struct dev *d)
{
    struct buf config;
    buf_init(&config, CONFIG_MAX);
    if (write_config(d, &config) != OK) {
        buf_fini(&config);
        return usage("too many sites", "for one command line; write a file and use run");
    }
    int code = check_config(buf_str(&config));
    if (code == EXIT_FINE) {
        struct run_options options = {.config_text = buf_str(&config),
                                      .local_ca_dir = d->dir,
                                      .on_ready = print_greeting,
                                      .arg = d};
        code = run_daemon(&options);
    }
    if (code == EXIT_START) {
        fprintf(stderr, "hivedoor dev: --http PORT and --https PORT choose other ports\n");
    }
    buf_fini(&config);
    return code;
}

static void fini(struct dev *d)
{
    for (size_t i = 0; i < d->site_count; i++) {
        free(d->sites[i].host);
        free(d->sites[i].target);
    }
    free(d->sites);
}

int cli_dev(int argc, char *const argv[])
{
    struct dev d = {.http_port = 8080, .https_port = 8443};
    default_dir(d.dir);
    int code = parse_arguments(&d, argc, argv);
    if (code == EXIT_FINE && d.wants_help) {
        print_usage(stdout);
    } else if (code == EXIT_FINE) {
        code = prepare_authority(&d);
        code = code == EXIT_FINE && d.site_count == 0 ? add_demo(&d) : code;
        code = code == EXIT_FINE ? serve(&d) : code;
    }
    fini(&d);
    return code;
}
