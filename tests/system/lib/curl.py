# SPDX-License-Identifier: MIT
"""Debian's curl as an ordinary client of either version of HTTP, from any address of loopback."""

import tempfile

VERSIONS = ["--http1.1", "--http2"]


class Answer:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers  # (lower-case name, value), in order
        self.body = body

    def all(self, name):
        return [value for key, value in self.headers if key == name]

    def get(self, name):
        """The one value of a field, or None; more than one is a mistake."""
        values = self.all(name)
        assert len(values) <= 1, values
        return values[0] if values else None


def _parse(text):
    """The last head of what -D wrote: 1xx heads come before it."""
    lines = text.replace("\r\n", "\n").strip().split("\n\n")[-1].split("\n")
    pairs = [line.split(":", 1) for line in lines[1:]]
    return int(lines[0].split(" ")[1]), [(k.strip().lower(), v.strip()) for k, v in pairs]


def ask(door, url, *arguments, source="127.0.0.1"):
    """One request by curl; `source` is the client's address."""
    name = url.split("/")[2]
    with tempfile.NamedTemporaryFile("r", encoding="latin-1", newline="") as head:
        done = door.curl("-D", head.name, "--interface", source, *arguments, url, name=name)
        assert done.returncode == 0, done.stderr.decode()
        status, headers = _parse(head.read())
    return Answer(status, headers, done.stdout)
