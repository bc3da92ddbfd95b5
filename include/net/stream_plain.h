/* SPDX-License-Identifier: MIT */
/* A plain TCP or Unix stream over a connected, non-blocking descriptor. */
#ifndef HIVEDOOR_NET_STREAM_PLAIN_H
#define HIVEDOOR_NET_STREAM_PLAIN_H

#include "net/stream.h"

/* Takes the descriptor. Nothing is wanted yet. Never NULL. */
struct stream *stream_plain_new(struct loop *loop, int fd, stream_fn fn, void *arg);
/* Gives the descriptor away (to a TLS stream) and frees the plain stream; returns the fd. */
int stream_plain_detach(struct stream *s);

#endif
