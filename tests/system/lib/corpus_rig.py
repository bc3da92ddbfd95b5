# SPDX-License-Identifier: MIT
"""Doors for the tables of malformed traffic: in front of a witness, where what arrived is compared to
the byte and nothing else may have arrived, and in front of a service that plays answers."""

import socket

from .access import AccessLog
from .door import Door
from .message import parse_request, trailers_of
from .player import Player
from .witness import Witness

PATIENCE = 20
# Found in the body: the head has gone on by then, and the link is cut.
UNFINISHED = {"bad_chunk", "body_too_large", "client_abort", "body_timeout"}


def shown(message, tls):
    """What stands in a "<" block, made of a request that arrived; asserts what is left out."""
    host = message.values(b"host")[0]
    ours = {b"x-forwarded-for": b"127.0.0.1", b"x-forwarded-host": host,
            b"x-forwarded-proto": b"https" if tls else b"http"}
    for name, value in ours.items():
        assert message.values(name) == [value], message.fields
    lines = [b"%s %s HTTP/1.1" % (message.method, message.target)]
    lines += [n + b": " + v for n, v in message.end_to_end() if n.lower() not in ours]
    return b"\r\n".join(lines) + b"\r\n\r\n" + message.body


def in_http2(block):
    """A "<" block as HTTP/2 can say it: names in lower case, each name's fields in their order."""
    head, _, body = block.partition(b"\r\n\r\n")
    line, *fields = head.split(b"\r\n")
    fields = [(n.lower(), v) for n, _, v in (field.partition(b": ") for field in fields)]
    return line, sorted(fields, key=lambda field: field[0]), body


class _Door:
    """A door whose access records are read along, and connections to it."""

    def __init__(self, binary, folder, authority, service, **extra):
        self.service = service
        self.door = Door(binary, folder, authority, names=["a.test", "r.test"], workers=1,
                         sites={"a.test": {"to": service.url, "http": "serve"},
                                "r.test": {"redirect": "https://a.test"}}, extra=extra)
        self.log = AccessLog(self.door)
        self.count = 0

    def close(self):
        self.door.close()
        self.service.close()

    def connect(self, tls):
        """`tls`: where an end without the end of TLS is an error."""
        sock = self.door.connect_tls("a.test", ragged=False) if tls else self.door.connect()
        sock.settimeout(PATIENCE)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock

    def next_path(self):
        """A target that no other request has."""
        self.count += 1
        return b"/next/%d" % self.count

    def clean(self):
        """Behind a failure: what is still on its way belongs to no other case."""
        assert self.door.get("a.test", "/clean", tls=False)[0] == 200
        self.log.skip_to("/clean")
        self.service.forget()


class PlayerRig(_Door):
    """A door in front of a service that plays answers."""

    def __init__(self, binary, folder, authority, cases, player=Player):
        super().__init__(binary, folder, authority, player({case.id: case for case in cases}))


class Rig(_Door):
    """A door in front of a witness."""

    def __init__(self, binary, folder, authority, witness=Witness, **extra):
        super().__init__(binary, folder, authority, witness(), limits={"body": "64k"}, **extra)

    def check_arrived(self, outcomes, tls, after, http2=False):
        """The service got what was to be forwarded and nothing else; `after`: a target besides."""
        requests, rest = self.service.take()
        requests = [r for r in requests if r.target != after]
        forwarded = [o for o in outcomes if o.is_forwarded]
        form = in_http2 if http2 else bytes
        assert [form(shown(r, tls)) for r in requests] == [form(o.expected) for o in forwarded]
        assert [trailers_of(r) for r in requests] == [o.trailers for o in forwarded]
        unfinished = UNFINISHED | ({"bad_framing"} if http2 else set())  # DATA against its length
        if any(o.reason in unfinished for o in outcomes):
            assert len(rest) <= 1 and all(parse_request(begun) is None for begun in rest), rest
        else:
            assert rest == [], f"the service got {rest}"
