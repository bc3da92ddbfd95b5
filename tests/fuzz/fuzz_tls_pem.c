/* SPDX-License-Identifier: MIT */
/* Any bytes as a file of certificates and keys: read, matched, packed. */
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/pack.h"
#include "tls/tls_match.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tls_matcher *m = tls_matcher_new(NULL, NULL);
    struct tls_set set;
    size_t half = size / 2;

    /* As one file, and cut in two. */
    (void)tls_matcher_add(m, "whole", str_n((const char *)data, size));
    (void)tls_matcher_add(m, "first", str_n((const char *)data, half));
    (void)tls_matcher_add(m, "second", str_n((const char *)data + half, size - half));
    tls_matcher_finish(m, &(struct tls_match_context){.now = 1790000000}, &set);
    for (size_t i = 0; i < set.count; i++) {
        struct tls_cert *back = NULL;
        struct unpacker u;
        struct packer p;
        struct buf out;
        buf_init(&out, 1 << 24);
        pack_init(&p, &out);
        tls_cert_pack(set.certs[i], &p);
        unpack_init(&u, buf_ptr(&out), buf_len(&out));
        /* What was taken comes back. */
        REQUIRE(!p.failed && tls_cert_unpack(&u, NULL, &back) == OK && unpack_done(&u));
        tls_cert_unref(back);
        buf_fini(&out); /* it lies in there */
    }
    tls_set_fini(&set);
    tls_matcher_free(m);
    return 0;
}
