/* SPDX-License-Identifier: MIT */
#include "tls/tls_local_ca.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define DAY_SECONDS 86400L
#define CA_DAYS     3650L
#define LEAF_DAYS   90L
#define RENEW_DAYS  30L
#define PEM_MAX     16384
#define PATH_BYTES  4096
#define FOLDER_MAX  4000 /* room for a file's name behind it */
#define SERIAL_BITS 127

static const char constraints[] =
    "critical,permitted;DNS:localhost,permitted;DNS:test,permitted;DNS:local,"
    "permitted;DNS:internal,permitted;DNS:home.arpa,"
    "permitted;IP:127.0.0.0/255.0.0.0,"
    "permitted;IP:0:0:0:0:0:0:0:1/FFFF:FFFF:FFFF:FFFF:FFFF:FFFF:FFFF:FFFF";

/* The same list, as labels at the end of a name. */
static const char *const local_zones[] = {"localhost", "test", "local", "internal", "home.arpa"};

bool tls_local_ca_permits(struct str name)
{
    for (size_t i = 0; i < sizeof(local_zones) / sizeof(local_zones[0]); i++) {
        struct str zone = str_of(local_zones[i]);
        if (str_eq(name, zone)) {
            return true;
        }
        if (name.len > zone.len + 1 && str_ends(name, zone) &&
            name.ptr[name.len - zone.len - 1] == '.') {
            return true;
        }
    }
    return false;
}

static time_t now(void)
{
    return (time_t)(clock_wall_ms() / 1000);
}

static void path_of(char *dst, size_t cap, const char *dir, const char *file)
{
    snprintf(dst, cap, "%s/%s", dir, file);
}

/* ---- building blocks ---- */

static bool add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
    X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    bool ok = ext != NULL && X509_add_ext(cert, ext, -1) == 1;
    X509_EXTENSION_free(ext);
    return ok;
}

static bool set_serial(X509 *cert)
{
    BIGNUM *bn = BN_new();
    bool ok = bn != NULL && BN_rand(bn, SERIAL_BITS, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) == 1 &&
              BN_to_ASN1_INTEGER(bn, X509_get_serialNumber(cert)) != NULL;
    BN_free(bn);
    return ok;
}

static bool set_subject(X509 *cert, const char *name)
{
    X509_NAME *subject = X509_get_subject_name(cert);
    return X509_NAME_add_entry_by_txt(subject, "O", MBSTRING_UTF8,
                                      (const unsigned char *)"Hivedoor development", -1, -1,
                                      0) == 1 &&
           X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)name, -1,
                                      -1, 0) == 1;
}

/* A certificate with key, serial, names and validity, not signed yet; NULL when OpenSSL refuses. */
static X509 *draft(EVP_PKEY *key, const char *subject, long days)
{
    X509 *cert = X509_new();
    time_t from = now();
    if (cert == NULL || X509_set_version(cert, X509_VERSION_3) != 1 || !set_serial(cert) ||
        X509_time_adj_ex(X509_getm_notBefore(cert), 0, -3600, &from) == NULL ||
        X509_time_adj_ex(X509_getm_notAfter(cert), (int)days, 0, &from) == NULL ||
        X509_set_pubkey(cert, key) != 1 || !set_subject(cert, subject)) {
        X509_free(cert);
        return NULL;
    }
    return cert;
}

static X509 *make_authority(EVP_PKEY *key)
{
    X509 *cert = draft(key, "Hivedoor local authority", CA_DAYS);
    if (cert == NULL) {
        return NULL;
    }
    bool ok = X509_set_issuer_name(cert, X509_get_subject_name(cert)) == 1 &&
              add_extension(cert, cert, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
              add_extension(cert, cert, NID_key_usage, "critical,keyCertSign,cRLSign") &&
              add_extension(cert, cert, NID_subject_key_identifier, "hash") &&
              add_extension(cert, cert, NID_name_constraints, constraints) &&
              X509_sign(cert, key, EVP_sha256()) > 0;
    if (!ok) {
        X509_free(cert);
        return NULL;
    }
    return cert;
}

/* ---- files ---- */

/* By way of a new file of its own, so that nobody ever sees half of it or reads a key through an
 * older file's mode. */
static int write_private(const char *path, BIO *pem)
{
    char temporary[PATH_BYTES];
    char *bytes = NULL;
    long len = BIO_get_mem_data(pem, &bytes);
    snprintf(temporary, sizeof(temporary), "%s.XXXXXX", path);
    int fd = mkostemp(temporary, O_CLOEXEC); /* mode 0600 */
    if (fd < 0) {
        return ERR_IO;
    }
    int err = fd_write_all(fd, bytes, (size_t)len);
    fd_close(&fd);
    if (err == OK && rename(temporary, path) != 0) {
        err = ERR_IO;
    }
    if (err != OK) {
        int why = errno;
        unlink(temporary);
        errno = why;
    }
    return err;
}

static int store_authority(const char *dir, EVP_PKEY *key, X509 *cert)
{
    char path[PATH_BYTES];
    BIO *key_pem = BIO_new(BIO_s_secmem());
    BIO *cert_pem = BIO_new(BIO_s_mem());
    int err = ERR_TLS;
    if (key_pem != NULL && cert_pem != NULL &&
        PEM_write_bio_PrivateKey(key_pem, key, NULL, NULL, 0, NULL, NULL) == 1 &&
        PEM_write_bio_X509(cert_pem, cert) == 1) {
        path_of(path, sizeof(path), dir, TLS_LOCAL_CA_KEY);
        err = write_private(path, key_pem);
        path_of(path, sizeof(path), dir, TLS_LOCAL_CA_FILE);
        err = err == OK ? write_private(path, cert_pem) : err;
    }
    BIO_free(key_pem);
    BIO_free(cert_pem);
    return err;
}

static BIO *open_pem(const char *dir, const char *file, struct buf *bytes)
{
    char path[PATH_BYTES];
    path_of(path, sizeof(path), dir, file);
    if (fd_read_file(path, bytes) != OK) {
        return NULL;
    }
    return BIO_new_mem_buf(buf_ptr(bytes), (int)buf_len(bytes));
}

static int load_authority(const char *dir, EVP_PKEY **out_key, X509 **out_cert)
{
    struct buf key_bytes;
    struct buf cert_bytes;
    buf_init(&key_bytes, PEM_MAX);
    buf_init(&cert_bytes, PEM_MAX);
    BIO *key_pem = open_pem(dir, TLS_LOCAL_CA_KEY, &key_bytes);
    BIO *cert_pem = open_pem(dir, TLS_LOCAL_CA_FILE, &cert_bytes);
    EVP_PKEY *key = key_pem == NULL ? NULL : PEM_read_bio_PrivateKey(key_pem, NULL, NULL, NULL);
    X509 *cert = cert_pem == NULL ? NULL : PEM_read_bio_X509(cert_pem, NULL, NULL, NULL);
    BIO_free(key_pem);
    BIO_free(cert_pem);
    if (key_bytes.data != NULL) {
        mem_wipe(key_bytes.data, key_bytes.cap);
    }
    buf_fini(&key_bytes);
    buf_fini(&cert_bytes);
    if (key == NULL || cert == NULL || X509_check_private_key(cert, key) != 1) {
        EVP_PKEY_free(key);
        X509_free(cert);
        return ERR_NOT_FOUND;
    }
    *out_key = key;
    *out_cert = cert;
    return OK;
}

static bool lasts(const X509 *cert)
{
    time_t soon = now() + RENEW_DAYS * DAY_SECONDS;
    return X509_cmp_time(X509_get0_notAfter(cert), &soon) > 0;
}

/* mkdir -p, the last folder private. */
static int make_folders(const char *dir)
{
    char path[PATH_BYTES];
    size_t len = str_copy(path, sizeof(path), str_of(dir));
    if (strlen(dir) > FOLDER_MAX) {
        errno = ENAMETOOLONG;
        return ERR_IO;
    }
    while (len > 1 && path[len - 1] == '/') {
        path[--len] = '\0';
    }
    for (size_t i = 1; i < len; i++) {
        if (path[i] == '/') {
            path[i] = '\0';
            if (mkdir(path, 0755) != 0 && errno != EEXIST) {
                return ERR_IO;
            }
            path[i] = '/';
        }
    }
    return mkdir(path, 0700) == 0 || errno == EEXIST ? OK : ERR_IO;
}

/* Two that start at once agree on one authority: the second waits for the first. */
static int lock_folder(const char *dir, int *out_fd)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return ERR_IO;
    }
    while (flock(fd, LOCK_EX) != 0) {
        if (errno != EINTR) {
            fd_close(&fd);
            return ERR_IO;
        }
    }
    *out_fd = fd;
    return OK;
}

/* With the folder locked. */
static int ensure(const char *dir, bool *out_created)
{
    EVP_PKEY *key = NULL;
    X509 *cert = NULL;
    bool good = load_authority(dir, &key, &cert) == OK && lasts(cert);
    int err = OK;
    if (!good) {
        EVP_PKEY_free(key);
        X509_free(cert);
        key = EVP_EC_gen("P-256");
        cert = key == NULL ? NULL : make_authority(key);
        err = cert == NULL ? ERR_TLS : store_authority(dir, key, cert);
    }
    EVP_PKEY_free(key);
    X509_free(cert);
    if (err == OK) {
        *out_created = !good;
    }
    return err;
}

int tls_local_ca_ensure(const char *dir, bool *out_created)
{
    int lock = -1;
    int err = make_folders(dir);
    err = err == OK ? lock_folder(dir, &lock) : err;
    if (err != OK) {
        return err;
    }
    err = ensure(dir, out_created);
    int why = errno;
    fd_close(&lock);
    errno = why;
    return err;
}

/* ---- signing ---- */

static bool add_names(X509 *cert, X509 *issuer, const struct str *names, size_t count)
{
    struct buf list;
    buf_init(&list, count * 300 + 16);
    int err = OK;
    for (size_t i = 0; i < count && err == OK; i++) {
        err = buf_printf(&list, "%sDNS:%.*s", i == 0 ? "" : ",", STR_FMT(names[i]));
    }
    bool ok = err == OK && buf_append(&list, "", 1) == OK &&
              add_extension(cert, issuer, NID_subject_alt_name, buf_ptr(&list));
    buf_fini(&list);
    return ok;
}

static X509 *make_leaf(EVP_PKEY *key, EVP_PKEY *ca_key, X509 *ca, const struct str *names,
                       size_t count)
{
    X509 *cert = draft(key, "local site", LEAF_DAYS);
    if (cert == NULL) {
        return NULL;
    }
    bool ok = X509_set_issuer_name(cert, X509_get_subject_name(ca)) == 1 &&
              add_extension(cert, ca, NID_basic_constraints, "critical,CA:FALSE") &&
              add_extension(cert, ca, NID_key_usage, "critical,digitalSignature") &&
              add_extension(cert, ca, NID_ext_key_usage, "serverAuth") &&
              add_extension(cert, ca, NID_subject_key_identifier, "hash") &&
              add_extension(cert, ca, NID_authority_key_identifier, "keyid:always") &&
              add_names(cert, ca, names, count) && X509_sign(cert, ca_key, EVP_sha256()) > 0;
    if (!ok) {
        X509_free(cert);
        return NULL;
    }
    return cert;
}

/* As DER into a tls_cert. */
static int to_cert(X509 *leaf, EVP_PKEY *key, struct tls_cert **out_cert)
{
    unsigned char *leaf_der = NULL;
    unsigned char *key_der = NULL;
    int leaf_len = i2d_X509(leaf, &leaf_der);
    PKCS8_PRIV_KEY_INFO *p8 = EVP_PKEY2PKCS8(key);
    int key_len = p8 == NULL ? -1 : i2d_PKCS8_PRIV_KEY_INFO(p8, &key_der);
    int err = ERR_TLS;
    if (leaf_len > 0 && key_len > 0) {
        struct str chain = str_n((const char *)leaf_der, (size_t)leaf_len);
        err = tls_cert_new(&chain, 1, str_n((const char *)key_der, (size_t)key_len),
                           STR("local authority"), out_cert);
    }
    PKCS8_PRIV_KEY_INFO_free(p8);
    OPENSSL_clear_free(key_der, key_len > 0 ? (size_t)key_len : 0);
    OPENSSL_free(leaf_der);
    return err;
}

int tls_local_ca_sign(const char *dir, const struct str *names, size_t name_count,
                      struct tls_cert **out_cert)
{
    EVP_PKEY *ca_key = NULL;
    X509 *ca = NULL;
    for (size_t i = 0; i < name_count; i++) {
        if (!tls_local_ca_permits(names[i])) {
            return ERR_DENIED;
        }
    }
    int err = load_authority(dir, &ca_key, &ca);
    if (err != OK) {
        return err;
    }
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *leaf = key == NULL ? NULL : make_leaf(key, ca_key, ca, names, name_count);
    err = leaf == NULL ? ERR_TLS : to_cert(leaf, key, out_cert);
    X509_free(leaf);
    X509_free(ca);
    EVP_PKEY_free(key);
    EVP_PKEY_free(ca_key);
    return err;
}
