# SPDX-License-Identifier: MIT
"""Other proxies on the overlay network: this machine's haproxy and nginx in a container's network."""
import json
import subprocess

from engine import program
from shell import wait_for


class Edge:
    """A place on the network with ports towards clients, where a program of this machine runs."""

    def __init__(self, engine, image, network, ports, name="edge"):
        self.engine, self.name, self.process, self.log = engine, name, None, None
        published = [word for port in ports for word in ("--publish", f"{port}:{port}")]
        engine.docker("run", "--detach", "--name", name, "--network", network, *published,
                      "--entrypoint", "/usr/bin/python3", image, "-c",
                      "import signal; signal.pause()")
        self.about = json.loads(engine.docker("inspect", name))[0]
        self.pid = self.about["State"]["Pid"]
        self.address = self.about["NetworkSettings"]["Networks"][network]["IPAddress"]

    def run(self, log, command, *arguments):
        """Starts the program in the foreground; what it says goes to a file."""
        self.log = log
        with open(log, "wb") as out:
            self.process = subprocess.Popen(
                ["nsenter", "-t", str(self.pid), "-n", program(command), *map(str, arguments)],
                stdin=subprocess.DEVNULL, stdout=out, stderr=out)

    def words(self):
        return self.log.read_text(errors="replace")

    def close(self):
        if self.process:
            self.process.terminate()
            self.process.wait(30)
        self.engine.docker("rm", "--force", self.name, check=False)


def running(engine, service):
    """The containers of a service."""
    return engine.docker("ps", "--quiet", "--no-trunc", "--filter",
                         f"label=com.docker.swarm.service.name={service}").split()


def wait_for_replicas(engine, service, replicas):
    def healthy():
        states = [json.loads(engine.docker("inspect", c))[0]["State"]
                  for c in running(engine, service)]
        return sum(s.get("Health", {}).get("Status") == "healthy" for s in states) == replicas

    wait_for(f"{replicas} tasks of {service} are healthy", healthy, 90, every=0.2)
