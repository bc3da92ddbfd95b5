# SPDX-License-Identifier: MIT
"""Client certificates by site: who gets in, what a service is told, which sessions open what."""

import json
import re
import shutil
import ssl
import subprocess

import pytest
from lib.certs import Authority
from lib.raw import Raw
from lib.wait import until

VERSIONS = [("-tls1_2", ssl.TLSVersion.TLSv1_2), ("-tls1_3", ssl.TLSVersion.TLSv1_3)]
BOTH = pytest.mark.parametrize("option,version", VERSIONS, ids=["1.2", "1.3"])
FIELDS = ("x-client-cert-subject", "x-client-cert-fingerprint", "x-client-cert-verified")


@pytest.fixture(scope="session")
def club(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("club"), "club")


@pytest.fixture(scope="session")
def others(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("others"), "others")


@pytest.fixture(scope="session")
def ann(club):
    return club.client("ann")


@pytest.fixture
def guarded(door, service, club, tmp_path):
    """A door with a site for members, one that asks politely, one that asks for nothing; one
    certificate for all. The authority is a file of the test's own."""
    authority = tmp_path / "clients.pem"
    shutil.copy(club.ca, authority)
    to = service().url
    d = door(names=["*.club.test", "club.test"], sites={
        "members.club.test": {"to": to, "aliases": ["also.club.test"],
                              "client_auth": {"ca": str(authority)}},
        "polite.club.test": {"to": to, "client_auth": {"ca": str(authority), "mode": "optional"}},
        "sister.club.test": {"to": to, "client_auth": {"ca": str(authority)}},
        "open.club.test": to,
    })
    d.clients = authority
    return d


def context_of(d, client=None, version=None):
    context = d.tls_context()
    if version is not None:
        context.minimum_version = context.maximum_version = version
    if client is not None:
        context.load_cert_chain(client[0], client[1])
    return context


def ask(raw, host, *fields):
    lines = "".join(f"{f}\r\n" for f in fields)
    raw.send(f"GET / HTTP/1.1\r\nHost: {host}\r\n{lines}\r\n")
    return raw.response()


def get(d, name, client=None, version=None, fields=()):
    """(status, the fields about certificates that the service got)."""
    with Raw(d.connect_tls(name, context_of(d, client, version))) as raw:
        status, _, body = ask(raw, name, *fields)
    return status, told(body) if status == 200 else None


def told(body):
    return {k: v for k, v in json.loads(body)["headers"] if k.replace("_", "-") in FIELDS}


def is_refused(d, name, client=None, version=None):
    """Whether the handshake fails: with TLS 1.3 the client hears of it behind its own end of it."""
    try:
        with Raw(d.connect_tls(name, context_of(d, client, version))) as raw:
            raw.send(f"GET / HTTP/1.1\r\nHost: {name}\r\n\r\n")
            return raw.socket.recv(1) == b""
    except (ssl.SSLError, ConnectionError):
        return True


@BOTH
def test_only_members_get_in(guarded, club, others, ann, option, version):
    d = guarded
    assert is_refused(d, "members.club.test", version=version)
    assert is_refused(d, "members.club.test", others.client("eve"), version)
    assert is_refused(d, "members.club.test", club.client("late", days=-2), version)
    status, fields = get(d, "members.club.test", ann, version)
    assert status == 200
    assert fields == {"x-client-cert-verified": "yes", "x-client-cert-subject": "CN=ann",
                      "x-client-cert-fingerprint": ann[2]}
    assert get(d, "also.club.test", ann, version)[0] == 200
    refused = d.wait_log("connection_closed", 3, reason="client_cert")
    details = {r.get("detail") for r in refused}
    assert "certificate has expired" in details, details
    assert d.metric("tls_client_certs_refused_total") == 3
    record = d.wait_log("access", status=200, host="members.club.test")[0]
    assert record["client_cert"] == ann[2]


def test_server_certificates_are_no_client_certificates(guarded, club, tmp_path):
    cert, key, _ = club.issue(["members.club.test"])
    (tmp_path / "s.pem").write_text(cert)
    (tmp_path / "s.key").write_text(key)
    assert is_refused(guarded, "members.club.test", (tmp_path / "s.pem", tmp_path / "s.key"))


@BOTH
def test_optional_lets_in_and_tells(guarded, others, ann, option, version):
    d = guarded
    assert get(d, "polite.club.test", None, version) == (200, {"x-client-cert-verified": "no"})
    status, fields = get(d, "polite.club.test", ann, version)
    assert (status, fields["x-client-cert-subject"]) == (200, "CN=ann")
    assert is_refused(d, "polite.club.test", others.client("eve"), version)


def test_sites_that_do_not_ask_tell_nothing(guarded, ann):
    assert get(guarded, "open.club.test", ann) == (200, {})


FORGED = ("X-Client-Cert-Subject: CN=root", "x-client-cert-verified: yes",
          "X_Client_Cert_Verified: yes", "X-Client-Cert_Fingerprint: 00",
          "X-CLIENT-CERT-FINGERPRINT: 00")


@pytest.mark.parametrize("trust", [[], ["127.0.0.0/8"]], ids=["stranger", "trusted"])
def test_nobody_forges_the_fields(guarded, ann, trust):
    d = guarded
    d.configure(d.settings["sites"], forwarded={"trust": trust})
    d.reload()
    assert get(d, "open.club.test", fields=FORGED) == (200, {})
    assert get(d, "polite.club.test", fields=FORGED) == (200, {"x-client-cert-verified": "no"})
    status, fields = get(d, "members.club.test", ann, fields=FORGED)
    assert (status, fields["x-client-cert-subject"]) == (200, "CN=ann")
    assert fields["x-client-cert-fingerprint"] == ann[2] and len(fields) == 3
    # Nor does Connection make them go.
    named = "Connection: x-client-cert-subject, x-client-cert-verified"
    assert get(d, "members.club.test", ann, fields=(named,))[1] == fields
    assert get(d, "polite.club.test", fields=(named,))[1] == {"x-client-cert-verified": "no"}


def test_trailers_do_not_forge_them(door, service):
    heard = []

    def handler(request):
        heard.append(str(request.headers).encode())
        while not heard[-1] == b"0\r\n":
            heard.append(request.rfile.readline())
        while not heard[-1] == b"\r\n":
            heard.append(request.rfile.readline())
        request.reply(200, b"ok")

    d = door(names=["a.test"], sites={"a.test": service(handler=handler).url})
    with Raw(d.connect_tls("a.test")) as raw:
        raw.send("POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n"
                 "2\r\nhi\r\n0\r\nX-Client-Cert-Verified: yes\r\nX_Client_Cert_Subject: CN=r\r\n\r\n")
        assert raw.response()[0] in (200, 400)
    assert heard and b"cert" not in b"".join(heard).lower()


@BOTH
def test_requests_on_other_connections_are_misdirected(guarded, ann, option, version):
    """Other name, unknown name, no name, a site with the same authority, an alias: all have a
    certificate that covers the host, and none was opened for it."""
    d = guarded
    d.configure(d.settings["sites"], unknown_site="club.test")
    d.reload()
    for opened in ("open.club.test", "polite.club.test", "sister.club.test", "also.club.test",
                   "nobody.club.test", None):
        context = context_of(d, ann, version)
        context.check_hostname = False
        with Raw(d.connect_tls(opened, context)) as raw:
            assert ask(raw, "members.club.test")[0] == 421, opened
    with Raw(d.connect_tls("members.club.test", context_of(d, ann, version))) as raw:
        assert ask(raw, "MEMBERS.club.test")[0] == 200
        assert ask(raw, "open.club.test")[0] == 200  # it asks for nothing, the certificate covers it
        assert ask(raw, "sister.club.test")[0] == 421
    assert d.wait_log("access", status=421, reason="misdirected")


def s_client(d, name, *arguments):
    request = f"GET / HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode()
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{d.https.number}", "-CAfile",
               str(d.authority.ca), "-servername", name, "-ign_eof", *map(str, arguments)]
    result = subprocess.run(command, input=request, capture_output=True, timeout=60)
    reused = re.search(rb"^Reused, ", result.stdout, re.M) is not None
    status = re.search(rb"^HTTP/1\.1 (\d+)", result.stdout, re.M)
    return reused, int(status[1]) if status else None, result.stdout


def shown(client):
    return ("-cert", client[0], "-key", client[1])


@BOTH
def test_a_session_keeps_its_client(guarded, ann, tmp_path, option, version):
    """Resumed under its own name: nothing is shown again, and the service hears who it is."""
    session = tmp_path / "session"
    name = "members.club.test"
    assert s_client(guarded, name, option, "-sess_out", session, *shown(ann))[1] == 200
    reused, status, out = s_client(guarded, name, option, "-sess_in", session)
    assert (reused, status) == (True, 200)
    assert b'["x-client-cert-subject", "CN=ann"]' in out and ann[2].encode() in out
    assert b'["x-client-cert-verified", "yes"]' in out


@BOTH
@pytest.mark.parametrize("other", ["open", "polite", "sister", "also"])
def test_a_session_of_another_name_opens_nothing(guarded, ann, tmp_path, other, option, version):
    """Made with the right certificate or without one: it is not resumed here, and who shows nothing
    in the full handshake does not get in."""
    d = guarded
    session = tmp_path / "session"
    assert s_client(d, f"{other}.club.test", option, "-sess_out", session, *shown(ann))[1] == 200
    reused, status, _ = s_client(d, "members.club.test", option, "-sess_in", session)
    assert (reused, status) == (False, None)
    # With its certificate at hand the client gets in, by a full handshake.
    reused, status, _ = s_client(d, "members.club.test", option, "-sess_in", session, *shown(ann))
    assert (reused, status) == (False, 200)
    # The other way round nobody is known under another name either.
    assert s_client(d, "members.club.test", option, "-sess_out", session, *shown(ann))[1] == 200
    reused, status, out = s_client(d, "polite.club.test", option, "-sess_in", session)
    assert (reused, status) == (False, 200)
    assert b'["x-client-cert-verified", "no"]' in out


@BOTH
def test_a_session_from_before_the_site_asked(door, service, club, ann, tmp_path, option, version):
    d = door(names=["a.test"], sites={"a.test": service().url})
    session = tmp_path / "session"
    assert s_client(d, "a.test", option, "-sess_out", session, *shown(ann))[1] == 200
    d.configure({"a.test": {**_map(d, "a.test"), "client_auth": {"ca": str(club.ca)}}})
    d.reload()
    assert s_client(d, "a.test", option, "-sess_in", session)[:2] == (False, None)
    assert s_client(d, "a.test", option, "-sess_in", session, *shown(ann))[:2] == (False, 200)


def _map(d, name):
    return {"to": d.settings["sites"][name]}


@BOTH
def test_a_changed_authority_takes_effect(guarded, others, ann, tmp_path, option, version):
    """The file is watched. Sessions and open connections of the old authority's clients end."""
    d = guarded
    name = "members.club.test"
    session = tmp_path / "session"
    assert s_client(d, name, option, "-sess_out", session, *shown(ann))[1] == 200
    with Raw(d.connect_tls(name, context_of(d, ann, version))) as raw:
        assert ask(raw, name)[0] == 200
        new = tmp_path / "new.pem"
        shutil.copy(others.ca, new)
        new.rename(d.clients)
        d.wait_log("reload_done", outcome="ok")
        until(lambda: is_refused(d, name, ann, version), "the new authority counts")
        assert ask(raw, name)[0] == 421
    assert s_client(d, name, option, "-sess_in", session)[:2] == (False, None)
    assert get(d, name, others.client("bob"), version)[0] == 200


def test_a_broken_authority_changes_nothing(guarded, ann):
    """Watched, read anew, refused with its key and its name; what runs goes on."""
    d = guarded
    good = d.clients.read_text()
    for broken, why in ((lambda: d.clients.write_text("not PEM\n"), "found no certificate in"),
                        (d.clients.unlink, "found no readable file")):
        broken()
        said = until(lambda: [r for r in d.log("config_error") if why in json.dumps(r)], why)
        assert "client_auth.ca" in json.dumps(said) and str(d.clients) in json.dumps(said)
        d.wait_log("reload_done", outcome="failed")
        assert get(d, "members.club.test", ann)[0] == 200
        assert is_refused(d, "members.club.test")
    d.clients.write_text(good)
    d.reload()
    assert get(d, "members.club.test", ann)[0] == 200


def test_port_80_never_serves_it(guarded, club):
    d = guarded
    status, fields, _ = d.get("members.club.test", "/x", tls=False)
    assert status == 301 and fields["Location"] == "https://members.club.test/x"
    site = {**d.settings["sites"]["members.club.test"], "http": "serve"}
    d.configure({"members.club.test": site})
    result = d.run("check", "-c", d.config)
    assert result.returncode == 1 and "http: serve beside client_auth" in result.stderr


def test_an_intermediate_comes_with_the_client(door, service, club, tmp_path):
    """A chain below the authority is built from what the client sends."""
    d = door(names=["a.test"], sites={"a.test": {"to": service().url,
                                                "client_auth": {"ca": str(club.ca)}}})
    middle = Authority(tmp_path / "middle", "middle")
    csr = tmp_path / "middle.csr"
    extensions = tmp_path / "middle.ext"
    extensions.write_text("basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n")
    subprocess.run(["openssl", "req", "-new", "-key", middle.key, "-out", csr, "-subj",
                    "/CN=middle"], check=True, capture_output=True)
    subprocess.run(["openssl", "x509", "-req", "-in", csr, "-CA", club.ca, "-CAkey", club.key,
                    "-CAcreateserial", "-out", middle.ca, "-days", "10", "-extfile", extensions],
                   check=True, capture_output=True)
    cert, key, fingerprint = middle.client("carl")
    assert is_refused(d, "a.test", (cert, key))
    chain = tmp_path / "chain.pem"
    chain.write_text(cert.read_text() + middle.ca.read_text())
    status, fields = get(d, "a.test", (chain, key))
    assert status == 200 and fields["x-client-cert-fingerprint"] == fingerprint


def curl(d, host, *arguments, opened=None):
    """Over HTTP/2: (status, body) of a request for `host` on a connection opened for `opened`."""
    opened = opened or host
    done = d.curl("--http2", "-w", "\n%{http_version} %{http_code}", "-H", f"Host: {host}",
                  *arguments, f"https://{opened}/", name=opened)
    body, _, last = done.stdout.rpartition(b"\n")
    version, status = last.decode().split() if last else ("", "0")
    assert done.returncode != 0 or version == "2"
    return int(status), body


def test_http2_is_no_way_round(guarded, others, ann):
    d = guarded
    member = ("--cert", ann[0], "--key", ann[1])
    status, body = curl(d, "members.club.test", *member)
    assert (status, told(body)["x-client-cert-subject"]) == (200, "CN=ann")
    assert curl(d, "members.club.test")[0] == 0
    eve = others.client("eve")
    assert curl(d, "members.club.test", "--cert", eve[0], "--key", eve[1])[0] == 0
    for opened in ("open.club.test", "polite.club.test", "sister.club.test", "also.club.test"):
        assert curl(d, "members.club.test", *member, opened=opened)[0] == 421
    forged = [a for f in FORGED for a in ("-H", f)]
    status, body = curl(d, "polite.club.test", *forged)
    assert (status, told(body)) == (200, {"x-client-cert-verified": "no"})
    status, body = curl(d, "members.club.test", *member, *forged)
    assert (status, told(body)["x-client-cert-fingerprint"]) == (200, ann[2])


def test_check_reads_the_files(guarded, tmp_path):
    """What keys name is read by check as by the loader: place, file and remedy are said."""
    d = guarded
    users = tmp_path / "users"
    users.write_text("ann:secret\n")
    d.configure({"a.test": {"to": "http://a:1", "basic_auth": str(users),
                            "client_auth": {"ca": str(tmp_path / "none.pem")}}})
    result = d.run("check", "-c", d.config)
    assert result.returncode == 1
    assert re.search(r"hivedoor\.yml:\d+:\d+: error: found no readable file .*none\.pem", result.stderr)
    assert f"{users}:1:1: error: found a password that is plain" in result.stderr
    assert "secret" not in result.stderr
