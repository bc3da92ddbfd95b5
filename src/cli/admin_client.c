/* SPDX-License-Identifier: MIT */
#include "cli/admin_client.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "cli/cli.h"
#include "config/diag.h"
#include "config/yaml_tree.h"
#include "daemon/supervisor.h"

#define REQUEST_MAX 8192
#define ANSWER_MAX  (64 * 1024 * 1024) /* the state of ten thousand sites */

/* What `listen: {admin: ...}` says, whatever else is wrong with the file: a broken configuration
 * does not move a daemon that runs. ERR_NOT_FOUND: it says `off`. */
static int glean_address(struct str text, const char *path, struct addr *out_addr)
{
    struct diags diags;
    struct yaml_tree tree;
    struct str word = STR("");

    diags_init(&diags);
    if (yaml_tree_parse(text, str_of(path), &diags, &tree) == OK) {
        const struct yaml_node *at = yaml_tree_get(yaml_tree_get(&tree.root, "listen"), "admin");
        if (at != NULL && at->kind == YAML_TREE_SCALAR) {
            word = at->text;
        }
        int err = str_eq(word, STR("off")) ? ERR_NOT_FOUND : addr_parse(word, out_addr);
        yaml_tree_fini(&tree);
        diags_fini(&diags);
        return err;
    }
    diags_fini(&diags);
    return ERR_SYNTAX;
}

int admin_client_address(const char *admin, const char *config, struct addr *out_addr)
{
    struct buf text;
    int err = ERR_SYNTAX;

    if (admin != NULL) {
        return addr_parse(str_of(admin), out_addr);
    }
    buf_init(&text, YAML_TREE_TEXT);
    if (fd_read_file(config, &text) == OK) {
        err = glean_address(buf_str(&text), config, out_addr);
    }
    buf_fini(&text);
    return err == OK || err == ERR_NOT_FOUND ? err : addr_parse(STR(CLI_ADMIN), out_addr);
}

/* An address to listen on everywhere is reached by way of loopback. */
static struct addr reachable(const struct addr *to)
{
    struct addr at = *to;

    if (at.sa.sa_family == AF_INET && at.in4.sin_addr.s_addr == htonl(INADDR_ANY)) {
        at.in4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    } else if (at.sa.sa_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&at.in6.sin6_addr)) {
        uint16_t port = addr_port(&at);
        /* [::] takes both families, and where the host has no IPv6 it stands for 0.0.0.0. */
        REQUIRE(addr_parse_ip(STR("127.0.0.1"), port, &at) == OK);
    }
    return at;
}

static int wait_for(int fd, short events, uint64_t until_ms)
{
    struct pollfd p = {.fd = fd, .events = events};

    for (;;) {
        uint64_t now = clock_ms();
        if (now >= until_ms) {
            return ERR_TIMEOUT;
        }
        int n = poll(&p, 1, (int)(until_ms - now));
        if (n > 0) {
            return OK;
        }
        if (n < 0 && errno != EINTR) {
            return ERR_IO;
        }
    }
}

static int open_connection(const struct addr *to, uint64_t until_ms, int *out_fd)
{
    struct addr at = reachable(to);
    int failure = 0;
    socklen_t len = sizeof(failure);
    int fd = socket(at.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0) {
        return err_from_errno(errno);
    }
    int err = OK;
    if (connect(fd, &at.sa, at.len) < 0) {
        err = errno == EINPROGRESS ? wait_for(fd, POLLOUT, until_ms) : err_from_errno(errno);
    }
    if (err == OK && getsockopt(fd, SOL_SOCKET, SO_ERROR, &failure, &len) == 0 && failure != 0) {
        err = err_from_errno(failure);
    }
    if (err != OK) {
        fd_close(&fd);
        return err;
    }
    *out_fd = fd;
    return OK;
}

static int read_all(int fd, uint64_t until_ms, struct buf *in)
{
    for (;;) {
        uint8_t *at;
        int err = wait_for(fd, POLLIN, until_ms);
        if (err == OK) {
            err = buf_reserve(in, 4096, &at);
        }
        if (err != OK) {
            return err;
        }
        ssize_t n = recv(fd, at, 4096, 0);
        if (n == 0) {
            return OK;
        }
        if (n < 0 && errno != EAGAIN && errno != EINTR) {
            return err_from_errno(errno);
        }
        buf_commit(in, n > 0 ? (size_t)n : 0);
    }
}

/* "HTTP/1.1 200 OK", fields, empty line, body up to the end: we asked for nothing more refined. */
static int take_apart(struct str answer, int *out_status, struct buf *out_body)
{
    uint64_t status;

    if (!str_starts(answer, STR("HTTP/1.")) || answer.len < 12 ||
        str_to_u64(str_sub(answer, 9, 3), 999, &status) != OK) {
        return ERR_SYNTAX;
    }
    for (size_t i = 0; i + 4 <= answer.len; i++) {
        if (str_eq(str_sub(answer, i, 4), STR("\r\n\r\n"))) {
            int err = buf_append_str(out_body, str_from(answer, i + 4));
            if (err == OK) {
                *out_status = (int)status;
            }
            return err;
        }
    }
    return ERR_TRUNCATED;
}

int admin_client_ask(const struct addr *to, const char *request_line, int timeout_ms,
                     int *out_status, struct buf *out_body)
{
    uint64_t until_ms = clock_ms() + (uint64_t)timeout_ms;
    char request[REQUEST_MAX];
    struct buf in;
    int fd;

    int err = open_connection(to, until_ms, &fd);
    if (err != OK) {
        return err;
    }
    int len = snprintf(request, sizeof(request),
                       "%s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                       "Content-Length: 0\r\n\r\n",
                       request_line);
    buf_init(&in, ANSWER_MAX);
    err = send(fd, request, (size_t)len, MSG_NOSIGNAL) == len ? OK : ERR_RESET;
    if (err == OK) {
        err = read_all(fd, until_ms, &in);
    }
    if (err == OK) {
        err = take_apart(buf_str(&in), out_status, out_body);
    }
    buf_fini(&in);
    fd_close(&fd);
    return err;
}

/* ---- commands ---- */

static int ask_and_say(const struct admin_client_command *command, const char *request_line,
                       const struct addr *to)
{
    char text[ADDR_TEXT_MAX];
    struct buf body;
    int answer = 0;
    int exit_status = 1;

    buf_init(&body, ANSWER_MAX);
    int err = admin_client_ask(to, request_line, command->patience_ms, &answer, &body);
    if (err == OK) {
        exit_status = command->say(to, answer, buf_str(&body));
    } else {
        (void)fprintf(stderr, "hivedoor: no answer from %s: %s\n", addr_print(to, text),
                      err_text(err));
    }
    buf_fini(&body);
    return exit_status;
}

int admin_client_run(const struct admin_client_command *command, int argc, char *const argv[])
{
    const char *admin = NULL;
    const char *config = CLI_CONFIG_PATH;
    bool json = false;
    struct addr to;
    const struct cli_option table[] = {
        {"-c", &config, NULL},     {"--config", &config, NULL},
        {"--admin", &admin, NULL}, {command->json_line == NULL ? NULL : "--json", NULL, &json},
        {NULL, NULL, NULL},
    };

    if (!cli_options(argc, argv, table)) {
        return EXIT_USAGE;
    }
    int err = admin_client_address(admin, config, &to);
    if (err == ERR_NOT_FOUND) {
        (void)fprintf(stderr, "hivedoor: %s switches the admin address off%s\n", config,
                      command->if_off);
        return 1;
    }
    return err == OK ? ask_and_say(command, json ? command->json_line : command->request_line, &to)
                     : cli_usage("%s is no address", admin);
}
