/* SPDX-License-Identifier: MIT */
#include "tls/tls_bio.h"

#include <openssl/bio.h>
#include <string.h>

#include "base/err.h"

static int on_read(BIO *bio, char *dst, size_t cap, size_t *out_n)
{
    struct tls_bio *io = BIO_get_data(bio);
    size_t n = io->in_len < cap ? io->in_len : cap;

    BIO_clear_retry_flags(bio);
    if (n == 0) {
        BIO_set_retry_read(bio);
        return 0;
    }
    memcpy(dst, io->in, n);
    io->in += n;
    io->in_len -= n;
    *out_n = n;
    return 1;
}

static int on_write(BIO *bio, const char *src, size_t len, size_t *out_n)
{
    struct tls_bio *io = BIO_get_data(bio);

    BIO_clear_retry_flags(bio);
    if (buf_append(io->out, src, len) != OK) {
        BIO_set_retry_write(bio);
        return 0;
    }
    *out_n = len;
    return 1;
}

static long on_ctrl(BIO *bio, int cmd, long num, void *ptr)
{
    (void)bio;
    (void)num;
    (void)ptr;
    /* Flushing is the stream's business, at the end of the turn. The rest is not answered. */
    return cmd == BIO_CTRL_FLUSH ? 1 : 0;
}

struct bio_method_st *tls_bio_method_new(void)
{
    /* Nobody looks a BIO up by its type, so none of the few free numbers is taken. */
    BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "hivedoor");

    REQUIRE(method != NULL);
    REQUIRE(BIO_meth_set_read_ex(method, on_read) == 1);
    REQUIRE(BIO_meth_set_write_ex(method, on_write) == 1);
    REQUIRE(BIO_meth_set_ctrl(method, on_ctrl) == 1);
    return method;
}

void tls_bio_method_free(struct bio_method_st *method)
{
    BIO_meth_free(method);
}

struct bio_st *tls_bio_new(const struct bio_method_st *method, struct tls_bio *io)
{
    BIO *bio = BIO_new(method);

    REQUIRE(bio != NULL);
    BIO_set_data(bio, io);
    BIO_set_init(bio, 1);
    return bio;
}
