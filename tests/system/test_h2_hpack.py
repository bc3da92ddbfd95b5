# SPDX-License-Identifier: MIT
"""HTTP/2: field compression as a server shows it (RFC 7541; RFC 9113 section 4.3)."""

import pytest
from hpack.huffman_constants import REQUEST_CODES, REQUEST_CODES_LENGTH
from lib import h2frames as hf

GET = hf.block(*hf.request("/"))
START = b"\x82\x87" + hf.literal(":authority", "a.test")  # :method GET, :scheme https by index


def table(cases):
    return [pytest.param(*case[1:], id=case[0]) for case in cases]


def huffman(text, pad=None):
    """Bits of the static code, then `pad` bits (by default ones up to the octet)."""
    bits = "".join(f"{REQUEST_CODES[c]:0{REQUEST_CODES_LENGTH[c]}b}" for c in text)
    bits += "1" * (-len(bits) % 8) if pad is None else pad
    assert len(bits) % 8 == 0
    return int(bits, 2).to_bytes(len(bits) // 8, "big")


EOS = f"{0x3FFFFFFF:030b}"

# ---- what cannot be decoded: the connection ends, for its tables are lost ----

BAD = [
    ("7541-6.1-index-0", GET + b"\x80"),
    ("7541-2.3.3-index-62-of-empty-table", GET + hf.indexed(62)),
    ("7541-2.3.3-index-far-away", GET + hf.indexed(100_000)),
    ("7541-2.3.3-index-behind-what-was-added",
     GET + hf.literal("x-a", "1", 0x40) + hf.indexed(63)),
    ("7541-6.2-name-index-beyond-table", GET + hf.integer(70, 6, 0x40) + hf.string(b"v")),
    ("7541-6.2.2-name-index-beyond-table", GET + hf.integer(70, 4, 0x00) + hf.string(b"v")),
    ("7541-6.2.3-name-index-beyond-table", GET + hf.integer(70, 4, 0x10) + hf.string(b"v")),
    ("7541-5.1-integer-cut", GET + b"\xff"),
    ("7541-5.1-integer-cut-later", GET + b"\xff\x80\x80"),
    ("7541-5.1-integer-beyond-32-bits", GET + hf.integer(2**35, 7, 0x80)),
    ("7541-5.1-integer-beyond-64-bits", GET + hf.integer(2**70, 7, 0x80)),
    ("7541-5.1-integer-wraps-to-2", GET + hf.integer(2**32 + 2, 7, 0x80)),
    ("7541-5.1-integer-wraps-in-64-bits", GET + hf.integer(2**64 + 2, 7, 0x80)),
    ("7541-5.1-integer-that-never-ends", GET + b"\xff" + b"\x80" * 1000 + b"\x01"),
    ("7541-5.2-name-cut", GET + b"\0\5abc"),
    ("7541-5.2-no-name", GET + b"\0"),
    ("7541-5.2-value-missing", GET + b"\0\1a"),
    ("7541-5.2-value-cut", GET + b"\0\1a\5b"),
    ("7541-5.2-length-of-2^31", GET + b"\0\1a" + hf.integer(2**31, 7) + b"x"),
    ("7541-5.2-length-wraps", GET + b"\0\1a" + hf.integer(2**32 + 1, 7) + b"x"),
    ("7541-5.2-huffman-cut", GET + b"\0\1a" + b"\x85" + huffman(b"ab")[:1]),
    ("7541-5.2-huffman-padding-of-zeros",
     GET + b"\0\1a" + hf.string(huffman(b"a", "000"), True)),
    ("7541-5.2-huffman-padding-of-8-bits",
     GET + b"\0\1a" + hf.string(huffman(b"a", "1" * 11), True)),
    ("7541-5.2-huffman-padding-only", GET + b"\0\1a" + hf.string(b"\xff", True)),
    ("7541-5.2-huffman-eos", GET + b"\0\1a" + hf.string(huffman(b"a", EOS + "1" * 5), True)),
    ("7541-5.2-huffman-eos-inside",
     GET + b"\0\1a" + hf.string(huffman(b"", EOS + "00011" + "11111"), True)),
    ("7541-5.2-huffman-name-eos", GET + b"\0" + hf.string(huffman(b"a", EOS + "1" * 5), True)
     + b"\1v"),
    ("7541-6.3-size-update-beyond-the-setting", hf.size_update(2**20) + GET),
    ("7541-6.3-size-update-just-beyond-the-setting", None),
    ("7541-6.3-size-update-of-2^32", hf.size_update(2**32) + GET),
    ("7541-4.2-size-update-behind-a-field", GET + hf.size_update(0)),
    ("7541-4.2-size-update-between-fields", GET[:8] + hf.size_update(0) + GET[8:]),
    ("7541-4.2-size-update-cut", b"\x3f"),
]


@pytest.mark.parametrize("sent", table(BAD))
def test_undecodable(h2, sent):
    client = h2.connect()
    if sent is None:
        sent = hf.size_update(client.settings.get(hf.HEADER_TABLE_SIZE, 4096) + 1) + GET
    client.open()
    client.send(hf.headers(1, sent))
    client.expect_connection_error(hf.COMPRESSION_ERROR)


@pytest.mark.parametrize("sent", table([
    ("9113-4.3-undecodable-trailers",
     lambda: hf.headers(1, hf.block(*hf.request("/", method="POST")), end=False)
     + hf.headers(1, b"\x80")),
    ("9113-4.3-undecodable-in-continuation",
     lambda: hf.headers(1, GET, end_headers=False) + hf.continuation(1, b"\x80")),
    ("9113-4.3-undecodable-of-padded",
     lambda: hf.headers(1, GET + b"\x80", pad=200)),
]))
def test_undecodable_elsewhere(h2, sent):
    client = h2.connect()
    client.open()
    client.send(sent())
    client.expect_connection_error(hf.COMPRESSION_ERROR)


def test_undecodable_after_a_reset(h2):
    """4.3: a field block of a stream that nobody wants any more is decoded all the same."""
    client = h2.connect()
    stream = client.request(hf.request("/", method="POST"), end=False)
    client.send(hf.window_update(1, hf.MAX_WINDOW), hf.headers(1, b"\x80"))
    client.read_until(lambda: client.has_failed(), "GOAWAY")
    assert stream.reset in (None, hf.FLOW_CONTROL_ERROR)
    client.expect_connection_error(hf.COMPRESSION_ERROR, hf.STREAM_CLOSED, hf.FLOW_CONTROL_ERROR)


# ---- what must be understood ----

def ask(h2, block, client=None):
    """Sends one request with `block` behind usual pseudo-fields; gives what the service got."""
    client = client or h2.connect()
    path = h2.path()
    stream = client.open()
    client.send(hf.headers(stream.number, START + hf.literal(":path", path) + block))
    client.finish(stream)
    return h2.recorder.wait_for(path)


@pytest.mark.parametrize("block", table([
    ("7541-6.2.2-literal", hf.literal("x-a", "value")),
    ("7541-6.2.3-literal-never-indexed", hf.literal("x-a", "value", 0x10)),
    ("7541-6.2.1-literal-indexed", hf.literal("x-a", "value", 0x40)),
    ("7541-6.1-indexed-from-table", hf.literal("x-a", "value", 0x40)),
    ("7541-5.2-huffman-value", b"\0\3x-a" + hf.string(huffman(b"value"), True)),
    ("7541-5.2-huffman-name-and-value",
     b"\0" + hf.string(huffman(b"x-a"), True) + hf.string(huffman(b"value"), True)),
]))
def test_literals(h2, block):
    assert ask(h2, block).value("x-a") == "value"


def test_names_and_fields_of_the_static_table(h2):
    """Appendix A: names by index with every form of literal, fields by index."""
    got = ask(h2, hf.integer(19, 6, 0x40) + hf.string(b"text/x")  # accept
              + hf.integer(58, 4, 0x00) + hf.string(b"agent")  # user-agent
              + hf.integer(23, 4, 0x10) + hf.string(b"secret")  # authorization
              + hf.indexed(16))  # accept-encoding: gzip, deflate
    assert got.value("accept") == "text/x" and got.value("user-agent") == "agent"
    assert got.value("authorization") == "secret"
    assert got.value("accept-encoding") == "gzip, deflate"


def test_path_and_methods_of_the_static_table(h2):
    client = h2.connect()
    for block in (b"\x82\x87\x84", b"\x82\x87\x85", b"\x83\x87\x84"):  # GET /, index.html, POST /
        stream = client.open()
        client.send(hf.headers(stream.number, block + hf.integer(1, 4) + hf.string(b"a.test")))
        client.finish(stream)


def test_the_table_lives_as_long_as_the_connection(h2):
    """2.3.2: entries of one request serve the next; the newest is 62."""
    client = h2.connect()
    got = ask(h2, hf.literal("x-a", "one", 0x40) + hf.literal("x-b", "two", 0x40)
              + hf.indexed(62) + hf.indexed(63), client)
    assert got.values("x-a") == ["one"] * 2 and got.values("x-b") == ["two"] * 2
    got = ask(h2, hf.indexed(62) + hf.integer(63, 6, 0x40) + hf.string(b"three"), client)
    assert got.value("x-b") == "two" and got.value("x-a") == "three"
    got = ask(h2, hf.indexed(62) + hf.indexed(63) + hf.indexed(64), client)
    assert got.values("x-a") == ["three", "one"] and got.value("x-b") == "two"


def test_malformed_requests_update_the_table(h2):
    """4.3: a stream error leaves the compression state as the client sees it."""
    client = h2.connect()
    stream = client.open()
    client.send(hf.headers(1, START + hf.literal(":path", "/") + hf.literal("X-Bad", "1")
                           + hf.literal("x-kept", "kept", 0x40)))
    client.read_until(lambda: stream.over or client.has_failed(), "a refusal")
    if not client.has_failed():
        assert ask(h2, hf.indexed(62), client).value("x-kept") == "kept"


def test_eviction(h2):
    """4.1 to 4.4: an entry costs its bytes and 32; the oldest go; one larger than all empties."""
    client = h2.connect()
    size = 4096
    room = size // (32 + 3 + 100)
    for i in range(room + 1):
        ask(h2, hf.literal("x-%d" % (i % 10), "%0100d" % i, 0x40), client)
    got = ask(h2, hf.indexed(61 + room), client)
    assert got.value("x-1") == "%0100d" % 1, "the oldest that has room"
    assert ask(h2, hf.literal("x-big", "b" * 4200, 0x40), client).value("x-big") == "b" * 4200
    client.open()
    client.send(hf.headers(client.next_stream - 2, START + hf.literal(":path", "/")
                           + hf.indexed(62)))
    client.expect_connection_error(hf.COMPRESSION_ERROR)


@pytest.mark.parametrize("update", table([
    ("7541-6.3-size-update-to-0-and-back", hf.size_update(0) + hf.size_update(4096)),
    ("7541-4.2-two-size-updates", hf.size_update(100) + hf.size_update(200)),
    ("7541-6.3-size-update-to-the-same", hf.size_update(4096)),
]))
def test_size_updates(h2, update):
    client = h2.connect()
    path = h2.path()
    stream = client.open()
    client.send(hf.headers(1, update + START + hf.literal(":path", path)
                           + hf.literal("x-a", "1", 0x40) + hf.indexed(62)))
    client.finish(stream)
    assert h2.recorder.wait_for(path).values("x-a") == ["1", "1"]


def test_size_update_to_0_empties(h2):
    client = h2.connect()
    ask(h2, hf.literal("x-a", "1", 0x40), client)
    stream = client.open()
    client.send(hf.headers(stream.number, hf.size_update(0) + hf.size_update(4096) + GET
                           + hf.indexed(62)))
    client.expect_connection_error(hf.COMPRESSION_ERROR)


def test_empty_strings_and_long_ones(h2):
    client = h2.connect()
    got = ask(h2, hf.literal("x-empty", "", 0x40) + hf.literal("x-long", "l" * 12000), client)
    assert got.value("x-empty") == "" and got.value("x-long") == "l" * 12000
    assert ask(h2, hf.indexed(62), client).value("x-empty") == ""


# ---- what the server encodes: the client's own decoder is the judge ----

@pytest.mark.parametrize("size", [0, 1, 100, 4096, 65536, 2**32 - 1])
def test_answers_fit_our_table(h2, size):
    """6.5.2, RFC 7541 section 4.2: the server's encoder keeps to the size that we allow, and says
    so at the start of its next field block."""
    client = h2.connect((hf.HEADER_TABLE_SIZE, size))
    client.decoder.max_allowed_table_size = size
    h2.recorder.on("/table", lambda r: (r.read_body(), r.reply(200, "", *[
        (f"X-Answer-{i}", f"{i}" * 30) for i in range(20)])))
    for _ in range(4):
        stream = client.get("/table")
        assert stream.field("x-answer-7") == "7" * 30
    assert client.decoder.header_table_size <= max(size, 0)


def test_table_size_changes_between_answers(h2):
    client = h2.connect()
    for size in (4096, 0, 128, 4096, 0):
        client.send_settings((hf.HEADER_TABLE_SIZE, size))
        acks = client.settings_acks
        client.read_until(lambda acks=acks: client.settings_acks > acks, "SETTINGS ACK")
        client.decoder.max_allowed_table_size = max(size, client.decoder.header_table_size)
        client.get("/")
        assert client.decoder.header_table_size <= size


def test_smallest_of_two_sizes_is_signalled(h2):
    """RFC 7541 section 4.2: the smallest size between two field blocks must be told."""
    client = h2.connect()
    client.get("/")
    assert len(client.decoder.header_table.dynamic_entries) > 0
    client.send(hf.settings((hf.HEADER_TABLE_SIZE, 0)),
                hf.settings((hf.HEADER_TABLE_SIZE, 4096)))
    client.get("/")
