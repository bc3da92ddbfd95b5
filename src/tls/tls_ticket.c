/* SPDX-License-Identifier: MIT */
#include "tls/tls_ticket.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <string.h>

#include "base/mem.h"

static int fresh_key(struct tls_ticket_key *key)
{
    if (RAND_bytes(key->name, sizeof(key->name)) != 1 ||
        RAND_priv_bytes(key->aes, sizeof(key->aes)) != 1 ||
        RAND_priv_bytes(key->hmac, sizeof(key->hmac)) != 1) {
        mem_wipe(key, sizeof(*key));
        return ERR_TLS;
    }
    return OK;
}

int tls_ticket_ring_init(struct tls_ticket_ring *ring)
{
    struct tls_ticket_ring fresh = {.count = 1};
    int rc = fresh_key(&fresh.keys[0]);

    if (rc == OK) {
        *ring = fresh;
    }
    mem_wipe(&fresh, sizeof(fresh));
    return rc;
}

int tls_ticket_ring_rotate(struct tls_ticket_ring *ring)
{
    struct tls_ticket_key key = {.name = {0}};
    int rc = fresh_key(&key);

    if (rc != OK) {
        return rc;
    }
    memmove(&ring->keys[1], &ring->keys[0], sizeof(key) * (TLS_TICKET_KEYS - 1));
    ring->keys[0] = key;
    if (ring->count < TLS_TICKET_KEYS) {
        ring->count++;
    }
    mem_wipe(&key, sizeof(key));
    return OK;
}

static uint32_t ring_count(const struct tls_ticket_ring *ring)
{
    return ring->count < TLS_TICKET_KEYS ? ring->count : TLS_TICKET_KEYS;
}

/* HMAC-SHA256 under the key. */
static bool set_mac(EVP_MAC_CTX *mac, const struct tls_ticket_key *key)
{
    char digest[] = "SHA256";
    uint8_t secret[sizeof(key->hmac)];
    memcpy(secret, key->hmac, sizeof(secret));
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, secret, sizeof(secret)),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };
    bool good = EVP_MAC_CTX_set_params(mac, params) == 1;

    mem_wipe(secret, sizeof(secret));
    return good;
}

int tls_ticket_seal(const struct tls_ticket_ring *ring, uint8_t name[static 16],
                    uint8_t iv[static 16], EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
    if (ring_count(ring) == 0) {
        return 0;
    }
    const struct tls_ticket_key *key = &ring->keys[0];
    if (RAND_bytes(iv, 16) != 1 || !set_mac(mac, key) ||
        EVP_EncryptInit_ex2(cipher, EVP_aes_256_cbc(), key->aes, iv, NULL) != 1) {
        return -1;
    }
    memcpy(name, key->name, sizeof(key->name));
    return 1;
}

int tls_ticket_open(const struct tls_ticket_ring *ring, const uint8_t name[static 16],
                    const uint8_t iv[static 16], EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
    for (uint32_t i = 0; i < ring_count(ring); i++) {
        const struct tls_ticket_key *key = &ring->keys[i];
        if (memcmp(key->name, name, sizeof(key->name)) != 0) {
            continue;
        }
        if (!set_mac(mac, key) ||
            EVP_DecryptInit_ex2(cipher, EVP_aes_256_cbc(), key->aes, iv, NULL) != 1) {
            return -1;
        }
        return i == 0 ? 1 : 2;
    }
    return 0;
}
