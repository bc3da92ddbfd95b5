# SPDX-License-Identifier: MIT
"""`hivedoor dev`: a local reverse proxy with an authority of its own."""

import base64
import concurrent.futures
import json
import os
import signal
import socket
import ssl
import stat
import threading

import pytest
from lib.certs import openssl
from lib.raw import Raw
from lib.wait import until


def fingerprint(pem):
    return openssl("x509", "-in", pem, "-noout", "-fingerprint", "-sha256")


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


def test_alone_it_serves_a_demo(dev):
    d = dev()
    page = d.curl("-i", d.url())
    assert page.returncode == 0, page.stderr
    assert page.stdout.startswith("HTTP/2 200") and "<h1>Hivedoor works" in page.stdout
    assert d.curl("--data-binary", "some bytes", d.url(path="/echo")).stdout == "some bytes"
    assert d.curl("-o", os.devnull, "-w", "%{http_code}", d.url(path="/no")).stdout == "404"
    seen = d.curl(d.url(path="/headers?x=1")).stdout
    assert seen.startswith("GET /headers?x=1\n") and "X-Forwarded-Proto: https\n" in seen
    d.interrupt()


def test_http_redirects_to_the_port_of_https(dev):
    d = dev()
    for path in ("/", "/a/b?c=d"):
        got = d.curl("-o", os.devnull, "-w", "%{http_code} %{redirect_url}",
                     f"http://localhost:{d.http.number}{path}")
        assert got.stdout == f"301 {d.url(path=path)}"
    followed = d.curl("-L", f"http://localhost:{d.http.number}/")
    assert followed.returncode == 0 and "Hivedoor works" in followed.stdout


def test_it_says_how_to_reach_and_trust_it(dev):
    d = dev()
    said = d.output()
    assert f"https://localhost:{d.https.number}/" in said
    assert f":{d.http.number}/ redirects" in said
    assert d.ca == d.home / ".local/share/hivedoor/ca.pem"
    assert said.count(str(d.ca)) == 4
    assert "(new)" in said
    assert "certutil -d sql:$HOME/.pki/nssdb -A" in said and "update-ca-certificates" in said
    assert '"level":"warn"' not in said and '"level":"error"' not in said
    assert mode(d.ca.parent) == 0o700
    assert mode(d.ca.parent / "ca.key") == 0o600


def test_nothing_is_trusted_without_the_authority(dev, authority):
    d = dev()
    assert d.curl(d.url(), ca=authority.ca).returncode == 60
    assert d.curl("https://other.localhost:" + str(d.https.number), "--resolve",
                  f"other.localhost:{d.https.number}:127.0.0.1").returncode != 0


def test_the_authority_is_made_once(dev):
    d = dev()
    first = fingerprint(d.ca)
    d.interrupt()
    d.start()
    assert "(new)" not in d.output()
    assert fingerprint(d.ca) == first
    assert d.curl(d.url()).returncode == 0


def test_where_the_authority_lives(dev, tmp_path):
    xdg = tmp_path / "xdg"
    d = dev(environment={"XDG_DATA_HOME": str(xdg)})
    assert d.ca == xdg / "hivedoor/ca.pem" and d.ca.exists()
    relative = dev(data="a/b")
    assert relative.ca == relative.folder / "a/b/ca.pem"
    assert relative.curl(relative.url()).returncode == 0


def test_own_services(dev, service):
    one, two = service(name="one"), service(name="two")
    d = dev(f"app.localhost={one.port}", f"API.localhost=http://127.0.0.1:{two.port}",
            f"third.test=127.0.0.1:{one.port}")
    for host, name in (("app.localhost", "one"), ("api.localhost", "two"), ("third.test", "one")):
        got = d.curl(d.url(host, "/x?y"))
        assert got.returncode == 0, got.stderr
        seen = json.loads(got.stdout)
        assert (seen["service"], seen["path"]) == (name, "/x?y")
        assert f"https://{host}:{d.https.number}/  ->  http://127.0.0.1:" in d.output()
    assert "demo" not in d.output()


def test_a_service_that_is_not_up_yet(dev, service):
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    d = dev(f"app.localhost={port}")
    code = d.curl("-o", os.devnull, "-w", "%{http_code}", d.url("app.localhost")).stdout
    assert code in ("502", "503")


def test_websocket_through_the_door(dev):
    d = dev()
    context = ssl.create_default_context(cafile=str(d.ca))
    link = socket.create_connection(("127.0.0.1", d.https.number), timeout=30)
    with Raw(context.wrap_socket(link, server_hostname="localhost")) as raw:
        key = base64.b64encode(b"the sample nonce").decode()
        assert key == "dGhlIHNhbXBsZSBub25jZQ=="  # RFC 6455 section 1.3
        raw.send(f"GET /ws HTTP/1.1\r\nHost: localhost:{d.https.number}\r\nUpgrade: websocket\r\n"
                 f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
                 "Sec-WebSocket-Version: 13\r\n\r\n")
        head = raw.until(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101")
        assert b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head
        raw.send(b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58")
        assert raw.exactly(7) == b"\x81\x05Hello"
        raw.send(b"\x88\x82\x00\x00\x00\x00\x03\xe8")
        assert raw.rest() == b"\x88\x02\x03\xe8"


@pytest.mark.parametrize("arguments, text", [
    (["--http"], "--http needs a value"),
    (["--http", "0"], "--http"),
    (["--https=65536"], "--https=65536"),
    (["--data", ""], "--data"),
    (["--nonsense", "1"], "--nonsense"),
    (["app.localhost"], "app.localhost"),
    (["=3000"], "=3000"),
    (["app.localhost="], "app.localhost="),
    (["app.localhost=ftp://x"], "expected http://"),
    (["app.localhost=http://127.0.0.1:99999"], "port from 1 to 65535"),
    (["a.test=1", "a.test=2"], "a second time"),
    (["--bind", "300.1.1.1"], "300.1.1.1"),
    (["--admin", "nonsense"], "nonsense"),
])
def test_wrong_usage(dev, arguments, text):
    got = dev(start=False).run(*arguments)
    assert got.returncode == 2, got
    assert text in got.stderr and got.stdout == ""
    assert "/proc/" not in got.stderr


def test_usage_is_shown(dev):
    d = dev(start=False)
    assert "usage: hivedoor dev" in d.run("app.localhost").stderr
    got = d.run("--help")
    assert got.returncode == 0 and "usage: hivedoor dev" in got.stdout


def test_other_names_are_refused_with_the_remedy(dev):
    for name in ("example.com", "localhost.example.com", "notlocalhost", "com"):
        got = dev(start=False).run(f"{name}=3000")
        assert got.returncode == 2
        assert name in got.stderr and ".localhost, .test, .local, .internal" in got.stderr


def test_a_port_in_use(dev):
    d = dev(start=False)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for option in ("--http", "--https"):
            got = d.run(option, port)
            assert got.returncode == 3
            assert f"127.0.0.1:{port}" in got.stderr and "in use" in got.stderr
            assert "--http PORT and --https PORT" in got.stderr


def test_a_folder_that_cannot_be(dev):
    d = dev(start=False)
    (d.folder / "file").write_text("")
    got = d.run("--data", d.folder / "file/below")
    assert got.returncode == 3
    assert "Not a directory" in got.stderr and "--data" in got.stderr


def test_another_address(dev):
    d = dev("--bind=127.0.0.2")
    socket.create_connection(("127.0.0.2", d.https.number), timeout=30).close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", d.https.number), timeout=30)


def test_many_starts_at_once_agree_on_one_authority(dev):
    d = dev(start=False)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            ends = list(pool.map(lambda _: d.run("--http", port).returncode, range(6)))
    assert ends == [3] * 6  # each had made or found the authority before it looked at the port
    folder = d.home / ".local/share/hivedoor"
    assert sorted(os.listdir(folder)) == ["ca.key", "ca.pem"]
    assert (openssl("x509", "-in", folder / "ca.pem", "-noout", "-pubkey")
            == openssl("pkey", "-in", folder / "ca.key", "-pubout"))
    d.start()
    assert "(new)" not in d.output()


def test_admin_address(dev, tmp_path):
    d = dev(f"--admin=unix:{tmp_path}/admin.sock")
    assert d.curl("--unix-socket", tmp_path / "admin.sock",
                  "http://localhost/readyz").returncode == 0


def processes_of(group):
    """Pids of a process group, from /proc."""
    found = []
    for entry in os.listdir("/proc"):
        try:
            with open(f"/proc/{int(entry)}/stat") as file:
                if int(file.read().rsplit(")", 1)[1].split()[2]) == group:
                    found.append(int(entry))
        except (ValueError, OSError):
            pass
    return found


def test_ctrl_c_ends_all(dev):
    d = dev()
    assert len(processes_of(d.process.pid)) == 4  # supervisor, keeper, worker, demo
    d.interrupt()
    assert "process_died" not in d.output()
    until(lambda: processes_of(d.process.pid) == [], "no process is left")


def test_ctrl_c_drains(dev, service):
    asked, go_on = threading.Event(), threading.Event()

    def slow(request):
        asked.set()
        go_on.wait(30)
        request.reply(200, "late but there")
    d = dev(f"app.localhost={service(handler=slow).port}")
    with concurrent.futures.ThreadPoolExecutor() as pool:
        answer = pool.submit(d.curl, d.url("app.localhost"))
        try:
            assert asked.wait(30)
            os.killpg(d.process.pid, signal.SIGINT)
            until(lambda: '"event":"draining"' in d.output(), "it drains")
        finally:
            go_on.set()
        assert answer.result().stdout == "late but there"
    assert d.process.wait(30) == 0
    assert "process_died" not in d.output()


def test_the_demo_dies_with_a_killed_daemon(dev):
    d = dev()
    d.process.kill()
    d.process.wait()
    until(lambda: processes_of(d.process.pid) == [], "no process is left")
