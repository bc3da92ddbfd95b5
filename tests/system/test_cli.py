# SPDX-License-Identifier: MIT
"""The commands, as people and scripts use them: exit status, what is said, and where."""

import json
import re
import socket
import subprocess

import pytest

COMMANDS = ("run", "check", "dev", "reload", "health", "explain", "status", "version")


@pytest.fixture
def hivedoor(binary, tmp_path):
    """hivedoor("check", "-c", ...): the CompletedProcess with text, started in tmp_path."""
    def run(*arguments, **options):
        return subprocess.run([binary, *map(str, arguments)], capture_output=True, text=True,
                              timeout=60, cwd=tmp_path, **options)
    return run


@pytest.fixture
def check(hivedoor, tmp_path):
    """check(TEXT, ...): `check` of a file conf.yml with this text."""
    def run(text, *arguments, **options):
        (tmp_path / "conf.yml").write_text(text)
        return hivedoor("check", "-c", "conf.yml", *arguments, **options)
    return run


GOOD = "version: 1\ncertificates: [certs]\nsites:\n  a.test: http://service-a:5000\n"


# ---- usage

def test_version(hivedoor):
    for word in ("--version", "-V", "version"):
        got = hivedoor(word)
        assert got.returncode == 0 and got.stderr == ""
        assert re.match(r"hivedoor \d+\.\d+\.\d+\n", got.stdout)
        for library in ("OpenSSL", "libevent", "c-ares", "nghttp2", "libyaml"):
            assert re.search(rf"^{library} +\d+\.\d+", got.stdout, re.M)


def test_help(hivedoor):
    for word in ("--help", "-h", "help"):
        got = hivedoor(word)
        assert got.returncode == 0 and got.stderr == ""
        for command in COMMANDS:
            assert f"  hivedoor {command}" in got.stdout
        assert "Exit status: 0" in got.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command(hivedoor, command):
    got = hivedoor(command, "--help")
    assert got.returncode == 0 and got.stderr == ""
    assert f"hivedoor {command}" in got.stdout and "frob" not in got.stdout


@pytest.mark.parametrize("arguments, text", [
    ([], "hivedoor run"),
    (["frob"], "frob"),
    (["--frob"], "--frob"),
    (["version", "frob"], "frob"),
    (["check", "frob"], "frob"),
    (["check", "-c"], "-c wants an argument"),
    (["check", "--dmup"], "--dmup"),
    (["run", "--frob"], "--frob"),
    (["health", "--admin", "nonsense"], "nonsense"),
    (["reload", "--admin", "nonsense"], "nonsense"),
    (["@worker"], "@worker"),
])
def test_wrong_usage(hivedoor, arguments, text):
    got = hivedoor(*arguments)
    assert got.returncode == 2, got
    assert got.stdout == "" and text in got.stderr


# ---- check

def test_check_of_a_good_file(check, authority, tmp_path):
    authority.write(tmp_path / "certs", ["a.test"])
    got = check(GOOD)
    assert got.returncode == 0 and "error" not in got.stderr
    assert got.stdout == "conf.yml: ok: 1 site, 1 certificate, 1 of 1 name covered\n"


def test_check_needs_neither_ports_nor_names_nor_certificates(check, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        got = check("version: 1\ncertificates: [certs]\nlisten:\n  http: 127.0.0.1:"
                    f"{taken.getsockname()[1]}\nsites:\n  a.test: http://no.such.name.invalid:1\n")
    assert got.returncode == 0
    assert "conf.yml:6:3: warning: " in got.stderr and "a.test" in got.stderr


def test_check_says_everything_at_once_with_its_place(check):
    got = check("version: 1\n"
                "workres: 2\n"
                "listen:\n"
                "  http: '127.0.0.1:99999'\n"
                "timeouts: {response: 90 sec}\n"
                "sites:\n"
                "  a.test: http://a:1\n"
                "  b.test: ftp://b\n"
                "  c.test: {to: 'http://c:1', sripp: true}\n"
                "  a.test: http://a:2\n")
    assert got.returncode == 1 and got.stdout == ""
    places = dict(re.findall(r"^conf\.yml:(\d+:\d+): error: (.*)$", got.stderr, re.M))
    assert "workers" in places["2:1"]  # did you mean
    assert "99999" in places["4:9"]
    assert "90 sec" in places["5:22"]
    assert "ftp://b" in places["8:11"]
    assert "sripp" in places["9:30"]
    assert "line 7" in places["10:3"]
    assert len(places) == 6


@pytest.mark.parametrize("text, place", [
    ("", "conf.yml: error: "),
    ("- a\n", "conf.yml:1:1: error: "),
    ("version: 1\nsites: [\n", "conf.yml:3:1: error: "),
    ("version: 1\nsites:\n\ta: b\n", "conf.yml:3:1: error: "),
    ("version: 2\nsites: {}\n", "conf.yml:1:10: error: "),
    ("sites: {}\n", "conf.yml:1:1: error: "),
    ("version: 1\nsites:\n  a.test: \xff\n", "conf.yml:3:"),
])
def test_check_of_a_broken_file(check, text, place, tmp_path):
    got = check(text)
    assert got.returncode == 1
    assert place in got.stderr, got.stderr
    assert len(got.stderr.splitlines()) <= 4


def test_check_without_a_file(hivedoor, tmp_path):
    got = hivedoor("check", "-c", "gone.yml")
    assert got.returncode == 1
    assert "gone.yml" in got.stderr and "No such file" in got.stderr
    got = hivedoor("check", "-c", tmp_path)
    assert got.returncode == 1 and str(tmp_path) in got.stderr


def test_dump_loads_again_and_gives_itself(check):
    first = check(GOOD + "  b.test:\n    routes:\n      /: http://b:1\n      /x: "
                  "{to: 'http://c:2', strip: true}\ntimeouts: {response: 90s}\n", "--dump")
    assert first.returncode == 0
    assert "response: 90s" in first.stdout or "response: 1m30s" in first.stdout
    assert "service-a:5000" in first.stdout and "drain:" in first.stdout
    second = check(first.stdout, "--dump")
    assert (second.returncode, second.stdout) == (0, first.stdout)
    assert "error" not in second.stderr


def test_schema_names_every_key_of_a_dump(check, hivedoor):
    keys = hivedoor("check", "--schema")
    assert keys.returncode == 0
    for key in re.findall(r"^([a-z_]+):", check(GOOD, "--dump").stdout, re.M):
        assert re.search(rf"^{key}$", keys.stdout, re.M), key


# ---- substitution

def test_environment_is_substituted(check, tmp_path):
    text = ("version: 1\ncertificates: [certs]\nsites:\n"
            "  ${NAME}.test: http://${HOST}:${file:port}\n")
    (tmp_path / "port").write_text("5001\n")
    got = check(text, "--dump", env={"NAME": "shop", "HOST": "web"})
    assert got.returncode == 0, got.stderr
    assert "shop.test:" in got.stdout and "http://web:5001" in got.stdout


def test_environment_that_is_missing(check):
    got = check("version: 1\ncertificates: [certs]\nsites:\n  a.test: http://${NOBODY}:1\n"
                "  b.test: http://${file:gone}:1\n", env={})
    assert got.returncode == 1
    assert re.search(r"^conf\.yml:4:\d+: error: .*NOBODY", got.stderr, re.M)
    assert re.search(r"^conf\.yml:5:\d+: error: .*gone", got.stderr, re.M)


def test_environment_is_data_and_not_yaml(check):
    got = check("version: 1\ncertificates: [certs]\nsites:\n  a.test: ${TO}\n", "--dump",
                env={"TO": "http://a:1\n  evil.test: http://b:2"})
    assert "evil.test:" not in got.stdout
    assert got.returncode == 1


# ---- run

def test_run_with_a_broken_file(hivedoor, tmp_path):
    (tmp_path / "conf.yml").write_text("version: 1\nnonsense: 1\nsites: {a.test: 'ftp://x'}\n")
    got = hivedoor("run", "-c", "conf.yml")
    assert got.returncode == 1
    assert "conf.yml:2:1: error: " in got.stderr and "conf.yml:3:17: error: " in got.stderr
    assert hivedoor("run", "-c", "gone.yml").returncode == 1


@pytest.mark.parametrize("kind", ["http", "https", "admin"])
def test_run_with_a_port_in_use(hivedoor, tmp_path, kind):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        listen = {"http": f"unix:{tmp_path}/http", "https": f"unix:{tmp_path}/https",
                  "admin": f"unix:{tmp_path}/admin", kind: address}
        (tmp_path / "conf.yml").write_text(json.dumps(
            {"version": 1, "certificates": ["certs"], "listen": listen,
             "sites": {"a.test": "http://a:1"}}))
        got = hivedoor("run", "-c", "conf.yml")
    assert got.returncode == 3, got
    assert address in got.stderr and f"listen.{kind}" in got.stderr
    assert "in use" in got.stderr and "choose another" in got.stderr


# ---- health and reload

def test_health_and_reload(door, service):
    d = door(names=["a.test"], sites={"a.test": service().url})
    at = f"unix:{d.admin_path}"
    for how in (["-c", d.config], ["--config", d.config], ["--admin", at], [f"--admin={at}"]):
        got = d.run("health", *how)
        assert (got.returncode, got.stdout, got.stderr) == (0, "ok\n", "")
    got = d.run("reload", "-c", d.config)
    assert got.returncode == 0 and "unchanged" in got.stdout
    d.configure({"a.test": service().url, "b.test": service().url})
    got = d.run("reload", "--admin", at)
    assert got.returncode == 0 and got.stdout.strip() != ""
    assert any(s["name"] == "b.test" for s in d.state()["sites"])


def test_reload_of_a_broken_file(door, service):
    d = door(names=["a.test"], sites={"a.test": service().url})
    d.write("version: 1\nnonsense: 1\nsites: {}\n")
    got = d.run("reload", "--admin", f"unix:{d.admin_path}")
    assert got.returncode == 1 and got.stdout == ""
    assert f"{d.config}:2:1: error: " in got.stderr
    assert d.get("a.test")[0] == 200
    assert d.run("health", "--admin", f"unix:{d.admin_path}").returncode == 0


def test_health_and_reload_over_tcp(door, service):
    d = door(sites={"a.test": service().url})
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    d.stop()
    d.configure({"a.test": service().url}, listen={"admin": address})
    d.is_ready = lambda: d.run("health", "--admin", address).returncode == 0
    d.start()
    assert d.run("health", "-c", d.config).returncode == 0
    assert d.run("reload", "--admin", address).returncode == 0


def test_health_and_reload_of_a_stopped_door(door):
    d = door(sites={"a.test": "http://127.0.0.1:1"})
    d.stop()
    for command in ("health", "reload", "status"):
        got = d.run(command, "-c", d.config)
        assert got.returncode == 1 and got.stdout == ""
        assert f"unix:{d.admin_path}" in got.stderr


def test_health_and_reload_with_the_admin_address_off(door):
    d = door(sites={"a.test": "http://127.0.0.1:1"}, start=False,
             extra={"listen": {"admin": "off"}})
    for command in ("health", "reload"):
        got = d.run(command, "-c", d.config)
        assert got.returncode == 1
        assert "off" in got.stderr and str(d.config) in got.stderr


def test_health_of_somebody_else(door, tmp_path):
    """A listener that never answers, or answers nonsense, is not health."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        d = door(sites={"a.test": "http://127.0.0.1:1"}, start=False)
        got = d.run("health", "--admin", address)
        assert got.returncode == 1 and address in got.stderr
