# SPDX-License-Identifier: MIT
"""Many certificates: time until all are served, memory, and the reload after one changed. The same
files for all, and each is asked in the same way: by a handshake that must give the right one."""

import socket
import ssl
import subprocess
import time

import measure
import peers
import rounds
import work

KINDS = (peers.Hivedoor, peers.Nginx, peers.Haproxy)
PATIENCE = 300


def served(port, site):
    """The certificate that a client of this site gets, or nothing."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as sock:
            with context.wrap_socket(sock, server_hostname=site) as tls:
                return tls.getpeercert(binary_form=True)
    except OSError:
        return None


def in_file(path):
    text = path.read_text()
    end = "-----END CERTIFICATE-----"
    return ssl.PEM_cert_to_DER_cert(text[:text.index(end) + len(end)] + "\n")


def wait_served(peer, site, path):
    wanted = in_file(path)
    until = time.monotonic() + PATIENCE
    while served(peer.port, site) != wanted:
        if peer.process.poll() is not None or time.monotonic() > until:
            raise SystemExit(f"{peer.name} does not serve {site}; see its output.log")
        time.sleep(0.002)


def kept_state(setting, peer):
    """Of ours, what a reload must leave alone: the workers, and the links to services, of which a
    request must find one that is open."""
    if peer.name != "hivedoor":
        return ()
    work.run_load(setting.tools, peer.port, ["--sni=s0.test", "--requests=1"], setting.cores[1], 0)
    return peer.workers(), peer.metric("upstream_connects_total")


def lifecycle(setting, kind, folder, count):
    """Seconds to serve, bytes, seconds to reload, and whether workers and links to services lived."""
    sites = {f"s{i}.test": folder / f"s{i}.pem" for i in range(count)}
    last = f"s{count - 1}.test"
    peer = kind(setting.folder, setting.tools, setting.origin, folder, setting.cores[0],
                sites=sites)
    got = {}
    try:
        command = peer.command()
        peer.command = lambda: command  # writing its configuration is not its work
        begin = time.monotonic()
        peer.start(wait=False)
        wait_served(peer, last, sites[last])
        got["serve"] = time.monotonic() - begin
        got["cpu"] = measure.cpu_ns(peer.pid) / 1e9
        time.sleep(1)
        got["memory"] = 1024 * measure.shared_memory_kb(peer.pid)
        before = kept_state(setting, peer)
        subprocess.run([setting.tools["certs"], folder, str(count - 1), "1"], check=True)
        begin = time.monotonic()
        peer.reload()
        wait_served(peer, last, sites[last])
        got["reload"] = time.monotonic() - begin
        after = kept_state(setting, peer)
        got["kept"] = [one == other for one, other in zip(before, after)]
    finally:
        peer.stop()
    return got


def row(_, setting, options):
    """Three rows."""
    folder = setting.folder / "many"
    folder.mkdir(exist_ok=True)
    subprocess.run([setting.tools["certs"], folder, "0", str(options.many)], check=True)
    got = {kind.name: [] for kind in KINDS}
    for _ in range(options.runs):
        for kind in KINDS:
            got[kind.name].append(lifecycle(setting, kind, folder, options.many))
    values = {what: {peer: [one[what] for one in all_of] for peer, all_of in got.items()}
              for what in ("serve", "memory", "reload")}
    count = f"{options.many:,} certificates"
    more = {"rounds": options.runs, "disturbed": 0}
    return [
        rounds.row("certs-serve", f"{count}: time to serve", "s", values["serve"], **more),
        rounds.row("certs-memory", f"{count}: memory", "bytes", values["memory"], **more),
        rounds.row("certs-reload", f"{count}: reload after one changed", "s", values["reload"],
                   workers_kept=all(one["kept"][0] for one in got["hivedoor"]),
                   links_kept=all(one["kept"][1] for one in got["hivedoor"]), **more),
    ]
