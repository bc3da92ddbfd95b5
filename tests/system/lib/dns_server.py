# SPDX-License-Identifier: MIT
"""A small DNS server that a test controls from inside: UDP and TCP on one port of 127.0.0.1.

    with DnsServer() as dns:
        dns.set("service-a", a=["127.0.0.2", "127.0.0.3"])   # AAAA: empty answer
        dns.silent("service-b")
        ... start the daemon with `dns: {servers: ["%s"]}` % dns.address ...
        dns.wait_for("service-a")                            # until it has been asked

A name nobody set is NXDOMAIN (`default=` changes that). A change counts from the next question on.
Records carry a TTL of 600 s and come in a shuffled order, as Docker's do. It never asks anybody
else, and answers only what is set here.
"""

import contextlib
import dataclasses
import ipaddress
import random
import select
import socket
import struct
import threading
import time

TYPES = {"A": 1, "CNAME": 5, "PTR": 12, "AAAA": 28}
TYPE_NAMES = {number: name for name, number in TYPES.items()}
TYPE_OPT = 41
CLASS_IN = 1
TTL = 600

ANSWER = "answer"
NXDOMAIN = "nxdomain"
SERVFAIL = "servfail"
REFUSED = "refused"
SILENT = "silent"
RCODES = {ANSWER: 0, SERVFAIL: 2, NXDOMAIN: 3, REFUSED: 5}


@dataclasses.dataclass(frozen=True)
class Query:
    """One question, as it came."""

    name: str
    type: str
    transport: str  # "udp" or "tcp"
    edns: int  # size offered, 0 without EDNS
    time: float  # time.monotonic()


@dataclasses.dataclass
class _Entry:
    mode: str = ANSWER
    addresses: tuple = ()
    truncate: str = ""  # "", "udp" (whole over TCP) or "both"


class _Name:
    """What a PTR holds, as bytes, like an address."""

    def __init__(self, name):
        labels = name.encode().split(b".")
        self.packed = b"".join(bytes([len(x)]) + x for x in labels) + b"\0"


class DnsServer:
    """Listens from the constructor on, answers between start() and stop()."""

    def __init__(self, ip="127.0.0.1", default=NXDOMAIN):
        self.default = default
        self._entries = {}  # (name, type) -> _Entry
        self._log = []
        self._tcp_is_cut = False
        self._changed = threading.Condition()
        self._udp, self._tcp = _bind_both(ip)
        self.ip, self.port = self._udp.getsockname()
        self._wake_read, self._wake_write = socket.socketpair()
        self._thread = threading.Thread(target=self._run, name="dns-server", daemon=True)

    @property
    def address(self):
        """As the configuration wants it."""
        return f"{self.ip}:{self.port}"

    # -- what it says

    def set(self, name, a=(), aaaa=()):
        """The addresses of a name; an empty list is an empty answer, not NXDOMAIN."""
        self._put(name, "A", _Entry(addresses=tuple(ipaddress.IPv4Address(x) for x in a)))
        self._put(name, "AAAA", _Entry(addresses=tuple(ipaddress.IPv6Address(x) for x in aaaa)))

    def set_ptr(self, ip, name):
        """The name of an address; "" for none."""
        reverse = ipaddress.ip_address(ip).reverse_pointer
        self._put(reverse, "PTR", _Entry(addresses=(_Name(name),) if name else ()))

    def nxdomain(self, name, type=None):
        self._mode(name, type, NXDOMAIN)

    def servfail(self, name, type=None):
        self._mode(name, type, SERVFAIL)

    def refuse(self, name, type=None):
        self._mode(name, type, REFUSED)

    def silent(self, name, type=None):
        self._mode(name, type, SILENT)

    def answer(self, name, type=None):
        """Back to the addresses set last."""
        self._mode(name, type, ANSWER)

    def truncate(self, name, over="udp"):
        """Sets TC and gives one record only: over "udp", or over "both". "" ends it."""
        if over not in ("", "udp", "both"):
            raise ValueError(over)
        with self._changed:
            for kind in ("A", "AAAA"):
                self._entry(name, kind).truncate = over

    def cut_tcp(self, cut=True):
        """Connections over TCP end before the answer."""
        with self._changed:
            self._tcp_is_cut = cut

    def forget(self, name):
        """As if nobody had ever set it."""
        with self._changed:
            for kind in ("A", "AAAA"):
                self._entries.pop((_key(name), kind), None)

    # -- what it was asked

    @property
    def log(self):
        with self._changed:
            return list(self._log)

    def asked(self, name, type=None):
        """How often, over either transport."""
        with self._changed:
            return self._count(name, type)

    def wait_for(self, name, type=None, more=1, timeout=10.0):
        """Returns once it has been asked `more` times from now on; AssertionError otherwise."""
        with self._changed:
            want = self._count(name, type) + more
            if not self._changed.wait_for(lambda: self._count(name, type) >= want, timeout):
                raise AssertionError(f"{name} was not asked {more} times in {timeout} s")

    # -- life

    def start(self):
        self._thread.start()
        return self

    def stop(self):
        if self._thread.is_alive():
            self._wake_write.send(b"x")
            self._thread.join(10)
        for sock in (self._udp, self._tcp, self._wake_read, self._wake_write):
            sock.close()

    def __enter__(self):
        return self.start()

    def __exit__(self, *exc):
        self.stop()

    # -- inside

    def _entry(self, name, kind):
        return self._entries.setdefault((_key(name), kind), _Entry())

    def _put(self, name, kind, entry):
        with self._changed:
            self._entries[(_key(name), kind)] = entry

    def _mode(self, name, type, mode):
        with self._changed:
            for kind in (type,) if type else ("A", "AAAA"):
                self._entry(name, kind).mode = mode

    def _count(self, name, type):
        return sum(1 for q in self._log if q.name == _key(name) and type in (None, q.type))

    def _run(self):
        connections = {}  # socket -> bytes received so far
        try:
            while True:
                listening = [self._wake_read, self._udp, self._tcp, *connections]
                for sock in select.select(listening, [], [])[0]:
                    if sock is self._wake_read:
                        return
                    if sock is self._udp:
                        self._on_udp()
                    elif sock is self._tcp:
                        connections[sock.accept()[0]] = b""
                    elif not self._on_tcp(sock, connections):
                        del connections[sock]
                        sock.close()
        finally:
            for sock in connections:
                sock.close()

    def _on_udp(self):
        message, peer = self._udp.recvfrom(65535)
        reply = self._reply(message, "udp")
        if reply is not None:
            with contextlib.suppress(OSError):
                self._udp.sendto(reply, peer)

    def _on_tcp(self, sock, connections):
        """False when the connection is over."""
        try:
            data = sock.recv(65535)
            if not data:
                return False
            pending = connections[sock] + data
            while len(pending) >= 2:
                (length,) = struct.unpack_from("!H", pending)
                if len(pending) < length + 2:
                    break
                reply = self._reply(pending[2 : length + 2], "tcp")
                if self._tcp_is_cut:
                    return False
                pending = pending[length + 2 :]
                if reply is not None:
                    sock.sendall(struct.pack("!H", len(reply)) + reply)
            connections[sock] = pending
            return True
        except OSError:
            return False

    def _reply(self, message, transport):
        try:
            ident, labels, number, edns = _parse(message)
        except (IndexError, struct.error):
            return None
        kind = TYPE_NAMES.get(number, str(number))
        name = _key(b".".join(labels).decode("latin-1"))
        with self._changed:
            self._log.append(Query(name, kind, transport, edns, time.monotonic()))
            self._changed.notify_all()
            entry = self._entries.get((name, kind))
            if entry is None:
                known = any(key[0] == name for key in self._entries)
                entry = _Entry(mode=ANSWER if known else self.default)
            entry = dataclasses.replace(entry)
        if entry.mode == SILENT:
            return None
        return _build(ident, (labels, number), entry, _room(transport, edns, entry))


def _key(name):
    return name.lower().rstrip(".")


def _room(transport, edns, entry):
    """How many bytes an answer may have; 0: always truncated."""
    if entry.truncate == "both" or (entry.truncate == "udp" and transport == "udp"):
        return 0
    return 65535 if transport == "tcp" else max(edns, 512)


def _parse(message):
    """Id, labels, type and EDNS size of a question with at most one OPT record behind it."""
    ident, _flags, questions, _, _, additional = struct.unpack_from("!6H", message)
    if questions != 1:
        raise IndexError
    at, labels = 12, []
    while message[at]:
        labels.append(message[at + 1 : at + 1 + message[at]])
        at += 1 + message[at]
    number, _class = struct.unpack_from("!2H", message, at + 1)
    at += 5
    edns = 0
    if additional and message[at] == 0:
        record, size = struct.unpack_from("!2H", message, at + 1)
        edns = size if record == TYPE_OPT else 0
    return ident, labels, number, edns


def _build(ident, question, entry, room):
    labels, number = question
    name = b"".join(bytes([len(x)]) + x for x in labels) + b"\0"
    addresses = list(entry.addresses) if entry.mode == ANSWER else []
    random.shuffle(addresses)
    records = [
        name + struct.pack("!2HIH", number, CLASS_IN, TTL, len(x.packed)) + x.packed
        for x in addresses
    ]
    flags = 0x8180 | RCODES[entry.mode]
    size = 12 + len(name) + 4 + sum(map(len, records))
    if size > room:
        flags |= 0x0200
        records = records[:1]
    header = struct.pack("!6H", ident, flags, 1, len(records), 0, 0)
    return header + name + struct.pack("!2H", number, CLASS_IN) + b"".join(records)


def _bind_both(ip):
    """A UDP and a TCP socket on one port; somebody else may hold the TCP half, so a few tries."""
    for _ in range(50):
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            udp.bind((ip, 0))
            tcp.bind(udp.getsockname())
            tcp.listen(64)
            return udp, tcp
        except OSError:
            udp.close()
            tcp.close()
    raise OSError(f"no port of {ip} is free for UDP and TCP")
