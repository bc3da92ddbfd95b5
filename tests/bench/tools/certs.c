/* SPDX-License-Identifier: MIT */
/*
 * Makes many certificates quickly: sites s0.test, s1.test ... with a key and a self-signed
 * certificate each (ECDSA P-256), both in one file, which nginx, haproxy and Hivedoor all read.
 *
 *   certs FOLDER FIRST COUNT
 */
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>

#define DAYS 30

static void die(const char *what)
{
    (void)fprintf(stderr, "certs: %s\n", what);
    ERR_print_errors_fp(stderr);
    exit(1);
}

static void add_name(X509 *cert, const char *name)
{
    char text[128];
    X509_NAME *subject = X509_get_subject_name(cert);

    (void)snprintf(text, sizeof(text), "DNS:%s", name);
    X509_EXTENSION *names = X509V3_EXT_nconf_nid(NULL, NULL, NID_subject_alt_name, text);
    if (names == NULL || X509_add_ext(cert, names, -1) != 1 ||
        X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1,
                                   0) != 1 ||
        X509_set_issuer_name(cert, subject) != 1) {
        die("name");
    }
    X509_EXTENSION_free(names);
}

static X509 *make_certificate(EVP_PKEY *key, const char *name)
{
    X509 *cert = X509_new();
    uint64_t serial = 0;

    if (cert == NULL || RAND_bytes((unsigned char *)&serial, sizeof(serial)) != 1 ||
        X509_set_version(cert, X509_VERSION_3) != 1 ||
        ASN1_INTEGER_set_uint64(X509_get_serialNumber(cert), serial >> 1) != 1 ||
        X509_gmtime_adj(X509_getm_notBefore(cert), -3600) == NULL ||
        X509_gmtime_adj(X509_getm_notAfter(cert), 86400L * DAYS) == NULL ||
        X509_set_pubkey(cert, key) != 1) {
        die("certificate");
    }
    add_name(cert, name);
    if (X509_sign(cert, key, EVP_sha256()) == 0) {
        die("sign");
    }
    return cert;
}

/* Under its final name only when it is whole. */
static void write_both(const char *path, EVP_PKEY *key, X509 *cert)
{
    char hidden[512];
    const char *slash = strrchr(path, '/');
    int folder = slash == NULL ? 0 : (int)(slash - path) + 1;

    (void)snprintf(hidden, sizeof(hidden), "%.*s.%s", folder, path, path + folder);
    FILE *file = fopen(hidden, "w");
    if (file == NULL || PEM_write_X509(file, cert) != 1 ||
        PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) != 1 || fclose(file) != 0 ||
        rename(hidden, path) != 0) {
        die("write");
    }
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        die("certs FOLDER FIRST COUNT");
    }
    unsigned first = (unsigned)strtoul(argv[2], NULL, 10);
    unsigned count = (unsigned)strtoul(argv[3], NULL, 10);
    for (unsigned i = first; i < first + count; i++) {
        char name[64];
        char path[400];
        (void)snprintf(name, sizeof(name), "s%u.test", i);
        (void)snprintf(path, sizeof(path), "%s/s%u.pem", argv[1], i);
        EVP_PKEY *key = EVP_EC_gen("P-256");
        if (key == NULL) {
            die("key");
        }
        X509 *cert = make_certificate(key, name);
        write_both(path, key, cert);
        X509_free(cert);
        EVP_PKEY_free(key);
    }
    return 0;
}
