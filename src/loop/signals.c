/* SPDX-License-Identifier: MIT */
#include "loop/signals.h"

#include <event2/event.h>
#include <signal.h>

#include "base/err.h"

static void on_event(evutil_socket_t fd, short what, void *arg)
{
    struct signal_watch *s = arg;

    (void)fd;
    (void)what;
    s->fn(s->arg, s->signo);
}

void signal_watch_init(struct signal_watch *s, struct loop *loop, int signo,
                       void (*fn)(void *arg, int signo), void *arg)
{
    *s = (struct signal_watch){.signo = signo, .fn = fn, .arg = arg};
    s->event = evsignal_new(loop_base(loop), signo, on_event, s);
    REQUIRE(s->event != NULL);
    REQUIRE(event_add(s->event, NULL) == 0);
}

void signal_watch_fini(struct signal_watch *s)
{
    if (s->event != NULL) {
        event_free(s->event);
        s->event = NULL;
    }
}

static void set_handler(int signo, void (*handler)(int))
{
    struct sigaction action = {.sa_handler = handler};

    REQUIRE(sigemptyset(&action.sa_mask) == 0);
    REQUIRE(sigaction(signo, &action, NULL) == 0);
}

void signals_reset(void)
{
    /* A forked child has its parent's handlers, which write to its parent's loop. */
    static const int ours[] = {SIGHUP,  SIGINT,  SIGQUIT, SIGTERM, SIGUSR1,
                               SIGUSR2, SIGCHLD, SIGALRM, SIGWINCH};
    sigset_t none;

    for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
        set_handler(ours[i], SIG_DFL);
    }
    set_handler(SIGPIPE, SIG_IGN);
    REQUIRE(sigemptyset(&none) == 0);
    REQUIRE(sigprocmask(SIG_SETMASK, &none, NULL) == 0);
}
