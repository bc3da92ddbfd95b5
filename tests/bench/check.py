# SPDX-License-Identifier: MIT
"""The own load generator beside wrk, on the same nginx: both must find the same, within 5 %."""

import os
import re
import subprocess

import measure
import peers
import rounds
import work

WITHIN = 0.05
# What our load asks for.
OPENSSL_CONF = """openssl_conf = init
[init]
ssl_conf = ssl
[ssl]
system_default = defaults
[defaults]
Ciphersuites = TLS_AES_128_GCM_SHA256
Groups = X25519
"""


def wrk(port, core, seconds, conf):
    got = subprocess.run(["wrk", "-t1", "-c32", f"-d{seconds:.0f}s", f"https://127.0.0.1:{port}/1k"],
                         capture_output=True, text=True, check=True, preexec_fn=work.pinned(core),
                         env={**os.environ, "OPENSSL_CONF": str(conf)})
    failed = re.search(r"Non-2xx|Socket errors", got.stdout)
    if failed:
        raise SystemExit(got.stdout)
    return int(re.search(r"(\d+) requests in", got.stdout)[1]), \
        float(re.search(r"Requests/sec: +([\d.]+)", got.stdout)[1])


def run(setting, options):
    """Alternating; says both and whether they agree."""
    conf = setting.folder / "openssl.cnf"
    conf.write_text(OPENSSL_CONF)
    core = setting.cores[1]
    found = {"wrk": [], "load": []}
    with setting.running([peers.Nginx]) as (nginx,):
        for _ in range(options.rounds):
            for tool in found:
                before = measure.cpu_ns(nginx.pid)
                if tool == "wrk":
                    count, rate = wrk(nginx.port, core, max(1, options.seconds), conf)
                else:
                    said = work.run_load(setting.tools, nginx.port, work.WORK["h1-1k"][1], core,
                                         max(1, options.seconds))
                    count, rate = said["answered"], said["answered"] / said["seconds"]
                found[tool].append(((measure.cpu_ns(nginx.pid) - before) / count, rate))
    result = {"failed": False}
    for place, what in enumerate(("ns of nginx's CPU a request", "requests a second")):
        values = {tool: [one[place] for one in all_of] for tool, all_of in found.items()}
        ratio = rounds.quartiles([mine / theirs
                                  for mine, theirs in zip(values["load"], values["wrk"])])
        agrees = abs(ratio[0] - 1) <= WITHIN
        result["failed"] |= place == 0 and not agrees  # how fast each asks is its own affair
        result[what] = {**{tool: rounds.quartiles(all_of)[0] for tool, all_of in values.items()},
                        "ratio": ratio}
        print(f"{what}: wrk {result[what]['wrk']:,.0f}, load {result[what]['load']:,.0f}, ratio "
              f"{ratio[0]:.3f} ({ratio[1]:.3f} to {ratio[2]:.3f}), "
              f"{'within' if agrees else 'NOT within'} 5 %")
    return result
