# SPDX-License-Identifier: MIT
"""gRPC end to end: a real client, TLS and HTTP/2 to the door, HTTP/2 to a real service."""

import queue
import threading

import grpc
import pytest
from lib.grpc_service import GrpcClient, GrpcService
from lib.wait import until

MIB = 1 << 20
TIMEOUT = 30


@pytest.fixture
def services():
    """Makes services: services(**options)."""
    running = []

    def make(**options):
        running.append(GrpcService(**options))
        return running[-1]

    yield make
    for one in running:
        one.close()


@pytest.fixture
def clients():
    """Makes clients of a door."""
    running = []

    def make(d, name="a.test"):
        running.append(GrpcClient(d.https.number, name, d.authority.ca))
        return running[-1]

    yield make
    for one in running:
        one.close()


@pytest.fixture
def grpc_site(door, services, clients):
    """(door, service, client) of one h2c service."""
    service = services()
    d = door(names=["a.test"], workers=1, sites={"a.test": service.url},
             extra={"hold": {"wait": "0s"}})
    return d, service, clients(d)


def status_of(call):
    with pytest.raises(grpc.RpcError) as failed:
        call()
    return failed.value.code(), failed.value


def test_unary(grpc_site):
    d, service, client = grpc_site
    answer, call = client.unary.with_call(
        b"hello", timeout=TIMEOUT, metadata=(("x-asked", "yes"), ("x-data-bin", b"\0\xfe")))
    assert answer == b"hello"
    assert service.metadata["x-asked"] == "yes"
    assert service.metadata["x-data-bin"] == b"\0\xfe"
    assert service.metadata["x-forwarded-for"] == "127.0.0.1"
    assert service.metadata["x-forwarded-proto"] == "https"
    first, last = dict(call.initial_metadata()), dict(call.trailing_metadata())
    assert (first["x-first"], first["x-bytes-bin"]) == ("1", b"\0\1\xff")
    assert (last["x-last"], last["x-last-bin"]) == ("2", bytes(range(256)))
    assert call.code() == grpc.StatusCode.OK
    record = d.wait_log("access")[-1]
    assert (record["protocol"], record["service_protocol"]) == ("HTTP/2", "HTTP/2")
    assert (record["status"], record["reason"], record["method"]) == (200, "ok", "POST")


def test_many_calls_share_one_link(grpc_site):
    d, service, client = grpc_site
    assert client.unary(b"first", timeout=TIMEOUT) == b"first"
    calls = [client.unary.future(b"%d" % n, timeout=TIMEOUT) for n in range(200)]
    assert [call.result() for call in calls] == [b"%d" % n for n in range(200)]
    # 100 at once on a link, so two of them at most.
    assert d.metric("upstream_links_opened_total") <= 2


def test_a_burst_waits_for_one_link(grpc_site):
    """Nobody dials beside a link that is being made."""
    d, service, client = grpc_site
    calls = [client.unary.future(b"%d" % n, timeout=TIMEOUT) for n in range(50)]
    assert [call.result() for call in calls] == [b"%d" % n for n in range(50)]
    assert d.metric("upstream_links_opened_total") == 1


def test_statuses_and_details(grpc_site):
    d, service, client = grpc_site
    code, error = status_of(lambda: client.fail(b"x", timeout=TIMEOUT))
    assert code == grpc.StatusCode.FAILED_PRECONDITION
    assert error.details() == "no: \u00e4 100% \n"
    assert dict(error.trailing_metadata())["grpc-status-details-bin"] == b"\x08\x05detail"
    code, error = status_of(lambda: client.none(b"x", timeout=TIMEOUT))
    assert code == grpc.StatusCode.UNIMPLEMENTED
    assert "content-length" not in dict(error.trailing_metadata())
    assert [r["reason"] for r in d.wait_log("access", 2)] == ["ok", "ok"]


def test_down_up_and_both(grpc_site):
    _, service, client = grpc_site
    got = list(client.down(b"500 1000", timeout=TIMEOUT))
    assert got == [bytes([n % 256]) * 1000 for n in range(500)]
    total = client.up((b"x" * 10_000 for _ in range(500)), timeout=TIMEOUT)
    assert total == b"5000000"
    # Each message is answered before the next is sent: nothing is held back on the way.
    asked = queue.SimpleQueue()
    call = client.both(iter(asked.get, None), timeout=TIMEOUT)
    for n in range(50):
        asked.put(b"message %d" % n)
        assert next(call) == b"MESSAGE %d" % n
    asked.put(None)
    assert list(call) == [] and call.code() == grpc.StatusCode.OK


def test_great_messages(grpc_site):
    _, _, client = grpc_site
    message = bytes(n * 7 % 251 for n in range(4 * MIB))
    calls = [client.unary.future(message, timeout=60) for _ in range(4)]
    assert all(call.result() == message for call in calls)


def test_a_stalled_stream_stalls_no_other(grpc_site):
    _, _, client = grpc_site
    stalled = [client.down(b"2000 10000", timeout=120) for _ in range(4)]
    for call in stalled:
        assert len(next(call)) == 10_000  # and reads no further
    for n in range(20):
        assert client.unary(b"%d" % n * 1000, timeout=TIMEOUT) == b"%d" % n * 1000
    assert sum(1 for _ in stalled[0]) == 1999
    for call in stalled[1:]:
        call.cancel()


def test_deadline(grpc_site):
    d, service, client = grpc_site
    assert client.unary(b"x", timeout=20) == b"x"
    assert 10 < service.left <= 20
    code, _ = status_of(lambda: client.wait(b"x", timeout=0.3))
    assert code == grpc.StatusCode.DEADLINE_EXCEEDED
    assert service.cancelled.wait(TIMEOUT), "the service knows that nobody waits any more"


@pytest.mark.parametrize("method", ["wait", "forever"])
def test_cancellation_reaches_the_service(grpc_site, method):
    d, service, client = grpc_site
    assert client.unary(b"x", timeout=TIMEOUT) == b"x"
    call = client.wait.future(b"x") if method == "wait" else client.forever(b"x")
    assert service.waiting.wait(TIMEOUT)
    assert not service.cancelled.is_set()
    call.cancel()
    assert service.cancelled.wait(TIMEOUT)
    record = d.wait_log("access", 2)[-1]
    assert record["reason"] == "client_abort"
    # The link goes on.
    assert client.unary(b"y", timeout=TIMEOUT) == b"y"
    assert d.metric("upstream_links_opened_total") == 1


def test_a_client_that_dies(grpc_site, clients):
    d, service, client = grpc_site
    call = client.forever(b"x")
    assert next(call) == b"tick"
    client.close()
    assert service.cancelled.wait(TIMEOUT)


def test_a_service_that_is_gone(grpc_site):
    d, service, client = grpc_site
    assert client.unary(b"x", timeout=TIMEOUT) == b"x"
    service.close()
    code, error = status_of(lambda: client.unary(b"x", timeout=TIMEOUT))
    assert code == grpc.StatusCode.UNAVAILABLE
    assert "connect_refused" in error.details()


def test_a_service_that_dies_inside_a_call(grpc_site):
    d, service, client = grpc_site
    call = client.forever(b"x")
    assert next(call) == b"tick"
    service.server.stop(0).wait()  # no grace: running calls are cut
    with pytest.raises(grpc.RpcError):
        for _ in call:
            pass
    assert d.wait_log("access")[-1]["reason"] in {
        "upstream_stream_reset", "upstream_cut", "ok"}  # "ok": it said so in its trailers


def test_a_service_that_goes_in_peace(grpc_site, services):
    """GOAWAY: running calls end, new ones go to whoever listens next."""
    d, service, client = grpc_site
    waiting = client.wait.future(b"last", timeout=TIMEOUT)
    assert service.waiting.wait(TIMEOUT)
    stopping = threading.Thread(target=lambda: service.server.stop(20).wait())
    stopping.start()
    until(lambda: not d.metric("upstream_links", state="idle"), "nothing is idle")
    # Its port is free as soon as it stops listening.
    successor = until(lambda: _listen_again(services, service.port), "the port is free")
    assert client.unary(b"new", timeout=TIMEOUT) == b"new"
    assert successor.calls == 1
    service.go_on.set()
    assert waiting.result() == b"last"
    stopping.join()


def _listen_again(services, port):
    try:
        return services(port=port)
    except (RuntimeError, AssertionError):
        return None


def test_errors_of_the_door(door, services, clients):
    service = services()
    d = door(names=["a.test", "b.test"], workers=1, sites={
        "a.test": {"to": service.url, "deny": ["127.0.0.0/8"]}})
    code, error = status_of(lambda: clients(d).unary(b"x", timeout=TIMEOUT))
    assert code == grpc.StatusCode.PERMISSION_DENIED
    code, error = status_of(lambda: clients(d, "b.test").unary(b"x", timeout=TIMEOUT))
    assert code == grpc.StatusCode.UNIMPLEMENTED
    assert service.calls == 0


def test_over_tls(door, services, clients, authority, tmp_path):
    chain, key, _ = authority.issue(["grpc.test"])
    credentials = grpc.ssl_server_credentials([(key.encode(), chain.encode())])
    service = services(credentials=credentials)
    d = door(names=["a.test"], workers=1, sites={"a.test": {
        "to": f"https://127.0.0.1:{service.port}",
        "verify": {"ca": str(authority.ca), "name": "grpc.test"}}})
    client = clients(d)
    message = bytes(n * 5 % 251 for n in range(MIB))
    assert client.unary(message, timeout=TIMEOUT) == message
    assert list(client.down(b"20 30000", timeout=TIMEOUT)) == [
        bytes([n]) * 30_000 for n in range(20)]
    assert d.wait_log("access")[-1]["service_protocol"] == "HTTP/2"


def test_a_reload_cuts_no_call(grpc_site, services):
    d, service, client = grpc_site
    call = client.forever(b"x")
    assert next(call) == b"tick"
    other = services()
    d.configure({"a.test": other.url})
    d.reload()
    assert next(call) == b"tick"
    assert client.unary(b"x", timeout=TIMEOUT) == b"x"
    until(lambda: other.calls + service.calls >= 2, "one of them was asked")
    call.cancel()
