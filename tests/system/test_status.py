# SPDX-License-Identifier: MIT
"""`hivedoor status` and the page at `/` of the admin address: what a person sees of a door."""

import json
import os
import pathlib
import re

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


def test_status_warns_first(door, service, dns, tmp_path):
    d = door(names=["a.test"], dns=dns, sites={"a.test": service().url})
    assert rows(d.run("status", "-c", d.config).stdout, "Warnings") == [["none"]]
    d.authority.write(d.certs, ["soon.test"], chain="soon.pem", key="soon.key", days=9)
    d.authority.write(d.certs, ["late.test"], chain="late.pem", key="late.key", days=15)
    Authority(tmp_path / "staging", name="(STAGING) Wannabe Walnut E1").write(
        d.certs, ["try.test"], chain="try.pem", key="try.key")
    d.configure({"a.test": service().url, "bare.test": "http://nobody:1"})
    d.reload()

    def warned():
        found = rows(d.run("status", "-c", d.config).stdout, "Warnings")[1:]
        return {about: what for about, what in found if "nobody:1" in dict(found)}
    found = until(warned, "warnings")
    assert found.pop("soon.test") in ("the certificate ends in 8 days",
                                      "the certificate ends in 9 days")
    assert "staging certificate, issued by CN=(STAGING) Wannabe" in found.pop("try.test")
    assert found.pop("bare.test") == "the site has no certificate"
    assert found.pop("nobody:1").startswith("no_endpoint: ")
    assert not found
    assert {r["name"] for r in d.wait_log("certificate_expires")} == {"soon.test"}
    kept = d.config.with_name("kept.yml")
    kept.write_text(d.config.read_text())
    d.write("sites: [")  # the door sees it by itself
    until(lambda: "the last reload failed" in d.run("status", "-c", kept).stdout, "and this")


def test_status_as_json(seen):
    state = json.loads(seen.run("status", "--json", "-c", seen.config).stdout)
    error = next(e for e in state["errors"] if e["site"] == "b.test")
    assert (error["code"], error["reason"], error["count"]) == ("502", "connect_refused", 1)
    until(lambda: seen.state()["per_minute"]["requests"] >= 4, "rates are measured")
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


def door_with_a_page(door, service):
    port = free_port()
    d = door(names=["a.test"], sites={"a.test": service().url})
    d.configure({"a.test": service().url, "bare.test": "http://127.0.0.1:1"},
                listen={"admin": f"127.0.0.1:{port}"})
    d.is_ready = lambda: d.run("health", "--admin", f"127.0.0.1:{port}").returncode == 0
    d.stop()
    d.start()
    return d, port


def test_the_page_without_scripts(door, service):
    d, port = door_with_a_page(door, service)
    browser = Browser()
    try:
        browser.command("Emulation.setScriptExecutionDisabled", value=True)
        assert browser.open(f"http://127.0.0.1:{port}/") is None
        assert "as of this request" in browser.text()
        assert "ready" in browser.text() and "a.test" in browser.text()
        for _ in range(5):
            d.get("a.test")
        until(lambda: re.search(r"requests\s+[\d.]+\s+5\s", browser.text()), "it is asked for anew",
              PATIENCE)
    finally:
        browser.close()


def test_the_page_in_a_browser(door, service):
    """Text without scripts, renewed by one; nothing is asked for but the page itself."""
    d, port = door_with_a_page(door, service)
    browser = Browser()
    try:
        assert browser.open(f"http://127.0.0.1:{port}/") is None
        text = browser.evaluate(MAIN)
        assert "ready" in text and "a.test" in text and "Certificates" in text
        assert "the site has no certificate" in text.split("Traffic")[0]
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
