# SPDX-License-Identifier: MIT
"""nginx and a WebSocket server as services behind the door, over HTTPS."""

import asyncio
import gzip
import hashlib
import os
import threading

import pytest
import websockets
from lib.program import Nginx
from lib.raw import Raw
from lib.tunnel import EchoServer
from lib.wait import until

MIB = 1 << 20
BIG = 100 * MIB
SERVER = """
        absolute_redirect off;
        client_max_body_size 0;
        sendfile on;
        location /zipped/ {
            gzip on; gzip_proxied any; gzip_min_length 1; gzip_types *;
            alias {root}/;
        }
        location /dav/ {
            alias {root}/dav/; dav_methods PUT DELETE; create_full_put_path on;
        }
        location /small { client_max_body_size 1k; return 204; }
        location /broken { error_page 503 /sorry.html; return 503; }
        location /gone { return 410 "gone for good"; }
        location /private { return 403; }
        location /empty { return 204; }
        location /echo { add_header X-Seen $http_x_asked; add_header X-Twice 1;
                         add_header X-Twice 2; return 200 "$request_method $host $request_uri"; }
"""


@pytest.fixture
def nginx():
    with Nginx(SERVER) as server:
        (server.root / "index.html").write_text("<title>nginx</title>\n")
        (server.root / "sorry.html").write_text("we are sorry\n")
        (server.root / "sub").mkdir()
        (server.root / "data").write_bytes(DATA)
        yield server


@pytest.fixture
def site(door, nginx):
    return door(names=["a.test"], workers=1, sites={"a.test": nginx.url},
                extra={"hold": {"wait": "0s"}})


DATA = bytes(i * 7 % 251 for i in range(300_000))


def ask(d, path="/", **headers):
    return d.get("a.test", path, headers={k.replace("_", "-"): v for k, v in headers.items()})


def test_files_and_validators(site):
    status, headers, body = ask(site, "/data")
    assert (status, body) == (200, DATA)
    assert headers["Server"].startswith("nginx") and headers["Accept-Ranges"] == "bytes"
    etag, date = headers["ETag"], headers["Last-Modified"]
    for condition in ({"If_None_Match": etag}, {"If_Modified_Since": date}):
        status, headers, body = ask(site, "/data", **condition)
        assert (status, headers["ETag"], body) == (304, etag, b"")
    assert ask(site, "/data", If_None_Match='"other"')[0] == 200
    assert ask(site, "/data", If_Match='"other"')[0] == 412
    status, headers, body = site.get("a.test", "/data", method="HEAD")
    assert (status, headers["Content-Length"], body) == (200, str(len(DATA)), b"")


@pytest.mark.parametrize("wanted, begin, end", [
    ("bytes=0-0", 0, 1), ("bytes=1000-1999", 1000, 2000), ("bytes=299000-", 299_000, 300_000),
    ("bytes=-100", 299_900, 300_000), ("bytes=0-999999", 0, 300_000)])
def test_one_range(site, wanted, begin, end):
    status, headers, body = ask(site, "/data", Range=wanted)
    assert (status, body) == (206, DATA[begin:end])
    assert headers["Content-Range"] == f"bytes {begin}-{end - 1}/{len(DATA)}"


def test_ranges_many_wrong_and_conditional(site):
    status, headers, body = ask(site, "/data", Range="bytes=0-9,100-109")
    assert status == 206 and headers["Content-Type"].startswith("multipart/byteranges")
    assert DATA[:10] in body and DATA[100:110] in body
    assert int(headers["Content-Length"]) == len(body)
    status, headers, _ = ask(site, "/data", Range="bytes=300000-")
    assert (status, headers["Content-Range"]) == (416, "bytes */300000")
    assert ask(site, "/data", Range="bytes=0-9", If_Range='"old"')[::2] == (200, DATA)


def test_keep_alive_mixed_answers_on_one_connection(site, nginx):
    etag = ask(site, "/data")[1]["ETag"]
    connection = site.https_connection("a.test")
    connection.connect()
    connection.auto_open = 0
    mix = [("GET", "/data", {}, 200, DATA), ("HEAD", "/data", {}, 200, b""),
           ("GET", "/data", {"If-None-Match": etag}, 304, b""), ("GET", "/empty", {}, 204, b""),
           ("GET", "/data", {"Range": "bytes=5-9"}, 206, DATA[5:10]),
           ("GET", "/gone", {}, 410, b"gone for good"), ("DELETE", "/data", {}, 405, None),
           ("GET", "/nowhere", {}, 404, None)]
    before = site.metric("upstream_links_opened_total")
    for _ in range(10):
        for method, path, headers, status, body in mix:
            connection.request(method, path, headers=headers)
            response = connection.getresponse()
            got = response.read()
            assert response.status == status, (method, path)
            assert body is None or got == body, (method, path)
    connection.close()
    assert site.metric("upstream_links_opened_total") - before <= 1
    until(lambda: len(nginx.accesses()) >= 81, "nginx has written its log")
    assert len({line[0] for line in nginx.accesses()}) <= 2  # connections


def test_chunked_by_gzip(site, nginx):
    with Raw(site.connect_tls("a.test")) as raw:
        for _ in range(3):
            raw.send("GET /zipped/data HTTP/1.1\r\nHost: a.test\r\nAccept-Encoding: gzip\r\n\r\n")
            status, fields, body = raw.response()
            assert (status, fields["transfer-encoding"]) == (200, "chunked")
            assert "content-length" not in fields and fields["content-encoding"] == "gzip"
            assert gzip.decompress(body) == DATA
        raw.send("GET /zipped/data HTTP/1.0\r\nHost: a.test\r\nAccept-Encoding: gzip\r\n\r\n")
        head, _, body = raw.rest().partition(b"\r\n\r\n")
        assert b"chunked" not in head
        assert (gzip.decompress(body) if b"gzip" in head else body) == DATA


def test_error_pages_are_the_services(site, nginx):
    status, _, body = ask(site, "/nowhere", Accept="application/json")
    assert status == 404 and b"nginx" in body
    assert ask(site, "/broken")[::2] == (503, b"we are sorry\n")
    assert ask(site, "/gone")[::2] == (410, b"gone for good")
    assert ask(site, "/private")[0] == 403
    assert site.get("a.test", "/index.html", method="POST", body=b"x")[0] == 405
    status, headers, _ = ask(site, "/sub")
    assert (status, headers["Location"]) == (301, "/sub/")
    nginx.stop()
    status, _, body = ask(site, "/", Accept="text/html")
    assert status == 502 and b"nginx" not in body  # and this one is the door's


def test_request_reaches_it_as_sent(site):
    target = "/echo/%41%2f%20//x;y=1?a=b&c=%26+d"
    status, headers, body = ask(site, target, X_Asked="one, two")
    assert (status, body) == (200, f"GET a.test {target}".encode())
    assert headers["X-Seen"] == "one, two" and headers.get_all("X-Twice") == ["1", "2"]


def test_refused_upload_is_answered_early(site):
    connection = site.https_connection("a.test")
    connection.putrequest("POST", "/small")
    connection.putheader("Content-Length", str(BIG))
    connection.endheaders()
    connection.send(b"x" * 1000)
    response = connection.getresponse()  # long before the body is there
    assert response.status == 413 and b"nginx" in response.read()
    connection.close()


@pytest.fixture(scope="module")
def big(tmp_path_factory):
    """A file that has no two equal blocks, and its digest."""
    path = tmp_path_factory.mktemp("big") / "big"
    block = os.urandom(MIB)
    with open(path, "wb") as out:
        for i in range(BIG // MIB):
            out.write(i.to_bytes(8, "big") + block[8:])
    yield path, digest(path)
    path.unlink()


def digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_large_file_up_and_down(site, nginx, big, tmp_path, framing):
    path, expected = big
    chunked = ["-H", "Transfer-Encoding: chunked"] if framing == "chunked" else []
    url = "https://a.test/dav/big"
    up = site.curl("--http1.1", "-f", "-T", path, *chunked, url)
    assert up.returncode == 0, up.stderr
    assert digest(nginx.root / "dav" / "big") == expected
    back = tmp_path / "back"
    down = site.curl("--http1.1", "-f", "-o", back, url)
    assert down.returncode == 0, down.stderr
    assert digest(back) == expected
    # An upload and a download on one connection each, at the same time.
    jobs = [threading.Thread(target=site.curl, args=arguments) for arguments in
            (("--http1.1", "-f", "-T", path, *chunked, url + "2"),
             ("--http1.1", "-f", "-o", back, url))]
    back.unlink()
    for job in jobs:
        job.start()
    for job in jobs:
        job.join()
    assert (digest(nginx.root / "dav" / "big2"), digest(back)) == (expected, expected)


# ---- WebSocket

@pytest.fixture
def websocket(door, monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    server = EchoServer()
    d = door(names=["a.test"], sites={"a.test": server.url})

    def connect(**options):
        return websockets.connect("wss://a.test/ws", host="127.0.0.1", port=d.https.number,
                                  server_hostname="a.test", ssl=d.tls_context(), max_size=None,
                                  **options)
    yield server, connect
    server.close()


def test_websocket_messages_of_all_sizes(websocket):
    server, connect = websocket

    async def talk():
        async with connect() as peer:
            for size in (0, 1, 125, 126, 65535, 65536, MIB):
                for message in ("x" * size, os.urandom(size)):
                    await peer.send(message)
                    assert await peer.recv() == message
            await peer.send(iter(["one, ", "two, ", "three"]))  # in fragments
            assert await peer.recv() == "one, two, three"
            await (await peer.ping())
    asyncio.run(asyncio.wait_for(talk(), 60))
    until(lambda: server.closed == [1000], "the service has seen the close")


def test_websocket_ten_megabytes_both_ways_at_once(websocket):
    _, connect = websocket

    async def talk():
        messages = [os.urandom(10 * MIB) for _ in range(3)]
        async with connect(compression=None, ping_interval=None) as peer:
            async def send():
                for message in messages:
                    await peer.send(message)
            sending = asyncio.ensure_future(send())
            for message in messages:
                assert await peer.recv() == message
            await sending
    asyncio.run(asyncio.wait_for(talk(), 120))


def test_websocket_is_closed_by_the_service(websocket):
    _, connect = websocket

    async def talk():
        async with connect() as peer:
            await peer.send("close")
            with pytest.raises(websockets.ConnectionClosed):
                await peer.recv()
            assert (peer.close_code, peer.close_reason) == (4001, "as asked")
    asyncio.run(asyncio.wait_for(talk(), 60))
