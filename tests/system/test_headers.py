# SPDX-License-Identifier: MIT
"""Header fields that the configuration sets, adds and removes, on requests and on every answer."""

import json

from lib.raw import Raw

HSTS = "max-age=31536000"


def fields(headers):
    """{lower-case name: [values]}."""
    found = {}
    for name, value in headers:
        found.setdefault(name.lower(), []).append(value)
    return found


def seen_by_service(answer):
    assert answer[0] == 200, answer
    return fields(json.loads(answer[2])["headers"])


def site(target, **headers):
    return {"to": target, "http": "serve", "headers": headers}


def test_requests(door, service):
    d = door(names=["a.test"], sites={"a.test": site(service().url, request={
        "remove": ["X-Secret", "Accept-Encoding"],
        "set": {"X-Tenant": "one", "User-Agent": "door"},
        "add": {"X-List": ["b", "c"]}})})
    sent = {"X-Secret": "1", "x_secret": "2", "X-TENANT": "evil", "X_Tenant": "evil", "X-List": "a",
            "X-Other": "kept", "User-Agent": "curl"}
    for tls in (True, False):
        got = seen_by_service(d.get("a.test", headers=sent, tls=tls))
        assert not {"x-secret", "x_secret", "x_tenant", "accept-encoding"} & set(got)
        assert got["x-tenant"] == ["one"] and got["user-agent"] == ["door"]
        assert got["x-list"] == ["a", "b", "c"]
        assert got["x-other"] == ["kept"]
        assert got["x-forwarded-proto"] == ["https" if tls else "http"]


def test_requests_and_answers_of_http2(door, service):
    d = door(names=["a.test"], sites={"a.test": site(
        service().url, request={"set": {"X-Tenant": "one"}, "remove": ["X-Secret"]},
        response={"set": {"X-Frame-Options": "DENY"}, "remove": ["Server"]})})
    done = d.curl("--http2", "-i", "-H", "x_tenant: evil", "-H", "x-secret: 1", "https://a.test/")
    head, text = done.stdout.decode().split("\r\n\r\n", 1)
    assert head.startswith("HTTP/2 200")
    assert "\r\nx-frame-options: DENY" in head and "\r\nserver:" not in head
    got = fields(json.loads(text)["headers"])
    assert got["x-tenant"] == ["one"] and not {"x_tenant", "x-secret"} & set(got)


def test_routes_add_to_their_site(door, service):
    url = service().url
    d = door(names=["a.test"], sites={"a.test": {
        "headers": {"request": {"set": {"X-A": "site", "X-B": "site"}, "add": {"X-C": "site"}},
                    "response": {"set": {"X-Frame-Options": "DENY"}}},
        "routes": {"/": url,
                   "/api": {"to": url, "headers": {
                       "request": {"set": {"X-A": "route"}, "remove": ["X-B"],
                                   "add": {"X-C": "route"}},
                       "response": {"remove": ["X-Frame-Options"]}}}}}})
    answer = d.get("a.test", "/")
    got = seen_by_service(answer)
    assert (got["x-a"], got["x-b"], got["x-c"]) == (["site"], ["site"], ["site"])
    assert answer[1]["X-Frame-Options"] == "DENY"
    answer = d.get("a.test", "/api")
    got = seen_by_service(answer)
    assert (got["x-a"], got.get("x-b"), got["x-c"]) == (["route"], None, ["site", "route"])
    assert answer[1]["X-Frame-Options"] is None


def test_every_final_answer_of_a_site(door, service, dns):
    def reply(request):
        request.read_body()
        request.reply(200, "x", [("Server", "thing/1.0"), ("X-Powered-By", "y"),
                                 ("Strict-Transport-Security", "max-age=1")])
    one = service(handler=reply)
    response = {"remove": ["Server", "X-Powered-By"], "set": {"Strict-Transport-Security": HSTS},
                "add": {"X-Also": "z"}}
    extra = {"hold": {"wait": "0s"}}
    d = door(names=["a.test", "old.test", "gone.test"], dns=dns, extra=extra, sites={
        "a.test": {**site(one.url, response=response), "limits": {"body": 10}},
        "gone.test": {"to": "http://gone:1", "headers": {"response": response}},
        "old.test": {"redirect": "https://a.test", "headers": {"response": response}}})

    def check(answer, status):
        assert answer[0] == status
        got = fields(answer[1].items())
        assert got["strict-transport-security"] == [HSTS] and got["x-also"] == ["z"]
        assert "server" not in got and "x-powered-by" not in got

    check(d.get("a.test"), 200)
    check(d.get("a.test", method="HEAD"), 200)
    check(d.get("a.test", method="POST", body=b"x" * 11), 413)
    check(d.get("gone.test"), 503)
    check(d.get("gone.test", tls=False), 301)  # to https
    check(d.get("old.test"), 301)
    check(d.get("old.test", tls=False), 301)
    one.close()
    check(d.get("a.test"), 502)
    # What is no site's has nothing of any.
    assert d.get("nobody.test", tls=False)[1]["X-Also"] is None


def test_interim_answers_are_left_alone(door, service):
    def early(request):
        request.wfile.write(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\nServer: thing\r\n\r\n")
        request.reply(200, "x", [("Server", "thing")])
    d = door(names=["a.test"], sites={"a.test": site(service(handler=early).url, response={
        "remove": ["Server"], "set": {"X-Set": "1"}})})
    with d.connect_tls("a.test") as s:
        raw = Raw(s)
        raw.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
        status, got, _ = raw.response()
        assert status == 103 and got["link"] == "</a.css>" and "x-set" not in got
        status, got, _ = raw.response()
        assert status == 200 and got["x-set"] == "1"


def test_trailers_bring_nothing_back(door, service):
    def reply(request):
        request.read_body()
        request.reply(200, "x")

    def trailing(request):
        request.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n"
                            b"1\r\nx\r\n0\r\nX-Sum: 1\r\nX-Secret: 2\r\nX-Set: evil\r\n\r\n")
    d = door(names=["a.test", "b.test"], sites={
        "a.test": site(service(handler=trailing).url, response={
            "remove": ["X-Secret"], "set": {"X-Set": "1"}}),
        "b.test": site(service(handler=reply).url)})
    with d.connect_tls("a.test") as s:
        s.sendall(b"GET / HTTP/1.1\r\nHost: a.test\r\nTE: trailers\r\nConnection: TE\r\n\r\n")
        data = b""
        while not data.endswith(b"\r\n\r\n") or b"0\r\n" not in data:
            data += s.recv(65536)
    assert b"X-Set: 1\r\n" in data and b"evil" not in data and b"X-Secret" not in data
    assert b"X-Sum: 1" in data


def test_reload_changes_headers(door, service):
    url = service().url
    d = door(names=["a.test"], sites={"a.test": site(url, response={"set": {"X-V": "1"}})})
    assert d.get("a.test")[1]["X-V"] == "1"
    d.configure({"a.test": site(url, response={"set": {"X-V": "2"}})})
    d.reload()
    assert d.get("a.test")[1]["X-V"] == "2"
    d.configure({"a.test": site(url, response={"set": {"Content-Length": "2"}})})
    d.reload("failed")
    assert d.get("a.test")[1]["X-V"] == "2"
