/* SPDX-License-Identifier: MIT */
#include "daemon/loader.h"

#include <fcntl.h>

#include "base/fd.h"
#include "daemon/loading.h"
#include "daemon/report.h"
#include "daemon/sandbox.h"
#include "daemon/supervisor.h"
#include "daemon/wire_link.h"
#include "loop/loop.h"

/* The configuration as a memory file: what `hivedoor dev` hands over. */
#define CONFIG_FD_PATH "/proc/self/fd/6"
_Static_assert(ROLE_FD_CONFIG == 6, "CONFIG_FD_PATH names it");

/* What the supervisor must have in its hands: descriptors, owned. */
struct parcel {
    int fds[3]; /* report, bundle, its secrets */
    size_t count;
};

/* What runs now: its files need not be read again, and a half-written pair must not replace it. */
static bool read_past(struct bundle_past *out)
{
    struct bundle_source source = {.common = ROLE_FD_PREVIOUS};
    bool is_read = false;

    *out = (struct bundle_past){.home = NULL};
    if (fcntl(ROLE_FD_PREVIOUS, F_GETFD) >= 0 &&
        sealed_open(ROLE_FD_SECRETS, BUNDLE_MAX, &source.secrets) == OK) {
        is_read = bundle_read_past(&source, out) == OK;
        sealed_unref(source.secrets);
    }
    return is_read;
}

static int write_bundles(const struct loading *l, struct parcel *p, struct diags *diags)
{
    struct diag_place place = {STR("bundle"), 0, 0};
    struct bundle_fds fds = BUNDLE_NO_FDS;

    struct bundle_content content = {&l->plan, l->model, &l->certs, buf_str(&l->recall)};
    int err = bundle_write(&content, &fds);
    if (err != OK) {
        diags_add(diags, DIAG_ERROR, place,
                  "configuration and certificates could not be put together: %s", err_text(err));
        return err;
    }
    p->fds[1] = fds.common;
    p->fds[2] = fds.secrets;
    p->count = 3;
    return OK;
}

static void load_all(const struct role_args *args, struct diags *diags, struct parcel *p)
{
    struct bundle_past past;
    struct loading loading;

    bool has_past = read_past(&past);
    struct loading_want want = {
        .config_path = args->config == NULL ? CONFIG_FD_PATH : args->config,
        .local_ca = args->local_ca,
        /* The local authority signs anew; what it signed before is nothing to hold on to. */
        .past = args->local_ca == NULL && has_past ? &past : NULL,
    };
    if (loading_run(&want, diags, &loading) == OK) {
        (void)!write_bundles(&loading, p, diags);
        loading_fini(&loading);
    }
    bundle_past_fini(&past);
}

static void on_message(void *arg, const struct wire_msg *m, int *fds, size_t nfds)
{
    (void)arg;
    (void)m;
    (void)fds;
    (void)nfds;
}

static void on_broken(void *arg, int err)
{
    (void)err;
    loop_stop(arg);
}

static int send_parcel(struct loop *loop, struct parcel *p, uint32_t missing)
{
    static const struct wire_link_events events = {on_message, on_broken};
    struct wire_msg loaded = {.id = WIRE_LOADED, .flag = p->count == 3};
    struct wire_link *link = wire_link_new(loop, ROLE_FD_WIRE, WIRE_SUPERVISOR, &events, loop);

    wire_link_send_number(link, WIRE_HELLO, missing);
    wire_link_send(link, &loaded, p->fds, p->count);
    bool sent = wire_link_is_flushed(link); /* two small messages always fit */
    wire_link_free(link);
    return sent ? EXIT_FINE : EXIT_START;
}

int loader_main(const struct role_args *args)
{
    uint32_t missing = sandbox_begin(ROLE_LOADER, args->parent);
    struct parcel p = {.fds = {-1, -1, -1}, .count = 1};
    struct diags diags;
    int status = EXIT_START;

    struct loop *loop = loop_new();
    missing |= sandbox_seal(ROLE_LOADER);
    diags_init(&diags);
    load_all(args, &diags, &p);
    if (report_write(&diags, &p.fds[0]) == OK) {
        status = send_parcel(loop, &p, missing);
    }
    diags_fini(&diags);
    for (size_t i = 0; i < 3; i++) {
        fd_close(&p.fds[i]);
    }
    loop_free(loop);
    return status;
}
