# SPDX-License-Identifier: MIT
"""HTTP/2: what it asks of TLS (RFC 9113 section 9.2), and how it is chosen (RFC 7301)."""

import ssl

import pytest
from lib import h2frames as hf
from lib.h2raw import Client


def connect(h2, context, name="a.test"):
    return h2.door.connect_tls(name, context)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3],
                         ids=["9113-9.2-tls-1.2", "9113-9.2.3-tls-1.3"])
def test_versions(h2, version):
    context = h2.context()
    context.minimum_version = context.maximum_version = version
    with connect(h2, context) as sock:
        assert sock.selected_alpn_protocol() == "h2"
        assert sock.compression() is None, "9.2.1: no TLS compression"
        Client(sock).get("/")


@pytest.mark.parametrize("name,cipher", [("a.test", "ECDHE-ECDSA-AES128-GCM-SHA256"),
                                         ("c.test", "ECDHE-RSA-AES128-GCM-SHA256")])
def test_the_suite_that_everybody_has(h2, name, cipher):
    """9.2.2: ECDHE with AES-128-GCM and P-256 must be there."""
    context = h2.context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(cipher)
    context.set_ecdh_curve("prime256v1")
    with connect(h2, context, name) as sock:
        assert sock.cipher()[0] == cipher
        client = Client(sock)
        client.finish(client.request(hf.request("/", authority=name)))


@pytest.mark.parametrize("cipher", ["ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA384"])
def test_prohibited_suites(h2, cipher):
    """9.2.2, appendix A: never HTTP/2 over one of them: no handshake, another protocol, or
    INADEQUATE_SECURITY."""
    context = h2.context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(cipher + ":@SECLEVEL=0")
    try:
        sock = connect(h2, context)
    except ssl.SSLError:
        return
    with sock:
        if sock.selected_alpn_protocol() == "h2":
            client = Client(sock)
            client.open()
            client.send(hf.headers(1, hf.block(*hf.request("/"))))
            client.expect_connection_error(hf.INADEQUATE_SECURITY)


@pytest.mark.parametrize("offered,chosen", [
    (["h2", "http/1.1"], "h2"), (["http/1.1", "h2"], "h2"), (["h2"], "h2"),
    (["http/1.1"], "http/1.1"), (["x", "h2"], "h2"), (["h2c", "http/1.1"], "http/1.1"),
    (["H2", "http/1.1"], "http/1.1"), (["h2-14", "http/1.1"], "http/1.1")])
def test_alpn(h2, offered, chosen):
    """3.2: "h2" to the letter; the server's order counts."""
    context = h2.context()
    context.set_alpn_protocols(offered)
    with connect(h2, context) as sock:
        assert sock.selected_alpn_protocol() == chosen


def test_resumption(h2):
    """A session of HTTP/1.1 serves HTTP/2 and the other way round: ALPN is chosen anew."""
    context = h2.context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    for first, then in ((["http/1.1"], ["h2"]), (["h2"], ["http/1.1"])):
        context.set_alpn_protocols(first)
        with connect(h2, context) as sock:
            session = sock.session
        context.set_alpn_protocols(then)
        with h2.door.connect_tls("a.test", context, session) as sock:
            assert sock.session_reused and sock.selected_alpn_protocol() == then[0]
