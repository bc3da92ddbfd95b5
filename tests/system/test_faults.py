# SPDX-License-Identifier: MIT
"""What goes wrong around the door: dead processes, full tables, slow and greedy peers."""

import os
import resource
import signal
import socket
import subprocess

from lib.raw import Raw
from lib.tls_errors import forget_tls_errors
from lib.wait import until
from test_reload import Load, named


def test_killed_worker_costs_its_own_connections_only(door, service):
    d = door(names=["a.test"], workers=2, sites={"a.test": named(service, "one")})
    kept = [Raw(d.connect_tls("a.test")) for _ in range(16)]
    for raw in kept:
        raw.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
        assert raw.response()[0] == 200
    victim = d.pids("worker")[0]
    os.kill(victim, signal.SIGKILL)
    until(lambda: len(d.pids("worker")) == 2 and victim not in d.pids("worker") and d.is_ready(),
          "it is replaced")
    alive = 0
    for raw in kept:
        try:
            raw.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
            alive += raw.response()[0] == 200
        except (OSError, AssertionError):
            forget_tls_errors()
        raw.close()
    assert 0 < alive < 16  # the other worker's connections
    for _ in range(20):
        assert d.get("a.test")[0] == 200
    assert d.metric("process_crashes_total") >= 1


def test_killed_keeper_under_load_costs_nothing(door, service, dns):
    one = service(handler=lambda r: r.reply(200, "one"))
    dns.set("web", a=[one.ip])
    d = door(names=["a.test"], dns=dns, sites={"a.test": f"http://web:{one.port}"})
    with Load(d) as load:
        for _ in range(3):
            victim = d.pids("keeper")[0]
            os.kill(victim, signal.SIGKILL)
            until(lambda: d.is_ready() and d.pids("keeper") not in ([], [victim]), "it is replaced")
            load.more()
    assert load.failed == []


def is_ready_again(d, role, victims):
    def check():
        try:
            pids = d.pids(role)
        except OSError:
            return False
        return d.is_ready() and pids and not set(pids) & set(victims)
    return check


def test_killed_worker_under_load_others_serve_on(door, service):
    d = door(names=["a.test"], workers=2, sites={"a.test": named(service, "one")})
    with Load(d, threads=4) as load:
        for _ in range(3):
            victim = d.pids("worker")[0]
            os.kill(victim, signal.SIGKILL)
            until(is_ready_again(d, "worker", [victim]), "it is replaced")
            load.more()
    # Each kill may cost each of the four clients what it had open at that moment.
    assert len(load.failed) <= 3 * 4 * 2
    assert d.get("a.test")[0] == 200


def test_everything_dies_with_the_supervisor(door, service):
    d = door(names=["a.test"], sites={"a.test": service().url})
    pids = d.pids("worker") + d.pids("keeper")
    d.process.kill()
    d.process.wait()
    until(lambda: not any(os.path.exists(f"/proc/{p}") for p in pids), "all are gone")


def test_crash_loop_ends_the_daemon(door, service):
    d = door(names=["a.test"], workers=1, sites={"a.test": service().url})
    killed = set()

    def kill_again():
        if d.process.poll() is not None:
            return True
        try:
            for pid in d.pids("worker"):
                if pid not in killed:
                    killed.add(pid)
                    os.kill(pid, signal.SIGKILL)
        except (OSError, KeyError, ValueError):
            pass
        return False
    until(kill_again, "the daemon gives up", timeout=120)
    assert d.process.returncode == 4
    assert len(killed) >= 3


def test_full_descriptor_table(door, service):
    def few():
        resource.setrlimit(resource.RLIMIT_NOFILE, (200, 200))
    d = door(names=["a.test"], workers=1, sites={"a.test": {"to": named(service, "one"),
                                                            "http": "serve"}},
             preexec=few, extra={"limits": {"connections": 1000}})
    held = []
    try:
        for _ in range(400):
            held.append(d.connect())
    except OSError:
        pass
    until(lambda: d.metric("connections", state="open") > 100, "the table is full")
    for sock in held:
        sock.close()
    until(lambda: d.get("a.test", tls=False)[0] == 200, "served again")
    assert d.get("a.test")[0] == 200


def test_connection_limit(door, service):
    d = door(names=["a.test"], workers=1, sites={"a.test": named(service, "one")},
             extra={"limits": {"connections": 10}})
    held = [d.connect() for _ in range(10)]
    until(lambda: d.metric("connections", state="open") == 10, "all ten are taken")
    with Raw(d.connect()) as raw:
        assert raw.is_closed()
    assert d.metric("connections_refused_total") >= 1
    for sock in held:
        sock.close()
    until(lambda: d.metric("connections", state="open") == 0, "they are gone")
    assert d.get("a.test")[0] == 200


def test_slow_clients_do_not_hold_up_others(door, service):
    d = door(names=["a.test"], workers=1, sites={"a.test": named(service, "one")})
    slow = [Raw(d.connect()) for _ in range(50)]
    for i, raw in enumerate(slow):
        raw.send("GET / HTTP/1.1\r\nHo"[:1 + i % 18])
    for _ in range(10):
        assert d.get("a.test")[0] == 200
    for raw in slow:
        raw.close()


def test_service_stopped_and_started(door, service):
    one = service(handler=lambda r: r.reply(200, "one"))
    d = door(names=["a.test"], sites={"a.test": one.url}, extra={"hold": {"wait": "0s"}})
    assert d.get("a.test")[0] == 200
    one.close()
    assert d.get("a.test")[0] == 502
    d.wait_log("access", reason="connect_refused")
    back = service(handler=lambda r: r.reply(200, "back"), port=one.port)
    until(lambda: d.get("a.test")[0] == 200, "it is back")
    assert back.requests


def test_silent_address_has_its_deadline(door):
    # A full backlog drops SYNs as a dead overlay address does.
    full = socket.socket()
    full.bind(("127.0.0.1", 0))
    full.listen(0)
    fillers = []
    for _ in range(8):
        filler = socket.socket()
        filler.setblocking(False)
        filler.connect_ex(full.getsockname())
        fillers.append(filler)
    d = door(names=["a.test"], sites={"a.test": f"http://127.0.0.1:{full.getsockname()[1]}"},
             extra={"timeouts": {"attempt": "100ms", "connect": "500ms"}, "hold": {"wait": "0s"}})
    assert d.get("a.test")[0] == 504
    d.wait_log("access", reason="connect_timeout")
    for sock in (*fillers, full):
        sock.close()


def test_descriptors_and_memory_come_back(door, service):
    d = door(names=["a.test"], workers=1, sites={"a.test": named(service, "one")})
    pid = d.pids("worker")[0]
    for _ in range(3):
        d.get("a.test")
    until(lambda: d.metric("connections", state="draining") == 0, "quiet")
    before = len(os.listdir(f"/proc/{pid}/fd"))
    for _ in range(100):
        assert d.get("a.test")[0] == 200
    until(lambda: len(os.listdir(f"/proc/{pid}/fd")) <= before + 1, "descriptors are given back")


def test_sandbox(door, service):
    d = door(names=["a.test"], sites={"a.test": service().url})
    for role in ("worker", "keeper"):
        with open(f"/proc/{d.pids(role)[0]}/status", encoding="ascii") as status:
            text = status.read()
        assert "NoNewPrivs:\t1" in text
        assert "Seccomp:\t2" in text
    assert isinstance(d.state()["sandbox_missing"], list)


def test_log_that_blocks_stalls_nobody(door, service, binary):
    """Standard output is a pipe that nobody reads."""
    d = door(names=["a.test"], start=False, workers=1, sites={"a.test": named(service, "one")})
    read, write = os.pipe()
    d.process = subprocess.Popen([binary, "run", "-c", str(d.config)], stdout=write,
                                 stderr=open(d.error_path, "ab"), stdin=subprocess.DEVNULL)
    os.close(write)
    until(d.is_ready, "the door is ready")
    connection = d.https_connection("a.test")
    for _ in range(1500):
        connection.request("GET", "/" + "x" * 100)
        assert connection.getresponse().read() == b"one"
    connection.close()
    until(lambda: d.metric("log_lines_lost_total") > 0, "the lost lines are counted")
    os.close(read)
