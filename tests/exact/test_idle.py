# SPDX-License-Identifier: MIT
"""What an idle connection holds once it rests, to the byte: pieces in use as the allocator counts
them, less the pages that are folded away.

Of plain HTTP it is all ours. Of TLS what OpenSSL holds for a connection is counted along, which
differs from version to version."""

import json
import subprocess

import exact
import pytest
from conftest import BINARY
from lib.h2raw import Client, alpn_context
from lib.raw import Raw
from lib.wait import until

WARM, COUNT = 30, 400
PAGE = 4096
HAS_OLD_OPENSSL = "OpenSSL  3.0." in subprocess.run(
    [str(BINARY), "version"], capture_output=True, text=True, check=False).stdout


def used(door, idle, folds):
    """Bytes in use while so many connections are idle and all rest. Another one that comes makes the
    worker look, before it takes anything itself, but not again at once."""
    seen = []

    def all_rest(folded):
        return folded > 0 and folded % (idle * PAGE) == 0 if folds else folded == 0

    def look():
        door.connect("http").close()
        folded = door.metric("memory_folded_bytes")
        seen.append(door.metric("memory_used_bytes") - folded)
        return len(seen) > 30 and seen[-1] == seen[-2] and all_rest(folded)

    until(lambda: door.metric("connections", state="idle") == idle, f"{idle} are idle", 60)
    until(look, "what is in use is known", 60)
    return seen[-1]


def ask(raw):
    raw.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
    status, headers, _ = raw.response()
    assert status < 400 and headers.get("connection") != "close", (status, headers)
    return raw


def of_plain(door):
    return ask(Raw(door.connect("http")))


def of_tls(door):
    return ask(Raw(door.connect_tls("a.test")))


def of_http2(door):
    context = alpn_context(str(door.authority.ca))
    client = Client(context.wrap_socket(door.connect("https"), server_hostname="a.test"))
    client.finish(client.get())
    return client


@pytest.mark.parametrize("name,make", [("plain", of_plain), ("tls", of_tls), ("h2", of_http2)])
def test_an_idle_connection_holds_no_more_than_its_bound(door, name, make):
    folds = name != "plain"
    bound = json.loads(exact.BOUNDS.read_text())["idle_bytes"][name]
    held = [make(door) for _ in range(WARM)]
    before = used(door, WARM, folds)
    held += [make(door) for _ in range(COUNT)]
    each = (used(door, WARM + COUNT, folds) - before) / COUNT
    print(f"{name}: {each:.0f} bytes")
    for one in held:
        one.close()
    until(lambda: door.metric("connections", state="idle") == 0, "all are gone", 60)
    if name == "plain" or HAS_OLD_OPENSSL:
        assert each <= bound
