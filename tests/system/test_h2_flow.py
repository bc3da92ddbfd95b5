# SPDX-License-Identifier: MIT
"""HTTP/2: flow control (RFC 9113 sections 5.2 and 6.9) and back-pressure: what is slow stalls
nothing else, and nothing is kept that nobody takes."""

import ssl
import threading

import pytest
from lib import h2frames as hf
from lib.h2site import SMALL_QUARANTINE
from lib.wait import until

MIB = 1 << 20
QUIET = 0.3  # seconds in which a door that may not send would have sent


def sender(size, piece=b"x" * 65536):
    """A handler that answers with `size` bytes; `sent` counts those that the door has taken."""
    def act(request):
        request.read_body()
        request.raw.send(f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n")
        while act.sent < size:
            part = piece[:size - act.sent]
            request.raw.send(part)
            act.sent += len(part)
    act.sent = 0
    return act


def resident(pid):
    """Bytes of a process that are in memory."""
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmRSS"))


# ---- what the client allows is all that comes (the client checks it with every frame) ----

def test_window_of_0(h2):
    """6.9.2: HEADERS come, DATA only as far as the window is opened, and to the byte."""
    h2.recorder.on("/big", sender(1000))
    client = h2.connect((hf.INITIAL_WINDOW_SIZE, 0))
    client.auto = False
    stream = client.request(hf.request("/big"))
    client.read_until(lambda: stream.status == 200, "HEADERS")
    client.read_waiting(QUIET)
    assert not stream.body
    for count in (1, 2, 300, 600):
        before = len(stream.body)
        client.open_window(1, count)
        client.read_until(lambda want=before + count: len(stream.body) >= want, "DATA")
        client.expect_alive()
        assert len(stream.body) == before + count and not stream.over
    client.open_window(1, 1000)
    client.finish(stream)
    assert len(stream.body) == 1000


def test_empty_answer_needs_no_window(h2):
    """6.9: frames without flow-controlled bytes are not bound by it."""
    h2.recorder.on("/none", lambda r: (r.read_body(), r.reply(200, "")))
    client = h2.connect((hf.INITIAL_WINDOW_SIZE, 0))
    client.auto = False
    client.finish(client.request(hf.request("/none")))


def test_window_of_the_connection(h2):
    """6.9.1: shared by all streams; where it is used up, heads still come."""
    h2.recorder.on("/big", sender(60000))
    client = h2.connect((hf.INITIAL_WINDOW_SIZE, hf.MAX_WINDOW))
    client.auto = False
    h2.recorder.on("/big2", sender(60000))
    first = client.request(hf.request("/big"))
    client.finish(first)
    second = client.request(hf.request("/big2"))
    client.read_until(lambda: client.window == 0, "the whole window")
    third = client.request(hf.request("/", method="POST"), b"abc")
    client.read_until(lambda: third.status == 200, "a head")
    client.read_waiting(QUIET)
    assert len(second.body) == 65535 - 60000 and not third.body
    client.open_window(0, 100_000)
    client.finish(second)
    client.finish(third)
    assert len(second.body) == 60000 and third.body == b"abc"


def test_initial_window_grows_for_open_streams(h2):
    """6.9.2: a change of SETTINGS_INITIAL_WINDOW_SIZE changes open streams by the difference."""
    h2.recorder.on("/big", sender(5000))
    client = h2.connect((hf.INITIAL_WINDOW_SIZE, 1000))
    client.auto = False
    stream = client.request(hf.request("/big"))
    client.read_until(lambda: len(stream.body) == 1000, "the first window")
    stream.window += 2000
    client.send_settings((hf.INITIAL_WINDOW_SIZE, 3000))
    client.read_until(lambda: len(stream.body) == 3000, "the second window")
    client.read_waiting(QUIET)
    assert len(stream.body) == 3000
    client.open_window(1, 2000)
    client.finish(stream)


def test_initial_window_shrinks_below_0(h2):
    """6.9.2: the window may become negative; the server waits until it is positive again."""
    h2.recorder.on("/big", sender(5000))
    client = h2.connect((hf.INITIAL_WINDOW_SIZE, 3000))
    client.auto = False
    stream = client.request(hf.request("/big"))
    client.read_until(lambda: len(stream.body) == 3000, "the first window")
    stream.window -= 2000
    client.send_settings((hf.INITIAL_WINDOW_SIZE, 1000))
    client.open_window(1, 2000)
    client.read_waiting(QUIET)
    assert stream.window == 0 and len(stream.body) == 3000
    client.open_window(1, 1)
    client.read_until(lambda: len(stream.body) == 3001, "one byte")
    client.open_window(1, 5000)
    client.finish(stream)
    assert len(stream.body) == 5000


def test_initial_window_that_overflows_a_stream(h2):
    """6.9.2: a connection error FLOW_CONTROL_ERROR."""
    client = h2.connect()
    client.request(hf.request("/", method="POST"), end=False)
    client.send(hf.window_update(1, hf.MAX_WINDOW - 65535),
                hf.settings((hf.INITIAL_WINDOW_SIZE, 65536)))
    client.expect_connection_error(hf.FLOW_CONTROL_ERROR)


def test_greatest_windows_are_allowed(h2):
    client = h2.connect((hf.INITIAL_WINDOW_SIZE, hf.MAX_WINDOW))
    client.open_window(0, hf.MAX_WINDOW - client.window)
    client.get("/")


# ---- what the server allows ----

STREAM_FIRST = {"http2": {"window": "64k", "connection_window": "1m"}}
CONNECTION_FIRST = {"http2": {"window": "256k", "connection_window": "300k"}}


def fill(client, stream):
    """Uploads for as long as the server opens windows; ends where it has not for a while."""
    total = 0
    while True:
        client.read_waiting(QUIET, lambda: client.room > 0 and stream.room > 0)
        assert not (client.closed or stream.over), client.describe()
        assert total < 64 * MIB, "no back-pressure"
        count = min(client.room, stream.room, 16384)
        if count == 0:
            return total
        client.send(hf.data(stream.number, b"x" * count))
        client.room -= count
        stream.room -= count
        total += count


@pytest.fixture
def unread():
    """A handler that leaves the body unread until its event is set."""
    def act(request):
        act.event.wait(60)
        request.reply(200, request.read_body()[:10])
    act.event = threading.Event()
    yield act
    act.event.set()


@pytest.mark.parametrize("pad", [None, 255], ids=["9113-6.9-beyond-the-streams-window",
                                                   "9113-6.9.1-padding-counts"])
def test_more_than_the_streams_window(h2_site, unread, pad):
    h2 = h2_site(extra=STREAM_FIRST)
    h2.recorder.on("/unread", unread)
    client = h2.connect()
    stream = client.request(hf.request("/unread", method="POST"), end=False)
    fill(client, stream)
    assert stream.room == 0 and client.room > 1000
    client.send(hf.data(1, b"" if pad else b"x", pad=pad))
    client.expect_stream_error(stream, hf.FLOW_CONTROL_ERROR)
    h2.expect_served()


def test_more_than_the_connections_window(h2_site, unread):
    """9113-6.9-beyond-the-connections-window"""
    h2 = h2_site(extra=CONNECTION_FIRST)
    h2.recorder.on("/unread", unread)
    client = h2.connect()
    streams = [client.request(hf.request("/unread", method="POST"), end=False) for _ in range(2)]
    for stream in streams:
        fill(client, stream)
    assert client.room == 0 and streams[1].room > 0
    client.send(hf.data(streams[1].number, b"x"))
    client.expect_connection_error(hf.FLOW_CONTROL_ERROR)
    h2.expect_served()


def test_settings_as_configured(h2_site):
    h2 = h2_site(extra={"http2": {"streams": 7, "window": "100k", "connection_window": "300k",
                                  "frame": "20k", "table": "2k"}})
    client = h2.connect()
    client.read_until(lambda: client.room != 65535, "the connection's window")
    assert client.settings[hf.MAX_CONCURRENT_STREAMS] == 7
    assert client.settings[hf.INITIAL_WINDOW_SIZE] == 100 * 1024
    assert client.settings[hf.MAX_FRAME_SIZE] == 20 * 1024
    assert client.settings[hf.HEADER_TABLE_SIZE] == 2048
    assert client.room == 300 * 1024
    stream = client.open(method="POST")
    client.send(hf.headers(1, hf.size_update(2048) + hf.block(*hf.request("/", method="POST")),
                           end=False), hf.data(1, b"z" * 20480, end=True))
    client.finish(stream)
    assert stream.body == b"z" * 20480


def test_a_smaller_table_must_be_signalled(h2_site):
    """RFC 7541 section 4.2: the client starts with 4096 octets; once it has acknowledged less, its
    next field block begins with an update. (And section 6.3: to no more than it was told.)"""
    h2 = h2_site(extra={"http2": {"table": "2k"}})
    for start in (b"", hf.size_update(2049)):
        client = h2.connect()
        client.expect_alive()
        client.open()
        client.send(hf.headers(1, start + hf.block(*hf.request("/"))))
        client.expect_connection_error(hf.COMPRESSION_ERROR)


def test_http2_may_be_off(h2_site):
    h2 = h2_site(extra={"http2": {"enabled": False}})
    with pytest.raises(ssl.SSLError, match="no application protocol"):
        h2.door.connect_tls("a.test", h2.context())
    context = h2.context()
    context.set_alpn_protocols(["h2", "http/1.1"])
    with h2.door.connect_tls("a.test", context) as sock:
        assert sock.selected_alpn_protocol() == "http/1.1"
    assert h2.door.get("a.test")[0] == 200


# ---- streams beside each other ----

def test_a_download_nobody_reads_stalls_no_other(h2):
    stalled = sender(4 * MIB)
    h2.recorder.on("/stalled", stalled)
    h2.recorder.on("/big", sender(300_000))
    client = h2.connect()
    client.auto = False
    bad = client.request(hf.request("/stalled"))
    client.read_until(lambda: bad.window == 0, "the stream's window is used up")
    client.auto = True
    client.open_window(0, 65535)
    for _ in range(3):
        h2.recorder.on("/big", sender(300_000))
        assert len(client.get("/big").body) == 300_000
    assert not bad.over and len(bad.body) == 65535
    client.open_window(1, 65535)
    client.finish(bad)
    assert len(bad.body) == 4 * MIB


def test_an_upload_nobody_reads_stalls_no_other(h2_site, unread):
    h2 = h2_site(extra=STREAM_FIRST)
    h2.recorder.on("/unread", unread)
    client = h2.connect()
    bad = client.request(hf.request("/unread", method="POST"), end=False)
    taken = fill(client, bad)
    for _ in range(3):
        good = client.request(hf.request("/", method="POST"), end=False)
        client.send_data(good, b"y" * 200_000)
        client.finish(good)
        assert good.body == b"y" * 200_000
    unread.event.set()
    client.send_data(bad, b"x" * 100_000)
    client.finish(bad)
    assert taken < 16 * MIB and bad.body == b"x" * 10


def test_a_client_that_reads_slowly_holds_back_the_service(h2_site):
    """The service is not read faster than the client; what the door keeps is bounded."""
    h2 = h2_site()
    act = sender(50 * MIB)
    h2.recorder.on("/big", act)
    client = h2.connect()
    client.auto = False
    stream = client.request(hf.request("/big"))
    client.read_until(lambda: stream.window == 0, "the window is used up")
    last = -1
    while act.sent != last:  # until the service cannot write any more
        last = act.sent
        client.read_waiting(QUIET)
    assert act.sent < 16 * MIB, f"{act.sent} bytes were taken for a client that reads 65535"


def memory_site(h2_site):
    h2 = h2_site(environment=SMALL_QUARANTINE)
    with h2.connect() as client:
        client.get("/")
    return h2, h2.door.pids("worker")[0]


def test_a_large_download_needs_no_memory(h2_site):
    h2, pid = memory_site(h2_site)
    h2.recorder.on("/big", sender(50 * MIB))
    client = h2.connect((hf.INITIAL_WINDOW_SIZE, MIB))
    client.open_window(0, MIB)
    before, most = resident(pid), 0
    stream = client.request(hf.request("/big"))
    total = 0
    while not stream.over:
        client.read_frame()
        total += len(stream.body)
        stream.body.clear()
        if total % 64 == 0 or stream.over:
            most = max(most, resident(pid))
    assert total == 50 * MIB and stream.ended
    assert most - before < 24 * MIB, f"{(most - before) / MIB:.1f} MiB more"


def test_a_large_upload_needs_no_memory(h2_site):
    h2, pid = memory_site(h2_site)

    def act(request):
        request.reply(200, str(sum(len(piece) for piece in request.read_chunks())))
    h2.recorder.on("/up", act)
    client = h2.connect()
    before, most = resident(pid), 0
    stream = client.request(hf.request("/up", method="POST"), end=False)
    piece = bytes(MIB)
    for i in range(50):
        client.send_data(stream, piece, end=i == 49)
        most = max(most, resident(pid))
    client.finish(stream)
    assert stream.body == b"%d" % (50 * MIB)
    assert most - before < 24 * MIB, f"{(most - before) / MIB:.1f} MiB more"


def test_many_stalled_streams_are_bounded_together(h2_site):
    """100 answers that nobody reads: what is kept for each is bounded too."""
    h2, pid = memory_site(h2_site)
    acts = [sender(4 * MIB) for _ in range(100)]
    for i, act in enumerate(acts):
        h2.recorder.on(f"/{i}", act)
    client = h2.connect((hf.INITIAL_WINDOW_SIZE, 0))
    client.auto = False
    before = resident(pid)
    streams = [client.request(hf.request(f"/{i}")) for i in range(100)]
    client.read_until(lambda: all(s.status for s in streams), "all heads")
    until(lambda: all(a.sent for a in acts), "all services write")
    client.read_waiting(QUIET)
    assert resident(pid) - before < 64 * MIB
    for stream in streams:
        client.reset(stream)
    until(lambda: h2.door.metric("exchanges") == 0, "all have ended")
    client.expect_alive()
    client.our_settings[hf.INITIAL_WINDOW_SIZE] = 0
    h2.recorder.on("/none", lambda r: (r.read_body(), r.reply(204)))
    client.finish(client.request(hf.request("/none")), 204)
