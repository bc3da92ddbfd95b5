# SPDX-License-Identifier: MIT
"""The main job in its shortest form."""

import json


def test_three_sites_over_https(door, service):
    services = {name: service(name=name) for name in ("a.test", "b.test", "c.test")}
    d = door(names=list(services), sites={n: s.url for n, s in services.items()})
    for name in services:
        status, _, body = d.get(name, "/x?y=1")
        assert status == 200
        seen = json.loads(body)
        assert seen["service"] == name
        assert seen["path"] == "/x?y=1"
        assert ["x-forwarded-proto", "https"] in seen["headers"]
    d.stop()


def test_port_80_redirects(door, service):
    d = door(names=["a.test"], sites={"a.test": service().url})
    status, headers, _ = d.get("a.test", "/p?q=1", tls=False)
    assert (status, headers["Location"]) == (301, "https://a.test/p?q=1")


def test_missing_service_is_503_and_others_serve(door, service, dns):
    dns.set("gone", a=[])
    d = door(names=["a.test", "b.test"], dns=dns,
             sites={"a.test": service().url, "b.test": "http://gone:5000"})
    status, headers, _ = d.get("b.test")
    assert status == 503
    assert int(headers["Retry-After"]) > 0
    assert d.get("a.test")[0] == 200
