# SPDX-License-Identifier: MIT
"""The images: Debian's base made by debootstrap, the shipped Dockerfile, the test services."""
import hashlib
import os
import shutil
import tempfile
from pathlib import Path

from shell import run

ROOT = Path(__file__).resolve().parents[2]
SUITE = "trixie"
BASE = "debian:trixie-slim"
DOOR = "hivedoor:test"
SERVICE = "hivedoor-test-service:latest"


def mirror():
    """The package mirror the host itself uses for Debian."""
    if "HIVEDOOR_APT_MIRROR" in os.environ:
        return os.environ["HIVEDOOR_APT_MIRROR"]
    for line in run("apt-get", "indextargets", "--format", "$(REPO_URI)", check=False).splitlines():
        if line.rstrip("/").endswith("/debian"):
            return line
    return "http://deb.debian.org/debian"


def apt_settings():
    """The host's way out (proxies and the like), so that apt works the same in the build."""
    lines = run("apt-config", "dump", check=False).splitlines()
    return "".join(line + "\n" for line in lines
                   if line.startswith(("Acquire::http", "Acquire::https", "Acquire::ForceIPv4")))


def base_tarball():
    """Debian's minimal tree as a tar file, kept in the cache folder between runs."""
    default = Path.home() / ".cache" / "hivedoor"
    cache = Path(os.environ.get("HIVEDOOR_CACHE", default))
    key = hashlib.sha256((mirror() + apt_settings()).encode()).hexdigest()[:12]
    tarball = cache / f"{SUITE}-{key}.tar"
    if tarball.exists():
        return tarball
    cache.mkdir(parents=True, exist_ok=True)
    tree = Path(tempfile.mkdtemp(prefix="hivedoor-base-", dir="/var/tmp"))
    try:
        tree.chmod(0o755)
        run("debootstrap", "--variant=minbase", SUITE, tree, mirror(), timeout=900)
        (tree / "etc/apt/apt.conf.d/99host").write_text(apt_settings())
        part = tarball.with_suffix(f".{os.getpid()}")
        run("tar", "-C", tree, "--one-file-system", "--exclude=./dev/*",
            "--exclude=./var/cache/apt/archives/*.deb", "-cf", part, ".", timeout=300)
        part.rename(tarball)
    finally:
        shutil.rmtree(tree, ignore_errors=True)
    return tarball


def import_base(engine):
    """Makes `FROM debian:trixie-slim` work without a registry."""
    with open(base_tarball(), "rb") as tree:
        engine.docker("import", "-", BASE, stdin=tree, timeout=300)


def build_door(engine):
    """The shipped image, from the shipped Dockerfile. What git ignores stays out."""
    engine.docker("build", "--tag", DOOR, ROOT, timeout=1200)
    return DOOR


def build_service(engine):
    """The small HTTP service that plays A, B and C."""
    engine.docker("build", "--tag", SERVICE, Path(__file__).parent / "services", timeout=600)
    return SERVICE


def size_bytes(engine, image):
    return int(engine.docker("image", "inspect", "--format", "{{.Size}}", image))


def identity(engine, image):
    return engine.docker("image", "inspect", "--format", "{{.Id}}", image).strip()
