# SPDX-License-Identifier: MIT
"""A network of the engine's own: one namespace and one veth pair.

All that Docker does to a network (bridges, iptables chains, the FORWARD policy, published ports)
stays inside the namespace and goes away with it. The host keeps only what the image build needs
to reach the package mirror: three iptables rules and ip_forward, taken back by close().
The host's end of the pair is also where the tests' clients live: another host, as the door sees it.
"""
import os
from pathlib import Path

from shell import run

FORWARD = Path("/proc/sys/net/ipv4/ip_forward")


def uplink_mtu():
    """The MTU of the host's default route: packets of the build must not be larger."""
    words = run("ip", "-4", "route", "show", "default").split()
    if "dev" not in words:
        return 1500
    return int(Path(f"/sys/class/net/{words[words.index('dev') + 1]}/mtu").read_text())


class Network:
    """One namespace; `host` is the client's address, `address` the engine's."""

    def __init__(self):
        tag = os.getpid()
        # 198.18.0.0/15 is for tests (RFC 2544): nobody's real network.
        third, fourth = (tag // 63) % 256, (tag % 63) * 4
        self.prefix = f"198.18.{third}.{fourth}/30"
        self.host = f"198.18.{third}.{fourth + 1}"
        self.address = f"198.18.{third}.{fourth + 2}"
        self.name = f"hivedoor-{tag}"
        self.link = f"hd{tag}"
        self.mtu = uplink_mtu()
        self.forward_before = FORWARD.read_text()
        self.rules = [
            ("nat", "POSTROUTING", "-s", self.prefix, "!", "-o", self.link, "-j", "MASQUERADE"),
            ("filter", "FORWARD", "-i", self.link, "-j", "ACCEPT"),
            ("filter", "FORWARD", "-o", self.link, "-j", "ACCEPT"),
        ]

    def open(self):
        run("ip", "netns", "add", self.name)
        run("ip", "link", "add", self.link, "mtu", self.mtu, "type", "veth",
            "peer", "name", "up0", "mtu", self.mtu, "netns", self.name)
        run("ip", "address", "add", f"{self.host}/30", "dev", self.link)
        run("ip", "link", "set", self.link, "up")
        self._inside("ip", "address", "add", f"{self.address}/30", "dev", "up0")
        self._inside("ip", "link", "set", "lo", "up")
        self._inside("ip", "link", "set", "up0", "up")
        self._inside("ip", "route", "add", "default", "via", self.host)
        FORWARD.write_text("1\n")
        for table, chain, *match in self.rules:
            run("iptables", "-w", "-t", table, "-I", chain, *match)

    def close(self):
        for table, chain, *match in self.rules:
            run("iptables", "-w", "-t", table, "-D", chain, *match, check=False)
        FORWARD.write_text(self.forward_before)
        run("ip", "link", "del", self.link, check=False)
        run("ip", "netns", "del", self.name, check=False)

    def enter(self):
        """The words to put before a command that shall run inside."""
        return ["nsenter", f"--net=/run/netns/{self.name}"]

    def _inside(self, *argv):
        return run(*self.enter(), *argv)
