# SPDX-License-Identifier: MIT
"""HTTP/2: the states of streams, their numbers, how many there may be, and priorities (RFC 9113
section 5)."""

import threading

import pytest
from lib import h2frames as hf
from lib.wait import until

POST = hf.request("/", method="POST")


def table(cases):
    return [pytest.param(*case[1:], id=case[0]) for case in cases]


@pytest.fixture
def held(h2):
    """A path whose answer waits for held.release(); held.arrived counts requests."""
    class Held:
        def __init__(self):
            self.path = h2.path()
            self.gate = threading.Event()
            self.release = self.gate.set
            self.arrived = 0
            h2.recorder.on(self.path, self.act)

        def act(self, request):
            request.read_body()
            self.arrived += 1
            self.gate.wait(30)
            request.reply(200, "late")

    one = Held()
    yield one
    one.release()


def block(path="/", method="GET", *extra):
    return hf.block(*hf.request(path, *extra, method=method))


# ---- 5.1: half-closed (remote): the request is complete, the answer is not ----

@pytest.mark.parametrize("sent", table([
    ("9113-5.1-data-when-half-closed", lambda: hf.data(1, b"x")),
    ("9113-5.1-empty-data-when-half-closed", lambda: hf.data(1, b"")),
    ("9113-5.1-end-when-half-closed", lambda: hf.data(1, b"", end=True)),
    ("9113-5.1-headers-when-half-closed", lambda: hf.headers(1, block())),
    ("9113-5.1-trailers-when-half-closed", lambda: hf.headers(1, hf.block(("a", "b")))),
]))
def test_half_closed_remote(h2, held, sent):
    client = h2.connect()
    stream = client.request(hf.request(held.path))
    until(lambda: held.arrived, "the service was asked")
    client.send(sent())
    client.expect_stream_error(stream, hf.STREAM_CLOSED)


def test_half_closed_remote_takes_what_it_must(h2, held):
    """WINDOW_UPDATE, PRIORITY (and, last, RST_STREAM) are no errors."""
    client = h2.connect()
    stream = client.request(hf.request(held.path))
    client.send(hf.window_update(1, 1), hf.priority(1, on=3), hf.frame(hf.UNKNOWN, 0, 1))
    client.expect_alive()
    held.release()
    client.finish(stream)


def test_reset_of_a_half_closed_stream(h2):
    """RST_STREAM ends the request at the service too; and is never answered with another (5.4.2)."""
    gone = threading.Event()
    path = h2.path()

    def act(request):
        request.read_body()
        if request.raw.is_closed():
            gone.set()
        return True
    h2.recorder.on(path, act)
    client = h2.connect()
    stream = client.request(hf.request(path))
    h2.recorder.wait_for(path)
    client.reset(stream)
    assert gone.wait(20), "the service goes on"
    client.expect_alive()
    assert not stream.over


# ---- 5.1: closed ----

LATE = table([
    ("data", lambda: hf.data(1, b"x")),
    ("end", lambda: hf.data(1, b"", end=True)),
    ("headers", lambda: hf.headers(1, block("/again"))),
    ("trailers", lambda: hf.headers(1, hf.block(("a", "b")))),
    ("window-update", lambda: hf.window_update(1, 1)),
    ("rst", lambda: hf.rst_stream(1)),
    ("priority", lambda: hf.priority(1)),
])


def is_refused_or_dropped(client, *codes):
    """Section 5.1, closed: frames may be discarded after minimal processing, or be a connection
    error STREAM_CLOSED (or PROTOCOL_ERROR, once the peer must have known)."""
    client.send(hf.ping(b"are you?"))
    client.read_until(lambda: b"are you?" in client.pings or client.closed, "PING ACK or the end")
    for _, code, _ in client.goaways:
        assert code in codes
    assert all(s.reset in (None, *codes) for s in client.streams.values())


@pytest.mark.parametrize("sent", LATE)
def test_closed_by_both_ends(h2, sent):
    """9113-5.1: after END_STREAM of both sides."""
    client = h2.connect()
    client.get("/first")
    late = sent()
    client.streams[1].ended = False  # a RST_STREAM is a possible answer
    client.send(late)
    is_refused_or_dropped(client, hf.STREAM_CLOSED, hf.PROTOCOL_ERROR)
    if late[3] in (hf.PRIORITY, hf.RST_STREAM, hf.WINDOW_UPDATE):
        client.expect_alive()
    assert not h2.recorder.has_seen("/again")


@pytest.mark.parametrize("sent", LATE)
def test_closed_by_our_reset(h2, sent):
    """9113-5.1: after our RST_STREAM."""
    client = h2.connect()
    stream = client.request(POST, end=False)
    client.reset(stream)
    late = sent()
    client.send(late)
    is_refused_or_dropped(client, hf.STREAM_CLOSED, hf.PROTOCOL_ERROR)
    if late[3] == hf.PRIORITY:
        client.expect_alive()
    assert not h2.recorder.has_seen("/again")


@pytest.mark.parametrize("sent", LATE)
def test_closed_by_the_servers_reset(h2, sent):
    """9113-5.1: what was under way when the server's RST_STREAM came is no error."""
    client = h2.connect()
    stream = client.request(POST, end=False)
    client.send(hf.window_update(1, hf.MAX_WINDOW))  # overflow: a stream error
    client.send(sent())
    client.read_until(lambda: stream.reset is not None or client.has_failed(), "RST_STREAM")
    if not client.has_failed():
        assert stream.reset == hf.FLOW_CONTROL_ERROR
        client.expect_alive()
        client.get("/")


def test_closed_streams_update_the_header_table(h2):
    """9113-5.1: minimal processing means that the compression state stays right."""
    client = h2.connect()
    stream = client.request(POST, end=False)
    client.send(hf.window_update(1, hf.MAX_WINDOW),
                hf.headers(1, hf.literal("x-kept", "in the table", 0x40)))
    client.read_until(lambda: stream.reset is not None or client.has_failed(), "RST_STREAM")
    if not client.has_failed():
        client.expect_alive()
        path = h2.path()
        client.next_stream = 3
        later = client.open()
        client.send(hf.headers(3, hf.block(*hf.request(path)) + hf.indexed(62)))
        client.finish(later)
        assert h2.recorder.wait_for(path).value("x-kept") == "in the table"


def test_data_of_a_reset_stream_counts_for_the_connection(h2):
    """9113-5.1, 6.9: DATA that is thrown away still gives its room back."""
    client = h2.connect()
    for _ in range(3):
        stream = client.request(POST, end=False)
        client.send(hf.window_update(stream.number, hf.MAX_WINDOW))
        client.read_until(lambda s=stream: s.reset is not None or client.has_failed(), "RST_STREAM")
        assert not client.has_failed()
        client.send(*[hf.data(stream.number, b"x" * 16000)] * 4)
        client.room -= 64000
        client.expect_alive()
    stream = client.request(POST, end=False)
    client.send_data(stream, b"y" * 200_000)
    client.finish(stream)
    assert stream.body == b"y" * 200_000


# ---- 5.1.1: numbers ----

@pytest.mark.parametrize("before,sent,codes", table([
    ("9113-5.1.1-even-number", [], lambda: hf.headers(2, block("/odd")), [hf.PROTOCOL_ERROR]),
    ("9113-5.1.1-even-number-later", [1, 3], lambda: hf.headers(4, block("/odd")),
     [hf.PROTOCOL_ERROR]),
    ("9113-5.1.1-lower-than-before", [5], lambda: hf.headers(3, block("/odd")),
     [hf.PROTOCOL_ERROR, hf.STREAM_CLOSED]),
    ("9113-5.1.1-first-after-greatest", [2**31 - 1], lambda: hf.headers(1, block("/odd")),
     [hf.PROTOCOL_ERROR, hf.STREAM_CLOSED]),
    ("9113-5.1.1-skipped-is-closed-for-data", [5], lambda: hf.data(3, b"x"),
     [hf.PROTOCOL_ERROR, hf.STREAM_CLOSED]),
]))
def test_numbers(h2, before, sent, codes):
    client = h2.connect()
    for number in before:
        client.next_stream = number
        client.get("/")
    for number in (1, 3):
        if number not in client.streams:
            client.open(number)
    late = sent()
    client.send(late)
    if late[3] == hf.DATA:
        is_refused_or_dropped(client, *codes)
    else:
        client.expect_connection_error(*codes)
    assert not h2.recorder.has_seen("/odd")


def test_numbers_may_be_skipped(h2):
    client = h2.connect()
    for number in (1, 7, 1001, 2**31 - 1):
        client.next_stream = number
        client.get("/")
    client.expect_alive()


# ---- 5.1.2: how many ----

@pytest.fixture
def full(h2, held):
    """A client that has not acknowledged the server's limit yet and opens as many streams as that
    allows, all waiting; and those streams."""
    with h2.connect() as other:
        most = other.settings[hf.MAX_CONCURRENT_STREAMS]
    client = h2.connect(wait=False)
    return client, [client.request(hf.request(held.path)) for _ in range(most)]


def test_more_streams_than_allowed_are_refused(h2, held, full):
    """Before it can know the limit a client is told to try again (section 8.7)."""
    client, streams = full
    extra = client.request(hf.request(h2.path()))
    client.expect_stream_error(extra, hf.REFUSED_STREAM)
    held.release()
    for stream in streams:
        client.finish(stream)
    client.get("/")


def test_more_streams_than_known_to_be_allowed(h2, held, full):
    client, _ = full
    client.expect_alive()  # reads SETTINGS and acknowledges them
    client.expect_alive()
    extra = client.request(hf.request(path := h2.path()))
    client.expect_stream_error(extra, hf.REFUSED_STREAM, hf.PROTOCOL_ERROR)
    held.release()
    h2.expect_unseen(path)


def test_our_limit_of_pushes_is_none_of_requests(h2):
    """Our SETTINGS_MAX_CONCURRENT_STREAMS bounds what the server opens, not what we open."""
    client = h2.connect((hf.MAX_CONCURRENT_STREAMS, 0), (hf.ENABLE_PUSH, 0))
    streams = [client.request(hf.request("/")) for _ in range(5)]
    for stream in streams:
        client.finish(stream)


def test_refused_streams_update_the_header_table(h2, held, full):
    """4.3, 5.1.2: a field block is decoded though nobody wants the request."""
    client, streams = full
    extra = client.open()
    client.send(hf.headers(extra.number, hf.block(*hf.request("/"))
                           + hf.literal("x-kept", "by a refused one", 0x40)))
    client.expect_stream_error(extra, hf.REFUSED_STREAM)
    held.release()
    for stream in streams:
        client.finish(stream)
    path = h2.path()
    later = client.open()
    client.send(hf.headers(later.number, hf.block(*hf.request(path)) + hf.indexed(62)))
    client.finish(later)
    assert h2.recorder.wait_for(path).value("x-kept") == "by a refused one"


# ---- 5.3: priorities are read and mean nothing ----

@pytest.mark.parametrize("sent", table([
    ("9113-5.3-on-running-stream", lambda: hf.priority(1, on=0, weight=255, exclusive=True)),
    ("9113-5.3-on-later-stream", lambda: hf.priority(1, on=101)),
    ("9113-5.3-circle", lambda: hf.priority(3, on=5) + hf.priority(5, on=3)),
]))
def test_priority_is_ignored(h2, held, sent):
    client = h2.connect()
    stream = client.request(hf.request(held.path))
    client.send(sent())
    client.expect_alive()
    held.release()
    client.finish(stream)


@pytest.mark.parametrize("fields", [hf.priority_fields(0, 0), hf.priority_fields(99, 255, True)],
                         ids=["9113-6.2-priority-lightest", "9113-6.2-priority-exclusive"])
def test_priority_in_headers(h2, fields):
    client = h2.connect()
    stream = client.open()
    client.send(hf.headers(1, block(), priority=fields))
    client.finish(stream)


@pytest.mark.parametrize("sent", table([
    ("9113-5.3-stream-on-itself", lambda: hf.priority(1, on=1)),
    ("9113-5.3-new-stream-on-itself",
     lambda: hf.headers(3, block(), priority=hf.priority_fields(3))),
]))
def test_priority_on_itself(h2, held, sent):
    """RFC 7540 made it a stream error PROTOCOL_ERROR, RFC 9113 says nothing any more."""
    client = h2.connect()
    client.request(hf.request(held.path))
    client.open(3)
    client.send(sent())
    is_refused_or_dropped(client, hf.PROTOCOL_ERROR)


# ---- 5.4: errors of one stream are no others' ----

def test_a_stream_error_leaves_the_others_alone(h2, held):
    client = h2.connect()
    good = [client.request(hf.request(held.path)) for _ in range(3)]
    bad = client.request(POST, end=False)
    client.send(hf.window_update(bad.number, 0))
    client.expect_stream_error(bad, hf.PROTOCOL_ERROR)
    held.release()
    if not client.closed:
        for stream in good:
            client.finish(stream)


def test_answers_come_in_their_own_order(h2, held):
    """5: multiplexing: a waiting stream holds up no other."""
    client = h2.connect()
    slow = client.request(hf.request(held.path))
    for _ in range(10):
        client.get("/")
    assert not slow.over
    held.release()
    client.finish(slow)
    assert slow.body == b"late"


def test_many_streams_at_once(h2):
    client = h2.connect()
    for _ in range(3):
        streams = [client.request(hf.request(h2.path(), method="POST"), b"%d" % i)
                   for i in range(50)]
        for i, stream in enumerate(streams):
            client.finish(stream)
            assert stream.body == b"%d" % i
