/* SPDX-License-Identifier: MIT */
/* Wrong configurations and their exact diagnostics: what is wrong with sites, substitutions, and
 * several things at once. */
#include "bad.h"

static const struct bad cases[] = {
    {HEAD "sites:\n"
          "  a.com: 5000\n",
     "f:4:10: error: found \"5000\" for site \"a.com\"; expected a URL that starts with http://; "
     "did you mean \"http://SERVICE:5000\"?\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  a.com: :5000\n",
     "f:4:10: error: found \":5000\" for site \"a.com\"; expected a URL that starts with http://; "
     "did you mean \"http://SERVICE:5000\"?\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  a.com: ftp://a:1\n",
     "f:4:10: error: found \"ftp://a:1\" for site \"a.com\"; expected http://, https:// or h2c:// "
     "(HTTP/2 without TLS); did you mean \"http://a:1\"?\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  a.com: grpc://a:1\n",
     "f:4:10: error: found \"grpc://a:1\" for site \"a.com\"; expected http://, https:// or "
     "h2c:// (HTTP/2 without TLS); did you mean \"h2c://a:1\"?\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  a.com: unix:/x\n",
     "f:4:10: error: found \"unix:/x\" for site \"a.com\"; expected a URL that starts with "
     "http://\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  a.com: http://a:1/x\n",
     "f:4:10: error: found \"http://a:1/x\" for site \"a.com\"; expected a target without a path: "
     "the path of the request goes on as it is; \"routes\" and \"strip\" change it; did you mean "
     "\"http://a:1\"?\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  a.com: http://a:0\n",
     "f:4:10: error: found \"http://a:0\" for site \"a.com\"; expected a port from 1 to 65535 "
     "behind the colon\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  a.com: http://a:\n",
     "f:4:18: error: found a colon where no key can be; expected every key of one block to start "
     "in the same column, one \"key: value\" a line, and quotes around a text that contains \": "
     "\"\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  a.com: http://\n",
     "f:4:10: error: found \"http://\" for site \"a.com\"; expected http://SERVICE:PORT, for "
     "example http://service-a:5000\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  a.com: http://u:p@a:1\n",
     "f:4:10: error: found \"http://u:p@a:1\" for site \"a.com\"; expected http://SERVICE:PORT "
     "without user and password\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  a.com: http://a b:1\n",
     "f:4:10: error: found \"http://a b:1\" for site \"a.com\"; expected http://SERVICE:PORT, for "
     "example http://service-a:5000\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  a.com: http://10.0.0.256:1\n",
     "f:4:10: error: found \"http://10.0.0.256:1\" for site \"a.com\"; expected "
     "http://SERVICE:PORT, for example http://service-a:5000\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  a.com: http://{1}_web:3000\n",
     "f:4:10: error: found {1} in site \"a.com\"; expected the site's name to begin with *. for it "
     "to stand for something\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  a.com: http://::1:80\n",
     "f:4:10: error: found \"http://::1:80\" for site \"a.com\"; expected http://SERVICE:PORT, for "
     "example http://service-a:5000\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  a.com:\n",
     "f:4:9: error: found nothing for site \"a.com\"; expected a URL or map such as "
     "http://service-a:5000\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  a.com: [\"http://a:1\"]\n",
     "f:4:10: error: found a list for site \"a.com\"; expected a URL or map such as "
     "http://service-a:5000\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  a.com: {}\n",
     "f:4:3: error: found none of to, routes and redirect in site \"a.com\"; expected one of "
     "them\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  \"a.*.com\": http://a:1\n",
     "f:4:3: error: found \"a.*.com\" as the name of a site; expected a name such as "
     "www.example.com, or *.example.com, where * stands for the first label\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  a.com:8080: http://a:1\n",
     "f:4:3: error: found \"a.com:8080\" as the name of a site; expected a host name such as "
     "www.example.com, without scheme and port; did you mean \"a.com\"?\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  https://a.com: http://a:1\n",
     "f:4:3: error: found \"https://a.com\" as the name of a site; expected a host name such as "
     "www.example.com, without scheme and port; did you mean \"a.com\"?\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  a.com.: http://a:1\n",
     "f:4:3: error: found \"a.com.\" as the name of a site; expected a host name such as "
     "www.example.com, without scheme and port; did you mean \"a.com\"?\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  b\303\274cher.de: http://a:1\n",
     "f:4:3: error: found \"b\303\274cher.de\" as the name of a site; expected a name in ASCII: "
     "write its xn-- form\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  a..com: http://a:1\n",
     "f:4:3: error: found \"a..com\" as the name of a site; expected a host name such as "
     "www.example.com, without scheme and port\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  -a.com: http://a:1\n",
     "f:4:3: error: found \"-a.com\" as the name of a site; expected a host name such as "
     "www.example.com, without scheme and port\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  1.2.3: http://a:1\n",
     "f:4:3: error: found \"1.2.3\" as the name of a site; expected a host name such as "
     "www.example.com, without scheme and port\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  a.com: http://a:1\n"
          "  A.com: http://b:1\n",
     "f:5:3: error: found the name \"a.com\" a second time; expected it once: the site in line 4 "
     "has it already\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  a.com: http://a:1\n"
          "  a.com: http://b:1\n",
     "f:5:3: error: found the key \"a.com\" a second time; expected it once: it stands in line 4 "
     "already\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  a.com: http://a:1\n"
          "  b.com: {to: \"http://b:1\", aliases: [a.com, c.com, C.com]}\n",
     "f:5:39: error: found the name \"a.com\" a second time; expected it once: the site in line 4 "
     "has it already\n"
     "f:5:53: error: found the name \"c.com\" a second time; expected it once: the site in line 5 "
     "has it already\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  c.com:\n"
          "    to: http://c:1\n"
          "    aliases: c.com\n",
     "f:6:14: error: found the name \"c.com\" again as its own alias; expected other names\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  c.com:\n"
          "    to: http://c:1\n"
          "    aliases: \"*\"\n",
     "f:6:14: error: found \"*\" for aliases in site \"c.com\"; expected a name such as "
     "www.example.com, or *.example.com, where * stands for the first label\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  c.com:\n"
          "    to: http://c:1\n"
          "    redirect: https://a.com\n",
     "f:4:3: error: found to and redirect in site \"c.com\"; expected only one of to, routes and "
     "redirect\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  c.com:\n"
          "    to: http://c:1\n"
          "    routes: {/: \"http://c:1\"}\n",
     "f:4:3: error: found to and routes in site \"c.com\"; expected only one of to, routes and "
     "redirect\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  c.com:\n"
          "    http: serve\n",
     "f:4:3: error: found none of to, routes and redirect in site \"c.com\"; expected one of "
     "them\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  c.com:\n"
          "    redirect: https://c.com\n",
     "f:5:15: error: found a redirect to itself in site \"c.com\"; expected another site\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  c.com:\n"
          "    redirect: a.com\n",
     "f:5:15: error: found \"a.com\" for redirect in site \"c.com\"; expected a URL such as "
     "https://www.example.com; did you mean \"https://a.com\"?\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  c.com:\n"
          "    redirect: https://a.com/?x\n",
     "f:5:15: error: found \"https://a.com/?x\" for redirect in site \"c.com\"; expected a URL "
     "without query and fragment: path and query of the request are appended\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  c.com:\n"
          "    redirect: ftp://a.com\n",
     "f:5:15: error: found \"ftp://a.com\" for redirect in site \"c.com\"; expected a URL such as "
     "https://www.example.com\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  c.com:\n"
          "    redirect: https://a.com\n"
          "    code: 303\n",
     "f:6:11: error: found \"303\" for code in site \"c.com\"; expected 301, 302, 307 or 308\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  c.com:\n"
          "    to: http://c:1\n"
          "    code: 301\n",
     "f:6:11: error: found code in site \"c.com\", which does not redirect; expected redirect "
     "beside it\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  c.com:\n"
          "    redirect: https://a.com\n"
          "    timeouts: {connect: 5s}\n"
          "    limits: {body: 1m}\n",
     "f:6:15: error: found timeouts in site \"c.com\", which only redirects; expected none there\n"
     "f:7:13: error: found limits in site \"c.com\", which only redirects; expected none there\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  a.com: {redirect: https://b.com}\n"
          "  b.com: {redirect: https://a.com}\n",
     "f:4:21: error: found a redirect that comes back through other redirects in site \"a.com\"; "
     "expected another site\n"
     "f:5:21: error: found a redirect that comes back through other redirects in site \"b.com\"; "
     "expected another site\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  c.com:\n"
          "    to: http://c:1\n"
          "    http: on\n",
     "f:6:11: error: found \"on\" for http in site \"c.com\"; expected redirect, serve or off; did "
     "you mean \"off\"?\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  c.com:\n"
          "    to: http://c:1\n"
          "    http: https\n",
     "f:6:11: error: found \"https\" for http in site \"c.com\"; expected redirect, serve or off\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  c.com:\n"
          "    to: http://c:1\n"
          "    limits: {headers: 3}\n",
     "f:6:14: error: unknown key \"headers\" in limits of site \"c.com\"; \"headers\" belongs in "
     "\"limits\" at the top level\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  c.com:\n"
          "    routes: http://c:1\n",
     "f:5:13: error: found \"http://c:1\" for routes in site \"c.com\"; expected a map of routes "
     "by prefix such as {/: \"http://web:3000\", /api: \"http://api:8080\"}\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  c.com:\n"
          "    routes: {}\n",
     "f:5:13: error: found no route in site \"c.com\"; expected at least /: http://SERVICE:PORT\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  c.com:\n"
          "    routes: [/a]\n",
     "f:5:13: error: found a list for routes in site \"c.com\"; expected a map of routes by prefix "
     "such as {/: \"http://web:3000\", /api: \"http://api:8080\"}\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  c.com:\n"
          "    routes: {api: \"http://c:1\"}\n",
     "f:5:14: error: found \"api\" as the prefix of a route; expected a path prefix that starts "
     "with /; did you mean \"/api\"?\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  c.com:\n"
          "    routes: {/api/: \"http://c:1\"}\n",
     "f:5:14: error: found \"/api/\" as the prefix of a route; expected a prefix without / at its "
     "end; did you mean \"/api\"?\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  c.com:\n"
          "    routes: {\"/api/*\": \"http://c:1\"}\n",
     "f:5:14: error: found \"/api/*\" as the prefix of a route; expected a prefix of the decoded "
     "path, without * ? # % and \\: everything below it belongs to it; did you mean \"/api\"?\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  c.com:\n"
          "    routes: {/a//b: \"http://c:1\"}\n",
     "f:5:14: error: found \"/a//b\" as the prefix of a route; expected a prefix without // and "
     "control characters\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  c.com:\n"
          "    routes: {/a/../b: \"http://c:1\"}\n",
     "f:5:14: error: found \"/a/../b\" as the prefix of a route; expected a prefix without . and "
     ".. segments\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  c.com:\n"
          "    routes: {/a?b: \"http://c:1\"}\n",
     "f:5:14: error: found \"/a?b\" as the prefix of a route; expected a prefix of the decoded "
     "path, without * ? # % and \\: everything below it belongs to it\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  c.com:\n"
          "    routes: {/a: {strip: true}}\n",
     "f:5:14: error: found no \"to\" in route \"/a\"; expected to: http://SERVICE:PORT\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  c.com:\n"
          "    routes: {/: {to: \"http://c:1\", strip: true}}\n",
     "f:5:43: error: found strip: true in route \"/\" of site \"c.com\"; expected it only where "
     "there is a prefix to cut off\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  c.com:\n"
          "    routes: {/a: {to: \"http://c:1\", strp: true}}\n",
     "f:5:37: error: unknown key \"strp\" in route \"/a\" of site \"c.com\"; did you mean "
     "\"strip\"?\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  c.com:\n"
          "    routes: {/a: {to: \"c:1\", timeouts: {connect: 1}}}\n",
     "f:5:23: error: found \"c:1\" for to in route \"/a\" of site \"c.com\"; expected a URL that "
     "starts with http://; did you mean \"http://c:1\"?\n"
     "f:5:50: error: found \"1\" for connect in timeouts of route \"/a\" of site \"c.com\"; "
     "expected a duration such as 250ms, 5s, 2m or 1h; did you mean \"1s\"?\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  c.com:\n"
          "    routes: {/a: \"http://c:1\", /a: \"http://d:1\"}\n",
     "f:5:32: error: found the key \"/a\" a second time; expected it once: it stands in line 5 "
     "already\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  a.com: http://${HIVEDOOR_TEST_UNSET}:1\n",
     "f:4:10: error: found ${HIVEDOOR_TEST_UNSET}, which is not set in the environment; expected "
     "it to be set\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  a.com: http://${HIVEDOOR_TEST:1\n",
     "f:4:10: error: found \"${\" without \"}\"; expected ${NAME} or ${file:/path}; a plain ${ is "
     "written $${\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  a.com: http://${1X}:1\n",
     "f:4:10: error: found \"${1X}\"; expected ${NAME} or ${file:/path}; a plain ${ is written "
     "$${\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  ${HIVEDOOR_TEST_UNSET}: http://a:1\n",
     "f:4:3: error: found ${HIVEDOOR_TEST_UNSET}, which is not set in the environment; expected it "
     "to be set\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  a.com: http://${file:/nonexistent/x}:1\n",
     "f:4:10: error: found ${file:/nonexistent/x}, which cannot be read (No such file or "
     "directory); expected a readable file of at most 64k\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  a.com: http://${file:}:1\n",
     "f:4:10: error: found ${file:} without a usable path; expected ${file:/run/secrets/NAME}\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  a.com: ${file:/}\n",
     "f:4:10: error: found ${file:/}, which cannot be read (not supported); expected a readable "
     "file of at most 64k\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  a.com: ${HIVEDOOR_TEST_SECRET}\n",
     "f:4:10: error: found \"${HIVEDOOR_TEST_SECRET}\" for site \"a.com\"; expected a URL that "
     "starts with http://\n",
     ERR_SYNTAX},
    {"version: 3\n"
     "worker: 3\n"
     "listen: {http: 80}\n"
     "timeouts: {connect: 5}\n"
     "sites:\n"
     "  c.com: {time_out: 3s}\n"
     "  \"*\": x\n",
     "f:1:10: error: found \"3\" for version; expected 1\n"
     "f:2:1: error: unknown key \"worker\" at the top level; did you mean \"workers\"?\n"
     "f:3:16: error: found \"80\" for http in listen; expected an address such as \":443\", "
     "\"127.0.0.1:443\", \"[::]:443\" or \"unix:/run/hivedoor.sock\"; did you mean \":80\"?\n"
     "f:4:21: error: found \"5\" for connect in timeouts; expected a duration such as 250ms, 5s, "
     "2m or 1h; did you mean \"5s\"?\n"
     "f:6:11: error: unknown key \"time_out\" in site \"c.com\"; did you mean \"timeouts\"?\n"
     "f:7:3: error: found \"*\" as the name of a site; expected a name such as "
     "www.example.com, or *.example.com, where * stands for the first label\n"
     "f:7:8: error: found \"x\" for site \"*\"; expected a URL that starts with http://; did you "
     "mean \"http://x\"?\n"
     "f:1:1: warning: found no certificates; expected \"certificates: [/etc/hivedoor/certs]\": "
     "without them nothing is served over HTTPS\n"
     "f:6:3: error: found none of to, routes and redirect in site \"c.com\"; expected one of "
     "them\n",
     ERR_SYNTAX},
    {"version: 1\n",
     "f:1:1: warning: found no sites; expected at least one, such as \"a.com: "
     "http://service-a:5000\" below \"sites:\"\n",
     OK},
    {HEAD "",
     "f:1:1: warning: found no sites; expected at least one, such as \"a.com: "
     "http://service-a:5000\" below \"sites:\"\n",
     OK},
    {"version: 1\n"
     "sites: {a.com: \"http://a:1\"}\n",
     "f:1:1: warning: found no certificates; expected \"certificates: [/etc/hivedoor/certs]\": "
     "without them nothing is served over HTTPS\n",
     OK},
    {HEAD "sites: {a.com: \"http://a:1\"}\n"
          "unknown_site: b.com\n",
     "", OK},
    {HEAD "sites:\n"
          "  a.com: {to: \"http://a:1\", http: serve, basic_auth: /users}\n",
     "f:4:54: warning: found basic_auth with \"http: serve\" in site \"a.com\", so that passwords "
     "come unencrypted; expected \"http: redirect\" or \"http: off\"\n",
     OK},
    {HEAD "sites:\n"
          "  a.com: {to: \"http://a:1\", http: off, basic_auth: /users}\n",
     "", OK},
    {HEAD "listen: {https: off}\n"
          "sites: {a.com: \"http://a:1\"}\n",
     "f:4:9: warning: found listen.https off, and site \"a.com\" not served on http; expected "
     "\"http: serve\" in it\n",
     OK},
};

static void test_bad_sites_diagnostics(void **state)
{
    (void)state;
    bad_run(cases, sizeof(cases) / sizeof(cases[0]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_sites_diagnostics),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
