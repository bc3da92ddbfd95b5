/* SPDX-License-Identifier: MIT */
/* Any bytes as a certificate out of a bundle; what is taken must pack to the same bytes. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/pack.h"
#include "tls/tls_cert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tls_cert *c = NULL;
    struct unpacker u;
    struct packer p;
    struct buf out;

    unpack_init(&u, data, size);
    if (tls_cert_unpack(&u, NULL, &c) != OK) {
        return 0;
    }
    buf_init(&out, 1 << 24);
    pack_init(&p, &out);
    tls_cert_pack(c, &p);
    REQUIRE(!p.failed && buf_len(&out) == size - u.left);
    REQUIRE(memcmp(buf_ptr(&out), data, buf_len(&out)) == 0);
    (void)tls_cert_covers(c, STR("www.example.com"));
    buf_fini(&out);
    tls_cert_unref(c);
    return 0;
}
