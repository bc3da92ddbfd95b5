/* SPDX-License-Identifier: MIT */
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
    "load --port=N [OPTION ...]\n"
    "  --mode=closed      each connection asks again as soon as it is answered\n"
    "  --mode=together    all connections ask together, once all are answered\n"
    "  --mode=open        requests are due at --rate, whoever is free sends them\n"
    "  --mode=handshake   a connection for each request\n"
    "  --mode=idle        one request each, then held until standard input ends\n"
    "  --connections=N    at a time (1)\n"
    "  --at-once=N        idle: so many are made at a time (all)\n"
    "  --rate=N           open: requests a second (1000)\n"
    "  --seconds=N        0: until SIGTERM\n"
    "  --requests=N       so many in all\n"
    "  --path=PATH        (/1k)\n"
    "  --sni=NAME         (a.test)\n"
    "  --upload=BYTES     of each request's body\n"
    "  --plain            no TLS\n"
    "  --resume           handshakes with the ticket of the one before\n"
    "  --h2               idle, together: HTTP/2\n"
    "  --streams=N        HTTP/2: requests that a connection asks together (1)\n"
    "  --websocket        idle: the request asks to switch to WebSocket\n"
    "Says what came out as one JSON object; latencies count from when a request was due.\n";

static void refuse(const char *what)
{
    (void)fprintf(stderr, "load: %s is not understood; --help lists the options\n", what);
    exit(2);
}

static enum load_mode read_mode(const char *word)
{
    static const char *const words[] = {"closed", "together", "open", "handshake", "idle"};

    for (int i = 0; i < 5; i++) {
        if (strcmp(word, words[i]) == 0) {
            return (enum load_mode)i;
        }
    }
    refuse(word);
    return LOAD_CLOSED;
}

static void read_word(struct load_options *o, const char *name)
{
    if (strcmp(name, "--plain") == 0) {
        o->plain = true;
    } else if (strcmp(name, "--resume") == 0) {
        o->resume = true;
    } else if (strcmp(name, "--h2") == 0) {
        o->h2 = true;
    } else if (strcmp(name, "--websocket") == 0) {
        o->websocket = true;
    } else if (strcmp(name, "--help") == 0) {
        (void)fputs(help, stdout);
        exit(0);
    } else {
        refuse(name);
    }
}

static void read_value(struct load_options *o, const char *name, const char *value)
{
    if (strcmp(name, "--mode") == 0) {
        o->mode = read_mode(value);
    } else if (strcmp(name, "--port") == 0) {
        o->to.sin_port = htons((uint16_t)strtoul(value, NULL, 10));
    } else if (strcmp(name, "--sni") == 0) {
        o->sni = value;
    } else if (strcmp(name, "--path") == 0) {
        o->path = value;
    } else if (strcmp(name, "--connections") == 0) {
        o->connections = (unsigned)strtoul(value, NULL, 10);
    } else if (strcmp(name, "--streams") == 0) {
        o->streams = (unsigned)strtoul(value, NULL, 10);
    } else if (strcmp(name, "--at-once") == 0) {
        o->at_once = (unsigned)strtoul(value, NULL, 10);
    } else if (strcmp(name, "--rate") == 0) {
        o->rate = strtod(value, NULL);
    } else if (strcmp(name, "--seconds") == 0) {
        o->seconds = strtod(value, NULL);
    } else if (strcmp(name, "--requests") == 0) {
        o->requests = strtoull(value, NULL, 10);
    } else if (strcmp(name, "--upload") == 0) {
        o->upload = strtoul(value, NULL, 10);
    } else {
        refuse(name);
    }
}

void load_read_options(struct load_options *o, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        char *value = strchr(argv[i], '=');
        if (value == NULL) {
            read_word(o, argv[i]);
            continue;
        }
        *value++ = '\0';
        read_value(o, argv[i], value);
    }
    if (o->to.sin_port == 0) {
        refuse("no --port");
    }
    if (o->connections == 0 || o->rate <= 0) {
        refuse("nothing to do");
    }
    if (o->streams == 0 || o->streams > H2_STREAMS_MAX || (o->streams > 1 && !o->h2)) {
        refuse("--streams");
    }
}
