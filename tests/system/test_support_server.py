# SPDX-License-Identifier: MIT
"""Challenges relayed to Apache httpd as the support server, over the folders that lecli and certbot
write: the bytes that arrive are the bytes of the file."""

import os

import pytest
from lib.program import Apache

TOKEN = "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0"
PREFIX = "/.well-known/acme-challenge/"
ANSWERS = {  # by token, as a client may write them
    TOKEN: TOKEN.encode() + b".9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI",
    "with-newline": b"with-newline.thumb\n",
    "with-crlf_": b"with-crlf_.thumb\r\n",
    "empty": b"",
    "binary": bytes(range(256)),
    "-_-": b"x" * 4000,
}


@pytest.fixture(params=["lecli", "certbot"])
def layout(request):
    """A support server, where its clients write, and whether the prefix is stripped."""
    if request.param == "lecli":  # the challenges folder is the web root
        with Apache() as apache:
            yield apache, apache.root, True
    else:  # certbot --webroot -w ROOT
        with Apache() as apache:
            folder = apache.root / PREFIX.strip("/")
            folder.mkdir(parents=True)
            yield apache, folder, False


def test_relay_to_apache_gives_exact_bytes(door, layout):
    apache, folder, strip = layout
    for token, answer in ANSWERS.items():
        (folder / token).write_bytes(answer)
    d = door(sites={"a.test": "http://127.0.0.1:1"},
             extra={"acme": {"relay": apache.url, "strip": strip}})
    for host in ("a.test", "never-heard-of.test", "127.0.0.1"):
        for token, answer in ANSWERS.items():
            status, headers, body = d.get(host, PREFIX + token, tls=False)
            assert (status, body) == (200, answer)
            assert headers["Content-Length"] == str(len(answer))
            status, headers, body = d.get(host, PREFIX + token, method="HEAD", tls=False)
            assert (status, body) == (200, b"")
            # Apache says nothing of a length of 0 here.
            assert headers["Content-Length"] == (str(len(answer)) if answer else None)
    asked = {line.split(" ")[1] for line in apache.accesses()}
    assert asked == {("/" if strip else PREFIX) + token for token in ANSWERS}


def test_relay_sees_files_come_change_and_go(door, layout):
    apache, folder, strip = layout
    d = door(sites={"a.test": "http://127.0.0.1:1"},
             extra={"acme": {"relay": apache.url, "strip": strip}})
    for answer in (b"first", b"second, and longer"):
        assert d.get("a.test", PREFIX + TOKEN, tls=False)[0] == 404
        (folder / TOKEN).write_bytes(answer)
        status, _, body = d.get("a.test", PREFIX + TOKEN, tls=False)
        assert (status, body) == (200, answer)
        (folder / TOKEN).unlink()
    assert d.get("a.test", PREFIX + TOKEN, tls=False)[0] == 404


def test_relay_to_apache_is_no_open_proxy(door, layout):
    apache, folder, strip = layout
    (apache.root / "private").write_text("private")
    (folder / "sub").mkdir()
    (folder / "sub" / TOKEN).write_text("deep")
    (folder / "big").write_bytes(os.urandom(1 << 20))
    d = door(sites={"a.test": "http://127.0.0.1:1"},
             extra={"acme": {"relay": apache.url, "strip": strip}})
    for token in ("sub/" + TOKEN, "sub", "..%2f..%2fprivate", "%2e%2e/private", "big"):
        status, _, body = d.get("a.test", PREFIX + token, tls=False)
        assert status in (400, 404, 502), token
        assert b"deep" not in body and body != b"private" and len(body) < 4096
    for method in ("POST", "PUT", "DELETE"):
        assert d.get("a.test", PREFIX + TOKEN, method=method, body=b"", tls=False)[0] == 405
    assert {line.split(" ")[0] for line in apache.accesses()} <= {"GET", "HEAD"}


def test_relay_survives_a_restart_of_apache(door):
    with Apache() as apache:
        (apache.root / TOKEN).write_text("same")
        d = door(sites={"a.test": "http://127.0.0.1:1"}, extra={"acme": {"relay": apache.url}})
        assert d.get("a.test", PREFIX + TOKEN, tls=False)[2] == b"same"
        apache.stop()
        assert d.get("a.test", PREFIX + TOKEN, tls=False)[0] in (502, 504)
        assert d.get("a.test", "/", tls=False)[0] == 301  # nothing else depends on it
        apache.start()
        d.configure({"a.test": "http://127.0.0.1:1"}, acme={"relay": apache.url})
        d.reload()
        assert d.get("a.test", PREFIX + TOKEN, tls=False)[2] == b"same"
