# SPDX-License-Identifier: MIT
"""`hivedoor status` and the page at `/` of the admin address: what a person sees of a door."""

import json
import os
import pathlib

import pytest
from conftest import ROOT
from lib.browser import Browser
from lib.certs import Authority
from lib.program import free_port
from lib.wait import until

PATIENCE = 120
MAIN = "document.querySelector('main').innerText"


@pytest.fixture
def seen(door, service, dns):
    """A door with something to see: good and bad answers, a name with two addresses, a site
    without certificate."""
    dns.set("web", a=["127.0.0.1", "127.0.0.2"])
    d = door(names=["a.test", "b.test"], dns=dns, extra={"hold": {"wait": "0s"}},
             sites={"a.test": service().url, "b.test": "http://127.0.0.1:1",
                    "bare.test": "http://web:1"})
    for _ in range(3):
        d.get("a.test")
    d.get("b.test")
    until(lambda: "connect_refused" in d.run("status", "-c", d.config).stdout, "the error is seen")
    until(lambda: "127.0.0.2:1" in d.run("status", "-c", d.config).stdout, "the name is resolved")
    return d


def rows(text, title):
    """The rows of one table, cut at two spaces."""
    part = text.split(f"\n{title}\n")[1].split("\n\n")[0]
    return [[cell.strip() for cell in line.split("  ") if cell.strip()]
            for line in part.splitlines()]


def test_status_as_tables(seen):
    got = seen.run("status", "-c", seen.config)
    assert got.returncode == 0 and got.stderr == ""
    assert ", ready, generation " in got.stdout.splitlines()[0]
    sites = {row[0]: row for row in rows(got.stdout, "Sites")}
    assert sites["a.test"][1] == "yes" and sites["bare.test"][1] == "missing"
    errors = rows(got.stdout, "Errors of the last hour")
    assert ["b.test", "502", "connect_refused", "1"] in [row[1:] for row in errors]
    assert {row[2] for row in rows(got.stdout, "Endpoints")[1:]} == {"127.0.0.1:1", "127.0.0.2:1"}
    assert [row[0] for row in rows(got.stdout, "Processes")[1:]] == [
        "supervisor", "keeper", "worker 0", "worker 1"]
    certificate = rows(got.stdout, "Certificates")[1]
    assert certificate[0] == "a.test, b.test" and int(certificate[2]) > 14


def test_status_as_json(seen):
    for words in (["--json", "-c", seen.config], ["-c", seen.config, "--json"]):
        got = seen.run("status", *words)
        assert got.returncode == 0
        assert json.loads(got.stdout)["ready"] is True


def test_status_without_a_daemon(seen):
    seen.stop()
    got = seen.run("status", "-c", seen.config)
    assert got.returncode == 1 and "no answer" in got.stderr and got.stdout == ""


def test_a_staging_certificate_is_named(door, service, tmp_path):
    d = door(sites={"a.test": service().url})
    staging = Authority(tmp_path / "staging", name="(STAGING) Wannabe Walnut E1")
    staging.write(d.certs, ["a.test"])
    d.reload()
    until(lambda: d.log("certificate_staging"), "a warning")
    assert d.state()["certificates"][0]["staging"] is True


def test_the_page_in_a_browser(door, service):
    """Text without scripts, renewed by one; nothing is asked for but the page itself."""
    port = free_port()
    d = door(names=["a.test"], sites={"a.test": service().url})
    d.configure({"a.test": service().url}, listen={"admin": f"127.0.0.1:{port}"})
    d.is_ready = lambda: d.run("health", "--admin", f"127.0.0.1:{port}").returncode == 0
    d.stop()
    d.start()
    browser = Browser()
    try:
        assert browser.open(f"http://127.0.0.1:{port}/") is None
        text = browser.evaluate(MAIN)
        assert "ready" in text and "a.test" in text and "Certificates" in text
        until(lambda: browser.evaluate("document.getElementById('live').innerText") == "live",
              "the page renews itself", PATIENCE)
        for _ in range(5):
            d.get("a.test")
        until(lambda: "\n5" in browser.evaluate(MAIN).split("\nconnections")[0] or
              "\t5" in browser.evaluate(MAIN).split("\nconnections")[0], "five requests", PATIENCE)
        assert {r["url"] for r in browser.responses()} <= {
            f"http://127.0.0.1:{port}/", f"http://127.0.0.1:{port}/favicon.ico"}
        folder = pathlib.Path(os.environ.get("HIVEDOOR_ARTIFACTS") or ROOT / "build/artifacts")
        browser.screenshot(folder / "status.png")
        d.stop()
        until(lambda: "no answer" in browser.evaluate("document.getElementById('live').innerText"),
              "the page says that the door is gone", PATIENCE)
    finally:
        browser.close()
