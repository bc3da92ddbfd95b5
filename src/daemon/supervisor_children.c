/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "daemon/challenge_folder.h"
#include "daemon/spawn.h"
#include "stats/flight.h"
#include "supervisor_state.h"

static const char *name_of(const struct child *c, char dst[static ROLE_NAME_MAX])
{
    return role_name(c->role, c->index, dst);
}

struct child *children_keeper(struct supervisor *s)
{
    return &s->children[0];
}

void child_set_state(struct child *c, enum child_state state)
{
    static const unsigned from[] = {
        [CHILD_DOWN] = ~0U,
        [CHILD_STARTED] = 1U << CHILD_DOWN,
        [CHILD_IDLE] = ~(1U << CHILD_DOWN),
        [CHILD_BUILDING] = 1U << CHILD_IDLE,
        [CHILD_PREPARING] = 1U << CHILD_IDLE,
        [CHILD_PREPARED] = 1U << CHILD_PREPARING,
    };

    REQUIRE((from[state] & 1U << c->state) != 0);
    c->state = state;
}

void child_kill(struct child *c)
{
    if (c->pid > 0) {
        (void)kill(c->pid, SIGKILL);
    }
}

void children_send(struct supervisor *s, const struct wire_msg *m, bool workers_only)
{
    for (size_t i = 0; i < s->child_count; i++) {
        struct child *c = &s->children[i];
        if (c->link != NULL && c->serving != 0 && !(workers_only && c->role == ROLE_KEEPER)) {
            wire_link_send(c->link, m, NULL, 0);
        }
    }
}

/* ---- generations ---- */

static void owe_answer(struct child *c)
{
    if (c->owed++ == 0) {
        timer_set(&c->answer, CHILD_ANSWER_MS);
    }
}

static void on_answer(struct child *c)
{
    if (c->owed > 0 && --c->owed > 0) {
        timer_set(&c->answer, CHILD_ANSWER_MS);
    } else {
        timer_clear(&c->answer);
    }
}

static void on_no_answer(void *arg)
{
    struct child *c = arg;
    char name[ROLE_NAME_MAX];

    log_event(LOG_ERROR, "process_hangs", "%s is ended: no answer for %d s", name_of(c, name),
              CHILD_ANSWER_MS / 1000);
    child_kill(c);
}

void child_prepare(struct child *c, uint64_t number, const struct load_result *from)
{
    struct wire_msg m = {.id = WIRE_PREPARE, .number = number};
    struct wire_msg secrets = {.id = WIRE_SECRETS, .number = number};

    c->given = number;
    owe_answer(c);
    if (c->role != ROLE_KEEPER) { /* which sees no key */
        wire_link_send(c->link, &secrets, &from->bundle.secrets, 1);
    }
    wire_link_send(c->link, &m, &from->bundle.common, 1);
}

void child_feed(struct child *c)
{
    struct supervisor *s = c->sup;

    if (c->state != CHILD_IDLE || c->serving == s->reload.current) {
        return;
    }
    child_set_state(c, CHILD_BUILDING);
    child_prepare(c, s->reload.current, &s->current);
}

void child_listen(struct child *c, enum listeners_state state)
{
    LIST_EACH (&c->sup->listeners.entries, it, tmp) {
        struct listeners_entry *e = CONTAINER_OF(it, struct listeners_entry, node);
        struct wire_msg m = {.id = WIRE_LISTEN, .request = e->number, .flag = (uint8_t)e->kind};
        int fd = listeners_fd(e, c->index);
        if (e->state == state && (e->kind == LISTENERS_ADMIN) == (c->role == ROLE_KEEPER)) {
            wire_link_send(c->link, &m, &fd, 1);
        }
    }
}

static void note_ready(struct supervisor *s)
{
    struct log_line line;

    for (size_t i = 0; i < s->child_count; i++) {
        if (s->children[i].serving == 0) {
            return;
        }
    }
    if (s->is_ready) {
        return;
    }
    s->is_ready = true;
    log_begin(&line, LOG_INFO, "ready");
    log_field_int(&line, "workers", (int64_t)s->child_count - 1);
    log_end(&line);
    if (s->options->on_ready != NULL) {
        s->options->on_ready(s->options->arg);
    }
}

/* Its first generation: now it can be given clients. */
static void begin_serving(struct child *c)
{
    struct supervisor *s = c->sup;
    struct wire_msg tickets = {.id = WIRE_TICKETS, .ring = &s->tickets};
    size_t pos = 0;
    struct str bytes;

    if (c->role == ROLE_KEEPER) {
        struct wire_msg again = {.id = WIRE_WANTED, .flag = WIRE_WANTED_RESTART};
        wire_link_send_number(c->link, WIRE_SANDBOX, s->sandbox_missing);
        children_send(s, &again, true);
    } else {
        wire_link_send(c->link, &tickets, NULL, 0); /* there may be newer ones than at its HELLO */
    }
    while (c->role == ROLE_WORKER && endpoint_cache_next(s->endpoints, &pos, &bytes)) {
        wire_link_send_bytes(c->link, bytes);
    }
    child_listen(c, LISTENERS_OPEN);
    child_listen(c, LISTENERS_OLD); /* a reload that is not sure yet must not shut them out */
    note_ready(s);
}

static void on_hello(struct child *c, uint64_t missing)
{
    struct supervisor *s = c->sup;
    struct wire_msg m = {.id = WIRE_TICKETS, .ring = &s->tickets};

    if (c->state != CHILD_STARTED) {
        return;
    }
    on_answer(c);
    supervisor_note_sandbox(s, (uint32_t)missing);
    child_set_state(c, CHILD_IDLE);
    if (c->role == ROLE_WORKER) {
        wire_link_send(c->link, &m, NULL, 0);
    }
    child_feed(c);
}

static void on_prepared(struct child *c, uint64_t number)
{
    if (number != c->given) {
        return; /* of a reload that was aborted meanwhile */
    }
    if (c->state == CHILD_PREPARING) {
        child_set_state(c, CHILD_PREPARED);
        reload_on_prepared(&c->sup->reload, number);
        return;
    }
    if (c->state != CHILD_BUILDING) {
        return;
    }
    bool first = c->serving == 0;
    wire_link_send_number(c->link, WIRE_COMMIT, number);
    c->serving = number;
    child_set_state(c, CHILD_IDLE);
    if (first) {
        begin_serving(c);
    }
    child_feed(c); /* a reload may have been faster */
}

static void on_failed(struct child *c, const struct wire_msg *m)
{
    char name[ROLE_NAME_MAX];
    char text[WIRE_TEXT_MAX + 64];

    if (m->number != c->given) {
        return;
    }
    (void)snprintf(text, sizeof(text), "%s cannot build it: %.*s", name_of(c, name),
                   STR_FMT(m->text));
    if (c->state == CHILD_PREPARING) {
        child_set_state(c, CHILD_IDLE);
        reload_on_failed(&c->sup->reload, str_of(text));
    } else if (c->state == CHILD_BUILDING) {
        log_event(LOG_ERROR, "generation_failed", "%s", text);
        child_kill(c); /* it can do nothing without: the back-off decides how often we try */
    }
}

/* ---- other messages ---- */

static void on_challenge(struct child *c, const struct wire_msg *ask)
{
    const char *folder = c->sup->current.plan.challenge_folder;
    struct wire_msg m = {.id = WIRE_CHALLENGE_ANSWER, .request = ask->request};
    struct buf bytes;

    buf_init(&bytes, CHALLENGE_ANSWER_MAX);
    if (folder != NULL && challenge_folder_read(folder, ask->name, &bytes) == OK) {
        m.flag = 1;
        m.text = buf_str(&bytes);
    }
    wire_link_send(c->link, &m, NULL, 0);
    buf_fini(&bytes);
}

static void on_endpoints(struct supervisor *s, const struct wire_msg *m)
{
    struct str bytes;

    if (endpoint_cache_put(s->endpoints, m, &bytes) != OK) {
        log_event(LOG_ERROR, "too_many_services", "more than %d service names; %.*s is left out",
                  ENDPOINT_CACHE_MAX, STR_FMT(m->name));
        return;
    }
    for (size_t i = 1; i < s->child_count && bytes.len > 0; i++) {
        struct child *c = &s->children[i];
        if (c->link != NULL && c->serving != 0) {
            wire_link_send_bytes(c->link, bytes);
        }
    }
}

/* HURRY and WANT: what workers say of names goes to the keeper, which judges it. */
static void to_keeper(struct supervisor *s, const struct wire_msg *m)
{
    struct wire_msg copy = {.id = m->id, .flag = m->flag, .name = m->name};
    struct child *keeper = children_keeper(s);

    if (keeper->link != NULL && keeper->serving != 0) {
        wire_link_send(keeper->link, &copy, NULL, 0);
    }
}

/* Nothing of names that clients choose is kept here: a worker that needs one asks for it. */
static void on_wanted(struct supervisor *s, const struct wire_msg *m)
{
    struct wire_msg copy = {
        .id = WIRE_WANTED, .flag = m->flag, .name = m->name, .addr_count = m->addr_count};
    struct addr *addrs = mem_array(m->addr_count, sizeof(*addrs));

    wire_addrs(m, addrs);
    copy.addrs = addrs;
    children_send(s, &copy, true);
    free(addrs);
}

static void on_reload_ask(struct child *c, uint32_t request)
{
    struct supervisor *s = c->sup;
    struct wire_msg m = {.id = WIRE_RELOAD_RESULT,
                         .request = request,
                         .flag = RELOAD_FAILED,
                         .number = s->reload.current};

    if (request == 0) {
        return;
    }
    if (s->phase != SUP_SERVING) {
        m.text = STR("the daemon is stopping");
        wire_link_send(c->link, &m, NULL, 0);
    } else if (!reload_request(&s->reload, RELOAD_BY_ADMIN, request)) {
        m.text = STR("too many are waiting for a reload already");
        wire_link_send(c->link, &m, NULL, 0);
    }
}

static void on_message(void *arg, const struct wire_msg *m, int *fds, size_t nfds)
{
    struct child *c = arg;

    (void)fds;
    (void)nfds;
    switch (m->id) {
    case WIRE_HELLO: on_hello(c, m->number); break;
    case WIRE_PREPARED:
        on_answer(c);
        on_prepared(c, m->number);
        break;
    case WIRE_FAILED:
        on_answer(c);
        on_failed(c, m);
        break;
    case WIRE_ENDPOINTS: on_endpoints(c->sup, m); break;
    case WIRE_HURRY:
    case WIRE_WANT: to_keeper(c->sup, m); break;
    case WIRE_WANTED: on_wanted(c->sup, m); break;
    case WIRE_CHALLENGE_ASK: on_challenge(c, m); break;
    case WIRE_RELOAD_ASK: on_reload_ask(c, m->request); break;
    case WIRE_DRAINED:
        c->drained = c->sup->phase == SUP_DRAINING || m->flag != 0;
        supervisor_on_less(c->sup);
        break;
    case WIRE_SECRETS:
    case WIRE_PREPARE:
    case WIRE_COMMIT:
    case WIRE_ABORT:
    case WIRE_LISTEN:
    case WIRE_UNLISTEN:
    case WIRE_TICKETS:
    case WIRE_CHALLENGE_ANSWER:
    case WIRE_DRAIN:
    case WIRE_SHUT:
    case WIRE_CUT:
    case WIRE_STOP:
    case WIRE_RELOAD_RESULT:
    case WIRE_SANDBOX:
    case WIRE_LOADED:
    case WIRE_NONE:
    case WIRE_COUNT: break; /* not theirs to send: wire_decode refuses them */
    }
}

static void on_broken(void *arg, int err)
{
    struct child *c = arg;
    char name[ROLE_NAME_MAX];

    if (err != ERR_EOF && err != ERR_RESET) {
        log_event(LOG_ERROR, "process_misbehaves", "%s is ended: its messages: %s",
                  name_of(c, name), err_text(err));
    }
    child_kill(c); /* SIGCHLD follows; if it ended by itself that is on its way */
}

/* ---- life ---- */

static int start_child(struct child *c)
{
    static const struct wire_link_events events = {on_message, on_broken};
    struct supervisor *s = c->sup;
    struct spawn spawn = {
        .args = {.role = c->role,
                 .index = c->index,
                 .slots = (unsigned)s->counters.count,
                 .form = s->form,
                 .level = s->level,
                 .parent = getpid()},
        .counters_fd = s->counters.fd,
        .previous = BUNDLE_NO_FDS,
        .config_fd = -1,
    };
    int fd;

    int err = spawn_start(&spawn, &c->pid, &fd);
    if (err != OK) {
        return err;
    }
    c->link =
        wire_link_new(s->loop, fd, c->role == ROLE_KEEPER ? WIRE_KEEPER : WIRE_WORKER, &events, c);
    c->started_ms = clock_ms();
    c->serving = 0;
    c->given = 0;
    c->drained = false;
    c->owed = 0;
    owe_answer(c);
    child_set_state(c, CHILD_STARTED);
    return OK;
}

static void log_death(const struct child *c, pid_t pid, int status, uint32_t delay_ms)
{
    char name[ROLE_NAME_MAX];
    struct log_line line;

    log_begin(&line, LOG_ERROR, "process_died");
    log_field_c(&line, "name", name_of(c, name));
    log_field_int(&line, "pid", pid);
    if (WIFSIGNALED(status)) {
        log_field_c(&line, "signal", strsignal(WTERMSIG(status)));
    } else {
        log_field_int(&line, "exit", WEXITSTATUS(status));
    }
    log_field_int(&line, "restart_in_ms", delay_ms);
    log_end(&line);
}

/* Ended unasked, or could not be started: again later, or not at all. */
static void plan_restart(struct child *c, pid_t pid, int status)
{
    struct supervisor *s = c->sup;
    char name[ROLE_NAME_MAX];
    uint32_t delay_ms = 0;

    bool again = crash_note(&c->crashes, c->started_ms, clock_ms(), &delay_ms);
    if (pid > 0) {
        log_death(c, pid, status, delay_ms);
    }
    if (!again) {
        log_event(LOG_ERROR, "kept_crashing", "%s ended %d times within %d s; giving up",
                  name_of(c, name), CRASH_MAX, CRASH_WINDOW_MS / 1000);
        supervisor_end(s, EXIT_CRASHED);
        return;
    }
    timer_set(&c->restart, delay_ms);
}

static void on_restart(void *arg)
{
    struct child *c = arg;
    int err = start_child(c);

    if (err != OK) {
        log_event(LOG_ERROR, "process_not_started", "%s", strerror(errno));
        c->started_ms = clock_ms();
        plan_restart(c, 0, 0);
    }
}

static size_t slot_of(const struct child *c)
{
    return c->role == ROLE_KEEPER ? ROLE_SLOT_KEEPER : ROLE_SLOT_WORKERS + c->index;
}

/* Nobody else writes a slot whose process is gone. */
static void mark_down(struct child *c, bool crashed)
{
    struct slot *slot = &c->sup->counters.slots[slot_of(c)];

    __atomic_store_n(&slot->state, (uint32_t)SLOT_DOWN, __ATOMIC_RELEASE);
    flight_clear(slot); /* what died with it is not in flight any more */
    if (crashed) {
        counter_inc(slot, COUNTER_PROCESS_CRASHES);
    }
}

static void on_death(struct child *c, int status)
{
    struct supervisor *s = c->sup;
    char text[ROLE_NAME_MAX + 64];
    char name[ROLE_NAME_MAX];
    bool asked = s->phase == SUP_STOPPING;
    bool was_preparing = c->state == CHILD_PREPARING || c->state == CHILD_PREPARED;
    pid_t pid = c->pid;

    wire_link_free(c->link);
    c->link = NULL;
    c->pid = 0;
    timer_clear(&c->answer);
    if (c->role == ROLE_KEEPER) {
        reload_forget_askers(&s->reload); /* they were its clients */
    }
    child_set_state(c, CHILD_DOWN);
    mark_down(c, !asked);
    if (was_preparing) {
        (void)snprintf(text, sizeof(text), "%s died while building it", name_of(c, name));
        reload_on_failed(&s->reload, str_of(text));
    }
    if (s->phase == SUP_SERVING) {
        plan_restart(c, pid, status);
    } else {
        if (!asked || (WIFEXITED(status) && WEXITSTATUS(status) != 0)) {
            log_death(c, pid, status, 0);
        }
        supervisor_on_less(s);
    }
}

void children_reap(struct supervisor *s)
{
    int status;
    pid_t pid;

    /* As pid 1 we are given orphans of others, too; those are only reaped. */
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        load_job_on_exit(s->job, pid);
        for (size_t i = 0; i < s->child_count; i++) {
            if (s->children[i].pid == pid) {
                on_death(&s->children[i], status);
            }
        }
    }
}

void children_init(struct supervisor *s, size_t workers)
{
    s->child_count = 1 + workers;
    s->children = mem_array(s->child_count, sizeof(struct child));
    for (size_t i = 0; i < s->child_count; i++) {
        struct child *c = &s->children[i];
        c->sup = s;
        c->role = i == 0 ? ROLE_KEEPER : ROLE_WORKER;
        c->index = i == 0 ? 0 : (unsigned)i - 1;
        timer_init(&c->restart, s->loop, on_restart, c);
        timer_init(&c->answer, s->loop, on_no_answer, c);
    }
}

int children_start(struct supervisor *s)
{
    for (size_t i = 0; i < s->child_count; i++) {
        int err = start_child(&s->children[i]);
        if (err != OK) {
            return err;
        }
    }
    return OK;
}

void children_fini(struct supervisor *s)
{
    for (size_t i = 0; i < s->child_count; i++) {
        wire_link_free(s->children[i].link);
        timer_fini(&s->children[i].restart);
        timer_fini(&s->children[i].answer);
    }
    free(s->children);
}
