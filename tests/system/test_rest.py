# SPDX-License-Identifier: MIT
"""Idle connections rest: after a second they are held in less memory, and nobody notices. With the
address sanitizer every look at what is folded away ends the worker."""

import signal
import ssl

import pytest
from lib import h2frames as hf
from lib.h2raw import Client, alpn_context
from lib.raw import Raw
from lib.wait import until

BIG = b"x" * 300_000


class Idle:
    """A connection of one kind that asks; `d` is its door."""

    def __init__(self, d, kind):
        self.is_h2 = kind == "h2"
        if self.is_h2:
            context = alpn_context(str(d.authority.ca))
            self.end = Client(context.wrap_socket(d.connect("https"), server_hostname="a.test"))
        else:
            context = d.tls_context()
            context.maximum_version = getattr(ssl.TLSVersion, kind)
            context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF  # close_notify, or it is no end
            self.end = Raw(d.connect_tls("a.test", context))

    def ask(self, body=None):
        if self.is_h2:
            stream = self.end.request(hf.request("/", method="POST" if body else "GET"), body)
            return bytes(self.end.finish(stream).body)
        head = f"POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: {len(body)}\r\n\r\n" if body \
            else "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n"
        self.end.send(head.encode() + (body or b""))
        status, _, got = self.end.response()
        assert status == 200
        return got

    def is_closed(self):
        if self.is_h2:
            self.end.expect_closed()
            return not self.end.was_reset
        return self.end.is_closed()

    def close(self):
        self.end.close()


def folded(d):
    """Bytes that are folded; a connection that comes makes the worker count."""
    d.connect("http").close()
    return d.metric("memory_folded_bytes")


def until_rests(d, more_than=0):
    return until(lambda: (n := folded(d)) > more_than and n, "idle connections rest")


def until_awake(d):
    until(lambda: folded(d) == 0, "none rests")


@pytest.fixture(params=["TLSv1_2", "TLSv1_3", "h2"])
def kind(request):
    return request.param


@pytest.fixture
def resting(door, service, kind):
    """A door and a connection that rests."""
    one = service(handler=lambda h: h.reply(200, h.read_body() or b"here"))
    d = door(names=["a.test"], workers=1, sites={"a.test": one.url})
    idle = Idle(d, kind)
    assert idle.ask() == b"here"
    until_rests(d)
    yield d, idle
    idle.close()


def test_asks_again_and_rests_again(resting):
    d, idle = resting
    for body in (None, b"short", BIG, None):
        assert idle.ask(body) == (body or b"here")
        until_awake(d)
        until_rests(d)
    assert d.metric("connections", state="idle") == 1


def test_many_rest_and_all_are_served(resting, kind):
    d, idle = resting
    one = until_rests(d)
    more = [Idle(d, kind) for _ in range(20)]
    for each in more:
        assert each.ask() == b"here"
    until(lambda: folded(d) == 21 * one, "all rest")
    for each in [*more, idle]:
        assert each.ask(BIG) == BIG
        each.close()
    until_awake(d)


def test_goes_while_it_rests(resting):
    d, idle = resting
    idle.close()
    until(lambda: d.metric("connections", state="idle") == 0, "it is gone")
    until_awake(d)


def test_what_is_no_request_is_answered(h2_site):
    """PING and SETTINGS are, and the connection rests as before."""
    h2 = h2_site()
    client = h2.connect()
    client.finish(client.get())
    until_rests(h2.door)
    for _ in range(3):
        client.expect_alive()
        client.send_settings((hf.INITIAL_WINDOW_SIZE, 70000))
        until_rests(h2.door)
    assert h2.door.metric("connections", state="idle") == 1
    client.finish(client.get())
    client.send(hf.frame(hf.PING, 0, 0, b"short"))  # and an error is one
    client.expect_connection_error(hf.FRAME_SIZE_ERROR)


def test_reload_and_stop(resting):
    d, idle = resting
    d.configure(d.settings["sites"], log={"access": "off"})
    d.reload()
    until_rests(d)
    d.signal(signal.SIGTERM)
    assert idle.is_closed()
    if idle.is_h2:
        assert idle.end.goaways[-1][1] == hf.NO_ERROR
    assert d.wait() == 0


def test_idle_timeout_ends_it(door, service, kind):
    d = door(names=["a.test"], workers=1, sites={"a.test": service().url},
             extra={"timeouts": {"idle": "3s"}})
    idle = Idle(d, kind)
    idle.ask()
    until_rests(d)
    assert idle.is_closed()
    d.wait_log("connection_closed", reason="idle_timeout")
    until_awake(d)
    idle.close()
