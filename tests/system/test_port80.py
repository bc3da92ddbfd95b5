# SPDX-License-Identifier: MIT
"""Port 80: redirects, and ACME challenges before anything else."""

import pytest
from lib.raw import Raw
from lib.service import Service

TOKEN = "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0"
PATH = "/.well-known/acme-challenge/"
THUMB = TOKEN + ".9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI"


@pytest.mark.parametrize("target", ["/", "/a/b?c=d&e=f", "/%2fx%20y", "/?q=http://evil/"])
def test_redirect_keeps_host_path_and_query(door, target):
    d = door(names=["a.test"], sites={"a.test": "http://127.0.0.1:1"})
    for host in ("a.test", "A.TEST", "a.test:80"):
        with Raw(d.connect()) as raw:
            raw.send(f"GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n")
            status, fields, _ = raw.response()
            assert (status, fields["location"]) == (301, "https://a.test" + target)


def test_redirect_from_our_own_port_goes_to_our_own_port(door):
    d = door(names=["a.test"], sites={"a.test": "http://127.0.0.1:1"})
    with Raw(d.connect()) as raw:
        raw.send(f"GET /x HTTP/1.1\r\nHost: a.test:{d.http.number}\r\n\r\n")
        assert raw.response()[1]["location"] == f"https://a.test:{d.https.number}/x"


def test_site_redirect_alias_off_and_unknown(door, service):
    d = door(names=["a.test", "www.a.test", "old.test"], sites={
        "a.test": {"to": service().url, "aliases": ["www.a.test"], "http": "serve"},
        "old.test": {"redirect": "https://a.test", "code": 308},
        "dark.test": {"to": "http://127.0.0.1:1", "http": "off"},
        "gone.test": {"redirect": "https://a.test", "http": "off"}})
    assert d.get("www.a.test", tls=False)[0] == 200
    status, headers, _ = d.get("old.test", "/p?q", tls=True)
    assert (status, headers["Location"]) == (308, "https://a.test/p?q")
    assert d.get("dark.test", tls=False)[0] == 404
    assert d.get("gone.test", tls=False)[0] == 404
    assert d.wait_log("access", site="gone.test")[0]["reason"] == "site_off"
    assert "404" in d.run("explain", "http://gone.test/", "-c", d.config).stdout
    assert d.get("unknown.test", tls=False)[0] == 404


@pytest.mark.parametrize("layout", ["", ".well-known/acme-challenge"])
@pytest.mark.parametrize("host", ["a.test", "never-heard-of.test"])
def test_challenge_from_folder_exact_bytes(door, tmp_path, layout, host):
    challenges = tmp_path / "challenges"
    (challenges / layout).mkdir(parents=True)
    d = door(sites={"a.test": "http://127.0.0.1:1"}, extra={"acme": {"folder": str(challenges)}})
    assert d.get(host, PATH + TOKEN, tls=False)[0] == 404
    (challenges / layout / TOKEN).write_text(THUMB)  # appears while the door runs
    status, headers, body = d.get(host, PATH + TOKEN, tls=False)
    assert (status, body) == (200, THUMB.encode())
    assert d.get(host, PATH + TOKEN, method="HEAD", tls=False)[1]["Content-Length"] == str(len(body))


def test_challenge_folder_is_no_way_out(door, tmp_path):
    challenges = tmp_path / "challenges"
    challenges.mkdir()
    (tmp_path / "secret").write_text("secret")
    (challenges / "link").symlink_to(tmp_path / "secret")
    (challenges / "sub").mkdir()
    (challenges / "big").write_text("x" * 100_000)
    d = door(extra={"acme": {"folder": str(challenges)}}, sites={"a.test": "http://127.0.0.1:1"})
    for token in ("../secret", "..%2fsecret", "%2e%2e/secret", "link", "sub", "big", "", "a" * 200,
                  "a.b", "a b", "a%00b"):
        with Raw(d.connect()) as raw:
            raw.send(f"GET {PATH}{token} HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n")
            answer = raw.rest()
            assert answer.startswith((b"HTTP/1.1 404", b"HTTP/1.1 400")), (token, answer)
            assert b"secret" not in answer.split(b"\r\n\r\n", 1)[1].replace(b"/secret", b"")
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        assert d.get("a.test", PATH + TOKEN, method=method, tls=False)[0] == 405


@pytest.mark.parametrize("strip", [True, False])
def test_challenge_relay(door, service, strip):
    def support(request):
        wanted = f"/{TOKEN}" if strip else PATH + TOKEN
        if request.path == wanted:
            request.reply(200, THUMB, [("Content-Type", "application/octet-stream"),
                                       ("Set-Cookie", "a=b")])
        else:
            request.reply(404, "no")
    relay = service(handler=support)
    d = door(sites={"a.test": "http://127.0.0.1:1"},
             extra={"acme": {"relay": relay.url + "/", "strip": strip}})
    for host in ("a.test", "never-heard-of.test", "127.0.0.1"):
        status, headers, body = d.get(host, PATH + TOKEN, tls=False)
        assert (status, body) == (200, THUMB.encode())
        assert "Set-Cookie" not in headers
        assert headers["Content-Type"] == "application/octet-stream"
    assert d.get("a.test", PATH + "other", tls=False)[0] == 404
    relay.close()
    assert d.get("a.test", PATH + TOKEN, tls=False)[0] in (502, 504)


def test_challenge_folder_first_then_relay(door, service, tmp_path):
    relay = service(handler=lambda r: r.reply(200, "from relay"))
    (tmp_path / TOKEN).write_text("from folder")
    d = door(sites={"a.test": "http://127.0.0.1:1"},
             extra={"acme": {"relay": relay.url, "folder": str(tmp_path)}})
    assert d.get("a.test", PATH + TOKEN, tls=False)[2] == b"from folder"
    assert d.get("a.test", PATH + "other", tls=False)[2] == b"from relay"


def test_challenge_answer_is_bounded(door, service):
    relay = service(handler=lambda r: r.reply(200, "x" * 100_000))
    d = door(sites={"a.test": "http://127.0.0.1:1"}, extra={"acme": {"relay": relay.url}})
    assert d.get("a.test", PATH + TOKEN, tls=False)[0] == 502


def test_challenges_are_not_special_on_443(door, service):
    d = door(names=["a.test"], sites={"a.test": service().url},
             extra={"acme": {"relay": "http://127.0.0.1:1"}})
    assert d.get("a.test", PATH + TOKEN)[0] == 200  # the site's own business


def test_relay_by_name(door, dns):
    support = Service(handler=lambda r: r.reply(200, r.headers["Host"]))
    try:
        dns.set("support", a=[support.ip])
        d = door(dns=dns, sites={"a.test": "http://127.0.0.1:1"},
                 extra={"acme": {"relay": f"http://support:{support.port}/"}})
        _, _, body = d.get("a.test", PATH + TOKEN, tls=False)
        assert body.decode() == f"support:{support.port}"
    finally:
        support.close()
