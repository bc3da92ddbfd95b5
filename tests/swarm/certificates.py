# SPDX-License-Identifier: MIT
"""A certificate authority of the tests' own, and certificates in lecli's layout."""
import os

from shell import run

DOOR_USER = 65534


class Authority:
    """`file` is what clients trust."""

    def __init__(self, folder):
        self.folder = folder
        self.file, self.key = folder / "ca.pem", folder / "ca.key"
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
            "-nodes", "-days", "30", "-subj", "/CN=Hivedoor test authority",
            "-addext", "basicConstraints=critical,CA:TRUE",
            "-addext", "keyUsage=critical,keyCertSign", "-keyout", self.key, "-out", self.file)

    def issue(self, names, target):
        """Puts swarm.pem (the chain) and request.pem (the key) into `target`; gives the serial."""
        key, request = self.folder / "leaf.key", self.folder / "leaf.csr"
        leaf, extensions = self.folder / "leaf.pem", self.folder / "leaf.ext"
        extensions.write_text("subjectAltName=" + ",".join(f"DNS:{n}" for n in names))
        run("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-subj", f"/CN={names[0]}", "-keyout", key, "-out", request)
        serial = int.from_bytes(os.urandom(8), "big") >> 1
        run("openssl", "x509", "-req", "-in", request, "-CA", self.file, "-CAkey", self.key,
            "-days", "20", "-set_serial", serial, "-extfile", extensions, "-out", leaf)
        place(target / "swarm.pem", leaf.read_text() + self.file.read_text(), 0o644)
        place(target / "request.pem", key.read_text(), 0o400)
        return serial


def place(path, content, mode):
    """Writes a file for the door's user beside its place and renames it into it."""
    part = path.with_name(f".{path.name}")
    part.unlink(missing_ok=True)
    part.write_text(content)
    part.chmod(mode)
    os.chown(part, DOOR_USER, DOOR_USER)
    part.rename(path)
