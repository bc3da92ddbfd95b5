# SPDX-License-Identifier: MIT
"""A Docker engine of the tests' own: own folders, own socket, own network, ended by its pid."""
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from network import Network
from shell import CommandFailed, run, wait_for


def program(name):
    """Debian's program rather than another one that stands before it in PATH."""
    return shutil.which(name, path="/usr/bin:/usr/sbin:/bin:/sbin") or shutil.which(name)


class Engine:
    """`docker(...)` speaks to it; `scratch` holds all it writes."""

    def __init__(self):
        # Not /tmp: it is memory on some hosts, and the engine's storage wants a real file system.
        self.scratch = Path(tempfile.mkdtemp(prefix="hivedoor-", dir="/var/tmp"))
        self.socket = f"unix://{self.scratch}/docker.sock"
        self.client = program("docker")
        self.network = Network()
        self.process = None

    def start(self):
        self.network.open()
        log = open(self.scratch / "dockerd.log", "wb")
        self.process = subprocess.Popen(
            [*self.network.enter(), program("dockerd"), "-H", self.socket,
             "--data-root", self.scratch / "data", "--exec-root", self.scratch / "exec",
             "--pidfile", self.scratch / "dockerd.pid", "--mtu", str(self.network.mtu),
             "--log-level", "warn"],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        log.close()
        wait_for("the engine answers", self._answers, 60)
        self.docker("swarm", "init", "--advertise-addr", self.network.address)

    def docker(self, *argv, **options):
        env = dict(os.environ, **self.environment(), **options.pop("env", {}))
        return run(self.client, *argv, env=env, **options)

    def environment(self):
        """What leads the client to this engine."""
        return {"DOCKER_HOST": self.socket, "DOCKER_BUILDKIT": "0",
                "DOCKER_CONFIG": str(self.scratch / "client")}

    def log(self):
        """The last words of the engine, for a failure's report."""
        text = (self.scratch / "dockerd.log").read_text(errors="replace")
        return "\n".join(line[:300] for line in text.splitlines()[-30:] if "level=info" not in line)

    def stop(self):
        """Leaves nothing behind: no process, mount, interface, rule or folder."""
        if self.process and self.process.poll() is None:
            self.docker("swarm", "leave", "--force", check=False)
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.network.close()
        self._unmount()
        shutil.rmtree(self.scratch, ignore_errors=True)

    def _answers(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"dockerd ended by itself:\n{self.log()}")
        try:
            return self.docker("info", "--format", "{{.ID}}").strip()
        except CommandFailed:
            return ""

    def _unmount(self):
        mounts = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
        for point in reversed([m for m in mounts if m.startswith(f"{self.scratch}/")]):
            run("umount", "--lazy", point, check=False)
