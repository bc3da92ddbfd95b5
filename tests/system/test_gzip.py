# SPDX-License-Identifier: MIT
"""Responses compressed on their way: which, for whom, and never late."""

import gzip
import hashlib
import os
import select
import threading
import zlib

import pytest
from lib import h2frames as hf
from lib.curl import VERSIONS, ask
from lib.raw import Raw

URL = "https://a.test/"
PAGE = b"<p>Whatever is said twice is said in fewer bytes.</p>\n" * 100
GZIP = ["-H", "Accept-Encoding: gzip"]


def page(headers=(), body=PAGE, status=200, kind="text/html"):
    def handler(request):
        request.read_body()
        request.reply(status, body, [("Content-Type", kind), *headers])
    return handler


def chunks(raw):
    """The rest of a chunked body, up to its trailers."""
    parts = []
    while size := int(raw.until("\r\n"), 16):
        parts.append(raw.exactly(size))
        raw.until("\r\n")
    return b"".join(parts)


def site(door, url, **route):
    return door(names=["a.test"], sites={"a.test": {"to": url, "gzip": True, **route}})


@pytest.mark.parametrize("version", VERSIONS)
def test_compressed_for_who_asks(door, service, version):
    d = site(door, service(handler=page([("ETag", '"x"'), ("Accept-Ranges", "bytes")])).url)
    answer = ask(d, URL, version, *GZIP)
    assert answer.status == 200 and gzip.decompress(answer.body) == PAGE
    assert len(answer.body) < len(PAGE) / 10
    assert (answer.get("content-encoding"), answer.get("vary")) == ("gzip", "Accept-Encoding")
    assert (answer.get("etag"), answer.get("accept-ranges")) == ('W/"x"', None)
    assert answer.get("content-length") is None
    plain = ask(d, URL, version)
    assert plain.body == PAGE and plain.get("content-encoding") is None
    assert (plain.get("vary"), plain.get("etag")) == ("Accept-Encoding", '"x"')
    assert plain.get("content-length") == str(len(PAGE))
    assert ask(d, URL, version, "--compressed").body == PAGE
    packed, whole = d.wait_log("access", 3)[:2]
    assert (packed["gzip"], packed["bytes_out"]) == (True, len(answer.body))
    assert "gzip" not in whole and whole["bytes_out"] == len(PAGE)
    assert d.metric("gzip_responses_total", outcome="compressed") == 2


def test_off_unless_asked_for(door, service):
    one = service(handler=page())
    d = door(names=["a.test"], sites={"a.test": {"gzip": True, "routes": {
        "/": one.url, "/raw": {"to": one.url, "gzip": False}}}})
    assert ask(d, URL, *GZIP).get("content-encoding") == "gzip"
    answer = ask(d, URL + "raw", *GZIP)
    assert (answer.get("content-encoding"), answer.get("vary"), answer.body) == (None, None, PAGE)
    d = door(names=["a.test"], sites={"a.test": one.url})
    assert ask(d, URL, *GZIP).body == PAGE


@pytest.mark.parametrize("options", [
    {"headers": [("Content-Encoding", "br")]},
    {"headers": [("Cache-Control", "public, no-transform")]},
    {"kind": "image/png"}, {"kind": "text/event-stream"}, {"body": PAGE[:255]}, {"status": 206},
    {"status": 404}])
@pytest.mark.parametrize("version", VERSIONS)
def test_left_alone(door, service, options, version):
    d = site(door, service(handler=page(**options)).url)
    answer = ask(d, URL, version, *GZIP)
    assert answer.body == options.get("body", PAGE)
    assert answer.get("vary") is None
    assert answer.get("content-encoding") == ("br" if "Encoding" in str(options) else None)


def test_fields_of_the_configuration_come_first(door, service):
    """What a site changes in the head decides, and cannot undo what caches have to know."""
    one = service(handler=page())
    d = door(names=["a.test"], sites={"a.test": {"gzip": True, "routes": {
        "/": {"to": one.url, "headers": {"response": {"set": {
            "Vary": "Origin", "ETag": '"x"', "Accept-Ranges": "bytes"}}}},
        "/same": {"to": one.url, "headers": {"response": {"set": {
            "Cache-Control": "no-transform"}}}}}}})
    answer = ask(d, URL, *GZIP)
    assert gzip.decompress(answer.body) == PAGE
    assert (answer.all("vary"), answer.get("etag")) == (["Origin", "Accept-Encoding"], 'W/"x"')
    assert answer.get("accept-ranges") is None
    assert ask(d, URL + "same", *GZIP).body == PAGE


@pytest.mark.parametrize("accepts", ["", "br", "gzip;q=0", "identity, gzip;q=0.1", "*;q=0"])
def test_not_for_who_cannot_read_it(door, service, accepts):
    d = site(door, service(handler=page()).url)
    answer = ask(d, URL, "-H", f"Accept-Encoding: {accepts}" if accepts else "Accept-Encoding;")
    assert (answer.body, answer.get("vary")) == (PAGE, "Accept-Encoding")


def test_head_and_old_clients(door, service):
    d = site(door, service(handler=page()).url)
    answer = ask(d, URL, "--head", *GZIP)
    assert (answer.get("content-encoding"), answer.get("vary")) == (None, "Accept-Encoding")
    with Raw(d.connect_tls("a.test")) as raw:
        raw.send("GET / HTTP/1.0\r\nHost: a.test\r\nAccept-Encoding: gzip\r\n\r\n")
        _, fields, body = raw.response()
        assert "content-encoding" not in fields and body == PAGE


@pytest.mark.parametrize("version", VERSIONS)
def test_large_bodies_byte_for_byte(door, service, version):
    body = b"".join(os.urandom(700) + bytes(4000) for _ in range(6000))  # 28 MB
    d = site(door, service(handler=page(body=body)).url)
    answer = ask(d, URL, version, *GZIP)
    assert answer.get("content-encoding") == "gzip" and len(answer.body) < len(body) / 4
    assert hashlib.sha256(gzip.decompress(answer.body)).digest() == hashlib.sha256(body).digest()
    assert d.metric("exchanges") == 0


def test_a_slow_client_stops_the_service(door, script):
    """What the compressor makes is held to the same bounds as everything else."""
    body = os.urandom(1 << 20) * 40  # repeats too far apart to be made shorter
    sent, stopped = [0], threading.Event()

    def act(raw):
        raw.until("\r\n\r\n")
        raw.send("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"
                 f"Content-Length: {len(body)}\r\n\r\n")
        while sent[0] < len(body):
            if not select.select([], [raw.socket], [], 1)[1]:
                stopped.set()
                select.select([], [raw.socket], [], 30)
            sent[0] += raw.socket.send(body[sent[0]:sent[0] + 65536])

    d = site(door, script(act).url)
    with Raw(d.connect_tls("a.test")) as raw:
        raw.send("GET / HTTP/1.1\r\nHost: a.test\r\nAccept-Encoding: gzip\r\n\r\n")
        raw.until("\r\n\r\n")
        assert stopped.wait(30) and sent[0] < len(body) / 2
        assert gzip.decompress(chunks(raw)) == body


def test_a_stream_is_not_held_back(door, script):
    """Each part is readable before the service says the next."""
    def act(raw):
        raw.until("\r\n\r\n")
        raw.send("HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\n"
                 "Transfer-Encoding: chunked\r\n\r\n")
        for number in range(5):
            line = f"line {number}\n"
            raw.send(f"{len(line):x}\r\n{line}\r\n")
            go_on[number].wait(30)
        raw.send("0\r\n\r\n")

    go_on = [threading.Event() for _ in range(5)]
    d = site(door, script(act).url)
    unpack = zlib.decompressobj(31)
    with Raw(d.connect_tls("a.test")) as raw:
        raw.send("GET / HTTP/1.1\r\nHost: a.test\r\nAccept-Encoding: gzip\r\n\r\n")
        raw.until("\r\n\r\n")
        text = b""
        for number in range(5):
            while not text.endswith(f"line {number}\n".encode()):
                size = int(raw.until("\r\n"), 16)
                text += unpack.decompress(raw.exactly(size))
                raw.until("\r\n")
            go_on[number].set()
        text += unpack.decompress(chunks(raw))
        assert unpack.eof and text.count(b"\n") == 5


@pytest.mark.parametrize("kind,packed", [("application/x-ndjson", True),
                                         ("text/event-stream", False)])
def test_a_stream_of_http2_is_not_held_back(h2_site, kind, packed):
    """Each part is here before the service says the next, over HTTP/2; server-sent events are not
    compressed."""
    def text():
        body = bytes(stream.body)
        return zlib.decompressobj(31).decompress(body) if packed else body

    go_on = [threading.Event() for _ in range(5)]

    def act(request):
        request.read_body()
        request.raw.send(f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\n"
                         "Transfer-Encoding: chunked\r\n\r\n")
        for number in range(5):
            line = b"data: %d\n\n" % number
            request.raw.send(b"%x\r\n%s\r\n" % (len(line), line))
            go_on[number].wait(30)
        request.raw.send(b"0\r\n\r\n")
        return True

    h2 = h2_site(site={"gzip": True})
    path = h2.path()
    h2.recorder.on(path, act)
    client = h2.connect()
    stream = client.request(hf.request(path, ("accept-encoding", "gzip")))
    for number in range(5):
        mark = b"data: %d\n\n" % number
        client.read_until(lambda m=mark: text().endswith(m), "the next event")
        go_on[number].set()
    client.finish(stream)
    assert dict(stream.fields).get("content-encoding") == ("gzip" if packed else None)
    assert text().count(b"data") == 5


@pytest.mark.parametrize("version", VERSIONS)
def test_a_cut_answer_does_not_look_whole(door, script, version):
    def act(raw):
        raw.until("\r\n\r\n")
        raw.send("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 5400\r\n\r\n")
        raw.send(PAGE[:3000])
        raw.close()

    d = site(door, script(act).url)
    done = d.curl(version, *GZIP, "-o", "/dev/null", URL)
    assert done.returncode in (18, 56, 92), done
    assert d.wait_log("access")[0]["reason"] == "upstream_cut"


def test_trailers_come_behind(door, script):
    def act(raw):
        raw.until("\r\n\r\n")
        raw.send("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n")
        raw.send(f"{len(PAGE):x}\r\n")
        raw.send(PAGE + b"\r\n0\r\nX-Sum: 7\r\n\r\n")

    d = site(door, script(act).url)
    with Raw(d.connect_tls("a.test")) as raw:
        raw.send("GET / HTTP/1.1\r\nHost: a.test\r\nAccept-Encoding: gzip\r\nTE: trailers\r\n\r\n")
        raw.until("\r\n\r\n")
        assert gzip.decompress(chunks(raw)) == PAGE
        assert raw.until("\r\n\r\n").lower() == b"x-sum: 7\r\n\r\n"


def test_too_many_at_once_go_plain(door, script):
    """129 at once in one worker: the last one is sent as it is."""
    def act(raw):
        raw.until("\r\n\r\n")
        raw.send("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n")
        raw.rest()  # never ends by itself

    one = script(act)
    d = door(workers=1, sites={"a.test": {"to": one.url, "gzip": True, "http": "serve"}})
    clients = []
    for number in range(129):
        clients.append(Raw(d.connect()))
        clients[-1].send("GET / HTTP/1.1\r\nHost: a.test\r\nAccept-Encoding: gzip\r\n\r\n")
        head = clients[-1].until("\r\n\r\n").lower()
        assert (b"content-encoding: gzip" in head) == (number < 128)
        assert b"vary: accept-encoding" in head
    assert d.metric("gzip_responses_total", outcome="busy") == 1
    for client in clients:
        client.close()
