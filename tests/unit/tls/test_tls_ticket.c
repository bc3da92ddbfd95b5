/* SPDX-License-Identifier: MIT */
#include "tls/tls_ticket.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <string.h>

/* A ticket as OpenSSL would make it: name, iv, ciphertext, MAC. */
struct ticket {
    uint8_t name[16];
    uint8_t iv[16];
    uint8_t text[64];
    int len;
    uint8_t mac[32];
};

static EVP_MAC_CTX *mac_new(void)
{
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(mac);

    EVP_MAC_free(mac);
    return ctx;
}

static void mac_of(EVP_MAC_CTX *mac, const struct ticket *t, uint8_t out[static 32])
{
    size_t n = 0;

    assert_int_equal(EVP_MAC_init(mac, NULL, 0, NULL), 1);
    assert_int_equal(EVP_MAC_update(mac, t->text, (size_t)t->len), 1);
    assert_int_equal(EVP_MAC_final(mac, out, &n, 32), 1);
    assert_int_equal(n, 32);
}

static void seal(const struct tls_ticket_ring *ring, struct ticket *t)
{
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    EVP_MAC_CTX *mac = mac_new();
    int tail = 0;

    assert_int_equal(tls_ticket_seal(ring, t->name, t->iv, cipher, mac), 1);
    assert_int_equal(EVP_EncryptUpdate(cipher, t->text, &t->len, (const uint8_t *)"state", 5), 1);
    assert_int_equal(EVP_EncryptFinal_ex(cipher, t->text + t->len, &tail), 1);
    t->len += tail;
    mac_of(mac, t, t->mac);
    EVP_CIPHER_CTX_free(cipher);
    EVP_MAC_CTX_free(mac);
}

/* The callback's answer; when it opened, the content is checked. */
static int unseal(const struct tls_ticket_ring *ring, const struct ticket *t)
{
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    EVP_MAC_CTX *mac = mac_new();
    uint8_t plain[96];
    uint8_t sum[32];
    int len = 0;
    int tail = 0;

    int rc = tls_ticket_open(ring, t->name, t->iv, cipher, mac);
    if (rc > 0) {
        mac_of(mac, t, sum);
        assert_memory_equal(sum, t->mac, 32);
        assert_int_equal(EVP_DecryptUpdate(cipher, plain, &len, t->text, t->len), 1);
        assert_int_equal(EVP_DecryptFinal_ex(cipher, plain + len, &tail), 1);
        assert_int_equal(len + tail, 5);
        assert_memory_equal(plain, "state", 5);
    }
    EVP_CIPHER_CTX_free(cipher);
    EVP_MAC_CTX_free(mac);
    return rc;
}

static void test_tls_ticket_ring_rotates(void **state)
{
    struct tls_ticket_ring ring;
    struct ticket old;
    struct ticket new;
    (void)state;

    assert_int_equal(tls_ticket_ring_init(&ring), 0);
    assert_int_equal(ring.count, 1);
    seal(&ring, &old);
    assert_int_equal(unseal(&ring, &old), 1);
    for (int i = 1; i < TLS_TICKET_KEYS; i++) {
        assert_int_equal(tls_ticket_ring_rotate(&ring), 0);
        assert_int_equal(unseal(&ring, &old), 2);
        seal(&ring, &new);
        assert_int_equal(unseal(&ring, &new), 1);
    }
    assert_int_equal(ring.count, TLS_TICKET_KEYS);
    assert_int_equal(tls_ticket_ring_rotate(&ring), 0);
    assert_int_equal(ring.count, TLS_TICKET_KEYS);
    assert_int_equal(unseal(&ring, &old), 0);
    assert_int_equal(unseal(&ring, &new), 2);
}

static void test_tls_ticket_empty_ring_makes_none(void **state)
{
    struct tls_ticket_ring ring = {.count = 0};
    struct ticket t;
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    EVP_MAC_CTX *mac = mac_new();
    (void)state;

    memset(&t, 0, sizeof(t));
    assert_int_equal(tls_ticket_seal(&ring, t.name, t.iv, cipher, mac), 0);
    assert_int_equal(tls_ticket_open(&ring, t.name, t.iv, cipher, mac), 0);
    EVP_CIPHER_CTX_free(cipher);
    EVP_MAC_CTX_free(mac);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tls_ticket_ring_rotates),
        cmocka_unit_test(test_tls_ticket_empty_ring_makes_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
