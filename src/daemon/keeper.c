/* SPDX-License-Identifier: MIT */
#include "daemon/keeper.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "config/bundle.h"
#include "daemon/admin.h"
#include "daemon/checks.h"
#include "daemon/expiry.h"
#include "daemon/services.h"
#include "daemon/supervisor.h"
#include "loop/timer.h"
#include "process.h"

#define DAY_MS (24u * 60 * 60 * 1000)

struct keeper {
    struct process process;
    struct services *services;
    struct checks *checks;
    struct traffic *traffic;
    struct admin *admin;
    struct admin_view view;
    struct bundle current;
    struct bundle pending;
    uint64_t pending_number; /* 0: none */
    struct timer count_up;
    struct timer warn;
};

/* ---- services ---- */

static void send_addrs(struct keeper *k, struct str name, const struct services_set *set,
                       const struct checks_order *o)
{
    struct wire_msg m = {
        .id = WIRE_ENDPOINTS,
        .flag = set->sure ? WIRE_ENDPOINTS_SET : WIRE_ENDPOINTS_NONE,
        .name = name,
        .request = set->lack,
        .number = o->well,
        .text = buf_len(o->out_names) > 0 ? buf_str(o->out_names) : set->names,
        .addrs = o->addrs,
        .addr_count = o->count < WIRE_ADDRS_MAX ? o->count : WIRE_ADDRS_MAX,
    };

    wire_link_send(k->process.link, &m, NULL, 0);
}

static void on_addrs(void *arg, struct str name, const struct services_set *set)
{
    struct keeper *k = arg;
    struct checks_order o = {.count = set->count, .names = set->names, .well = set->count};
    struct log_line line;
    struct buf names;

    o.addrs = mem_array(set->count, sizeof(*o.addrs));
    memcpy(o.addrs, set->addrs, set->count * sizeof(*o.addrs));
    buf_init(&names, WIRE_TEXT_MAX);
    o.out_names = &names;
    checks_addresses(k->checks, name, set->addrs, set->count);
    checks_sort(k->checks, name, &o);
    send_addrs(k, name, set, &o);
    buf_fini(&names);
    free(o.addrs);
    /* Names come later than addresses, and are no news of their own. */
    log_begin(&line, set->renamed ? LOG_DEBUG : LOG_INFO, "endpoints");
    log_field(&line, "service", name);
    log_field_int(&line, "count", (int64_t)set->count);
    log_end(&line);
}

static void on_checked(void *arg, struct str service)
{
    struct keeper *k = arg;

    services_tell(k->services, service);
}

static void on_wanted(void *arg, struct str name, enum wire_wanted flag, const struct addr *addrs,
                      size_t count)
{
    struct keeper *k = arg;
    struct wire_msg m = {
        .id = WIRE_WANTED,
        .flag = (uint8_t)flag,
        .name = name,
        .addrs = addrs,
        .addr_count = count < WIRE_ADDRS_MAX ? count : WIRE_ADDRS_MAX,
    };
    struct log_line line;

    wire_link_send(k->process.link, &m, NULL, 0);
    /* Clients choose these names: only those that exist are worth a line. */
    log_begin(&line, count > 0 ? LOG_INFO : LOG_DEBUG, "endpoints");
    log_field(&line, "service", name);
    log_field_int(&line, "count", (int64_t)count);
    log_end(&line);
}

static void on_gone(void *arg, struct str name)
{
    struct keeper *k = arg;
    struct wire_msg m = {.id = WIRE_ENDPOINTS, .flag = WIRE_ENDPOINTS_FORGET, .name = name};

    wire_link_send(k->process.link, &m, NULL, 0);
}

/* A check that is new asks what is known already; of the rest it hears as it is found. */
static void tell_checks(struct keeper *k, struct str name, const struct service_info *info)
{
    struct addr *addrs = mem_array(info->count, sizeof(*addrs));
    size_t count = 0;

    for (size_t i = 0; i < info->count; i++) {
        if (services_uses(k->services, name, &info->addrs[i])) {
            addrs[count++] = info->addrs[i];
        }
    }
    checks_addresses(k->checks, name, addrs, count);
    free(addrs);
}

static int take_services(struct keeper *k, const struct model *m)
{
    const struct list *pos = NULL;
    struct service_info info;
    struct str name;

    checks_set(k->checks, m);
    int err = services_set(k->services, m);
    while (services_next(k->services, &pos, &name, &info)) {
        tell_checks(k, name, &info);
    }
    return err;
}

/* ---- generations ---- */

static void drop_pending(struct keeper *k)
{
    bundle_fini(&k->pending);
    k->pending = (struct bundle){.model = NULL};
    k->pending_number = 0;
}

static void on_prepare(void *arg, const struct wire_msg *m, int *fds)
{
    struct keeper *k = arg;

    drop_pending(k);
    struct bundle_known known = {.model = k->current.model};
    memcpy(known.id, k->current.id, sizeof(known.id));
    struct bundle_source source = {fds[0], NULL, known.model == NULL ? NULL : &known};
    int err = bundle_read(&source, &k->pending);
    if (err != OK) {
        k->pending = (struct bundle){.model = NULL};
        process_send_failed(&k->process, m->number, err);
        return;
    }
    k->pending_number = m->number;
    wire_link_send_number(k->process.link, WIRE_PREPARED, m->number);
}

static void on_commit(void *arg, const struct wire_msg *m, int *fds)
{
    struct keeper *k = arg;
    struct bundle old = k->current;
    uint64_t number = m->number;

    (void)fds;
    if (number == 0 || k->pending_number != number) {
        return;
    }
    k->current = k->pending;
    k->pending = (struct bundle){.model = NULL};
    k->pending_number = 0;
    k->view.bundle = &k->current;
    k->view.generation = number;
    counter_set(k->process.slot, COUNTER_GENERATION_CURRENT, number);
    __atomic_store_n(&k->process.slot->generation, number, __ATOMIC_RELEASE);
    process_log_as(k->current.model);
    expiry_count(k->process.slot, &k->current.certs, old.model == NULL ? NULL : &old.certs);
    if (take_services(k, k->current.model) != OK) {
        log_event(LOG_ERROR, "no_dns_server",
                  "no DNS server to ask: /etc/resolv.conf names none; set dns.servers");
    }
    bundle_fini(&old);
    process_set_state(&k->process, SLOT_READY);
    timer_set(&k->warn, 0);
}

/* ---- admin ---- */

static void refresh(void *arg)
{
    struct keeper *k = arg;

    services_count_up(k->services);
    process_count_up(&k->process);
}

static void ask_reload(void *arg, uint32_t request)
{
    struct keeper *k = arg;
    struct wire_msg m = {.id = WIRE_RELOAD_ASK, .request = request};

    wire_link_send(k->process.link, &m, NULL, 0);
}

static void on_reload_result(void *arg, const struct wire_msg *m, int *fds)
{
    struct keeper *k = arg;
    enum reload_outcome outcome =
        m->flag <= RELOAD_FAILED ? (enum reload_outcome)m->flag : RELOAD_FAILED;

    (void)fds;
    if (m->request != 0) {
        admin_reload_done(k->admin, m->request, outcome, m->text);
        return;
    }
    k->view.reload_outcome = outcome;
    k->view.reload_generation = m->number;
    k->view.reload_wall_ms = clock_wall_ms();
}

/* ---- messages ---- */

static void on_abort(void *arg, const struct wire_msg *m, int *fds)
{
    (void)m;
    (void)fds;
    drop_pending(arg);
}

static void on_listen(void *arg, const struct wire_msg *m, int *fds)
{
    struct keeper *k = arg;

    admin_listen(k->admin, fds[0], m->request);
    fds[0] = -1;
}

static void on_unlisten(void *arg, const struct wire_msg *m, int *fds)
{
    struct keeper *k = arg;

    (void)fds;
    admin_unlisten(k->admin, m->request);
}

static void on_hurry(void *arg, const struct wire_msg *m, int *fds)
{
    struct keeper *k = arg;

    (void)fds;
    services_hurry(k->services, m->name);
}

static void on_want(void *arg, const struct wire_msg *m, int *fds)
{
    struct keeper *k = arg;

    (void)fds;
    wanted_want(services_wanted(k->services), m->name,
                m->flag == WIRE_WANT_TELL ? WIRE_WANT_TELL : WIRE_WANT_KEEP);
}

static void on_sandbox(void *arg, const struct wire_msg *m, int *fds)
{
    struct keeper *k = arg;

    (void)fds;
    k->view.sandbox_missing = (uint32_t)m->number;
}

static void on_drain(void *arg, const struct wire_msg *m, int *fds)
{
    struct keeper *k = arg;

    (void)m;
    (void)fds;
    process_set_state(&k->process, SLOT_DRAINING);
}

static void on_stop(void *arg, const struct wire_msg *m, int *fds)
{
    struct keeper *k = arg;

    (void)m;
    (void)fds;
    loop_stop(k->process.loop);
}

static const process_fn on[WIRE_COUNT] = {
    [WIRE_PREPARE] = on_prepare,
    [WIRE_COMMIT] = on_commit,
    [WIRE_ABORT] = on_abort,
    [WIRE_LISTEN] = on_listen,
    [WIRE_UNLISTEN] = on_unlisten,
    [WIRE_HURRY] = on_hurry,
    [WIRE_WANT] = on_want,
    [WIRE_SANDBOX] = on_sandbox,
    [WIRE_RELOAD_RESULT] = on_reload_result,
    [WIRE_DRAIN] = on_drain,
    [WIRE_STOP] = on_stop,
};

/* ---- life ---- */

static void on_count_up(void *arg)
{
    struct keeper *k = arg;

    services_count_up(k->services);
    traffic_sample(k->traffic);
    timer_set(&k->count_up, TRAFFIC_SAMPLE_MS);
}

static void on_warn(void *arg)
{
    struct keeper *k = arg;

    expiry_warn(&k->current.certs, clock_wall_ms() / 1000);
    timer_set(&k->warn, DAY_MS);
}

static void keeper_init(struct keeper *k)
{
    static const struct services_events service_events = {on_addrs, on_gone, on_wanted};
    struct process *p = &k->process;
    struct admin_env env = {
        .loop = p->loop,
        .view = &k->view,
        .refresh = refresh,
        .reload = ask_reload,
        .arg = k,
    };

    k->checks = checks_new(p->loop, p->slot, on_checked, k);
    k->services = services_new(p->loop, p->slot, &service_events, k);
    k->view.counters = &p->counters;
    k->view.services = k->services;
    k->view.checks = k->checks;
    k->traffic = traffic_new(&p->counters);
    k->view.traffic = k->traffic;
    k->admin = admin_new(&env);
    timer_init(&k->count_up, p->loop, on_count_up, k);
    timer_init(&k->warn, p->loop, on_warn, k);
    on_count_up(k);
}

static void keeper_fini(struct keeper *k)
{
    admin_free(k->admin);
    traffic_free(k->traffic);
    services_free(k->services);
    checks_free(k->checks);
    bundle_fini(&k->current);
    drop_pending(k);
    timer_fini(&k->count_up);
    timer_fini(&k->warn);
    process_fini(&k->process);
}

int keeper_main(const struct role_args *args)
{
    struct keeper k = {.pending_number = 0};

    if (process_init(&k.process, args) != OK) {
        return EXIT_START;
    }
    keeper_init(&k);
    process_connect(&k.process, on, &k);
    loop_run(k.process.loop);
    keeper_fini(&k);
    return k.process.status;
}
