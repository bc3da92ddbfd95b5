/* SPDX-License-Identifier: MIT */
/* Wrong configurations and their exact diagnostics: what is wrong with values. */
#include "bad.h"

static const struct bad cases[] = {
    {HEAD "sites: {a.com: \"http://a:1\"}\n"
          "drain: {timeout: 5}\n",
     "f:4:18: error: found \"5\" for timeout in drain; expected a duration such as 250ms, 5s, 2m "
     "or 1h; did you mean \"5s\"?\n",
     ERR_SYNTAX},
    {HEAD "sites: {a.com: \"http://a:1\"}\n"
          "drain: {timeout: 5 sec}\n",
     "f:4:18: error: found \"5 sec\" for timeout in drain; expected a duration such as 250ms, 5s, "
     "2m or 1h; did you mean \"5s\"?\n",
     ERR_SYNTAX},
    {HEAD "sites: {a.com: \"http://a:1\"}\n"
          "drain: {timeout: soon}\n",
     "f:4:18: error: found \"soon\" for timeout in drain; expected a duration such as 250ms, 5s, "
     "2m or 1h\n",
     ERR_SYNTAX},
    {HEAD "sites: {a.com: \"http://a:1\"}\n"
          "drain: {timeout: 2h}\n",
     "f:4:18: error: found \"2h\" for timeout in drain; expected a duration from 1ms to 1h\n",
     ERR_SYNTAX},
    {HEAD "sites: {a.com: \"http://a:1\"}\n"
          "drain: {timeout: 99999999999h}\n",
     "f:4:18: error: found \"99999999999h\" for timeout in drain; expected a duration from 1ms to "
     "1h\n",
     ERR_SYNTAX},
    {HEAD "sites: {a.com: \"http://a:1\"}\n"
          "drain:\n"
          "  timeout:\n",
     "f:5:11: error: found nothing for timeout in drain; expected a duration such as 8s\n",
     ERR_SYNTAX},
    {HEAD "sites: {a.com: \"http://a:1\"}\n"
          "drain: [5s]\n",
     "f:4:8: error: found a list for drain; expected a map such as {timeout: 8s}\n", ERR_SYNTAX},
    {HEAD "sites: {a.com: \"http://a:1\"}\n"
          "drain: {timeout: [5s]}\n",
     "f:4:18: error: found a list for timeout in drain; expected a duration such as 8s\n",
     ERR_SYNTAX},
    {HEAD "sites: {a.com: \"http://a:1\"}\n"
          "timeouts: {idle: 1m30s}\n",
     "f:4:18: error: found \"1m30s\" for idle in timeouts; expected a duration such as 250ms, 5s, "
     "2m or 1h\n",
     ERR_SYNTAX},
    {HEAD "sites: {a.com: \"http://a:1\"}\n"
          "timeouts: {attempt: 10s}\n",
     "f:4:21: error: found attempt 10s above connect 5s; expected attempt to be at most connect, "
     "which covers all attempts\n",
     ERR_SYNTAX},
    {HEAD "sites: {a.com: \"http://a:1\"}\n"
          "timeouts: {connect: 100ms}\n",
     "f:4:21: error: found attempt 250ms above connect 100ms; expected attempt to be at most "
     "connect, which covers all attempts\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  c.com:\n"
          "    to: http://c:1\n"
          "    timeouts: {attempt: 9s}\n",
     "f:6:25: error: found attempt 9s above connect 5s; expected attempt to be at most connect, "
     "which covers all attempts\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  c.com:\n"
          "    routes:\n"
          "      /: http://c:1\n"
          "      /a: {to: \"http://c:1\", timeouts: {connect: 1ms}}\n",
     "f:7:50: error: found attempt 250ms above connect 1ms; expected attempt to be at most "
     "connect, which covers all attempts\n",
     ERR_SYNTAX},
    {HEAD "sites: {a.com: \"http://a:1\"}\n"
          "workers: 0\n",
     "f:4:10: error: found \"0\" for workers; expected a number from 1 to 256, or auto\n",
     ERR_SYNTAX},
    {HEAD "sites: {a.com: \"http://a:1\"}\n"
          "workers: 257\n",
     "f:4:10: error: found \"257\" for workers; expected a number from 1 to 256, or auto\n",
     ERR_SYNTAX},
    {HEAD "sites: {a.com: \"http://a:1\"}\n"
          "workers: many\n",
     "f:4:10: error: found \"many\" for workers; expected a number from 1 to 256, or auto\n",
     ERR_SYNTAX},
    {HEAD "sites: {a.com: \"http://a:1\"}\n"
          "workers: -1\n",
     "f:4:10: error: found \"-1\" for workers; expected a number from 1 to 256, or auto\n",
     ERR_SYNTAX},
    {HEAD "sites: {a.com: \"http://a:1\"}\n"
          "workers: \"\"\n",
     "f:4:10: error: found \"\" for workers; expected a number from 1 to 256, or auto\n",
     ERR_SYNTAX},
    {HEAD "sites: {a.com: \"http://a:1\"}\n"
          "workers: {}\n",
     "f:4:10: error: found a map for workers; expected a number such as auto\n", ERR_SYNTAX},
    {HEAD "sites: {a.com: \"http://a:1\"}\n"
          "limits: {header: 64kb}\n",
     "f:4:18: error: found \"64kb\" for header in limits; expected a size such as 64k, 10m or 1g; "
     "did you mean \"64k\"?\n",
     ERR_SYNTAX},
    {HEAD "sites: {a.com: \"http://a:1\"}\n"
          "limits: {header: 1}\n",
     "f:4:18: error: found \"1\" for header in limits; expected a size from 1k to 1m\n",
     ERR_SYNTAX},
    {HEAD "sites: {a.com: \"http://a:1\"}\n"
          "limits: {header: 2m}\n",
     "f:4:18: error: found \"2m\" for header in limits; expected a size from 1k to 1m\n",
     ERR_SYNTAX},
    {HEAD "sites: {a.com: \"http://a:1\"}\n"
          "limits: {body: big}\n",
     "f:4:16: error: found \"big\" for body in limits; expected a size such as 64k, 10m or 1g, or "
     "none\n",
     ERR_SYNTAX},
    {HEAD "sites: {a.com: \"http://a:1\"}\n"
          "limits: {headers: 0}\n",
     "f:4:19: error: found \"0\" for headers in limits; expected a number from 1 to 10000\n",
     ERR_SYNTAX},
    {HEAD "sites: {a.com: \"http://a:1\"}\n"
          "limits: {connections: none}\n",
     "f:4:23: error: found \"none\" for connections in limits; expected a number from 1 to "
     "10000000, or auto\n",
     ERR_SYNTAX},
    {HEAD "sites: {a.com: \"http://a:1\"}\n"
          "acme: {relay: \"http://x/\", strip: yes}\n",
     "f:4:35: error: found \"yes\" for strip in acme; expected true or false; did you mean "
     "\"true\"?\n",
     ERR_SYNTAX},
    {HEAD "sites: {a.com: \"http://a:1\"}\n"
          "acme: {strip: true}\n",
     "f:4:7: error: found acme without relay and folder; expected one of them, or no acme at all\n",
     ERR_SYNTAX},
    {HEAD "sites: {a.com: \"http://a:1\"}\n"
          "acme: {}\n",
     "f:4:7: error: found acme without relay and folder; expected one of them, or no acme at all\n",
     ERR_SYNTAX},
    {HEAD "sites: {a.com: \"http://a:1\"}\n"
          "acme: http://x/\n",
     "f:4:7: error: found \"http://x/\" for acme; expected a map such as {relay: "
     "http://support/}\n",
     ERR_SYNTAX},
    {HEAD "sites: {a.com: \"http://a:1\"}\n"
          "acme: {relay: \"https://x/\"}\n",
     "f:4:15: error: found \"https://x/\" for relay in acme; expected http://: the relay is asked "
     "over plain HTTP; did you mean \"http://x/\"?\n",
     ERR_SYNTAX},
    {HEAD "sites: {a.com: \"http://a:1\"}\n"
          "acme: {relay: \"http://x/?a\"}\n",
     "f:4:15: error: found \"http://x/?a\" for relay in acme; expected http://HOST[:PORT]/PATH "
     "without a query\n",
     ERR_SYNTAX},
    {HEAD "sites: {a.com: \"http://a:1\"}\n"
          "acme: {folder: \"\"}\n",
     "f:4:16: error: found \"\" for folder in acme; expected a path such as /etc/hivedoor/certs\n",
     ERR_SYNTAX},
    {HEAD "sites: {a.com: \"http://a:1\"}\n"
          "listen: {http: 80}\n",
     "f:4:16: error: found \"80\" for http in listen; expected an address such as \":443\", "
     "\"127.0.0.1:443\", \"[::]:443\" or \"unix:/run/hivedoor.sock\"; did you mean \":80\"?\n",
     ERR_SYNTAX},
    {HEAD "sites: {a.com: \"http://a:1\"}\n"
          "listen: {http: 0.0.0.0}\n",
     "f:4:16: error: found \"0.0.0.0\" for http in listen; expected an address such as \":443\", "
     "\"127.0.0.1:443\", \"[::]:443\" or \"unix:/run/hivedoor.sock\"; did you mean "
     "\"0.0.0.0:443\"?\n",
     ERR_SYNTAX},
    {HEAD "sites: {a.com: \"http://a:1\"}\n"
          "listen: {http: \"localhost:80\"}\n",
     "f:4:16: error: found \"localhost:80\" for http in listen; expected an address such as "
     "\":443\", \"127.0.0.1:443\", \"[::]:443\" or \"unix:/run/hivedoor.sock\"; did you mean "
     "\"127.0.0.1:80\"?\n",
     ERR_SYNTAX},
    {HEAD "sites: {a.com: \"http://a:1\"}\n"
          "listen: {http: \":0\"}\n",
     "f:4:16: error: found \":0\" for http in listen; expected a port from 1 to 65535\n",
     ERR_SYNTAX},
    {HEAD "sites: {a.com: \"http://a:1\"}\n"
          "listen: {http: \":99999\"}\n",
     "f:4:16: error: found \":99999\" for http in listen; expected an address such as \":443\", "
     "\"127.0.0.1:443\", \"[::]:443\" or \"unix:/run/hivedoor.sock\"\n",
     ERR_SYNTAX},
    {HEAD "sites: {a.com: \"http://a:1\"}\n"
          "listen: {http: []}\n",
     "f:4:16: error: found an empty list for http in listen; expected an address, or off\n",
     ERR_SYNTAX},
    {HEAD "sites: {a.com: \"http://a:1\"}\n"
          "listen: {http: [\":80\", off]}\n",
     "f:4:24: error: found \"off\" in a list for http; expected it alone, without a list\n",
     ERR_SYNTAX},
    {HEAD "sites: {a.com: \"http://a:1\"}\n"
          "listen: {http: \"*:80\"}\n",
     "f:4:16: error: found \"*:80\" for http in listen; expected an address such as \":443\", "
     "\"127.0.0.1:443\", \"[::]:443\" or \"unix:/run/hivedoor.sock\"; did you mean \":80\"?\n",
     ERR_SYNTAX},
    {HEAD "sites: {a.com: \"http://a:1\"}\n"
          "listen: {https: /run/x.sock}\n",
     "f:4:17: error: found \"/run/x.sock\" for https in listen; expected an address such as "
     "\":443\", \"127.0.0.1:443\", \"[::]:443\" or \"unix:/run/hivedoor.sock\"; did you mean "
     "\"unix:/run/x.sock\"?\n",
     ERR_SYNTAX},
    {HEAD "sites: {a.com: \"http://a:1\"}\n"
          "listen: {admin: [\":9180\"]}\n",
     "f:4:17: error: found a list for admin in listen; expected an address such as "
     "\"127.0.0.1:9180\"\n",
     ERR_SYNTAX},
    {HEAD "sites: {a.com: \"http://a:1\"}\n"
          "listen: 443\n",
     "f:4:9: error: found \"443\" for listen; expected a map such as {http: \":80\", https: "
     "\":443\"}\n",
     ERR_SYNTAX},
    {HEAD "sites: {a.com: \"http://a:1\"}\n"
          "listen: {http: \"::\"}\n",
     "f:4:16: error: found \"::\" for http in listen; expected an address such as \":443\", "
     "\"127.0.0.1:443\", \"[::]:443\" or \"unix:/run/hivedoor.sock\"; did you mean \"[::]:443\"?\n",
     ERR_SYNTAX},
    {HEAD "sites: {a.com: \"http://a:1\"}\n"
          "listen: {http: \":80\", https: \":80\"}\n",
     "f:4:30: error: found [::]:80 for listen.https, which [::]:80 for listen.http takes already; "
     "expected another address or port\n",
     ERR_SYNTAX},
    {HEAD "sites: {a.com: \"http://a:1\"}\n"
          "listen: {http: [\"0.0.0.0:80\", \"[::]:80\"]}\n",
     "f:4:31: error: found [::]:80 for listen.http, which 0.0.0.0:80 for listen.http takes "
     "already; expected another address or port\n",
     ERR_SYNTAX},
    {HEAD "sites: {a.com: \"http://a:1\"}\n"
          "listen: {admin: \"127.0.0.1:443\"}\n",
     "f:4:17: error: found 127.0.0.1:443 for listen.admin, which [::]:443 for listen.https takes "
     "already; expected another address or port\n",
     ERR_SYNTAX},
    {HEAD "sites: {a.com: \"http://a:1\"}\n"
          "listen: {http: off, https: off}\n",
     "f:4:28: error: found listen.http and listen.https both off; expected an address for one of "
     "them\n",
     ERR_SYNTAX},
    {HEAD "sites: {a.com: \"http://a:1\"}\n"
          "proxy_protocol: {trust: [10.0.0.1/8]}\n",
     "f:4:26: error: found \"10.0.0.1/8\" for trust in proxy_protocol; expected a network such as "
     "10.0.0.0/8, with only zeros behind its prefix; did you mean \"10.0.0.0/8\"?\n",
     ERR_SYNTAX},
    {HEAD "sites: {a.com: \"http://a:1\"}\n"
          "proxy_protocol: {trust: [fd00::1/8, x, 10.0.0.0/33]}\n",
     "f:4:26: error: found \"fd00::1/8\" for trust in proxy_protocol; expected a network such as "
     "10.0.0.0/8, with only zeros behind its prefix; did you mean \"fd00::/8\"?\n"
     "f:4:37: error: found \"x\" for trust in proxy_protocol; expected a network such as "
     "10.0.0.0/8, or one address\n"
     "f:4:40: error: found \"10.0.0.0/33\" for trust in proxy_protocol; expected a network such as "
     "10.0.0.0/8, with only zeros behind its prefix\n",
     ERR_SYNTAX},
    {HEAD "sites: {a.com: \"http://a:1\"}\n"
          "forwarded: {trust: {}}\n",
     "f:4:20: error: found a map for trust in forwarded; expected a network or list of networks "
     "such as [10.0.0.0/8]\n",
     ERR_SYNTAX},
    {HEAD "sites: {a.com: \"http://a:1\"}\n"
          "forwarded: true\n",
     "f:4:12: error: found \"true\" for forwarded; expected a map such as {trust: [10.0.0.0/8]}\n",
     ERR_SYNTAX},
    {HEAD "sites: {a.com: \"http://a:1\"}\n"
          "unknown_site: refuze\n",
     "f:4:15: error: found \"refuze\" for unknown_site; expected a host name, or refuse; did you "
     "mean \"refuse\"?\n",
     ERR_SYNTAX},
    {HEAD "sites: {a.com: \"http://a:1\"}\n"
          "unknown_site: \"*.a.com\"\n",
     "f:4:15: error: found \"*.a.com\" for unknown_site; expected one full name such as "
     "www.example.com, without *, or refuse\n",
     ERR_SYNTAX},
    {HEAD "sites: {a.com: \"http://a:1\"}\n"
          "unknown_site: https://a.com/\n",
     "f:4:15: error: found \"https://a.com/\" for unknown_site; expected a host name such as "
     "www.example.com, without scheme and port, or refuse; did you mean \"a.com\"?\n",
     ERR_SYNTAX},
    {HEAD "sites: {a.com: \"http://a:1\"}\n"
          "tls: {min: 1.1}\n",
     "f:4:12: error: found \"1.1\" for min in tls; expected 1.2 or 1.3\n", ERR_SYNTAX},
    {HEAD "sites: {a.com: \"http://a:1\"}\n"
          "tls: {min: TLSv1.2}\n",
     "f:4:12: error: found \"TLSv1.2\" for min in tls; expected 1.2 or 1.3\n", ERR_SYNTAX},
    {HEAD "sites: {a.com: \"http://a:1\"}\n"
          "dns: {refresh: 10ms}\n",
     "f:4:16: error: found \"10ms\" for refresh in dns; expected a duration from 100ms to 1h\n",
     ERR_SYNTAX},
    {HEAD "sites: {a.com: \"http://a:1\"}\n"
          "dns: {servers: dns.google}\n",
     "f:4:16: error: found \"dns.google\" for servers in dns; expected the address of a DNS server "
     "such as 127.0.0.11 or 127.0.0.11:53\n",
     ERR_SYNTAX},
    {HEAD "sites: {a.com: \"http://a:1\"}\n"
          "dns: {servers: [auto]}\n",
     "f:4:17: error: found \"auto\" in a list for servers; expected it alone, without a list\n",
     ERR_SYNTAX},
    {HEAD "sites: {a.com: \"http://a:1\"}\n"
          "dns: {servers: \":53\"}\n",
     "f:4:16: error: found \":53\" for servers in dns; expected the address of a DNS server such "
     "as 127.0.0.11 or 127.0.0.11:53\n",
     ERR_SYNTAX},
    {HEAD "sites: {a.com: \"http://a:1\"}\n"
          "log: {level: warning}\n",
     "f:4:14: error: found \"warning\" for level in log; expected debug, info, warn or error; did "
     "you mean \"warn\"?\n",
     ERR_SYNTAX},
    {HEAD "sites: {a.com: \"http://a:1\"}\n"
          "log: {access: auto}\n",
     "f:4:15: error: found \"auto\" for access in log; expected json, text or off\n", ERR_SYNTAX},
    {HEAD "sites: {a.com: \"http://a:1\"}\n"
          "log: {level: DEBUG}\n",
     "f:4:14: error: found \"DEBUG\" for level in log; expected debug, info, warn or error; did "
     "you mean \"debug\"?\n",
     ERR_SYNTAX},
    {"version: 1\n"
     "sites: {a.com: \"http://a:1\"}\n"
     "certificates:\n",
     "f:3:14: error: found nothing for certificates; expected a path or list of paths such as "
     "[/etc/hivedoor/certs]\n",
     ERR_SYNTAX},
    {"version: 1\n"
     "sites: {a.com: \"http://a:1\"}\n"
     "certificates: {a: b}\n",
     "f:3:15: error: found a map for certificates; expected a path or list of paths such as "
     "[/etc/hivedoor/certs]\n",
     ERR_SYNTAX},
    {"version: 1\n"
     "sites: {a.com: \"http://a:1\"}\n"
     "certificates: [[a]]\n",
     "f:3:16: error: found a list for certificates; expected a path or list of paths such as "
     "[/etc/hivedoor/certs]\n",
     ERR_SYNTAX},
    {HEAD "sites:\n",
     "f:3:7: error: found nothing for sites; expected a map of sites by name such as {a.com: "
     "\"http://service-a:5000\"}\n",
     ERR_SYNTAX},
    {HEAD "sites: []\n",
     "f:3:8: error: found a list for sites; expected a map of sites by name such as {a.com: "
     "\"http://service-a:5000\"}\n",
     ERR_SYNTAX},
    {HEAD "sites: a.com\n",
     "f:3:8: error: found \"a.com\" for sites; expected a map of sites by name such as {a.com: "
     "\"http://service-a:5000\"}\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  - a.com: http://a:1\n",
     "f:4:3: error: found a list for sites; expected a map of sites by name such as {a.com: "
     "\"http://service-a:5000\"}\n",
     ERR_SYNTAX},
    {HEAD "sites:\n"
          "  a.com: service-a:5000\n",
     "f:4:10: error: found \"service-a:5000\" for site \"a.com\"; expected a URL that starts with "
     "http://; did you mean \"http://service-a:5000\"?\n",
     ERR_SYNTAX},
};

static void test_bad_values_diagnostics(void **state)
{
    (void)state;
    bad_run(cases, sizeof(cases) / sizeof(cases[0]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_values_diagnostics),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
