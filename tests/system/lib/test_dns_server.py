# SPDX-License-Identifier: MIT
"""The DNS server of the system tests, asked by hand."""

import os
import socket
import struct
import sys
import threading

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from dns_server import TYPES, DnsServer  # noqa: E402


@pytest.fixture
def dns():
    with DnsServer() as server:
        yield server


def question(name, type="A", edns=0):
    labels = b"".join(bytes([len(x)]) + x.encode() for x in name.split("."))
    message = struct.pack("!6H", 0x4711, 0x0100, 1, 0, 0, 1 if edns else 0)
    message += labels + b"\0" + struct.pack("!2H", TYPES[type], 1)
    if edns:
        message += b"\0" + struct.pack("!2HIH", 41, edns, 0, 0)
    return message


def read(reply, name):
    """Response code, TC, and the addresses as a set of text."""
    ident, flags, questions, answers, _, _ = struct.unpack_from("!6H", reply)
    assert (ident, questions) == (0x4711, 1)
    name_bytes = len(name) + 2
    at, addresses = 12 + name_bytes + 4, set()
    for _ in range(answers):
        at += name_bytes
        number, _class, ttl, length = struct.unpack_from("!2HIH", reply, at)
        assert ttl == 600
        data = reply[at + 10 : at + 10 + length]
        family = socket.AF_INET if number == 1 else socket.AF_INET6
        addresses.add(socket.inet_ntop(family, data))
        at += 10 + length
    assert at == len(reply)
    return flags & 15, bool(flags & 0x0200), addresses


def ask(dns, name, type="A", edns=0):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(10)
        sock.sendto(question(name, type, edns), (dns.ip, dns.port))
        return read(sock.recv(65535), name)


def receive(sock, length):
    data = b""
    while len(data) < length:
        part = sock.recv(length - len(data))
        assert part, "closed early"
        data += part
    return data


def ask_tcp(dns, name, type="A"):
    with socket.create_connection((dns.ip, dns.port), timeout=10) as sock:
        message = question(name, type)
        sock.sendall(struct.pack("!H", len(message)) + message)
        (length,) = struct.unpack("!H", receive(sock, 2))
        return read(receive(sock, length), name)


def test_addresses_by_type_and_transport(dns):
    dns.set("web", a=["127.0.0.2", "127.0.0.3"], aaaa=["::1"])
    assert ask(dns, "web") == (0, False, {"127.0.0.2", "127.0.0.3"})
    assert ask(dns, "web", "AAAA") == (0, False, {"::1"})
    assert ask_tcp(dns, "WEB") == (0, False, {"127.0.0.2", "127.0.0.3"})
    dns.set("web", a=["127.0.0.4"])
    assert ask(dns, "web") == (0, False, {"127.0.0.4"})
    assert ask(dns, "web", "AAAA") == (0, False, set())


def test_negative_answers(dns):
    dns.set("web", a=["127.0.0.2"])
    assert ask(dns, "nobody")[0] == 3
    dns.servfail("web")
    assert ask(dns, "web")[0] == 2
    dns.refuse("web", "AAAA")
    assert ask(dns, "web", "AAAA")[0] == 5
    dns.nxdomain("web", "A")
    assert ask(dns, "web")[0] == 3
    dns.answer("web")
    assert ask(dns, "web") == (0, False, {"127.0.0.2"})
    dns.forget("web")
    assert ask(dns, "web")[0] == 3


def test_silence_is_for_one_name_only(dns):
    dns.silent("web")
    dns.set("other", a=["127.0.0.2"])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.sendto(question("web"), (dns.ip, dns.port))
        assert ask(dns, "other")[2] == {"127.0.0.2"}
        assert dns.asked("web") == 1
        sock.setblocking(False)
        with pytest.raises(BlockingIOError):
            sock.recv(100)


def test_truncation(dns):
    dns.set("web", a=["127.0.0.2", "127.0.0.3"])
    dns.truncate("web")
    code, truncated, addresses = ask(dns, "web")
    assert (code, truncated, len(addresses)) == (0, True, 1)
    assert ask_tcp(dns, "web") == (0, False, {"127.0.0.2", "127.0.0.3"})
    dns.truncate("web", over="both")
    assert ask_tcp(dns, "web")[1]
    dns.truncate("web", over="")
    assert not ask(dns, "web")[1]


def test_large_answers_need_edns_or_tcp(dns):
    many = {f"127.1.0.{i}" for i in range(1, 121)}
    dns.set("big", a=sorted(many))
    assert ask(dns, "big")[1]
    assert ask(dns, "big", edns=4096) == (0, False, many)
    assert ask_tcp(dns, "big") == (0, False, many)


def test_log(dns):
    dns.set("web", a=["127.0.0.2"])
    ask(dns, "web", edns=1232)
    ask_tcp(dns, "web", "AAAA")
    assert [(q.name, q.type, q.transport, q.edns) for q in dns.log] == [
        ("web", "A", "udp", 1232),
        ("web", "AAAA", "tcp", 0),
    ]
    assert dns.asked("web") == 2
    assert dns.asked("web", "A") == 1
    with pytest.raises(AssertionError):
        dns.wait_for("nobody", timeout=0.01)


def test_waiting_for_questions(dns):
    enough = threading.Event()

    def keep_asking():
        while not enough.is_set():
            ask(dns, "web")

    asker = threading.Thread(target=keep_asking)
    asker.start()
    try:
        dns.wait_for("web", "A", more=3)
    finally:
        enough.set()
        asker.join(10)


def test_garbage_does_not_hurt(dns):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for garbage in (b"", b"x", b"\xff" * 12, b"\xff" * 100):
            sock.sendto(garbage, (dns.ip, dns.port))
    dns.set("web", a=["127.0.0.2"])
    assert ask(dns, "web")[2] == {"127.0.0.2"}


def test_ports_are_free_again():
    server = DnsServer(ip="127.0.0.11")
    server.start()
    port = server.port
    server.stop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.11", port))
