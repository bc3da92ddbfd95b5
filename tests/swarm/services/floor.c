/* SPDX-License-Identifier: MIT */
/*
 * What any door needs at least: it listens on the port given, answers everybody at once, and ends
 * at SIGTERM. How long it is away when Swarm replaces it is the engine's part of a door's gap.
 */
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static void on_term(int signal_number)
{
    (void)signal_number;
    _exit(0);
}

int main(int argc, char **argv)
{
    static const char answer[] =
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    const int on = 1;
    char request[4096];
    struct sockaddr_in at = {.sin_family = AF_INET};

    const struct sigaction term = {.sa_handler = on_term};
    const struct sigaction none = {.sa_handler = SIG_IGN};

    at.sin_port = htons((unsigned short)(argc > 1 ? strtol(argv[1], NULL, 10) : 80));
    sigaction(SIGTERM, &term, NULL); /* the first process of a container has no default */
    sigaction(SIGPIPE, &none, NULL);
    int listening = socket(AF_INET, SOCK_STREAM, 0);
    if (setsockopt(listening, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
        bind(listening, (struct sockaddr *)&at, sizeof(at)) < 0 || listen(listening, 1024) < 0) {
        return 1;
    }
    for (;;) {
        int fd = accept(listening, NULL, NULL);
        if (fd >= 0 && read(fd, request, sizeof(request)) > 0) {
            (void)!write(fd, answer, sizeof(answer) - 1);
        }
        close(fd);
    }
}
