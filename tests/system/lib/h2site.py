# SPDX-License-Identifier: MIT
"""A door with one site on HTTP/2, and the service behind it, for many cases."""

import itertools

from .h2raw import Client, alpn_context
from .recorder import Recorder

NAMES = ["a.test", "b.test"]
# What AddressSanitizer keeps back of freed memory would hide how much a process really holds.
SMALL_QUARANTINE = {"ASAN_OPTIONS": "detect_leaks=1:abort_on_error=1:quarantine_size_mb=8"}


class Site:
    """`door` with `recorder` behind a.test and b.test; connect() makes raw HTTP/2 clients."""

    def __init__(self, door, recorder):
        self.door = door
        self.recorder = recorder
        self.clients = []
        self.numbers = itertools.count(1)
        self.workers = door.pids("worker")

    def path(self):
        """A path that no other case has."""
        return f"/case-{next(self.numbers)}-"

    def context(self):
        return alpn_context(self.door.authority.ca)

    def connect(self, *settings, wait=True, name="a.test", **options):
        """A client whose handshake is done, unless `wait` is false."""
        sock = self.door.connect_tls(name, self.context())
        assert sock.selected_alpn_protocol() == "h2", "h2 was not chosen"
        client = Client(sock, settings, **options)
        self.clients.append(client)
        if wait:
            client.read_until(lambda: client.settings is not None and client.settings_acks > 0,
                              "the server's SETTINGS and its ACK")
        return client

    def bare(self, **options):
        """A client that has sent nothing yet."""
        client = Client(self.door.connect_tls("a.test", self.context()), None, **options)
        self.clients.append(client)
        return client

    def expect_served(self):
        """A new client is served, by the same worker, up to the service."""
        path = self.path()
        with self.connect() as client:
            client.get(path)
        assert self.recorder.has_seen(path)
        assert self.door.pids("worker") == self.workers, "the worker was replaced"

    def expect_unseen(self, path):
        """Nothing of this path has reached the service, though a later request has."""
        self.expect_served()
        assert not self.recorder.has_seen(path), "it reached the service"

    def expect_incomplete(self, path):
        """No complete request of this path has reached the service."""
        self.expect_served()
        assert not self.recorder.complete(path), "a complete request reached the service"

    def leave(self):
        """The end of a case: its connections go."""
        for client in self.clients:
            client.close()
        self.clients.clear()
        self.recorder.handlers.clear()


def make_site(make_door, **options):
    """A Site of its own; `options` go to the door, `site` into the settings of a.test. There is a
    site c.test too, whose certificate is another one."""
    recorder = Recorder()
    site = {"to": recorder.url, **options.pop("site", {})}
    sites = {"a.test": site, "b.test": recorder.url, "c.test": recorder.url}
    door = make_door(names=NAMES, workers=1, sites=sites, start=False, **options)
    door.authority.write(door.certs, ["c.test"], chain="c.pem", key="c-key.pem", kind="rsa")
    door.start()
    return Site(door, recorder)
