# SPDX-License-Identifier: MIT
"""The access records of a door, read as they are written."""

import json

from .wait import until


class AccessLog:
    """Each record is given out once, in order."""

    def __init__(self, door):
        self.file = open(door.log_path, encoding="utf-8", errors="replace")
        self.partial = ""
        self.records = []

    def _read(self):
        *lines, self.partial = (self.partial + self.file.read()).split("\n")
        records = (json.loads(line) for line in lines if '"event":"access"' in line)
        self.records += records

    def take(self, count):
        """The next `count` records, awaited, and whatever else is there by then."""
        def enough():
            self._read()
            return len(self.records) >= count
        until(enough, f"{count} access records")
        taken, self.records = self.records, []
        return taken

    def reasons(self, count):
        return [record["reason"] for record in self.take(count)]

    def skip_to(self, path):
        """Drops everything up to the record of this path."""
        while all(record.get("path") != path for record in self.take(1)):
            pass
