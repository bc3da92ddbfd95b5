# SPDX-License-Identifier: MIT
"""TLS as clients see it: versions, names, key types, tickets, certificates that come and go."""

import re
import socket
import ssl
import subprocess
import warnings

import pytest
from lib.raw import Raw
from lib.wait import until


def s_client(d, *arguments, name="a.test", stdin=b""):
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{d.https.number}", "-CAfile",
               str(d.authority.ca), "-servername", name, *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, timeout=60)


def key_exchange(result):
    """The group of a TLS 1.3 handshake, as s_client says it: "Server Temp Key: X25519, 253 bits" of
    3.0; of 3.5 "Peer Temp Key: X25519, 253 bits" or "Negotiated TLS1.3 group: X25519MLKEM768"."""
    line = rb"^(?:Negotiated TLS1\.3 group|(?:Server|Peer) Temp Key): (.+)"
    found = re.search(line, result.stdout, re.M)
    assert found, f"s_client names no group: {result.stderr} {result.stdout[-2000:]}"
    named = [word for word in found.group(1).decode().split(", ") if word != "ECDH"]
    return named[0]


def openssl_version():
    """(3, 5) of the library that the tool and the door share."""
    said = subprocess.run(["openssl", "version"], capture_output=True, text=True, check=True).stdout
    return tuple(int(n) for n in re.search(r"Library: OpenSSL (\d+)\.(\d+)", said).groups())


def served_serial(d, name):
    with d.connect_tls(name) as tls:
        return tls.getpeercert()["serialNumber"].lstrip("0")


@pytest.mark.parametrize("option,version", [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")])
def test_versions(door, service, option, version):
    d = door(names=["a.test"], sites={"a.test": service().url})
    result = s_client(d, option, "-verify_return_error", "-brief")
    assert version.encode() in result.stderr + result.stdout
    assert result.returncode == 0


def test_old_versions_are_refused(door, service):
    d = door(names=["a.test"], sites={"a.test": service().url})
    result = s_client(d, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0")
    assert b"Cipher is (NONE)" in result.stdout or result.returncode != 0


def test_min_version_13(door, service):
    d = door(names=["a.test"], sites={"a.test": service().url}, extra={"tls": {"min": "1.3"}})
    assert s_client(d, "-tls1_2").returncode != 0
    assert s_client(d, "-tls1_3").returncode == 0


def test_x25519_first_and_alpn(door, service):
    d = door(names=["a.test"], sites={"a.test": service().url})
    result = s_client(d, "-tls1_3", "-groups", "X25519:P-256", "-alpn", "http/1.1")
    assert key_exchange(result) == "X25519"
    assert b"ALPN protocol: http/1.1" in result.stdout
    assert s_client(d, "-alpn", "spdy/1").returncode != 0  # RFC 7301 section 3.2


def test_hybrid_key_exchange_where_the_library_has_it(door, service):
    """A client that offers all it has gets X25519MLKEM768 from OpenSSL 3.5, X25519 before that; one
    that offers both or only the classic groups is served either way."""
    d = door(names=["a.test"], sites={"a.test": service().url})
    hybrid = "X25519MLKEM768"
    if openssl_version() >= (3, 5):
        assert key_exchange(s_client(d, "-tls1_3")) == hybrid
        assert key_exchange(s_client(d, "-tls1_3", "-groups", hybrid)) == hybrid
        # The door's order decides, not the client's, between groups whose shares are there.
        assert key_exchange(s_client(d, "-tls1_3", "-groups", f"*X25519:*{hybrid}")) == hybrid
        # A share that is there is taken: a second round trip costs more than the hybrid is worth.
        assert key_exchange(s_client(d, "-tls1_3", "-groups", f"*X25519:{hybrid}")) == "X25519"
    else:
        warnings.warn("OpenSSL before 3.5 has no ML-KEM: only X25519 is tested", stacklevel=1)
        assert key_exchange(s_client(d, "-tls1_3")) == "X25519"
        assert s_client(d, "-tls1_3", "-groups", hybrid).returncode != 0  # the tool has none either
    assert key_exchange(s_client(d, "-tls1_3", "-groups", "X25519")) == "X25519"
    assert key_exchange(s_client(d, "-tls1_3", "-groups", "P-384")) == "secp384r1"


def test_sni_exact_wildcard_and_unknown(door, service):
    d = door(sites={n: service().url for n in ("a.test", "x.wild.test", "x.y.wild.test")})
    exact = d.authority.write(d.certs, ["a.test"], chain="1.pem", key="2.pem")
    wild = d.authority.write(d.certs, ["*.wild.test"], chain="3.pem", key="4.pem")
    d.reload()
    assert served_serial(d, "a.test") == exact.lstrip("0")
    assert served_serial(d, "x.wild.test") == wild.lstrip("0")
    for name in ("x.y.wild.test", "wild.test", "unknown.test", "b.a.test"):
        with pytest.raises(ssl.SSLError, match="(?i)unrecognized.name"):
            d.connect_tls(name)
    plain = ssl._create_unverified_context()
    with pytest.raises(ssl.SSLError):
        plain.wrap_socket(d.connect("https"))  # no SNI at all
    assert d.metric("connections_closed_total", reason="unknown_name") == 5


def test_unknown_site_may_get_a_certificate(door, service):
    d = door(names=["a.test"], sites={"a.test": service().url}, extra={"unknown_site": "a.test"})
    context = ssl._create_unverified_context()
    with Raw(context.wrap_socket(d.connect("https"), server_hostname="unknown.test")) as raw:
        raw.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
        assert raw.response()[0] == 200
    d.get("a.test")
    assert d.metric("tls_default_certificate_total") == 1
    assert "TLS handshakes for unknown names" in d.run("status", "-c", d.config).stdout


def test_rsa_and_ecdsa_side_by_side(door, service):
    d = door(sites={"a.test": service().url})
    for kind in ("rsa", "ec"):
        d.authority.write(d.certs, ["a.test"], chain=f"{kind}.crt", key=f"{kind}.key", kind=kind)
    d.reload()
    ec = s_client(d, "-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256")
    rsa = s_client(d, "-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256")
    assert b"ECDHE-ECDSA-AES128-GCM-SHA256" in ec.stdout
    assert b"ECDHE-RSA-AES128-GCM-SHA256" in rsa.stdout
    assert b"rsa_pss" in s_client(d, "-tls1_3", "-sigalgs", "rsa_pss_rsae_sha256").stdout.lower() \
        or s_client(d, "-tls1_3", "-sigalgs", "rsa_pss_rsae_sha256").returncode == 0


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_resumption_on_every_worker(door, service, tmp_path, version):
    d = door(names=["a.test"], sites={"a.test": service().url}, workers=2)
    session = tmp_path / "session.pem"
    ask = b"GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n"
    s_client(d, version, "-sess_out", str(session), "-ign_eof", stdin=ask)
    for _ in range(12):  # the kernel spreads these over both workers
        result = s_client(d, version, "-sess_in", str(session), "-ign_eof", stdin=ask)
        assert re.search(rb"^Reused, ", result.stdout, re.M), result.stdout[-600:]
    assert d.metric("tls_handshakes_total", kind="resumed") == 12


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_no_resumption_under_another_name(door, service, tmp_path, version):
    d = door(sites={"a.test": service().url, "b.test": service().url})
    for name in ("a.test", "b.test"):
        d.authority.write(d.certs, [name], chain=f"{name}.crt", key=f"{name}.key")
    d.reload()
    session = tmp_path / "session.pem"
    ask = b"GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n"
    s_client(d, version, "-sess_out", str(session), "-ign_eof", stdin=ask)
    result = s_client(d, version, "-sess_in", str(session), "-ign_eof", stdin=ask, name="b.test")
    assert not re.search(rb"^Reused, ", result.stdout, re.M)


def test_resumption_survives_a_reload(door, service, tmp_path):
    d = door(names=["a.test"], sites={"a.test": service().url})
    session = tmp_path / "session.pem"
    ask = b"GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n"
    s_client(d, "-tls1_3", "-sess_out", str(session), "-ign_eof", stdin=ask)
    d.configure({"a.test": service().url})
    d.reload()
    result = s_client(d, "-tls1_3", "-sess_in", str(session), "-ign_eof", stdin=ask)
    assert re.search(rb"^Reused, ", result.stdout, re.M)


def test_host_outside_the_certificate_is_misdirected(door, service):
    d = door(sites={"a.test": service().url, "b.test": service().url})
    for name in ("a.test", "b.test"):
        d.authority.write(d.certs, [name], chain=f"{name}.crt", key=f"{name}.key")
    d.reload()
    with Raw(d.connect_tls("a.test")) as raw:
        raw.send("GET / HTTP/1.1\r\nHost: b.test\r\n\r\n")
        assert raw.response()[0] == 421


def test_plain_http_on_the_tls_port(door):
    d = door(names=["a.test"], sites={"a.test": "http://127.0.0.1:1"})
    with Raw(d.connect("https")) as raw:
        raw.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
        assert raw.rest().startswith(b"HTTP/1.1 400")


def test_nonsense_on_the_tls_port(door, service):
    d = door(names=["a.test"], sites={"a.test": service().url})
    for junk in (b"\x00" * 100, b"\x16\x03\x01\xff\xff" + b"A" * 2000, b"SSH-2.0-x\r\n", b"\x80\x2e\x01"):
        with Raw(d.connect("https")) as raw:
            raw.send(junk)
            raw.socket.shutdown(socket.SHUT_WR)
            raw.rest()
    assert d.get("a.test")[0] == 200


# ---- certificates that come and go ----

def test_starts_without_a_certificate_and_takes_one_unasked(door, service):
    d = door(sites={"a.test": service().url})
    assert d.get("a.test", tls=False)[0] == 301
    with pytest.raises(ssl.SSLError):
        d.connect_tls("a.test")
    assert any("a.test" in str(r) for r in d.log() if r.get("level") == "warn")
    serial = d.authority.write(d.certs, ["a.test"])
    until(lambda: d.log("reload_done"), "the new files are noticed")
    assert served_serial(d, "a.test") == serial.lstrip("0")


def test_half_written_pair_keeps_the_old_one(door, service):
    d = door(names=["a.test"], sites={"a.test": service().url})
    chain, key, serial = d.authority.issue(["a.test"])
    (d.certs / "swarm.pem").write_text(chain)
    d.reload("ok")
    assert served_serial(d, "a.test") == d.serial.lstrip("0")
    (d.certs / "request.pem").write_text(key[:len(key) // 2])
    d.reload("ok")
    assert served_serial(d, "a.test") == d.serial.lstrip("0")
    (d.certs / "request.pem").write_text(key)
    until(lambda: served_serial(d, "a.test") == serial.lstrip("0"), "the new pair is served")


def test_vanished_files_keep_the_certificate(door, service):
    d = door(names=["a.test"], sites={"a.test": service().url})
    for file in d.certs.iterdir():
        file.unlink()
    d.reload("ok")
    assert served_serial(d, "a.test") == d.serial.lstrip("0")


@pytest.mark.parametrize("days", [3, -1])
def test_older_or_expired_never_replaces(door, service, days, authority, tmp_path):
    authority.write(tmp_path, ["a.test"], days=days)  # issued before the one that runs
    d = door(names=["a.test"], sites={"a.test": service().url})
    for name in ("swarm.pem", "request.pem"):
        (d.certs / name).write_text((tmp_path / name).read_text())
    d.reload("ok")
    assert served_serial(d, "a.test") == d.serial.lstrip("0")


def test_names_swapped_and_both_in_one_file(door, service):
    d = door(sites={"a.test": service().url, "b.test": service().url})
    swapped = d.authority.write(d.certs, ["a.test"], chain="request.pem", key="swarm.pem")
    chain, key, both = d.authority.issue(["b.test"])
    (d.certs / "all.bundle").write_text(key + chain)
    d.reload()
    assert served_serial(d, "a.test") == swapped.lstrip("0")
    assert served_serial(d, "b.test") == both.lstrip("0")


def test_symlink_swap_as_certbot_does(door, service, tmp_path):
    archive = tmp_path / "archive"
    d = door(sites={"a.test": service().url})
    old = d.authority.write(archive, ["a.test"], chain="fullchain1.pem", key="privkey1.pem")
    for name in ("fullchain", "privkey"):
        (d.certs / f"{name}.pem").symlink_to(archive / f"{name}1.pem")
    until(lambda: d.log("reload_done"), "the links are noticed")
    assert served_serial(d, "a.test") == old.lstrip("0")
    new = d.authority.write(archive, ["a.test"], chain="fullchain2.pem", key="privkey2.pem")
    for name in ("fullchain", "privkey"):
        fresh = d.certs / f"{name}.tmp"
        fresh.symlink_to(archive / f"{name}2.pem")
        fresh.rename(d.certs / f"{name}.pem")
    until(lambda: served_serial(d, "a.test") == new.lstrip("0"), "the swapped links are served")


def test_change_behind_a_symlink_is_seen_by_looking(door, service, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    d = door(sites={"a.test": service().url})
    d.authority.write(elsewhere, ["a.test"])
    for name in ("swarm.pem", "request.pem"):
        (d.certs / name).symlink_to(elsewhere / name)
    until(lambda: d.log("reload_done"), "the links are noticed")
    new = d.authority.write(elsewhere, ["a.test"])  # in place: no event in the watched folder
    until(lambda: served_serial(d, "a.test") == new.lstrip("0"), "the change is seen by looking")
