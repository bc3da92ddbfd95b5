# SPDX-License-Identifier: MIT
"""Reload by SIGHUP, by changed files and by command; drain on SIGTERM."""

import contextlib
import http.client
import pathlib
import resource
import signal
import subprocess
import threading

from lib.h2site import SMALL_QUARANTINE
from lib.raw import Raw
from lib.tls_errors import forget_tls_errors
from lib.wait import until


MIB = 1 << 20


def body(d, name="a.test", **options):
    return d.get(name, **options)[2].decode()


def named(service, name):
    return service(handler=lambda r: r.reply(200, name)).url


class Load:
    """Requests without end from some threads, each on a kept and on a new connection in turn."""

    def __init__(self, d, name="a.test", threads=3):
        self.door, self.name = d, name
        self.done, self.failed = 0, []
        self.stop = threading.Event()
        self.threads = [threading.Thread(target=self.run, daemon=True) for _ in range(threads)]

    def run(self):
        kept = self.door.https_connection(self.name)
        while not self.stop.is_set():
            try:
                kept.request("GET", "/kept")
                response = kept.getresponse()
                response.read()
                status, _, _ = self.door.get(self.name, "/new")
                if (response.status, status) != (200, 200):
                    self.failed.append((response.status, status))
                if response.headers.get("Connection") == "close":
                    kept.close()
            except (OSError, http.client.HTTPException) as error:
                self.failed.append(repr(error))
                kept.close()
                forget_tls_errors()
            self.done += 2
        kept.close()

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        until(lambda: self.done > 10, "the load runs")
        return self

    def more(self, count=40):
        before = self.done
        until(lambda: self.done >= before + count, "more requests")

    def __exit__(self, *_):
        self.stop.set()
        for thread in self.threads:
            thread.join(30)


def test_hup_changes_sites(door, service):
    one, two = named(service, "one"), named(service, "two")
    d = door(names=["a.test", "b.test"], sites={"a.test": one})
    assert body(d) == "one"
    d.configure({"a.test": two, "b.test": one})
    d.reload()
    assert (body(d), body(d, "b.test")) == ("two", "one")


def test_changed_file_is_noticed(door, service):
    one, two = named(service, "one"), named(service, "two")
    d = door(names=["a.test"], sites={"a.test": one})
    d.configure({"a.test": two})  # by renaming, as editors do
    until(lambda: body(d) == "two", "a renamed file")
    d.config.write_text(d.config.read_text().replace(two, one))  # in place
    until(lambda: body(d) == "one", "a file written in place")


def test_unchanged_does_nothing(door, service):
    d = door(names=["a.test"], sites={"a.test": named(service, "one")})
    generation = d.state()["generation"]
    d.reload("unchanged")
    d.config.touch()
    d.wait_log("reload_done", 2, outcome="unchanged")
    assert d.state()["generation"] == generation


def test_broken_file_changes_nothing_and_is_reported(door, service):
    d = door(names=["a.test"], sites={"a.test": named(service, "one")})
    d.write("version: 1\nsites:\n  a.test: http://x:1\n  b.test: {too: http://y:1}\ntimeout: 5s\n")
    d.wait_log("reload_done", outcome="failed")
    assert body(d) == "one"
    places = [(r["line"], r["column"]) for r in d.log("config_error")]
    assert (4, 12) in places and (5, 1) in places
    assert d.metric("reloads_total", outcome="failed") == 1
    d.configure({"a.test": named(service, "two")})
    until(lambda: body(d) == "two", "the mended file")


def test_reload_command_reports(door, service):
    d = door(names=["a.test"], sites={"a.test": named(service, "one")})
    admin = ["--admin", f"unix:{d.admin_path}"]
    assert d.run("reload", *admin).returncode == 0
    d.write("version: 2\n")
    result = d.run("reload", *admin)
    assert result.returncode == 1 and "version" in result.stdout + result.stderr


def echo(request):
    """A service that switches protocols at /ws and gives back what comes."""
    if request.path == "/ws":
        request.send_response(101)
        request.send_header("Connection", "Upgrade")
        request.send_header("Upgrade", "echo")
        request.end_headers()
        while data := request.connection.recv(100):
            request.connection.sendall(data)
        request.close_connection = True
    else:
        request.reply(200, "one")


def open_tunnel(d):
    tunnel = Raw(d.connect_tls("a.test"))
    tunnel.send("GET /ws HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
    assert tunnel.response()[0] == 101
    return tunnel


def test_open_connections_and_tunnels_live_on(door, service):
    d = door(names=["a.test"], workers=1, sites={"a.test": service(handler=echo).url})
    with open_tunnel(d) as tunnel, Raw(d.connect_tls("a.test")) as kept:
        kept.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
        assert kept.response()[0] == 200
        for i in range(5):
            d.configure({"a.test": named(service, f"new{i}")})
            d.reload()
            tunnel.send(b"still here")
            assert tunnel.exactly(10) == b"still here"
            kept.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
            assert kept.response()[2] == b"new%d" % i  # new requests see the new configuration
    until(lambda: d.metric("generations") <= 2, "old generations are gone")


def own_bytes(pid):
    """Memory that is the process's alone, as the door itself counts it."""
    _, resident, shared, *_ = pathlib.Path(f"/proc/{pid}/statm").read_text().split()
    return (int(resident) - int(shared)) * resource.getpagesize()


def test_many_reloads_with_open_tunnels_keep_nothing(door, service):
    """Twenty generations that were kept would be ten times of what may be left."""
    url = service(handler=echo).url
    d = door(names=["a.test", "*.a.test"], workers=1, sites={"a.test": url},
             environment=SMALL_QUARANTINE)

    def reload(number):
        d.configure({"a.test": url, **{f"s{number}-{i}.a.test": url for i in range(1000)}})
        d.reload()
        until(lambda: d.metric("generation_current") > number and d.metric("generations") <= 2,
              "the old generation is gone")

    with contextlib.ExitStack() as stack:
        tunnels = [stack.enter_context(open_tunnel(d)) for _ in range(50)]
        for number in range(5):
            reload(number)
        (worker,) = d.pids("worker")
        early = own_bytes(worker)
        for number in range(5, 25):
            reload(number)
        assert own_bytes(worker) < early + 4 * MIB
        assert d.pids("worker") == [worker]
        for tunnel in tunnels:
            tunnel.send(b"still here")
            assert tunnel.exactly(10) == b"still here"


def test_reload_under_load_loses_nothing(door, service):
    d = door(names=["a.test"], sites={"a.test": named(service, "one")})
    with Load(d) as load:
        for i in range(10):
            d.authority.write(d.certs, ["a.test"], days=20 + i)
            d.configure({"a.test": named(service, "one")})
            d.reload()
            load.more(20)
    assert load.failed == []


def test_hup_storm_is_coalesced_never_lost(door, service):
    d = door(names=["a.test"], sites={"a.test": named(service, "one")})
    for i in range(20):
        d.configure({"a.test": named(service, f"v{i}")})
        d.signal(signal.SIGHUP)
    until(lambda: body(d) == "v19", "the last configuration")


def test_listeners_come_and_go(door, service):
    from lib.door import HeldPort
    d = door(names=["a.test"], sites={"a.test": {"to": named(service, "one"), "http": "serve"}})
    fresh = HeldPort()
    try:
        sites = {"a.test": {"to": named(service, "one"), "http": "serve"}}
        old = d.http
        d.configure(sites, listen={"http": [f"127.0.0.1:{old.number}", f"127.0.0.1:{fresh.number}"]})
        d.reload()
        for port in (old, fresh):
            d.http = port
            assert d.get("a.test", tls=False)[0] == 200
        d.configure(sites, listen={"http": f"127.0.0.1:{fresh.number}"})
        d.reload()
        d.http = old
        until(lambda: not can_connect(d), "the old listener is closed")
    finally:
        d.http = old
        fresh.close()


def can_connect(d):
    try:
        d.connect().close()
        return True
    except ConnectionRefusedError:
        return False


# ---- stopping ----

def test_sigterm_drains(door, service):
    release = threading.Event()
    arrived = threading.Event()

    def slow(request):
        if request.path == "/slow":
            arrived.set()
            release.wait(30)
        request.reply(200, "done")
    d = door(names=["a.test"], sites={"a.test": service(handler=slow).url},
             extra={"drain": {"timeout": "20s"}})
    answers = []
    thread = threading.Thread(target=lambda: answers.append(d.get("a.test", "/slow")))
    thread.start()
    assert arrived.wait(30)
    d.signal(signal.SIGTERM)
    until(lambda: d.admin("/readyz")[0] == 503, "readyz says 503")
    assert d.admin("/healthz")[0] == 200
    status, headers, _ = d.get("a.test", "/late")  # the door goes on accepting
    assert (status, headers["Connection"]) == (200, "close")
    release.set()
    thread.join(30)
    assert answers[0][0] == 200 and answers[0][2] == b"done"
    assert d.wait() == 0


def test_drain_deadline_cuts(door, service):
    d = door(names=["a.test"], sites={"a.test": service(handler=lambda r: threading.Event().wait(
        60)).url}, extra={"drain": {"timeout": "300ms"}})
    with Raw(d.connect_tls("a.test")) as raw:
        raw.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
        until(lambda: d.metric("exchanges", state="relay") == 1, "the request is running")
        d.signal(signal.SIGTERM)
        assert d.wait() == 0
        raw.rest()
    assert d.wait_log("access", reason="drain_deadline")


def test_second_signal_ends_now(door, service):
    d = door(names=["a.test"], sites={"a.test": service(handler=lambda r: threading.Event().wait(
        60)).url}, extra={"drain": {"timeout": "10m"}})
    with Raw(d.connect_tls("a.test")) as raw:
        raw.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
        until(lambda: d.metric("exchanges", state="relay") == 1, "the request is running")
        d.signal(signal.SIGTERM)
        until(lambda: d.admin("/readyz")[0] == 503, "draining")
        d.signal(signal.SIGTERM)
        d.wait()


def test_quit_and_int_stop_too(door):
    for number in (signal.SIGQUIT, signal.SIGINT):
        d = door(sites={"a.test": "http://127.0.0.1:1"})
        d.signal(number)
        assert d.wait() == 0


def test_no_process_is_left(door, service):
    d = door(names=["a.test"], sites={"a.test": service().url})
    pids = [p["pid"] for p in d.state()["processes"]]
    d.stop()
    left = subprocess.run(["ps", "-o", "pid=", "-p", ",".join(map(str, pids))],
                          capture_output=True, text=True).stdout.split()
    assert left == []
