# SPDX-License-Identifier: MIT
"""Sessions across replicas and restarts: `tls.tickets.secret`."""

import ssl

import pytest

SECRET = "a secret of the stack, long enough to count\n"
SITES = {"a.test": "http://127.0.0.1:1", "b.test": "http://127.0.0.1:1"}


@pytest.fixture
def replicas(door, tmp_path):
    """Two doors with one certificate's names and the same secret, as replicas have them."""
    secret = tmp_path / "secret"
    secret.write_text(SECRET)

    def make(**options):
        extra = {"tls": {"tickets": {"secret": str(secret)}}, **options}
        return [door(names=["a.test", "b.test"], sites=SITES, extra=extra) for _ in range(2)]
    return make


def client(d, version=ssl.TLSVersion.TLSv1_3):
    context = d.tls_context()
    context.minimum_version = context.maximum_version = version
    return context


def session_of(d, context, name="a.test"):
    """A session made at this door; TLS 1.3 gives it with the first answer."""
    with d.connect_tls(name, context) as tls:
        tls.sendall(f"GET / HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode())
        while tls.recv(65536):
            pass
        assert not tls.session_reused
        return tls.session


def resumes(d, context, session, name="a.test"):
    with d.connect_tls(name, context, session) as tls:
        tls.sendall(f"GET / HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode())
        while tls.recv(65536):
            pass
        return tls.session_reused


def test_a_session_resumes_at_another_replica(replicas):
    one, other = replicas()
    context = client(one)
    session = session_of(one, context)
    assert resumes(other, context, session)
    assert resumes(one, context, session)
    assert not resumes(other, context, session, name="b.test")  # another site's, still


def test_a_session_resumes_after_a_restart_and_a_reload(replicas):
    one, _ = replicas()
    context = client(one)
    session = session_of(one, context)
    one.stop()
    one.start()
    assert resumes(one, context, session)
    one.configure({**SITES, "c.test": "http://127.0.0.1:2"}, **{"tls": one.settings["tls"]})
    one.reload()
    assert resumes(one, context, session)


def test_tls_1_2_keeps_the_keys_of_each_daemon(replicas):
    one, other = replicas()
    context = client(one, ssl.TLSVersion.TLSv1_2)
    session = session_of(one, context)
    assert resumes(one, context, session)
    assert not resumes(other, context, session)


def test_without_a_secret_each_daemon_has_keys_of_its_own(door):
    one, other = (door(names=["a.test"], sites=SITES) for _ in range(2))
    context = client(one)
    session = session_of(one, context)
    assert resumes(one, context, session) and not resumes(other, context, session)


def test_another_secret_is_another_fleet(replicas, tmp_path):
    one, other = replicas()
    context = client(one)
    session = session_of(one, context)
    (tmp_path / "secret").write_text("not the same secret any more, but long enough")
    other.reload()
    assert not resumes(other, context, session)


@pytest.mark.parametrize("content", ["", "too short", "x" * 31 + "\n\n"])
def test_a_secret_that_can_be_guessed_is_refused(replicas, tmp_path, content):
    one, _ = replicas()
    (tmp_path / "secret").write_text(content)
    one.reload("failed")
    got = one.run("check", "-c", one.config)
    assert got.returncode == 1 and "openssl rand" in got.stderr + got.stdout
    context = client(one)
    assert resumes(one, context, session_of(one, context))  # with the keys it had
