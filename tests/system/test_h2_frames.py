# SPDX-License-Identifier: MIT
"""HTTP/2: the preface, the frame layer, and what each type of frame may hold (RFC 9113 sections 3,
4 and 6)."""

import struct

import pytest
from lib import h2frames as hf
from lib.raw import Raw

REQUEST = hf.block(*hf.request("/"))
BIG = 2**24 - 1


def table(cases):
    """Parameters of (id, anything ...) rows."""
    return [pytest.param(*case[1:], id=case[0]) for case in cases]


# ---- section 3.4: the preface ----

@pytest.mark.parametrize("sent", table([
    ("9113-3.4-garbage", b"\x16\x03\x01" + b"\xff" * 40),
    ("9113-3.4-http1-request", b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n"),
    ("9113-3.4-one-byte-wrong", hf.PREFACE[:-1] + b"x" + hf.settings()),
    ("9113-3.4-lower-case", hf.PREFACE.lower() + hf.settings()),
    ("9113-3.4-ping-first", hf.PREFACE + hf.ping() + hf.settings()),
    ("9113-3.4-headers-first", hf.PREFACE + hf.headers(1, REQUEST)),
    ("9113-3.4-unknown-frame-first", hf.PREFACE + hf.frame(hf.UNKNOWN) + hf.settings()),
    ("9113-3.4-settings-ack-first", hf.PREFACE + hf.settings(ack=True)),
]))
def test_bad_preface(h2, sent):
    """A connection error; GOAWAY may be left out, as it may not be HTTP/2 at all."""
    client = h2.bare()
    client.open()
    client.send(sent)
    client.expect_closed()
    assert not client.goaways or client.goaways[-1][1] == hf.PROTOCOL_ERROR
    assert client.streams[1].status is None


def test_preface_in_single_bytes(h2):
    client = h2.bare()
    for byte in hf.PREFACE + hf.settings():
        client.send(bytes([byte]))
    client.expect_alive()
    client.get("/")


def test_preface_of_the_server_is_settings(h2):
    """Section 3.4: SETTINGS are the first frame of the server; it need not wait for ours."""
    client = h2.bare()
    client.send(hf.PREFACE)
    client.read_frame()
    assert client.kinds[0][0] == hf.SETTINGS and not client.kinds[0][1] & hf.ACK


def test_request_in_one_piece_with_the_preface(h2):
    """Section 3.4: a client may send frames without waiting for the server's SETTINGS."""
    client = h2.connect(wait=False)
    client.get("/")


@pytest.mark.parametrize("length", [0, 1, 10, 23, 24, 25, 33])
def test_end_inside_the_preface(h2, length):
    client = h2.bare()
    client.send((hf.PREFACE + hf.settings())[:length])
    client.close()
    h2.expect_served()


# ---- sections 3.1 to 3.3: where HTTP/2 is not spoken ----

def test_no_alpn_is_http1(h2):
    context = h2.context()
    context.set_alpn_protocols([])
    with Raw(h2.door.connect_tls("a.test", context)) as raw:
        raw.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
        assert raw.response()[0] == 200


@pytest.mark.parametrize("alpn,tls", [([], True), (["http/1.1"], True), (None, False)],
                         ids=["9113-3.2-no-alpn", "9113-3.2-http1-alpn", "9113-3.3-plain-port"])
def test_preface_where_http1_was_chosen(h2, alpn, tls):
    """The method PRI is nothing that HTTP/1.1 serves, and nothing of it goes on."""
    if tls:
        context = h2.context()
        context.set_alpn_protocols(alpn)
        sock = h2.door.connect_tls("a.test", context)
    else:
        sock = h2.door.connect()
    with Raw(sock) as raw:
        raw.send(hf.PREFACE + hf.settings())
        answer = raw.rest()
    assert answer[:9] == b"HTTP/1.1 " and 400 <= int(answer[9:12]) < 600
    assert not h2.recorder.has_seen("PRI")


@pytest.mark.parametrize("tls", [True, False])
def test_upgrade_to_h2c_is_not_taken(h2, tls):
    """RFC 9113 section 3.1: the upgrade mechanism is gone; the field does not pass either."""
    path = h2.path()
    context = h2.context()
    context.set_alpn_protocols(["http/1.1"])
    sock = h2.door.connect_tls("a.test", context) if tls else h2.door.connect()
    with Raw(sock) as raw:
        raw.send(f"GET {path} HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade, HTTP2-Settings\r\n"
                 "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n")
        assert raw.response()[0] == (200 if tls else 301)
    if tls:
        head = h2.recorder.wait_for(path).head.lower()
        assert b"h2c" not in head and b"http2-settings" not in head


# ---- section 4.1: what is ignored ----

ODD_FLAGS = [
    ("9113-6.5-settings-flags", lambda: hf.frame(hf.SETTINGS, 0xFE, 0)),
    ("9113-6.7-ping-flags", lambda: hf.frame(hf.PING, 0xFE, 0, b"x" * 8)),
    ("9113-6.9-window-update-flags", lambda: hf.frame(hf.WINDOW_UPDATE, 0xFF, 0, b"\0\0\0\1")),
    ("9113-6.3-priority-flags", lambda: hf.frame(hf.PRIORITY, 0xFF, 1, b"\0\0\0\0\1")),
    ("9113-6.9-window-update-reserved-bit",
     lambda: hf.frame(hf.WINDOW_UPDATE, 0, 0, b"\x80\0\0\1")),
    ("9113-4.1-reserved-bit-on-connection",
     lambda: hf.frame(hf.PING, 0, 1 << 31, b"x" * 8)),
    ("9113-4.1-unknown-type-on-connection", lambda: hf.frame(hf.UNKNOWN, 0xFF, 0, b"x" * 100)),
    ("9113-4.1-unknown-type-on-idle-stream", lambda: hf.frame(hf.UNKNOWN, 0xFF, 77, b"x" * 100)),
    ("9113-4.1-unknown-type-empty", lambda: hf.frame(hf.UNKNOWN)),
    ("9113-5.5-unknown-type-greatest-frame", lambda: hf.frame(hf.UNKNOWN, 0, 0, b"x" * 16384)),
    ("9113-6.5.2-unknown-setting", lambda: hf.settings((0xABCD, 0xFFFFFFFF), (0, 1))),
    ("9113-6.5-setting-twice-last-counts",
     lambda: hf.settings((hf.INITIAL_WINDOW_SIZE, 0), (hf.INITIAL_WINDOW_SIZE, 65535))),
    ("9113-6.5-settings-of-many",
     lambda: hf.settings(*[(hf.INITIAL_WINDOW_SIZE, 65535)] * 20)),
    ("9113-6.5.2-max-concurrent-streams-0",
     lambda: hf.settings((hf.MAX_CONCURRENT_STREAMS, 0))),
    ("9113-6.5.2-enable-push-1", lambda: hf.settings((hf.ENABLE_PUSH, 1))),
    ("9113-6.5.2-max-header-list-size-0", lambda: hf.settings((hf.MAX_HEADER_LIST_SIZE, 0))),
    ("9113-6.7-ping-ack-unasked", lambda: hf.ping(b"unasked!", ack=True)),
    ("9113-6.3-priority-on-idle-stream", lambda: hf.priority(99, on=1)),
    ("9113-6.3-priority-on-unknown-parent", lambda: hf.priority(1, on=12345)),
    ("9113-6.3-priority-on-even-stream", lambda: hf.priority(4, on=0)),
]


@pytest.mark.parametrize("sent", table(ODD_FLAGS))
def test_ignored(h2, sent):
    client = h2.connect()
    client.send(sent())
    client.expect_alive()
    client.get("/")


def test_undefined_flags_and_reserved_bit_of_a_request(h2):
    """4.1: flags without meaning, and the reserved bit, are ignored."""
    client = h2.connect()
    stream = client.open(method="POST")
    client.send(hf.headers(1 << 31 | 1, hf.block(*hf.request("/", method="POST")), end=False,
                           flags=0xD2),
                hf.data(1 << 31 | 1, b"hello", end=True, flags=0xF6))
    client.finish(stream)
    assert stream.body == b"hello"


def test_unknown_frames_on_a_stream(h2):
    """5.5: unknown types on a running stream, at any place but inside a field block."""
    client = h2.connect()
    stream = client.open(method="POST")
    unknown = hf.frame(hf.UNKNOWN, 0xFF, 1, b"x")
    client.send(hf.headers(1, hf.block(*hf.request("/", method="POST")), end=False), unknown,
                hf.data(1, b"hel"), unknown, hf.data(1, b"lo", end=True), unknown)
    client.finish(stream)
    assert stream.body == b"hello"
    client.expect_alive()


# ---- section 4.2 and 6: sizes and places ----

def idle(_):
    return None


def opened(client):
    """A request whose body is to come."""
    return client.request(hf.request("/", method="POST"), end=False)


F, P, W = hf.FRAME_SIZE_ERROR, hf.PROTOCOL_ERROR, hf.FLOW_CONTROL_ERROR

CONNECTION_ERRORS = [
    # Sizes: only the header of the frame is sent where that is enough to know.
    ("9113-4.2-settings-too-large", idle, hf.frame(hf.SETTINGS, length=16386), [F]),
    ("9113-4.2-headers-too-large", idle, hf.frame(hf.HEADERS, 5, 1, length=16385), [F]),
    ("9113-4.2-headers-of-16-mib", idle, hf.frame(hf.HEADERS, 5, 1, length=BIG), [F]),
    ("9113-4.2-ping-too-large", idle, hf.frame(hf.PING, length=16385), [F]),
    ("9113-4.2-unknown-type-too-large", idle, hf.frame(hf.UNKNOWN, length=16385), [F]),
    ("9113-4.2-data-too-large", opened, hf.frame(hf.DATA, 0, 1, length=16385), [F]),
    ("9113-4.2-continuation-too-large", idle,
     hf.headers(1, REQUEST, end_headers=False) + hf.frame(hf.CONTINUATION, 4, 1, length=16385),
     [F]),
    # 6.1 DATA
    ("9113-6.1-data-on-connection", opened, hf.data(0, b"x"), [P]),
    ("9113-6.1-data-on-idle-stream", idle, hf.data(1, b"x"), [P]),
    ("9113-6.1-data-on-idle-even-stream", idle, hf.data(2, b"x"), [P]),
    ("9113-6.1-padding-as-long-as-frame", opened, hf.frame(hf.DATA, hf.PADDED, 1, b"\6hello"),
     [P]),
    ("9113-6.1-padding-longer-than-frame", opened, hf.frame(hf.DATA, hf.PADDED, 1, b"\xffhello"),
     [P]),
    ("9113-6.1-padded-and-empty", opened, hf.frame(hf.DATA, hf.PADDED, 1), [F, P]),
    ("9113-6.1-padded-length-only-and-more", opened, hf.frame(hf.DATA, hf.PADDED, 1, b"\1"), [P]),
    # 6.2 HEADERS
    ("9113-6.2-headers-on-connection", idle, hf.headers(0, REQUEST), [P]),
    ("9113-6.2-padding-longer-than-frame", idle,
     hf.frame(hf.HEADERS, 0x0D, 1, bytes([len(REQUEST) + 1]) + REQUEST), [P]),
    ("9113-6.2-padded-and-empty", idle, hf.frame(hf.HEADERS, 0x0D, 1), [F, P]),
    ("9113-6.2-priority-cut", idle, hf.frame(hf.HEADERS, 0x25, 1, b"\0\0\0\0"), [F, P]),
    ("9113-6.2-padding-and-priority-too-long", idle,
     hf.frame(hf.HEADERS, 0x2D, 1, b"\6" + b"\0" * 5), [F, P]),
    # 6.3 PRIORITY
    ("9113-6.3-priority-on-connection", idle, hf.priority(0), [P]),
    # 6.4 RST_STREAM
    ("9113-6.4-rst-on-connection", idle, hf.rst_stream(0), [P]),
    ("9113-6.4-rst-on-idle-stream", idle, hf.rst_stream(1), [P]),
    ("9113-6.4-rst-on-even-stream", idle, hf.rst_stream(2), [P]),
    ("9113-6.4-rst-of-3-bytes", opened, hf.frame(hf.RST_STREAM, 0, 1, b"\0\0\0"), [F]),
    ("9113-6.4-rst-of-5-bytes", opened, hf.frame(hf.RST_STREAM, 0, 1, b"\0\0\0\0\0"), [F]),
    ("9113-6.4-rst-empty", opened, hf.frame(hf.RST_STREAM, 0, 1), [F]),
    # 6.5 SETTINGS
    ("9113-6.5-settings-on-stream", opened, hf.settings(stream=1), [P]),
    ("9113-6.5-settings-on-idle-stream", idle, hf.settings(stream=3), [P]),
    ("9113-6.5.3-settings-ack-with-payload", idle, hf.frame(hf.SETTINGS, hf.ACK, 0, b"\0" * 6),
     [F]),
    ("9113-6.5-settings-of-3-bytes", idle, hf.frame(hf.SETTINGS, 0, 0, b"\0\3\0"), [F]),
    ("9113-6.5-settings-of-7-bytes", idle, hf.frame(hf.SETTINGS, 0, 0, b"\0\3\0\0\0\1\0"), [F]),
    ("9113-6.5.2-enable-push-2", idle, hf.settings((hf.ENABLE_PUSH, 2)), [P]),
    ("9113-6.5.2-window-of-2^31", idle, hf.settings((hf.INITIAL_WINDOW_SIZE, 2**31)), [W]),
    ("9113-6.5.2-window-of-2^32-1", idle, hf.settings((hf.INITIAL_WINDOW_SIZE, 2**32 - 1)), [W]),
    ("9113-6.5.2-frame-size-16383", idle, hf.settings((hf.MAX_FRAME_SIZE, 16383)), [P]),
    ("9113-6.5.2-frame-size-0", idle, hf.settings((hf.MAX_FRAME_SIZE, 0)), [P]),
    ("9113-6.5.2-frame-size-2^24", idle, hf.settings((hf.MAX_FRAME_SIZE, 2**24)), [P]),
    ("8441-3-enable-connect-protocol-2", idle, hf.settings((hf.ENABLE_CONNECT_PROTOCOL, 2)), [P]),
    # 6.6, 8.4 PUSH_PROMISE
    ("9113-8.4-push-by-client", opened, hf.push_promise(1, 2, REQUEST), [P]),
    ("9113-8.4-push-on-idle-stream", idle, hf.push_promise(1, 2, REQUEST), [P]),
    ("9113-6.6-push-on-connection", idle, hf.push_promise(0, 2, REQUEST), [P]),
    # 6.7 PING
    ("9113-6.7-ping-on-stream", opened, hf.ping(stream=1), [P]),
    ("9113-6.7-ping-of-7-bytes", idle, hf.ping(b"x" * 7), [F]),
    ("9113-6.7-ping-of-9-bytes", idle, hf.ping(b"x" * 9), [F]),
    ("9113-6.7-ping-ack-of-7-bytes", idle, hf.ping(b"x" * 7, ack=True), [F]),
    ("9113-6.7-ping-empty", idle, hf.ping(b""), [F]),
    # 6.8 GOAWAY
    ("9113-6.8-goaway-on-stream", opened, hf.goaway(stream=1), [P]),
    ("9113-6.8-goaway-of-7-bytes", idle, hf.frame(hf.GOAWAY, 0, 0, b"\0" * 7), [F]),
    # 6.9 WINDOW_UPDATE
    ("9113-6.9-increment-0-on-connection", idle, hf.window_update(0, 0), [P]),
    ("9113-6.9-reserved-bit-and-0", idle, hf.window_update(0, 1 << 31), [P]),
    ("9113-6.9-window-update-of-3-bytes", idle, hf.frame(hf.WINDOW_UPDATE, 0, 0, b"\0\0\1"), [F]),
    ("9113-6.9-window-update-of-5-bytes", idle, hf.frame(hf.WINDOW_UPDATE, 0, 0, b"\0\0\0\1\0"),
     [F]),
    ("9113-6.9-window-update-of-3-bytes-on-stream", opened,
     hf.frame(hf.WINDOW_UPDATE, 0, 1, b"\0\0\1"), [F]),
    ("9113-6.9-window-update-on-idle-stream", idle, hf.window_update(1, 1), [P]),
    ("9113-6.9-window-update-on-even-stream", idle, hf.window_update(2, 1), [P]),
    ("9113-6.9.1-connection-window-overflow", idle, hf.window_update(0, hf.MAX_WINDOW), [W]),
    ("9113-6.9.1-connection-window-overflow-in-two", idle,
     hf.window_update(0, hf.MAX_WINDOW - 65535) + hf.window_update(0, 1), [W]),
    # 6.10 CONTINUATION
    ("9113-6.10-continuation-first", idle, hf.continuation(1, REQUEST), [P]),
    ("9113-6.10-continuation-on-connection", idle,
     hf.headers(1, REQUEST[:9], end_headers=False) + hf.continuation(0, REQUEST[9:]), [P]),
    ("9113-6.10-continuation-after-end-headers", idle,
     hf.headers(1, REQUEST, end=False) + hf.continuation(1, REQUEST), [P]),
    ("9113-6.10-continuation-after-end-headers-of-continuation", idle,
     hf.headers(1, REQUEST[:9], False, end_headers=False) + hf.continuation(1, REQUEST[9:])
     + hf.continuation(1, b""), [P]),
    ("9113-6.10-continuation-after-data", opened, hf.data(1, b"x") + hf.continuation(1, REQUEST),
     [P]),
] + [
    (f"9113-6.10-{what}-inside-field-block", idle,
     hf.headers(1, REQUEST[:9], end_headers=False) + inside + hf.continuation(1, REQUEST[9:]), [P])
    for what, inside in [
        ("continuation-of-other-stream", hf.continuation(3, REQUEST[9:])),
        ("data", hf.data(1, b"x")), ("headers", hf.headers(1, REQUEST)),
        ("headers-of-other-stream", hf.headers(3, REQUEST)), ("priority", hf.priority(1)),
        ("priority-of-other-stream", hf.priority(3)), ("rst", hf.rst_stream(1)),
        ("settings", hf.settings()), ("settings-ack", hf.settings(ack=True)), ("ping", hf.ping()),
        ("goaway", hf.goaway()), ("window-update", hf.window_update(0, 1)),
        ("window-update-of-stream", hf.window_update(1, 1)),
        ("unknown-type", hf.frame(hf.UNKNOWN, 0, 1)),
        ("unknown-type-on-connection", hf.frame(hf.UNKNOWN, 0, 0)),
        ("push", hf.push_promise(1, 2, REQUEST))]
]


@pytest.mark.parametrize("start,sent,codes", table(CONNECTION_ERRORS))
def test_connection_error(h2, start, sent, codes):
    client = h2.connect()
    start(client)
    for number in (1, 3):
        if number not in client.streams:
            client.open(number)
    client.send(sent)
    last, _, debug = client.expect_connection_error(*codes)
    assert last <= 3 and len(debug) < 256


STREAM_ERRORS = [
    ("9113-6.3-priority-of-4-bytes", hf.frame(hf.PRIORITY, 0, 1, b"\0" * 4), [F]),
    ("9113-6.3-priority-of-6-bytes", hf.frame(hf.PRIORITY, 0, 1, b"\0" * 6), [F]),
    ("9113-6.9-increment-0-on-stream", hf.window_update(1, 0), [P]),
    ("9113-6.9.1-stream-window-overflow", hf.window_update(1, hf.MAX_WINDOW), [W]),
    ("9113-6.9.1-stream-window-overflow-in-two",
     hf.window_update(1, hf.MAX_WINDOW - 65535) + hf.window_update(1, 1), [W]),
]


@pytest.mark.parametrize("sent,codes", table(STREAM_ERRORS))
def test_stream_error(h2, sent, codes):
    client = h2.connect()
    stream = opened(client)
    client.send(sent)
    client.expect_stream_error(stream, *codes)


# ---- what is right at the edge ----

def test_data_of_the_greatest_frame(h2):
    """4.2: 2^14 octets in a frame must be taken."""
    client = h2.connect()
    body = bytes(range(256)) * 64
    stream = client.request(hf.request("/", method="POST"), body)
    client.finish(stream)
    assert stream.body == body


@pytest.mark.parametrize("pad", [0, 1, 255])
def test_padding(h2, pad):
    """6.1, 6.2: padding is thrown away, also where it is all there is, also non-zero."""
    client = h2.connect()
    stream = client.open(method="POST")
    block = hf.block(*hf.request("/", method="POST"))
    client.send(hf.headers(1, block, end=False, pad=pad, priority=hf.priority_fields(0, 255)),
                hf.data(1, b"hel", pad=pad), hf.data(1, b"", pad=pad),
                hf.frame(hf.DATA, hf.PADDED | hf.END_STREAM, 1, bytes([pad]) + b"lo" + b"\0" * pad))
    client.finish(stream)
    assert stream.body == b"hello"


@pytest.mark.parametrize("sizes", [[0], [1, 1, 1, 1], [5, 0, 0], [0, 0, 3]])
def test_field_block_in_pieces(h2, sizes):
    """4.3, 6.10: any cut of a field block, empty pieces too, also padded; END_STREAM counts from
    HEADERS."""
    client = h2.connect()
    path = h2.path()
    block = hf.block(*hf.request(path))
    stream = client.open()
    pieces, offset = [], 0
    for size in sizes:
        pieces.append(block[offset:offset + size])
        offset += size
    pieces.append(block[offset:])
    client.send(hf.headers(1, pieces[0], end_headers=False, pad=7))
    for index, piece in enumerate(pieces[1:], 2):
        client.send(hf.continuation(1, piece, end_headers=index == len(pieces), flags=0xFA))
    client.finish(stream)
    assert h2.recorder.wait_for(path)


def test_ping_is_answered_with_its_payload(h2):
    client = h2.connect()
    for payload in (b"\0" * 8, b"\xff" * 8, b"abcdefgh"):
        client.send(hf.ping(payload))
        assert client.read_until(lambda payload=payload: payload in client.pings, "PING ACK")


def test_settings_are_acknowledged_each(h2):
    client = h2.connect()
    before = client.settings_acks
    for _ in range(5):
        client.send(hf.settings())
    client.expect_alive()
    assert client.settings_acks == before + 5


def test_frames_no_larger_than_asked_for(h2):
    """4.2, 6.5.2: the client checks every frame against its own SETTINGS_MAX_FRAME_SIZE."""
    for settings in ([], [(hf.MAX_FRAME_SIZE, 2**20)]):
        client = h2.connect(*settings)
        stream = client.request(hf.request("/", method="POST"), b"x" * 60000)
        client.finish(stream)
        assert len(stream.body) == 60000


def test_server_settings(h2):
    """6.5.2 and RFC 8441 section 3, in the first SETTINGS; the client checks their ranges."""
    client = h2.connect()
    got = client.settings
    assert got[hf.ENABLE_CONNECT_PROTOCOL] == 1
    assert got[hf.MAX_CONCURRENT_STREAMS] >= 100, "section 6.5.2 recommends at least 100"
    assert hf.ENABLE_PUSH not in got or got[hf.ENABLE_PUSH] == 0
    assert got.get(hf.MAX_HEADER_LIST_SIZE, 65536) >= 65536, "limits.header"


def test_goaway_names_the_last_stream(h2):
    """6.8: streams above it can be sent again; those up to it may have been processed."""
    client = h2.connect()
    for _ in range(3):
        client.get("/")
    client.send(hf.window_update(0, 0))
    last, code, _ = client.expect_connection_error(hf.PROTOCOL_ERROR)
    assert (last, code) == (5, hf.PROTOCOL_ERROR)


def test_goaway_of_the_client(h2):
    """6.8: what runs is served to its end; odd codes and debug data mean nothing."""
    client = h2.connect()
    stream = opened(client)
    client.send(hf.goaway(0, 0xDEADBEEF, b"debug" * 100), hf.data(1, b"hello", end=True))
    client.finish(stream)
    assert stream.body == b"hello"


def test_error_codes_without_meaning(h2):
    """7: unknown codes are no error of their own."""
    client = h2.connect()
    for code in (0, 0xE, 0xFFFFFFFF):
        client.reset(opened(client), code)
    client.expect_alive()
    client.get("/")


def test_end_inside_a_frame(h2):
    for part in (hf.headers(1, REQUEST)[:-1], hf.headers(1, REQUEST)[:5], hf.ping()[:-1]):
        client = h2.connect()
        client.send(part)
        client.close()
    h2.expect_served()


def test_frames_in_single_bytes(h2):
    client = h2.connect()
    stream = client.open(method="POST")
    for byte in (hf.headers(1, hf.block(*hf.request("/", method="POST")), end=False, pad=3)
                 + hf.data(1, b"hello", pad=3) + hf.data(1, b"", end=True)):
        client.send(bytes([byte]))
    client.finish(stream)
    assert stream.body == b"hello"


def test_length_is_big_endian_in_24_bits():
    """The tool: what it builds is what section 4.1 says."""
    assert hf.frame(0, 1, 2, b"abc") == b"\0\0\3" + b"\0\1" + struct.pack(">L", 2) + b"abc"
    assert hf.integer(1337, 5) == b"\x1f\x9a\x0a"  # RFC 7541, C.1.2
