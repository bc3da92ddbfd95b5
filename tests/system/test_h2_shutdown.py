# SPDX-License-Identifier: MIT
"""HTTP/2: how connections end (RFC 9113 section 6.8): draining, the number of requests, silence, a
reload; nothing that runs is lost."""

import signal
import threading

import pytest
from lib import h2frames as hf
from lib.wait import until


class Gate:
    """A handler that answers when it is opened."""

    def __init__(self):
        self.event = threading.Event()
        self.open = self.event.set
        self.arrived = 0

    def __call__(self, request):
        request.raw.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf.")
        body = request.read_body()
        self.arrived += 1
        self.event.wait(60)
        request.raw.send(b"other" if not body else body[:5])


@pytest.fixture
def gate():
    one = Gate()
    yield one
    one.open()


def draining(h2):
    h2.door.signal(signal.SIGTERM)
    until(lambda: h2.door.admin("/readyz")[0] == 503, "draining")


def expect_goaway(client, code=hf.NO_ERROR):
    client.read_until(lambda: client.goaways, "GOAWAY")
    assert client.goaways[-1][1] == code, client.goaways


def test_drain_of_an_idle_connection(h2_site):
    h2 = h2_site()
    fresh, used = h2.connect(), h2.connect()
    used.get("/")
    draining(h2)
    for client in (fresh, used):
        client.expect_closed()
        assert client.goaways and client.goaways[-1][1] == hf.NO_ERROR
        assert not client.was_reset
    assert h2.door.wait() == 0


def test_drain_serves_what_runs(h2_site, gate):
    """The last stream of GOAWAY covers every one that is served; then the connection ends."""
    h2 = h2_site(extra={"drain": {"timeout": "30s"}})
    h2.recorder.on("/slow", gate)
    client = h2.connect()
    download = client.request(hf.request("/slow"))
    upload = client.request(hf.request("/slow", method="POST"), b"abc", end=False)
    until(lambda: gate.arrived == 1, "the service was asked")
    draining(h2)
    expect_goaway(client)
    client.send_data(upload, b"defgh")
    until(lambda: gate.arrived == 2, "the upload is complete")
    gate.open()
    client.finish(download)
    client.finish(upload)
    assert (download.body, upload.body) == (b"half.other", b"half.abcde")
    client.expect_closed()
    assert client.goaways[-1][:2] == (3, hf.NO_ERROR) and not client.was_reset
    assert h2.door.wait() == 0


def test_a_stream_that_crosses_the_notice_is_served(h2_site, gate):
    """6.8: the first GOAWAY names 2^31-1; what a client opened before it saw that is served."""
    h2 = h2_site(extra={"drain": {"timeout": "30s"}})
    h2.recorder.on("/slow", gate)
    client = h2.connect()
    slow = client.request(hf.request("/slow"))
    until(lambda: gate.arrived == 1, "the service was asked")
    client.auto = False  # leaves the PING of the notice unanswered
    draining(h2)
    expect_goaway(client)
    if client.goaways[0][0] == hf.MAX_WINDOW:
        crossing = client.request(hf.request("/"))
        client.finish(crossing)
    client.auto = True
    gate.open()
    client.finish(slow)


def test_new_connections_are_served_while_it_drains(h2_site, gate):
    """It goes on accepting, and says with each answer that it goes."""
    h2 = h2_site(extra={"drain": {"timeout": "30s"}})
    h2.recorder.on("/slow", gate)
    holder = h2.connect()
    slow = holder.request(hf.request("/slow"))
    until(lambda: gate.arrived == 1, "the service was asked")
    draining(h2)
    late = h2.connect()
    late.get("/")
    late.expect_closed()
    assert late.goaways[-1][1] == hf.NO_ERROR
    gate.open()
    holder.finish(slow)
    holder.expect_closed()
    assert h2.door.wait() == 0


def test_drain_deadline(h2_site, gate):
    """What does not end by then is cut: never with END_STREAM."""
    h2 = h2_site(extra={"drain": {"timeout": "500ms"}})
    h2.recorder.on("/slow", gate)
    client = h2.connect()
    stream = client.request(hf.request("/slow"))
    client.read_until(lambda: stream.body, "half of it")
    draining(h2)
    client.expect_closed()
    assert not stream.ended and client.goaways
    assert h2.door.wait() == 0
    h2.door.wait_log("access", reason="drain_deadline")


def test_the_second_signal_ends_it_now(h2_site, gate):
    h2 = h2_site(extra={"drain": {"timeout": "60s"}})
    h2.recorder.on("/slow", gate)
    client = h2.connect()
    stream = client.request(hf.request("/slow"))
    client.read_until(lambda: stream.body, "half of it")
    draining(h2)
    h2.door.signal(signal.SIGTERM)
    client.expect_closed()
    assert not stream.ended and h2.door.wait() == 0


def test_requests_of_one_connection(h2_site, gate):
    """http2.requests: then GOAWAY; what runs is served, and a new connection takes over."""
    h2 = h2_site(extra={"http2": {"requests": 10}})
    h2.recorder.on("/slow", gate)
    client = h2.connect()
    slow = client.request(hf.request("/slow"))
    for _ in range(9):
        client.get("/")
    expect_goaway(client)
    gate.open()
    client.finish(slow)
    client.expect_closed()
    assert client.goaways[-1][:2] == (19, hf.NO_ERROR) and not client.was_reset
    h2.door.wait_log("connection_closed", reason="not_kept_alive")
    h2.expect_served()


def test_streams_behind_the_last_one_are_not_processed(h2_site, gate):
    """6.8: what is opened behind the last GOAWAY is dropped, or refused; never half served."""
    h2 = h2_site(extra={"http2": {"requests": 3}})
    h2.recorder.on("/slow", gate)
    client = h2.connect()
    slow = client.request(hf.request("/slow"))
    client.get("/")
    client.get("/")
    client.read_until(lambda: client.goaways and client.goaways[-1][0] == 5, "the last GOAWAY")
    path = h2.path()
    late = client.request(hf.request(path))
    client.send(hf.ping(b"are you?"))
    client.read_until(lambda: b"are you?" in client.pings or client.closed, "PING ACK")
    gate.open()
    client.finish(slow)
    assert late.status is None and late.reset in (None, hf.REFUSED_STREAM)
    h2.expect_unseen(path)


def test_silence_ends_a_connection(h2_site):
    """timeouts.idle, counted from the last request; before the first one timeouts.header may."""
    h2 = h2_site(extra={"timeouts": {"idle": "300ms", "header": "300ms"}})
    used, fresh, bare = h2.connect(), h2.connect(), h2.bare()
    used.get("/")
    used.expect_closed()
    assert used.goaways[-1][1] == hf.NO_ERROR
    fresh.expect_closed()
    bare.expect_closed()
    assert bare.settings is not None or not bare.kinds
    h2.door.wait_log("connection_closed", reason="idle_timeout")
    until(lambda: h2.door.metric("connections") == 0, "no connection is left")


def test_half_a_preface_has_its_deadline(h2_site):
    h2 = h2_site(extra={"timeouts": {"idle": "300ms", "header": "300ms"}})
    for part in (hf.PREFACE[:10], hf.PREFACE, hf.PREFACE + hf.settings()[:5]):
        client = h2.bare()
        client.send(part)
        client.expect_closed()
    until(lambda: h2.door.metric("connections") == 0, "no connection is left")


def test_pings_do_not_keep_a_connection_for_ever(h2_site):
    """A connection that asks for nothing is idle, whatever else it says."""
    h2 = h2_site(extra={"timeouts": {"idle": "500ms"}})
    client = h2.connect()
    client.get("/")
    count = 0
    while not client.closed and count < 5000:
        client.send(hf.ping(b"%8d" % count))
        client.read_waiting(0.05)
        count += 1
    assert client.closed and not client.has_failed(), client.goaways


def test_reload_while_streams_run(h2_site, gate):
    """What runs goes on as it was; a new connection has the new configuration."""
    h2 = h2_site()
    h2.recorder.on("/slow", gate)
    client = h2.connect()
    stream = client.request(hf.request("/slow"))
    until(lambda: gate.arrived == 1, "the service was asked")
    h2.door.configure({"a.test": h2.recorder.url, "b.test": {"redirect": "https://a.test"}})
    h2.door.reload()
    gate.open()
    client.finish(stream)
    with h2.connect() as fresh:
        fresh.finish(fresh.request(hf.request("/", authority="b.test")), 301)
    if not client.goaways:
        client.get("/")


def test_the_client_goes(h2_site, gate):
    """An end without a word while streams run: each ends as client_abort, and nothing is left."""
    h2 = h2_site()
    h2.recorder.on("/slow", gate)
    client = h2.connect()
    for _ in range(5):
        client.request(hf.request("/slow"))
    until(lambda: gate.arrived == 5, "the service was asked")
    client.close()
    h2.door.wait_log("access", 5, reason="client_abort", path="/slow")
    until(lambda: h2.door.metric("exchanges") + h2.door.metric("connections") == 0, "all is gone")
    h2.expect_served()


def test_goaway_of_the_client_and_no_more(h2_site):
    """6.8: with nothing left to serve the connection ends, by whichever side."""
    h2 = h2_site(extra={"timeouts": {"idle": "1s"}})
    client = h2.connect()
    client.get("/")
    client.send(hf.goaway())
    client.expect_closed()
    assert not client.has_failed()


def test_each_connection_has_its_reason(h2_site):
    """An error of the protocol is counted and in the log."""
    h2 = h2_site()
    client = h2.connect()
    client.send(hf.window_update(0, 0))
    client.expect_connection_error(hf.PROTOCOL_ERROR)
    h2.door.wait_log("connection_closed", reason="h2_protocol")
    until(lambda: h2.door.metric("connections_closed_total", reason="h2_protocol") == 1, "counted")
    with h2.connect() as quiet:
        quiet.get("/")
    until(lambda: {r["reason"] for r in h2.door.log("connection_closed")}
          & {"client_closed", "client_reset"}, "the other one's reason")
