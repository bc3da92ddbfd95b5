# SPDX-License-Identifier: MIT
"""HTTP/2: what a request may look like (RFC 9113 section 8): malformed ones never reach a service."""

import pytest
from lib import h2frames as hf


def table(cases):
    return [pytest.param(*case[1:], id=case[0]) for case in cases]


def without(name):
    """A request that lacks a field."""
    return lambda path: [f for f in hf.request(path) if f[0] != name]


def with_(*fields, **options):
    """A request with these fields at its end."""
    return lambda path: hf.request(path, *fields, **options)


def replaced(name, value):
    return lambda path: [(n, value(path) if callable(value) else value) if n == name else (n, v)
                         for n, v in hf.request(path)]


def first(*fields):
    """A request with these fields in front."""
    return lambda path: [*fields, *hf.request(path)]


def byte_name(byte):
    return f"9113-8.2.1-name-with-{byte:02x}"


# Bytes that no field name may have (8.2.1), then those that RFC 9110 section 5.6.2 does not have
# in a token, which would be something else in the HTTP/1.1 that goes on.
BAD_IN_NAMES = [0x00, 0x01, 0x09, 0x0A, 0x0D, 0x1F, 0x20, 0x41, 0x5A, 0x7F, 0x80, 0xC3, 0xFF]
NO_TOKEN = [ord(c) for c in '"(),/:;<=>?@[\\]{}']

FIELDS = [
    (byte_name(byte), with_((b"x-a" + bytes([byte]) + b"b", "1"))) for byte in BAD_IN_NAMES
] + [
    (byte_name(byte) + "-no-token", with_((b"x-a" + bytes([byte]) + b"b", "1")))
    for byte in NO_TOKEN
] + [
    ("9113-8.2.1-name-empty", with_(("", "1"))),
    ("9113-8.2.1-name-of-upper-case", with_(("X-Upper", "1"))),
    ("9113-8.2.1-name-with-colon-first", with_((":x-late", "1"))),
    ("9113-8.2.1-name-with-space-last", with_(("x-a ", "1"))),
    ("9113-8.2.1-name-is-a-whole-line", with_((b"x: 1\r\ny", "1"))),
    ("9113-8.2.1-known-name-of-upper-case", with_(("Content-Length", "0"))),
] + [
    (f"9113-8.2.1-value-{what}", with_(("x-value", value))) for what, value in [
        ("nul", b"a\0b"), ("nul-only", b"\0"), ("lf", b"a\nb"), ("cr", b"a\rb"),
        ("crlf-and-field", b"a\r\nx-smuggled: 1"), ("crlf-and-request",
                                                    b"a\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n"),
        ("lf-last", b"a\n"), ("cr-first", b"\ra"), ("space-first", b" a"), ("space-last", b"a "),
        ("tab-first", b"\ta"), ("tab-last", b"a\t"), ("space-only", b" "),
        ("01", b"a\x01b"), ("1f", b"a\x1fb"), ("7f", b"a\x7fb")]
] + [
    (f"9113-8.2.2-{name}", with_((name, value))) for name, value in [
        ("connection", "close"), ("connection", "x-a"), ("proxy-connection", "keep-alive"),
        ("keep-alive", "timeout=5"), ("transfer-encoding", "chunked"),
        ("transfer-encoding", "identity"), ("upgrade", "websocket"), ("upgrade", "h2c")]
] + [
    (f"9113-8.2.2-te-{value or 'empty'}", with_(("te", value)))
    for value in ("gzip", "trailers, deflate", "trailers;q=0.5", "trailersx", "")
]

PSEUDO = [
    ("9113-8.3.1-no-method", without(":method")),
    ("9113-8.3.1-no-scheme", without(":scheme")),
    ("9113-8.3.1-no-path", without(":path")),
    ("9113-8.3.1-no-authority-nor-host", without(":authority")),
    ("9113-8.3.1-nothing-at-all", lambda path: []),
    ("9113-8.3-only-fields", lambda path: [("x-path", path)]),
    ("9113-8.3.1-two-methods", first((":method", "GET"))),
    ("9113-8.3.1-two-schemes", first((":scheme", "https"))),
    ("9113-8.3.1-two-paths", first((":path", "/"))),
    ("9113-8.3.1-two-authorities", first((":authority", "a.test"))),
    ("9113-8.3-unknown", first((":unknown", "1"))),
    ("9113-8.3-empty-name", first((":", "1"))),
    ("9113-8.3-of-answers", first((":status", "200"))),
    ("9113-8.3-upper-case", lambda path: [(":Method", "GET"), *without(":method")(path)]),
    ("9113-8.3-behind-a-field", lambda path: [*without(":path")(path), ("x-a", "1"),
                                              (":path", path)]),
    ("9113-8.3-method-behind-a-field", lambda path: [("x-a", "1"), *hf.request(path)]),
    ("8441-4-protocol-without-connect", first((":protocol", "websocket"))),
    # :method
    ("9113-8.3.1-method-empty", replaced(":method", "")),
    ("9113-8.3.1-method-with-space", replaced(":method", "GET /smuggled HTTP/1.1")),
    ("9113-8.3.1-method-with-crlf", replaced(":method", "GET / HTTP/1.1\r\nx: y\r\n\r\nGET")),
    ("9113-8.3.1-method-no-token", replaced(":method", "G(T")),
    ("9113-8.3.1-method-with-nul", replaced(":method", "GET\0")),
    # :path
    ("9113-8.3.1-path-empty", lambda path: [*replaced(":path", "")(path), ("x-path", path)]),
    ("9113-8.3.1-path-without-slash", replaced(":path", lambda p: p[1:])),
    ("9113-8.3.1-path-query-only", replaced(":path", lambda p: "?" + p)),
    ("9113-8.3.1-path-asterisk-of-get", lambda path: [*replaced(":path", "*")(path),
                                                      ("x-path", path)]),
    ("9113-8.3.1-path-absolute-form", replaced(":path", lambda p: "https://a.test" + p)),
    ("9113-8.3.1-path-authority-form", lambda path: [*replaced(":path", "a.test:443")(path),
                                                     ("x-path", path)]),
    ("9113-8.3.1-path-with-space", replaced(":path", lambda p: p + " HTTP/1.1")),
    ("9113-8.3.1-path-with-tab", replaced(":path", lambda p: p + "\tx")),
    ("9113-8.3.1-path-with-crlf", replaced(":path", lambda p: p + " HTTP/1.1\r\nx-smuggled: 1")),
    ("9113-8.3.1-path-with-nul", replaced(":path", lambda p: p + "\0")),
    ("9113-8.3.1-path-with-fragment", replaced(":path", lambda p: p + "#x")),
    ("9113-8.3.1-path-with-utf8", replaced(":path", lambda p: p + "\xc3\xa4")),
    ("9113-8.3.1-path-with-bad-percent", replaced(":path", lambda p: p + "%zz")),
    ("9113-8.3.1-path-with-space-first", replaced(":path", lambda p: " " + p)),
    # :scheme
    ("9113-8.3.1-scheme-empty", replaced(":scheme", "")),
    ("9113-8.3.1-scheme-with-space", replaced(":scheme", "https ")),
    ("9113-8.3.1-scheme-is-a-url", replaced(":scheme", "https://evil.test/?")),
    ("9113-8.3.1-scheme-with-crlf", replaced(":scheme", "https\r\nx: y")),
    # :authority and Host
    ("9113-8.3.1-authority-empty", replaced(":authority", "")),
    ("9113-8.3.1-authority-with-userinfo", replaced(":authority", "user@a.test")),
    ("9113-8.3.1-authority-with-password", replaced(":authority", "user:pass@a.test")),
    ("9113-8.3.1-authority-with-path", replaced(":authority", "a.test/x")),
    ("9113-8.3.1-authority-with-space", replaced(":authority", "a.test b.test")),
    ("9113-8.3.1-authority-with-comma", replaced(":authority", "a.test,b.test")),
    ("9113-8.3.1-authority-with-crlf", replaced(":authority", "a.test\r\nx-smuggled: 1")),
    ("9113-8.3.1-authority-with-nul", replaced(":authority", "a.test\0")),
    ("9113-8.3.1-authority-with-bad-port", replaced(":authority", "a.test:http")),
    ("9113-8.3.1-authority-with-great-port", replaced(":authority", "a.test:65536")),
    ("9113-8.3.1-authority-with-fragment", replaced(":authority", "a.test#b.test")),
    ("9113-8.3.1-authority-is-not-host", with_(("host", "b.test"))),
    ("9113-8.3.1-authority-is-not-host-empty", with_(("host", ""))),
    ("9113-8.3.1-authority-empty-and-host",
     lambda path: [*replaced(":authority", "")(path), ("host", "a.test")]),
    ("9113-8.3.1-authority-is-not-host-by-port", with_(("host", "a.test:81"))),
    ("9113-8.3.1-two-hosts", with_(("host", "a.test"), ("host", "a.test"))),
    ("9113-8.3.1-two-hosts-no-authority",
     lambda path: [*without(":authority")(path), ("host", "a.test"), ("host", "b.test")]),
    ("9113-8.3.1-host-list", with_(("host", "a.test, a.test"))),
    ("9113-8.3.1-host-empty-alone", lambda path: [*without(":authority")(path), ("host", "")]),
]

LENGTHS = [
    (f"9113-8.1.1-content-length-{what}",
     lambda path, values=values: hf.request(path, *[("content-length", v) for v in values],
                                            method="POST"))
    for what, values in [
        ("of-no-body", ["5"]), ("letters", ["abc"]), ("empty", [""]), ("negative", ["-1"]),
        ("plus", ["+0"]), ("hex", ["0x0"]), ("with-space", ["0 0"]), ("list", ["0, 0"]),
        ("twice-equal", ["0", "0"]), ("twice", ["0", "5"]), ("point", ["0.0"]),
        ("beyond-64-bits", ["18446744073709551616"]), ("of-100-digits", ["1" * 100])]
]


@pytest.mark.parametrize("fields", table(FIELDS + PSEUDO + LENGTHS))
def test_malformed_head(h2, fields):
    """8.1.1: an intermediary must not forward a malformed request; the case's path is in it."""
    client = h2.connect()
    path = h2.path()
    stream = client.request(fields(path))
    client.expect_malformed(stream)
    h2.expect_unseen(path)


def with_length(path, length):
    return hf.request(path, ("content-length", str(length)), method="POST")


BODIES = [
    ("9113-8.1.1-less-data-than-length", 5, [hf.data(1, b"abcd", end=True)]),
    ("9113-8.1.1-less-data-than-length-in-two", 5,
     [hf.data(1, b"abcd"), hf.data(1, b"", end=True)]),
    ("9113-8.1.1-no-data-and-length", 5, [hf.data(1, b"", end=True)]),
    ("9113-8.1.1-more-data-than-length", 5, [hf.data(1, b"abcdef", end=True)]),
    ("9113-8.1.1-more-data-than-length-in-two", 5, [hf.data(1, b"abcde"),
                                                     hf.data(1, b"f", end=True)]),
    ("9113-8.1.1-more-data-than-length-not-ended", 5, [hf.data(1, b"abcdefghij")]),
    ("9113-8.1.1-data-and-length-0", 0, [hf.data(1, b"a", end=True)]),
    ("9113-8.1.1-less-data-than-length-before-trailers", 5,
     [hf.data(1, b"abcd"), hf.headers(1, hf.block(("x-t", "1")))]),
    ("9113-8.1.1-trailers-and-length-without-data", 5,
     [hf.headers(1, hf.block(("x-t", "1")))]),
    ("9113-8.1.1-padding-is-no-data", 5, [hf.data(1, b"abcd", end=True, pad=1)]),
    ("9113-8.1-trailers-that-do-not-end", None,
     [hf.data(1, b"abcde"), hf.headers(1, hf.block(("x-t", "1")), end=False),
      hf.data(1, b"more", end=True)]),
    ("9113-8.1-headers-twice", None,
     [hf.headers(1, hf.block(*hf.request("/twice")), end=False), hf.data(1, b"", end=True)]),
] + [
    (f"9113-8.1-trailers-with-{what}", None,
     [hf.data(1, b"abcde"), hf.headers(1, hf.block(field))])
    for what, field in [
        ("pseudo-field", (":path", "/x")), ("status", (":status", "200")),
        ("unknown-pseudo-field", (":x", "1")), ("upper-case", ("X-T", "1")),
        ("crlf", ("x-t", b"a\r\nb: c")), ("nul", ("x-t", b"\0")), ("empty-name", ("", "1")),
        ("connection", ("connection", "close")), ("space-first", ("x-t", " a")),
        ("transfer-encoding", ("transfer-encoding", "chunked"))]
]


@pytest.mark.parametrize("length,sent", table(BODIES))
def test_malformed_body(h2, length, sent):
    """The head may have gone on when it shows; the request must not be complete then. Only where
    all of the length has come before it shows, the service may have that, and nothing else."""
    client = h2.connect()
    path = h2.path()
    fields = hf.request(path, method="POST") if length is None else with_length(path, length)
    stream = client.open(method="POST")
    client.send(hf.headers(1, hf.block(*fields), end=False), *sent)
    client.expect_malformed(stream)
    if length == 0 or sent[0] == hf.data(1, b"abcde") and length is not None:
        h2.expect_served()
        assert all(r.body == b"abcde"[:length] for r in h2.recorder.complete(path))
    else:
        h2.expect_incomplete(path)


# ---- well-formed ones ----

def test_what_the_service_gets(h2):
    """Method, path and fields byte for byte; Host from :authority; no pseudo-field; nothing of
    HTTP/2."""
    path = h2.path()
    client = h2.connect()
    client.get(path + "?q=%2F&x", ("x-a", "1"), ("x-a", "2"), ("accept", "*/*"), ("te", "trailers"),
               ("x-empty", ""), ("x-latin", b"\xe4\xff"), ("x-tab", "a\tb"), ("x-colon", "a: b"),
               ("user-agent", "raw"))
    got = h2.recorder.wait_for(path + "?q=%2F&x")
    assert (got.method, got.version) == ("GET", "HTTP/1.1")
    fields = {n.lower() for n, _ in got.fields}
    assert got.value("host") == "a.test" and got.values("x-a") == ["1", "2"]
    assert got.value("x-empty") == "" and got.value("x-latin") == "\xe4\xff"
    assert got.value("x-tab") == "a\tb" and got.value("x-colon") == "a: b"
    assert got.value("x-forwarded-proto") == "https" and got.value("x-forwarded-host") == "a.test"
    assert not [n for n in fields if n.startswith(":")]
    assert "content-length" not in fields and "transfer-encoding" not in fields


@pytest.mark.parametrize("cookies", [["a=1"], ["a=1", "b=2", "c=3"], ["a=1; b=2", "c=3"]])
def test_cookies_are_joined(h2, cookies):
    """8.2.3: one Cookie field where it goes on as HTTP/1.1."""
    path = h2.path()
    client = h2.connect()
    client.get(path, ("cookie", cookies[0]), ("x-between", "1"), *[("cookie", c)
                                                                  for c in cookies[1:]])
    got = h2.recorder.wait_for(path)
    assert got.values("cookie") == ["; ".join(cookies)]


@pytest.mark.parametrize("fields,host", table([
    ("9113-8.3.1-host-instead-of-authority",
     lambda path: [*without(":authority")(path), ("host", "a.test")], "a.test"),
    ("9113-8.3.1-host-equal", with_(("host", "a.test")), "a.test"),
    ("9113-8.3.1-host-equal-but-for-case", with_(("host", "A.test")), "a.test"),
    ("9113-8.3.1-authority-with-port", replaced(":authority", "a.test:443"), "a.test:443"),
    ("9113-8.3.1-authority-of-upper-case", replaced(":authority", "A.TEST"), "a.test"),
    ("9113-8.3.1-pseudo-fields-in-any-order", lambda path: hf.request(path)[::-1], "a.test"),
]))
def test_authority(h2, fields, host):
    path = h2.path()
    client = h2.connect()
    client.finish(client.request(fields(path)))
    assert h2.recorder.wait_for(path).value("host").lower() == host


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH",
                                    "PROPFIND", "get", "M-SEARCH"])
def test_methods(h2, method):
    path = h2.path()
    client = h2.connect()
    stream = client.get(path, method=method)
    assert h2.recorder.wait_for(path).method == method
    assert stream.field("x-served") == "yes" and not stream.body


def test_options_of_the_whole_server(h2):
    """8.3.1: ":path" may be "*" for OPTIONS alone."""
    client = h2.connect()
    path = h2.path()
    stream = client.request(hf.request("*", ("x-path", path), method="OPTIONS"))
    client.finish(stream, None)
    assert stream.status in (200, 204, 404)


@pytest.mark.parametrize("fields,status", table([
    ("9113-8.5-connect", [(":method", "CONNECT"), (":authority", "a.test:443")], {405, 501}),
    ("9113-9.1.1-authority-of-another-certificate", hf.request("/", authority="c.test"), {421}),
    ("9113-9.1.1-host-of-another-certificate",
     [*[f for f in hf.request("/") if f[0] != ":authority"], ("host", "c.test")], {421}),
    ("9113-9.1.1-authority-of-no-site", hf.request("/", authority="other.test"), {404, 421}),
]))
def test_refused_requests(h2, fields, status):
    """An answer, or a reset of the stream where the method has none; the connection lives."""
    client = h2.connect()
    stream = client.request(fields)
    client.finish(stream, None)
    assert stream.status in status
    client.get("/")


@pytest.mark.parametrize("fields", table([
    ("9113-8.5-connect-with-path", hf.request("/", method="CONNECT")),
    ("9113-8.5-connect-with-scheme", [(":method", "CONNECT"), (":authority", "a.test:443"),
                                      (":scheme", "https")]),
    ("9113-8.5-connect-without-authority", [(":method", "CONNECT")]),
]))
def test_malformed_connect(h2, fields):
    client = h2.connect()
    stream = client.request(fields)
    client.expect_malformed(stream)


def test_another_site_of_the_certificate(h2):
    """9.1.1: a connection may be used for every name that its certificate covers."""
    client = h2.connect()
    path = h2.path()
    client.get("/")
    client.get(path, authority="b.test")
    assert h2.recorder.wait_for(path).value("host") == "b.test"


def test_limits_of_heads(h2_site):
    """431 with its reason, and the connection goes on (10.5.1)."""
    h2 = h2_site(extra={"limits": {"header": "8k", "headers": 20}})
    client = h2.connect()
    for fields, reason, statuses in (
            ([("x-big", "a" * 9000)], "header_too_large", {431}),
            ([(f"x-{i}", "1") for i in range(30)], "too_many_fields", {431}),
            ([("cookie", "a=1")] * 30, "too_many_fields", {431, 200})):
        stream = client.request(hf.request("/", *fields))
        client.finish(stream, None)
        assert stream.status in statuses, (stream, reason)
        if stream.status == 431:
            h2.door.wait_log("access", reason=reason, status=431)
    stream = client.request(hf.request("/" + "p" * 9000))
    client.finish(stream, None)
    assert stream.status in (414, 431)
    client.get("/", ("x-big", "a" * 7000))


def test_heads_of_the_greatest_limit(h2_site):
    """As large as limits.header lets them be, in as many frames as that takes."""
    h2 = h2_site(extra={"limits": {"header": "1m"}})
    path = h2.path()
    client = h2.connect()
    block = hf.block(*hf.request(path, *[(f"x-{i}", "v" * 6000) for i in range(100)]))
    pieces = [block[i:i + 16384] for i in range(0, len(block), 16384)]
    client.open()
    client.send(hf.headers(1, pieces[0], end_headers=False),
                *[hf.continuation(1, piece, end_headers=False) for piece in pieces[1:-1]],
                hf.continuation(1, pieces[-1]))
    client.finish(client.streams[1])
    assert h2.recorder.wait_for(path).value("x-99") == "v" * 6000
