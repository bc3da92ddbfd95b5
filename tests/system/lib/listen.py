# SPDX-License-Identifier: MIT
"""The listening sockets of services that tests play."""

import socket


def listen(ip="127.0.0.1", port=0, backlog=128):
    """On a free port, unless one is named. What is written in pieces leaves in pieces: without
    TCP_NODELAY the second one waits for the ACK of the first, 40 ms and more."""
    server = socket.create_server((ip, port), backlog=backlog)
    server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # connections inherit it
    return server
