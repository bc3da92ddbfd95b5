# SPDX-License-Identifier: MIT
"""What is served when files of certificates change, one after the other: those that have not
changed are not read again."""

import time

from lib.wait import until
from test_tls import served_serial


def served(d, *names):
    return {name: served_serial(d, name) for name in names}


def write(d, site, **options):
    """Both files of a site, named after it."""
    name = site.removesuffix(".test")
    return d.authority.write(d.certs, [site], chain=f"{name}.pem", key=f"{name}.key",
                             **options).lstrip("0")


def settled(d):
    """Files that have changed shortly before are looked at again; wait until none has, and let them
    be read once more."""
    until(lambda: all(time.time() - file.stat().st_ctime > 4 for file in d.certs.iterdir()),
          "all files are old enough to be known by their looks")
    d.reload()


def start(door, service):
    url = service().url
    d = door(sites={f"{name}.test": url for name in "abc"}, workers=1)
    serials = {f"{name}.test": write(d, f"{name}.test") for name in "abc"}
    d.reload()
    settled(d)
    assert served(d, *serials) == serials
    return d, serials, url


def test_one_changes_again_and_again(door, service):
    d, serials, _ = start(door, service)
    for _ in range(6):  # several of them within the same second, mostly of the same size
        serials["b.test"] = write(d, "b.test")
        d.reload()
        assert served(d, *serials) == serials
    settled(d)
    assert served(d, *serials) == serials
    serials["b.test"] = write(d, "b.test")
    d.reload()
    assert served(d, *serials) == serials


def test_one_comes_and_one_goes(door, service):
    d, serials, url = start(door, service)
    serials["new.test"] = write(d, "new.test")
    del serials["a.test"]
    d.configure({site: url for site in serials})
    for name in ("a.pem", "a.key"):
        (d.certs / name).unlink()
    d.reload()
    assert served(d, *serials) == serials
    settled(d)
    assert served(d, *serials) == serials
    assert not any("a.test" in str(one) for one in d.state()["certificates"])


def test_a_key_alone_or_a_file_that_cannot_be_read_changes_nothing(door, service):
    d, serials, _ = start(door, service)
    key = (d.certs / "a.key").read_text()
    (d.certs / "a.key").write_text((d.certs / "b.key").read_text())
    d.reload()
    assert served(d, *serials) == serials
    (d.certs / "a.key").write_text(key)
    d.reload()
    assert served(d, *serials) == serials
    (d.certs / "a.pem").unlink()
    (d.certs / "a.pem").symlink_to("nowhere")
    d.reload()
    assert served(d, *serials) == serials
    (d.certs / "a.pem").unlink()
    serials["a.test"] = write(d, "a.test")
    d.reload()
    assert served(d, *serials) == serials


def test_a_file_with_the_same_bytes_is_no_change(door, service):
    d, serials, _ = start(door, service)
    before = d.metric("reloads_total", outcome="unchanged")
    text = (d.certs / "a.pem").read_text()
    (d.certs / "a.pem").write_text(text)
    d.reload("unchanged")
    until(lambda: d.metric("reloads_total", outcome="unchanged") > before, "it is counted")
    assert served(d, *serials) == serials
