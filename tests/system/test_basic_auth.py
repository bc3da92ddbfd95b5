# SPDX-License-Identifier: MIT
"""Names and passwords against files that Debian's htpasswd wrote."""

import base64
import json
import subprocess
import time

import pytest
from lib.curl import VERSIONS, ask
from lib.raw import Raw
from lib.wait import until

URL = "https://a.test/"


def write_users(path, *users, form="-B"):
    """users: (name, password); forms: -B bcrypt, -2 and -5 SHA-crypt, -m MD5."""
    lines = [subprocess.run(["htpasswd", "-nbB" if form == "-B" else f"-nb{form[1:]}",
                             *(["-C", "5"] if form == "-B" else []), name, password],
                            capture_output=True, text=True, check=True).stdout.strip()
             for name, password in users]
    new = path.with_suffix(".new")
    new.write_text("\n".join(lines) + "\n")
    new.rename(path)


@pytest.fixture
def users(tmp_path):
    path = tmp_path / "users"
    write_users(path, ("ada", "open sesame"), ("eve", "s3cret"))
    return path


def field(name, password):
    return "Authorization: Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


@pytest.mark.parametrize("form", ["-B", "-2", "-5"])
@pytest.mark.parametrize("version", VERSIONS)
def test_right_and_wrong(door, service, tmp_path, form, version):
    path = tmp_path / "users"
    write_users(path, ("ada", "open sesame"), ("bob", "p:ä\""), form=form)
    one = service()
    d = door(names=["a.test"], sites={"a.test": {
        "to": one.url, "basic_auth": {"users": str(path), "realm": "The inner circle"}}})
    answer = ask(d, URL, version)
    assert answer.status == 401
    assert answer.get("www-authenticate") == (
        'Basic realm="The inner circle", charset="UTF-8"')
    for name, password, status in (("ada", "open sesame", 200), ("bob", "p:ä\"", 200),
                                   ("ada", "Open sesame", 401), ("bob", "open sesame", 401),
                                   ("zoe", "open sesame", 401), ("", "", 401)):
        answer = ask(d, URL, version, "-H", field(name, password))
        assert answer.status == status, name
        assert (answer.get("www-authenticate") is None) == (status == 200)
    assert len(one.requests) == 2
    assert d.metric("requests_total", reason="auth_required", code=401) == 1
    assert d.metric("requests_total", reason="auth_failed", code=401) == 4
    assert d.metric("basic_auth_hashes_total") in range(4, 13)  # once a worker at most


def test_curl_as_people_use_it(door, service, users):
    d = door(names=["a.test"], sites={"a.test": {"to": service().url, "basic_auth": str(users)}})
    assert ask(d, URL, "-u", "eve:s3cret").status == 200
    assert ask(d, URL, "--anyauth", "-u", "eve:s3cret").status == 200
    assert ask(d, URL, "-u", "eve:wrong").status == 401
    users = [r.get("user") for r in d.wait_log("access", 4)]
    assert users.count("eve") == 2 and users[-1] is None  # only who has shown to be it


def test_the_password_does_not_go_on(door, service, users):
    d = door(names=["a.test"], sites={"a.test": {"basic_auth": str(users), "routes": {
        "/": service().url, "/own": {"to": service().url, "basic_auth": "off"}}}})
    got = json.loads(ask(d, URL, "-H", field("eve", "s3cret")).body)
    assert "authorization" not in dict(got["headers"])
    got = json.loads(ask(d, URL + "own", "-H", field("x", "its own")).body)
    assert dict(got["headers"])["authorization"].startswith("Basic ")


def test_nothing_of_it_is_logged(door, service, users):
    d = door(names=["a.test"], sites={"a.test": {"to": service().url, "basic_auth": str(users)}})
    for password in ("s3cret", "wr0ng"):
        ask(d, URL, "-H", field("eve", password))
    d.wait_log("access", 2)
    text = d.log_path.read_text() + d.errors() + d.admin("/state")[1] + d.admin("/metrics")[1]
    for secret in ("s3cret", "wr0ng", "$2y$", field("eve", "s3cret").split()[-1]):
        assert secret not in text


@pytest.mark.parametrize("value", ["Basic", "Basic !!!", "Basic ZXZl", "Basic " + "QUFB" * 300])
def test_malformed_credentials(door, service, users, value):
    one = service()
    d = door(names=["a.test"], sites={"a.test": {"to": one.url, "basic_auth": str(users)}})
    assert ask(d, URL, "-H", f"Authorization: {value}").status == 401
    assert d.wait_log("access")[0]["reason"] == "auth_failed"
    assert ask(d, URL, "-H", "Authorization: Bearer x").status == 401
    assert d.wait_log("access", 2)[1]["reason"] == "auth_required"
    with Raw(d.connect_tls("a.test")) as raw:  # two of them: none is believed
        raw.send(f"GET / HTTP/1.1\r\nHost: a.test\r\n{field('eve', 's3cret')}\r\n"
                 f"{field('eve', 's3cret')}\r\n\r\n")
        assert raw.response()[0] == 401
    assert one.requests == []


def test_never_in_plain_text(door, service, users):
    d = door(names=["a.test", "old.test"], sites={
        "a.test": {"to": service().url, "basic_auth": str(users)},
        "old.test": {"redirect": "https://a.test", "basic_auth": str(users)},
        "dark.test": {"redirect": "https://a.test", "basic_auth": str(users), "http": "off"}})
    for name in ("a.test", "old.test"):
        answer = ask(d, f"http://{name}/x")
        assert (answer.status, answer.get("location")) == (301, f"https://{name}/x")
        assert answer.get("www-authenticate") is None
    assert ask(d, "http://dark.test/x").status == 404
    assert ask(d, "https://old.test/x").status == 401
    answer = ask(d, "https://old.test/x", "-H", field("eve", "s3cret"))
    assert (answer.status, answer.get("location")) == (301, "https://a.test/x")


def test_serve_is_warned_about(door, service, users):
    d = door(sites={"a.test": {"to": service().url, "basic_auth": str(users), "http": "serve"}})
    assert ask(d, "http://a.test/").status == 401
    assert any("unencrypted" in r["message"] for r in d.log("config_warning"))


def test_a_body_is_not_waited_for(door, users):
    d = door(names=["a.test"], sites={"a.test": {"to": "http://127.0.0.1:1",
                                                 "basic_auth": str(users)}})
    with Raw(d.connect_tls("a.test")) as raw:
        raw.send("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1000000\r\n\r\n")
        status, fields, _ = raw.response()
        assert (status, fields["connection"]) == (401, "close")
    with Raw(d.connect_tls("a.test")) as raw:  # without one the connection is kept
        for _ in range(2):
            assert raw.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").response()[0] == 401


def test_reload_changes_users(door, service, users):
    d = door(names=["a.test"], sites={"a.test": {"to": service().url, "basic_auth": str(users)}})
    assert ask(d, URL, "-u", "eve:s3cret").status == 200
    write_users(users, ("eve", "changed"), ("new", "one"))
    d.reload()
    assert ask(d, URL, "-u", "eve:s3cret").status == 401  # what is remembered is of the old hash
    assert ask(d, URL, "-u", "eve:changed").status == 200
    assert ask(d, URL, "-u", "new:one").status == 200
    assert ask(d, URL, "-u", "ada:open sesame").status == 401


@pytest.mark.parametrize("text", ["eve:plain\n", "eve:$apr1$QIJqVxk9$X7cyPbv/VX9GcjoxJaoSt0\n", "",
                                  "no colon\n"])
def test_a_bad_file_changes_nothing(door, service, users, text):
    d = door(names=["a.test"], sites={"a.test": {"to": service().url, "basic_auth": str(users)}})
    users.write_text(text)
    d.reload("failed")
    assert ask(d, URL, "-u", "eve:s3cret").status == 200
    assert not any("plain" in r["message"] and "eve" in r["message"]
                   for r in d.log("config_error"))
    users.unlink()
    d.reload("failed")
    assert ask(d, URL, "-u", "eve:s3cret").status == 200


def test_guessing_is_limited(door, service, users):
    """By client, and for all workers together; whoever is known goes on."""
    d = door(names=["a.test"], workers=1, sites={"a.test": {
        "to": service().url, "basic_auth": str(users)}})
    known = ["-H", field("ada", "open sesame")]
    assert ask(d, URL, *known).status == 200
    begin = time.monotonic()
    with Raw(d.connect_tls("a.test")) as raw:
        answers = []
        for number in range(40):
            guess = field("eve", f"guess {number}")
            raw.send(f"GET / HTTP/1.1\r\nHost: a.test\r\n{guess}\r\n\r\n")
            answers.append(raw.response())
    got = [status for status, _, _ in answers]
    assert got[0] == 401 and set(got) == {401, 429}
    assert got.count(401) <= 10 + (time.monotonic() - begin) / 5 + 1
    limited = next(fields for status, fields, _ in answers if status == 429)
    assert 1 <= int(limited["retry-after"]) <= 5 and "www-authenticate" not in limited
    assert d.wait_log("access", reason="auth_limited")
    assert ask(d, URL, *known).status == 200
    until(lambda: ask(d, URL, "-H", field("eve", "s3cret"), source="127.0.0.2").status == 200,
          "another client is let in")


def test_many_requests_cost_one_hash(door, service, users):
    d = door(names=["a.test"], workers=1, sites={"a.test": {
        "to": service().url, "basic_auth": str(users)}})
    request = f"GET / HTTP/1.1\r\nHost: a.test\r\n{field('eve', 's3cret')}\r\n\r\n"
    with Raw(d.connect_tls("a.test")) as raw:
        for _ in range(100):
            assert raw.send(request).response()[0] == 200
    assert d.metric("basic_auth_hashes_total") == 1
