/* SPDX-License-Identifier: MIT */
#include "dns/resolver.h"

/* c-ares 1.28 and later mark ares_query as deprecated in favour of a record interface that 1.18
 * does not have. */
#define CARES_NO_DEPRECATED
#include <ares.h>
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/list.h"
#include "base/mem.h"
#include "dns/answer.h"
#include "loop/deadline.h"
#include "loop/timer.h"
#include "loop/watch.h"

#define EDNS_BYTES   4096
#define DNS_PORT     53
#define DOCKER_IPV4  0x7f00000bu /* 127.0.0.11 */
#define SERVERS_TEXT 4096

enum question_state {
    QUESTION_ASKED,    /* c-ares holds it, its owner waits */
    QUESTION_ANSWERED, /* c-ares is done with it; the owner is told at the end of the turn */
    QUESTION_ORPHANED, /* c-ares holds it still, nobody waits */
};

struct question {
    struct list node;
    struct resolver *r; /* borrowed */
    enum question_state state;
    struct answer_name name;
    uint16_t type;
    resolver_fn fn;         /* of A and AAAA */
    resolver_ptr_fn ptr_fn; /* of PTR */
    void *arg;
    struct deadline deadline;
    struct loop_task deliver;
    enum resolver_outcome outcome;
    struct addr *addrs; /* owned */
    size_t count;
    struct answer_name ptr;
};

/* A socket of c-ares: it opens and closes it, we only watch. */
struct sock {
    struct list node;
    struct resolver *r; /* borrowed */
    struct watch watch;
    ares_socket_t fd;
};

struct resolver {
    struct loop *loop;    /* borrowed */
    ares_channel channel; /* owned */
    struct deadline_class *deadlines;
    struct timer timer;    /* when c-ares wants to look at its own timeouts */
    struct loop_task arm;  /* sets it */
    struct list questions; /* struct question */
    struct list socks;     /* struct sock */
    struct addr *scratch;  /* RESOLVER_ADDRS_MAX, for the answer being read */
    bool is_docker;
    struct resolver_stats stats;
};

static void on_arm(void *arg)
{
    struct resolver *r = arg;
    struct timeval tv;

    if (ares_timeout(r->channel, NULL, &tv) == NULL) {
        timer_clear(&r->timer);
        return;
    }
    uint64_t ms = (uint64_t)tv.tv_sec * 1000 + ((uint64_t)tv.tv_usec + 999) / 1000;
    timer_set(&r->timer, ms > 0 ? ms : 1);
}

/* c-ares reckons its next timeout anew after every call into it, by a walk over all its questions:
 * once a turn is enough, or thousands of silent services would keep us from anything else. */
static void arm_timer(struct resolver *r)
{
    loop_defer(r->loop, &r->arm);
}

static void on_timer(void *arg)
{
    struct resolver *r = arg;

    ares_process_fd(r->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    arm_timer(r);
}

static void on_socket(void *arg, unsigned ready)
{
    struct sock *s = arg;
    struct resolver *r = s->r;
    ares_socket_t fd = s->fd;

    ares_process_fd(r->channel, (ready & WATCH_READ) != 0 ? fd : ARES_SOCKET_BAD,
                    (ready & WATCH_WRITE) != 0 ? fd : ARES_SOCKET_BAD);
    arm_timer(r);
}

static void sock_drop(struct sock *s)
{
    watch_fini(&s->watch);
    list_remove(&s->node);
    loop_free_later(s->r->loop, s);
}

static struct sock *sock_of(struct resolver *r, ares_socket_t fd)
{
    LIST_EACH (&r->socks, it, tmp) {
        struct sock *s = CONTAINER_OF(it, struct sock, node);
        if (s->fd == fd) {
            return s;
        }
    }
    return NULL;
}

/* c-ares says what it wants of a socket; neither reading nor writing means that it closes it. */
static void on_sock_state(void *arg, ares_socket_t fd, int readable, int writable)
{
    struct resolver *r = arg;
    struct sock *s = sock_of(r, fd);
    unsigned want = (readable != 0 ? WATCH_READ : 0u) | (writable != 0 ? WATCH_WRITE : 0u);

    if (want == 0) {
        if (s != NULL) {
            sock_drop(s);
        }
        return;
    }
    if (s == NULL) {
        s = NEW(struct sock);
        s->r = r;
        s->fd = fd;
        watch_init(&s->watch, r->loop, fd, on_socket, s);
        list_push_back(&r->socks, &s->node);
    }
    watch_set(&s->watch, want);
}

static void question_free(struct question *q)
{
    deadline_clear(&q->deadline);
    loop_task_cancel(&q->deliver);
    list_remove(&q->node);
    free(q->addrs);
    loop_free_later(q->r->loop, q);
}

static void count_outcome(struct resolver *r, enum resolver_outcome outcome)
{
    if (outcome == RESOLVER_SERVFAIL || outcome == RESOLVER_SILENT) {
        r->stats.failed++;
    }
}

/* The owner hears of it; the question may be gone by then. */
static void tell(const struct question *q, enum resolver_outcome outcome, const struct addr *addrs,
                 size_t count)
{
    if (q->type == ANSWER_TYPE_PTR) {
        struct answer_name ptr = q->ptr;
        q->ptr_fn(q->arg, outcome, outcome == RESOLVER_ANSWER ? &ptr : NULL);
    } else {
        q->fn(q->arg, outcome, addrs, count);
    }
}

/* Runs at the end of a turn, never inside c-ares, so that the callback may do as it likes. */
static void on_deliver(void *arg)
{
    struct question *q = arg;
    const struct question told = *q;

    q->addrs = NULL;
    question_free(q);
    tell(&told, told.outcome, told.addrs, told.count);
    free(told.addrs);
}

static void question_answered(struct question *q, enum resolver_outcome outcome)
{
    q->state = QUESTION_ANSWERED;
    q->outcome = outcome;
    deadline_clear(&q->deadline);
    count_outcome(q->r, outcome);
    loop_defer(q->r->loop, &q->deliver);
}

/* Our own deadline: c-ares may go on with its tries, nobody listens any more. */
static void on_deadline(void *arg)
{
    struct question *q = arg;

    q->state = QUESTION_ORPHANED;
    count_outcome(q->r, RESOLVER_SILENT);
    tell(q, RESOLVER_SILENT, NULL, 0);
}

/* What a failure without usable bytes means. */
static enum resolver_outcome outcome_of_status(int status)
{
    switch (status) {
    case ARES_ENODATA: return RESOLVER_EMPTY;
    case ARES_ENOTFOUND: return RESOLVER_NXDOMAIN;
    case ARES_ETIMEOUT: return RESOLVER_SILENT;
    /* ARES_ECONNREFUSED among them: c-ares 1.18 says so too when every server said SERVFAIL. */
    default: return RESOLVER_SERVFAIL;
    }
}

static enum resolver_outcome outcome_of_bytes(struct question *q, struct str msg)
{
    struct resolver *r = q->r;
    struct answer_question asked = {&q->name, q->type};
    bool is_ptr = q->type == ANSWER_TYPE_PTR;
    struct answer a;

    int err = is_ptr ? answer_parse_ptr(msg, asked, &q->ptr, &a)
                     : answer_parse(msg, asked, r->scratch, RESOLVER_ADDRS_MAX, &a);
    if (err != OK) {
        return RESOLVER_SERVFAIL;
    }
    if (a.truncated) {
        r->stats.truncated++;
        return RESOLVER_SERVFAIL;
    }
    if (a.rcode != 0) {
        return a.rcode == 3 ? RESOLVER_NXDOMAIN : RESOLVER_SERVFAIL;
    }
    if (is_ptr) {
        return q->ptr.len > 0 ? RESOLVER_ANSWER : RESOLVER_EMPTY;
    }
    if (a.count == 0) {
        return RESOLVER_EMPTY;
    }
    q->addrs = mem_dup(r->scratch, a.count * sizeof(struct addr));
    q->count = a.count;
    return RESOLVER_ANSWER;
}

/* c-ares is done with a question; it may say so from inside ares_query and ares_destroy. */
static void on_cares(void *arg, int status, int timeouts, unsigned char *bytes, int len)
{
    struct question *q = arg;

    (void)timeouts;
    if (q->state == QUESTION_ORPHANED) {
        question_free(q);
        return;
    }
    if (bytes == NULL || len <= 0) {
        question_answered(q, outcome_of_status(status));
        return;
    }
    question_answered(q, outcome_of_bytes(q, str_n((const char *)bytes, (size_t)len)));
}

static struct question *question_new(struct resolver *r, uint16_t type, void *arg)
{
    struct question *q = NEW(struct question);

    q->r = r;
    q->arg = arg;
    q->type = type;
    deadline_init(&q->deadline, on_deadline, q);
    loop_task_init(&q->deliver, on_deliver, q);
    list_push_back(&r->questions, &q->node);
    r->stats.asked++;
    return q;
}

static void send_question(struct question *q, struct str name)
{
    struct resolver *r = q->r;
    char text[ANSWER_NAME_MAX + 1];

    if (answer_name_of(name, &q->name) != OK) {
        question_answered(q, RESOLVER_NXDOMAIN);
        return;
    }
    /* A name's case is kept: Docker's network suffixes tell it apart. */
    str_copy(text, sizeof(text), str_ends(name, STR(".")) ? str_sub(name, 0, name.len - 1) : name);
    deadline_set(&q->deadline, r->deadlines);
    ares_query(r->channel, text, 1, q->type, on_cares, q);
    arm_timer(r);
}

void resolver_ask(struct resolver *r, struct str name, enum resolver_type type, resolver_fn fn,
                  void *arg)
{
    struct question *q =
        question_new(r, type == RESOLVER_A ? ANSWER_TYPE_A : ANSWER_TYPE_AAAA, arg);

    q->fn = fn;
    send_question(q, name);
}

void resolver_ask_ptr(struct resolver *r, const struct addr *addr, resolver_ptr_fn fn, void *arg)
{
    struct question *q = question_new(r, ANSWER_TYPE_PTR, arg);
    char name[ANSWER_REVERSE_MAX];

    q->ptr_fn = fn;
    /* Of a family without names in reverse: the empty name is one that no host has. */
    send_question(q, answer_reverse_name(addr, name) == OK ? str_of(name) : STR(""));
}

void resolver_cancel(struct resolver *r, const void *arg)
{
    LIST_EACH (&r->questions, it, tmp) {
        struct question *q = CONTAINER_OF(it, struct question, node);
        if (q->arg != arg || q->state == QUESTION_ORPHANED) {
            continue;
        }
        if (q->state == QUESTION_ANSWERED) {
            question_free(q);
            continue;
        }
        deadline_clear(&q->deadline);
        q->state = QUESTION_ORPHANED;
    }
}

/* "1.2.3.4:53,[::1]:53" of the configured servers. */
static int set_servers(struct resolver *r, const struct addr *servers, size_t count)
{
    struct buf csv;
    int err = OK;

    buf_init(&csv, SERVERS_TEXT);
    for (size_t i = 0; i < count && err == OK; i++) {
        struct addr a = servers[i];
        char text[ADDR_TEXT_MAX];
        if (addr_port(&a) == 0) {
            addr_set_port(&a, DNS_PORT);
        }
        err = buf_printf(&csv, "%s%s", i == 0 ? "" : ",", addr_print(&a, text));
    }
    if (err == OK) {
        err = buf_append(&csv, "", 1);
    }
    if (err == OK && ares_set_servers_ports_csv(r->channel, buf_ptr(&csv)) != ARES_SUCCESS) {
        err = ERR_NOT_FOUND;
    }
    buf_fini(&csv);
    return err;
}

/* Looks at the first server, the one that is asked. */
static int look_at_servers(struct resolver *r)
{
    struct ares_addr_port_node *first = NULL;

    if (ares_get_servers_ports(r->channel, &first) != ARES_SUCCESS || first == NULL) {
        return ERR_NOT_FOUND;
    }
    r->is_docker = first->family == AF_INET && first->addr.addr4.s_addr == htonl(DOCKER_IPV4);
    ares_free_data(first);
    return OK;
}

static int open_channel(struct resolver *r, bool own_servers)
{
    struct ares_options options = {
        .flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES | ARES_FLAG_EDNS,
        .timeout = RESOLVER_TIMEOUT_MS,
        .tries = RESOLVER_TRIES,
        .ednspsz = EDNS_BYTES,
        .sock_state_cb = on_sock_state,
        .sock_state_cb_data = r,
    };
    int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_EDNSPSZ |
               ARES_OPT_SOCK_STATE_CB | ARES_OPT_NOROTATE;

#ifdef ARES_FLAG_NO_DFLT_SVR
    /* Nobody is asked whom nobody named; before this flag 127.0.0.1 was taken, as by the C library.
     */
    if (!own_servers) {
        options.flags |= ARES_FLAG_NO_DFLT_SVR;
    }
#else
    (void)own_servers;
#endif
#ifdef ARES_OPT_QUERY_CACHE
    /* c-ares 1.34 keeps answers for their TTL, and Docker's says 600 s. */
    options.qcache_max_ttl = 0;
    mask |= ARES_OPT_QUERY_CACHE;
#endif
#ifdef ARES_OPT_MAXTIMEOUTMS
    options.maxtimeout = RESOLVER_DEADLINE_MS - RESOLVER_TIMEOUT_MS;
    mask |= ARES_OPT_MAXTIMEOUTMS;
#endif
    return ares_init_options(&r->channel, &options, mask) == ARES_SUCCESS ? OK : ERR_NOT_FOUND;
}

int resolver_new(struct loop *loop, const struct addr *servers, size_t server_count,
                 struct resolver **out_resolver)
{
    if (ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS) {
        return ERR_NOT_FOUND;
    }
    struct resolver *r = NEW(struct resolver);
    r->loop = loop;
    list_init(&r->questions);
    list_init(&r->socks);
    timer_init(&r->timer, loop, on_timer, r);
    loop_task_init(&r->arm, on_arm, r);
    r->deadlines = deadline_class_new(loop, RESOLVER_DEADLINE_MS);
    r->scratch = mem_array(RESOLVER_ADDRS_MAX, sizeof(struct addr));
    int err = open_channel(r, server_count > 0);
    if (err == OK && server_count > 0) {
        err = set_servers(r, servers, server_count);
    }
    if (err == OK) {
        err = look_at_servers(r);
    }
    if (err != OK) {
        resolver_free(r);
        return err;
    }
    *out_resolver = r;
    return OK;
}

void resolver_free(struct resolver *r)
{
    if (r == NULL) {
        return;
    }
    LIST_EACH (&r->questions, it, tmp) {
        struct question *q = CONTAINER_OF(it, struct question, node);
        deadline_clear(&q->deadline);
        if (q->state == QUESTION_ANSWERED) {
            question_free(q);
        } else {
            q->state = QUESTION_ORPHANED;
        }
    }
    /* Gives every question back through on_cares and closes every socket through on_sock_state. */
    if (r->channel != NULL) {
        ares_destroy(r->channel);
    }
    REQUIRE(list_is_empty(&r->questions));
    LIST_EACH (&r->socks, it, tmp) {
        sock_drop(CONTAINER_OF(it, struct sock, node));
    }
    timer_fini(&r->timer);
    loop_task_cancel(&r->arm);
    deadline_class_free(r->deadlines);
    free(r->scratch);
    loop_free_later(r->loop, r);
    ares_library_cleanup();
}

bool resolver_is_docker(const struct resolver *r)
{
    return r->is_docker;
}

void resolver_stats(const struct resolver *r, struct resolver_stats *out_stats)
{
    *out_stats = r->stats;
}
