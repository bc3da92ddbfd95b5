# SPDX-License-Identifier: MIT
"""Certificates from an ACME server (pebble) for a door that starts without one: real clients,
HTTP-01 over the door's port 80, and what they write is served without a word to the door."""

import contextlib
import os
import ssl
import subprocess

import pytest
from lib.program import Apache, Pebble
from lib.wait import until

NAMES = ["a.test", "b.test"]
CHALLENGES = ".well-known/acme-challenge"
EMAIL = "hostmaster@a.test"


class Certbot:
    """Writes the chain and the key as symbolic links in live/a.test, and swaps them to renew."""

    rounds = 2

    def __init__(self, folder, ca):
        self.folder = folder
        self.certificates = folder / "config" / "live"
        self.certificates.mkdir(parents=True)
        self.environment = {"REQUESTS_CA_BUNDLE": str(ca)}

    def command(self, server, root):
        f = self.folder
        return ["certbot", "certonly", "--non-interactive", "--agree-tos", "--email", EMAIL,
                "--config-dir", f / "config", "--work-dir", f / "work", "--logs-dir", f / "logs",
                "--server", server, "--webroot", "--webroot-path", root,
                "--force-renewal", *(x for name in NAMES for x in ("-d", name))]


class Lego:
    """Writes a.test.crt and a.test.key into one folder, beside other things. It waits for seconds
    between its questions, so one round must do."""

    rounds = 1

    def __init__(self, folder, ca):
        self.folder = folder
        self.certificates = folder / "certificates"
        self.certificates.mkdir(parents=True)
        self.environment = {"LEGO_CA_CERTIFICATES": str(ca)}

    def command(self, server, root):
        return ["lego", "--server", server, "--accept-tos", "--email", EMAIL, "--path", self.folder,
                "--http", "--http.webroot", root,
                *(x for name in NAMES for x in ("-d", name)), "run"]


CLIENTS = {"certbot": Certbot, "lego": Lego}


@pytest.fixture
def way(request, tmp_path):
    """How a challenge reaches the door: its `acme` settings, and the webroot for the client."""
    with contextlib.ExitStack() as stack:
        if request.param.startswith("relay"):
            stripped = request.param == "relay"
            apache = stack.enter_context(Apache(CHALLENGES if stripped else "."))
            root = apache.root
            settings = {"relay": apache.url + "/", "strip": stripped}
        else:
            root = tmp_path / "webroot"
            root.mkdir()
            (root / CHALLENGES).mkdir(parents=True)
            folder = root / CHALLENGES if request.param == "folder of tokens" else root
            settings = {"folder": str(folder)}
        yield settings, root


def issue(client, server, root):
    result = subprocess.run([*map(str, client.command(server, root))], timeout=120,
                            stdin=subprocess.DEVNULL, capture_output=True, text=True,
                            env={**os.environ, **client.environment})
    assert result.returncode == 0, result.stdout + result.stderr


def served(d, name, context):
    """Serial and names of the certificate that a client who checks it gets, or None."""
    try:
        with d.connect_tls(name, context) as tls:
            certificate = tls.getpeercert()
            return certificate["serialNumber"], {v for _, v in certificate["subjectAltName"]}
    except (ssl.SSLError, ConnectionError):
        return None


@pytest.mark.parametrize("name, way", [("certbot", "folder"), ("certbot", "relay whole"),
                                       ("lego", "folder of tokens"), ("lego", "relay")],
                         indirect=["way"])
def test_first_certificate_and_its_renewal(door, service, authority, dns, tmp_path, name, way):
    settings, root = way
    client = CLIENTS[name](tmp_path / "client", authority.ca)
    d = door(sites={x: service().url for x in NAMES},
             extra={"acme": settings, "certificates": [str(client.certificates)]})
    assert not any(client.certificates.iterdir())
    for one in NAMES:
        dns.set(one, a=["127.0.0.1"])
    with Pebble(authority, d.http.number, dns) as pebble:
        context = ssl.create_default_context(cadata=pebble.root())
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT  # pebble's certificates are not ours
        assert served(d, "a.test", context) is None
        serials = []
        for _ in range(client.rounds):
            issue(client, pebble.directory, root)

            def is_new(one):
                found = served(d, one, context)
                return found if found is not None and found[0] not in serials else None
            found = [until(lambda one=one: is_new(one), f"a new certificate for {one}")
                     for one in NAMES]
            assert found[0] == found[1] and found[0][1] == set(NAMES)
            serials.append(found[0][0])
        https = d.connect_tls("b.test", context)
        https.sendall(b"GET /over HTTP/1.1\r\nHost: b.test\r\nConnection: close\r\n\r\n")
        assert https.recv(65536).startswith(b"HTTP/1.1 200")
        https.close()
    assert {record["cause"] for record in d.log("reload_done")} <= {"files", "clock"}
    assert dns.asked("a.test") > 0 and dns.asked("b.test") > 0
