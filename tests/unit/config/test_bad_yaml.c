/* SPDX-License-Identifier: MIT */
/* Wrong configurations and their exact diagnostics: what is wrong with the text and with keys. */
#include "bad.h"

static const struct bad cases[] = {
    {"", "f: error: found an empty file; expected at least \"version: 1\" and \"sites:\"\n",
     ERR_SYNTAX},
    {"# nothing\n",
     "f: error: found an empty file; expected at least \"version: 1\" and \"sites:\"\n",
     ERR_SYNTAX},
    {"version:1\n",
     "f:1:1: error: found no space behind the colon of \"version\"; expected \"version: VALUE\"\n",
     ERR_SYNTAX},
    {"hello\n", "f:1:1: error: found \"hello\"; expected keys and values such as \"version: 1\"\n",
     ERR_SYNTAX},
    {"- a\n", "f:1:1: error: found a list; expected keys and values such as \"version: 1\"\n",
     ERR_SYNTAX},
    {"--- \n"
     "version: 1\n"
     "---\n"
     "version: 1\n",
     "f:3:1: error: found a second document (---); expected one document in the file\n",
     ERR_SYNTAX},
    {"version: 1\n"
     "sites:\n"
     "\ta.com: http://a:1\n",
     "f:3:1: error: found a tab; expected spaces: YAML does not indent with tabs\n", ERR_SYNTAX},
    {"version: 1\n"
     "sites:\n"
     "  a.com:http://a:1\n",
     "f:3:3: error: found no space behind the colon of \"a.com\"; expected \"a.com: VALUE\"\n",
     ERR_SYNTAX},
    {"version: 1\n"
     "sites:\n"
     "  a.com:http://a:1\n"
     "  b.com: http://b:1\n",
     "f:3:3: error: found no space behind the colon of \"a.com\"; expected \"a.com: VALUE\"\n",
     ERR_SYNTAX},
    {"version: 1\n"
     "sites:\n"
     "  a.com: http://a:1\n"
     "  b.com:http://b:1\n",
     "f:4:3: error: found no space behind the colon of \"b.com\"; expected \"b.com: VALUE\"\n",
     ERR_SYNTAX},
    {"version: 1\n"
     "sites: {a.com:http://a:1}\n",
     "f:2:9: error: found no space behind the colon of \"a.com\"; expected \"a.com: VALUE\"\n"
     "f:1:1: warning: found no certificates; expected \"certificates: [/etc/hivedoor/certs]\": "
     "without them nothing is served over HTTPS\n",
     ERR_SYNTAX},
    {"version: 1\n"
     "sites:\n"
     "  *.a.com: http://a:1\n",
     "f:3:4: error: found an unquoted \"*\"; expected quotes around a text that starts with *\n",
     ERR_SYNTAX},
    {"version: 1\n"
     "sites:\n"
     "  a.com: *x\n",
     "f:3:10: error: found an unquoted \"*\"; expected quotes around a text that starts with *: "
     "\"*x\"; aliases are not supported\n"
     "f:1:1: warning: found no certificates; expected \"certificates: [/etc/hivedoor/certs]\": "
     "without them nothing is served over HTTPS\n",
     ERR_SYNTAX},
    {"version: 1\n"
     "sites:\n"
     "  a.com: &x http://a:1\n",
     "f:3:10: error: found the anchor \"&x\"; expected the value alone: write it out at every "
     "place that needs it, or use ${NAME}; a text that starts with & stands in quotes\n"
     "f:1:1: warning: found no certificates; expected \"certificates: [/etc/hivedoor/certs]\": "
     "without them nothing is served over HTTPS\n",
     ERR_SYNTAX},
    {"version: 1\n"
     "workers: !!int 3\n"
     "certificates: /c\n"
     "sites: {a.com: \"http://a:1\"}\n",
     "f:2:10: error: found the tag \"tag:yaml.org,2002:int\"; expected the value alone; a text "
     "that starts with ! stands in quotes\n",
     ERR_SYNTAX},
    {"version: 1\n"
     "sites:\n"
     "  a.com: \"http://a:1\n",
     "f:3:10: error: found a quote that is never closed; expected the closing quote\n", ERR_SYNTAX},
    {"version: 1\n"
     "sites:\n"
     "  a.com: 'http://a:1\n",
     "f:3:10: error: found a quote that is never closed; expected the closing quote\n", ERR_SYNTAX},
    {"version: 1\n"
     "sites: {a.com: http://a:1\n",
     "f:3:1: error: found no , or } behind a value; expected \"{key: value, key: value}\"\n",
     ERR_SYNTAX},
    {"version: 1\n"
     "certificates: [/a, /b\n"
     "workers: 3\n",
     "f:3:8: error: found no , or ] behind a value; expected \"[value, value]\"\n", ERR_SYNTAX},
    {"version: 1\n"
     "sites:\n"
     "  a.com: http://a:1\n"
     " b.com: http://b:1\n",
     "f:4:2: error: found something that does not belong to this block; expected every key of one "
     "block to start in the same column, and every { [ \" closed on the lines above\n",
     ERR_SYNTAX},
    {"version: 1\n"
     "sites:\n"
     "  a.com: http://a:1\n"
     "    b.com: http://b:1\n",
     "f:4:10: error: found a colon where no key can be; expected every key of one block to start "
     "in the same column, one \"key: value\" a line, and quotes around a text that contains \": "
     "\"\n",
     ERR_SYNTAX},
    {"version: 1\n"
     "log: @x\n",
     "f:2:6: error: found an unquoted \"@\"; expected quotes around a text that starts with it\n",
     ERR_SYNTAX},
    {"version: 1\n"
     "log: `x`\n",
     "f:2:6: error: found an unquoted \"`\"; expected quotes around a text that starts with it\n",
     ERR_SYNTAX},
    {"version: 1\n"
     "%x: 1\n",
     "f:2:3: error: found a line that starts with %; expected a key; such a text stands in "
     "quotes\n",
     ERR_SYNTAX},
    {"version: 1\n"
     "certificates: - /a\n",
     "f:2:15: error: found a \"-\" where no list can start; expected the list on the lines below "
     "its key\n",
     ERR_SYNTAX},
    {"version: 1\n"
     "certificates:\n"
     "  - /a\n"
     "  b\n"
     "  - /c\n"
     "workers 3\n",
     "f:5:3: error: found a line without \": \"; expected \"key: value\"\n", ERR_SYNTAX},
    {"version: 1\n"
     "certificates: \"\\q\"\n",
     "f:2:15: error: found an unknown escape after \\; expected \\\\ for a backslash, or single "
     "quotes around the text\n",
     ERR_SYNTAX},
    {"version: 1\n"
     "workers: \001\n",
     "f:2:10: error: found a control character; expected text; save the file as UTF-8\n",
     ERR_SYNTAX},
    {"version: 1\n"
     "workers: \377\n",
     "f:2:10: error: found bytes that are not UTF-8; expected the file saved as UTF-8\n",
     ERR_SYNTAX},
    {"version: 1\n"
     "? [a]\n"
     ": b\n",
     "f:2:3: error: found a list, a map or an alias as a key; expected a plain word\n", ERR_SYNTAX},
    {"version: 1\n"
     "a: [[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]\n",
     "f:2:19: error: found lists and maps nested too deeply; expected at most 16 levels\n",
     ERR_SYNTAX},
    {"version: 1\n"
     "workers: 1\n"
     "workers: 2\n"
     "certificates: /c\n"
     "sites: {a.com: \"http://a:1\"}\n",
     "f:3:1: error: found the key \"workers\" a second time; expected it once: it stands in line 2 "
     "already\n",
     ERR_SYNTAX},
    {"version: 1\n"
     "timeouts:\n"
     "  connect: 5s\n"
     "  connect: 6s\n"
     "certificates: /c\n"
     "sites: {a.com: \"http://a:1\"}\n",
     "f:4:3: error: found the key \"connect\" a second time; expected it once: it stands in line 3 "
     "already\n",
     ERR_SYNTAX},
    {"certificates: /c\n"
     "sites: {a.com: \"http://a:1\"}\n",
     "f:1:1: error: found no \"version\"; expected \"version: 1\" as the first line\n", ERR_SYNTAX},
    {"version: 2\n"
     "certificates: /c\n"
     "sites: {a.com: \"http://a:1\"}\n",
     "f:1:10: error: found \"2\" for version; expected 1\n", ERR_SYNTAX},
    {"version: one\n"
     "certificates: /c\n"
     "sites: {a.com: \"http://a:1\"}\n",
     "f:1:10: error: found \"one\" for version; expected 1\n", ERR_SYNTAX},
    {"version: \"1.0\"\n"
     "certificates: /c\n"
     "sites: {a.com: \"http://a:1\"}\n",
     "f:1:10: error: found \"1.0\" for version; expected 1\n", ERR_SYNTAX},
    {HEAD "sites:\n"
          "  c.com:\n"
          "    to: http://c:1\n"
          "    time_out: 3s\n",
     "f:6:5: error: unknown key \"time_out\" in site \"c.com\"; did you mean \"timeouts\"?\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  c.com:\n"
          "    to: http://c:1\n"
          "    timeouts: {respons: 3s}\n",
     "f:6:16: error: unknown key \"respons\" in timeouts of site \"c.com\"; did you mean "
     "\"response\"?\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  c.com:\n"
          "    to: http://c:1\n"
          "    colour: {}\n",
     "f:6:5: error: unknown key \"colour\" in site \"c.com\"; expected one of: to, routes, "
     "redirect, code, aliases, http, timeouts, limits, hold, verify, headers, basic_auth, allow, "
     "deny, rate, gzip, balance, health, eject, max_requests, pin, external, client_auth\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  a.com: {to: \"http://a\", health: {path: healthz}}\n"
          "  b.com: {to: \"http://b\", health: {interval: 1ms}}\n"
          "  c.com: {to: \"http://c\", eject: {percent: 101}}\n"
          "  \"*.d.com\": {to: \"http://{1}_d\", health: {}}\n"
          "  e.com: {to: \"http://10.0.0.1\", health: {path: /}}\n"
          "  f.com: {to: \"http://f\", eject: {first: 20s}}\n"
          "  g.com: {redirect: \"https://a.com\", health: {}, eject: {errors: off}}\n",
     "f:4:42: error: found \"healthz\" for path in health of site \"a.com\"; expected a path such "
     "as /healthz, at most 1024 characters, encoded where it must be\n"
     "f:5:46: error: found \"1ms\" for interval in health of site \"b.com\"; expected a duration "
     "from 100ms to 1h\n"
     "f:6:44: error: found \"101\" for percent in eject of site \"c.com\"; expected a number from "
     "0 to 100\n"
     "f:10:46: error: found health in site \"g.com\", which only redirects; expected none there\n"
     "f:10:57: error: found eject in site \"g.com\", which only redirects; expected none there\n"
     "f:7:3: error: found health and {1} in site \"*.d.com\"; expected health only where the "
     "service has a name of its own, or health: off\n"
     "f:8:3: error: found health and a literal address in site \"e.com\"; expected health only "
     "where the service has a name of its own, or health: off\n"
     "f:9:3: error: found eject.first above eject.longest in site \"f.com\"; expected first to be "
     "the shorter one\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  a.com: {to: \"http://a\", max_requests: {queue: 3}}\n"
          "  b.com: {to: \"http://b\", max_requests: 0}\n"
          "  c.com: {to: \"http://c\", max_requests: many}\n"
          "  d.com: {to: \"http://d\", max_requests: {endpoint: 1, queue: -1}}\n"
          "  e.com: {to: \"http://e\", hold: 5s}\n"
          "  f.com: {redirect: \"https://a.com\", hold: {wait: 5s}, max_requests: 1}\n",
     "f:5:41: error: found \"0\" for max_requests in site \"b.com\"; expected a number from 1 to "
     "1000000, or off\n"
     "f:6:41: error: found \"many\" for max_requests in site \"c.com\"; expected a number from 1 "
     "to "
     "1000000, or off\n"
     "f:7:62: error: found \"-1\" for queue in max_requests of site \"d.com\"; expected a number "
     "from 0 to 1000000\n"
     "f:8:33: error: found \"5s\" for hold in site \"e.com\"; expected a map such as {wait: 30s}\n"
     "f:4:41: error: found max_requests without endpoint in site \"a.com\"; expected endpoint: 100 "
     "in it\n"
     "f:9:44: error: found hold in site \"f.com\", which only redirects; expected none there\n"
     "f:9:70: error: found max_requests in site \"f.com\", which only redirects; expected none "
     "there\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  c.com:\n"
          "    to: http://c:1\n"
          "    client_auth: {}\n",
     "f:6:18: error: found client_auth without ca in site \"c.com\"; expected ca: "
     "/etc/hivedoor/clients.pem in it\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  c.com:\n"
          "    to: http://c:1\n"
          "    balance: random\n",
     "f:6:14: error: found \"random\" for balance in site \"c.com\"; expected a map such as {hash: "
     "cookie, name: session}, or least, or round_robin, or hash\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  c.com:\n"
          "    to: http://c:1\n"
          "    auth_basic: x\n",
     "f:6:5: error: unknown key \"auth_basic\" in site \"c.com\"; did you mean \"basic_auth\"?\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  c.com:\n"
          "    to: http://c:1\n"
          "    strip: true\n",
     "f:6:5: error: unknown key \"strip\" in site \"c.com\"; \"strip\" belongs in a route\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  c.com:\n"
          "    proxy_pass: http://c:1\n",
     "f:5:5: error: unknown key \"proxy_pass\" in site \"c.com\"; did you mean \"to\"?\n"
     "f:4:3: error: found none of to, routes and redirect in site \"c.com\"; expected one of "
     "them\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  c.com:\n"
          "    to: http://c:1\n"
          "    connect: 3s\n",
     "f:6:5: error: unknown key \"connect\" in site \"c.com\"; \"connect\" belongs in "
     "\"timeouts\"\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  c.com:\n"
          "    to: http://c:1\n"
          "    workers: 3\n",
     "f:6:5: error: unknown key \"workers\" in site \"c.com\"; \"workers\" stands at the top "
     "level\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  c.com:\n"
          "    to: http://c:1\n"
          "    handshake: 3s\n",
     "f:6:5: error: unknown key \"handshake\" in site \"c.com\"; \"handshake\" belongs in "
     "\"timeouts\" at the top level\n",
     ERR_SYNTAX},
    {HEAD "sites: {a.com: \"http://a:1\"}\n"
          "later: {wait: 5s}\n",
     "f:4:1: error: unknown key \"later\" at the top level; expected one of: version, "
     "certificates, "
     "acme, sites, listen, workers, proxy_protocol, forwarded, masked, unknown_site, tls, http2, "
     "timeouts, limits, hold, dns, drain, log\n",
     ERR_SYNTAX},
    {HEAD "sites: {a.com: \"http://a:1\"}\n"
          "tls: {tickets: {file: /x}}\n",
     "f:4:17: error: unknown key \"file\" in tickets; expected one of: secret\n", ERR_SYNTAX},
    {HEAD "sites: {a.com: \"http://a:1\"}\n"
          "tls: {pin: x}\n",
     "f:4:7: error: unknown key \"pin\" in tls; \"pin\" belongs in a site\n", ERR_SYNTAX},
    {HEAD "sites: {a.com: \"http://a:1\"}\n"
          "certs: /x\n",
     "f:4:1: error: unknown key \"certs\" at the top level; did you mean \"certificates\"?\n",
     ERR_SYNTAX},
    {HEAD "sites: {a.com: \"http://a:1\"}\n"
          "site: {}\n",
     "f:4:1: error: unknown key \"site\" at the top level; did you mean \"sites\"?\n", ERR_SYNTAX},
    {HEAD "sites: {a.com: \"http://a:1\"}\n"
          "connect: 5s\n",
     "f:4:1: error: unknown key \"connect\" at the top level; \"connect\" belongs in "
     "\"timeouts\"\n",
     ERR_SYNTAX},
    {HEAD "sites: {a.com: \"http://a:1\"}\n"
          "b.com: http://b:1\n",
     "f:4:1: error: unknown key \"b.com\" at the top level; a site stands below \"sites:\", "
     "indented\n",
     ERR_SYNTAX},
    {HEAD "sites: {a.com: \"http://a:1\"}\n"
          "<<: {}\n",
     "f:4:1: error: unknown key \"<<\" at the top level; expected one of: version, certificates, "
     "acme, sites, listen, workers, proxy_protocol, forwarded, masked, unknown_site, tls, http2, "
     "timeouts, limits, hold, dns, drain, log\n",
     ERR_SYNTAX},
    {HEAD "sites: {a.com: \"http://a:1\"}\n"
          "Workers: 3\n",
     "f:4:1: error: unknown key \"Workers\" at the top level; did you mean \"workers\"?\n",
     ERR_SYNTAX},
    {HEAD "sites: {a.com: \"http://a:1\"}\n"
          "zzzzzzzzz: 3\n",
     "f:4:1: error: unknown key \"zzzzzzzzz\" at the top level; expected one of: version, "
     "certificates, acme, sites, listen, workers, proxy_protocol, forwarded, masked, "
     "unknown_site, tls, http2, timeouts, limits, hold, dns, drain, log\n",
     ERR_SYNTAX},
    {HEAD "sites: {a.com: \"http://a:1\"}\n"
          "drain: {timout: 3s}\n",
     "f:4:9: error: unknown key \"timout\" in drain; did you mean \"timeout\"?\n", ERR_SYNTAX},
    {HEAD "sites: {a.com: \"http://a:1\"}\n"
          "log: {file: /x}\n",
     "f:4:7: error: unknown key \"file\" in log; expected one of: level, access\n", ERR_SYNTAX},
    {HEAD "sites: {a.com: \"http://a:1\"}\n"
          "timeouts: {connect:5s}\n",
     "f:4:12: error: found no space behind the colon of \"connect\"; expected \"connect: VALUE\"\n",
     ERR_SYNTAX},
    {HEAD "sites: {a.com: \"http://a:1\"}\n"
          "drain: timeout:5s\n",
     "f:4:8: error: found no space behind the colon of \"timeout\"; expected \"timeout: VALUE\"\n",
     ERR_SYNTAX},
    {HEAD "sites: {a.com: \"http://a:1\"}\n"
          "drain:\n"
          "  timeout:5s\n",
     "f:5:3: error: found no space behind the colon of \"timeout\"; expected \"timeout: VALUE\"\n",
     ERR_SYNTAX},
    {HEAD "sites: {a.com: \"http://a:1\"}\n"
          "drain: {timeout: 0s}\n",
     "f:4:18: error: found \"0s\" for timeout in drain; expected a duration from 1ms to 1h\n",
     ERR_SYNTAX},
};

static void test_bad_yaml_diagnostics(void **state)
{
    (void)state;
    bad_run(cases, sizeof(cases) / sizeof(cases[0]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_yaml_diagnostics),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
