/* SPDX-License-Identifier: MIT */
#include "http/forwarded.h"

#include "http_test.h"

#define GET11 "GET / HTTP/1.1\r\n"

struct forwarded_case {
    const char *head;
    const char *client; /* NULL: not known */
    const char *host;
    bool tls;
    bool trusted;
    const char *left;
};

static const struct forwarded_case cases[] = {
    {GET11, "1.2.3.4:5", "a.com", true, false,
     "X-Forwarded-For: 1.2.3.4\nX-Forwarded-Proto: https\nX-Forwarded-Host: a.com\n"},
    {GET11, "[2001:db8::1]:5", "a.com:8443", false, false,
     "X-Forwarded-For: 2001:db8::1\nX-Forwarded-Proto: http\nX-Forwarded-Host: a.com:8443\n"},
    {GET11, "[::ffff:1.2.3.4]:5", "a", true, false,
     "X-Forwarded-For: 1.2.3.4\nX-Forwarded-Proto: https\nX-Forwarded-Host: a\n"},
    {GET11, "1.2.3.4:5", "", true, false, "X-Forwarded-For: 1.2.3.4\nX-Forwarded-Proto: https\n"},
    /* an untrusted client's own fields go, all of them, however they are spelt */
    {GET11 "X-Forwarded-For: 9.9.9.9\r\nx-forwarded-for: 8.8.8.8\r\nX-Forwarded-Proto: https\r\n"
           "X-Forwarded-Host: evil\r\nX-Forwarded-Port: 1\r\nX-Forwarded-Server: s\r\n"
           "X-Real-IP: 7.7.7.7\r\nForwarded: for=6.6.6.6\r\nX: y\r\n",
     "1.2.3.4:5", "a", false, false,
     "X: y\nX-Forwarded-For: 1.2.3.4\nX-Forwarded-Proto: http\nX-Forwarded-Host: a\n"},
    {GET11 "X_Forwarded_For: 9.9.9.9\r\nx_forwarded-proto: https\r\nX_REAL_IP: 1\r\nX_Y: z\r\n",
     "1.2.3.4:5", "a", false, false,
     "X_Y: z\nX-Forwarded-For: 1.2.3.4\nX-Forwarded-Proto: http\nX-Forwarded-Host: a\n"},
    /* a trusted one's are kept, For is appended to */
    {GET11 "X-Forwarded-For: 9.9.9.9\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: b\r\n",
     "10.0.0.1:5", "a", false, true,
     "X-Forwarded-Proto: https\nX-Forwarded-Host: b\nX-Forwarded-For: 9.9.9.9, 10.0.0.1\n"},
    {GET11 "X-Forwarded-For: 9.9.9.9, 8.8.8.8\r\nX-Forwarded-For:\r\nX-Forwarded-For: 7.7.7.7\r\n"
           "X-Real-IP: 9.9.9.9\r\nForwarded: for=9.9.9.9\r\n",
     "10.0.0.1:5", "a", true, true,
     "X-Real-IP: 9.9.9.9\nForwarded: for=9.9.9.9\n"
     "X-Forwarded-For: 9.9.9.9, 8.8.8.8, 7.7.7.7, 10.0.0.1\n"
     "X-Forwarded-Proto: https\nX-Forwarded-Host: a\n"},
    {GET11, "10.0.0.1:5", "a", true, true,
     "X-Forwarded-For: 10.0.0.1\nX-Forwarded-Proto: https\nX-Forwarded-Host: a\n"},
    /* nobody knows who it is: no address is better than a wrong one */
    {GET11 "X-Forwarded-For: 9.9.9.9\r\n", NULL, "a", false, false,
     "X-Forwarded-Proto: http\nX-Forwarded-Host: a\n"},
    /* a Unix socket has no address */
    {GET11 "X-Forwarded-For: 9.9.9.9\r\n", "unix:/s", "a", false, false,
     "X-Forwarded-Proto: http\nX-Forwarded-Host: a\n"},
    {GET11 "X-Forwarded-For: 9.9.9.9\r\n", "unix:/s", "a", false, true,
     "X-Forwarded-For: 9.9.9.9\nX-Forwarded-Proto: http\nX-Forwarded-Host: a\n"},
};

static void test_forwarded_apply(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct forwarded_case *c = &cases[i];
        struct arena arena;
        struct message m;
        struct addr client = {.len = 0};
        char ip[ADDR_TEXT_MAX] = "";
        arena_init(&arena, 4096);
        make_message(&m, &arena, c->head, false);
        if (c->client != NULL) {
            assert_int_equal(addr_parse(str_of(c->client), &client), OK);
        }
        if (addr_is_ip(&client)) {
            (void)addr_print_ip(&client, ip);
        }
        const struct forwarded f = {
            .client = str_of(ip), .tls = c->tls, .host = str_of(c->host), .trusted = c->trusted};
        forwarded_apply(&m, &f);
        assert_str(fields_text(&m), str_of(c->left), c->head);
        arena_fini(&arena);
    }
}

/* Nobody but us says what TLS proved: neither a client nor a balancer that is trusted otherwise. */
static void test_forwarded_client_cert(void **state)
{
    static const char forged[] =
        GET11 "X-Client-Cert-Subject: CN=root\r\nx-client-cert-verified: yes\r\n"
              "X_Client_Cert-Fingerprint: 00\r\nX-Client_Cert_Subject: CN=root\r\nX: y\r\n";
    static const struct forwarded_cert cert = {{"CN=ann", 6}, {"ab", 2}};
    static const struct forwarded_cert unnamed = {{"", 0}, {"ab", 2}};
    static const struct forwarded_cert odd = {{"CN=\r\nX: y", 9}, {"ab", 2}};
    static const struct {
        bool asked;
        const struct forwarded_cert *cert;
        const char *left;
    } said[] = {
        {false, NULL, "X: y\nX-Forwarded-Proto: https\n"},
        {false, &cert, "X: y\nX-Forwarded-Proto: https\n"},
        {true, NULL, "X: y\nX-Forwarded-Proto: https\nX-Client-Cert-Verified: no\n"},
        {true, &cert,
         "X: y\nX-Forwarded-Proto: https\nX-Client-Cert-Verified: yes\n"
         "X-Client-Cert-Fingerprint: ab\nX-Client-Cert-Subject: CN=ann\n"},
        {true, &unnamed,
         "X: y\nX-Forwarded-Proto: https\nX-Client-Cert-Verified: yes\n"
         "X-Client-Cert-Fingerprint: ab\n"},
        {true, &odd,
         "X: y\nX-Forwarded-Proto: https\nX-Client-Cert-Verified: yes\n"
         "X-Client-Cert-Fingerprint: ab\n"},
    };
    (void)state;
    for (size_t i = 0; i < 2 * sizeof(said) / sizeof(said[0]); i++) {
        struct arena arena;
        struct message m;
        arena_init(&arena, 4096);
        make_message(&m, &arena, forged, false);
        const struct forwarded f = {.tls = true,
                                    .trusted = i % 2 == 1,
                                    .asked = said[i / 2].asked,
                                    .cert = said[i / 2].cert};
        forwarded_apply(&m, &f);
        assert_str(fields_text(&m), str_of(said[i / 2].left), "");
        arena_fini(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forwarded_apply),
        cmocka_unit_test(test_forwarded_client_cert),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
