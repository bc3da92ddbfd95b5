# SPDX-License-Identifier: MIT
"""Certificates for tests, made by Debian's openssl."""

import hashlib
import pathlib
import subprocess
from datetime import datetime, timedelta, timezone


def openssl(*arguments, stdin=None):
    return subprocess.run(["openssl", *map(str, arguments)], input=stdin, check=True,
                          capture_output=True).stdout


class Authority:
    """A root that signs leaves. `ca` is its PEM file, for clients."""

    def __init__(self, folder, name="test root"):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.ca = self.folder / "ca.pem"
        self.key = self.folder / "ca.key"
        self.count = 0
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-keyout", self.key, "-out", self.ca, "-days", "30", "-subj", f"/CN={name}",
                "-addext", "basicConstraints=critical,CA:TRUE",
                "-addext", "keyUsage=critical,keyCertSign,cRLSign")

    def issue(self, names, kind="ec", days=20, subject="/", usage="serverAuth"):
        """(chain PEM, key PEM, serial in upper-case hex) of a new leaf for these DNS names.

        `days` below 0 gives one that has ended already."""
        self.count += 1
        base = self.folder / f"leaf{self.count}"
        key, csr, leaf = (base.with_suffix(s) for s in (".key", ".csr", ".crt"))
        extensions = base.with_suffix(".ext")
        new_key = {"ec": ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
                   "rsa": ["rsa:2048"]}[kind]
        openssl("req", "-newkey", *new_key, "-nodes", "-keyout", key, "-out", csr, "-subj", subject)
        san = "subjectAltName=critical," + ",".join(f"DNS:{n}" for n in names) + "\n"
        extensions.write_text((san if names else "") + f"extendedKeyUsage={usage}\n")
        if days < 0:
            self._sign_ended(csr, leaf, extensions, days)
        else:
            openssl("x509", "-req", "-in", csr, "-CA", self.ca, "-CAkey", self.key, "-out", leaf,
                    "-days", days, "-extfile", extensions, "-CAcreateserial")
        serial = openssl("x509", "-in", leaf, "-noout", "-serial").decode().strip().split("=")[1]
        return leaf.read_text(), key.read_text(), serial

    def _sign_ended(self, csr, leaf, extensions, days):
        """By `openssl ca`: `openssl x509` gives no past dates on Debian 12, and no end before the
        start on Debian 13."""
        database = leaf.with_suffix(".index")
        database.touch()
        config = leaf.with_suffix(".conf")
        config.write_text("[ca]\ndefault_ca=all\n[all]\nrand_serial=yes\ndefault_md=sha256\n"
                          f"database={database}\nnew_certs_dir={self.folder}\npolicy=any\n"
                          "[any]\ncommonName=optional\n")
        end = datetime.now(timezone.utc) + timedelta(days=days)
        start = end - timedelta(days=30)
        openssl("ca", "-batch", "-notext", "-config", config, "-in", csr, "-out", leaf, "-cert",
                self.ca, "-keyfile", self.key, "-extfile", extensions,
                "-startdate", f"{start:%Y%m%d%H%M%SZ}", "-enddate", f"{end:%Y%m%d%H%M%SZ}")

    def client(self, name, **options):
        """(certificate file, key file, SHA-256 fingerprint) of a client with this common name."""
        cert, key, _ = self.issue([], subject=f"/CN={name}", usage="clientAuth", **options)
        base = self.folder / f"client{self.count}"
        files = base.with_suffix(".pem"), base.with_suffix(".pk")
        files[0].write_text(cert)
        files[1].write_text(key)
        der = openssl("x509", "-in", files[0], "-outform", "DER")
        return *files, hashlib.sha256(der).hexdigest()

    def write(self, folder, names, chain="swarm.pem", key="request.pem", **options):
        """Issues and writes both files, as lecli names them; returns the serial."""
        folder = pathlib.Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        chain_pem, key_pem, serial = self.issue(names, **options)
        (folder / chain).write_text(chain_pem)
        (folder / key).write_text(key_pem)
        return serial
