/* SPDX-License-Identifier: MIT */
/* Wrong configurations and their exact diagnostics: what sites ask of requests, and their targets.
 */
#include "bad.h"

static const struct bad cases[] = {
    {HEAD "sites:\n"
          "  \"*.c.com\": http://{1}.web:1\n",
     "f:4:14: error: found \"http://{1}.web:1\" for site \"*.c.com\"; expected a service name "
     "with {1} once and without a dot, for example http://{1}_web:3000\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  \"*.c.com\": http://{1}{1}:1\n",
     "f:4:14: error: found \"http://{1}{1}:1\" for site \"*.c.com\"; expected a service name "
     "with {1} once and without a dot, for example http://{1}_web:3000\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  \"*.c.com\": http://{2}:1\n",
     "f:4:14: error: found \"http://{2}:1\" for site \"*.c.com\"; expected a service name with "
     "{1} once and without a dot, for example http://{1}_web:3000\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  \"*.c.com\": http://{1}:1\n",
     "f:4:14: warning: found {1} alone for site \"*.c.com\"; expected a fixed part such as "
     "{1}_web: "
     "visitors reach every service with this port, and names of letters alone are refused\n",
     OK},
    {HEAD "sites:\n"
          "  \"*.c.com\": https://{1}_web\n"
          "  \"*.d.com\": {to: \"https://{1}_web\", verify: {name: web.d.com}}\n"
          "  \"*.e.com\": {to: \"https://{1}_web\", verify: \"off\"}\n",
     "f:4:14: error: found https:// and {1} without a name to check in site \"*.c.com\"; expected "
     "verify: {name: NAME} beside it, the name that their certificates are for\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  \"*.c.com\":\n"
          "    to: http://{1}_web:1\n"
          "    aliases: [c.org, \"*.c.net\"]\n",
     "f:6:15: error: found an alias without * beside {1} in site \"*.c.com\"; expected aliases "
     "that begin with *. as the name does\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  c.com:\n"
          "    routes:\n"
          "      /: http://c:1\n"
          "      /a: {to: \"http://{1}_web:1\"}\n",
     "f:7:16: error: found {1} in site \"c.com\"; expected the site's name to begin with *. for "
     "it to stand for something\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  c.com: {redirect: \"https://{1}.a.com\"}\n",
     "f:4:21: error: found {1} in site \"c.com\"; expected the site's name to begin with *. for "
     "it to stand for something\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  \"*.c.com\": {redirect: \"https://{1}.c.com\"}\n",
     "f:4:25: error: found a redirect to itself in site \"*.c.com\"; expected another site\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  \"*.c.com\": {redirect: \"https://{1}.d.com\"}\n"
          "  \"*.d.com\": {redirect: \"https://{1}.c.com\"}\n",
     "f:4:25: error: found a redirect that comes back through other redirects in site "
     "\"*.c.com\"; expected another site\n"
     "f:5:25: error: found a redirect that comes back through other redirects in site "
     "\"*.d.com\"; expected another site\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  \"*.c.com\": {redirect: \"https://{1}.com\"}\n",
     "f:4:25: error: found \"https://{1}.com\" for redirect in site \"*.c.com\"; expected {1} "
     "once and with a whole domain behind it, for example https://{1}.example.com\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  \"*.c.com\": {redirect: \"https://c.com/{1}/{1}\"}\n",
     "f:4:25: error: found \"https://c.com/{1}/{1}\" for redirect in site \"*.c.com\"; expected "
     "{1} at most once, as in https://example.com/{1}\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  \"*.c.com\": http://c:1\n"
          "  \"*.C.com\": http://d:1\n",
     "f:5:3: error: found the name \"*.c.com\" a second time; expected it once: the site in "
     "line 4 has it already\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  c.com: wss://c:1\n",
     "f:4:10: error: found \"wss://c:1\" for site \"c.com\"; expected http://, https:// or "
     "h2c:// (HTTP/2 without TLS); did you mean \"https://c:1\"?\n",
     ERR_SYNTAX},
    {HEAD "unknown_site: a.com\n"
          "acme: {relay: \"http://{1}:1/\"}\n"
          "sites: {a.com: \"http://a:1\"}\n",
     "f:4:15: error: found \"http://{1}:1/\" for relay in acme; expected the relay's name, "
     "without {1}\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  c.com:\n"
          "    to: http://c:1\n"
          "    verify: off\n",
     "f:6:13: error: found verify without an https:// service in site \"c.com\"; expected to: "
     "https://SERVICE beside it\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  c.com:\n"
          "    to: https://c\n"
          "    verify: on\n",
     "f:6:13: error: found \"on\" for verify in site \"c.com\"; expected a map such as {ca: "
     "/etc/hivedoor/internal.pem}, or off\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  c.com:\n"
          "    to: https://c\n"
          "    verify: {}\n",
     "f:6:13: error: found an empty verify in site \"c.com\"; expected ca or name in it, or "
     "off\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  c.com:\n"
          "    to: https://c\n"
          "    verify: {ca: \"\"}\n",
     "f:6:18: error: found \"\" for ca in verify of site \"c.com\"; expected a path such as "
     "/etc/hivedoor/certs\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  c.com:\n"
          "    to: https://c\n"
          "    verify: {name: \"*.x\"}\n",
     "f:6:20: error: found \"*.x\" for name in verify of site \"c.com\"; expected one full name "
     "such as www.example.com, without *\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  c.com:\n"
          "    to: https://c\n"
          "    verify: {cert: x}\n",
     "f:6:14: error: unknown key \"cert\" in verify of site \"c.com\"; expected one of: ca, "
     "name\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  c.com:\n"
          "    to: https://c\n"
          "    verify: [x]\n",
     "f:6:13: error: found a list for verify in site \"c.com\"; expected a map such as {ca: "
     "/etc/hivedoor/internal.pem}, or off\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  c.com:\n"
          "    routes:\n"
          "      /: http://c:1\n"
          "      /a:\n"
          "        to: http://a:1\n"
          "        verify: {name: a}\n",
     "f:9:17: error: found verify without an https:// service in site \"c.com\"; expected to: "
     "https://SERVICE beside it\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  a.com: {to: \"http://c:1\", pin: x}\n"
          "  b.com: {to: \"http://c:1\", pin: y}\n"
          "  c.com: {to: \"http://c:1\", pin: x, external: true}\n"
          "  d.com: {to: \"http://127.0.0.1:1\", pin: x}\n",
     "f:5:3: error: found another pin than before for the same service and port in site "
     "\"b.com\"; expected the same pin wherever they are used\n"
     "f:6:3: error: found external: true for a service without a dot in its name in site "
     "\"c.com\"; expected the full name of something outside, or no external\n"
     "f:6:3: error: found another external than before for the same service and port in site "
     "\"c.com\"; expected the same wherever they are used\n"
     "f:7:3: error: found pin and a literal address in site \"d.com\"; expected pin only where "
     "the service has a name of its own\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  c.com: {redirect: \"https://a.com\", verify: off, gzip: true}\n",
     "f:4:46: error: found verify in site \"c.com\", which only redirects; expected none there\n"
     "f:4:57: error: found gzip in site \"c.com\", which only redirects; expected none there\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  c.com:\n"
          "    to: http://c:1\n"
          "    headers: {set: {A: b}}\n",
     "f:6:15: error: unknown key \"set\" in headers of site \"c.com\"; \"set\" belongs in "
     "\"request\"\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  c.com:\n"
          "    to: http://c:1\n"
          "    headers: {request: {set: {Host: x}}}\n",
     "f:6:31: error: found \"Host\" in headers.request.set of site \"c.com\"; expected another "
     "field: the service gets the host that the client asked for\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  c.com:\n"
          "    to: http://c:1\n"
          "    headers: {request: {set: {x_forwarded_for: x, X-Client-Cert-Subject: y}}}\n",
     "f:6:31: error: found \"x_forwarded_for\" in headers.request.set of site \"c.com\"; "
     "expected another field: this one says who the client is, and Hivedoor writes it\n"
     "f:6:51: error: found \"X-Client-Cert-Subject\" in headers.request.set of site \"c.com\"; "
     "expected another field: this one says who the client is, and Hivedoor writes it\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  c.com:\n"
          "    to: http://c:1\n"
          "    headers: {request: {remove: [Content-Length, X-Forwarded-For]}}\n",
     "f:6:34: error: found \"Content-Length\" for remove in headers.request of site \"c.com\"; "
     "expected another field: this one belongs to the connection, and Hivedoor writes it\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  c.com:\n"
          "    to: http://c:1\n"
          "    headers: {response: {set: {Transfer-Encoding: x, \"X Y\": z, \"X-A:\": z}}}\n",
     "f:6:32: error: found \"Transfer-Encoding\" in headers.response.set of site \"c.com\"; "
     "expected another field: this one belongs to the connection, and Hivedoor writes it\n"
     "f:6:54: error: found \"X Y\" in headers.response.set of site \"c.com\"; expected the name "
     "of a field such as X-Frame-Options\n"
     "f:6:64: error: found \"X-A:\" in headers.response.set of site \"c.com\"; expected the "
     "name of a field such as X-Frame-Options; did you mean \"X-A\"?\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  c.com:\n"
          "    to: http://c:1\n"
          "    headers: {response: {set: {X-A: \"a\\r\\nb\", X-B: \" a\", X-C: \"\\u00fc\", X-D: "
          "[a], X-E: , X-F: {}}}}\n",
     "f:6:37: error: found \"a??b\" for \"X-A\" in headers.response.set of site \"c.com\"; "
     "expected the value of a field: one line of at most 4096 ASCII characters, without spaces "
     "at its ends\n"
     "f:6:52: error: found \" a\" for \"X-B\" in headers.response.set of site \"c.com\"; "
     "expected the value of a field: one line of at most 4096 ASCII characters, without spaces "
     "at its ends\n"
     "f:6:63: error: found \"ü\" for \"X-C\" in headers.response.set of site \"c.com\"; "
     "expected the value of a field: one line of at most 4096 ASCII characters, without spaces "
     "at its ends\n"
     "f:6:78: error: found a list for \"X-D\" in headers.response.set of site \"c.com\"; "
     "expected a value; an empty one is written \"\"\n"
     "f:6:88: error: found nothing for \"X-E\" in headers.response.set of site \"c.com\"; "
     "expected a value; an empty one is written \"\"\n"
     "f:6:95: error: found a map for \"X-F\" in headers.response.set of site \"c.com\"; "
     "expected a value; an empty one is written \"\"\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  c.com:\n"
          "    to: http://c:1\n"
          "    headers: {response: {add: {X-A: [a, [b]], X-B: [\"a\\nb\"]}}}\n",
     "f:6:41: error: found a list for \"X-A\" in headers.response.add of site \"c.com\"; "
     "expected a value, or a list of values\n"
     "f:6:53: error: found \"a?b\" for \"X-B\" in headers.response.add of site \"c.com\"; "
     "expected the value of a field: one line of at most 4096 ASCII characters, without spaces "
     "at its ends\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  c.com:\n"
          "    to: http://c:1\n"
          "    headers: {response: {set: {X-A: a, x-a: b}, remove: [X-B, x-b, X-A]}}\n",
     "f:6:63: error: found the field \"x-b\" a second time in response; expected it once in "
     "remove and set\n"
     "f:6:32: error: found the field \"X-A\" a second time in response; expected it once in "
     "remove and set\n"
     "f:6:40: error: found the field \"x-a\" a second time in response; expected it once in "
     "remove and set\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  c.com:\n"
          "    to: http://c:1\n"
          "    headers: {response: {remove: X-A, add: X-B}}\n",
     "f:6:44: error: found \"X-B\" for add in headers.response of site \"c.com\"; expected a "
     "map of header fields such as {Vary: Origin}\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  c.com:\n"
          "    to: http://c:1\n"
          "    headers: {response: {delete: X-A}}\n",
     "f:6:26: error: unknown key \"delete\" in headers.response of site \"c.com\"; did you mean "
     "\"remove\"?\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  c.com:\n"
          "    to: http://c:1\n"
          "    headers: off\n",
     "f:6:14: error: found \"off\" for headers in site \"c.com\"; expected a map such as "
     "{response: {set: {X-Frame-Options: DENY}}}\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  c.com: {redirect: \"https://a.com\", headers: {request: {set: {A: b}}}}\n",
     "f:4:57: error: found headers.request in redirecting site \"c.com\"; expected none: no "
     "service gets the request\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  c.com:\n"
          "    to: http://c:1\n"
          "    basic_auth: {realm: x}\n",
     "f:6:17: error: found basic_auth without users in site \"c.com\"; expected users: "
     "/etc/hivedoor/users in it\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  c.com:\n"
          "    to: http://c:1\n"
          "    basic_auth: {users: /u, realm: \"a\\\"b\"}\n",
     "f:6:36: error: found \"a\"b\" for realm in basic_auth of site \"c.com\"; expected at most "
     "128 printable ASCII characters without \" and \\\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  c.com:\n"
          "    to: http://c:1\n"
          "    basic_auth: {users: /u, realm: \"\"}\n",
     "f:6:36: error: found \"\" for realm in basic_auth of site \"c.com\"; expected at most 128 "
     "printable ASCII characters without \" and \\\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  c.com:\n"
          "    to: http://c:1\n"
          "    basic_auth: {file: /u}\n",
     "f:6:18: error: unknown key \"file\" in basic_auth of site \"c.com\"; did you mean "
     "\"users\"?\n"
     "f:6:17: error: found basic_auth without users in site \"c.com\"; expected users: "
     "/etc/hivedoor/users in it\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  c.com:\n"
          "    to: http://c:1\n"
          "    basic_auth: [x]\n",
     "f:6:17: error: found a list for basic_auth in site \"c.com\"; expected a path or map such "
     "as /etc/hivedoor/users, or off\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  c.com:\n"
          "    to: http://c:1\n"
          "    basic_auth: \"\"\n",
     "f:6:17: error: found \"\" for basic_auth in site \"c.com\"; expected a path such as "
     "/etc/hivedoor/certs, or off\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  c.com:\n"
          "    to: http://c:1\n"
          "    allow: []\n",
     "f:6:12: error: found an empty list for allow in site \"c.com\"; expected a network, or "
     "all\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  c.com:\n"
          "    to: http://c:1\n"
          "    allow: none\n",
     "f:6:12: error: found \"none\" for allow in site \"c.com\"; expected a network such as "
     "10.0.0.0/8, or one address, or all\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  c.com:\n"
          "    to: http://c:1\n"
          "    allow: [all]\n",
     "f:6:13: error: found \"all\" in a list for allow; expected it alone, without a list\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  c.com:\n"
          "    to: http://c:1\n"
          "    deny: [10.0.0.1/8]\n",
     "f:6:12: error: found \"10.0.0.1/8\" for deny in site \"c.com\"; expected a network such "
     "as 10.0.0.0/8, with only zeros behind its prefix; did you mean \"10.0.0.0/8\"?\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  c.com:\n"
          "    to: http://c:1\n"
          "    deny: all\n",
     "f:6:11: error: found \"all\" for deny in site \"c.com\"; expected a network such as "
     "10.0.0.0/8, or one address\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  c.com:\n"
          "    to: http://c:1\n"
          "    rate: 10\n",
     "f:6:11: error: found \"10\" for rate in site \"c.com\"; expected a rate such as 10/s, "
     "600/m or 1000/h, or off; did you mean \"10/s\"?\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  c.com:\n"
          "    to: http://c:1\n"
          "    rate: 10r/s\n",
     "f:6:11: error: found \"10r/s\" for rate in site \"c.com\"; expected a rate such as 10/s, "
     "600/m or 1000/h, or off; did you mean \"10/s\"?\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  c.com:\n"
          "    to: http://c:1\n"
          "    rate: 10 per minute\n",
     "f:6:11: error: found \"10 per minute\" for rate in site \"c.com\"; expected a rate such "
     "as 10/s, 600/m or 1000/h, or off; did you mean \"10/m\"?\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  c.com:\n"
          "    to: http://c:1\n"
          "    rate: 0/s\n",
     "f:6:11: error: found \"0/s\" for rate in site \"c.com\"; expected a rate from 1 to "
     "1000000, or off\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  c.com:\n"
          "    to: http://c:1\n"
          "    rate: 10/d\n",
     "f:6:11: error: found \"10/d\" for rate in site \"c.com\"; expected a rate such as 10/s, "
     "600/m or 1000/h, or off\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  c.com:\n"
          "    to: http://c:1\n"
          "    rate: {burst: 10}\n",
     "f:6:11: error: found rate without requests in site \"c.com\"; expected requests: 10/s in "
     "it\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  c.com:\n"
          "    to: http://c:1\n"
          "    rate: {requests: 10/s, burst: 0}\n",
     "f:6:35: error: found \"0\" for burst in rate of site \"c.com\"; expected a number from 1 "
     "to 1000000\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  c.com:\n"
          "    to: http://c:1\n"
          "    rate: {request: 10/s}\n",
     "f:6:12: error: unknown key \"request\" in rate of site \"c.com\"; did you mean "
     "\"requests\"?\n"
     "f:6:11: error: found rate without requests in site \"c.com\"; expected requests: 10/s in "
     "it\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  c.com:\n"
          "    to: http://c:1\n"
          "    rate: [10/s]\n",
     "f:6:11: error: found a list for rate in site \"c.com\"; expected a rate or map such as "
     "10/s, or off\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  c.com:\n"
          "    routes:\n"
          "      /: http://c:1\n"
          "      /a:\n"
          "        to: http://a:1\n"
          "        rate: fast\n",
     "f:9:15: error: found \"fast\" for rate in route \"/a\" of site \"c.com\"; expected a rate "
     "such as 10/s, 600/m or 1000/h, or off\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  c.com:\n"
          "    to: http://c:1\n"
          "    gzip: on\n",
     "f:6:11: error: found \"on\" for gzip in site \"c.com\"; expected true or false; did you "
     "mean \"true\"?\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  c.com:\n"
          "    to: http://c:1\n"
          "    gzip: {}\n",
     "f:6:11: error: found a map for gzip in site \"c.com\"; expected a true or false such as "
     "true\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  c.com:\n"
          "    to: http://c:1\n"
          "    client_auth: /ca.pem\n",
     "f:6:18: error: found \"/ca.pem\" for client_auth in site \"c.com\"; expected a map such "
     "as {ca: /etc/hivedoor/clients.pem}\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  c.com:\n"
          "    to: http://c:1\n"
          "    client_auth: {ca: /ca.pem, mode: maybe}\n",
     "f:6:38: error: found \"maybe\" for mode in client_auth of site \"c.com\"; expected "
     "require or optional\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  c.com:\n"
          "    to: http://c:1\n"
          "    client_auth: {mode: optional}\n",
     "f:6:18: error: found client_auth without ca in site \"c.com\"; expected ca: "
     "/etc/hivedoor/clients.pem in it\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  c.com:\n"
          "    to: http://c:1\n"
          "    http: serve\n"
          "    client_auth: {ca: /ca.pem}\n",
     "f:6:11: error: found http: serve beside client_auth in site \"c.com\"; expected redirect "
     "or off: without TLS there are no certificates\n",
     ERR_SYNTAX},
    {HEAD "listen: {https: off}\n"
          "sites:\n"
          "  c.com:\n"
          "    to: http://c:1\n"
          "    http: \"off\"\n"
          "    client_auth: {ca: /ca.pem}\n",
     "f:8:18: error: found client_auth with listen.https off in site \"c.com\"; expected an "
     "address for listen.https: without TLS there are no certificates\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  c.com:\n"
          "    routes:\n"
          "      /: http://c:1\n"
          "      /a:\n"
          "        to: http://a:1\n"
          "        client_auth: {ca: /ca.pem}\n",
     "f:9:9: error: unknown key \"client_auth\" in route \"/a\" of site \"c.com\"; "
     "\"client_auth\" belongs in a site\n",
     ERR_SYNTAX},
    {HEAD "sites: {a.com: \"http://a:1\"}\n"
          "http2: off\n",
     "f:4:8: error: found \"off\" for http2; expected a map such as {streams: 128}\n", ERR_SYNTAX},
    {HEAD "sites: {a.com: \"http://a:1\"}\n"
          "http2: {streams: 0}\n",
     "f:4:18: error: found \"0\" for streams in http2; expected a number from 1 to 10000\n",
     ERR_SYNTAX},
    {HEAD "sites: {a.com: \"http://a:1\"}\n"
          "http2: {window: 1k}\n",
     "f:4:17: error: found \"1k\" for window in http2; expected a size from 16k to 16m\n",
     ERR_SYNTAX},
    {HEAD "sites: {a.com: \"http://a:1\"}\n"
          "http2: {window: 2m}\n",
     "f:4:17: error: found window 2m above connection_window 1m in http2; expected "
     "connection_window to be at least as large: it is for all requests together\n",
     ERR_SYNTAX},
    {HEAD "sites: {a.com: \"http://a:1\"}\n"
          "http2: {frame: 15k}\n",
     "f:4:16: error: found \"15k\" for frame in http2; expected a size from 16k to 1m\n",
     ERR_SYNTAX},
    {HEAD "sites: {a.com: \"http://a:1\"}\n"
          "http2: {table: 128k}\n",
     "f:4:16: error: found \"128k\" for table in http2; expected a size from 0 to 64k\n",
     ERR_SYNTAX},
    {HEAD "sites: {a.com: \"http://a:1\"}\n"
          "http2: {max_concurrent_streams: 1}\n",
     "f:4:9: error: unknown key \"max_concurrent_streams\" in http2; did you mean \"streams\"?\n",
     ERR_SYNTAX},
    {HEAD "sites: {a.com: \"http://a:1\"}\n"
          "masked: on\n",
     "f:4:9: error: found \"on\" for masked; expected a network such as 10.0.0.0/8, or one "
     "address, or auto, or off\n",
     ERR_SYNTAX},
    {HEAD "sites: {a.com: \"http://a:1\"}\n"
          "masked: [auto, 10.0.0.0/8]\n",
     "f:4:10: error: found \"auto\" in a list for masked; expected it alone, without a list\n",
     ERR_SYNTAX},
    {HEAD "sites: {a.com: \"http://a:1\"}\n"
          "masked: {}\n",
     "f:4:9: error: found a map for masked; expected a network or list of networks such as "
     "[172.18.0.1]\n",
     ERR_SYNTAX},
    {HEAD "sites: {a.com: \"http://a:1\"}\n"
          "headers: {}\n",
     "f:4:1: error: unknown key \"headers\" at the top level; \"headers\" belongs in a site\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  a.com: {to: \"http://a\", balance: {}}\n"
          "  b.com: {to: \"http://b\", balance: {hash: cookie}}\n"
          "  c.com: {to: \"http://c\", balance: {hash: client, name: x}}\n"
          "  d.com: {to: \"http://d\", balance: {hash: header, name: \"x y\"}}\n"
          "  e.com: {to: \"http://e\", balance: {hash: url}}\n"
          "  f.com: {redirect: \"https://a.com\", balance: least}\n",
     "f:7:57: error: found \"x y\" for name in balance of site \"d.com\"; expected a name such as "
     "session: letters, digits, - and _\n"
     "f:8:43: error: found \"url\" for hash in balance of site \"e.com\"; expected client, header "
     "or "
     "cookie\n"
     "f:4:36: error: found balance without hash in site \"a.com\"; expected hash: cookie and a "
     "name "
     "in it, or least\n"
     "f:5:36: error: found balance without name in site \"b.com\"; expected name: session in it, "
     "of "
     "the header or cookie\n"
     "f:6:57: error: found name beside hash: client in site \"c.com\"; expected hash: cookie or "
     "hash: header beside it\n"
     "f:9:47: error: found balance in site \"f.com\", which only redirects; expected none there\n",
     ERR_SYNTAX},
    {HEAD "sites: {a.com: \"http://a:1\"}\n"
          "rate: 1/s\n",
     "f:4:1: error: unknown key \"rate\" at the top level; \"rate\" belongs in a site\n",
     ERR_SYNTAX},
};

static void test_bad_rules_diagnostics(void **state)
{
    (void)state;
    bad_run(cases, sizeof(cases) / sizeof(cases[0]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_rules_diagnostics),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
