/* SPDX-License-Identifier: MIT */
#include "daemon/report.h"

#include "base/fd.h"
#include "base/pack.h"

#define FIELD_MAX 8192

int report_write(const struct diags *diags, int *out_fd)
{
    struct buf out;
    struct packer p;

    buf_init(&out, REPORT_MAX);
    pack_init(&p, &out);
    pack_u32(&p, (uint32_t)diags->count);
    pack_u32(&p, (uint32_t)(diags->lost > UINT32_MAX ? UINT32_MAX : diags->lost));
    for (size_t i = 0; i < diags->count; i++) {
        const struct diag *d = &diags->items[i];
        pack_u8(&p, d->level == DIAG_ERROR ? 1 : 0);
        pack_str(&p, str_sub(d->file, 0, FIELD_MAX));
        pack_u32(&p, d->line);
        pack_u32(&p, d->column);
        pack_str(&p, str_sub(d->text, 0, FIELD_MAX));
    }
    int err = p.failed ? ERR_LIMIT : fd_sealed("hivedoor-report", out.data, buf_len(&out), out_fd);
    buf_fini(&out);
    return err;
}

static int read_items(struct unpacker *u, struct diags *diags)
{
    uint32_t count = unpack_u32(u);

    if (count > DIAG_MAX) {
        return ERR_SYNTAX;
    }
    diags->lost += unpack_u32(u);
    for (uint32_t i = 0; i < count && !u->failed; i++) {
        enum diag_level level = unpack_u8(u) != 0 ? DIAG_ERROR : DIAG_WARNING;
        struct str file = unpack_str(u, FIELD_MAX);
        uint32_t line = unpack_u32(u);
        struct diag_place place = {file, line, unpack_u32(u)};
        struct str text = unpack_str(u, FIELD_MAX);
        if (!u->failed) {
            diags_add(diags, level, place, "%.*s", STR_FMT(text));
        }
    }
    return unpack_done(u) ? OK : ERR_SYNTAX;
}

int report_read(int fd, struct diags *diags)
{
    const void *data;
    size_t len;
    struct unpacker u;

    int err = fd_map_sealed(fd, REPORT_MAX, &data, &len);
    if (err != OK) {
        return err;
    }
    unpack_init(&u, data, len);
    err = read_items(&u, diags);
    fd_unmap(data, len);
    return err;
}
