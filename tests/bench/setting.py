# SPDX-License-Identifier: MIT
"""What all measurements share: tools, processors, a certificate of each kind, the service."""

import contextlib
import os
import pathlib
import subprocess
import tempfile

import measure
import peers


def certificate(folder, kind):
    """A self-signed certificate of a.test and all below it, chain and key in one file: a folder that
    holds it alone."""
    folder.mkdir()
    new = {"ecdsa": ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"], "rsa": ["rsa:2048"]}[kind]
    made = [subprocess.run(["openssl", "req", "-x509", "-newkey", *new, "-nodes", "-days", "30",
                            "-subj", "/CN=a.test", "-addext", "subjectAltName=DNS:a.test,DNS:*.a.test",
                            "-keyout", "-", "-out", "-"], check=True, capture_output=True)]
    (folder / "a.pem").write_bytes(made[0].stdout)
    return folder


def find_tools(build):
    tools = {name: (build / f"tests/bench/bench_{name}").resolve()
             for name in ("load", "origin", "relay", "floor", "certs")}
    return {**tools, "watched": (build / "tests/bench/libbench_watched.so").resolve(),
            "hivedoor": (build / "src/hivedoor").resolve()}


def urgent(core):
    """For the process to be: on that processor, and before all others there. The service and whoever
    measures waiting times must not wait for each other."""
    def prepare():
        os.sched_setaffinity(0, {core})
        with contextlib.suppress(OSError):  # who may not is measured along
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    return prepare


@contextlib.contextmanager
def service(tools, core, count=0):
    """The port of a service that answers; with a count, at so many addresses from 127.1.0.0 on."""
    port = peers.free_port()
    words = [str(port), *([str(count)] if count else [])]
    process = subprocess.Popen([tools["origin"], *words], preexec_fn=urgent(core))
    try:
        peers.wait_open(port, process, "origin", "127.1.0.0" if count else "127.0.0.1")
        yield port
    finally:
        process.terminate()
        process.wait()


class Setting:
    """tools, cores (of the proxy, of load and service), folder, certs by kind, the service's port."""

    def __init__(self, build):
        self.tools = find_tools(build)
        self.cores = measure.cores()
        self.open = contextlib.ExitStack()

    def __enter__(self):
        self.folder = pathlib.Path(self.open.enter_context(
            tempfile.TemporaryDirectory(prefix="hivedoor-bench-")))
        os.chmod(self.folder, 0o755)  # nginx's worker is another user
        self.certs = {kind: certificate(self.folder / kind, kind) for kind in ("ecdsa", "rsa")}
        self.origin = self.open.enter_context(service(self.tools, self.cores[1]))
        return self

    def __exit__(self, *_):
        self.open.close()

    @contextlib.contextmanager
    def running(self, kinds, key="ecdsa", **options):
        """Proxies of these kinds, started."""
        with contextlib.ExitStack() as stack:
            yield [stack.enter_context(kind(self.folder, self.tools, self.origin, self.certs[key],
                                            self.cores[0], **options)) for kind in kinds]
