# SPDX-License-Identifier: MIT
"""The processes among themselves: reloads without end, processes that hang, files that come and go,
an admin address under siege."""

import os
import pathlib
import resource
import shutil
import signal
import socket
import subprocess
import time

import pytest

from lib.raw import Raw
from lib.wait import until
from test_faults import is_ready_again
from test_reload import body, named


def fd_count(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def resident_kib(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise AssertionError("no VmRSS")


def state_of(pid):
    """The letter that ps shows: R, S, T, Z; None when it is gone."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return None


def children_of(pid):
    return [int(p) for p in
            pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def loaders_of(pid):
    found = []
    for child in children_of(pid):
        try:
            if b"@loader" in pathlib.Path(f"/proc/{child}/cmdline").read_bytes():
                found.append(child)
        except OSError:
            pass
    return found


def everyone(d):
    return [d.process.pid, *d.pids("keeper"), *d.pids("worker")]


def catch_loader(d, number):
    """Asks for reloads until one of their loaders was there to be sent a signal."""
    def caught():
        d.signal(signal.SIGHUP)
        end = time.monotonic() + 1
        while time.monotonic() < end:
            for loader in loaders_of(d.process.pid):
                try:
                    os.kill(loader, number)
                    return loader
                except ProcessLookupError:
                    pass
        return None
    return until(caught, "a loader is caught")


# ---- reloads ----

def test_hundred_reloads_leave_nothing_behind(door, service):
    upstream = service()
    d = door(names=["a.test"], sites={"a.test": upstream.url})

    def change(i):
        d.configure({"a.test": upstream.url, f"b{i}.test": upstream.url},
                    limits={"connections": 1000 + i})
        d.reload()
    for i in range(20):  # allocators and libraries have their fill
        change(i)
    pids = everyone(d)
    until(lambda: d.metric("generations") == 2, "one generation a worker")
    fds = [fd_count(p) for p in pids]
    memory = [resident_kib(p) for p in pids]
    for i in range(20, 120):
        change(i)
    assert everyone(d) == pids
    until(lambda: d.metric("generations") == 2, "one generation a worker")
    until(lambda: all(fd_count(p) <= n for p, n in zip(pids, fds)), "no more descriptors")
    until(lambda: len(children_of(d.process.pid)) == 3, "no loader is left, not even as a zombie")
    # A sanitizer keeps freed memory for a while.
    slack = 65536 if is_sanitized(d) else 4096
    for pid, before in zip(pids, memory):
        assert resident_kib(pid) < before + slack, (pid, before, resident_kib(pid))


def is_sanitized(d):
    return b"__asan_init" in pathlib.Path(d.binary).read_bytes()


def test_stopped_worker_fails_the_reload_and_is_replaced(door, service):
    d = door(names=["a.test"], workers=2, sites={"a.test": named(service, "one")})
    victim, other = d.pids("worker")
    os.kill(victim, signal.SIGSTOP)
    d.configure({"a.test": named(service, "two")})
    d.signal(signal.SIGHUP)
    d.wait_log("reload_done", outcome="failed")
    assert "in time" in d.log("reload_done")[-1]["reason"]
    until(is_ready_again(d, "worker", [victim]), "it is replaced", timeout=60)
    assert d.log("process_hangs")
    assert other in d.pids("worker")
    d.reload()
    assert body(d) == "two"
    until(lambda: state_of(victim) is None, "reaped")


def test_killed_loader_changes_nothing(door, service):
    d = door(names=["a.test"], sites={"a.test": named(service, "one")})
    catch_loader(d, signal.SIGKILL)
    record = d.wait_log("reload_done", outcome="failed")[-1]
    assert "loader died" in record["reason"]
    assert body(d) == "one"
    d.configure({"a.test": named(service, "two")})
    until(lambda: body(d) == "two", "the next one does its work")


def test_stopped_loader_is_ended(door, service):
    d = door(names=["a.test"], sites={"a.test": named(service, "one")})
    loader = catch_loader(d, signal.SIGSTOP)
    d.configure({"a.test": named(service, "two")})  # changed while a reload runs
    until(lambda: state_of(loader) is None, "ended and reaped", timeout=90)
    d.wait_log("reload_done", outcome="failed")
    until(lambda: body(d) == "two", "what came meanwhile is not lost")


def test_full_descriptor_table_stands_a_reload(door, service):
    def few():
        resource.setrlimit(resource.RLIMIT_NOFILE, (150, 150))
    d = door(names=["a.test"], workers=1, sites={"a.test": named(service, "one")}, preexec=few,
             extra={"limits": {"connections": 1000}})
    worker = d.pids("worker")
    held = [d.connect() for _ in range(200)]
    until(lambda: fd_count(worker[0]) >= 149, "the table is full")
    d.configure({"a.test": named(service, "two")}, limits={"connections": 1000})
    d.reload()
    assert d.pids("worker") == worker
    for sock in held:
        sock.close()
    until(lambda: body(d) == "two", "the new configuration is served")
    assert d.pids("worker") == worker


def test_many_ask_for_a_reload_at_once(door, service):
    d = door(names=["a.test"], sites={"a.test": named(service, "one")})
    d.configure({"a.test": named(service, "two")})
    command = [d.binary, "reload", "--admin", f"unix:{d.admin_path}"]
    asking = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
              for _ in range(8)]
    for one in asking:
        out = one.communicate(timeout=60)[0].decode()
        assert one.returncode == 0 and out.strip() in {"ok", "unchanged"}, out
    assert body(d) == "two"


def test_reload_names_the_address_in_use(door, service):
    d = door(names=["a.test"], sites={"a.test": service().url})
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        d.configure({"a.test": service().url}, listen={"http": address})
        result = d.run("reload", "--admin", f"unix:{d.admin_path}")
    assert result.returncode == 1 and address in result.stderr and "in use" in result.stderr


def test_reload_while_draining_is_refused(door, service):
    d = door(names=["a.test"], sites={"a.test": service().url}, extra={"drain": {"timeout": "60s"}},
             workers=1)
    with Raw(d.connect_tls("a.test")) as raw:
        raw.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
        assert raw.response()[0] == 200
        until(lambda: d.metric("connections", state="idle") == 1, "nothing is asked for")
        raw.send("GET / HTTP/1.1\r\nHost: a.test\r\n")  # not complete: it holds up the drain
        until(lambda: d.metric("connections", state="open") == 1, "a request has begun")
        d.signal(signal.SIGTERM)
        until(lambda: d.admin("/readyz")[0] == 503, "draining")
        status, text = d.admin("/reload", "POST")
        assert status == 500 and "stopping" in text
        d.signal(signal.SIGHUP)
        d.signal(signal.SIGTERM)
        assert d.wait() == 0


@pytest.mark.parametrize("state", ["socket", "children", "ready"])
def test_terminated_while_it_starts(door, service, state):
    """SIGTERM at several moments: it ends, with a status that says so, and nobody is left."""
    d = door(names=["a.test"], sites={"a.test": service().url}, start=False)
    d.start(wait=False)
    pid = d.process.pid
    steps = {"socket": lambda: children_of(pid), "children": lambda: len(children_of(pid)) >= 2,
             "ready": d.is_ready}
    until(lambda: steps[state]() or d.process.poll() is not None, state)
    children = children_of(pid)
    d.signal(signal.SIGTERM)
    assert d.wait() == 0
    until(lambda: not any(state_of(c) for c in children), "all are gone")


# ---- files ----

def test_configuration_removed_and_made_again(door, service):
    d = door(names=["a.test"], sites={"a.test": named(service, "one")})
    d.config.unlink()
    d.wait_log("reload_done", outcome="failed")
    assert body(d) == "one"
    d.configure({"a.test": named(service, "two")})
    until(lambda: body(d) == "two", "the new file")


def test_certificate_folder_removed_and_made_again(door, service):
    d = door(names=["a.test"], sites={"a.test": service().url})

    def served():
        with d.connect_tls("a.test") as sock:
            return sock.getpeercert()["serialNumber"].lstrip("0")
    shutil.rmtree(d.certs)
    until(lambda: d.log("reload_done"), "its absence is noticed")
    assert served() == d.serial.lstrip("0")  # what ran goes on
    serial = d.authority.write(d.certs, ["a.test"], days=25)
    until(lambda: served() == serial.lstrip("0"), "the new certificate")
    inode = f"ino:{d.certs.stat().st_ino:x} "

    def is_watched():
        return any(inode in f.read_text() for f in
                   pathlib.Path(f"/proc/{d.process.pid}/fdinfo").iterdir())
    until(is_watched, "inotify watches the new folder")


def test_folder_behind_a_link_is_swapped(door, service):
    """As orchestrators mount configurations: FILE -> ..data/FILE, ..data -> ..1, renamed over."""
    d = door(names=["a.test"], sites={"a.test": named(service, "one")}, start=False)
    mount, written = d.folder / "mount", d.config
    mount.mkdir()

    def publish(version):
        folder = mount / f"..{version}"
        folder.mkdir()
        shutil.copy(written, folder / "hivedoor.yml")
        (mount / "..new").symlink_to(folder.name)
        (mount / "..new").rename(mount / "..data")
    publish(1)
    (mount / "hivedoor.yml").symlink_to("..data/hivedoor.yml")
    d.config = mount / "hivedoor.yml"
    d.start()
    assert body(d) == "one"
    for version, text in ((2, "two"), (3, "three")):
        d.config = written
        d.configure({"a.test": named(service, text)})
        publish(version)
        until(lambda: body(d) == text, f"version {version}")
        shutil.rmtree(mount / f"..{version - 1}")


# ---- the admin address ----

def test_idle_admin_connections_do_not_lock_out_the_health_check(door, service):
    d = door(names=["a.test"], sites={"a.test": service().url})
    held = []
    for _ in range(80):
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(str(d.admin_path))
        held.append(sock)
    for _ in range(3):
        assert d.run("health", "--admin", f"unix:{d.admin_path}").returncode == 0
    for sock in held:
        sock.close()


def test_pages_of_others_do_not_read_the_admin_address(door, service):
    d = door(names=["a.test"], sites={"a.test": service().url}, start=False)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    d.configure({"a.test": service().url}, listen={"admin": f"127.0.0.1:{port}"})
    d.start(wait=False)
    d.wait_log("ready")

    def status(host, path="/state", method="GET", **fields):
        lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", "Connection: close"]
        lines += [f"{k}: {v}" for k, v in fields.items()]
        with Raw(socket.create_connection(("127.0.0.1", port), timeout=30)) as raw:
            raw.send("\r\n".join(lines) + "\r\n\r\n")
            return raw.response()[0]
    assert status(f"127.0.0.1:{port}") == 200
    assert status("localhost") == 200
    assert status(f"[::1]:{port}") == 200
    assert status("rebound.example") == 421
    assert status("127.0.0.1.example:1") == 421
    assert status("localhost", "/reload", "POST") == 200
    assert status("localhost", "/reload", "POST", Origin="http://localhost") == 403


def test_ten_thousand_sites(door, service):
    upstream = service()
    sites = {f"s{i}.test": {"to": f"http://svc{i}:80", "aliases": [f"www.s{i}.test"]}
             for i in range(9999)}
    sites["a.test"] = upstream.url
    d = door(names=["a.test", "*.s1.test"], workers=1, sites=sites,
             extra={"log": {"level": "warn"}})
    assert d.get("a.test")[0] == 200
    started = time.monotonic()
    state = d.state()
    assert len(state["sites"]) == 10000
    assert {s["name"] for s in state["sites"] if s["certificate"]} == {"a.test"}
    assert d.admin("/metrics")[0] == 200
    assert time.monotonic() - started < 20  # nothing in it grows with the square


# ---- without rights ----

def test_without_rights(binary, door, service):
    """User 65534, no capability, nothing to write to: as in a read-only container."""
    d = door(names=["a.test"], sites={"a.test": named(service, "one")}, start=False)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    d.configure({"a.test": named(service, "one")}, listen={"admin": f"127.0.0.1:{port}"})
    folder = d.folder
    program = folder / "hivedoor"
    shutil.copy(binary, program)
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o555 if path.is_dir() or path == program else 0o444)
    for parent in folder.parents:
        if parent.stat().st_uid == os.getuid() and not parent.stat().st_mode & 0o001:
            parent.chmod(parent.stat().st_mode | 0o011)
    drop = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups",
            "--bounding-set=-all", "--inh-caps=-all"]
    with open(d.log_path, "ab") as out, open(d.error_path, "ab") as err:
        d.process = subprocess.Popen([*drop, program, "run", "-c", d.config], cwd="/", stdout=out,
                                     stderr=err, stdin=subprocess.DEVNULL)
    d.wait_log("ready")
    assert body(d) == "one"
    status = pathlib.Path(f"/proc/{d.process.pid}/status").read_text()
    assert "CapEff:\t0000000000000000" in status and "Uid:\t65534" in status
    assert d.run("health", "--admin", f"127.0.0.1:{port}").returncode == 0
    d.signal(signal.SIGHUP)
    assert d.wait_log("reload_done")[-1]["outcome"] == "unchanged"
    d.stop()
