# SPDX-License-Identifier: MIT
"""An answer that comes before the request is complete reaches whoever is still uploading: Debian's
curl, over both versions of HTTP, sees the answer and not a broken connection."""

import pytest
from lib.curl import VERSIONS, ask

SIZES = {"1M": 1 << 20, "12M": 12 << 20}
CHUNKED = {"length": [], "chunked": ["-H", "Transfer-Encoding: chunked"]}


@pytest.fixture
def upload(tmp_path):
    """Makes curl's arguments for a body of so many bytes."""
    def make(size):
        path = tmp_path / f"body{size}"
        path.write_bytes(b"x" * size)
        return ["-X", "POST", "-H", "Expect:", "--data-binary", f"@{path}"]
    return make


def refuse(raw):
    raw.until("\r\n\r\n")
    raw.send("HTTP/1.1 403 No\r\nContent-Length: 3\r\nConnection: close\r\n\r\nno!")


def listen(raw):
    raw.rest()


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize("framing", CHUNKED.values(), ids=CHUNKED)
def test_a_body_that_is_too_large(door, script, upload, version, size, framing):
    service = script(listen)
    d = door(names=["a.test"], sites={"a.test": {"to": service.url, "limits": {"body": "1k"}}})
    answer = ask(d, "https://a.test/", version, *framing, *upload(size))
    assert answer.status == 413


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_a_path_without_a_route(door, script, upload, version, size):
    service = script(refuse)
    d = door(names=["a.test"], sites={"a.test": {"routes": {"/x": service.url}}})
    answer = ask(d, "https://a.test/", version, *upload(size))
    assert answer.status == 404


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_a_service_that_refuses(door, script, upload, version, size):
    service = script(refuse)
    d = door(names=["a.test"], sites={"a.test": {"to": service.url}})
    answer = ask(d, "https://a.test/", version, *upload(size))
    assert (answer.status, answer.body) == (403, b"no!")
