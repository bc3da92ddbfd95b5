/* SPDX-License-Identifier: MIT */
#include "daemon/supervisor.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "daemon/rotation.h"
#include "daemon/sandbox.h"
#include "process.h"
#include "supervisor_state.h"

#define ROTATE_LOOK_MS 60000
#define CPU_MAX_FILE   "/sys/fs/cgroup/cpu.max"

void supervisor_set_phase(struct supervisor *s, enum supervisor_phase phase)
{
    REQUIRE(phase > s->phase);
    s->phase = phase;
}

void supervisor_loader_spawn(const struct supervisor *s, struct bundle_fds previous,
                             struct spawn *out)
{
    *out = (struct spawn){
        .args = {.role = ROLE_LOADER,
                 .form = s->form,
                 .level = s->level,
                 .parent = getpid(),
                 .config = s->options->config_path,
                 .local_ca = s->options->local_ca_dir},
        .counters_fd = -1,
        .previous = previous,
        .config_fd = s->config_fd,
    };
}

void supervisor_log_as(struct supervisor *s, const struct bundle_plan *plan)
{
    s->form = process_log_form((enum model_access)plan->access);
    s->level = (enum log_level)plan->log_level;
    log_set_form(s->form);
    log_set_level(s->level);
}

void supervisor_note_sandbox(struct supervisor *s, uint32_t missing)
{
    uint32_t fresh = missing & ~s->sandbox_missing;

    if (fresh == 0) {
        return;
    }
    s->sandbox_missing |= fresh;
    for (unsigned i = 0; i < SANDBOX_COUNT; i++) {
        if ((fresh & 1U << i) != 0) {
            log_event(LOG_WARN, "sandbox_step_missing", "%s: %s",
                      sandbox_text((enum sandbox_step)i), sandbox_lack((enum sandbox_step)i));
        }
    }
    if (s->child_count > 0 && children_keeper(s)->serving != 0 &&
        children_keeper(s)->link != NULL) {
        wire_link_send_number(children_keeper(s)->link, WIRE_SANDBOX, s->sandbox_missing);
    }
}

/* ---- how many workers ---- */

/* What the container may use ("200000 100000": two cores), or SIZE_MAX. */
static size_t cpus_of_cgroup(void)
{
    struct buf text;
    struct str quota;
    struct str period;
    uint64_t a = 0;
    uint64_t b = 0;
    size_t n = SIZE_MAX;

    buf_init(&text, 256);
    if (fd_read_file(CPU_MAX_FILE, &text) == OK) {
        struct str rest = buf_str(&text);
        if (str_next(&rest, ' ', &quota) && str_next(&rest, '\n', &period) &&
            str_to_u64(quota, UINT32_MAX, &a) == OK && str_to_u64(period, UINT32_MAX, &b) == OK &&
            a > 0 && b > 0) {
            n = (size_t)((a + b - 1) / b);
        }
    }
    buf_fini(&text);
    return n;
}

static size_t count_workers(uint32_t configured)
{
    cpu_set_t set;
    size_t n = configured;

    if (n == 0) {
        CPU_ZERO(&set);
        n = sched_getaffinity(0, sizeof(set), &set) == 0 ? (size_t)CPU_COUNT(&set) : 1;
        size_t quota = cpus_of_cgroup();
        n = quota < n ? quota : n;
    }
    n = n < 1 ? 1 : n;
    return n > ROLE_WORKERS_MAX ? ROLE_WORKERS_MAX : n;
}

/* ---- timers ---- */

static void on_rotate(void *arg)
{
    struct supervisor *s = arg;
    struct wire_msg m = {.id = WIRE_TICKETS, .ring = &s->tickets};

    timer_set(&s->rotate, ROTATE_LOOK_MS);
    if (rotation_step(&s->tickets, &s->rotated_ms, clock_ms(), ROTATION_MS)) {
        children_send(s, &m, true);
    }
}

static void fail_start(struct supervisor *s, int status)
{
    s->status = status;
    supervisor_set_phase(s, SUP_STOPPING);
    loop_stop(s->loop);
}

static void on_patience(void *arg)
{
    struct supervisor *s = arg;

    switch (s->phase) {
    case SUP_LOADING:
        (void)fprintf(stderr, "hivedoor: the configuration could not be read within %d s\n",
                      RELOAD_LOAD_MS / 1000);
        load_job_stop(s->job);
        s->job = NULL;
        fail_start(s, EXIT_START);
        break;
    case SUP_SERVING: reload_on_deadline(&s->reload); break;
    case SUP_DRAINING:
    case SUP_LEAVING:
    case SUP_STOPPING: supervisor_stop_deadline(s); break;
    }
}

static void on_files(void *arg, bool sure)
{
    struct supervisor *s = arg;

    if (s->phase == SUP_SERVING) {
        (void)!reload_request(&s->reload, sure ? RELOAD_BY_FILES : RELOAD_BY_CLOCK, 0);
    }
}

static void on_signal(void *arg, int signo)
{
    struct supervisor *s = arg;

    switch (signo) {
    case SIGCHLD: children_reap(s); break;
    case SIGHUP:
        if (s->phase == SUP_SERVING) {
            (void)!reload_request(&s->reload, RELOAD_BY_SIGNAL, 0);
        }
        s->reload_early = s->reload_early || s->phase == SUP_LOADING;
        break;
    default: supervisor_stop(s); break;
    }
}

/* ---- start ---- */

static void log_listening(struct supervisor *s)
{
    LIST_EACH (&s->listeners.entries, it, tmp) {
        const struct listeners_entry *e = CONTAINER_OF(it, struct listeners_entry, node);
        char text[ADDR_TEXT_MAX];
        struct log_line line;
        log_begin(&line, LOG_INFO, "listening");
        log_field_c(&line, "kind", listeners_kind_text(e->kind));
        log_field_c(&line, "address", addr_print(&e->bound, text));
        log_end(&line);
    }
}

static int bind_listeners(struct supervisor *s, size_t workers)
{
    char text[LISTENERS_TEXT_MAX];

    listeners_init(&s->listeners, workers);
    if (listeners_stage(&s->listeners, &s->current.plan, text) != OK) {
        (void)fprintf(stderr, "hivedoor: cannot listen on %s\n", text);
        return ERR_EXISTS;
    }
    listeners_commit(&s->listeners);
    log_listening(s);
    return OK;
}

/* Everything that has been loaded comes to life. Says what is wrong. */
static int bring_up(struct supervisor *s)
{
    size_t workers = count_workers(s->current.plan.workers);

    if (bind_listeners(s, workers) != OK) {
        return EXIT_START;
    }
    if (counters_create(ROLE_SLOT_WORKERS + workers, &s->counters) != OK) {
        (void)fprintf(stderr, "hivedoor: no memory for the shared counters\n");
        return EXIT_START;
    }
    s->slot = slot_adopt(&s->counters, ROLE_SLOT_SUPERVISOR, SLOT_SUPERVISOR, 0);
    counter_inc(s->slot, COUNTER_PROCESS_STARTS);
    __atomic_store_n(&s->slot->state, (uint32_t)SLOT_READY, __ATOMIC_RELEASE);
    children_init(s, workers);
    supervisor_reload_init(s);
    supervisor_set_phase(s, SUP_SERVING);
    if (children_start(s) != OK) {
        (void)fprintf(stderr, "hivedoor: cannot start a process\n");
        supervisor_end(s, EXIT_START);
        return EXIT_FINE; /* supervisor_end sees to it */
    }
    s->watcher = watcher_new(s->loop, on_files, s);
    watcher_set(s->watcher, s->current.plan.watch, s->current.plan.watch_count);
    timer_set(&s->rotate, ROTATE_LOOK_MS);
    return EXIT_FINE;
}

static void print_diags(const struct diags *d)
{
    struct buf text;

    buf_init(&text, 1024 * 1024);
    (void)!diags_print(d, &text);
    (void)fwrite(buf_str(&text).ptr, 1, buf_len(&text), stderr);
    buf_fini(&text);
}

static void on_first_load(void *arg, struct load_result *result)
{
    struct supervisor *s = arg;

    s->job = NULL;
    timer_clear(&s->patience);
    s->current = *result;
    if (!result->has_report) {
        (void)fprintf(stderr, "hivedoor: %s\n", result->text);
        fail_start(s, EXIT_START);
        return;
    }
    if (!result->has_bundles) {
        print_diags(&result->diags);
        fail_start(s, EXIT_CONFIG);
        return;
    }
    supervisor_log_as(s, &result->plan);
    log_event(LOG_INFO, "starting", "hivedoor %s", HIVEDOOR_VERSION);
    supervisor_log_diags(&result->diags);
    supervisor_note_sandbox(s, result->sandbox_missing);
    int status = bring_up(s);
    if (status != EXIT_FINE) {
        fail_start(s, status);
    } else if (s->reload_early && s->phase == SUP_SERVING) {
        (void)!reload_request(&s->reload, RELOAD_BY_SIGNAL, 0);
    }
}

static int start_load(struct supervisor *s)
{
    struct spawn spawn;
    struct str text = s->options->config_text;

    if (s->options->config_path == NULL) {
        int err = fd_sealed("hivedoor-config", text.ptr, text.len, &s->config_fd);
        if (err != OK) {
            return err;
        }
    }
    supervisor_loader_spawn(s, BUNDLE_NO_FDS, &spawn);
    return load_job_start(s->loop, &spawn, on_first_load, s, &s->job);
}

static void supervisor_init(struct supervisor *s, const struct run_options *options)
{
    static const int signals[SUPERVISOR_SIGNALS] = {SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGCHLD};

    s->options = options;
    s->config_fd = -1;
    s->form = process_log_form(MODEL_ACCESS_AUTO);
    s->level = LOG_INFO;
    log_setup(STDOUT_FILENO, s->form, s->level, "supervisor");
    s->loop = loop_new();
    for (size_t i = 0; i < SUPERVISOR_SIGNALS; i++) {
        signal_watch_init(&s->signals[i], s->loop, signals[i], on_signal, s);
    }
    listeners_init(&s->listeners, 1);
    s->endpoints = endpoint_cache_new();
    timer_init(&s->rotate, s->loop, on_rotate, s);
    timer_init(&s->patience, s->loop, on_patience, s);
    s->rotated_ms = clock_ms();
}

static void supervisor_fini(struct supervisor *s)
{
    watcher_free(s->watcher);
    children_fini(s);
    load_result_fini(&s->pending);
    load_result_fini(&s->current);
    endpoint_cache_free(s->endpoints);
    timer_fini(&s->rotate);
    timer_fini(&s->patience);
    for (size_t i = 0; i < SUPERVISOR_SIGNALS; i++) {
        signal_watch_fini(&s->signals[i]);
    }
    fd_close(&s->config_fd);
    if (s->counters.count > 0) {
        counters_fini(&s->counters);
    }
    loop_free(s->loop);
    listeners_fini(&s->listeners); /* last: whoever connected so far was let in */
}

int run_daemon(const struct run_options *options)
{
    struct supervisor *s = mem_secret_new(sizeof(*s)); /* ticket keys live in it */

    signals_reset();
    uint32_t missing = sandbox_begin(ROLE_SUPERVISOR, 0);
    supervisor_init(s, options);
    supervisor_note_sandbox(s, missing);
    timer_set(&s->patience, RELOAD_LOAD_MS);
    if (tls_ticket_ring_init(&s->tickets) != OK || start_load(s) != OK) {
        (void)fprintf(stderr, "hivedoor: cannot start a process or get random bytes\n");
        s->status = EXIT_START;
    } else {
        loop_run(s->loop);
    }
    int status = s->status;
    if (s->slot != NULL) {
        log_event(LOG_INFO, "stopped", "exit status %d", status);
    }
    supervisor_fini(s);
    mem_secret_free(s, sizeof(*s));
    return status;
}
