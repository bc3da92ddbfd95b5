# SPDX-License-Identifier: MIT
"""`hivedoor dev` seen by a browser: Debian's Chromium, with and without the local authority."""

import os
import pathlib

import pytest
from conftest import ROOT
from lib.browser import Browser
from lib.tunnel import EchoServer
from lib.wait import until

PATIENCE = 120
WEBSOCKET = "document.getElementById('ws').textContent"
HEADERS = "document.getElementById('headers').textContent"


@pytest.fixture
def browser():
    browsers = []

    def make(**options):
        browsers.append(Browser(**options))
        return browsers[-1]

    yield make
    for one in browsers:
        one.close()


@pytest.fixture
def artifacts():
    """Where pictures are kept for people: $HIVEDOOR_ARTIFACTS or build/artifacts."""
    return pathlib.Path(os.environ.get("HIVEDOOR_ARTIFACTS") or ROOT / "build/artifacts")


def test_demo_with_the_authority_trusted(dev, browser, artifacts):
    d = dev()
    b = browser(trusted=d.ca)
    assert b.open(d.url()) is None
    page = next(r for r in b.responses() if r["url"] == d.url())
    assert page["status"] == 200
    assert page["securityState"] == "secure"
    assert page["securityDetails"]["protocol"] == "TLS 1.3"
    assert page["securityDetails"]["issuer"] == "Hivedoor local authority"
    until(lambda: b.evaluate(WEBSOCKET) == "WebSocket: echo works", "the echo", PATIENCE)
    until(lambda: "X-Forwarded-Proto: https" in b.evaluate(HEADERS), "the headers", PATIENCE)
    assert b.evaluate("document.title") == "Hivedoor works"
    b.screenshot(artifacts / "demo.png")
    b.prefer("dark")
    b.screenshot(artifacts / "demo-dark.png")


def test_demo_without_the_authority_is_refused(dev, browser):
    d = dev()
    assert browser().open(d.url()) == "net::ERR_CERT_AUTHORITY_INVALID"


TALK = """
new Promise(resolve => {
  const socket = new WebSocket(`wss://${location.host}/ws`, ["chat", "superchat"]);
  const got = [];
  socket.binaryType = "arraybuffer";
  socket.onopen = () => { socket.send("hello"); socket.send(new Uint8Array(300000).fill(7)); };
  socket.onmessage = e => {
    const data = e.data;
    got.push(typeof data === "string" ? data
             : `${data.byteLength} of ${new Set(new Uint8Array(data)).values().next().value}`);
    if (got.length === 2) { socket.close(4002, "enough"); }
  };
  socket.onclose = e => resolve([socket.protocol, ...got, e.code, e.reason, e.wasClean].join("; "));
})"""


@pytest.mark.parametrize("version", ["h2", "http/1.1"])
def test_websocket(door, browser, service, version):
    """Chromium takes the HTTP/2 connection that it has (RFC 8441), or one of HTTP/1.1 of its own."""
    with EchoServer(["superchat"]) as echo:
        page = service(handler=lambda request: request.reply(
            200, "<title>page</title>", [("Content-Type", "text/html")]))
        d = door(names=["app.localhost"], extra={"http2": {"enabled": version == "h2"}}, sites={
            "app.localhost": {"routes": {"/": page.url, "/ws": echo.url}}})
        b = browser(trusted=d.authority.ca)
        assert b.open(f"https://app.localhost:{d.https.number}/") is None
        assert b.responses()[0]["protocol"] == version
        assert b.evaluate(TALK) == "superchat; hello; 300000 of 7; 4002; enough; true"
        assert echo.closed == [4002]
        # One connection of the browser with HTTP/2, two without.
        logged = d.wait_log("access", path="/ws")[0]
        assert logged["status"] in (101, 200) and logged["protocol"] == {
            "h2": "HTTP/2", "http/1.1": "HTTP/1.1"}[version], logged


def test_plain_http_ends_at_https(dev, browser):
    d = dev()
    b = browser(trusted=d.ca)
    assert b.open(f"http://localhost:{d.http.number}/") is None
    assert b.evaluate("location.href") == d.url()


def test_own_names(dev, browser, service):
    def page(request):
        request.reply(200, f"<title>{request.headers['Host']}</title>",
                      [("Content-Type", "text/html")])
    port = service(handler=page).port
    d = dev(f"app.localhost={port}", f"deep.er.localhost={port}")
    b = browser(trusted=d.ca)
    for name in ("app.localhost", "deep.er.localhost"):
        assert b.open(d.url(name)) is None
        assert b.evaluate("document.title") == f"{name}:{d.https.number}"
