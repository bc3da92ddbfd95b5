/* SPDX-License-Identifier: MIT */
/*
 * `hivedoor dev`: the daemon on a developer's machine. Makes an ordinary configuration from the
 * command line and the local authority once in the user's data folder, runs the daemon, and says
 * how to reach and trust it.
 */
#include "cli/cli.h"

#include "base/buf.h"
#include "cli/demo.h"
#include "daemon/supervisor.h"
#include "tls/tls_local_ca.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define CONFIG_MAX (64 * 1024)
#define PATH_BYTES 4096

struct dev {
    uint16_t http_port;
    uint16_t https_port;
    const char *bind;  /* NULL: loopback, both families */
    const char *admin; /* NULL: off */
    char dir[PATH_BYTES];
    char *const *sites; /* HOST=TARGET */
    int site_count;
    bool created; /* the authority is new */
};

static int usage(const char *text, const char *what)
{
    fprintf(stderr, "hivedoor dev: ");
    fprintf(stderr, text, what);
    fprintf(stderr, "\nusage: hivedoor dev [--http PORT] [--https PORT] [--bind ADDRESS] "
                    "[--admin ADDRESS:PORT] [--data FOLDER] [HOST=TARGET ...]\n"
                    "  TARGET is a port (3000), HOST:PORT, or http://HOST:PORT\n");
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
static bool take_option(struct dev *d, const char *name, const char *value)
{
    if (strcmp(name, "--http") == 0) {
        return parse_port(value, &d->http_port) == OK;
    }
    if (strcmp(name, "--https") == 0) {
        return parse_port(value, &d->https_port) == OK;
    }
    if (strcmp(name, "--bind") == 0) {
        d->bind = value;
        return true;
    }
    if (strcmp(name, "--admin") == 0) {
        d->admin = value;
        return true;
    }
    if (strcmp(name, "--data") == 0) {
        return snprintf(d->dir, sizeof(d->dir), "%s", value) < (int)sizeof(d->dir);
    }
    return false;
}

static int parse_arguments(struct dev *d, int argc, char *const argv[])
{
    int i = 1;
    for (; i < argc && argv[i][0] == '-'; i += 2) {
        if (i + 1 == argc) {
            return usage("%s needs a value", argv[i]);
        }
        if (!take_option(d, argv[i], argv[i + 1])) {
            return usage("unknown option or impossible value: %s", argv[i]);
        }
    }
    d->sites = argv + i;
    d->site_count = argc - i;
    for (int k = 0; k < d->site_count; k++) {
        const char *equals = strchr(d->sites[k], '=');
        if (equals == NULL || equals == d->sites[k] || equals[1] == '\0') {
            return usage("not HOST=TARGET: %s", d->sites[k]);
        }
        if (!tls_local_ca_permits(str_n(d->sites[k], (size_t)(equals - d->sites[k])))) {
            return usage("%s: the local authority vouches for local names only; take one that "
                         "ends in .localhost, .test, .local, .internal or .home.arpa",
                         d->sites[k]);
        }
    }
    return EXIT_FINE;
}

/* ---- the configuration ---- */

/* "3000" -> http://127.0.0.1:3000, "web:3000" -> http://web:3000, a URL stays. */
static int write_target(struct buf *out, const char *text)
{
    uint16_t port;
    if (parse_port(text, &port) == OK) {
        return buf_printf(out, "http://127.0.0.1:%u", port);
    }
    if (strstr(text, "://") == NULL) {
        return buf_printf(out, "http://%s", text);
    }
    return buf_printf(out, "%s", text);
}

static int write_listen(struct buf *out, const char *key, const char *bind, uint16_t port)
{
    if (bind != NULL) {
        return buf_printf(out, "  %s: \"%s:%u\"\n", key, bind, port);
    }
    return buf_printf(out, "  %s: [\"127.0.0.1:%u\", \"[::1]:%u\"]\n", key, port, port);
}

static int write_config(const struct dev *d, uint16_t demo_port, struct buf *out)
{
    int err = buf_printf(out, "version: 1\nworkers: 1\nlisten:\n");
    err = err == OK ? write_listen(out, "http", d->bind, d->http_port) : err;
    err = err == OK ? write_listen(out, "https", d->bind, d->https_port) : err;
    err =
        err == OK ? buf_printf(out, "  admin: \"%s\"\n", d->admin == NULL ? "off" : d->admin) : err;
    err = err == OK ? buf_printf(out, "sites:\n") : err;
    if (d->site_count == 0 && err == OK) {
        err = buf_printf(out, "  localhost: http://127.0.0.1:%u\n", demo_port);
    }
    for (int i = 0; i < d->site_count && err == OK; i++) {
        const char *equals = strchr(d->sites[i], '=');
        err = buf_printf(out, "  \"%.*s\": ", (int)(equals - d->sites[i]), d->sites[i]);
        err = err == OK ? write_target(out, equals + 1) : err;
        err = err == OK ? buf_append(out, "\n", 1) : err;
    }
    return err;
}

/* ---- what the user reads ---- */

static void print_url(const struct dev *d, const char *host, int host_len, const char *to)
{
    char port[8] = "";
    if (d->https_port != 443) {
        snprintf(port, sizeof(port), ":%u", d->https_port);
    }
    printf("  https://%.*s%s/  ->  %s\n", host_len, host, port, to);
}

static void print_greeting(void *arg)
{
    const struct dev *d = arg;
    printf("Hivedoor for development. Stop it with Ctrl-C.\n\n");
    if (d->site_count == 0) {
        print_url(d, "localhost", 9, "the built-in demo service");
    }
    for (int i = 0; i < d->site_count; i++) {
        const char *equals = strchr(d->sites[i], '=');
        print_url(d, d->sites[i], (int)(equals - d->sites[i]), equals + 1);
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

int cli_dev(int argc, char *const argv[])
{
    struct dev d = {.http_port = 8080, .https_port = 8443};
    default_dir(d.dir);
    int code = parse_arguments(&d, argc, argv);
    if (code != EXIT_FINE) {
        return code;
    }
    int err = tls_local_ca_ensure(d.dir, &d.created);
    if (err != OK) {
        fprintf(stderr,
                "hivedoor dev: cannot make the local authority in %s: %s; choose another folder "
                "with --data\n",
                d.dir, err == ERR_IO ? strerror(errno) : err_text(err));
        return EXIT_START;
    }
    uint16_t demo_port = 0;
    pid_t demo_pid = -1;
    if (d.site_count == 0 && (err = demo_start(&demo_port, &demo_pid)) != OK) {
        fprintf(stderr, "hivedoor dev: cannot start the demo service: %s\n", err_text(err));
        return EXIT_START;
    }
    struct buf config;
    buf_init(&config, CONFIG_MAX);
    if (write_config(&d, demo_port, &config) != OK) {
        buf_fini(&config);
        return usage("%s", "too many sites for one command line; write a file and use run");
    }
    struct run_options options = {.config_text = buf_str(&config),
                                  .local_ca_dir = d.dir,
                                  .on_ready = print_greeting,
                                  .arg = &d};
    code = run_daemon(&options);
    buf_fini(&config);
    return code;
}
