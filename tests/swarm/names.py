# SPDX-License-Identifier: MIT
"""Docker's DNS as the door sees it: `addresses(pid, name)` asks in the network namespace of a
process; `Watch` asks all the time; as a program, asks in the namespace where it runs."""
import socket
import struct
import subprocess
import sys
import threading
import time

from shell import run


def query(name):
    """The IPv4 addresses of a name, asked once of 127.0.0.11."""
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    question = struct.pack("!6H", 7, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!2H", 1, 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
        asker.settimeout(2)
        asker.sendto(question, ("127.0.0.11", 53))
        reply = asker.recv(4096)
    count, at, found = struct.unpack("!H", reply[6:8])[0], len(question), []
    for _ in range(count):
        at += 2 if reply[at] >= 192 else reply.index(b"\0", at) + 1 - at
        size = struct.unpack("!H", reply[at + 8:at + 10])[0]
        found.append(socket.inet_ntoa(reply[at + 10:at + 10 + size]))
        at += 10 + size
    return sorted(found)


def addresses(pid, name):
    return run("nsenter", "-t", pid, "-n", sys.executable, __file__, name).split()


class Watch:
    """`added` and `removed`: when an address came into the answer and when it left it."""

    def __init__(self, pid, name):
        self.added, self.removed, self.now = {}, {}, set()
        self.process = subprocess.Popen(
            ["nsenter", "-t", str(pid), "-n", sys.executable, __file__, "--watch", name],
            stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        for line in self.process.stdout:
            at, *found = line.split()
            self.added.update((a, float(at)) for a in set(found) - self.now)
            self.removed.update((a, float(at)) for a in self.now - set(found))
            self.now = set(found)

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.thread.join(10)
        self.process.stdout.close()


def watch(name):
    """A line with the time (of all processes alike) and the addresses at each change."""
    last = None
    while True:
        try:
            found = query(name)
        except OSError:
            found = last
        if found != last:
            print(time.monotonic(), *found, flush=True)
        last = found
        time.sleep(0.05)


if __name__ == "__main__":
    if sys.argv[1] == "--watch":
        watch(sys.argv[2])
    print("\n".join(query(sys.argv[1])))
