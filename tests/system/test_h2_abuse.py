# SPDX-License-Identifier: MIT
"""HTTP/2: clients that cost more than they pay. Each attack ends, with its reason counted and in the
log, in bounded memory; a good client of the same worker is served all along."""

import itertools
import struct
import threading
import time

import pytest
from lib import h2frames as hf
from lib.h2raw import Flood
from lib.h2site import SMALL_QUARANTINE
from lib.wait import until

MIB = 1 << 20
SHORT = {"timeouts": {"idle": "700ms", "header": "700ms"}}
GET = hf.block(*hf.request("/attack"))
POST = hf.block(*hf.request("/attack", method="POST"))
BATCH = 50


def resident(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmRSS"))


class Good:
    """A client that asks all the time, on a connection of its own."""

    def __init__(self, h2):
        self.client = h2.connect()
        self.stop = threading.Event()
        self.error = None
        self.slowest = 0.0
        self.count = 0
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        try:
            while not self.stop.is_set():
                start = time.monotonic()
                self.client.get("/good")
                self.slowest = max(self.slowest, time.monotonic() - start)
                self.count += 1
                self.stop.wait(0.005)
        except BaseException as error:  # the test tells
            self.error = error

    def finish(self):
        before = self.count
        until(lambda: self.count > before + 1 or self.error, "the good client is served")
        self.stop.set()
        self.thread.join()
        assert self.error is None, self.error
        assert self.slowest < 5, f"an answer took {self.slowest:.1f} s"


class Attacked:
    """A door under attack, and what it was before."""

    def __init__(self, h2):
        self.h2 = h2
        self.door, self.recorder = h2.door, h2.recorder
        with h2.connect() as warm:
            warm.get("/")
        self.good = Good(h2)
        until(lambda: self.good.count > 2, "the good client is served")
        self.pid = h2.door.pids("worker")[0]
        self.resident = resident(self.pid)
        self.heads = len(h2.recorder.heads)
        self.checks = h2.door.metric("checks_failed_total")

    def connect(self, *settings, **options):
        """A client; `earlier` is how many connections the log saw end before it."""
        earlier = len(self.door.log("connection_closed"))
        client = self.h2.connect(*settings, **options)
        client.earlier = earlier
        return client

    def end_of(self, client):
        """The log's record of the connection's end. The shared door may have served another one
        from the same port before."""
        return until(lambda: next((r for r in self.door.log("connection_closed")[client.earlier:]
                                   if r["client"] == client.address), None), "the end is logged")

    def seen(self):
        """How many requests of the attack have reached the service."""
        return sum(b" /attack " in head for head in list(self.recorder.heads)[self.heads:])

    def closed(self, reason):
        return self.door.metric("connections_closed_total", reason=reason)

    def finish(self):
        """What was before is again: memory, worker, and the good client is served."""
        self.good.finish()
        grown = (resident(self.pid) - self.resident) / MIB
        assert grown < 48, f"{grown:.1f} MiB more"
        assert self.door.pids("worker") == [self.pid], "the worker was replaced"
        assert self.door.metric("checks_failed_total") == self.checks


@pytest.fixture
def attacked(h2, h2_site):
    """attacked() is the shared door, attacked(extra={...}) one of its own. Both fixtures are
    asked for by name, so that pytest ends them, and with them the good client's connection, last."""
    made = []

    def make(**options):
        made.append(Attacked(h2_site(environment=SMALL_QUARANTINE, **options) if options else h2))
        return made[-1]

    yield make
    for one in made:
        one.finish()


def expect_end(h2, attacker, *reasons):
    """The attacker loses its connection for one of these reasons: counted, and in the log."""
    assert Flood(attacker).end(), f"goes on; {h2.door.log('connection_closed')[-3:]}"
    attacker.close()
    reason = h2.end_of(attacker)["reason"]
    assert reason in reasons, (reason, reasons)
    assert h2.closed(reason) > 0


def streams(step=2, start=1):
    return itertools.count(start, step)


def each(build, start=1):
    """A piece for Flood: frames for BATCH new streams at a time."""
    numbers = streams(start=start)
    return lambda _: b"".join(build(next(numbers)) for _ in range(BATCH))


def attack(client, piece, limit=2 * MIB):
    return Flood(client).run(piece, limit)


def table(cases):
    return [pytest.param(*case[1:], id=case[0]) for case in cases]


# ---- streams that are opened for nothing ----

RESETS = [
    ("CVE-2023-44487-rapid-reset", lambda n: hf.headers(n, GET) + hf.rst_stream(n)),
    ("CVE-2023-44487-rapid-reset-of-open-streams",
     lambda n: hf.headers(n, POST, end=False) + hf.rst_stream(n)),
    ("CVE-2023-44487-rapid-reset-with-data",
     lambda n: hf.headers(n, POST, end=False) + hf.data(n, b"x" * 300) + hf.rst_stream(n)),
]


@pytest.mark.parametrize("build", table(RESETS))
def test_rapid_reset(attacked, build):
    h2 = attacked()
    attacker = h2.connect()
    attack(attacker, each(build))
    expect_end(h2, attacker, "h2_rapid_reset")
    assert h2.seen() <= 1500, f"{h2.seen()} requests for nothing"


MADE = [
    ("CVE-2025-8671-window-overflow", lambda n: hf.headers(n, GET)
     + hf.window_update(n, hf.MAX_WINDOW)),
    ("CVE-2025-8671-increment-0", lambda n: hf.headers(n, GET) + hf.window_update(n, 0)),
    ("CVE-2025-8671-data-when-half-closed", lambda n: hf.headers(n, GET) + hf.data(n, b"x")),
    ("CVE-2025-8671-headers-when-half-closed", lambda n: hf.headers(n, GET) + hf.headers(n, GET)),
    ("CVE-2025-8671-priority-of-4-bytes", lambda n: hf.headers(n, GET)
     + hf.frame(hf.PRIORITY, 0, n, b"\0" * 4)),
    ("CVE-2025-8671-priority-on-itself", lambda n: hf.headers(n, GET) + hf.priority(n, on=n)),
    ("CVE-2025-8671-more-data-than-length", lambda n: hf.headers(
        n, POST + hf.literal("content-length", "1"), end=False) + hf.data(n, b"xx", end=True)),
    ("CVE-2025-8671-less-data-than-length", lambda n: hf.headers(
        n, POST + hf.literal("content-length", "3"), end=False) + hf.data(n, b"xx", end=True)),
    ("CVE-2025-8671-bad-trailers", lambda n: hf.headers(n, POST, end=False)
     + hf.headers(n, hf.literal("X-Upper", "1"))),
    ("CVE-2025-8671-malformed-head", lambda n: hf.headers(n, GET + hf.literal("X-Upper", "1"))),
]
MADE_REASONS = ("h2_stream_errors", "h2_protocol", "h2_priority_flood", "h2_rapid_reset")


@pytest.mark.parametrize("build", table(MADE))
def test_errors_that_make_the_server_reset(attacked, build):
    h2 = attacked()
    attacker = h2.connect()
    attack(attacker, each(build), MIB)
    expect_end(h2, attacker, *MADE_REASONS)
    assert h2.seen() <= 1500, f"{h2.seen()} requests for nothing"


def test_streams_beyond_the_limit(attacked):
    """A client that has not acknowledged the limit is refused stream by stream, for a while."""
    h2 = attacked()
    gate = threading.Event()
    h2.recorder.on("/attack", lambda r: (r.read_body(), gate.wait(30), r.reply(200)) and None)
    attacker = h2.connect(wait=False)
    attack(attacker, each(lambda n: hf.headers(n, GET)))
    expect_end(h2, attacker, "h2_stream_flood")
    gate.set()
    assert h2.seen() <= 200


def test_requests_whose_answers_are_not_read(attacked):
    """100 KB each, as many as are allowed at a time, and nothing is read: what is kept is bounded,
    and the client loses its connection or its streams when it takes nothing."""
    h2 = attacked(extra=SHORT)
    h2.recorder.on("/attack", lambda r: (r.read_body(), r.reply(200, b"x" * 100_000)) and None)
    attacker = h2.connect((hf.INITIAL_WINDOW_SIZE, hf.MAX_WINDOW))
    attacker.send(hf.window_update(0, hf.MAX_WINDOW - 65535))
    most = attacker.settings[hf.MAX_CONCURRENT_STREAMS]
    attacker.send(*[hf.headers(2 * i + 1, GET) for i in range(most)])
    h2.door.wait_log("access", 1, reason="send_timeout", path="/attack")
    until(lambda: h2.door.metric("connections") == 1, "only the good client is left")


# ---- field blocks ----

MANY = ["h2_continuation_flood"]
UNDECODABLE = ["h2_continuation_flood", "h2_protocol"]  # COMPRESSION_ERROR, at the first of them

BLOCKS = [
    ("CVE-2024-28182-continuation-flood",
     lambda _: hf.continuation(1, hf.literal("x-a", "b" * 16000), end_headers=False), MANY),
    ("CVE-2024-28182-continuation-of-one-byte",
     lambda _: hf.continuation(1, b"\x82", end_headers=False) * BATCH, MANY),
    ("CVE-2024-28182-empty-continuation",
     lambda _: hf.continuation(1, b"", end_headers=False) * BATCH, [*MANY, "h2_empty_flood"]),
    ("CVE-2024-28182-continuation-of-one-name",
     lambda sent: hf.continuation(1, (b"\0" + hf.integer(2**30, 7) if sent < 100 else b"")
                                  + b"n" * 8000, end_headers=False), UNDECODABLE),
    ("CVE-2024-28182-continuation-of-size-updates",
     lambda _: hf.continuation(1, hf.size_update(0) * 1000, end_headers=False), UNDECODABLE),
    ("CVE-2024-28182-continuation-of-indexed-fields",
     lambda _: hf.continuation(1, b"\xbe" * 8000, end_headers=False), ["h2_header_bomb"]),
]


@pytest.mark.parametrize("piece,reasons", table(BLOCKS))
def test_field_blocks_that_never_end(attacked, piece, reasons):
    h2 = attacked()
    attacker = h2.connect()
    attacker.send(hf.headers(1, GET + hf.literal("x-a", "b" * 100, 0x40), end_headers=False))
    attack(attacker, piece)
    expect_end(h2, attacker, *reasons)
    assert not h2.seen()


@pytest.mark.parametrize("entry", [4000, 100, 0])
def test_hpack_bomb(attacked, entry):
    """CVE-2016-6581: a table entry said again and again: 16 KB that decode to megabytes."""
    h2 = attacked()
    attacker = h2.connect()
    attacker.send(hf.headers(1, GET + hf.literal("x-bomb", "b" * entry, 0x40)))
    attack(attacker, each(lambda n: hf.headers(n, GET + b"\xbe" * 16000), start=3), 4 * MIB)
    expect_end(h2, attacker, "h2_header_bomb", "h2_stream_errors", "h2_stream_flood")
    assert h2.seen() <= 1


def test_slow_field_block(attacked):
    """A block that comes byte by byte has one deadline, whatever else goes on."""
    h2 = attacked(extra=SHORT)
    attacker = h2.connect()
    attacker.send(hf.headers(1, GET[:5], end_headers=False))
    while not attacker.closed:
        attacker.read_waiting(0.1)
        attacker.send(hf.continuation(1, b"", end_headers=False))
    expect_end(h2, attacker, "header_timeout")


@pytest.mark.parametrize("part", [3, 9, 12])
def test_slow_frame(attacked, part):
    """A frame that is begun and not ended, with nothing else going on, ends with the connection."""
    h2 = attacked(extra=SHORT)
    attacker = h2.connect()
    attacker.get("/")
    attacker.send(hf.headers(3, GET)[:part])
    expect_end(h2, attacker, "header_timeout", "idle_timeout")


# ---- frames that ask for work and bring none ----

FLOODS = [
    ("CVE-2019-9512-ping-flood", hf.ping() * BATCH, ["h2_ping_flood", "h2_control_flood"]),
    ("CVE-2019-9512-ping-ack-flood", hf.ping(ack=True) * BATCH, ["h2_ping_flood"]),
    ("CVE-2019-9515-settings-flood", hf.settings() * BATCH,
     ["h2_settings_flood", "h2_control_flood"]),
    ("CVE-2019-9515-settings-of-many", hf.settings(*[(4, 65535)] * 2000),
     ["h2_settings_flood", "h2_control_flood", "h2_protocol"]),
    ("settings-ack-flood", hf.settings(ack=True) * BATCH, ["h2_settings_flood", "h2_protocol"]),
    ("table-size-tricks", (hf.settings((1, 0)) + hf.settings((1, 4096))) * BATCH,
     ["h2_settings_flood", "h2_control_flood"]),
    ("CVE-2019-9513-priority-flood", hf.priority(1, on=3) * BATCH, ["h2_priority_flood"]),
    ("CVE-2019-9513-priority-of-many-streams", each(lambda n: hf.priority(n, on=n + 2)),
     ["h2_priority_flood"]),
    ("unknown-frames", hf.frame(hf.UNKNOWN) * BATCH, ["h2_priority_flood"]),
    ("unknown-frames-of-16-kb", hf.frame(hf.UNKNOWN, 0, 0, b"x" * 16384), ["h2_priority_flood"]),
    ("goaway-flood", hf.goaway(0, 0, b"debug") * BATCH, ["h2_priority_flood", "not_kept_alive"]),
    ("priority-update-flood", hf.frame(16, 0, 0, b"\0\0\0\1u=1") * BATCH, ["h2_priority_flood"]),
    ("window-update-flood", hf.window_update(0, 1) * BATCH, ["h2_window_flood"]),
]


@pytest.mark.parametrize("piece,reasons", table(FLOODS))
def test_flood(attacked, piece, reasons):
    limit = 32 * MIB if isinstance(piece, bytes) and len(piece) > 16384 else 2 * MIB
    h2 = attacked()
    attacker = h2.connect()
    attack(attacker, piece, limit)
    expect_end(h2, attacker, *reasons)


ON_A_STREAM = [
    ("CVE-2019-9518-empty-data", hf.data(1) * BATCH, ["h2_empty_flood"]),
    ("CVE-2019-9518-empty-padded-data", hf.data(1, pad=0) * BATCH, ["h2_empty_flood"]),
    ("CVE-2019-9518-data-of-padding", hf.data(1, pad=255) * BATCH, ["h2_empty_flood"]),
    ("window-update-flood-on-a-stream", hf.window_update(1, 1) * BATCH, ["h2_window_flood"]),
    ("ping-flood-with-a-stream-open", hf.ping() * BATCH, ["h2_ping_flood", "h2_control_flood"]),
    ("priority-flood-on-a-stream", hf.priority(1, on=0) * BATCH, ["h2_priority_flood"]),
]


@pytest.mark.parametrize("piece,reasons", table(ON_A_STREAM))
def test_flood_on_a_stream(attacked, piece, reasons):
    h2 = attacked()
    attacker = h2.connect()
    attacker.request(hf.request("/attack", method="POST"), end=False)
    attack(attacker, piece)
    expect_end(h2, attacker, *reasons)


def test_frames_of_closed_streams(attacked):
    """What is sent on streams that are over for long is bounded too."""
    h2 = attacked()
    attacker = h2.connect()
    attacker.get("/")
    attack(attacker, hf.rst_stream(1) * BATCH, MIB)
    expect_end(h2, attacker, "h2_rapid_reset", "h2_protocol")


def test_a_flood_that_never_ends(attacked):
    """Who is told to go and goes on, reading nothing, is cut off soon."""
    h2 = attacked(extra=SHORT)
    attacker = h2.connect()
    flood = Flood(attacker)
    over = threading.Event()

    def run():
        flood.run(hf.ping() * 1000, 1 << 40, stall=60)
        over.set()
    threading.Thread(target=run, daemon=True).start()
    assert over.wait(10), "it takes it all"
    until(lambda: h2.closed("h2_ping_flood") == 1, "counted")
    assert h2.door.metric("connections") == 1


# ---- windows that are never opened ----

def test_zero_windows(attacked):
    """CVE-2019-9511, 9517: answers that the client asks for and does not let come: each stream has
    its deadline, and what is kept meanwhile is bounded."""
    h2 = attacked(extra=SHORT)
    h2.recorder.on("/attack", lambda r: (r.read_body(), r.reply(200, b"x" * 2_000_000)) and None)
    attacker = h2.connect((hf.INITIAL_WINDOW_SIZE, 0))
    most = attacker.settings[hf.MAX_CONCURRENT_STREAMS]
    answers = [attacker.request(hf.request("/attack")) for _ in range(most)]
    attacker.read_until(lambda: all(s.over for s in answers), "the end of each stream")
    assert not any(s.ended for s in answers)
    h2.door.wait_log("access", most, reason="send_timeout", path="/attack")
    attacker.read_until(lambda: attacker.closed, "the end of the connection")


def test_a_closed_window_of_the_connection(attacked):
    h2 = attacked(extra=SHORT)
    h2.recorder.on("/attack", lambda r: (r.read_body(), r.reply(200, b"x" * 2_000_000)) and None)
    attacker = h2.connect((hf.INITIAL_WINDOW_SIZE, MIB))
    attacker.auto = False
    answers = [attacker.request(hf.request("/attack")) for _ in range(10)]
    attacker.read_until(lambda: all(s.over for s in answers) or attacker.closed, "the end of each")
    assert not any(s.ended for s in answers)
    h2.door.wait_log("access", 10, reason="send_timeout", path="/attack")


def test_bodies_that_never_come(attacked):
    """Open requests are bounded by their deadline, as in HTTP/1: 408."""
    h2 = attacked(extra=SHORT)
    attacker = h2.connect()
    waiting = [attacker.request(hf.request("/attack", method="POST"), end=False) for _ in range(20)]
    attacker.read_until(lambda: all(s.over for s in waiting) or attacker.closed, "the end of each")
    assert all(s.status in (408, None) for s in waiting)
    h2.door.wait_log("access", 20, reason="body_timeout", path="/attack")


# ---- and what is no attack ----

def test_busy_clients_are_no_attackers(h2):
    """A long honest life: thousands of requests with priorities, windows, pings, cancellations and
    small messages, on one connection."""
    client = h2.connect()
    ping = itertools.count()
    for _ in range(60):
        batch = [client.request(hf.request("/", method="POST"), b"x" * 100, end=False)
                 for _ in range(25)]
        client.send(*[hf.priority(s.number, on=0) for s in batch],
                    *[hf.window_update(s.number, 1000) for s in batch],
                    hf.ping(struct.pack(">Q", next(ping))), hf.frame(hf.UNKNOWN, 0, 0, b"grease"))
        client.reset(batch.pop())
        client.reset(batch.pop())
        for stream in batch:
            client.send(hf.data(stream.number, b"y"), hf.data(stream.number, b"", end=True))
        for stream in batch:
            client.finish(stream)
    client.expect_alive()


def test_a_page_that_is_left_is_no_attack(h2):
    """A browser that gives up all it has asked for, several times in a row."""
    client = h2.connect()
    most = client.settings[hf.MAX_CONCURRENT_STREAMS]
    for _ in range(3):
        batch = [client.request(hf.request("/")) for _ in range(most)]
        for stream in batch:
            client.reset(stream)
        client.expect_alive()
    client.get("/")
